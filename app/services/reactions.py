"""What follows from what: the one table by which an event in one room causes work in another."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.models.event import Outbox
from app.services import events, parking, status
from app.services.complaints import assignment, escalation, handling

Reaction = Callable[[AsyncSession, Sequence[Outbox]], Awaitable[None]]


async def refold(session: AsyncSession, work: Sequence[Outbox]) -> None:
    await status.refold(session, _places(work))


async def adopt_parked(session: AsyncSession, work: Sequence[Outbox]) -> None:
    await status.refold(session, await parking.adopt_parked(session, _places(work)))


async def escalate(session: AsyncSession, work: Sequence[Outbox]) -> None:
    await escalation.on_alarms(session, sorted({row.subject_id for row in work}))


async def follow_clocks(session: AsyncSession, work: Sequence[Outbox]) -> None:
    await handling.follow_all(session, sorted({row.subject_id for row in work}))


async def find_handlers(session: AsyncSession, _: Sequence[Outbox]) -> None:
    while await assignment.drain(session) == assignment.DRAINED:
        pass


REACTIONS: dict[str, tuple[Reaction, ...]] = {
    "tracking.received": (refold,),
    "shipment.created": (adopt_parked,),
    "clock.alarm": (escalate,),
    "clock.breached": (escalate,),
    "clock.resumed": (follow_clocks,),
    "clock.retargeted": (follow_clocks,),
    "clock.waived": (follow_clocks,),
    "complaint.closed": (find_handlers,),
    "complaint.closed_not_accepted": (find_handlers,),
    "complaint.withdrawn": (find_handlers,),
    "complaint.merged": (find_handlers,),
    "handler.changed": (find_handlers,),
}

CONSUMERS: dict[str, Reaction] = {
    reaction.__name__: reaction for reactions in REACTIONS.values() for reaction in reactions
}

events.CONSUMERS.update(
    {kind: tuple(reaction.__name__ for reaction in reactions) for kind, reactions in REACTIONS.items()}
)


def _places(work: Sequence[Outbox]) -> list[tuple[UUID, UUID]]:
    return [(row.customer_id, row.subject_id) for row in work if row.customer_id is not None]
