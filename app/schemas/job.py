"""Long work, as whoever waits for it sees it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.models.job import JobState
from app.paging import ListQuery
from app.schemas.base import Read


class JobQuery(ListQuery):
    """All jobs, the newest first."""


class JobRead(Read):
    id: UUID
    name: Annotated[str, Field(examples=["remap_carrier_code"])]
    state: JobState
    done: int
    total: int | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None
