"""Two customers made one: what is asked, what is kept of each, and what was done."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, field_validator

from app.models.merge import MergeRule, MergeSide
from app.schemas.base import Body, Read, Unset, refused
from app.schemas.customer import CustomerSummary

Side = Unset[MergeSide]


class MergeChoice(Body, json_schema_extra={"examples": [{"name": "merged"}]}):
    """Whose value is kept, where it shall not be the one that the rule would keep."""

    name: Side = None
    code: Side = None
    state: Side = None
    tier: Side = None
    source: Side = None
    needs: Side = None
    owner_id: Side = None
    team_id: Side = None


class MergeCreate(
    Body,
    json_schema_extra={
        "examples": [{"merged_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55", "fields": {"name": "merged"}}]
    },
):
    """The customer in the path survives; `merged_id` becomes a part of it."""

    merged_id: UUID
    fields: MergeChoice = MergeChoice()

    @field_validator("fields")
    @classmethod
    def _one_of_two(cls, fields: MergeChoice) -> MergeChoice:
        for name in fields.model_fields_set - {"needs"}:
            if getattr(fields, name) is MergeSide.BOTH:
                raise refused(f"{name} can only be of one of both", f"{name} 只能取其中一方的值")
        return fields

    def chosen(self) -> dict[str, MergeSide]:
        return self.fields.model_dump(exclude_none=True)


class FieldKept(Read):
    kept: MergeSide
    rule: MergeRule


class FieldsKept(Read):
    """Of each field, whose value is kept and by which rule."""

    name: FieldKept
    code: FieldKept
    state: FieldKept
    tier: FieldKept
    source: FieldKept
    needs: FieldKept
    owner_id: FieldKept
    team_id: FieldKept


class RowsMoved(Read):
    table: Annotated[str, Field(examples=["customer_contacts"])]
    rows: int


class MergePreview(Read):
    """`customer` is what the survivor would become."""

    customer: CustomerSummary
    fields: FieldsKept
    moves: list[RowsMoved]


class MergeRead(Read):
    id: UUID
    survivor_id: UUID
    merged_id: UUID
    fields: FieldsKept
    merged_by: UUID
    created_at: datetime
    undone_by: UUID | None
    undone_at: datetime | None
