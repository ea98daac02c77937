"""What a partner says to its complaint: a word, a yes, a no."""

import secrets
from uuid import UUID

import pytest

from app.roles import Role
from tests.steps import told
from tests.system import System
from tests.test_partner_complaints import ANSWER, PATH, Side


@pytest.fixture
async def side(system: System) -> Side:
    return await Side.make(system)


async def answered(side: Side) -> None:
    await side.say("investigate")
    await side.say("answer", ANSWER)


async def test_a_partners_word_ends_a_wait_for_it_and_the_same_word_twice_is_one(
    system: System, side: Side
) -> None:
    await side.say("pause", {"reason": "awaiting_customer"})
    body = {"text": "已补充外包装照片", "message_id": f"m{secrets.token_hex(4)}"}
    first, again = [await side.partner.post(f"{side.path}/messages", body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert (await side.seen())["status"] == "investigating"
    kept = "SELECT count(*) FROM complaint_messages WHERE complaint_id = :id AND direction = 'in'"
    assert await system.scalar(kept, id=UUID(side.complaint["id"])) == 1


async def test_what_one_partner_calls_a_message_another_may_call_its_own(system: System, side: Side) -> None:
    body = {"text": "请尽快处理", "message_id": f"m{secrets.token_hex(4)}"}
    answers = [
        await each.partner.post(f"{each.path}/messages", body) for each in (side, await Side.make(system))
    ]
    assert [each.status_code for each in answers] == [201, 201]


async def test_a_rejected_answer_is_investigated_again_with_its_clocks_running(side: Side) -> None:
    await answered(side)
    refused = await side.partner.post(f"{side.path}/reject", {"reason": "赔偿金额低于货物价值"})
    assert (refused.status_code, refused.json()["status"]) == (200, "investigating")
    service = await side.system.as_role(Role.CUSTOMER_SERVICE)
    clocks = (await service.get(f"/v1/complaints/{side.complaint['id']}/clocks")).json()
    resolving = [each for each in clocks if each["metric"] == "resolution"]
    assert {each["state"] for each in resolving} == {"running"}
    again = await side.partner.post(f"{side.path}/reject", {"reason": "-"})
    assert again.status_code == 409


async def test_an_accepted_answer_is_written_down_as_the_partners_word(system: System, side: Side) -> None:
    await answered(side)
    taken = await side.partner.post(f"{side.path}/accept")
    assert (taken.status_code, taken.json()["status"]) == (200, "answered")
    method = "SELECT method FROM complaint_call_backs WHERE complaint_id = :id AND accepted"
    assert await system.scalar(method, id=UUID(side.complaint["id"])) == "partner"


@pytest.mark.parametrize("verb", ["messages", "accept", "reject"])
async def test_about_anothers_complaint_one_can_say_as_little_as_about_none(
    system: System, side: Side, verb: str
) -> None:
    other = await Side.make(system)
    await answered(other)
    body = {"messages": {"text": "-"}, "accept": None, "reject": {"reason": "-"}}[verb]
    foreign = await side.partner.post(f"{other.path}/{verb}", body)
    absent = await side.partner.post(f"{PATH}/C-2026-999999/{verb}", body)
    assert (foreign.status_code, told(foreign)) == (404, told(absent))
