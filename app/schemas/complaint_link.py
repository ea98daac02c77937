"""How complaints belong together, who follows one, and two that were made one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.models.complaint import ComplainantRole
from app.models.complaint_link import ComplaintLinkKind, ComplaintMergeCause
from app.schemas.base import Body, Grounds, Read
from app.schemas.complaint import AnswerRead, ComplaintRow
from app.schemas.masking import Redacted


class ComplaintLinkRead(Read):
    """`inverse`: the other one named this one."""

    kind: ComplaintLinkKind
    inverse: bool
    complaint: ComplaintRow
    created_at: datetime


class WatcherRead(Read):
    user_id: UUID
    added_by: UUID
    created_at: datetime


class ComplaintMergeCreate(
    Body,
    json_schema_extra={
        "examples": [
            {"merged_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55", "reason": "同一包裹的同一诉求，两次来电"}
        ]
    },
):
    """The complaint in the path survives; `merged_id` becomes a part of it."""

    merged_id: UUID
    reason: Grounds


class ComplaintMergeRead(Read):
    id: UUID
    survivor_id: UUID
    merged_id: UUID
    number: Annotated[str, Field(description="Of the one that was merged")]
    cause: ComplaintMergeCause
    reason: Redacted | None
    is_counted_anew: Annotated[
        bool, Field(description="The merged one was older: the survivor's clocks start there")
    ]
    answers: Annotated[list[AnswerRead], Field(description="That were given under the merged one's number")]
    merged_by: UUID
    created_at: datetime
    undone_by: UUID | None
    undone_at: datetime | None


class CandidateReason(StrEnum):
    """Why a complaint may be the same one."""

    SAME_PARCEL = "same_parcel"
    SAME_PERSON = "same_person"


class Becoming(StrEnum):
    """What the new complaint would be to the one that is there."""

    DUPLICATE = "duplicate"
    REPEAT = "repeat"


class ComplaintCandidate(Read):
    complaint: ComplaintRow
    reasons: list[CandidateReason]
    becomes: Annotated[Becoming | None, Field(description="What it would be, were it registered now")]


class ComplaintCandidates(Read):
    """Complaints of the last days that may be the same matter, the newest first; nothing is stored."""

    candidates: list[ComplaintCandidate]


class ComplaintWhole(Read):
    """Unmasked."""

    id: UUID
    number: str
    customer_id: UUID | None
    name: str
    phone: str | None
    role: ComplainantRole
    has_authority: bool
    description: str
