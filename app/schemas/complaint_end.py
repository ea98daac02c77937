"""Reports, call-backs, confirmations and the end of a complaint, as they come in and go out."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, field_validator, model_validator

from app.models.complaint import ComplaintOutcome
from app.models.complaint_end import CallBackMethod, ClosingState, ConfirmationDemand, ReportState
from app.paging import ListQuery
from app.schemas.audit import Sha256
from app.schemas.base import WHOLE, Body, Grounds, Instant, Prose, Read, refused
from app.schemas.masking import MaskedName, MaskedPhone, Redacted


def _is_true(value: object) -> object:
    if value is not True:
        raise refused("it has to be so: true", "须为 true")
    return value


Sure = Annotated[Literal[True], BeforeValidator(_is_true)]
"""True and nothing else, not even 1.0."""


class Term(Read):
    """A word of a list, as it read when the report was composed."""

    code: str
    zh: str
    en: str


class ReportedComplainant(Read):
    name: MaskedName
    phone: MaskedPhone | None
    role: Term
    has_authority: bool


class ReportedComplaint(Read):
    """What came in, and from whom."""

    number: str
    cycle: int
    category: Term
    severity: Term
    channel: Term
    received_at: datetime
    acknowledged_at: datetime | None
    due_at: datetime | None
    customer: MaskedName | None
    complainant: ReportedComplainant
    description: Redacted
    remedy_sought: Redacted


class ReportedHandling(Read):
    """Who worked on it, of ours."""

    handler: MaskedName | None
    team: str | None


class ReportedConsignment(Read):
    """A parcel that it is about; of one that we don't know, the number alone."""

    tracking_no: str
    service: Term | None
    status: Term | None
    origin: str | None
    destination: str | None
    promised_at: datetime | None
    delivered_at: datetime | None


class ReportedStep(Read):
    at: datetime
    event: Term


class ReportedClock(Read):
    kind: Term
    metric: Term
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None
    verdict: Term


class ReportedAnswer(Read):
    """What was found, and what the customer was told."""

    number: int
    finding: Redacted
    liable_party: Term
    root_cause: Term
    remedy: Redacted
    text: Redacted
    channel: Term
    told_at: datetime
    answered_by: MaskedName | None


class ReportedCallBack(Read):
    attempted_at: datetime
    method: Term
    reached: bool
    accepted: bool | None
    note: Redacted | None


class ReportedClosing(Read):
    """On what grounds it was to end without the customer's yes."""

    requested_at: datetime
    reason: Redacted
    means_exhausted: bool
    told_of_appeal: bool


class ReportContent(Read):
    """The case as it was when the report was composed; names, numbers and texts masked, as everywhere."""

    number: str
    version: int
    composed_at: datetime
    complaint: ReportedComplaint
    handling: ReportedHandling
    consignments: list[ReportedConsignment]
    timeline: list[ReportedStep]
    clocks: list[ReportedClock]
    answers: list[ReportedAnswer]
    call_backs: list[ReportedCallBack]
    closing: ReportedClosing | None


class ReportRead(Read):
    """One version of the report. `sha256` is of the canonical JSON of the whole content, unmasked."""

    complaint_id: UUID
    number: Annotated[str, Field(examples=["R-2026-000123"])]
    version: int
    state: ReportState
    cycle: int
    answer_number: Annotated[int, Field(description="The answer that it covers")]
    content: Annotated[ReportContent | None, Field(description="Null once it was forgotten")]
    sha256: Sha256
    pdf_sha256: Annotated[Sha256 | None, Field(description="Of the PDF, as it was confirmed")]
    composed_by: UUID
    created_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None

    @field_validator("sha256", "pdf_sha256", mode="before")
    @classmethod
    def _in_hex(cls, value: bytes | str | None) -> str | None:
        return value.hex() if isinstance(value, bytes) else value


class ReportQuery(Body):
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="The latest, if left out")] = None


class ReportConfirm(Body, json_schema_extra={"examples": [{"version": 1}]}):
    version: Annotated[int, Field(ge=1, le=2**31 - 1, description="The one that you have read"), WHOLE]


class CallBackCreate(
    Body,
    json_schema_extra={
        "examples": [{"method": "call", "reached": True, "accepted": True, "note": "客户表示满意"}]
    },
):
    """An attempt to learn what the customer says; who was not reached has said nothing."""

    method: Annotated[
        Literal[CallBackMethod.CALL, CallBackMethod.MESSAGE],
        Field(json_schema_extra={"x-code-list": "call_back_method"}),
    ]
    reached: Annotated[bool, Field(strict=True)]
    accepted: Annotated[bool | None, Field(strict=True, description="Null if nothing was said")] = None
    note: Prose | None = None
    attempted_at: Annotated[Instant | None, Field(description="Now, if left out")] = None

    @model_validator(mode="after")
    def _who_speaks_was_reached(self) -> Self:
        if self.accepted is not None and not self.reached:
            raise refused("who was not reached has accepted nothing", "未接通时不能填写是否认可")
        return self


class CallBackQuery(ListQuery):
    cycle: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


class CallBackRead(Read):
    id: UUID
    complaint_id: UUID
    cycle: int
    answer_number: int
    method: CallBackMethod
    reached: bool
    accepted: bool | None
    note: Redacted | None
    attempted_at: datetime
    made_by: UUID
    by_answerer: Annotated[bool, Field(description="Whoever answered has also asked")]
    created_at: datetime


class LinkMade(Read):
    """A token for the customer; it is shown this once."""

    token: str
    path: Annotated[str, Field(examples=["/v1/confirmations/…"])]
    expires_at: datetime


class LinkRead(Read):
    """What the customer is asked about."""

    number: Annotated[str, Field(examples=["C-2026-000123"])]
    text: Annotated[Redacted, Field(description="The answer, as it was told")]
    told_at: datetime
    expires_at: datetime


class LinkAnswer(Body, json_schema_extra={"examples": [{"accepted": True, "note": "处理及时，谢谢"}]}):
    accepted: Annotated[bool, Field(strict=True)]
    note: Prose | None = None


class LinkAnswered(Read):
    number: str
    accepted: bool


class ClosingCreate(
    Body,
    json_schema_extra={
        "examples": [{"reason": "两次答复后客户仍不认可", "means_exhausted": True, "told_of_appeal": True}]
    },
):
    """All of it must be so: without one part there is no request."""

    reason: Grounds
    means_exhausted: Annotated[Sure, Field(description="The company has nothing left to offer")]
    told_of_appeal: Annotated[
        Sure, Field(description="The customer was told of the right to go to the authority (12305)")
    ]


class ClosingQuery(ListQuery):
    state: ClosingState | None = None


class ClosingRead(Read):
    id: UUID
    complaint_id: UUID
    cycle: int
    answer_number: int
    state: ClosingState
    reason: Redacted
    means_exhausted: bool
    told_of_appeal: bool
    requested_by: UUID
    requested_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    note: Redacted | None


class ReadinessRead(Read):
    """Whether the complaint can be closed."""

    rule: Annotated[str, Field(examples=["severe"], description="The house's rule that applies")]
    demand: ConfirmationDemand
    outcome: Annotated[ComplaintOutcome | None, Field(description="Null while one has to go on asking")]
    missing: list[Literal["report", "confirmation"]]
    closing: Annotated[ClosingRead | None, Field(description="The request to end without a yes")]
