"""What a worker does by the clock."""

import asyncio
from uuid import UUID

from app.database import Sessions
from app.services import jobs, sweeps, verification
from app.services.segments import history

BREATH_S = 0.05


async def sweep_silence(sessions: Sessions) -> None:
    """Look at every shipment whose next check is due, with pauses in which fresh events go first."""
    looked_at = 1
    while looked_at:
        async with sessions.begin() as session:
            looked_at = await sweeps.listen_for_silence(session)
        await asyncio.sleep(BREATH_S)


async def housekeeping(sessions: Sessions) -> None:
    """Make months ahead, wake jobs whose wake-up was lost, forget what is past its time."""
    async with sessions.begin() as session:
        await sweeps.make_months(session)
        await jobs.wake_lost(session)
    for table in sweeps.FORGOTTEN:
        more = True
        while more:
            async with sessions.begin() as session:
                more = await sweeps.forget(session, table)


async def open_tasks(sessions: Sessions) -> None:
    """Open a task for everything about customers that has come due to be confirmed, some customers at a time."""
    last: UUID | None = UUID(int=0)
    while last is not None:
        async with sessions.begin() as session:
            last = await verification.open_due(session, last)
        await asyncio.sleep(BREATH_S)


async def snapshot_segments(sessions: Sessions) -> None:
    """Count every segment that was not counted today, a transaction each."""
    async with sessions() as session:
        waiting = await history.without_snapshot(session)
    for segment_id in waiting:
        async with sessions.begin() as session:
            await history.snapshot(session, segment_id)
