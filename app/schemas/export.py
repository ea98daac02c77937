"""Lists that leave the house, as they are asked for, decided and fetched."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, computed_field, field_validator

from app.models.customer import CustomerKind, CustomerState
from app.models.export import ExportColumn, ExportState
from app.models.import_file import FileFormat
from app.paging import ListQuery
from app.schemas.base import Body, Grounds, Read, refused
from app.schemas.customer import Tier
from app.schemas.masking import Redacted


class ExportTerms(Body, json_schema_extra={"examples": [{"kind": "company", "tier": "large"}]}):
    """Which customers; of those, the ones that the requester may see."""

    kind: CustomerKind | None = None
    state: CustomerState | None = None
    tier: Tier | None = None
    owner_id: UUID | None = None
    segment_id: Annotated[UUID | None, Field(description="Members of this segment only")] = None


class ExportCreate(
    Body,
    json_schema_extra={
        "examples": [
            {
                "terms": {"kind": "company", "tier": "large"},
                "columns": ["name", "code", "tier", "city", "owner"],
                "format": "xlsx",
                "reason": "年度客户答谢会邀请名单",
            }
        ]
    },
):
    """A list of customers. What is masked on a screen is masked in the file."""

    terms: ExportTerms
    columns: Annotated[list[ExportColumn], Field(min_length=1, max_length=len(ExportColumn))]
    format: FileFormat
    reason: Grounds

    @field_validator("columns")
    @classmethod
    def _one_each(cls, columns: list[ExportColumn]) -> list[ExportColumn]:
        if len(set(columns)) < len(columns):
            raise refused("a column stands here twice", "列有重复")
        return columns


class ExportDecision(Body, json_schema_extra={"examples": [{"note": "仅限活动邀请使用"}]}):
    """Why it may leave, or may not."""

    note: Grounds


class ExportRead(Read):
    id: UUID
    state: ExportState
    terms: ExportTerms
    columns: list[ExportColumn]
    format: FileFormat
    reason: Redacted
    requested_by: UUID
    decided_by: UUID | None
    decided_at: datetime | None
    note: Redacted | None
    rows: int
    size: Annotated[int, Field(description="Bytes of the file")]
    expires_at: Annotated[datetime | None, Field(description="Until when the file can be fetched")]
    created_at: datetime
    updated_at: datetime
    version: int

    @computed_field
    def file(
        self,
    ) -> Annotated[str | None, Field(examples=["/v1/exports/01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55/file"])]:
        """Where the requester fetches it, once it is there."""
        return f"/v1/exports/{self.id}/file" if self.state is ExportState.READY else None


class ExportQuery(ListQuery):
    state: ExportState | None = None
