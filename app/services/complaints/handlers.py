"""Who works complaints: how many at a time, of what kind, for which regions."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Invalid, NotFound
from app.models.account import User
from app.models.complaint import OPEN_STATES, CaseTerm, CaseTree, Complaint
from app.models.complaint_desk import Handler
from app.schemas.complaint_desk import CaseTermQuery, HandlerWrite
from app.security import Principal
from app.services import events

_OPEN = (
    select(func.count())
    .where(Complaint.handler_id == Handler.user_id, Complaint.state.in_(OPEN_STATES))
    .correlate(Handler)
    .scalar_subquery()
)


async def listed(session: AsyncSession) -> list[dict[str, Any]]:
    """All handlers with what they have open, those with room first."""
    rows = await session.execute(
        select(Handler, _OPEN.label("open")).order_by(
            Handler.is_on_duty.desc(), _OPEN.op("-")(Handler.capacity), Handler.user_id
        )
    )
    return [_with_open(handler, count) for handler, count in rows]


async def put(session: AsyncSession, actor: Principal, user_id: UUID, body: HandlerWrite) -> dict[str, Any]:
    """Make somebody a handler, or change what they take; what they have stays theirs."""
    user = await session.get(User, user_id)
    if user is None or user.disabled_at is not None:
        raise NotFound
    await _skills_must_exist(session, body.skills)
    handler = await session.get(Handler, user_id, with_for_update=True)
    if handler is None:
        handler = Handler(user_id=user_id)
        session.add(handler)
    for name, value in body.model_dump().items():
        setattr(handler, name, value)
    handler.updated_at = now()
    await session.flush()
    about = events.Subject("handler", user_id)
    await events.record(session, actor, "handler.changed", about, **body.model_dump())
    return _with_open(
        handler, (await session.execute(select(_OPEN).where(Handler.user_id == user_id))).scalar_one()
    )


def terms(query: CaseTermQuery) -> Select[CaseTerm]:
    """The trees of words, each in its order."""
    statement = select(CaseTerm).order_by(CaseTerm.tree, CaseTerm.position)
    return statement if query.tree is None else statement.where(CaseTerm.tree == query.tree)


async def _skills_must_exist(session: AsyncSession, skills: list[str]) -> None:
    known = set(
        await session.scalars(select(CaseTerm.code).where(CaseTerm.tree == CaseTree.COMPLAINT_CATEGORY))
    )
    for index, skill in enumerate(skills):
        if skill not in known:
            raise Invalid(
                f"There is no category {skill}; see /v1/case-terms?tree=complaint_category.",
                f"没有投诉类别 {skill}，请查看 /v1/case-terms?tree=complaint_category。",
                pointer=f"/body/skills/{index}",
            )


def _with_open(handler: Handler, count: int) -> dict[str, Any]:
    names = ("user_id", "capacity", "skills", "regions", "is_on_duty", "last_assigned_at")
    return {name: getattr(handler, name) for name in names} | {"open": count}
