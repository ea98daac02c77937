"""Exceptions: opened by a push, handled by people, closed by a later scan only where the rules allow."""

import asyncio
import json
from importlib import resources
from typing import Any

import pytest

from app.models.delivery_exception import DeliveryException, ExceptionState
from app.roles import Role
from tests.system import Caller, System, a_customer, a_shipment, an_event, an_instant

REASONS: list[dict[str, Any]] = json.loads(
    resources.files("app.reference").joinpath("exception_reasons.json").read_text("utf-8")
)
ALLOWED = {
    "open": {"acknowledge", "await-customer", "resolve", "dismiss"},
    "acknowledged": {"await-customer", "resolve", "dismiss"},
    "awaiting_customer": {"acknowledge", "resolve", "dismiss"},
    "resolved": set(),
    "dismissed": set(),
}
"""By hand, a second time: which verb a state takes."""
LEADS_TO = {
    "acknowledge": "acknowledged",
    "await-customer": "awaiting_customer",
    "resolve": "resolved",
    "dismiss": "dismissed",
}


async def exceptions(system: System, number: str, **params: Any) -> list[dict[str, Any]]:
    """The exceptions of a parcel, the first one first."""
    await system.drain()
    answer = await (await system.as_role(Role.OPERATIONS)).get(
        "/v1/delivery-exceptions", params={"tracking_no": number, "sort": "opened_at", "limit": 200, **params}
    )
    assert answer.status_code == 200, answer.text
    return [row for row in answer.json()["items"] if row["resolution"] != "superseded"]


async def push(system: System, number: str, code: str, hours: float = 0, **fields: Any) -> None:
    dispatch = await system.as_role(Role.DISPATCH)
    answer = await dispatch.post(
        "/v1/tracking-events", an_event(number, code, occurred_at=an_instant(hours), **fields)
    )
    assert (answer.status_code, answer.json()["result"]) == (202, "accepted"), answer.text


async def an_exception(system: System, reason: str = "carrier_damage", hours: float = -1) -> dict[str, Any]:
    number = (await a_shipment(system))["tracking_no"]
    await push(system, number, reason, hours)
    [row] = await exceptions(system, number)
    return row


async def move(caller: Caller, row: dict[str, Any], verb: str, **fields: Any) -> Any:
    body = {"resolution": "redelivered"} if verb in {"resolve", "dismiss"} else {}
    return await caller.post(f"/v1/delivery-exceptions/{row['id']}/{verb}", body | fields)


async def test_every_reason_opens_an_exception_as_its_row_says(system: System) -> None:
    customer = await a_customer(system)
    numbers = {row["code"]: (await a_shipment(system, customer["id"]))["tracking_no"] for row in REASONS}
    items = [an_event(number, code, text="苏黎世 Zürich") for code, number in numbers.items()]
    dispatch = await system.as_role(Role.DISPATCH)
    results = (await dispatch.post("/v1/delivery-exceptions/batch", {"items": items})).json()["results"]
    assert {each["result"] for each in results} == {"accepted"}
    await system.drain()
    operations = await system.as_role(Role.OPERATIONS)
    answer = await operations.get(
        "/v1/delivery-exceptions", params={"customer_id": customer["id"], "limit": 200, "live": True}
    )
    opened = {row["reason"]: row for row in answer.json()["items"]}
    assert len(answer.json()["items"]) == len(opened) == len(REASONS) == 52
    for reason in REASONS:
        row = opened[reason["code"]]
        assert row["tracking_no"] == numbers[reason["code"]]
        assert (row["severity"], row["liable_party"]) == (reason["severity"], reason["liable_party"])
        assert (row["action_by"], row["sla_excused"]) == (reason["action_by"], reason["sla_excused"])
        assert (row["state"], row["detected_by"], row["leg_no"]) == ("open", "push", 1)
        assert (row["source"], row["code"], row["text"]) == ("native", reason["code"], "苏黎世 Zürich")


async def test_a_reason_opens_one_exception_while_it_is_open(system: System) -> None:
    number = (await a_shipment(system))["tracking_no"]
    for hours in (-3, -5, -4):
        await push(system, number, "carrier_damage", hours)
        await system.drain()
    await push(system, number, "carrier_shortage", -4)
    rows = await exceptions(system, number)
    assert [row["reason"] for row in rows] == ["carrier_damage", "carrier_shortage"]
    first = (await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{number}")).json()["events"][0]
    assert rows[0]["opened_at"] == first["occurred_at"], "the earliest scan opened it"


async def test_an_exception_goes_from_hand_to_hand_and_says_who_and_when(system: System) -> None:
    operations, row = await system.as_role(Role.OPERATIONS), await an_exception(system)
    taken = (await move(operations, row, "acknowledge", note="联系网点")).json()
    assert (taken["state"], taken["acknowledged_by"], taken["note"]) == (
        "acknowledged",
        operations.id,
        "联系网点",
    )
    assert taken["acknowledged_at"] is not None
    waiting = (await move(operations, row, "await-customer")).json()
    assert (waiting["state"], waiting["note"]) == ("awaiting_customer", "联系网点")
    ended = (await move(operations, row, "resolve", resolution="compensated")).json()
    assert (ended["state"], ended["resolution"], ended["closed_by"]) == (
        "resolved",
        "compensated",
        operations.id,
    )
    assert ended["version"] > waiting["version"] > taken["version"] > row["version"]
    kinds = "SELECT string_agg(kind, ' ' ORDER BY sequence) FROM events WHERE subject_id = CAST(:id AS uuid)"
    assert await system.scalar(kinds, id=row["id"]) == (
        "exception.acknowledged exception.awaiting_customer exception.resolved"
    )


@pytest.mark.parametrize("state", sorted(ALLOWED))
async def test_an_illegal_move_is_refused_and_the_legal_ones_named(system: System, state: str) -> None:
    operations, row = await system.as_role(Role.OPERATIONS), await an_exception(system)
    for verb, reached in LEADS_TO.items():
        if reached == state:
            assert (await move(operations, row, verb)).status_code == 200
    legal = sorted(LEADS_TO[verb] for verb in ALLOWED[state])
    assert sorted(DeliveryException.transitions[ExceptionState(state)]) == legal
    for verb in set(LEADS_TO) - ALLOWED[state]:
        refused = await move(operations, row, verb)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-transition")
        assert (refused.json()["current"], refused.json()["allowed"]) == (state, legal)
    seen = (await operations.get(f"/v1/delivery-exceptions/{row['id']}")).json()
    assert seen["state"] == state


async def test_of_two_who_move_it_at_once_one_wins(system: System) -> None:
    operations = await system.as_role(Role.OPERATIONS)
    for _ in range(5):
        row = await an_exception(system)
        answers = await asyncio.gather(move(operations, row, "resolve"), move(operations, row, "dismiss"))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        won = next(answer.json()["state"] for answer in answers if answer.status_code == 200)
        assert (await operations.get(f"/v1/delivery-exceptions/{row['id']}")).json()["state"] == won


async def test_a_resolution_says_how_it_ended(system: System) -> None:
    operations, row = await system.as_role(Role.OPERATIONS), await an_exception(system)
    for body in ({}, {"resolution": ""}, {"resolution": "x", "colour": "red"}):
        answer = await operations.post(f"/v1/delivery-exceptions/{row['id']}/resolve", body)
        assert answer.status_code == 422
    missing = await operations.post(f"/v1/delivery-exceptions/{row['customer_id']}/acknowledge", {})
    assert missing.status_code == 404


async def test_a_later_movement_closes_what_passes_by_itself(system: System) -> None:
    number = (await a_shipment(system))["tracking_no"]
    for code, hours in (
        ("picked_up", -9),
        ("recipient_absent", -5),
        ("carrier_damage", -5),
        ("out_for_delivery", -3),
    ):
        await push(system, number, code, hours)
    absent, damage = sorted(
        await exceptions(system, number), key=lambda row: str(row["reason"]), reverse=True
    )
    assert (absent["state"], absent["resolution"], absent["closed_by"]) == ("resolved", "later_scan", None)
    assert (damage["state"], damage["closed_at"]) == ("open", None)
    await push(system, number, "delivered", -1)
    await system.drain()
    shipment = (await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{number}")).json()
    assert (shipment["status"], shipment["exception"]["reason"]) == ("delivered", "carrier_damage")


async def test_a_late_movement_parts_one_exception_into_two(system: System) -> None:
    number = (await a_shipment(system))["tracking_no"]
    for code, hours in (("picked_up", -9), ("recipient_absent", -6), ("recipient_absent", -2)):
        await push(system, number, code, hours)
    assert [row["state"] for row in await exceptions(system, number)] == ["open"]
    await push(system, number, "out_for_delivery", -4)
    assert [row["state"] for row in await exceptions(system, number)] == ["resolved", "open"]


async def test_a_late_delivery_takes_back_what_a_movement_that_no_longer_counts_had_closed(
    system: System,
) -> None:
    """The parcel was delivered before the scan that seemed to move it: the absence was after the delivery."""
    number = (await a_shipment(system))["tracking_no"]
    for code, hours in (("picked_up", -9), ("carrier_stranded", -6), ("in_transit", -4)):
        await push(system, number, code, hours)
    assert [row["state"] for row in await exceptions(system, number)] == ["resolved"]
    await push(system, number, "cancelled", -8)
    [row] = await exceptions(system, number)
    assert (row["state"], row["closed_at"], row["resolution"]) == ("open", None, None)


async def test_after_a_person_resolved_it_only_a_later_scan_opens_another_one(system: System) -> None:
    operations = await system.as_role(Role.OPERATIONS)
    row = await an_exception(system, hours=-8)
    assert (await move(operations, row, "resolve")).status_code == 200
    number = row["tracking_no"]
    await push(system, number, "carrier_damage", -9)
    await push(system, number, "carrier_damage", -7)
    assert [each["state"] for each in await exceptions(system, number)] == ["resolved"]
    await push(system, number, "carrier_damage", 24)
    await push(system, number, "carrier_damage", 25)
    assert [each["state"] for each in await exceptions(system, number)] == ["resolved", "open"]
    await push(system, number, "in_transit", -8.5)
    assert [each["state"] for each in await exceptions(system, number)] == ["resolved", "open"]


async def test_what_a_person_says_of_one_leg_leaves_the_other_legs_exception_open(system: System) -> None:
    number = (await a_shipment(system))["tracking_no"]
    for code, hours in (("carrier_damage", -6), ("returning", -5), ("carrier_damage", -4)):
        await push(system, number, code, hours)
    _, second = await exceptions(system, number)
    await move(await system.as_role(Role.OPERATIONS), second, "resolve")
    await push(system, number, "in_transit", -2)
    assert [(row["leg_no"], row["state"]) for row in await exceptions(system, number)] == [
        (1, "open"),
        (2, "resolved"),
    ]


async def test_the_shipment_shows_the_worst_exception_and_of_equals_the_oldest(system: System) -> None:
    operations, number = await system.as_role(Role.OPERATIONS), (await a_shipment(system))["tracking_no"]
    seen = []
    for reason, hours in (
        ("recipient_absent", -9),
        ("carrier_missort", -8),
        ("carrier_shortage", -6),
        ("carrier_damage", -7),
        ("carrier_loss", -5),
    ):
        await push(system, number, reason, hours)
        await system.drain()
        shown = (await operations.get(f"/v1/shipments/{number}", headers={"Accept-Language": "en"})).json()
        seen.append((shown["exception"]["severity"], shown["exception"]["reason"]))
    assert seen == [
        ("low", "recipient_absent"),
        ("medium", "carrier_missort"),
        ("high", "carrier_shortage"),
        ("high", "carrier_damage"),
        ("critical", "carrier_loss"),
    ]
    rows = {row["reason"]: row for row in await exceptions(system, number)}
    await move(operations, rows["carrier_loss"], "dismiss")
    await move(operations, rows["carrier_damage"], "acknowledge")
    shown = (await operations.get(f"/v1/shipments/{number}", headers={"Accept-Language": "zh-CN"})).json()
    assert (shown["exception"]["reason"], shown["exception"]["state"]) == ("carrier_damage", "acknowledged")
    assert shown["exception"]["label"] == "破损"


async def test_the_work_list_holds_what_is_open_and_filters(system: System) -> None:
    operations, customer = await system.as_role(Role.OPERATIONS), await a_customer(system)
    numbers = [(await a_shipment(system, customer["id"]))["tracking_no"] for _ in range(3)]
    for number, reason in zip(numbers, ("carrier_damage", "carrier_loss", "recipient_absent"), strict=True):
        await push(system, number, reason, -4)
    [loss] = await exceptions(system, numbers[1])
    await move(operations, loss, "resolve")

    async def found(**params: Any) -> set[str]:
        answer = await operations.get(
            "/v1/delivery-exceptions", params={"customer_id": customer["id"], **params}
        )
        assert answer.status_code == 200, answer.text
        return {row["reason"] for row in answer.json()["items"]}

    assert await found(live=True) == {"carrier_damage", "recipient_absent"}
    assert await found(live=False) == await found(state="resolved") == {"carrier_loss"}
    assert await found(severity="low") == await found(reason="recipient_absent") == {"recipient_absent"}
    assert await found() == {"carrier_damage", "carrier_loss", "recipient_absent"}
    for bad in ({"state": "gone"}, {"severity": "x"}, {"live": "perhaps"}, {"limit": 0}, {"colour": "red"}):
        assert (await operations.get("/v1/delivery-exceptions", params=bad)).status_code == 422


async def test_a_sales_person_sees_the_exceptions_of_own_customers_only(system: System) -> None:
    sales = await system.staff(Role.SALES)
    own = await a_customer(system, owner_id=sales.id)
    mine = (await a_shipment(system, own["id"]))["tracking_no"]
    foreign = await an_exception(system)
    await push(system, mine, "carrier_damage", -3)
    await system.drain()
    listed = await sales.get("/v1/delivery-exceptions")
    if listed.status_code == 200:
        assert {row["tracking_no"] for row in listed.json()["items"]} == {mine}
        assert (await sales.get(f"/v1/delivery-exceptions/{foreign['id']}")).status_code == 404
    assert (await move(sales, foreign, "resolve")).status_code in {403, 404}
