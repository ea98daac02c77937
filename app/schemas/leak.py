"""Leaks, as they are reported, looked into and told."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.models.leak import LeakGrade, LeakState
from app.paging import ListQuery
from app.schemas.base import Body, Grounds, Instant, Line, Prose, Read, Unset
from app.schemas.masking import Redacted

CustomerIds = Annotated[list[UUID], Field(max_length=1000, description="Whom the leak touches")]


class LeakReport(Body, json_schema_extra={"examples": [{"description": "在公共群里看到客户的收件地址截图"}]}):
    """What somebody saw. Everybody on the staff may report, and names nobody for it."""

    description: Grounds
    discovered_at: Annotated[Instant | None, Field(description="Now, if left out; terms start there")] = None


class LeakChange(
    Body,
    json_schema_extra={
        "examples": [{"grade": "larger", "kinds": ["姓名", "收件地址"], "cause": "账号被盗用"}]
    },
):
    """What was found out; only the fields that are given change. `grade` sets when the authority must know."""

    grade: LeakGrade | None = None
    customer_ids: Unset[CustomerIds] = None
    kinds: Annotated[
        Unset[Annotated[list[Line], Field(max_length=50)]], Field(description="Kinds of personal information")
    ] = None
    cause: Prose | None = None
    harm: Annotated[Prose | None, Field(description="What it may do to people")] = None
    measures: Annotated[Prose | None, Field(description="What was done about it")] = None
    advice: Annotated[Prose | None, Field(description="What people can do themselves")] = None
    contact: Annotated[Line | None, Field(description="How people reach the company")] = None
    authority_told_at: Instant | None = None
    people_told_at: Instant | None = None
    untold_because: Annotated[
        Prose | None, Field(description="Why people need not be told (PIPL, article 57)")
    ] = None
    finding: Prose | None = None


class LeakQuery(ListQuery):
    state: LeakState | None = None
    customer_id: UUID | None = None


class LeakRead(Read):
    id: UUID
    state: LeakState
    description: Redacted
    discovered_at: datetime
    reported_by: UUID
    grade: LeakGrade | None
    due_at: Annotated[datetime | None, Field(description="When the authority must have been told")]
    customer_ids: list[UUID]
    kinds: list[Redacted]
    cause: Redacted | None
    harm: Redacted | None
    measures: Redacted | None
    advice: Redacted | None
    contact: Redacted | None
    authority_told_at: datetime | None
    people_told_at: datetime | None
    untold_because: Redacted | None
    finding: Redacted | None
    created_at: datetime
    version: int
