"""Limits are told of as they are used up: in time, once, whoever sweeps and whoever is killed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app import worker
from app.models.clock import ClockKind, ClockMetric, ClockState
from app.services.clocks import keeping, sweep
from app.services.clocks.policies import Facts
from tests.clocks import HOUR, KEY, clock_of, clocks_of, differing, move, start
from tests.owner import execute, owner
from tests.system import System
from tests.test_worker import eventually, working

CONTRACT, HOUSE = ClockKind.CONTRACT, ClockKind.INTERNAL
SECOND = timedelta(seconds=1)


def ago(hours: float) -> datetime:
    return datetime.now(UTC) - hours * HOUR


async def alarms(system: System, subject_id: UUID) -> list[tuple[str, str, int]]:
    """What was told under this subject's name."""
    async with owner(system) as connection:
        rows = await connection.fetch(
            "SELECT data ->> 'clock', data ->> 'metric', (data ->> 'share')::int, kind FROM events"
            " WHERE subject_id = $1 AND kind IN ('clock.alarm', 'clock.breached') ORDER BY sequence",
            subject_id,
        )
    assert all((row[3] == "clock.breached") == (row[2] == 100) for row in rows)
    return sorted((row[0], row[1], row[2]) for row in rows)


async def test_each_share_that_is_used_up_is_told_once(system: System) -> None:
    subject = await start(system, at=ago(14))
    expected = [
        ("contract", "first_response", 50),
        ("contract", "first_response", 80),
        ("contract", "first_response", 100),
        ("internal", "assignment", 50),
        ("internal", "first_response", 50),
    ]
    for _ in range(3):
        await worker.sweep_clocks(system.database.sessions)
        assert await alarms(system, subject) == expected
    assert await differing(system, [subject]) == []


async def test_two_who_sweep_at_once_tell_of_nothing_twice(system: System) -> None:
    subjects = [await start(system, at=ago(100)) for _ in range(20)]
    await asyncio.gather(*(worker.sweep_clocks(system.database.sessions) for _ in range(4)))
    for subject in subjects:
        told = await alarms(system, subject)
        assert len(told) == len(set(told)) == 14
    assert await differing(system, subjects) == []


async def test_a_sweep_that_dies_half_way_has_told_of_nothing(system: System) -> None:
    await worker.sweep_clocks(system.database.sessions)
    subject = await start(system, at=ago(14))
    session = system.database.sessions()
    await session.begin()
    assert await sweep.sweep(session) > 0
    assert await session.scalar(text("SELECT count(*) FROM clock_alarms WHERE at > now() - interval '1 day'"))
    async with system.database.sessions.begin() as other:
        assert await sweep.sweep(other) == 0, "what somebody has in hand is left to them"
    await session.rollback()
    await session.close()
    assert await alarms(system, subject) == []
    await worker.sweep_clocks(system.database.sessions)
    assert len(await alarms(system, subject)) == 5


async def test_who_stops_a_clock_late_is_told_of_though_no_sweep_saw_it_run(system: System) -> None:
    subject = await start(system, Facts(), at=ago(30))
    await move(system, keeping.meet, subject, ClockMetric.ASSIGNMENT, ago(30) + 24 * HOUR + SECOND)
    await move(system, keeping.meet, subject, ClockMetric.FIRST_RESPONSE, ago(30) + 23 * HOUR)
    await worker.sweep_clocks(system.database.sessions)
    told = await alarms(system, subject)
    assert ("internal", "assignment", 100) in told
    assert ("internal", "first_response", 80) in told
    assert ("internal", "first_response", 100) not in told
    late = await clock_of(system, subject, HOUSE, ClockMetric.ASSIGNMENT)
    assert (late.is_late, late.verdict) == (True, "breached")


async def test_a_pause_ends_by_itself_when_its_time_has_come(system: System) -> None:
    subject = await start(system, at=ago(10))
    await move(system, keeping.pause, subject, "awaiting_customer", ago(9), until=ago(4))
    await worker.sweep_clocks(system.database.sessions)
    clock = await clock_of(system, subject, CONTRACT)
    assert (clock.state, clock.paused_s) == (ClockState.RUNNING, 5 * 3600)
    assert await differing(system, [subject]) == []


async def test_a_paused_clock_is_not_told_of(system: System) -> None:
    subject = await start(system, at=ago(100))
    await move(system, keeping.pause, subject, "awaiting_evidence", ago(99))
    await worker.sweep_clocks(system.database.sessions)
    assert ("contract", "resolution", 50) not in await alarms(system, subject)
    assert (await clock_of(system, subject, CONTRACT)).next_at is None


async def test_what_was_told_is_not_told_again_when_the_stop_is_taken_back(system: System) -> None:
    subject = await start(system, at=ago(100))
    await worker.sweep_clocks(system.database.sessions)
    before = await alarms(system, subject)
    await move(system, keeping.meet, subject, ClockMetric.RESOLUTION, ago(1))
    await move(system, keeping.revoke, subject, ClockMetric.RESOLUTION, ago(0), reason="not_accepted")
    await move(system, keeping.retarget, subject, KEY, ago(0))
    await worker.sweep_clocks(system.database.sessions)
    assert await alarms(system, subject) == before


async def test_a_sweep_with_nothing_to_do_looks_into_one_index_and_sorts_nothing(
    empty_system: System,
) -> None:
    await start(empty_system, at=datetime.now(UTC))
    async with owner(empty_system) as connection:
        await connection.execute(
            "INSERT INTO clocks (id, subject_type, subject_id, cycle, kind, metric, policy_id, state, started_at,"
            " paused_s, elapsed_s, next_at) SELECT gen_random_uuid(), subject_type, gen_random_uuid(), 1, kind, metric,"
            " policy_id, state, started_at, 0, 0, next_at + n * interval '1 minute'"
            " FROM clocks, generate_series(1, 500) n"
        )
        await connection.execute("ANALYZE clocks")
        plan = await connection.fetch(
            "EXPLAIN SELECT * FROM clocks WHERE next_at < now() ORDER BY next_at, id LIMIT 500"
            " FOR UPDATE SKIP LOCKED"
        )
    told = " ".join(row[0] for row in plan)
    assert "Index Scan using ix_clocks_next_at" in told
    assert "Sort" not in told


async def test_a_worker_tells_of_a_limit_within_seconds_and_two_of_them_only_once(
    empty_system: System,
) -> None:
    async with working(empty_system, 2):
        subject = await start(empty_system, Facts(), at=datetime.now(UTC) - 12 * HOUR + SECOND)

        async def told() -> Any:
            return len(await alarms(empty_system, subject)) == 2

        await eventually(told)
    late = await empty_system.scalar("SELECT max(fired_at - at) FROM clock_alarms")
    assert timedelta() < late < 5 * SECOND


@pytest.mark.parametrize("share", [50, 100])
async def test_the_database_takes_no_second_alarm_of_a_share(system: System, share: int) -> None:
    subject = await start(system, at=ago(500))
    await worker.sweep_clocks(system.database.sessions)
    (clock, *_) = await clocks_of(system, subject)
    again = (
        "INSERT INTO clock_alarms (clock_id, share, at) VALUES (:id, :share, now()) ON CONFLICT DO NOTHING"
    )
    await execute(system, again, id=clock.id, share=share)
    count = "SELECT count(*) FROM clock_alarms WHERE clock_id = :id AND share = :share"
    assert await system.scalar(count, id=clock.id, share=share) == 1
