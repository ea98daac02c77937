"""Logins, denials and looks at what is secret, each written down once and for good."""

from typing import Any
from uuid import UUID

from asgi_correlation_id import correlation_id
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.account import Access, AccessKind
from app.models.event import Event
from app.schemas.audit import AccessQuery, EventQuery


def record(
    session: AsyncSession,
    kind: AccessKind,
    *,
    principal_id: UUID | None = None,
    operation: str | None = None,
    customer_id: UUID | None = None,
    **data: Any,
) -> None:
    """Add the row to this transaction; `data` holds no secret and no name. `customer_id`: whose secret it was."""
    session.add(
        Access(
            kind=kind,
            principal_id=principal_id,
            operation=operation,
            correlation_id=correlation_id.get(),
            customer_id=customer_id,
            data=data,
        )
    )


def search(query: AccessQuery) -> Select[Access]:
    statement = select(Access)
    if query.kind is not None:
        statement = statement.where(Access.kind == query.kind)
    if query.principal_id is not None:
        statement = statement.where(Access.principal_id == query.principal_id)
    if query.customer_id is not None:
        statement = statement.where(Access.customer_id == query.customer_id)
    return statement.order_by(Access.occurred_at.desc(), Access.id.desc())


def search_events(query: EventQuery) -> Select[Event]:
    statement = select(Event)
    if query.kind is not None:
        statement = statement.where(Event.kind == query.kind)
    if query.subject_id is not None:
        statement = statement.where(Event.subject_id == query.subject_id)
    return statement.order_by(Event.recorded_at.desc(), Event.id.desc())
