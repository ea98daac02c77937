"""Tasks: whose turn it is to see to a customer's data."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import NotFound
from app.models.verification import Confirmation, Task, TaskState
from app.schemas.verification import TaskClose, TaskQuery
from app.security import Principal
from app.services import customers, events


def visible(principal: Principal) -> Select[Task]:
    """The tasks of the customers this principal may know of."""
    return customers.within(principal, select(Task), Task.customer_id)


def search(principal: Principal, query: TaskQuery) -> Select[Task]:
    statement = visible(principal)
    if query.mine:
        statement = statement.where(Task.assignee_id == principal.id)
    if query.department is not None:
        statement = statement.where(Task.department == query.department)
    if query.state is not None:
        statement = statement.where(Task.state == query.state)
    if query.customer_id is not None:
        statement = statement.where(Task.customer_id == query.customer_id)
    return statement.order_by(Task.due_at, Task.id)


async def get(session: AsyncSession, principal: Principal, task_id: UUID) -> Task:
    task = await session.scalar(visible(principal).where(Task.id == task_id))
    if task is None:
        raise NotFound
    return task


async def close(
    session: AsyncSession, actor: Principal, task_id: UUID, to: TaskState, body: TaskClose
) -> Task:
    """End a task by hand, with a word why."""
    task = await get(session, actor, task_id)
    task.note = body.note
    await _close(session, actor, [task], to)
    return task


async def close_confirmed(session: AsyncSession, actor: Principal, customer_id: UUID) -> None:
    """End the customer's open tasks whose every field was confirmed since they were opened."""
    wanted = func.unnest(Task.fields).table_valued("field", name="wanted").render_derived()
    confirmed = select(Confirmation.id).where(
        Confirmation.customer_id == Task.customer_id,
        Confirmation.field == wanted.c.field,
        Confirmation.confirmed_at >= Task.created_at,
    )
    missing = select(wanted).where(~confirmed.correlate(Task, wanted).exists()).correlate(Task)
    met = await session.scalars(
        select(Task).where(Task.customer_id == customer_id, Task.state == TaskState.OPEN, ~missing.exists())
    )
    await _close(session, actor, met.all(), TaskState.DONE)


async def _close(session: AsyncSession, actor: Principal, tasks: Sequence[Task], to: TaskState) -> None:
    for task in tasks:
        task.advance(to)
        task.closed_by, task.closed_at, task.updated_at = actor.id, now(), now()
    await session.flush()
    closed = [
        events.Happening(f"task.{to}", subject(task), {"department": task.department}) for task in tasks
    ]
    await events.record_all(session, actor, closed)


def subject(task: Task) -> events.Subject:
    return events.Subject("task", task.id, task.customer_id)
