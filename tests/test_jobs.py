"""Jobs: one per key, none forgotten, and what has ended stays as it ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.clock import now
from app.models.job import Job, JobState
from app.services import jobs
from app.services.codes import REMAP
from tests.system import System

WAKE_UPS = "SELECT count(*) FROM pgqueuer WHERE convert_from(payload, 'UTF8')::jsonb ->> 'job_id' = :id"


async def queued(session: AsyncSession, **options: Any) -> Job:
    return await jobs.enqueue(session, REMAP, {}, **options)


async def test_while_a_job_with_a_key_is_under_way_a_second_one_is_not_queued(empty_system: System) -> None:
    async with empty_system.database.sessions.begin() as session:
        first = await queued(session, key="the report of March")
    async with empty_system.database.sessions.begin() as session:
        assert (await queued(session, key="the report of March")).id == first.id
        assert (await queued(session, key="the report of April")).id != first.id
    assert await empty_system.scalar(WAKE_UPS, id=str(first.id)) == 1


async def test_after_a_job_has_ended_its_key_is_free_again(empty_system: System) -> None:
    async with empty_system.database.sessions.begin() as session:
        first = await queued(session, key="the report of March")
        await jobs.cancel(session, first.id)
        assert (await queued(session, key="the report of March")).id != first.id


async def test_a_job_for_later_is_not_woken_before(empty_system: System) -> None:
    async with empty_system.database.sessions.begin() as session:
        await queued(session, run_at=now() + timedelta(hours=1))
    early = "SELECT execute_after > now() + interval '59 minutes' FROM pgqueuer"
    assert await empty_system.scalar(early) is True


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_job_for_later_is_due_by_the_databases_clock(empty_system: System, hours: int) -> None:
    """Whatever the process thinks that asks for it."""
    due = await empty_system.scalar("SELECT now() + interval '1 hour'")
    clock.set_source(lambda: datetime.now(UTC) + timedelta(hours=hours))
    try:
        async with empty_system.database.sessions.begin() as session:
            await queued(session, run_at=due)
    finally:
        clock.set_source(None)
    off = "SELECT abs(extract(epoch FROM execute_after - :due)) < 1 FROM pgqueuer"
    assert await empty_system.scalar(off, due=due) is True


async def test_a_job_whose_wake_up_was_lost_is_woken_again_and_only_that_one(empty_system: System) -> None:
    async with empty_system.database.sessions.begin() as session:
        lost, sound, ended = [await queued(session) for _ in range(3)]
        await jobs.cancel(session, ended.id)
    async with empty_system.database.sessions.begin() as session:
        connection = await session.connection()
        await connection.exec_driver_sql(
            "DELETE FROM pgqueuer WHERE convert_from(payload, 'UTF8')::jsonb ->> 'job_id' <> $1",
            (str(sound.id),),
        )
        await jobs.wake_lost(session)
    wake_ups = [await empty_system.scalar(WAKE_UPS, id=str(job.id)) for job in (lost, sound, ended)]
    assert wake_ups == [1, 1, 0]


async def test_a_job_that_was_cancelled_meanwhile_stays_cancelled_when_it_fails(empty_system: System) -> None:
    async with empty_system.database.sessions.begin() as session:
        job = await queued(session)
        await jobs.cancel(session, job.id)
        jobs.fail(job, "too late")
        assert (job.state, job.error) == (JobState.CANCELLED, None)
