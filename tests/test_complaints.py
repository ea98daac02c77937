"""A complaint from the first word to the answer: registered once, given to somebody, never lost between states."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app import worker
from app.roles import Role
from tests.owner import owner
from tests.system import Caller, System, a_customer, a_number, a_shipment

CHINA = ZoneInfo("Asia/Shanghai")
WHO = {"name": "李明", "phone": "１３８００１３８０００", "role": "recipient"}
ANSWER = {
    "finding": "分拨中心装卸时外箱受压",
    "liable_party": "carrier_hub",
    "root_cause": "handling",
    "remedy": "赔偿 128 元",
    "text": "经核实，外箱在分拨中心受压，我司将赔偿 128 元。",
    "channel": "hotline",
}


@pytest.fixture
async def service(system: System) -> Caller:
    return await system.as_role(Role.CUSTOMER_SERVICE)


def a_complaint(**fields: Any) -> dict[str, Any]:
    return {
        "category": "damage",
        "description": "外箱破损，茶叶罐变形",
        "remedy_sought": "赔偿",
        "complainant": WHO | {"phone": f"1{secrets.randbelow(9 * 10**9) + 10**9}"},
    } | fields


async def registered(service: Caller, **fields: Any) -> dict[str, Any]:
    answer = await service.post("/v1/complaints", a_complaint(**fields))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def said(service: Caller, complaint: dict[str, Any], verb: str, body: Any = None) -> dict[str, Any]:
    answer = await service.post(f"/v1/complaints/{complaint['id']}/{verb}", body or {})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_complaint_is_acknowledged_at_once_with_a_number_and_the_time_it_is_due(
    system: System, service: Caller
) -> None:
    shipment = await a_shipment(system)
    complaint = await registered(service, tracking_nos=[shipment["tracking_no"]])
    assert complaint["status"] == "acknowledged"
    assert complaint["number"].startswith("C-20")
    assert complaint["customer_id"] == shipment["customer_id"]
    received = datetime.fromisoformat(complaint["received_at"]).astimezone(CHINA)
    due = datetime.combine(received.date() + timedelta(days=8), datetime.min.time(), CHINA)
    statutory = next(each for each in complaint["clocks"] if each["kind"] == "statutory")
    assert datetime.fromisoformat(statutory["due_at"]) == due
    assert datetime.fromisoformat(complaint["due_at"]) <= due


async def test_the_law_counts_from_the_day_after_receipt_whatever_zone_it_was_written_in(
    service: Caller,
) -> None:
    late_in_zurich = datetime(2026, 10, 25, 23, 30, tzinfo=ZoneInfo("Europe/Zurich"))
    complaint = await registered(service, received_at=late_in_zurich.isoformat())
    assert datetime.fromisoformat(complaint["due_at"]) == datetime(2026, 11, 3, tzinfo=CHINA)


async def test_what_comes_in_later_than_now_is_refused(service: Caller) -> None:
    answer = await service.post("/v1/complaints", a_complaint(received_at="2199-01-01T00:00:00Z"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/body/received_at"


@pytest.mark.parametrize("field", ["category", "description", "remedy_sought", "complainant"])
async def test_a_missing_part_is_named(service: Caller, field: str) -> None:
    body = a_complaint()
    del body[field]
    answer = await service.post("/v1/complaints", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/body/{field}"


async def test_an_unknown_category_is_refused_and_points_to_the_list(service: Caller) -> None:
    answer = await service.post("/v1/complaints", a_complaint(category="weather"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/body/category"


async def test_the_same_message_of_a_channel_is_one_complaint_however_often_and_at_once_it_comes(
    system: System, service: Caller
) -> None:
    body = a_complaint(channel="wechat", message_id=f"wx{secrets.token_hex(6)}")
    answers = await asyncio.gather(*(service.post("/v1/complaints", body) for _ in range(6)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["id"] for each in answers}) == 1
    count = "SELECT count(*) FROM complaints WHERE message_id = :id"
    assert await system.scalar(count, id=body["message_id"]) == 1


async def test_the_same_person_on_the_same_matter_within_seven_days_is_a_repeat_and_more_urgent(
    service: Caller,
) -> None:
    number, who = a_number(), WHO | {"phone": "13912345678"}
    week_ago = (datetime.now(UTC) - timedelta(days=6, hours=23)).isoformat()
    first = await registered(service, tracking_nos=[number], complainant=who, received_at=week_ago)
    again = await registered(service, tracking_nos=[number], complainant=who | {"phone": "+86 139-1234-5678"})
    assert again["repeat_of_id"] == first["id"]
    assert again["priority"] > first["priority"]
    seen = (await service.get(f"/v1/complaints/{first['id']}")).json()
    assert (seen["repeats"], seen["priority"] > first["priority"]) == (1, True)
    other = await registered(service, tracking_nos=[a_number()], complainant=who)
    assert other["repeat_of_id"] is None


async def test_after_seven_days_it_is_no_repeat(service: Caller) -> None:
    number, who = a_number(), WHO | {"phone": "13812340000"}
    long_ago = (datetime.now(UTC) - timedelta(days=7, minutes=1)).isoformat()
    await registered(service, tracking_nos=[number], complainant=who, received_at=long_ago)
    assert (await registered(service, tracking_nos=[number], complainant=who))["repeat_of_id"] is None


async def test_a_complaint_is_investigated_answered_and_its_clocks_are_met(service: Caller) -> None:
    complaint = await registered(service)
    assert (await said(service, complaint, "investigate"))["status"] == "investigating"
    answered = await said(service, complaint, "answer", ANSWER)
    assert answered["status"] == "answered"
    assert answered["answers"][0]["root_cause"] == "handling"
    assert answered["responded_at"] is not None
    states = {(each["kind"], each["metric"]): each["state"] for each in answered["clocks"]}
    assert states["statutory", "resolution"] == "met"
    assert states["internal", "first_response"] == "met"


@pytest.mark.parametrize("part", ["finding", "liable_party", "root_cause", "remedy", "text", "channel"])
async def test_an_answer_without_one_of_its_parts_is_none(service: Caller, part: str) -> None:
    complaint = await registered(service)
    await said(service, complaint, "investigate")
    body = {name: value for name, value in ANSWER.items() if name != part}
    answer = await service.post(f"/v1/complaints/{complaint['id']}/answer", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/body/{part}"
    assert (await service.get(f"/v1/complaints/{complaint['id']}")).json()["status"] == "investigating"


async def test_a_move_that_is_not_allowed_names_those_that_are(service: Caller) -> None:
    complaint = await registered(service)
    answer = await service.post(f"/v1/complaints/{complaint['id']}/answer", ANSWER)
    assert answer.status_code == 409
    assert answer.json()["allowed"] == ["investigating", "merged", "waiting", "withdrawn"]


async def test_a_pause_never_stops_what_the_law_asks_for(service: Caller) -> None:
    complaint = await registered(service)
    waiting = await said(service, complaint, "pause", {"reason": "awaiting_customer"})
    assert waiting["status"] == "waiting"
    before = {each["id"]: each for each in complaint["clocks"]}
    for clock in waiting["clocks"]:
        if clock["kind"] == "statutory":
            assert (clock["state"], clock["due_at"]) == ("running", before[clock["id"]]["due_at"])
    resumed = await said(service, complaint, "resume")
    assert (resumed["status"], resumed["waiting_reason"]) == ("investigating", None)


async def test_reopening_starts_a_new_cycle_and_leaves_the_clocks_of_the_old_one(
    service: Caller,
) -> None:
    complaint = await registered(service)
    await said(service, complaint, "withdraw", {"reason": "客户来电撤诉"})
    before = (await service.get(f"/v1/complaints/{complaint['id']}")).json()
    reopened = await said(service, complaint, "reopen", {"reason": "客户再次来电"})
    assert (reopened["number"], reopened["cycle"], reopened["status"]) == (
        complaint["number"],
        2,
        "reopened",
    )
    old = [each for each in reopened["clocks"] if each["cycle"] == 1]
    assert old == before["clocks"]
    assert {each["cycle"] for each in reopened["clocks"]} == {1, 2}


async def test_what_ended_long_ago_is_not_reopened(system: System, service: Caller) -> None:
    complaint = await registered(service)
    await said(service, complaint, "withdraw", {"reason": "撤诉"})
    async with owner(system) as connection:
        await connection.execute(
            "UPDATE complaints SET closed_at = now() - interval '30 days 1 minute' WHERE id = $1",
            UUID(complaint["id"]),
        )
    answer = await service.post(f"/v1/complaints/{complaint['id']}/reopen", {"reason": "-"})
    assert answer.status_code == 409


async def handler(system: System, service: Caller, **fields: Any) -> str:
    user = await system.staff(Role.CUSTOMER_SERVICE)
    answer = await service.request("PUT", f"/v1/complaint-handlers/{user.id}", json={"capacity": 2} | fields)
    assert answer.status_code == 200, answer.text
    return str(user.id)


async def test_the_accounts_own_team_comes_first_then_skill_and_nobody_gets_more_than_they_can(
    empty_system: System,
) -> None:
    system = empty_system
    service, admin = await system.as_role(Role.CUSTOMER_SERVICE), await system.as_role(Role.ADMIN)
    marketing = await system.as_role(Role.MARKETING)
    anybody = await handler(system, service)
    skilled = await handler(system, service, skills=["damage"])
    mate = await handler(system, service)
    team = (
        await admin.post(
            "/v1/teams", {"code": f"t{secrets.token_hex(3)}", "name": "顺丰组", "member_ids": [mate]}
        )
    ).json()["id"]
    customer = await a_customer(system)
    moved = await marketing.post(
        f"/v1/customers/{customer['id']}/transfer", {"team_id": team, "owner_id": None}
    )
    assert moved.status_code == 200, moved.text
    given = [(await registered(service, customer_id=customer["id"]))["handler_id"] for _ in range(7)]
    assert given == [mate, mate, skilled, skilled, anybody, anybody, None]
    path = "/v1/complaints?unassigned=true"
    waiting = (await service.get(path)).json()["items"]
    assert len(waiting) == 1
    decision = (await service.get(f"/v1/complaints/{waiting[0]['id']}/assignments")).json()[0]
    assert decision["rule"] == "overflow"
    assert {each["has_room"] for each in decision["considered"]} == {False}
    first = (await service.get(f"/v1/complaints?handler_id={mate}")).json()["items"][0]
    await said(service, first, "withdraw", {"reason": "撤诉"})
    await system.drain()
    assert (await service.get(f"/v1/complaints/{waiting[0]['id']}")).json()["handler_id"] == mate


async def test_of_many_at_once_nobody_gets_more_than_they_can(empty_system: System) -> None:
    service = await empty_system.as_role(Role.CUSTOMER_SERVICE)
    for _ in range(2):
        await handler(empty_system, service, capacity=3)
    rows = await asyncio.gather(*(registered(service) for _ in range(10)))
    got = [row["handler_id"] for row in rows]
    assert sorted(got.count(each) for each in set(got)) == [3, 3, 4]
    assert got.count(None) == 4


async def test_a_complaint_goes_up_the_line_of_superiors_one_step_at_a_time(
    service: Caller,
) -> None:
    complaint = await registered(service)
    for level in (1, 2):
        raised = await said(service, complaint, "escalate", {"reason": "客户情绪激动"})
        assert raised["escalation"] == level
    answer = await service.post(f"/v1/complaints/{complaint['id']}/escalate", {"reason": "-"})
    assert answer.status_code == 409


async def test_whoever_sees_own_customers_sees_no_complaint_of_others_and_none_of_nobodys(
    system: System, service: Caller
) -> None:
    seller = await system.as_role(Role.SALES)
    mine = await a_customer(system, owner_id=seller.id)
    own = await registered(service, customer_id=mine["id"])
    foreign = await registered(service, customer_id=(await a_customer(system))["id"])
    nobodys = await registered(service)
    assert (await seller.get(f"/v1/complaints/{own['id']}")).status_code == 200
    for hidden in (foreign, nobodys):
        assert (await seller.get(f"/v1/complaints/{hidden['id']}")).status_code == 404
    listed = (await seller.get("/v1/complaints", params={"limit": 200})).json()["items"]
    assert foreign["id"] not in {each["id"] for each in listed}
    found = (await seller.post("/v1/complaints/search", {"q": "茶叶", "limit": 200})).json()["items"]
    assert {each["id"] for each in found} & {own["id"], foreign["id"], nobodys["id"]} == {own["id"]}


async def test_a_complaint_is_found_by_two_characters_by_number_and_by_telephone(service: Caller) -> None:
    word = "".join(secrets.choice("锡盒瓷瓶砂壶漆器玉镯银簪") for _ in range(6))
    complaint = await registered(
        service, description=f"包裹内{word}破裂", complainant=WHO | {"phone": "13700009999"}
    )
    for body in (
        {"q": word[1:5]},
        {"number": complaint["number"].lower()},
        {"complainant_phone": "+86 137 0000 9999"},
    ):
        found = (await service.post("/v1/complaints/search", body)).json()["items"]
        assert complaint["id"] in {each["id"] for each in found}, body
    assert (await service.post("/v1/complaints/search", {"number": "C-2026-999999"})).json()["items"] == []


async def test_a_cursor_that_is_none_is_refused_however_long_it_is(service: Caller) -> None:
    for path in ("/v1/complaints/search", "/v1/customers/search"):
        for length in (1, 2000, 2001, 4000):
            answer = await service.post(path, {"q": "茶叶", "cursor": "0" * length})
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, mark_of(length))


def mark_of(length: int) -> str:
    """Too long, it is the body that is wrong; else the place in a list that it should have stood for."""
    return "/body/cursor" if length > 2000 else "/query/cursor"


async def test_severity_put_right_changes_the_urgency_and_keeps_the_time_that_has_run(
    service: Caller,
) -> None:
    complaint = await registered(service)
    path, tag = f"/v1/complaints/{complaint['id']}", {"If-Match": f'"{complaint["version"]}"'}
    answer = await service.patch(path, {"severity": "critical"}, headers=tag)
    assert answer.status_code == 200, answer.text
    assert answer.json()["priority"] > complaint["priority"]
    started = {each["id"]: each["started_at"] for each in complaint["clocks"]}
    for clock in answer.json()["clocks"]:
        assert clock["started_at"] == started.get(clock["id"], clock["started_at"])
    stale = await service.patch(path, {"severity": "low"}, headers=tag)
    assert stale.status_code == 412


async def test_a_wait_ends_by_itself_and_its_clocks_count_from_then(system: System, service: Caller) -> None:
    complaint = await registered(service)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await said(service, complaint, "pause", {"reason": "awaiting_customer", "until": until})
    async with owner(system) as connection:
        await connection.execute(
            "UPDATE complaints SET waiting_until = now() - interval '1 second' WHERE id = $1",
            UUID(complaint["id"]),
        )
    await worker.end_waits(system.database.sessions)
    seen = (await service.get(f"/v1/complaints/{complaint['id']}")).json()
    assert (seen["status"], seen["waiting_until"]) == ("investigating", None)
    assert {each["state"] for each in seen["clocks"]} <= {"running", "met"}


async def test_what_a_late_clock_tells_goes_up_the_line_once(system: System, service: Caller) -> None:
    director, lead = await system.staff(Role.CUSTOMER_SERVICE), await system.staff(Role.CUSTOMER_SERVICE)
    user = await handler(system, service, capacity=1000)
    async with owner(system) as connection:
        for one, other in ((user, lead.id), (lead.id, director.id)):
            await connection.execute(
                "UPDATE users SET superior_id = $2 WHERE id = $1", UUID(str(one)), UUID(str(other))
            )
    ten_days_ago = (datetime.now(UTC) - timedelta(days=10)).isoformat()
    complaint = await registered(service, received_at=ten_days_ago)
    await said(service, complaint, "assign", {"handler_id": user})
    for _ in range(2):
        await worker.sweep_clocks(system.database.sessions)
        await system.drain()
    rows = "SELECT array_agg(share || ' ' || to_id ORDER BY share) FROM complaint_escalations e JOIN clocks c ON c.id = e.clock_id WHERE complaint_id = :id AND c.kind = 'statutory'"
    told = await system.scalar(rows, id=UUID(complaint["id"]))
    assert sorted(told) == sorted([f"50 {user}", f"80 {lead.id}", f"100 {director.id}"])
    assert (await service.get(f"/v1/complaints/{complaint['id']}")).json()["escalation"] == 2


async def test_why_a_clock_is_due_adds_up_to_the_second(service: Caller) -> None:
    received = "2026-11-10T15:30:00+08:00"
    complaint = await registered(service, received_at=received)
    path = f"/v1/complaints/{complaint['id']}/clocks/explain"
    told = (await service.get(path, params={"clock": "statutory"})).json()
    assert told["clock"] == "statutory"
    assert datetime.fromisoformat(told["due_at"]) == datetime(2026, 11, 18, tzinfo=CHINA)
    assert told["total_seconds"] == 7 * 86400
    assert sum(each["seconds"] for each in told["steps"] if each["counted"]) == told["total_seconds"]
    assert told["verdict"] == "breached" or datetime.now(UTC) < datetime(2026, 11, 18, tzinfo=CHINA)
    assert (await service.get(path, params={"clock": "contract"})).status_code == 404
