"""Seals over the audit trail: what was written down can't be changed afterwards without its showing."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, choice


class AuditStream(StrEnum):
    ACCESSES = "accesses"
    EVENTS = "events"


class AuditFault(StrEnum):
    """What a verification can find."""

    ROW_CHANGED = "row_changed"
    ROW_MISSING = "row_missing"
    ROW_ADDED = "row_added"
    SEAL_CHANGED = "seal_changed"
    SEAL_MISSING = "seal_missing"
    CHAIN_REWRITTEN = "chain_rewritten"


class AuditSeal(Base):
    """One link of a single chain, over the rows of one stream after one place and up to another.

    A place is a row's `(transaction, id)`. `manifest` holds each row's id and SHA-256, in that order, so that the row
    that was edited, removed or put in can be named; `sha256` covers the manifest, the seal's own columns and the
    seal before. Only ever inserted.
    """

    __tablename__ = "audit_seals"
    __table_args__ = (Index(None, "stream", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stream: Mapped[AuditStream] = mapped_column(choice(AuditStream))
    after_transaction: Mapped[int] = mapped_column(BigInteger)
    after_id: Mapped[UUID]
    to_transaction: Mapped[int] = mapped_column(BigInteger)
    to_id: Mapped[UUID]
    rows: Mapped[int]
    manifest: Mapped[bytes]
    sha256: Mapped[bytes]
    sealed_at: Mapped[datetime]
