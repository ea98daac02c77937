"""Files of customers that are taken in, row by row, and what became of each row."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, UpdatedAt, Versioned, choice
from app.models.job import Job, JobState


class FileFormat(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


class OnMatch(StrEnum):
    """What to do with a row whose customer is there already."""

    UPDATE = "update"
    SKIP = "skip"
    ERROR = "error"


class ImportField(StrEnum):
    """What a column of the file holds of a customer."""

    NAME = "name"
    KIND = "kind"
    CODE = "code"
    TIER = "tier"
    SOURCE = "source"
    NEEDS = "needs"
    OWNER = "owner"
    CONTACT_NAME = "contact_name"
    CONTACT_ROLE = "contact_role"
    PHONE = "phone"
    EMAIL = "email"
    WECHAT = "wechat"
    ADDRESS_KIND = "address_kind"
    COUNTRY = "country"
    PROVINCE = "province"
    CITY = "city"
    DISTRICT = "district"
    STREET = "street"
    DETAIL = "detail"
    POSTCODE = "postcode"
    EXTERNAL_SYSTEM = "external_system"
    EXTERNAL_ID = "external_id"


class RowOutcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    FAILED = "failed"


class ImportMapping(Versioned, Base):
    """Which column of a file holds what, kept by name for the next file of its kind."""

    __tablename__ = "import_mappings"

    name: Mapped[str] = mapped_column(primary_key=True)
    columns: Mapped[list[dict[str, Any]]]
    kind: Mapped[str | None]
    external_system: Mapped[str | None]
    changed_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class ImportFile(Base):
    """One file and how far it has been taken in: `read` rows, that is where the next step goes on.

    Its state is that of its job; it is taken back by a second job. `chunks` are of the file, sealed.
    """

    __tablename__ = "import_files"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[Id]
    filename: Mapped[str]
    format: Mapped[FileFormat] = mapped_column(choice(FileFormat))
    encoding: Mapped[str]
    delimiter: Mapped[str]
    columns: Mapped[list[dict[str, Any]]]
    kind: Mapped[str | None]
    external_system: Mapped[str | None]
    mapping: Mapped[str | None]
    on_match: Mapped[OnMatch] = mapped_column(choice(OnMatch))
    dry_run: Mapped[bool]
    size: Mapped[int]
    read: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    restored: Mapped[int] = mapped_column(default=0)
    kept: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"), index=True)
    undo_job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    requested_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    job: Mapped[Job] = relationship(lazy="raise", foreign_keys=job_id)
    undo_job: Mapped[Job | None] = relationship(lazy="raise", foreign_keys=undo_job_id)

    @property
    def state(self) -> JobState:
        return self.job.state

    @property
    def total(self) -> int | None:
        return self.job.total

    @property
    def error(self) -> str | None:
        return self.job.error

    @property
    def undo_state(self) -> JobState | None:
        return None if self.undo_job is None else self.undo_job.state


class ImportChunk(Base):
    """A piece of a file, in order and sealed; gone once the job has ended."""

    __tablename__ = "import_chunks"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("import_files.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class ImportRow(Base):
    """What became of a row, at which line of the file. Rows that were skipped leave none.

    `version` is the customer's afterwards, `before` what it takes to undo the row: the fields as they were, and the
    ids of what was added. `problems` are what is wrong with a row that failed.
    """

    __tablename__ = "import_rows"
    __table_args__ = (Index(None, "customer_id"),)

    import_id: Mapped[UUID] = mapped_column(ForeignKey("import_files.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    outcome: Mapped[RowOutcome] = mapped_column(choice(RowOutcome))
    customer_id: Mapped[UUID | None]
    version: Mapped[int | None]
    before: Mapped[dict[str, Any] | None]
    problems: Mapped[list[dict[str, Any]] | None]


class ImportKey(Base):
    """What the rows of a dry run would have made known, so that later rows meet it: `code:` or `system:`."""

    __tablename__ = "import_keys"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("import_files.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
