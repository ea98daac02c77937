"""What people do about delivery exceptions."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import NotFound
from app.models.code import Severity
from app.models.delivery_exception import LIVE_STATES, DeliveryException, ExceptionState
from app.schemas.delivery_exception import ExceptionNote, ExceptionQuery, ExceptionResolution
from app.security import Principal
from app.services import customers, events

_BY_SEVERITY = case(
    {severity: rank for rank, severity in enumerate(Severity)}, value=DeliveryException.severity
)


def visible(principal: Principal) -> Select[DeliveryException]:
    """The exceptions of the customers this principal may know of."""
    return customers.within(principal, select(DeliveryException), DeliveryException.customer_id)


def search(principal: Principal, query: ExceptionQuery) -> Select[DeliveryException]:
    statement = visible(principal)
    for column in ("state", "reason", "severity", "tracking_no"):
        if (value := getattr(query, column)) is not None:
            statement = statement.where(getattr(DeliveryException, column) == value)
    if query.customer_id is not None:
        statement = statement.where(
            DeliveryException.customer_id.in_(customers.and_merged(query.customer_id))
        )
    if query.live is not None:
        is_live = DeliveryException.state.in_(LIVE_STATES)
        statement = statement.where(is_live if query.live else ~is_live)
    if query.sort == "opened_at":
        return statement.order_by(DeliveryException.opened_at, DeliveryException.id)
    return statement.order_by(DeliveryException.opened_at.desc(), DeliveryException.id.desc())


async def get(session: AsyncSession, principal: Principal, exception_id: UUID) -> DeliveryException:
    row = await session.scalar(visible(principal).where(DeliveryException.id == exception_id))
    if row is None:
        raise NotFound
    return row


def worst_first(exceptions: Select[Any]) -> Select[Any]:
    """Those that are live, the most severe first; of equals, the oldest, whatever order they came in."""
    return exceptions.where(DeliveryException.state.in_(LIVE_STATES)).order_by(
        _BY_SEVERITY.desc(),
        DeliveryException.opened_at,
        DeliveryException.reason,
        DeliveryException.leg_no,
        DeliveryException.id,
    )


async def acknowledge(
    session: AsyncSession, actor: Principal, exception_id: UUID, body: ExceptionNote
) -> DeliveryException:
    """Say that somebody sees to it."""
    row = await get(session, actor, exception_id)
    row.advance(ExceptionState.ACKNOWLEDGED)
    row.acknowledged_at, row.acknowledged_by = now(), actor.id
    return await _moved(session, actor, row, body.note)


async def await_customer(
    session: AsyncSession, actor: Principal, exception_id: UUID, body: ExceptionNote
) -> DeliveryException:
    """Say that the customer must answer before it goes on."""
    row = await get(session, actor, exception_id)
    row.advance(ExceptionState.AWAITING_CUSTOMER)
    return await _moved(session, actor, row, body.note)


async def resolve(
    session: AsyncSession, actor: Principal, exception_id: UUID, body: ExceptionResolution
) -> DeliveryException:
    """End it; the same reason may open a new one only with a later scan."""
    row = await get(session, actor, exception_id)
    row.advance(ExceptionState.RESOLVED)
    return await _close(session, actor, row, body)


async def dismiss(
    session: AsyncSession, actor: Principal, exception_id: UUID, body: ExceptionResolution
) -> DeliveryException:
    """Say that there was nothing to it."""
    row = await get(session, actor, exception_id)
    row.advance(ExceptionState.DISMISSED)
    return await _close(session, actor, row, body)


async def _close(
    session: AsyncSession, actor: Principal, row: DeliveryException, body: ExceptionResolution
) -> DeliveryException:
    row.closed_at, row.closed_by, row.resolution = now(), actor.id, body.resolution
    return await _moved(session, actor, row, body.note)


async def _moved(
    session: AsyncSession, actor: Principal, row: DeliveryException, note: str | None
) -> DeliveryException:
    row.note = note or row.note
    await session.flush()
    about = events.Subject("delivery_exception", row.id, row.customer_id)
    await events.record(session, actor, f"exception.{row.state}", about, reason=row.reason)
    return row
