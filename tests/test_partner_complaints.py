"""A partner brings complaints of its own customers, follows them, and sees nothing of how we work."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.models.complaint import ComplaintState
from app.models.complaint_portal import CustomerComplaintStatus, customer_status
from app.roles import Role
from tests.owner import owner
from tests.steps import pages, told
from tests.system import Caller, System, a_customer, a_number, a_shipment
from tests.walls import COMPLAINT_TABLES, without_complaints_filter, without_row_level_security

PATH = "/v1/partner/complaints"
PINNED = {
    "number",
    "status",
    "status_label",
    "category",
    "tracking_nos",
    "received_at",
    "due_at",
    "answer",
    "closed_at",
}


def a_complaint(*tracking_nos: str, **fields: Any) -> dict[str, Any]:
    return {
        "category": "damage",
        "description": "外箱破损，茶叶罐变形",
        "tracking_nos": list(tracking_nos),
        "remedy_sought": "赔偿",
        "complainant": {
            "name": "李明",
            "phone": f"1{secrets.randbelow(9 * 10**9) + 10**9}",
            "role": "recipient",
        },
    } | fields


@dataclass
class Side:
    """A partner with a customer, a parcel and a complaint of its own."""

    system: System
    partner: Caller
    customer_id: str
    tracking_no: str
    complaint: dict[str, Any]

    @classmethod
    async def make(cls, system: System) -> "Side":
        customer = await a_customer(system)
        shipment = await a_shipment(system, customer["id"])
        partner = await system.partner(customer["id"])
        made = await partner.post(PATH, a_complaint(shipment["tracking_no"]))
        assert made.status_code == 201, made.text
        return cls(system, partner, customer["id"], shipment["tracking_no"], made.json())

    @property
    def path(self) -> str:
        return f"{PATH}/{self.complaint['number']}"

    async def say(self, verb: str, body: Any = None) -> dict[str, Any]:
        """What staff do about it."""
        service = await self.system.as_role(Role.CUSTOMER_SERVICE)
        path = f"/v1/complaints/{self.complaint['id']}/{verb}"
        answer = await service.post(path, body or {})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def seen(self, **headers: str) -> dict[str, Any]:
        answer = await self.partner.get(self.path, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture
async def side(system: System) -> Side:
    return await Side.make(system)


ANSWER = {
    "finding": "分拨中心装卸时外箱受压（内部结论）",
    "liable_party": "carrier_hub",
    "root_cause": "handling",
    "remedy": "赔偿 128 元",
    "text": "经核实，我司将赔偿 128 元，请联系 13987654321。",
    "channel": "partner_api",
}


async def test_a_partner_gets_number_status_due_time_and_the_clocks_of_law_and_contract(side: Side) -> None:
    made = side.complaint
    assert made["number"].startswith("C-20")
    assert made["status"] == "acknowledged"
    assert made["due_at"] is not None
    assert made["tracking_nos"] == [side.tracking_no]
    assert made.keys() == PINNED | {"id", "clocks"}
    assert {clock["kind"] for clock in made["clocks"]} == {"statutory"}, "the house's own limits stay inside"
    service = await side.system.as_role(Role.CUSTOMER_SERVICE)
    inside = (await service.get(f"/v1/complaints/{made['id']}")).json()
    assert (inside["channel"], inside["customer_id"]) == ("partner_api", side.customer_id)


async def test_it_is_followed_by_its_number_in_the_callers_language(side: Side) -> None:
    seen = await side.seen()
    assert seen.keys() == PINNED
    assert (seen["status_label"], seen["answer"], seen["closed_at"]) == ("已受理", None, None)
    assert (await side.seen(**{"Accept-Language": "en"}))["status_label"] == "Acknowledged"
    lower = await side.partner.get(side.path.lower())
    assert lower.json()["number"] == side.complaint["number"]


async def test_staff_find_it_by_its_number_in_one_call(side: Side) -> None:
    service = await side.system.as_role(Role.CUSTOMER_SERVICE)
    found = await service.get(f"/v1/complaint-numbers/{side.complaint['number'].lower()}")
    assert found.json()["id"] == side.complaint["id"]
    assert found.headers["ETag"]
    nowhere = await service.get("/v1/complaint-numbers/C-1999-000000")
    assert nowhere.status_code == 404


async def test_the_answer_is_shown_and_what_was_found_is_not(side: Side) -> None:
    await side.say("investigate")
    await side.say("answer", ANSWER)
    seen = await side.seen()
    assert seen["status"] == "answered"
    assert seen["answer"] == "经核实，我司将赔偿 128 元，请联系 ***。"
    everything = (await side.partner.get(side.path)).text + (await side.partner.get(PATH)).text
    for inside in ("内部结论", "carrier_hub", "handling", "handler", "priority", "severity"):
        assert inside not in everything


async def test_a_customer_is_told_of_waiting_only_where_it_is_waited_for(side: Side) -> None:
    await side.say("pause", {"reason": "awaiting_authority"})
    assert (await side.seen())["status"] == "investigating"
    await side.say("resume")
    await side.say("pause", {"reason": "awaiting_customer", "text": "请补充照片"})
    seen = await side.seen()
    assert (seen["status"], seen["status_label"]) == ("waiting", "等待您补充")


def test_every_state_has_something_that_a_customer_is_told() -> None:
    shown = {state: customer_status(state, None) for state in ComplaintState}
    assert set(shown.values()) | {CustomerComplaintStatus.WAITING} == set(CustomerComplaintStatus)
    assert shown[ComplaintState.REOPENED] == shown[ComplaintState.WAITING] == "investigating"
    assert shown[ComplaintState.CLOSED_NOT_ACCEPTED] == shown[ComplaintState.CLOSED] == "closed"


async def test_the_number_of_a_complaint_that_became_a_part_of_another_leads_there(side: Side) -> None:
    second = (await side.partner.post(PATH, a_complaint(side.tracking_no, category="loss"))).json()
    third = (await side.partner.post(PATH, a_complaint(side.tracking_no, category="delay"))).json()
    async with owner(side.system) as connection:
        for one, other in ((side.complaint, second), (second, third)):
            await connection.execute(
                "UPDATE complaints SET state = 'merged', merged_into_id = $2 WHERE id = $1",
                UUID(one["id"]),
                UUID(other["id"]),
            )
    seen = await side.seen()
    assert (seen["number"], seen["category"]) == (third["number"], "delay")
    listed = await pages(side.partner, PATH)
    assert [each["number"] for each in listed] == [third["number"]]


async def test_one_that_became_a_part_of_somebody_elses_is_not_found(system: System, side: Side) -> None:
    other = await Side.make(system)
    async with owner(system) as connection:
        await connection.execute(
            "UPDATE complaints SET state = 'merged', merged_into_id = $2 WHERE id = $1",
            UUID(side.complaint["id"]),
            UUID(other.complaint["id"]),
        )
    assert (await side.partner.get(side.path)).status_code == 404


async def test_the_same_message_of_one_client_is_one_complaint_and_anothers_is_another(
    system: System, side: Side
) -> None:
    message = f"T-{secrets.token_hex(6)}"
    body = a_complaint(side.tracking_no, message_id=message)
    answers = await asyncio.gather(*(side.partner.post(PATH, body) for _ in range(4)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["number"] for each in answers}) == 1
    other = await Side.make(system)
    theirs = await other.partner.post(PATH, a_complaint(other.tracking_no, message_id=message))
    assert theirs.status_code == 201
    assert theirs.json()["number"] != answers[0].json()["number"]


async def refused(partner: Caller, body: dict[str, Any]) -> dict[str, Any]:
    answer = await partner.post(PATH, body)
    assert answer.status_code == 422, answer.text
    return told(answer)


async def test_anothers_consignment_is_refused_exactly_as_one_that_nobody_has(
    system: System, side: Side
) -> None:
    other = await Side.make(system)
    foreign = await refused(side.partner, a_complaint(side.tracking_no, other.tracking_no))
    nowhere = await refused(side.partner, a_complaint(side.tracking_no, a_number()))
    assert foreign == nowhere
    assert foreign["errors"][0]["pointer"] == "/body/tracking_nos/1"


async def test_anothers_customer_is_refused_exactly_as_one_that_there_is_not(
    system: System, side: Side
) -> None:
    other = await a_customer(system)
    for field in ("customer_id", "customer_code"):
        there = {"customer_id": other["id"], "customer_code": other["code"]}[field]
        not_there = {"customer_id": other["id"][:-4] + "0000", "customer_code": "NOBODY"}[field]
        foreign = await refused(side.partner, a_complaint(**{field: there}))
        nowhere = await refused(side.partner, a_complaint(**{field: not_there}))
        assert foreign == nowhere
        assert foreign["errors"][0]["pointer"] == f"/body/{field}"


async def test_without_a_consignment_it_is_about_the_only_customer_or_the_one_that_is_named(
    system: System, side: Side
) -> None:
    alone = await side.partner.post(PATH, a_complaint(category="attitude"))
    assert alone.status_code == 201
    first, second = [await a_customer(system) for _ in range(2)]
    partner = await system.partner(first["id"], second["id"])
    unclear = await refused(partner, a_complaint())
    assert unclear["errors"][0]["pointer"] == "/body/customer_id"
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    for named in ({"customer_id": second["id"]}, {"customer_code": second["code"]}):
        made = await partner.post(PATH, a_complaint(**named))
        inside = await service.get(f"/v1/complaints/{made.json()['id']}")
        assert inside.json()["customer_id"] == second["id"]


async def test_one_complaint_is_about_one_customer(system: System) -> None:
    first, second = [await a_customer(system) for _ in range(2)]
    partner = await system.partner(first["id"], second["id"])
    numbers = [(await a_shipment(system, each["id"]))["tracking_no"] for each in (first, second)]
    mixed = await refused(partner, a_complaint(*numbers))
    assert mixed["errors"][0]["pointer"] == "/body/customer_id"
    wrong = await refused(partner, a_complaint(numbers[0], customer_id=second["id"]))
    assert wrong["errors"][0]["pointer"] == "/body/customer_id"


async def test_a_customer_that_was_merged_goes_on_under_the_one_it_became(system: System) -> None:
    gone, stays = [await a_customer(system, name=f"合并{secrets.token_hex(4)}") for _ in range(2)]
    shipment = await a_shipment(system, gone["id"])
    partner = await system.partner(gone["id"])
    made = await partner.post(PATH, a_complaint(shipment["tracking_no"]))
    marketing = await system.as_role(Role.MARKETING)
    merged = await marketing.post(f"/v1/customers/{stays['id']}/merge", {"merged_id": gone["id"]})
    assert merged.status_code in {200, 201}, merged.text
    assert (await partner.get(f"{PATH}/{made.json()['number']}")).status_code == 200
    assert (await partner.post(PATH, a_complaint(shipment["tracking_no"]))).status_code == 201


async def test_the_list_goes_through_all_of_ones_own_and_counts_them(system: System) -> None:
    customer = await a_customer(system)
    partner = await system.partner(customer["id"])
    made = [(await partner.post(PATH, a_complaint())).json()["number"] for _ in range(5)]
    found = await pages(partner, PATH, limit=2)
    assert [each["number"] for each in found] == made[::-1]
    assert (await partner.get(PATH, params={"count": "true"})).json()["count"] == 5
    cursor = (await partner.get(PATH, params={"limit": 2})).json()["next_cursor"]
    other = await Side.make(system)
    stolen = await other.partner.get(PATH, params={"limit": 2, "cursor": cursor})
    assert [each["number"] for each in stolen.json()["items"]] in ([], [other.complaint["number"]])
    assert (await partner.get(PATH, params={"cursor": "x" * 40})).status_code == 422


# Walls


async def asked(ours: Side, theirs: Side) -> AsyncIterator[httpx.Response]:
    """Everything a partner can ask about another's complaint."""
    yield await ours.partner.get(theirs.path)
    yield await ours.partner.get(PATH, params={"count": "true", "limit": 200})
    yield await ours.partner.get(f"{PATH}/{theirs.complaint['number']}%")
    yield await ours.partner.get(ours.path)


async def leaks(ours: Side, theirs: Side) -> list[str]:
    secrets_of = {theirs.complaint["id"], theirs.tracking_no, theirs.customer_id, "我司将赔偿"}
    found = []
    async for answer in asked(ours, theirs):
        body = answer.json()
        body.pop("instance", None)
        found += [secret for secret in secrets_of if secret in str(body)]
        if "count" in body:
            found += ["count"] * (body["count"] != 1)
            found += ["number"] * (theirs.complaint["number"] in str(body))
    return found


async def two_sides(system: System) -> tuple[Side, Side]:
    ours, theirs = [await Side.make(system) for _ in range(2)]
    await theirs.say("investigate")
    await theirs.say("answer", ANSWER)
    return ours, theirs


@pytest.mark.parametrize("standing", ["both walls", "row-level security", "the filter"])
async def test_a_partner_never_sees_a_complaint_of_the_other(empty_system: System, standing: str) -> None:
    sides = await two_sides(empty_system)
    if standing == "row-level security":
        await without_complaints_filter(empty_system)
    if standing == "the filter":
        await without_row_level_security(empty_system, *COMPLAINT_TABLES)
    assert await leaks(*sides) == []


async def test_the_crawl_would_see_through_walls_that_are_down(empty_system: System) -> None:
    sides = await two_sides(empty_system)
    await without_complaints_filter(empty_system)
    await without_row_level_security(empty_system, *COMPLAINT_TABLES)
    assert {sides[1].tracking_no, "count", "number", "我司将赔偿"} <= set(await leaks(*sides))


async def test_anothers_complaint_is_answered_as_one_that_there_is_not(system: System) -> None:
    ours, theirs = [await Side.make(system) for _ in range(2)]
    foreign = await ours.partner.get(theirs.path)
    nowhere = await ours.partner.get(f"{PATH}/C-1999-000000")
    assert foreign.status_code == nowhere.status_code == 404
    assert told(foreign) == told(nowhere)


async def test_the_partners_role_reads_no_column_of_how_we_work(system: System) -> None:
    async with owner(system) as connection:
        for column in ("complainant_name", "description", "handler_id", "priority", "waiting_text"):
            assert not await connection.fetchval(
                "SELECT has_column_privilege('crm_partner', 'complaints', $1, 'SELECT')", column
            )
        assert not await connection.fetchval(
            "SELECT has_column_privilege('crm_partner', 'complaint_answers', 'finding', 'SELECT')"
        )


async def test_a_partner_that_is_disabled_learns_nothing_any_more(side: Side) -> None:
    async with owner(side.system) as connection:
        await connection.execute(
            "UPDATE clients SET disabled_at = now() WHERE id = $1", side.partner.principal.id
        )
    assert (await side.partner.get(side.path)).status_code == 401
    assert (await side.partner.get(PATH)).status_code == 401
