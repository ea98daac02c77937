"""Lists that leave the house: asked for by one, approved by another, fetched by the first."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, UpdatedAt, Versioned, choice
from app.models.import_file import FileFormat


class ExportState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


class ExportColumn(StrEnum):
    """What of a customer may leave, masked as in every list."""

    ID = "id"
    NAME = "name"
    KIND = "kind"
    STATE = "state"
    CODE = "code"
    TIER = "tier"
    SOURCE = "source"
    NEEDS = "needs"
    OWNER = "owner"
    CONTACT_NAME = "contact_name"
    CONTACT_ROLE = "contact_role"
    PHONE = "phone"
    EMAIL = "email"
    PROVINCE = "province"
    CITY = "city"
    DISTRICT = "district"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


class Export(Stateful, Versioned, Base):
    """A list of customers that match `terms`, with these `columns`, for this `reason`."""

    __tablename__ = "exports"
    __table_args__ = (Index(None, "created_at", "id"), Index(None, "state", "expires_at"))
    transitions: ClassVar[Transitions] = {
        ExportState.REQUESTED: {ExportState.APPROVED, ExportState.REJECTED},
        ExportState.APPROVED: {ExportState.READY, ExportState.FAILED},
        ExportState.REJECTED: set(),
        ExportState.READY: {ExportState.EXPIRED},
        ExportState.FAILED: set(),
        ExportState.EXPIRED: set(),
    }

    id: Mapped[Id]
    state: Mapped[ExportState] = mapped_column(choice(ExportState), default=ExportState.REQUESTED)
    terms: Mapped[dict[str, Any]]
    columns: Mapped[list[str]]
    format: Mapped[FileFormat] = mapped_column(choice(FileFormat))
    reason: Mapped[str]
    requested_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    note: Mapped[str | None]
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    rows: Mapped[int] = mapped_column(default=0)
    size: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class ExportPart(Base):
    """A piece of an export's file, in order and sealed."""

    __tablename__ = "export_parts"

    export_id: Mapped[UUID] = mapped_column(ForeignKey("exports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]
