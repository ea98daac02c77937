"""How customers belong together, and what else they are called."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.models.customer import CustomerLinkKind
from app.schemas.base import Body, Read, TrackingNo, Word
from app.schemas.customer import CustomerSummary


class CustomerLinkRead(Read):
    """`customer` is the `kind` of the one asked about; where `inverse`, the one asked about is it of `customer`."""

    kind: CustomerLinkKind
    inverse: bool
    customer: CustomerSummary
    created_at: datetime


class ExternalIdCreate(Body, json_schema_extra={"examples": [{"system": "erp", "external_id": "KH-20461"}]}):
    system: Annotated[Word, Field(examples=["erp"])]
    external_id: Annotated[TrackingNo, Field(description="What that system calls it", examples=["KH-20461"])]


class ExternalIdRead(Read):
    system: str
    external_id: str
    customer_id: UUID
    created_at: datetime
