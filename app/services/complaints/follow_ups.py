"""What rules made of exceptions, and the tasks among it that somebody has to do."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import NotFound
from app.models.exception_rule import ExceptionRule, FollowUp, FollowUpState
from app.schemas.exception_rule import FollowUpQuery
from app.security import Principal
from app.services import customers, events

_SAME = ("state", "action", "reason", "tracking_no", "complaint_id")


async def rules(session: AsyncSession) -> Sequence[ExceptionRule]:
    """In the order in which they are asked."""
    return (
        await session.scalars(select(ExceptionRule).order_by(ExceptionRule.rank, ExceptionRule.code))
    ).all()


def listed(principal: Principal, query: FollowUpQuery) -> Select[FollowUp]:
    statement = _visible(principal)
    for name in _SAME:
        if (value := getattr(query, name)) is not None:
            statement = statement.where(getattr(FollowUp, name) == value)
    if query.sort == "created_at":
        return statement.order_by(FollowUp.created_at, FollowUp.id)
    return statement.order_by(FollowUp.created_at.desc(), FollowUp.id.desc())


async def finish(session: AsyncSession, actor: Principal, follow_up_id: UUID) -> FollowUp:
    """Say that a task is done."""
    task = await session.scalar(_visible(actor).where(FollowUp.id == follow_up_id))
    if task is None:
        raise NotFound
    task.advance(FollowUpState.DONE)
    task.done_by, task.done_at = actor.id, now()
    await session.flush()
    about = events.Subject("exception_follow_up", task.id, task.customer_id)
    await events.record(session, actor, "exception_task.done", about, reason=task.reason)
    return task


def _visible(principal: Principal) -> Select[FollowUp]:
    return customers.within(principal, select(FollowUp), FollowUp.customer_id)
