"""Teams, and departments' liaisons."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from app.schemas.base import Body, Line, Read, Unset, Word, refused

Members = Annotated[list[UUID], Field(max_length=500)]


class TeamCreate(Body, json_schema_extra={"examples": [{"code": "east", "name": "华东大客户组"}]}):
    code: Word
    name: Line
    department_id: UUID | None = None
    lead_id: UUID | None = None
    member_ids: Members = []


class TeamChange(Body, json_schema_extra={"examples": [{"name": "华东重点客户组"}]}):
    """Only the fields that are given change."""

    name: Unset[Line] = None
    department_id: UUID | None = None
    lead_id: UUID | None = None
    member_ids: Unset[Members] = None

    @model_validator(mode="after")
    def _required_stay(self) -> "TeamChange":
        for name in ("name", "member_ids"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise refused(f"{name} can be changed but not removed", f"{name} 可以修改，不能删除")
        return self


class TeamRead(Read):
    id: UUID
    code: str
    name: str
    department_id: UUID | None
    lead_id: UUID | None
    member_ids: list[UUID]
    created_at: datetime
    updated_at: datetime
    version: int


class LiaisonChange(
    Body, json_schema_extra={"examples": [{"liaison_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55"}]}
):
    """Null: nobody in particular."""

    liaison_id: UUID | None
