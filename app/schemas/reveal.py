"""One record as it is, for whoever may look behind the mask and says why."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.models.customer import ContactPointKind, CustomerKind
from app.schemas.base import Body, Grounds, Read


class Reveal(Body, json_schema_extra={"examples": [{"reason": "客户来电核对收件地址"}]}):
    """Why somebody looks behind the mask; it is kept beside who looked at whom."""

    reason: Grounds


class PointWhole(Read):
    id: UUID
    kind: ContactPointKind
    value: str
    label: str | None


class ContactWhole(Read):
    id: UUID
    name: str
    role: str | None
    points: list[PointWhole]


class AddressWhole(Read):
    id: UUID
    kind: str | None
    address: dict[str, Any]


class CustomerWhole(Read):
    """Unmasked."""

    id: UUID
    name: str
    kind: CustomerKind
    code: str | None
    source: str | None
    needs: list[str]
    contacts: list[ContactWhole]
    addresses: list[AddressWhole]


class ShipmentWhole(Read):
    """Unmasked."""

    id: UUID
    customer_id: UUID
    tracking_no: str
    sender: dict[str, Any]
    recipient: dict[str, Any]
    reference: str | None
    attributes: Annotated[dict[str, Any], Field(description="As whoever made the shipment known sent them")]
