"""Wrong on purpose: what the system must not be, so that the count is seen to notice it.

Each variant replaces functions of the product in a process of the harness; the product has no switch for it.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from fastapi import Response
from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Sessions
from app.models.event import Outbox
from app.routers.idempotency import Key
from app.services import tracking
from app.services.reactions import CONSUMERS
from app.worker import loops, outbox

Step = Callable[[AsyncSession, list[Outbox]], Awaitable[None]]


def mark_first() -> None:
    """The relay marks its rows in a transaction of their own, then acts: a death between loses the effect."""
    _relay_in_two(_mark, _act)


def act_first() -> None:
    """The relay acts, then marks its rows in another transaction: a death between doubles the effect."""
    _relay_in_two(_act, _mark)


def no_idempotency() -> None:
    """The API ignores idempotency keys and takes every event for a new one: a retry doubles."""

    async def take(_self: Key, _session: AsyncSession) -> None:
        return None

    async def keep(_self: Key, _session: AsyncSession, _response: Response) -> None:
        return None

    _replace(Key, "take", take)
    _replace(Key, "keep", keep)
    _replace(tracking, "event_key", lambda _item: f"id:{uuid4()}")


VARIANTS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (mark_first, act_first, no_idempotency)
}


def _relay_in_two(first: Step, second: Step) -> None:
    async def relay(sessions: Sessions) -> int:
        async with sessions.begin() as session:
            rows = await outbox._claim(session)  # noqa: SLF001  # as the product does
            await first(session, rows)
        async with sessions.begin() as session:
            await second(session, rows)
        return len(rows)

    _replace(loops, "relay", relay)


async def _mark(session: AsyncSession, rows: list[Outbox]) -> None:
    ids = [row.id for row in rows]
    await session.execute(update(Outbox).where(Outbox.id.in_(ids)).values(done_at=func.now()))


async def _act(session: AsyncSession, rows: list[Outbox]) -> None:
    for consumer, work in outbox._by_consumer(rows).items():  # noqa: SLF001  # as above
        await CONSUMERS[consumer](session, work)


def _replace(owner: Any, name: str, other: Any) -> None:
    getattr(owner, name)  # one that was renamed must not turn a broken variant into a correct one
    setattr(owner, name, other)
