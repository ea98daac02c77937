"""Two complaints become one with everything that hangs on them, and two again, byte for byte."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.models.clock import Clock
from app.roles import Role
from app.services.clocks import ledger
from app.services.families import COMPLAINTS
from tests.clocks import differing
from tests.owner import contents, owner
from tests.papers import PDF, sent
from tests.steps import told
from tests.system import Caller, System, a_customer, a_number
from tests.test_complaints import ANSWER, registered, said

ITS_OWN = {"complaint_merges", "complaint_merged_rows", "events", "outbox", "clocks", "clock_events"}
"""Tables that a merge and its undo may leave changed; clocks are judged by the fold of their events."""


async def merged(caller: Caller, survivor: dict[str, Any], other: dict[str, Any]) -> Any:
    body = {"merged_id": other["id"], "reason": "同一包裹的同一诉求"}
    return await caller.post(f"/v1/complaints/{survivor['id']}/merge", body)


async def done(caller: Caller, survivor: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    answer = await merged(caller, survivor, other)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def undone(caller: Caller, merge: dict[str, Any]) -> Any:
    return await caller.post(f"/v1/complaint-merges/{merge['id']}/undo")


async def read(caller: Caller, complaint: dict[str, Any]) -> dict[str, Any]:
    answer = await caller.get(f"/v1/complaints/{complaint['id']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def clocks_of(system: System, *complaints: dict[str, Any]) -> list[tuple[Any, ...]]:
    """How the clocks stand, and that each stands as its events say."""
    ids = [UUID(each["id"]) for each in complaints]
    assert await differing(system, ids) == []
    async with system.database.sessions() as session:
        clocks = await session.scalars(select(Clock).where(Clock.subject_id.in_(ids)).order_by(Clock.id))
        accounts = await ledger.read(session, clocks.all())
        return [
            (each.clock.id, each.clock.state, each.clock.due_at, each.clock.started_at)
            for each in accounts
            if each.events[-1].reason != "not_applicable"
        ]


def an_hour_ago(hours: float = 1) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def test_every_column_that_names_a_complaint_moves_or_stays_for_a_reason() -> None:
    named = {(link.table.name, link.column) for link in COMPLAINTS.named()}
    moving = {(link.table.name, link.column) for link in COMPLAINTS.links}
    assert moving == {
        ("complaint_attachments", "complaint_id"),
        ("complaint_links", "complaint_id"),
        ("complaint_links", "other_id"),
        ("complaint_messages", "complaint_id"),
        ("complaint_parcels", "complaint_id"),
        ("complaint_watchers", "complaint_id"),
        ("complaints", "merged_into_id"),
        ("legal_holds", "complaint_id"),
    }
    assert COMPLAINTS.stays.keys() == named - moving
    assert all(COMPLAINTS.stays.values())


async def test_everything_of_the_merged_one_is_the_survivors_and_its_address_leads_there(
    system: System,
) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    one = await registered(service, tracking_nos=[a_number()])
    other = await registered(service, tracking_nos=[a_number()])
    path = f"/v1/complaints/{other['id']}"
    await service.post(f"{path}/notes", {"text": "调休期间到站"})
    attached = (await sent(service, PDF, "证据.pdf", to=f"{path}/attachments")).json()
    await service.request("PUT", f"{path}/watchers/{service.id}")
    for verb, body in (("investigate", {}), ("answer", ANSWER)):
        await said(service, other, verb, body)
    merge = await done(service, one, other)
    assert (merge["number"], merge["cause"], merge["is_counted_anew"]) == (other["number"], "by_hand", False)
    assert [each["text"] for each in merge["answers"]] == [ANSWER["text"]]
    survivor = await read(service, one)
    assert set(survivor["tracking_nos"]) == set(one["tracking_nos"] + other["tracking_nos"])
    here = f"/v1/complaints/{one['id']}"
    texts = [each["text"] for each in (await service.get(f"{here}/messages")).json()["items"]]
    assert "调休期间到站" in texts
    assert len([text for text in texts if other["number"] in text]) == 1
    content = await service.get(f"{here}/attachments/{attached['id']}/content")
    assert (content.status_code, content.content) == (200, PDF)
    assert [each["user_id"] for each in (await service.get(f"{here}/watchers")).json()] == [service.id]
    assert (await service.get(f"{here}/merges")).json() == [merge]
    led = await service.get(path)
    assert (led.status_code, led.headers["location"]) == (308, here)
    states = {each[1] for each in await clocks_of(system, other)}
    assert states <= {"cancelled", "met"}


async def test_what_comes_for_the_merged_one_is_refused_and_shown_the_way(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    one, other = await registered(service), await registered(service)
    await done(service, one, other)
    path = f"/v1/complaints/{other['id']}"
    said_late = await service.post(f"{path}/notes", {"text": "稍后"})
    assert (said_late.status_code, said_late.json()["merged_into_id"]) == (409, one["id"])
    assert (await sent(service, PDF, "证据.pdf", to=f"{path}/attachments")).status_code == 409
    assert (await service.post(f"{path}/investigate", {})).status_code == 409
    assert (await service.request("PUT", f"{path}/watchers/{service.id}")).status_code == 409


async def test_the_older_time_of_receipt_is_kept_and_the_clocks_are_counted_from_there(
    system: System,
) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    younger = await registered(service)
    older = await registered(service, received_at=an_hour_ago(50))
    before = await clocks_of(system, younger)
    merge = await done(service, younger, older)
    survivor = await read(service, younger)
    assert (merge["is_counted_anew"], survivor["received_at"]) == (True, older["received_at"])
    assert survivor["due_at"] == older["due_at"] < younger["due_at"]
    running = [each for each in survivor["clocks"] if each["state"] == "running"]
    assert {each["started_at"] for each in running} == {older["received_at"]}
    assert len(running) == len(before)
    await clocks_of(system, younger, older)
    assert (await undone(service, merge)).status_code == 200
    again = await read(service, younger)
    assert (again["received_at"], again["due_at"]) == (younger["received_at"], younger["due_at"])
    assert await clocks_of(system, younger) == before
    assert (await read(service, older))["status"] == "acknowledged"


async def test_a_pause_of_the_survivor_outlasts_a_merge_with_an_older_one(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    key = (await a_customer(system, tier="key"))["id"]
    younger = await registered(service, customer_id=key)
    older = await registered(service, customer_id=key, received_at=an_hour_ago())
    paused = await said(service, younger, "pause", {"reason": "awaiting_customer", "text": "请补充照片"})
    await done(service, younger, older)
    survivor = await read(service, younger)
    assert survivor["status"] == "waiting"
    assert states_of(survivor, older["received_at"]) == states_of(paused, younger["received_at"])
    assert set(states_of(survivor, older["received_at"]).values()) == {"running", "paused"}


def states_of(complaint: dict[str, Any], started_at: str) -> dict[tuple[str, str], str]:
    return {
        (each["kind"], each["metric"]): each["state"]
        for each in complaint["clocks"]
        if each["started_at"] == started_at
    }


async def test_a_chain_of_merges_comes_apart_from_the_end(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    first, second, third = [await registered(service, received_at=an_hour_ago(hours)) for hours in (9, 8, 7)]
    one = await done(service, second, first)
    two = await done(service, third, second)
    for complaint in (first, second):
        led = await service.get(f"/v1/complaints/{complaint['id']}")
        assert led.headers["location"] == f"/v1/complaints/{third['id']}"
    early = await undone(service, one)
    assert early.status_code == 409
    assert "complaints" in {each["table"] for each in early.json()["changed"]}
    for merge in (two, one):
        answer = await undone(service, merge)
        assert answer.status_code == 200, answer.text
    assert (await undone(service, one)).status_code == 409
    for complaint in (first, second, third):
        again = await read(service, complaint)
        assert again["received_at"] == complaint["received_at"]
        assert again["due_at"] == complaint["due_at"]
    await clocks_of(system, first, second, third)


async def test_an_undo_is_refused_and_named_when_a_moved_row_was_changed_since(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    one, other = await registered(service), await registered(service)
    attached = await sent(service, PDF, "证据.pdf", to=f"/v1/complaints/{other['id']}/attachments")
    merge = await done(service, one, other)
    await said(service, one, "investigate")
    path = f"/v1/complaints/{one['id']}/attachments/{attached.json()['id']}/withdraw"
    assert (await service.post(path, {"reason": "误传"})).status_code == 200
    refused = await undone(service, merge)
    assert (refused.status_code, refused.json()["changed"]) == (
        409,
        [{"table": "complaint_attachments", "id": attached.json()["id"]}],
    )


async def test_work_on_the_survivor_does_not_stand_in_the_way_of_an_undo(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    one, other = await registered(service), await registered(service)
    merge = await done(service, one, other)
    await said(service, one, "investigate")
    assert (await undone(service, merge)).status_code == 200
    assert (await read(service, one))["status"] == "investigating"
    assert (await read(service, other))["status"] == "acknowledged"


async def test_what_does_not_fit_together_is_not_merged(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    one = await registered(service, customer_id=(await a_customer(system))["id"])
    other = await registered(service, customer_id=(await a_customer(system))["id"])
    assert (await merged(service, one, other)).status_code == 409
    assert (await merged(service, one, one)).json()["errors"][0]["pointer"] == "/body/merged_id"
    nobody = await merged(service, one, {"id": str(uuid4())})
    assert (nobody.status_code, nobody.json()["errors"][0]["pointer"]) == (422, "/body/merged_id")
    gone = await registered(service)
    await said(service, gone, "withdraw", {"reason": "撤诉"})
    assert (await merged(service, gone, await registered(service))).status_code == 409
    ended = await merged(service, await registered(service), gone)
    assert (ended.status_code, ended.json()["current"]) == (409, "withdrawn")


async def test_whoever_may_not_see_the_survivor_is_led_nowhere(system: System) -> None:
    service, sales = await system.as_role(Role.CUSTOMER_SERVICE), await system.staff(Role.SALES)
    mine = await a_customer(system, owner_id=sales.id)
    one, other = await registered(service), await registered(service, customer_id=mine["id"])
    merge = await done(service, one, other)
    place = f"/v1/complaint-merges/{merge['id']}"
    seen, nothing = await sales.get(place), await sales.get(f"/v1/complaint-merges/{uuid4()}")
    assert seen.status_code == 404
    assert told(seen) == told(nothing)


async def test_of_two_who_merge_the_same_complaints_at_once_one_wins(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    one, other = await registered(service), await registered(service)
    answers = await asyncio.gather(merged(service, one, other), merged(service, other, one))
    assert sorted(each.status_code for each in answers) == [200, 409]


async def hang(system: System, service: Caller, complaint: dict[str, Any], what: str, other: str) -> None:
    path = f"/v1/complaints/{complaint['id']}"
    if what == "message":
        body = {"direction": "in", "channel": "email", "text": "Zürich", "message_id": secrets.token_hex(8)}
        await service.post(f"{path}/messages", body)
    elif what == "note":
        await service.post(f"{path}/notes", {"text": "ＳＦ０１ 丰巢"})
    elif what == "file":
        await sent(service, PDF, "证据.pdf", to=f"{path}/attachments")
    elif what == "watcher":
        await service.request("PUT", f"{path}/watchers/{service.id}")
    elif what == "link":
        await service.request("PUT", f"{path}/links/related/{other}")
    elif what == "hold":
        auditor = await system.as_role(Role.AUDITOR)
        await auditor.post("/v1/legal-holds", {"complaint_id": complaint["id"], "reason": "诉讼保全"})
    else:
        await service.post(f"{path}/{what}", {"reason": "awaiting_evidence"} if what == "pause" else {})


HUNG = ("message", "note", "file", "watcher", "link", "hold", "investigate", "pause")


@settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    hung=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(HUNG), st.integers(0, 2)), max_size=8),
    ages=st.tuples(*[st.integers(0, 200)] * 3),
    shared=st.booleans(),
)
async def test_whatever_hangs_on_it_a_merge_and_its_undo_leave_every_row_as_it_was(
    system: System, hung: list[tuple[int, str, int]], ages: tuple[int, ...], *, shared: bool
) -> None:
    """Of the survivor, its version and time of change apart, for it was read in between."""
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    numbers = [a_number() for _ in ages]
    three = [
        await registered(
            service, received_at=an_hour_ago(age), tracking_nos=[numbers[0] if shared else number]
        )
        for age, number in zip(ages, numbers, strict=True)
    ]
    for at, what, other in hung:
        await hang(system, service, three[at], what, three[other]["id"])
    before, clocks = await rows(system), await clocks_of(system, *three)
    merges = [await done(service, three[0], three[1]), await done(service, three[0], three[2])]
    for merge in reversed(merges):
        answer = await undone(service, merge)
        assert answer.status_code == 200, answer.text
    after = await rows(system)
    assert {name for name in after if after[name] != before[name]} == set()
    assert await clocks_of(system, *three) == clocks


async def rows(system: System) -> dict[str, str]:
    """A digest of every table that a merge and its undo leave as it was."""
    async with owner(system) as connection:
        told = {k: v for k, v in (await contents(connection)).items() if k not in ITS_OWN}
        told["complaints"] = await connection.fetchval(
            "SELECT string_agg((to_jsonb(c) - 'version' - 'updated_at')::text, ';' ORDER BY id) FROM complaints c"
        )
    return told
