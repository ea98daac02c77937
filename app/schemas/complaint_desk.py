"""Who works complaints, with what words, and what they were told of."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.models.complaint import CaseTree
from app.paging import ListQuery
from app.schemas.base import WHOLE, Body, Read
from app.schemas.complaint import Category
from app.schemas.masking import Redacted


class HandlerWrite(
    Body,
    json_schema_extra={
        "examples": [{"capacity": 30, "skills": ["damage", "loss"], "regions": ["33"], "is_on_duty": True}]
    },
):
    """Without skills somebody takes any category, without regions from anywhere."""

    capacity: Annotated[
        int, Field(ge=1, le=1000, description="Open complaints at a time, at the most"), WHOLE
    ]
    skills: Annotated[list[Category], Field(max_length=50)] = []
    regions: Annotated[
        list[Annotated[str, Field(pattern=r"^([0-9]{2}|[0-9]{4})$")]],
        Field(max_length=400, description="GB/T 2260: two digits of a province, four of a prefecture"),
    ] = []
    is_on_duty: Annotated[bool, Field(strict=True)] = True


class HandlerRead(Read):
    user_id: UUID
    capacity: int
    skills: list[Category]
    regions: list[str]
    is_on_duty: bool
    open: Annotated[int, Field(description="Complaints that this person has open now")]
    last_assigned_at: datetime | None


class CaseTermQuery(BaseModel, extra="forbid"):
    tree: CaseTree | None = None


class CaseTermRead(Read):
    """A word of a tree; only those without a `valid_until` in the past may be used."""

    tree: CaseTree
    code: Annotated[str, Field(examples=["carrier_hub"])]
    parent_code: str | None
    zh: str
    en: str
    authority_code: Annotated[str | None, Field(description="What the postal authority's statistics call it")]
    valid_from: date
    valid_until: date | None
    source: str


class EscalationQuery(ListQuery):
    complaint_id: UUID | None = None
    to_id: UUID | None = None


class EscalationRead(Read):
    """What somebody was told of."""

    id: UUID
    complaint_id: UUID
    level: Annotated[int, Field(description="0 the handler, 1 who leads him, 2 who leads them")]
    to_id: UUID | None
    clock_id: UUID | None
    share: Annotated[int | None, Field(description="Per cent of the clock's limit; null if taken up by hand")]
    reason: Redacted | None
    created_at: datetime
