"""The relay: takes what events leave to do out of the outbox, has it done, and marks it, in one transaction."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import logs, telemetry
from app.database import Sessions, is_out_of_order
from app.models.event import Outbox
from app.services.reactions import CONSUMERS

log = structlog.get_logger(__name__)

BATCH = 500
MAX_ATTEMPTS = 10


async def relay(sessions: Sessions) -> int:
    """Take pending outbox rows, let their consumers act, and mark them: one transaction. Returns how many.

    A consumer gets all its rows at once in a savepoint; if that fails, row by row, so that one poisoned row
    stops only itself. It is tried again with growing delays, and set aside after ten attempts. Deferred
    constraints speak inside the savepoint, too: at the commit it would be too late to tell whom they mean.
    """
    async with sessions.begin() as session:
        rows = await _claim(session)
        for consumer, work in _by_consumer(rows).items():
            with telemetry.span(f"relay {consumer}"):
                await _serve(session, consumer, work)
        return len(rows)


async def drain(sessions: Sessions) -> None:
    """Relay until nothing is pending."""
    while await relay(sessions):
        pass


async def _claim(session: AsyncSession) -> list[Outbox]:
    return list(
        await session.scalars(
            select(Outbox)
            .where(Outbox.available_at <= func.now(), Outbox.done_at.is_(None), Outbox.failed_at.is_(None))
            .order_by(Outbox.available_at, Outbox.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
    )


def _by_consumer(rows: Sequence[Outbox]) -> dict[str, list[Outbox]]:
    groups: dict[str, list[Outbox]] = defaultdict(list)
    for row in rows:
        groups[row.consumer].append(row)
    return groups


async def _serve(session: AsyncSession, consumer: str, work: Sequence[Outbox]) -> None:
    done = await _try(session, consumer, work)
    if not done and len(work) > 1:
        for row in work:
            await _try(session, consumer, [row])


async def _try(session: AsyncSession, consumer: str, work: Sequence[Outbox]) -> bool:
    ids = [row.id for row in work]
    try:
        async with session.begin_nested():
            await CONSUMERS[consumer](session, work)
            await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            await session.execute(update(Outbox).where(Outbox.id.in_(ids)).values(done_at=func.now()))
        await session.execute(text("SET CONSTRAINTS ALL DEFERRED"))
    except Exception as problem:  # whatever a consumer raises must not stop the others
        if is_out_of_order(problem):
            raise
        if len(work) == 1:
            await _postpone(session, work[0], problem)
        return False
    return True


async def _postpone(session: AsyncSession, row: Outbox, problem: Exception) -> None:
    attempts = row.attempts + 1
    log.error("reaction failed", consumer=row.consumer, outbox_id=row.id, attempts=attempts, exc_info=problem)
    values = {
        "attempts": attempts,
        "last_error": logs.describe(problem),
        "available_at": func.now() + timedelta(seconds=min(2**attempts, 600)),
        "failed_at": func.now() if attempts >= MAX_ATTEMPTS else None,
    }
    await session.execute(update(Outbox).where(Outbox.id == row.id).values(**values))
