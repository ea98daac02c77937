"""What a worker does by the clock."""

import asyncio
from uuid import UUID

import structlog

from app.database import Sessions
from app.models.audit import AuditStream
from app.services import jobs, retention, seals, sweeps, verification
from app.services.clocks import sweep
from app.services.complaints import assignment, handling
from app.services.documents import second
from app.services.exports import requests as exports
from app.services.segments import history

log = structlog.get_logger(__name__)

BREATH_S = 0.05


async def sweep_silence(sessions: Sessions) -> None:
    """Look at every shipment whose next check is due, with pauses in which fresh events go first."""
    looked_at = 1
    while looked_at:
        async with sessions.begin() as session:
            looked_at = await sweeps.listen_for_silence(session)
        await asyncio.sleep(BREATH_S)


async def sweep_clocks(sessions: Sessions) -> None:
    """Tell of every limit that is used up by now, some clocks a transaction."""
    while True:
        async with sessions.begin() as session:
            looked_at = await sweep.sweep(session)
        if looked_at < sweep.BATCH:
            return


async def end_waits(sessions: Sessions) -> None:
    """Go on with complaints that have waited as long as they were to."""
    more = True
    while more:
        async with sessions.begin() as session:
            more = await handling.end_waits(session) == handling.FEW


async def find_handlers(sessions: Sessions) -> None:
    """Look for somebody for complaints that wait, whatever has made room."""
    more = True
    while more:
        async with sessions.begin() as session:
            more = await assignment.drain(session) == assignment.DRAINED


async def housekeeping(sessions: Sessions) -> None:
    """Make months ahead, wake jobs whose wake-up was lost, forget what is past its time."""
    async with sessions.begin() as session:
        await sweeps.make_months(session)
        await jobs.wake_lost(session)
        await exports.settle(session)
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


async def seal_audit(sessions: Sessions) -> None:
    """Seal what was written down since; the log line is a copy of the chain's end outside the database."""
    for stream in AuditStream:
        more = True
        while more:
            async with sessions.begin() as session:
                sealed = await seals.seal(session, stream)
            if sealed is not None:
                log.info("audit sealed", number=sealed.number, rows=sealed.rows, sha256=sealed.sha256.hex())
            more = sealed is not None and sealed.rows == seals.BATCH


async def compare_contracts(sessions: Sessions) -> None:
    """Have every contract whose time has come stand in the second store as it does in the first."""
    more = True
    while more:
        async with sessions.begin() as session:
            more = await second.settle(session)


async def apply_retention(sessions: Sessions) -> None:
    """Take the people out of what has been kept long enough, a few rows a transaction."""
    for each in retention.APPLIED:
        done = 1
        while done:
            async with sessions.begin() as session:
                done = await retention.step(session, each)
            await asyncio.sleep(BREATH_S)
