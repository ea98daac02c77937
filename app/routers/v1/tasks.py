"""Whose turn it is to see to a customer's data."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.verification import Task, TaskState
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import EntityTag, OnceSession, Reading, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.verification import TaskClose, TaskQuery, TaskRead
from app.security import Principal
from app.services import tasks

router = CourierRouter(prefix="/tasks", tags=["verification"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Verifier = Annotated[Principal, holder_of(Scope.CUSTOMERS_VERIFY)]


@router.get("", summary="List tasks", response_model=Page[TaskRead])
async def list_tasks(query: Annotated[TaskQuery, Query()], actor: Reader, session: Reading) -> dict[str, Any]:
    """The most overdue first: one's own with `mine=true`, a department's with `department=`."""
    return await paginate(session, tasks.search(actor, query), query)


@router.get("/{task_id}", summary="Read a task", response_model=TaskRead)
async def get_task(task_id: UUID, tag: Tag, actor: Reader, session: Reading) -> Task:
    """With its ETag."""
    return _tagged(tag, await tasks.get(session, actor, task_id))


@router.post("/{task_id}/done", summary="Call a task done", response_model=TaskRead)
async def complete_task(
    task_id: UUID, body: TaskClose, tag: Tag, actor: Verifier, session: OnceSession
) -> Task:
    """Confirming its fields does so by itself; this is for what was settled otherwise."""
    return _tagged(tag, await tasks.close(session, actor, task_id, TaskState.DONE, body))


@router.post("/{task_id}/cancel", summary="Cancel a task", response_model=TaskRead)
async def cancel_task(
    task_id: UUID, body: TaskClose, tag: Tag, actor: Verifier, session: OnceSession
) -> Task:
    """It does not come back before its fields are confirmed and due again."""
    return _tagged(tag, await tasks.close(session, actor, task_id, TaskState.CANCELLED, body))


def _tagged(tag: EntityTag, task: Task) -> Task:
    tag.settle(task.version)
    return task
