"""Papers of a customer, sealed piece by piece; every version that there was is kept."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, UpdatedAt, Versioned, choice


class DocumentKind(StrEnum):
    CONTRACT = "contract"
    IDENTITY_PROOF = "identity_proof"
    POWER_OF_ATTORNEY = "power_of_attorney"
    INVOICE = "invoice"
    CORRESPONDENCE = "correspondence"
    REPORT = "report"
    OTHER = "other"


class DocumentState(StrEnum):
    KEPT = "kept"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class Document(Stateful, Versioned, Base):
    """What a paper is and whose. `latest` is the number of its last version; what was erased keeps its numbers."""

    __tablename__ = "documents"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "customer_id", "created_at"),
        Index("ix_documents_withdrawn", "updated_at", postgresql_where=text("state = 'withdrawn'")),
    )
    transitions: ClassVar[Transitions] = {
        DocumentState.KEPT: {DocumentState.WITHDRAWN},
        DocumentState.WITHDRAWN: {DocumentState.KEPT, DocumentState.ERASED},
        DocumentState.ERASED: set(),
    }

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    kind: Mapped[DocumentKind] = mapped_column(choice(DocumentKind))
    project: Mapped[str]
    state: Mapped[DocumentState] = mapped_column(choice(DocumentState), default=DocumentState.KEPT)
    latest: Mapped[int]
    created_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    versions: Mapped[list["DocumentVersion"]] = relationship(
        lazy="raise", order_by="DocumentVersion.number.desc()", back_populates="document"
    )


class DocumentVersion(Base):
    """One wording of a paper. `sealed_key` opens its parts; without one they are gone.

    `size` and `sha256` are of the content. `compared_at`: when both copies were last found equal, or made so;
    `compare_at`: when the second store is to be looked at next, never for what is kept once.
    """

    __tablename__ = "document_versions"
    __table_args__ = (
        Index(
            "ix_document_versions_compare_at", "compare_at", postgresql_where=text("compare_at IS NOT NULL")
        ),
    )

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    dated: Mapped[date]
    media_type: Mapped[str]
    extension: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes | None]
    sealed_key: Mapped[bytes | None]
    created_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    compared_at: Mapped[datetime | None]
    compare_at: Mapped[datetime | None]
    document: Mapped[Document] = relationship(lazy="raise_on_sql", back_populates="versions")

    @property
    def name(self) -> str:
        """`project-date-version`."""
        return f"{self.document.project}-{self.dated:%Y%m%d}-v{self.number}"


class DocumentPart(Base):
    """A piece of a version's content, in order and sealed."""

    __tablename__ = "document_parts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["document_id", "number"], ["document_versions.document_id", "document_versions.number"]
        ),
    )

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]
