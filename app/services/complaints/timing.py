"""By when something is to be done about a complaint, and why then."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound
from app.models.clock import Clock, ClockWaiver
from app.schemas.clock import WaiverRequest
from app.schemas.complaint import ClockQuery
from app.security import Principal
from app.services.clocks import explain, keeping, waivers
from app.services.complaints import reading


async def clocks(session: AsyncSession, principal: Principal, complaint_id: UUID) -> list[Clock]:
    """Of all cycles."""
    await reading.must_see(session, principal, complaint_id)
    return (await keeping.of(session, [complaint_id]))[complaint_id]


async def explained(
    session: AsyncSession, principal: Principal, complaint_id: UUID, query: ClockQuery
) -> dict[str, Any]:
    """Why the latest clock of this kind is due when it is. `NotFound` where none ran."""
    fitting = [
        each
        for each in await clocks(session, principal, complaint_id)
        if each.kind is query.clock and each.metric is query.metric and query.cycle in {None, each.cycle}
    ]
    if not fitting:
        raise NotFound
    return await explain.explain(session, max(fitting, key=lambda each: each.cycle))


async def request_waiver(
    session: AsyncSession, actor: Principal, clock_id: UUID, body: WaiverRequest
) -> ClockWaiver:
    """Ask that a complaint's clock should not count."""
    clock = await session.get(Clock, clock_id)
    if clock is None:
        raise NotFound
    await reading.taken(session, actor, clock.subject_id)
    return await waivers.request(session, actor, clock, body.reason)
