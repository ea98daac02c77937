"""Jobs: long work in steps, each a transaction of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import logs, telemetry
from app.database import LOST_RACES, Sessions, is_out_of_order, sqlstate_of
from app.models.job import Job, JobState
from app.services import clusters, codes, jobs, remapping
from app.services.clocks import retargeting
from app.services.exports import steps as export_steps
from app.services.imports import steps as import_steps
from app.services.imports import undo as import_undo

log = structlog.get_logger(__name__)

MAX_HICCUPS = 10
HICCUP_S = 1.0


async def run_job(sessions: Sessions, job_id: UUID) -> None:
    """Run one job to its end, a transaction a step; progress is kept, so that a killed job goes on there."""
    async with sessions.begin() as session:
        job = await jobs.begin(session, job_id)
        if job is None:
            return
        name, step = job.name, STEPS[job.name]
    hiccups = 0
    while hiccups <= MAX_HICCUPS:
        try:
            with telemetry.span(f"job {name}"):
                more = await _step(sessions, job_id, step)
            if not more:
                return
            hiccups = 0
        except Exception as problem:
            hiccups = hiccups + 1 if _passes(problem) else MAX_HICCUPS + 1
            log.warning("job step failed", job_id=str(job_id), hiccups=hiccups, exc_info=problem)
            await _pause_or_give_up(sessions, job_id, problem, hiccups)


async def _step(
    sessions: Sessions, job_id: UUID, step: Callable[[AsyncSession, Job], Awaitable[bool]]
) -> bool:
    async with sessions.begin() as session:
        await session.execute(text("SET LOCAL statement_timeout = '10min'"))
        job = await session.scalar(select(Job).where(Job.id == job_id).with_for_update())
        if job is None or job.state is not JobState.RUNNING:
            return False
        more = await step(session, job)
        if not more:
            jobs.finish(job)
        return more


async def _pause_or_give_up(sessions: Sessions, job_id: UUID, problem: Exception, hiccups: int) -> None:
    if hiccups <= MAX_HICCUPS:
        await asyncio.sleep(HICCUP_S)
        return
    async with sessions.begin() as session:
        jobs.fail(await Job.fetch(session, job_id), logs.describe(problem))


def _passes(problem: Exception) -> bool:
    """Whether it may go better next time: the database was out of order, or somebody else was in the way."""
    return is_out_of_order(problem) or sqlstate_of(problem) in LOST_RACES | {"57014", "57P01", "57P03"}


async def remap_carrier_code(session: AsyncSession, job: Job) -> bool:
    """Read a thousand stored events anew; says whether there are more."""
    payload = job.payload
    after = payload.get("after")
    task = remapping.Remap(
        payload["list"],
        payload["reason_code"] or payload["code"],
        date.fromisoformat(payload["since"]),
        (datetime.fromisoformat(after[0]), UUID(after[1])) if after else None,
    )
    following = await remapping.remap(session, task)
    job.done += 1
    if following is None:
        return False
    job.payload = {**payload, "after": [following[0].isoformat(), str(following[1])]}
    return True


STEPS: dict[str, Callable[[AsyncSession, Job], Awaitable[bool]]] = {
    codes.REMAP: remap_carrier_code,
    clusters.SCAN: clusters.scan_step,
    retargeting.JOB: retargeting.step,
    import_steps.JOB: import_steps.step,
    import_undo.JOB: import_undo.step,
    export_steps.JOB: export_steps.step,
}
