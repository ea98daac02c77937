"""Limits as data: which one holds for whom, and clocks that are brought to a newer version."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.database import owner_engine
from app.models.clock import ClockKind
from app.roles import Role
from app.services import reference
from app.services.clocks.policies import Facts
from tests.clocks import (
    HOUR,
    NOON,
    a_policy,
    a_version,
    an_hour,
    clock_of,
    clocks_of,
    only,
    start,
)
from tests.owner import execute
from tests.system import System, a_customer

CONTRACT = ClockKind.CONTRACT


async def chosen(system: System, facts: Facts, at: datetime = NOON) -> UUID:
    return (await clock_of(system, await start(system, facts, at), CONTRACT)).policy_id


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
