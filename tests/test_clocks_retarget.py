"""Clocks that are brought to a newer version of their limit, and told to the second."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from app.models.clock import ClockKind
from app.models.job import Job, JobState
from app.roles import Role
from app.services.clocks import explain, keeping, retargeting
from app.worker import run_job, sweep_clocks
from tests.clocks import (
    HOUR,
    a_policy,
    a_version,
    an_hour,
    clock_of,
    differing,
    move,
    only,
    start,
)
from tests.system import System

CONTRACT = ClockKind.CONTRACT


async def run(system: System, job: dict[str, Any]) -> dict[str, Any]:
    await run_job(system.database.sessions, UUID(job["id"]))
    admin = await system.as_role(Role.ADMIN)
    return dict((await admin.get(f"/v1/jobs/{job['id']}")).json())


async def test_what_the_preview_tells_is_what_the_job_does(system: System) -> None:
    old = await a_policy(system)
    now = datetime.now(UTC)
    subjects = [await start(system, only(old), now - hours * HOUR) for hours in (1, 4, 7, 20)]
    await move(system, keeping.pause, subjects[0], "awaiting_customer", now - 0.5 * HOUR)
    await sweep_clocks(system.database.sessions)
    await a_version(system, old, amount=6 * 3600)
    admin = await system.as_role(Role.ADMIN)
    path = f"/v1/sla-policies/{old['code']}/retarget"
    preview = (await admin.post(f"{path}/preview")).json()
    assert (preview["clocks"], preview["number"], len(preview["items"])) == (4, 2, 4)
    alarms = (
        "SELECT count(*) FROM clock_alarms a JOIN clocks c ON c.id = a.clock_id WHERE subject_id = ANY (:ids)"
    )
    before = await system.scalar(alarms, ids=subjects)
    done = await run(system, (await admin.post(path)).json())
    assert (done["state"], done["done"], done["total"]) == ("done", 4, 4)
    told = {item["subject_id"]: item["new_due_at"] for item in preview["items"]}
    for subject in subjects:
        clock = await clock_of(system, subject, CONTRACT)
        expected = told[str(subject)]
        if clock.due_at is None:
            assert expected is None
        else:
            near = datetime.fromisoformat(expected) - clock.due_at
            assert abs(near.total_seconds()) < (60 if subject == subjects[2] else 0.001)
    assert await differing(system, subjects) == []
    seven, twenty = [await clock_of(system, each, CONTRACT) for each in subjects[2:]]
    assert seven.due_at is not None
    assert seven.due_at >= now, "nobody is late in the past by a limit that became shorter"
    assert twenty.due_at == now - 10 * HOUR, "what was late stays late"
    await sweep_clocks(system.database.sessions)
    await sweep_clocks(system.database.sessions)
    assert await system.scalar(alarms, ids=subjects) >= before
    assert (await admin.post(f"{path}/preview")).json()["clocks"] == 0


async def test_a_retarget_goes_on_where_it_was_cut_off_and_stops_when_it_is_cancelled(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retargeting, "CHUNK", 2)
    old = await a_policy(system)
    subjects = [await start(system, only(old)) for _ in range(5)]
    new = await a_version(system, old, amount=7200)
    admin = await system.as_role(Role.ADMIN)
    path = f"/v1/sla-policies/{old['code']}/retarget"
    job, again = [(await admin.post(path)).json() for _ in range(2)]
    assert job["id"] == again["id"]
    async with system.database.sessions.begin() as session:
        await session.execute(
            text("UPDATE jobs SET state = 'running' WHERE id = :id"), {"id": UUID(job["id"])}
        )
        running = await session.get(Job, UUID(job["id"]))
        assert running is not None
        assert await retargeting.step(session, running) is True
    moved = "SELECT count(*) FROM clocks WHERE subject_id = ANY (:ids) AND policy_id = :new"
    assert await system.scalar(moved, ids=subjects, new=UUID(new["id"])) == 2
    assert (await run(system, job))["done"] == 5
    assert await system.scalar(moved, ids=subjects, new=UUID(new["id"])) == 5
    events = "SELECT count(*) FROM clock_events e JOIN clocks c ON c.id = e.clock_id WHERE subject_id = ANY (:ids) AND e.kind = 'retargeted'"
    assert await system.scalar(events, ids=subjects) == 5
    await a_version(system, old, amount=9000)
    third = (await admin.post(path)).json()
    assert (await admin.post(f"/v1/jobs/{third['id']}/cancel")).status_code == 200
    assert (await run(system, third))["state"] == JobState.CANCELLED
    assert await system.scalar(events, ids=subjects) == 5


async def test_a_policy_without_a_version_in_force_retargets_nothing(system: System) -> None:
    policy = await a_policy(system, valid_from="2999-01-01")
    admin = await system.as_role(Role.ADMIN)
    path = f"/v1/sla-policies/{policy['code']}/retarget"
    assert (await admin.post(path)).status_code == 409
    assert (await admin.post(f"{path}/preview")).status_code == 409
    assert (await admin.post("/v1/sla-policies/nobody/retarget")).status_code == 404


async def test_a_clock_counts_by_its_calendar_and_is_retargeted_with_it(system: System) -> None:
    """调休: what was a Saturday off becomes a working day."""
    admin = await system.as_role(Role.ADMIN)
    hours = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    code = (await a_policy(system))["code"]
    made = await admin.post(
        "/v1/calendars",
        {
            "code": code,
            "zh": "杭州客服",
            "en": "Hangzhou desk",
            "zone": "Asia/Shanghai",
            "version": {"hours": hours, "valid_from": "2020-01-01", "source": "测试"},
        },
    )
    assert made.status_code == 201, made.text
    calendar = made.json()
    policy = await a_policy(system, counting="working", calendar_id=calendar["id"], amount=18 * 3600)
    friday = datetime(2026, 11, 20, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
    subject = await start(system, only(policy), friday)
    clock = await clock_of(system, subject, CONTRACT)
    assert clock.due_at == friday + (3 * 24 + 9) * HOUR, "Friday and Monday"
    version = await admin.post(
        f"/v1/calendars/{calendar['id']}/versions",
        {
            "hours": hours,
            "date_overrides": {"2026-11-21": [["09:00", "18:00"]]},
            "valid_from": "2020-01-01",
            "source": "调休通知",
        },
    )
    assert version.status_code == 201, version.text
    done = await run(system, (await admin.post(f"/v1/sla-policies/{policy['code']}/retarget")).json())
    assert done["done"] == 1
    assert await differing(system, [subject]) == []


@pytest.mark.parametrize("kind", list(ClockKind))
async def test_what_a_clock_is_due_by_is_told_to_the_second(system: System, kind: ClockKind) -> None:
    subject = await start(system)
    await move(system, keeping.pause, subject, "awaiting_customer", an_hour(5))
    await move(system, keeping.resume, subject, an_hour(8))
    clock = await clock_of(system, subject, kind)
    async with system.database.sessions() as session:
        told = await explain.explain(session, clock, [an_hour(6)])
    counted = sum(step["seconds"] for step in told["steps"] if step["counted"])
    assert counted == {"statutory": 7 * 86400, "contract": 72 * 3600, "internal": 7 * 86400}[kind]
    assert told["steps"][-1]["until"] == clock.due_at == told["due_at"]
    assert told["illegitimate_seconds"] == (7200 if kind is CONTRACT else 0)
    assert told["verdict"] == clock.verdict
    reasons = {"statutory": ["first_day", "calendar_time"], "internal": ["calendar_time"]}
    expected = reasons.get(kind, ["calendar_time", "paused", "calendar_time"])
    assert [step["why"] for step in told["steps"]] == expected
