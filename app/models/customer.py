"""A company or person the courier serves."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, UpdatedAt, Versioned, choice


class CustomerKind(StrEnum):
    COMPANY = "company"
    PERSON = "person"


class Customer(Versioned, Base):
    """One that ships under contract has a `code`. `owner_id` is the member of staff who looks after it."""

    __tablename__ = "customers"
    __table_args__ = (Index(None, "created_at", "id"), Index(None, "name", "id"))

    id: Mapped[Id]
    name: Mapped[str]
    kind: Mapped[CustomerKind] = mapped_column(choice(CustomerKind))
    code: Mapped[str | None] = mapped_column(unique=True)
    source: Mapped[str | None]
    needs: Mapped[list[str]]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    contacts: Mapped[list["Contact"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="Contact.id"
    )
    addresses: Mapped[list["CustomerAddress"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="CustomerAddress.id"
    )


class Contact(Base):
    """A person one talks to at a customer."""

    __tablename__ = "contacts"

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    name: Mapped[str]
    role: Mapped[str | None]
    phone: Mapped[str | None]
    email: Mapped[str | None]


class CustomerAddress(Base):
    """A place of a customer; `address` is the address object of the API."""

    __tablename__ = "customer_addresses"

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    kind: Mapped[str | None]
    address: Mapped[dict[str, Any]]
