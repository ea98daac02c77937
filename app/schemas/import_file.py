"""Files of customers, how their columns are read, and what became of them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, computed_field, model_validator

from app.models.customer import CustomerKind
from app.models.import_file import FileFormat, ImportField, OnMatch
from app.models.job import JobState
from app.paging import ListQuery
from app.schemas.base import Body, Line, Read, Word, refused
from app.schemas.customer import CustomerCreate
from app.schemas.masking import Redacted

MappingName = Annotated[str, Field(pattern=r"^[0-9a-z][0-9a-z_-]{0,63}$", examples=["erp-2026"])]


class ColumnMapping(Body, json_schema_extra={"examples": [{"heading": "公司全称", "field": "name"}]}):
    """What the column with this heading holds."""

    heading: Annotated[Line, Field(examples=["公司全称"])]
    field: ImportField


class ImportMappingPut(
    Body,
    json_schema_extra={
        "examples": [
            {
                "columns": [
                    {"heading": "公司全称", "field": "name"},
                    {"heading": "ERP 编号", "field": "external_id"},
                ],
                "kind": "company",
                "external_system": "erp",
            }
        ]
    },
):
    """Columns by their headings; headings that are known anyway need not stand here."""

    columns: Annotated[list[ColumnMapping], Field(min_length=1, max_length=100)]
    kind: Annotated[CustomerKind | None, Field(description="Of rows that don't say")] = None
    external_system: Annotated[Word | None, Field(description="Of rows that don't say")] = None

    @model_validator(mode="after")
    def _one_each(self) -> "ImportMappingPut":
        for name in ("heading", "field"):
            values = [getattr(column, name) for column in self.columns]
            if len(set(values)) < len(values):
                raise refused(f"a {name} stands here twice", f"{name} 有重复")
        return self


class ColumnMappingRead(Read):
    heading: Redacted
    field: ImportField


class ImportMappingRead(Read):
    name: str
    columns: list[ColumnMappingRead]
    kind: CustomerKind | None
    external_system: str | None
    updated_at: datetime
    version: int


class ImportOptions(Body):
    """What stands beside the file in the form."""

    mapping: MappingName | None = None
    on_match: OnMatch = OnMatch.UPDATE
    dry_run: bool = False


class ImportedCustomer(CustomerCreate):
    """A row: a customer as anybody would enter it, with what another system calls it and who looks after it."""

    external_system: Word | None = None
    external_id: Line | None = None
    owner: Line | None = None

    @model_validator(mode="after")
    def _id_of_a_system(self) -> "ImportedCustomer":
        if self.external_id is not None and self.external_system is None:
            raise refused(
                "say whose id it is: add a column for the system, or set external_system in a mapping",
                "请说明外部编号所属的系统：增加系统列，或在映射中设置 external_system",
            )
        return self


class FileColumn(Read):
    """A column as it was found; one without a field is passed over."""

    heading: Redacted
    field: ImportField | None


class ImportLinks(Read):
    """Where to look next: the file of the rows that failed."""

    errors: Annotated[str, Field(examples=["/v1/imports/01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55/errors"])]


class ImportRead(Read):
    """`read` rows were `created`, `updated`, `skipped` or `failed`; of a dry run, they would have been."""

    id: UUID
    filename: Redacted
    format: FileFormat
    encoding: Annotated[str, Field(examples=["gb18030"])]
    delimiter: Annotated[str, Field(examples=[","])]
    columns: list[FileColumn]
    mapping: str | None
    on_match: OnMatch
    dry_run: bool
    size: Annotated[int, Field(description="Bytes")]
    state: JobState
    error: Annotated[str | None, Field(description="Why it could not go on")]
    total: Annotated[int | None, Field(description="Rows of the file, once they are counted")]
    read: int
    created: int
    updated: int
    skipped: int
    failed: int
    undo_state: Annotated[JobState | None, Field(description="Of taking it back, where that was asked for")]
    removed: Annotated[int, Field(description="Taken back: customers that are gone again")]
    restored: Annotated[int, Field(description="Taken back: customers that are as they were")]
    kept: Annotated[int, Field(description="Not taken back: changed by somebody since")]
    job_id: UUID
    requested_by: UUID
    created_at: datetime

    @computed_field
    def links(self) -> ImportLinks:
        return ImportLinks(errors=f"/v1/imports/{self.id}/errors")


class ImportQuery(ListQuery):
    """All imports, the newest first."""


class ImportErrorsQuery(Body):
    after: Annotated[int, Field(ge=0, description="Only lines behind this one")] = 0


Problem = dict[str, Any]
"""What is wrong with one cell: its `field`, and `type`, `msg` and `ctx` as pydantic has them; never what stands there."""


def problem(field: str | None, en: str, zh: str) -> Problem:
    """What is wrong with a cell, or with the row, in our own words."""
    return {"field": field, "type": "refused", "msg": en, "ctx": {"en": en, "zh": zh}}
