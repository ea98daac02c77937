"""Clocks as they are stored: always the fold of what happened to them."""

import asyncio
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from app.errors import Invalid
from app.models.clock import ClockKind, ClockMetric, ClockState
from app.services.clocks import keeping
from app.services.clocks.policies import Facts
from app.services.events import Subject
from tests.clocks import HOUR, KEY, NOON, an_hour, clock_of, clocks_of, differing, move, start
from tests.owner import execute, owner
from tests.statements import heard
from tests.system import System

LAW, CONTRACT, HOUSE = ClockKind.STATUTORY, ClockKind.CONTRACT, ClockKind.INTERNAL
RESOLUTION, RESPONSE = ClockMetric.RESOLUTION, ClockMetric.FIRST_RESPONSE


async def kinds_told(system: System, subject_id: UUID) -> list[str]:
    async with owner(system) as connection:
        rows = await connection.fetch(
            "SELECT kind FROM events WHERE subject_id = $1 ORDER BY sequence", subject_id
        )
    return [row[0] for row in rows]


async def test_a_key_customer_s_complaint_gets_the_law_s_clock_the_contract_s_and_the_house_s(
    system: System,
) -> None:
    clocks = await clocks_of(system, await start(system))
    told = {(each.kind, each.metric): (each.due_at - NOON) / HOUR for each in clocks if each.due_at}
    assert told == {
        (LAW, RESOLUTION): 7 * 24 + 12,  # from noon to the end of the seventh day after
        (CONTRACT, RESOLUTION): 72,
        (CONTRACT, RESPONSE): 2,
        (HOUSE, RESOLUTION): 7 * 24,
        (HOUSE, RESPONSE): 24,
        (HOUSE, ClockMetric.ASSIGNMENT): 24,
    }
    assert keeping.earliest_due(clocks) == an_hour(72)
    usual = await clocks_of(system, await start(system, Facts(tier="small")))
    assert keeping.earliest_due(usual) == an_hour(7 * 24 + 12)
    assert keeping.earliest_due([]) is None


async def test_what_moves_a_clock_stands_in_the_timeline_of_its_subject(system: System) -> None:
    subject = await start(system, Facts())
    await move(system, keeping.meet, subject, ClockMetric.ASSIGNMENT, an_hour(1))
    await move(system, keeping.cancel, subject, an_hour(2), "merged")
    told = await kinds_told(system, subject)
    assert told == ["clock.started"] * 4 + ["clock.met"] + ["clock.cancelled"] * 3


async def test_a_pause_lets_rest_what_knows_its_reason_and_the_law_runs_on(system: System) -> None:
    subject = await start(system)
    paused = await move(system, keeping.pause, subject, "awaiting_customer", an_hour(1))
    assert [(each.kind, each.metric) for each in paused] == [(CONTRACT, RESOLUTION)]
    assert await move(system, keeping.pause, subject, "awaiting_customer", an_hour(2)) == []
    assert await move(system, keeping.pause, subject, "lunch", an_hour(2)) == []
    assert (await clock_of(system, subject, LAW)).state is ClockState.RUNNING
    await move(system, keeping.resume, subject, an_hour(11))
    assert (await clock_of(system, subject, CONTRACT)).due_at == an_hour(82)
    with pytest.raises(Invalid):
        await move(system, keeping.pause, subject, "awaiting_customer", an_hour(12), until=an_hour(12))


@pytest.mark.parametrize("counting", ["legal_days", "elapsed"])
async def test_the_database_itself_lets_no_statutory_limit_know_a_reason_to_pause(
    system: System, counting: str
) -> None:
    with pytest.raises(IntegrityError, match="statutory_never_pauses"):
        await execute(
            system,
            "INSERT INTO sla_policies (id, code, number, rank, subject_type, kind, metric, counting, amount,"
            " pause_reasons, valid_from, source) VALUES (gen_random_uuid(), 'x', 1, 1, 'complaint', 'statutory',"
            f" 'resolution', '{counting}', 7, '{{awaiting_customer}}', '2020-01-01', '')",
        )


async def test_no_verb_lets_a_statutory_clock_rest(system: System) -> None:
    subject = await start(system)
    due = (await clock_of(system, subject, LAW)).due_at
    for reason in ("awaiting_customer", "awaiting_evidence", "awaiting_authority", "force_majeure"):
        await move(system, keeping.pause, subject, reason, an_hour(1), until=an_hour(50))
        await move(system, keeping.retarget, subject, Facts(), an_hour(2))
        await move(system, keeping.resume, subject, an_hour(3))
    law = await clock_of(system, subject, LAW)
    assert (law.state, law.due_at, law.paused_s) == (ClockState.RUNNING, due, 0)
    states = "SELECT count(*) FROM clock_events WHERE clock_id = :id AND kind = 'paused'"
    assert await system.scalar(states, id=law.id) == 0


async def test_an_answer_that_is_not_accepted_has_met_nothing(system: System) -> None:
    subject = await start(system)
    await move(system, keeping.meet, subject, RESOLUTION, an_hour(10))
    assert (await clock_of(system, subject, LAW)).is_late is False
    await move(system, keeping.revoke, subject, RESOLUTION, an_hour(60), reason="not_accepted")
    assert (await clock_of(system, subject, CONTRACT)).due_at == an_hour(72)
    await move(system, keeping.meet, subject, RESOLUTION, an_hour(73))
    assert (await clock_of(system, subject, CONTRACT)).is_late is True
    assert (await clock_of(system, subject, LAW)).is_late is False
    assert (await clock_of(system, subject, HOUSE, RESPONSE)).state is ClockState.RUNNING


async def test_a_merge_that_is_undone_lets_the_clocks_run_on_as_if_it_had_not_been(system: System) -> None:
    subject = await start(system)
    before = {each.id: each.due_at for each in await clocks_of(system, subject)}
    await move(system, keeping.cancel, subject, an_hour(1), "merged")
    assert {each.state for each in await clocks_of(system, subject)} == {ClockState.CANCELLED}
    await move(system, keeping.reinstate, subject, an_hour(9), "merge_undone")
    assert {each.id: each.due_at for each in await clocks_of(system, subject)} == before


async def test_a_new_cycle_has_clocks_of_its_own_and_leaves_the_old_ones(system: System) -> None:
    subject = await start(system)
    await move(system, keeping.meet, subject, RESOLUTION, an_hour(10))
    again = Subject("complaint", subject)
    await move(system, keeping.start, again, KEY, an_hour(100), cycle=2)
    await move(system, keeping.meet, subject, RESOLUTION, an_hour(500))
    by_cycle = {
        each.cycle: each.is_late
        for each in await clocks_of(system, subject)
        if (each.kind, each.metric) == (LAW, RESOLUTION)
    }
    assert by_cycle == {1: False, 2: True}
    with pytest.raises(IntegrityError):
        await move(system, keeping.start, again, KEY, an_hour(100), cycle=2)


async def test_what_is_told_late_counts_when_the_last_thing_before_it_did(system: System) -> None:
    subject = await start(system)
    await move(system, keeping.pause, subject, "awaiting_customer", an_hour(5))
    await move(system, keeping.meet, subject, RESOLUTION, an_hour(3))
    contract, law = await clock_of(system, subject, CONTRACT), await clock_of(system, subject, LAW)
    assert (contract.stopped_at, law.stopped_at) == (an_hour(5), an_hour(3))


async def test_a_subject_that_weighs_more_gets_shorter_limits_and_keeps_what_it_used_up(
    system: System,
) -> None:
    subject = await start(system, Facts(tier="small"))
    law = await clock_of(system, subject, LAW)
    changed = await move(system, keeping.retarget, subject, KEY, an_hour(5))
    assert {(each.kind, each.metric) for each in changed} == {(CONTRACT, RESOLUTION), (CONTRACT, RESPONSE)}
    assert (await clock_of(system, subject, CONTRACT)).due_at == an_hour(77)
    await move(system, keeping.retarget, subject, Facts(tier="small"), an_hour(6))
    assert (await clock_of(system, subject, CONTRACT)).state is ClockState.CANCELLED
    await move(system, keeping.reinstate, subject, an_hour(7), "merge_undone")
    assert (await clock_of(system, subject, CONTRACT)).state is ClockState.CANCELLED
    await move(system, keeping.retarget, subject, KEY, an_hour(8))
    assert (await clock_of(system, subject, CONTRACT)).due_at == an_hour(80)
    assert (await clock_of(system, subject, LAW)).due_at == law.due_at
    assert await move(system, keeping.retarget, uuid7(), KEY, an_hour(8)) == []


async def test_a_verb_takes_as_many_statements_however_many_clocks_it_moves(system: System) -> None:
    counts: dict[str, set[int]] = {}
    for facts in (KEY, Facts()):
        subject = await start(system, facts)
        async with heard(system) as statements:
            for name, verb, arguments in (
                ("start", keeping.start, (Subject("complaint", uuid7()), facts, NOON)),
                ("cancel", keeping.cancel, (subject, an_hour(2), "merged")),
                ("reinstate", keeping.reinstate, (subject, an_hour(3), "merged")),
                ("meet", keeping.meet, (subject, RESOLUTION, an_hour(5))),
                ("revoke", keeping.revoke, (subject, RESOLUTION, an_hour(6))),
            ):
                statements.clear()
                await move(system, verb, *arguments, **({"reason": "x"} if name == "revoke" else {}))
                counts.setdefault(name, set()).add(len(statements))
    assert counts == {"start": {5}, "cancel": {7}, "reinstate": {7}, "meet": {7}, "revoke": {7}}


async def test_of_two_who_move_a_clock_at_once_the_second_sees_what_the_first_did(system: System) -> None:
    for _ in range(5):
        subject = await start(system)
        await asyncio.gather(
            *(move(system, keeping.meet, subject, RESOLUTION, an_hour(hours)) for hours in (1, 2, 3)),
            move(system, keeping.pause, subject, "awaiting_customer", an_hour(1)),
            move(system, keeping.cancel, subject, an_hour(2), "merged"),
        )
        assert await differing(system, [subject]) == []


ROLE = "SELECT has_table_privilege('crm_app', :t, 'UPDATE') OR has_table_privilege('crm_app', :t, 'DELETE')"


@pytest.mark.parametrize("table", ["clock_events", "clock_alarms"])
async def test_what_happened_to_a_clock_is_only_ever_added_to(system: System, table: str) -> None:
    assert await system.scalar(ROLE, t=table) is False
    assert await system.scalar("SELECT has_table_privilege('crm_partner', :t, 'SELECT')", t=table) is False


CYCLES = count(2)

VERBS: dict[str, Any] = {
    "meet": lambda s, subject, at: move(s, keeping.meet, subject, RESOLUTION, at),
    "answer": lambda s, subject, at: move(s, keeping.meet, subject, RESPONSE, at),
    "pause": lambda s, subject, at: move(s, keeping.pause, subject, "awaiting_customer", at),
    "short pause": lambda s, subject, at: move(
        s, keeping.pause, subject, "force_majeure", at, until=at + 2 * HOUR
    ),
    "resume": lambda s, subject, at: move(s, keeping.resume, subject, at),
    "cancel": lambda s, subject, at: move(s, keeping.cancel, subject, at, "merged"),
    "reinstate": lambda s, subject, at: move(s, keeping.reinstate, subject, at, "merged"),
    "revoke": lambda s, subject, at: move(s, keeping.revoke, subject, RESOLUTION, at, reason="x"),
    "grow": lambda s, subject, at: move(s, keeping.retarget, subject, KEY, at),
    "shrink": lambda s, subject, at: move(s, keeping.retarget, subject, Facts(), at),
    "reopen": lambda s, subject, at: move(
        s, keeping.start, Subject("complaint", subject), KEY, at, cycle=next(CYCLES)
    ),
}


@example([("cancel", 0.0), ("grow", 0.0), ("reinstate", 0.0)])
@example(
    [("cancel", 0.0), ("grow", 0.0), ("cancel", 1.0), ("grow", 1.0), ("cancel", 1.0), ("reinstate", 0.0)]
)
@example(
    [("shrink", 1.0), ("grow", 1.0), ("cancel", 1.0), ("shrink", 1.0), ("reinstate", 1.0), ("grow", 1.0)]
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(st.tuples(st.sampled_from(sorted(VERBS)), st.floats(-2, 60)), min_size=1, max_size=9))
async def test_whatever_is_done_to_clocks_the_stored_ones_are_the_fold_of_their_events(
    system: System, story: list[tuple[str, float]]
) -> None:
    subject, at = await start(system), NOON
    for verb, hours in story:
        at += hours * HOUR
        await VERBS[verb](system, subject, at)
        assert await differing(system, [subject]) == []
