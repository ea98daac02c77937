"""Limits that one asks not to count, and another decides about."""

import asyncio

import pytest

from app.errors import Conflict
from app.models.clock import ClockKind, ClockMetric, ClockState
from app.roles import Role
from app.services.clocks import keeping, waivers
from tests.clocks import (
    an_hour,
    clock_of,
    differing,
    move,
    start,
)
from tests.system import System

CONTRACT = ClockKind.CONTRACT


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
