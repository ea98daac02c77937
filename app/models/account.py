"""Who signs in: the company's people, and the machines of dispatch and partners."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, UpdatedAt, Versioned, choice


class UserLevel(StrEnum):
    SPECIALIST = "specialist"
    MANAGER = "manager"
    DIRECTOR = "director"


class Department(Base):
    """A part of the company; its head, with the line of superiors, is who escalation goes to.

    `liaison_id` is whom other departments turn to.
    """

    __tablename__ = "departments"

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("departments.id"))
    head_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", use_alter=True))
    liaison_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", use_alter=True))
    created_at: Mapped[CreatedAt]


class Team(Versioned, Base):
    """People of one department, or of several, who look after customers together."""

    __tablename__ = "teams"

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("departments.id"), index=True)
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    members: Mapped[list["TeamMember"]] = relationship(lazy="raise", cascade="all, delete-orphan")

    @property
    def member_ids(self) -> list[UUID]:
        return [member.user_id for member in self.members]


class TeamMember(Base):
    """A person who works in a team sees its customers."""

    __tablename__ = "team_members"

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)


class User(Versioned, Base):
    """A person of the company. Changing `credentials_version` ends every token given out before."""

    __tablename__ = "users"

    id: Mapped[Id]
    username: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    name: Mapped[str]
    email: Mapped[str | None]
    roles: Mapped[list[str]]
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("departments.id"), index=True)
    level: Mapped[UserLevel] = mapped_column(choice(UserLevel), default=UserLevel.SPECIALIST)
    superior_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    deputy_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    credentials_version: Mapped[int] = mapped_column(default=1)
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Client(Versioned, Base):
    """A machine. A dispatch client pushes for its `sources`; a partner client sees its customers."""

    __tablename__ = "clients"

    id: Mapped[Id]
    client_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes]
    name: Mapped[str]
    role: Mapped[str]
    sources: Mapped[list[str]]
    credentials_version: Mapped[int] = mapped_column(default=1)
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    customers: Mapped[list["ClientCustomer"]] = relationship(lazy="raise", cascade="all, delete-orphan")

    @property
    def customer_ids(self) -> list[UUID]:
        return [binding.customer_id for binding in self.customers]


class ClientCustomer(Base):
    """A partner client is bound to this customer and sees nothing of any other."""

    __tablename__ = "client_customers"

    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id"), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)


class RefreshToken(Base):
    """One link of a rotating chain; a used one that comes back ends its whole family.

    It holds as long as the user's `credentials_version`; `token_id` is the access token given out with it.
    """

    __tablename__ = "refresh_tokens"

    id: Mapped[Id]
    family_id: Mapped[UUID] = mapped_column(index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    credentials_version: Mapped[int]
    token_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class RevokedToken(Base):
    """An access token that was taken back before it expired."""

    __tablename__ = "revoked_tokens"

    token_id: Mapped[UUID] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInFailure(Base):
    """How often signing in as this name has failed lately; kept for unknown names just the same."""

    __tablename__ = "sign_in_failures"

    name_hash: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    window_started_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class AccessKind(StrEnum):
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    LOCKED_OUT = "locked_out"
    REFRESHED = "refreshed"
    REFRESH_REUSED = "refresh_reused"
    REVOKED = "revoked"
    DENIED = "denied"
    REVEALED = "revealed"
    EXPORTED = "exported"


class Access(Base):
    """A login, a denial, a look at something secret. Only ever inserted.

    `customer_id` is whose secret it was; `transaction` is the writer's, as an event's.
    """

    __tablename__ = "accesses"
    __table_args__ = (
        Index(None, "principal_id", "occurred_at"),
        Index(None, "occurred_at", "id"),
        Index(None, "customer_id", "occurred_at"),
        Index(None, "transaction", "id"),
    )

    id: Mapped[Id]
    occurred_at: Mapped[CreatedAt]
    kind: Mapped[AccessKind] = mapped_column(choice(AccessKind))
    principal_id: Mapped[UUID | None]
    operation: Mapped[str | None]
    correlation_id: Mapped[str | None]
    customer_id: Mapped[UUID | None]
    transaction: Mapped[int] = mapped_column(
        BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)")
    )
    data: Mapped[dict[str, Any]]
