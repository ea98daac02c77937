"""The port to the job queue: enqueued in the caller's transaction, so that no job is lost and none runs early.

The queue (pgqueuer) carries the wake-up. What a job is, how far it has come and how it ended stands in `jobs`.
"""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pgqueuer import Queries
from sqlalchemy import Select, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.database import driver_connection
from app.errors import NotFound
from app.models.job import Job, JobState

MAX_STARTS = 5

_LOST = text("""
    SELECT * FROM jobs WHERE state IN ('queued', 'running') AND NOT EXISTS (
        SELECT FROM pgqueuer
        WHERE entrypoint = jobs.name AND status IN ('queued', 'picked')
          AND convert_from(payload, 'UTF8')::jsonb ->> 'job_id' = jobs.id::text)
""")


async def enqueue(
    session: AsyncSession,
    name: str,
    payload: dict[str, Any],
    *,
    key: str | None = None,
    run_at: datetime | None = None,
    requested_by: UUID | None = None,
) -> Job:
    """Have the worker run the job `name` once this transaction commits, or at `run_at`.

    While a job with the same `key` is queued or running, that one is returned and none is added.
    """
    if key is not None and (present := await _under_way(session, key)) is not None:
        return present
    job = Job(name=name, payload=payload, key=key, requested_by=requested_by)
    session.add(job)
    await session.flush()
    # By the database's clock, which also says when it is due: this process's own may be off.
    delay = None if run_at is None else await session.scalar(select(literal(run_at) - func.now()))
    await wake(session, job, delay)
    return job


async def wake(session: AsyncSession, job: Job, delay: timedelta | None = None) -> None:
    """Put the job's wake-up into the queue, inside this transaction."""
    connection = await driver_connection(await session.connection())
    payload = json.dumps({"job_id": str(job.id)}).encode()
    await Queries.from_asyncpg_connection(connection).enqueue(job.name, payload, execute_after=delay)


async def wake_lost(session: AsyncSession) -> None:
    """Wake again whatever has not ended and has no wake-up left, for its worker died with it."""
    lost = select(Job).from_statement(_LOST)
    for job in await session.scalars(lost):
        await wake(session, job)


async def _under_way(session: AsyncSession, key: str) -> Job | None:
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 1))"), {"key": key})
    states = [JobState.QUEUED, JobState.RUNNING]
    return await session.scalar(select(Job).where(Job.key == key, Job.state.in_(states)))


async def begin(session: AsyncSession, job_id: UUID) -> Job | None:
    """Count a start and take the job, or `None` where there is nothing to do: ended, cancelled, or given up."""
    job = await session.scalar(select(Job).where(Job.id == job_id).with_for_update(skip_locked=True))
    if job is None or not job.transitions[job.state]:
        return None
    job.starts += 1
    if job.starts > MAX_STARTS:
        fail(job, f"given up after {MAX_STARTS} starts")
        return None
    job.advance(JobState.RUNNING)
    return job


def finish(job: Job) -> None:
    if job.state is JobState.RUNNING:
        job.advance(JobState.DONE)
        job.finished_at = now()


def fail(job: Job, error: str) -> None:
    """End a job that can't go on; one that has ended meanwhile stays as it ended."""
    if job.transitions[job.state]:
        job.advance(JobState.FAILED)
        job.error, job.finished_at = error[:2000], now()


def search() -> Select[Job]:
    return select(Job).order_by(Job.created_at.desc(), Job.id.desc())


async def cancel(session: AsyncSession, job_id: UUID) -> Job:
    """Cancel a job that has not ended; one that runs stops at its next step."""
    job = await session.scalar(select(Job).where(Job.id == job_id).with_for_update())
    if job is None:
        raise NotFound
    job.advance(JobState.CANCELLED)
    job.finished_at = now()
    return job
