"""What follows from exceptions: the rules, and what they made of each."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.exception_rule import ExceptionRule, FollowUp
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.exception_rule import ExceptionRuleRead, FollowUpQuery, FollowUpRead
from app.security import Principal
from app.services.complaints import follow_ups

router = CourierRouter(tags=["delivery exceptions"])

Reader = Annotated[Principal, holder_of(Scope.EXCEPTIONS_READ)]
Handler = Annotated[Principal, holder_of(Scope.EXCEPTIONS_HANDLE)]


@router.get("/exception-rules", summary="List rules", response_model=list[ExceptionRuleRead])
async def list_exception_rules(_: Reader, session: Reading) -> Sequence[ExceptionRule]:
    """What an exception leads to, in the order in which the rules are asked."""
    return await follow_ups.rules(session)


@router.get("/exception-follow-ups", summary="List what followed", response_model=Page[FollowUpRead])
async def list_exception_follow_ups(
    query: Annotated[FollowUpQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """`state=open` gives the tasks that wait."""
    return await paginate(session, follow_ups.listed(actor, query), query)


@router.post(
    "/exception-follow-ups/{follow_up_id}/finish", summary="Finish a task", response_model=FollowUpRead
)
async def finish_exception_follow_up(
    follow_up_id: UUID, tag: Tag, actor: Handler, session: OnceSession
) -> FollowUp:
    """Somebody has seen to it."""
    task = await follow_ups.finish(session, actor, follow_up_id)
    tag.settle(task.version)
    return task
