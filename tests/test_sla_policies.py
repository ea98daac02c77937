"""Limits as data: which one holds for whom, and clocks that are brought to a newer version."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from app.database import owner_engine
from app.errors import Conflict
from app.models.clock import ClockKind, ClockMetric, ClockState
from app.models.job import Job, JobState
from app.roles import Role
from app.services import reference
from app.services.clocks import explain, keeping, retargeting, waivers
from app.services.clocks.policies import Facts
from app.worker import run_job, sweep_clocks
from tests.clocks import (
    HOUR,
    NOON,
    a_policy,
    a_version,
    an_hour,
    clock_of,
    clocks_of,
    differing,
    move,
    start,
)
from tests.owner import execute
from tests.system import System, a_customer

CONTRACT = ClockKind.CONTRACT


def only(policy: dict[str, Any], **facts: Any) -> Facts:
    """Facts that this policy fits, and no other does."""
    return Facts(**{"tier": policy["tiers"][0], **facts})


async def chosen(system: System, facts: Facts, at: datetime = NOON) -> UUID:
    return (await clock_of(system, await start(system, facts, at), CONTRACT)).policy_id


async def run(system: System, job: dict[str, Any]) -> dict[str, Any]:
    await run_job(system.database.sessions, UUID(job["id"]))
    admin = await system.as_role(Role.ADMIN)
    return dict((await admin.get(f"/v1/jobs/{job['id']}")).json())


async def test_the_lowest_rank_counts_then_the_code_that_comes_first(system: System) -> None:
    usual = await a_policy(system, rank=50)
    tier = usual["tiers"]
    first = await a_policy(system, code=f"a_{usual['code']}", rank=20, tiers=tier, severities=["high"])
    await a_policy(system, code=f"b_{usual['code']}", rank=20, tiers=tier)
    assert str(await chosen(system, only(usual, severity="high"))) == first["id"]
    low = await chosen(system, only(usual, severity="low"))
    assert low not in {UUID(usual["id"]), UUID(first["id"])}


@pytest.mark.parametrize("fact", ["category", "severity", "channel"])
async def test_a_policy_holds_only_where_all_its_conditions_fit(system: System, fact: str) -> None:
    plural = {"category": "categories", "severity": "severities", "channel": "channels"}[fact]
    usual = await a_policy(system, rank=50)
    narrow = await a_policy(system, tiers=usual["tiers"], **{plural: ["one", "two"]})
    assert str(await chosen(system, only(usual, **{fact: "two"}))) == narrow["id"]
    assert str(await chosen(system, only(usual, **{fact: "three"}))) == usual["id"]
    assert str(await chosen(system, only(usual))) == usual["id"]


async def test_a_customer_s_own_policy_holds_for_that_customer_only(system: System) -> None:
    customer = await a_customer(system)
    usual = await a_policy(system, rank=50)
    own = await a_policy(system, tiers=usual["tiers"], customer_id=customer["id"])
    assert str(await chosen(system, only(usual, customer_id=UUID(customer["id"])))) == own["id"]
    assert str(await chosen(system, only(usual))) == usual["id"]


async def test_the_version_of_the_day_counts_by_the_policy_s_own_zone(system: System) -> None:
    old = await a_policy(system)
    new = await a_version(system, old, amount=3600, valid_from="2026-12-01")
    midnight = datetime(2026, 12, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert str(await chosen(system, only(old), midnight - HOUR)) == old["id"]
    assert str(await chosen(system, only(old), midnight)) == new["id"]


async def test_a_version_that_no_longer_fits_gives_way_to_others_and_not_to_the_one_before(
    system: System,
) -> None:
    policy = await a_policy(system)
    other = await a_policy(system, tiers=policy["tiers"], rank=99)
    await a_version(system, policy, severities=["critical"])
    assert str(await chosen(system, only(policy, severity="low"))) == other["id"]


async def test_a_policy_that_is_ended_starts_no_clock_from_that_day_on(system: System) -> None:
    policy = await a_policy(system)
    admin = await system.as_role(Role.ADMIN)
    path = f"/v1/sla-policies/{policy['code']}/end"
    refused = await admin.post(path, {"valid_until": policy["valid_from"]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body/valid_until")
    assert (await admin.post(path, {"valid_until": "2026-11-17"})).status_code == 200
    assert (await admin.post(path, {"valid_until": "2026-11-18"})).status_code == 409
    assert str(await chosen(system, only(policy))) == policy["id"]
    later = await clocks_of(system, await start(system, only(policy), an_hour(12)))
    assert {each.kind for each in later} == {ClockKind.STATUTORY, ClockKind.INTERNAL}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "statutory"}, "/body"),
        ({"counting": "legal_days", "amount": 7}, "/body"),
        ({"counting": "working"}, "/body"),
        ({"counting": "working", "calendar_id": "01900000-0000-7000-8000-000000000000"}, "/body/calendar_id"),
        ({"customer_id": "01900000-0000-7000-8000-000000000000"}, "/body/customer_id"),
        ({"moves_past_holidays": True}, "/body"),
        ({"zone": "Asia/Hangzhou"}, "/body/zone"),
        ({"alarms": [0]}, "/body/alarms/0"),
        ({"amount": 0}, "/body/amount"),
    ],
)
async def test_a_policy_that_can_t_hold_is_refused_with_what_is_wrong(
    system: System, fields: dict[str, Any], pointer: str
) -> None:
    body = {
        "code": "refused",
        "kind": "contract",
        "metric": "resolution",
        "counting": "elapsed",
        "amount": 60,
        "pause_reasons": ["awaiting_customer"],
        "valid_from": "2026-01-01",
        "source": "测试",
    } | fields
    answer = await (await system.as_role(Role.ADMIN)).post("/v1/sla-policies", body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_no_version_lets_a_statutory_limit_rest_and_none_begins_before_the_last(system: System) -> None:
    policy = await a_policy(system, kind="statutory", pause_reasons=[])
    admin = await system.as_role(Role.ADMIN)
    path = f"/v1/sla-policies/{policy['code']}/versions"
    body = {"counting": "elapsed", "amount": 60, "valid_from": "2026-01-01", "source": "测试"}
    refused = await admin.post(path, body | {"pause_reasons": ["awaiting_customer"]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body/pause_reasons")
    early = await admin.post(path, body | {"valid_from": "2019-12-31"})
    assert (early.status_code, early.json()["errors"][0]["pointer"]) == (422, "/body/valid_from")
    assert (await admin.post("/v1/sla-policies/nobody/versions", body)).status_code == 404
    taken = body | {"code": policy["code"], "kind": "internal", "metric": "resolution"}
    assert (await admin.post("/v1/sla-policies", taken)).status_code == 409


async def test_the_law_s_limit_came_with_the_product_and_says_where_it_is_written(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    (law,) = (
        await service.get("/v1/sla-policies", params={"kind": "statutory", "code": "statutory_resolution"})
    ).json()["items"]
    assert (law["counting"], law["amount"], law["pause_reasons"], law["shipped"]) == (
        "legal_days",
        7,
        [],
        True,
    )
    assert "快递暂行条例" in law["source"]


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


async def test_a_limit_that_another_approves_to_be_waived_counts_no_longer(system: System) -> None:
    subject = await start(system)
    service, executive = await system.as_role(Role.CUSTOMER_SERVICE), await system.as_role(Role.EXECUTIVE)
    clock = await clock_of(system, subject, CONTRACT)
    async with system.database.sessions.begin() as session:
        waiver = await waivers.request(session, service.principal, clock, "台风 13812345678")
    listed = (await executive.get("/v1/clock-waivers", params={"state": "requested"})).json()["items"]
    assert "13812345678" not in str(listed)
    answer = await executive.post(f"/v1/clock-waivers/{waiver.id}/approve", {"note": "已核实"})
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    waived = await clock_of(system, subject, CONTRACT)
    assert (waived.state, waived.verdict) == (ClockState.WAIVED, "waived")
    assert await differing(system, [subject]) == []
    again = await executive.post(f"/v1/clock-waivers/{waiver.id}/decline", {"note": "反悔"})
    assert again.status_code == 409


async def test_nobody_decides_on_what_they_asked_for_and_the_law_is_never_waived(system: System) -> None:
    subject, executive = await start(system), await system.as_role(Role.EXECUTIVE)
    clock = await clock_of(system, subject, CONTRACT)
    async with system.database.sessions.begin() as session:
        waiver = await waivers.request(session, executive.principal, clock, "台风")
        law = await clock_of(system, subject, ClockKind.STATUTORY)
        with pytest.raises(Conflict):
            await waivers.request(session, executive.principal, law, "台风")
    for verb in ("approve", "decline"):
        answer = await executive.post(f"/v1/clock-waivers/{waiver.id}/{verb}", {"note": "同意"})
        assert answer.status_code == 403
    other = await system.staff(Role.EXECUTIVE)
    declined = await other.post(f"/v1/clock-waivers/{waiver.id}/decline", {"note": "不同意"})
    assert declined.json()["state"] == "declined"
    assert (await clock_of(system, subject, CONTRACT)).state is ClockState.RUNNING
    await move(system, keeping.cancel, subject, an_hour(1), "merged")
    cancelled = await clock_of(system, subject, CONTRACT)
    with pytest.raises(Conflict):
        await move(system, waivers.request, cancelled, "台风")


async def test_of_two_decisions_at_once_one_is_told_that_it_came_late(system: System) -> None:
    subject, service = await start(system), await system.as_role(Role.CUSTOMER_SERVICE)
    clock = await clock_of(system, subject, CONTRACT, ClockMetric.FIRST_RESPONSE)
    async with system.database.sessions.begin() as session:
        waiver = await waivers.request(session, service.principal, clock, "台风")
    executive = await system.as_role(Role.EXECUTIVE)
    answers = await asyncio.gather(
        *(
            executive.post(f"/v1/clock-waivers/{waiver.id}/{verb}", {"note": "好"})
            for verb in ("approve", "decline")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_shipped_rows_that_were_changed_here_are_left_alone(empty_system: System) -> None:
    await execute(
        empty_system, "UPDATE sla_policies SET valid_until = '2030-01-01' WHERE code = 'assignment'"
    )
    engine = owner_engine(empty_system.settings)
    async with engine.begin() as connection:
        await reference.load(connection)
    await engine.dispose()
    rows = "SELECT count(*) || ' ' || max(valid_until) FROM sla_policies WHERE code = 'assignment'"
    assert await empty_system.scalar(rows) == "1 2030-01-01"
