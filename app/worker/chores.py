"""What a worker does by the clock."""

import asyncio

from app.database import Sessions
from app.services import jobs, sweeps
from app.services.exports import requests as exports

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
        await exports.settle(session)
    for table in sweeps.FORGOTTEN:
        more = True
        while more:
            async with sessions.begin() as session:
                more = await sweeps.forget(session, table)
