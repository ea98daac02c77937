"""No complaint is closed without its report and the customer's word, or without a superior who agrees."""

from typing import Any
from uuid import UUID

import pytest

from app.models.account import UserLevel
from app.roles import Role
from tests.complaints import ANSWER, ENOUGH, NO, YES, an_answered, answered, nobodys, reported, said
from tests.owner import owner
from tests.system import Caller, System


@pytest.fixture
async def service(system: System) -> Caller:
    return await system.as_role(Role.CUSTOMER_SERVICE)


@pytest.fixture
async def manager(system: System) -> Caller:
    return await system.staff(Role.CUSTOMER_SERVICE, level=UserLevel.MANAGER)


async def refused(system: System) -> str:
    """One that was answered twice, and not accepted the first time."""
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    complaint = await an_answered(system)
    await said(service, complaint, "call-backs", NO, 201)
    await answered(system, complaint)
    return complaint


async def decided(caller: Caller, closing: str, verb: str, status: int = 200) -> Any:
    answer = await caller.post(f"/v1/complaint-closings/{closing}/{verb}", {"note": "同意"})
    assert answer.status_code == status, answer.text
    return answer.json()


async def put(system: System, statement: str, *values: Any) -> None:
    async with owner(system) as connection:
        await connection.execute(statement, *values)


async def test_what_is_missing_is_named_until_nothing_is(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    problem = await said(service, complaint, "close", status=409)
    assert problem["missing"] == ["report", "confirmation"]
    assert problem["detail"] == "尚不能结案，缺少：涵盖最新答复且已确认的报告、客户确认。"
    await said(service, complaint, "report", status=201)
    assert (await said(service, complaint, "close", status=409))["missing"] == ["report", "confirmation"]
    await said(service, complaint, "report/confirm", {"version": 1})
    assert (await said(service, complaint, "close", status=409))["missing"] == ["confirmation"]
    await said(service, complaint, "call-backs", YES, 201)
    ready = (await service.get(f"/v1/complaints/{complaint}/closing")).json()
    assert (ready["missing"], ready["outcome"]) == ([], "accepted")
    closed = await said(service, complaint, "close", {"note": "客户满意"})
    assert (closed["status"], closed["outcome"]) == ("closed", "accepted")
    assert closed["closed_at"] is not None


async def test_the_report_comes_before_or_after_the_call(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await said(service, complaint, "call-backs", YES, 201)
    assert (await said(service, complaint, "close", status=409))["missing"] == ["report"]
    await reported(system, complaint)
    await said(service, complaint, "close")


async def test_who_could_not_be_reached_is_shown_as_unreached(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await reported(system, complaint)
    await put(
        system,
        "INSERT INTO complaint_call_backs (id, complaint_id, cycle, answer_number, method, reached, attempted_at,"
        " made_by, by_answerer) SELECT gen_random_uuid(), $1, 1, 1, 'call', false, now() - n * interval '1 day',"
        " gen_random_uuid(), false FROM generate_series(0, 2) n",
        UUID(complaint),
    )
    assert (await said(service, complaint, "close"))["outcome"] == "unreached"


async def test_a_report_on_the_answer_before_is_none(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await reported(system, complaint)
    await said(service, complaint, "call-backs", NO, 201)
    await answered(system, complaint)
    await said(service, complaint, "call-backs", YES, 201)
    assert (await said(service, complaint, "close", status=409))["missing"] == ["report"]


async def test_a_newer_draft_does_not_take_away_what_was_confirmed(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await reported(system, complaint)
    await said(service, complaint, "report", status=201)
    await said(service, complaint, "call-backs", YES, 201)
    await said(service, complaint, "close")


async def test_only_an_answered_complaint_is_closed(system: System, service: Caller) -> None:
    complaint = await refused(system)
    await said(service, complaint, "call-backs", NO, 201)
    problem = await said(service, complaint, "close", status=409)
    assert problem["type"] == "/problems/illegal-transition"
    assert "closed" not in problem["allowed"]


async def test_each_cycle_needs_an_answer_a_report_and_a_word_of_its_own(
    system: System, service: Caller
) -> None:
    complaint = await an_answered(system)
    await reported(system, complaint)
    await said(service, complaint, "call-backs", YES, 201)
    await said(service, complaint, "close")
    assert (await said(service, complaint, "reopen", {"reason": "又破了"}))["cycle"] == 2
    await said(service, complaint, "close", status=409)
    await said(service, complaint, "report", status=409)
    await answered(system, complaint)
    assert (await said(service, complaint, "close", status=409))["missing"] == ["report", "confirmation"]
    assert await reported(system, complaint) == 2
    await said(service, complaint, "call-backs", YES, 201)
    assert (await said(service, complaint, "close"))["status"] == "closed"
    report = (await service.get(f"/v1/complaints/{complaint}/report")).json()
    assert (report["cycle"], [each["number"] for each in report["content"]["answers"]]) == (2, [2])


async def test_it_ends_without_a_yes_if_a_superior_agrees(
    system: System, service: Caller, manager: Caller
) -> None:
    complaint = await refused(system)
    closing = await said(service, complaint, "close-not-accepted", ENOUGH, 201)
    assert (await decided(manager, closing["id"], "approve", 409))["missing"] == ["report"]
    await reported(system, complaint)
    report = (await service.get(f"/v1/complaints/{complaint}/report")).json()
    assert report["content"]["closing"]["told_of_appeal"] is True
    assert report["content"]["closing"]["means_exhausted"] is True
    assert (await decided(manager, closing["id"], "approve"))["state"] == "approved"
    case = (await service.get(f"/v1/complaints/{complaint}")).json()
    assert (case["status"], case["outcome"]) == ("closed_not_accepted", "not_accepted")
    assert case["ended_because"] == ENOUGH["reason"]


async def test_a_report_from_before_the_request_does_not_say_what_it_must(
    system: System, service: Caller, manager: Caller
) -> None:
    complaint = await refused(system)
    await reported(system, complaint)
    closing = await said(service, complaint, "close-not-accepted", ENOUGH, 201)
    assert (await decided(manager, closing["id"], "approve", 409))["missing"] == ["report"]


@pytest.mark.parametrize("part", ENOUGH)
async def test_every_part_of_the_request_is_needed(system: System, service: Caller, part: str) -> None:
    complaint = await refused(system)
    without = {name: value for name, value in ENOUGH.items() if name != part}
    for body in (without, without | {part: False}):
        problem = await said(service, complaint, "close-not-accepted", body, 422)
        assert [each["pointer"] for each in problem["errors"]] == [f"/body/{part}"]


async def test_who_never_said_no_is_asked_first(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    assert (await said(service, complaint, "close-not-accepted", ENOUGH, 409))["missing"] == ["refusal"]


async def test_one_request_at_a_time(system: System, service: Caller, manager: Caller) -> None:
    complaint = await refused(system)
    closing = await said(service, complaint, "close-not-accepted", ENOUGH, 201)
    await said(service, complaint, "close-not-accepted", ENOUGH, 409)
    await decided(manager, closing["id"], "decline")
    assert (await service.get(f"/v1/complaints/{complaint}")).json()["status"] == "answered"
    await said(service, complaint, "close-not-accepted", ENOUGH, 201)


async def test_nobody_decides_on_what_they_asked_for(system: System, manager: Caller) -> None:
    complaint = await refused(system)
    closing = await said(manager, complaint, "close-not-accepted", ENOUGH, 201)
    await reported(system, complaint)
    await decided(manager, closing["id"], "approve", 403)


async def test_the_line_of_superiors_the_head_and_leaders_of_service_decide_and_nobody_else(
    system: System,
) -> None:
    handler, lead, chief, head, peer = [await system.staff(Role.CUSTOMER_SERVICE) for _ in range(5)]
    executive = await system.staff(Role.EXECUTIVE)
    department = await system.scalar("SELECT gen_random_uuid()")
    await put(
        system,
        "INSERT INTO departments (id, code, name, head_id) VALUES ($1, gen_random_uuid()::text, '客服部', $2)",
        department,
        head.principal.id,
    )
    for one, above in ((handler, lead), (lead, chief), (chief, executive), (executive, chief)):
        await put(
            system, "UPDATE users SET superior_id = $2 WHERE id = $1", one.principal.id, above.principal.id
        )
    await put(system, "UPDATE users SET department_id = $2 WHERE id = $1", handler.principal.id, department)
    complaint = await refused(system)
    await nobodys(system, complaint, handler.id)
    leader = await system.staff(Role.CUSTOMER_SERVICE, level=UserLevel.DIRECTOR)
    elsewhere = await system.staff(Role.OPERATIONS, level=UserLevel.DIRECTOR)
    for nobody in (handler, peer, elsewhere, await system.staff(Role.EXECUTIVE)):
        closing = await said(handler, complaint, "close-not-accepted", ENOUGH, 201)
        await decided(nobody, closing["id"], "decline", 403)
        await decided(leader, closing["id"], "decline")
    for somebody in (lead, chief, executive, head, leader):
        closing = await said(handler, complaint, "close-not-accepted", ENOUGH, 201)
        await decided(somebody, closing["id"], "decline")


async def test_the_handler_asks_and_nobody_else(system: System, service: Caller) -> None:
    complaint = await refused(system)
    await nobodys(system, complaint, (await system.staff(Role.CUSTOMER_SERVICE)).id)
    await said(service, complaint, "close-not-accepted", ENOUGH, 403)


async def test_a_request_lapses_when_the_case_goes_on(
    system: System, service: Caller, manager: Caller
) -> None:
    complaint = await refused(system)
    closing = await said(service, complaint, "close-not-accepted", ENOUGH, 201)
    await said(service, complaint, "call-backs", NO, 201)
    assert (await decided(manager, closing["id"], "approve", 409))["type"] != "/problems/internal"
    await said(service, complaint, "answer", ANSWER)
    await reported(system, complaint)
    await decided(manager, closing["id"], "approve", 409)
    assert (await said(service, complaint, "close-not-accepted", ENOUGH, 201))["answer_number"] == 3


async def test_requests_are_listed_for_those_who_may_know_of_them(system: System, service: Caller) -> None:
    complaint = await refused(system)
    closing = await said(service, complaint, "close-not-accepted", ENOUGH, 201)
    listed = await service.get("/v1/complaint-closings", params={"state": "requested"})
    assert closing["id"] in {each["id"] for each in listed.json()["items"]}
    ready = (await service.get(f"/v1/complaints/{complaint}/closing")).json()
    assert ready["closing"]["id"] == closing["id"]
    sales = await system.staff(Role.SALES)
    assert (await sales.get("/v1/complaint-closings")).json()["items"] == []
