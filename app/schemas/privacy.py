"""People's requests about their data, legal holds, and how long data is kept."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, field_serializer, model_validator

from app.models.privacy import (
    PrivacyRequestKind,
    PrivacyRequestState,
    RefusalGround,
    RetentionAction,
    RetentionClass,
)
from app.paging import ListQuery
from app.schemas.base import Body, Grounds, Instant, Prose, Read, refused
from app.schemas.masking import Redacted
from app.schemas.reveal import ContactWhole, CustomerWhole

_CUSTOMER = "01938f5e-7d4c-7000-8000-000000000000"


class PrivacyRequestCreate(
    Body, json_schema_extra={"examples": [{"kind": "access", "customer_id": _CUSTOMER, "note": "本人来电"}]}
):
    """Of a customer that is a person, or of one contact of any customer."""

    kind: PrivacyRequestKind
    customer_id: UUID
    contact_id: UUID | None = None
    received_at: Annotated[Instant | None, Field(description="Now, if left out; the term starts there")] = (
        None
    )
    note: Prose | None = None


class PrivacyRequestVerify(
    Body, json_schema_extra={"examples": [{"identity": "核对预留手机号与身份证后四位"}]}
):
    """How it was made sure that the person asks, or somebody who may ask for them."""

    identity: Grounds


class PrivacyRequestComplete(Body, json_schema_extra={"examples": [{"outcome": "已更正联系电话"}]}):
    outcome: Grounds


class PrivacyRequestRefuse(
    Body, json_schema_extra={"examples": [{"ground": "retention_required", "outcome": "运单保存期限未届满"}]}
):
    """On which legal ground; the person is told, and may go to court (PIPL, article 50)."""

    ground: RefusalGround
    outcome: Grounds


class PrivacyRequestQuery(ListQuery):
    state: PrivacyRequestState | None = None
    kind: PrivacyRequestKind | None = None
    customer_id: UUID | None = None


class PrivacyRequestRead(Read):
    id: UUID
    kind: PrivacyRequestKind
    state: PrivacyRequestState
    customer_id: UUID
    contact_id: UUID | None
    received_at: datetime
    due_at: datetime
    note: Redacted | None
    identity: Redacted | None
    verified_at: datetime | None
    verified_by: UUID | None
    copied_at: datetime | None
    refused_on: RefusalGround | None
    outcome: Redacted | None
    closed_at: datetime | None
    closed_by: UUID | None
    created_by: UUID
    created_at: datetime
    version: int


class PrivacyCopy(Read):
    """Everything that is known of the person; others are masked in it."""

    taken_at: datetime
    customer: CustomerWhole | None
    contact: ContactWhole | None
    consents: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    shipments: list[dict[str, Any]]
    documents: Annotated[list[dict[str, Any]], Field(description="Fetched one by one, version by version")]


class HoldCreate(Body, json_schema_extra={"examples": [{"customer_id": _CUSTOMER, "reason": "诉讼保全"}]}):
    """Of a customer, or of one complaint, whose complainant need not be a customer."""

    customer_id: UUID | None = None
    complaint_id: UUID | None = None
    reason: Grounds
    until: Annotated[Instant | None, Field(description="Until it is lifted, if left out")] = None

    @model_validator(mode="after")
    def _of_one(self) -> Self:
        if (self.customer_id is None) == (self.complaint_id is None):
            raise refused("name a customer or a complaint", "请指定客户或投诉，二者择一")
        return self


class HoldLift(Body, json_schema_extra={"examples": [{"reason": "案件已结"}]}):
    reason: Grounds


class HoldQuery(ListQuery):
    customer_id: UUID | None = None
    complaint_id: UUID | None = None
    standing: bool | None = None


class HoldRead(Read):
    id: UUID
    customer_id: UUID | None
    complaint_id: UUID | None
    reason: Redacted
    until: datetime | None
    placed_by: UUID
    placed_at: datetime
    lifted_at: datetime | None
    lifted_by: UUID | None
    lift_reason: Redacted | None
    version: int


class RetentionRuleRead(Read):
    """`provisional` until somebody has read the source itself."""

    retention_class: RetentionClass
    valid_from: date
    keep: Annotated[timedelta | None, Field(description="In days; null is for ever")]
    action: RetentionAction
    source: str
    provisional: bool

    @field_serializer("keep")
    def _days(self, keep: timedelta | None) -> int | None:
        return None if keep is None else keep.days
