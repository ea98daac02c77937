"""What the customer says to an answer: who must ask, how often, and what a no does."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.code import Severity
from app.models.complaint import Complaint
from app.models.complaint_end import ConfirmationDemand, ConfirmationRule
from app.roles import Role
from app.services.complaints import confirming
from tests.complaints import (
    NO,
    UNREACHED,
    YES,
    an_answered,
    answered,
    days_ago,
    nobodys,
    of_tier,
    reported,
    said,
)
from tests.owner import owner
from tests.system import Caller, System, running

MESSAGE = YES | {"method": "message"}


@pytest.fixture
async def service(system: System) -> Caller:
    return await system.as_role(Role.CUSTOMER_SERVICE)


async def readiness(caller: Caller, complaint: str) -> Any:
    answer = await caller.get(f"/v1/complaints/{complaint}/closing")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def not_drawn(system: System, **fields: Any) -> str:
    """An answered complaint that is not in the sample."""
    while confirming.drawn(UUID(complaint := await an_answered(system, **fields))) < 10:
        pass
    return complaint


async def drawn(system: System) -> str:
    """An answered complaint that is in the sample, however its id came about."""
    complaint = await an_answered(system)
    chosen = next(each for each in iter(uuid4, None) if confirming.drawn(each) < 10)
    async with owner(system) as connection:
        await connection.execute("SET session_replication_role = replica")
        for table, key in (
            ("complaints", "id"),
            ("complaint_answers", "complaint_id"),
            ("complaint_parcels", "complaint_id"),
            ("complaint_assignments", "complaint_id"),
            ("clocks", "subject_id"),
        ):
            await connection.execute(
                f"UPDATE {table} SET {key} = $2 WHERE {key} = $1", UUID(complaint), chosen
            )
    return str(chosen)


@pytest.mark.parametrize(
    ("severity", "tier", "rule"),
    [
        ("high", None, "severe"),
        ("critical", "small", "severe"),
        ("low", "key", "key_account"),
        ("medium", "strategic", "key_account"),
        ("low", "large", "other"),
        ("medium", None, "other"),
    ],
)
async def test_severe_cases_and_key_accounts_are_called_by_a_person(
    system: System, service: Caller, severity: str, tier: str | None, rule: str
) -> None:
    customer = tier and await of_tier(system, tier)
    complaint = await not_drawn(system, severity=severity, customer_id=customer)
    asked = await readiness(service, complaint)
    assert (asked["rule"], asked["demand"]) == (rule, "any" if rule == "other" else "call")


async def test_a_sample_of_the_rest_is_called_as_well(system: System, service: Caller) -> None:
    complaint = await drawn(system)
    asked = await readiness(service, complaint)
    assert (asked["rule"], asked["demand"]) == ("sample", "call")


def test_the_sample_is_as_large_as_it_says_and_drawn_alike_whoever_draws() -> None:
    ids = [UUID(int=number) for number in range(20_000)]
    lots = [confirming.drawn(each) for each in ids]
    assert lots == [confirming.drawn(each) for each in ids]
    assert 1_850 < sum(lot < 10 for lot in lots) < 2_150


@given(
    severity=st.sampled_from(Severity),
    tier=st.none() | st.sampled_from(["key", "small"]),
    severities=st.sets(st.sampled_from(Severity)),
    tiers=st.sets(st.sampled_from(["key", "small"])),
    share=st.none() | st.integers(0, 100),
    key=st.uuids(),
)
def test_a_rule_fits_what_meets_all_its_conditions(
    *,
    severity: Severity,
    tier: str | None,
    severities: set[str],
    tiers: set[str],
    share: int | None,
    key: UUID,
) -> None:
    rule = ConfirmationRule(
        severities=list(severities), tiers=list(tiers), share=share, demand=ConfirmationDemand.CALL
    )
    wanted = (
        severity in (severities or set(Severity))
        and (not tiers or tier in tiers)
        and confirming.drawn(key) < (100 if share is None else share)
    )
    assert confirming.fits(rule, Complaint(id=key, severity=severity), tier) is wanted


async def test_a_call_settles_what_a_message_would_settle(system: System, service: Caller) -> None:
    for yes in (YES, MESSAGE):
        complaint = await not_drawn(system)
        made = await said(service, complaint, "call-backs", yes, 201)
        assert (made["method"], made["accepted"]) == (yes["method"], True)
        assert (await readiness(service, complaint))["outcome"] == "accepted"


async def test_a_message_does_not_settle_what_a_call_has_to(system: System, service: Caller) -> None:
    complaint = await an_answered(system, severity="critical")
    await said(service, complaint, "call-backs", MESSAGE, 201)
    assert (await readiness(service, complaint))["outcome"] is None
    await said(service, complaint, "call-backs", YES, 201)
    assert (await readiness(service, complaint))["outcome"] == "accepted"


async def test_whoever_answered_may_ask_as_well_but_it_is_seen(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    assert (await said(service, complaint, "call-backs", YES, 201))["by_answerer"] is True
    other = await system.staff(Role.CUSTOMER_SERVICE)
    assert (await said(other, complaint, "call-backs", YES, 201))["by_answerer"] is False
    listed = (await service.get(f"/v1/complaints/{complaint}/call-backs")).json()["items"]
    assert [each["by_answerer"] for each in listed] == [False, True]


async def test_a_no_puts_it_back_to_work_and_its_clocks_run_on(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    before = (await service.get(f"/v1/complaints/{complaint}")).json()
    await said(service, complaint, "call-backs", NO, 201)
    after = (await service.get(f"/v1/complaints/{complaint}")).json()
    assert (before["status"], after["status"]) == ("answered", "investigating")
    assert after["priority"] > before["priority"]

    def dues(case: Any) -> Any:
        return {each["id"]: each["due_at"] for each in case["clocks"] if each["metric"] == "resolution"}

    def states(case: Any) -> set[str]:
        return {each["state"] for each in case["clocks"] if each["metric"] == "resolution"}

    assert dues(before) == dues(after)
    assert (states(before), states(after)) == ({"met"}, {"running"})
    assert after["due_at"] == before["due_at"]
    await answered(system, complaint)
    again = (await service.get(f"/v1/complaints/{complaint}")).json()
    assert (states(again), len(again["answers"])) == ({"met"}, 2)


async def test_what_was_said_to_an_older_answer_settles_nothing(system: System, service: Caller) -> None:
    complaint = await not_drawn(system)
    await said(service, complaint, "call-backs", YES, 201)
    await said(service, complaint, "call-backs", NO, 201)
    await answered(system, complaint)
    assert (await readiness(service, complaint))["outcome"] is None


async def test_three_attempts_on_three_days_are_enough(system: System, service: Caller) -> None:
    complaint = await not_drawn(system)
    await days_ago(system, complaint, 9)
    days = [datetime.now(UTC) - timedelta(days=days) for days in (3, 2, 1)]
    for number, day in enumerate(days):
        assert (await readiness(service, complaint))["outcome"] is None, number
        body = UNREACHED | {"attempted_at": day.isoformat()}
        await said(service, complaint, "call-backs", body, 201)
    assert (await readiness(service, complaint))["outcome"] == "unreached"


async def test_three_attempts_of_one_day_in_shanghai_are_not(system: System, service: Caller) -> None:
    complaint = await not_drawn(system)
    await days_ago(system, complaint, 9)
    for at in ("T00:10:00+08:00", "T12:00:00+08:00", "T23:50:00+08:00"):
        body = UNREACHED | {"attempted_at": f"{(datetime.now(UTC) - timedelta(days=3)).date()}{at}"}
        await said(service, complaint, "call-backs", body, 201)
    assert (await readiness(service, complaint))["outcome"] is None


async def test_messages_that_reach_nobody_do_not_count_where_a_call_has_to_be_made(
    system: System, service: Caller
) -> None:
    complaint = await an_answered(system, severity="high")
    await days_ago(system, complaint, 9)
    for days in (3, 2, 1):
        at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        body = {"method": "message", "reached": False, "attempted_at": at}
        await said(service, complaint, "call-backs", body, 201)
    assert (await readiness(service, complaint))["outcome"] is None


@pytest.mark.parametrize("hours", [-48, 1])
async def test_nobody_asks_before_the_answer_or_in_the_future(
    system: System, service: Caller, hours: int
) -> None:
    complaint = await an_answered(system)
    at = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    await said(service, complaint, "call-backs", YES | {"attempted_at": at}, 422)


async def test_who_was_not_reached_has_said_nothing(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await said(service, complaint, "call-backs", UNREACHED | {"accepted": True}, 422)
    await said(service, complaint, "call-backs", YES | {"method": "link"}, 422)


async def test_only_an_answer_can_be_judged(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await said(service, complaint, "call-backs", NO, 201)
    await said(service, complaint, "call-backs", YES, 409)
    await said(service, complaint, "confirmation-link", status=409)


async def test_a_link_is_looked_at_as_often_as_one_likes_and_answers_once(
    system: System, service: Caller
) -> None:
    complaint = await not_drawn(system)
    link = await said(service, complaint, "confirmation-link", status=201)
    assert link["path"] == f"/v1/confirmations/{link['token']}"
    for _ in range(3):
        shown = await system.http.get(link["path"])
        assert shown.status_code == 200, shown.text
    assert shown.json()["number"].startswith("C-")
    assert (await readiness(service, complaint))["outcome"] is None
    done = await system.http.post(link["path"], json={"accepted": True, "note": "谢谢"})
    assert (done.status_code, done.json()["accepted"]) == (200, True)
    assert (await readiness(service, complaint))["outcome"] == "accepted"
    (made,) = (await service.get(f"/v1/complaints/{complaint}/call-backs")).json()["items"]
    assert (made["method"], made["reached"], made["note"]) == ("link", True, "谢谢")
    assert (await system.http.post(link["path"], json={"accepted": False})).status_code == 404
    assert (await readiness(service, complaint))["outcome"] == "accepted"


async def test_a_no_over_a_link_puts_it_back_to_work(system: System, service: Caller) -> None:
    complaint = await not_drawn(system)
    link = await said(service, complaint, "confirmation-link", status=201)
    assert (await system.http.post(link["path"], json={"accepted": False})).status_code == 200
    assert (await service.get(f"/v1/complaints/{complaint}")).json()["status"] == "investigating"


async def test_links_that_hold_no_more_cannot_be_told_from_those_that_never_were(
    system: System, service: Caller
) -> None:
    used, old, late, past = [await not_drawn(system) for _ in range(4)]
    links = {
        each: await said(service, each, "confirmation-link", status=201) for each in (used, old, late, past)
    }
    await system.http.post(links[used]["path"], json={"accepted": True})
    async with owner(system) as connection:
        await connection.execute(
            "UPDATE confirmation_links SET expires_at = now() WHERE complaint_id = $1", UUID(old)
        )
    await said(service, late, "confirmation-link", status=201)
    await said(service, past, "call-backs", NO, 201)
    await answered(system, past)
    told = []
    for path in ("/v1/confirmations/nothing", *(each["path"] for each in links.values())):
        for answer in (await system.http.get(path), await system.http.post(path, json={"accepted": True})):
            problem = answer.json()
            assert answer.status_code == 404
            told.append({name: problem[name] for name in ("type", "title", "status", "detail")})
    assert all(each == told[0] for each in told)


async def test_what_a_person_has_to_ask_is_not_asked_by_a_link(system: System, service: Caller) -> None:
    complaint = await an_answered(system, severity="critical")
    problem = await said(service, complaint, "confirmation-link", status=409)
    assert problem["rule"] == "severe"


async def test_a_link_that_was_made_before_it_became_severe_settles_nothing(
    system: System, service: Caller
) -> None:
    complaint = await not_drawn(system)
    link = await said(service, complaint, "confirmation-link", status=201)
    version = (await service.get(f"/v1/complaints/{complaint}")).headers["etag"]
    changed = await service.patch(
        f"/v1/complaints/{complaint}", {"severity": "critical"}, headers={"If-Match": version}
    )
    assert changed.status_code == 200, changed.text
    assert (await system.http.post(link["path"], json={"accepted": True})).status_code == 200
    assert (await readiness(service, complaint))["outcome"] is None
    await reported(system, complaint)
    assert (await said(service, complaint, "close", status=409))["missing"] == ["confirmation"]


async def test_of_two_who_tap_at_once_one_is_heard(system: System, service: Caller) -> None:
    complaint = await not_drawn(system)
    link = await said(service, complaint, "confirmation-link", status=201)
    answers = await asyncio.gather(
        *(system.http.post(link["path"], json={"accepted": accepted}) for accepted in (True, False) * 3)
    )
    assert sorted(each.status_code for each in answers) == [200, *([404] * 5)]
    count = "SELECT count(*) FROM complaint_call_backs WHERE complaint_id = :id"
    assert await system.scalar(count, id=UUID(complaint)) == 1


async def test_the_token_is_stored_nowhere(system: System, service: Caller) -> None:
    complaint = await not_drawn(system)
    link = await said(service, complaint, "confirmation-link", status=201)
    stored = "SELECT to_jsonb(l)::text FROM confirmation_links l WHERE complaint_id = :id"
    assert link["token"] not in await system.scalar(stored, id=UUID(complaint))
    events = "SELECT string_agg(data::text, '') FROM events WHERE subject_id = :id"
    assert link["token"] not in await system.scalar(events, id=UUID(complaint))


async def test_those_who_tap_too_often_are_told_to_wait(system: System) -> None:
    async with running(system.settings.database_url, partner_rate=3) as slow:
        answers = await asyncio.gather(*(slow.http.get("/v1/confirmations/nothing") for _ in range(20)))
    statuses = {each.status_code for each in answers}
    assert 429 in statuses
    slowed = next(each for each in answers if each.status_code == 429)
    assert int(slowed.headers["retry-after"]) > 0


async def test_the_handler_need_not_be_the_one_who_asks(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await nobodys(system, complaint, (await system.staff(Role.CUSTOMER_SERVICE)).id)
    await said(service, complaint, "call-backs", YES, 201)
