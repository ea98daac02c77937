"""A company or person the courier serves, and the people one talks to there."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, column, func, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, UpdatedAt, Versioned, choice


class CustomerKind(StrEnum):
    COMPANY = "company"
    PERSON = "person"


class CustomerState(StrEnum):
    """Where a customer stands in its life with us."""

    PROSPECT = "prospect"
    ACTIVE = "active"
    DORMANT = "dormant"
    LOST = "lost"
    CLOSED = "closed"
    MERGED = "merged"


class CustomerLinkKind(StrEnum):
    """What the other customer is to this one."""

    PARENT = "parent"
    BILL_TO = "bill_to"
    SHIP_TO = "ship_to"


class ContactPointKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"
    WECHAT = "wechat"


class Customer(Stateful, Versioned, Base):
    """One that ships under contract has a `code`. `owner_id` is the member of staff who looks after it.

    `romanised` holds the name in pinyin and without accents, for those who type it that way; the database makes
    `search` of both. One that was merged names in `merged_into_id` the customer it has become a part of.
    """

    __tablename__ = "customers"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "name", "id"),
        *(Index(None, column, "created_at", "id") for column in ("kind", "state", "tier")),
        Index(None, "search", postgresql_using="gin"),
        CheckConstraint("merged_into_id IS NULL OR state = 'merged'", name="merged_into_another"),
    )
    transitions: ClassVar[Transitions] = {
        CustomerState.PROSPECT: {
            CustomerState.ACTIVE,
            CustomerState.LOST,
            CustomerState.CLOSED,
            CustomerState.MERGED,
        },
        CustomerState.ACTIVE: {
            CustomerState.DORMANT,
            CustomerState.LOST,
            CustomerState.CLOSED,
            CustomerState.MERGED,
        },
        CustomerState.DORMANT: {
            CustomerState.ACTIVE,
            CustomerState.LOST,
            CustomerState.CLOSED,
            CustomerState.MERGED,
        },
        CustomerState.LOST: {CustomerState.ACTIVE, CustomerState.CLOSED, CustomerState.MERGED},
        CustomerState.CLOSED: {CustomerState.ACTIVE, CustomerState.MERGED},
        CustomerState.MERGED: set(),
    }

    id: Mapped[Id]
    name: Mapped[str]
    kind: Mapped[CustomerKind] = mapped_column(choice(CustomerKind))
    state: Mapped[CustomerState] = mapped_column(
        choice(CustomerState), default=CustomerState.PROSPECT, server_default="active"
    )
    code: Mapped[str | None] = mapped_column(unique=True)
    tier: Mapped[str | None]
    source: Mapped[str | None]
    needs: Mapped[list[str]]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"), index=True)
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("customers.id"), index=True)
    romanised: Mapped[str] = mapped_column(default="", server_default="")
    search: Mapped[Any] = mapped_column(
        TSVECTOR, Computed("search_terms(name, romanised)", persisted=True), deferred=True
    )
    anonymised_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    contacts: Mapped[list["CustomerContact"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="CustomerContact.contact_id"
    )
    addresses: Mapped[list["CustomerAddress"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="CustomerAddress.id"
    )


class Contact(Versioned, Base):
    """A person one talks to, at one customer or at several."""

    __tablename__ = "contacts"
    __table_args__ = (Index(None, "search", postgresql_using="gin"),)

    id: Mapped[Id]
    name: Mapped[str]
    romanised: Mapped[str] = mapped_column(default="", server_default="")
    search: Mapped[Any] = mapped_column(
        TSVECTOR, Computed("search_terms(name, romanised)", persisted=True), deferred=True
    )
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    points: Mapped[list["ContactPoint"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="ContactPoint.id"
    )


class CustomerContact(Base):
    """What this person is at this customer."""

    __tablename__ = "customer_contacts"

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), primary_key=True, index=True)
    role: Mapped[str | None]
    contact: Mapped[Contact] = relationship(lazy="raise")

    @property
    def id(self) -> UUID:
        return self.contact_id

    @property
    def name(self) -> str:
        return self.contact.name

    @property
    def version(self) -> int:
        return self.contact.version

    @property
    def points(self) -> list["ContactPoint"]:
        return self.contact.points


class ContactPoint(Base):
    """A number, mail address or WeChat id at which a person is reached.

    `value` is what was written, `normal` what is compared: E.164 for a number, or its digits for a service number
    such as 95338, which has no country; small letters for the others.
    """

    __tablename__ = "contact_points"
    __table_args__ = (
        Index(None, "kind", "normal"),
        Index(
            "ix_contact_points_suffix",
            func.reverse(column("normal")).label("suffix"),
            postgresql_ops={"suffix": "text_pattern_ops"},
            postgresql_where=text("kind = 'phone'"),
        ),
    )

    id: Mapped[Id]
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)
    kind: Mapped[ContactPointKind] = mapped_column(choice(ContactPointKind))
    value: Mapped[str]
    normal: Mapped[str]
    label: Mapped[str | None]


class CustomerAddress(Base):
    """A place of a customer; `address` is the address object of the API.

    `division_code` is the place's in GB/T 2260, where it is Chinese and known: six digits, of the county if it can be
    told, else of the prefecture or province.
    """

    __tablename__ = "customer_addresses"

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    kind: Mapped[str | None]
    address: Mapped[dict[str, Any]]
    division_code: Mapped[str | None]


class CustomerLink(Base):
    """`other_id` is the `kind` of `customer_id`: its parent, whoever pays for it, a place it ships to."""

    __tablename__ = "customer_links"
    __table_args__ = (
        Index(
            "uq_customer_links_one_each",
            "customer_id",
            "kind",
            unique=True,
            postgresql_where=text("kind IN ('parent', 'bill_to')"),
        ),
        CheckConstraint("customer_id <> other_id", name="with_another"),
    )

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    kind: Mapped[CustomerLinkKind] = mapped_column(choice(CustomerLinkKind), primary_key=True)
    other_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)
    created_at: Mapped[CreatedAt]


class ExternalId(Base):
    """What another system calls this customer."""

    __tablename__ = "external_ids"

    system: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True, index=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    created_at: Mapped[CreatedAt]


class ConsentChannel(StrEnum):
    PHONE = "phone"
    SMS = "sms"
    EMAIL = "email"
    WECHAT = "wechat"
    POST = "post"


class ConsentPurpose(StrEnum):
    SERVICE = "service"
    SURVEY = "survey"
    CARE = "care"
    MARKETING = "marketing"


class Consent(Base):
    """What somebody agreed to, or took back, and what shows it. Only ever inserted: the latest one counts."""

    __tablename__ = "consents"
    __table_args__ = (Index(None, "customer_id", "channel", "purpose", "given_at"),)

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"), index=True)
    channel: Mapped[ConsentChannel] = mapped_column(choice(ConsentChannel))
    purpose: Mapped[ConsentPurpose] = mapped_column(choice(ConsentPurpose))
    given: Mapped[bool]
    given_at: Mapped[datetime]
    until: Mapped[datetime | None]
    evidence: Mapped[str]
    recorded_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]


class CustomerNote(Base):
    """What somebody wrote down about a customer, for colleagues."""

    __tablename__ = "customer_notes"
    __table_args__ = (Index(None, "customer_id", "created_at", "id"),)

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str]
    created_at: Mapped[CreatedAt]


class CustomerGrant(Base):
    """Somebody who does not own a customer may see it all the same, until a day."""

    __tablename__ = "customer_grants"

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    until: Mapped[datetime | None]
    reason: Mapped[str]
    granted_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
