"""Shipments: made known one by one or in batches, listed, counted, and reopened by those who may."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from app.models.account import UserLevel
from app.roles import Role
from tests.system import Caller, System, a_customer, a_number, a_shipment, an_event, an_instant

PROMISE = "2026-03-10T18:00:00+08:00"


def a_body(customer: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "tracking_no": a_number(),
        "customer_id": customer["id"],
        "service": "international",
        "promised_at": PROMISE,
    } | fields


async def create(system: System, body: dict[str, Any], role: Role = Role.OPERATIONS) -> Any:
    return await (await system.as_role(role)).post("/v1/shipments", body)


async def test_a_shipment_keeps_what_it_was_made_known_with(system: System) -> None:
    customer = await a_customer(system)
    body = a_body(
        customer,
        declared_value={"amount": "128.50", "currency": "CHF"},
        freight={"amount": "１２", "currency": "CNY"},
        recipient={
            "name": "Jürg Müller",
            "phone": "+41 44 123 45 67",
            "address": {"country": "CH", "city": "Zürich", "street": "Bahnhofstrasse 1", "postcode": "8001"},
        },
        reference="合同 7",
        attributes={"温度": "冷链", "n": 1.5},
    )
    made = await create(system, body, Role.DISPATCH)
    assert made.status_code == 201, made.text
    assert (made.json()["status"], made.json()["promised_at"]) == ("created", "2026-03-10T10:00:00Z")
    seen = (await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{body['tracking_no']}")).json()
    assert seen["declared_value"] == {"amount": "128.50", "currency": "CHF"}
    assert seen["freight"] == {"amount": "12.00", "currency": "CNY"}
    assert (seen["recipient"]["address"]["city"], seen["reference"]) == ("Zürich", "合同 7")
    assert seen["attributes"] == {"温度": "冷链", "n": 1.5}
    assert seen["customer"]["id"] == customer["id"]
    assert [(leg["leg_no"], leg["kind"], leg["status"]) for leg in seen["legs"]] == [
        (1, "forward", "created")
    ]
    assert (seen["events"], seen["exception"]) == ([], None)
    assert "Müller" not in str(seen)
    assert "Bahnhofstrasse" not in str(seen)


async def test_the_customer_is_named_by_id_or_by_code(system: System) -> None:
    customer = await a_customer(system)
    made = await create(system, a_body(customer, customer_id=None, customer_code=customer["code"]))
    assert (made.status_code, made.json()["customer_id"]) == (201, customer["id"])


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"customer_code": "C1"}, "/body"),
        ({"customer_id": None}, "/body"),
        ({"customer_id": str(uuid4())}, "/body/customer_id"),
        ({"customer_id": None, "customer_code": "没有"}, "/body/customer_code"),
        ({"customer_id": None, "customer_code": "none-such"}, "/body/customer_code"),
        ({"order_id": str(uuid4())}, "/body/order_id"),
        ({"service": "rocket"}, "/body/service"),
        ({"promised_at": "2026-03-10"}, "/body/promised_at"),
        ({"promised_at": "2026-03-10T18:00:00"}, "/body/promised_at"),
        ({"promised_at": None}, "/body/promised_at"),
        ({"tracking_no": "SF 1"}, "/body/tracking_no"),
        ({"tracking_no": "SF/1"}, "/body/tracking_no"),
        ({"tracking_no": "X" * 65}, "/body/tracking_no"),
        ({"declared_value": {"amount": 12.5, "currency": "CNY"}}, "/body/declared_value/amount"),
        ({"declared_value": {"amount": "12.345", "currency": "CNY"}}, "/body/declared_value/amount"),
        ({"declared_value": {"amount": "1e3", "currency": "CNY"}}, "/body/declared_value/amount"),
        ({"declared_value": {"amount": "NaN", "currency": "CNY"}}, "/body/declared_value/amount"),
        ({"declared_value": {"amount": "12", "currency": "元"}}, "/body/declared_value/currency"),
        ({"declared_value": "12 CNY"}, "/body/declared_value"),
        ({"recipient": {"phone": "电话"}}, "/body/recipient/phone"),
        ({"recipient": {"address": {"country": "瑞士"}}}, "/body/recipient/address/country"),
        ({"status": "delivered"}, "/body/status"),
    ],
)
async def test_a_shipment_that_makes_no_sense_is_refused(
    system: System, fields: dict[str, Any], pointer: str
) -> None:
    body = a_body(await a_customer(system), **fields)
    answer = await create(system, body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert (
        await system.scalar(
            "SELECT count(*) FROM shipments WHERE tracking_no = :number", number=body["tracking_no"]
        )
        == 0
    )


async def test_a_tracking_number_is_taken_once_in_the_whole_house(system: System) -> None:
    number = a_number()
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    assert (await create(system, a_body(await a_customer(system), tracking_no=number))).status_code == 201
    for again in (number, wide, f" {number} "):
        answer = await create(system, a_body(await a_customer(system), tracking_no=again))
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/body/tracking_no")


async def test_of_many_who_make_the_same_number_known_at_once_one_does(system: System) -> None:
    customer, number = await a_customer(system), a_number()
    answers = await asyncio.gather(*(create(system, a_body(customer, tracking_no=number)) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_batch_answers_each_item_in_its_place_and_makes_the_good_ones_known(system: System) -> None:
    customer, taken = await a_customer(system), (await a_shipment(system))["tracking_no"]
    good = [a_body(customer) for _ in range(3)]
    items = [
        good[0],
        a_body(customer, tracking_no=taken),
        "不是对象",
        a_body(customer, service="rocket"),
        good[1],
        a_body(customer, tracking_no=good[0]["tracking_no"]),
        a_body(customer, customer_id=str(uuid4())),
        good[2],
    ]
    answer = await (await system.as_role(Role.DISPATCH)).post("/v1/shipments/batch", {"items": items})
    results = answer.json()["results"]
    assert [each["index"] for each in results] == list(range(8))
    outcomes = [each["problem"]["status"] if each["result"] == "rejected" else 201 for each in results]
    assert outcomes == [201, 409, 422, 422, 201, 409, 422, 201]
    pointers = [each["problem"]["errors"][0]["pointer"] for each in results if each["result"] == "rejected"]
    assert pointers == [
        "/body/items/1/tracking_no",
        "/body/items/2",
        "/body/items/3/service",
        "/body/items/5/tracking_no",
        "/body/items/6/customer_id",
    ]
    operations = await system.as_role(Role.OPERATIONS)
    listed = (await operations.get("/v1/shipments", params={"customer_id": customer["id"]})).json()["items"]
    assert {each["tracking_no"] for each in listed} == {each["tracking_no"] for each in good}
    assert {each["id"] for each in listed} == {each["id"] for each in results if each["result"] == "created"}


async def test_a_batch_has_its_limit_and_may_be_empty(system: System) -> None:
    operations = await system.as_role(Role.OPERATIONS)
    too_many = await operations.post("/v1/shipments/batch", {"items": [{}] * 1001})
    assert too_many.status_code == 422
    empty = await operations.post("/v1/shipments/batch", {"items": []})
    assert (empty.status_code, empty.json()) == (200, {"results": []})


async def test_lists_filter_by_customer_status_service_and_flag(system: System) -> None:
    customer, operations = await a_customer(system), await system.as_role(Role.OPERATIONS)
    dispatch = await system.as_role(Role.DISPATCH)
    numbers = [
        (await a_shipment(system, customer["id"], service=service))["tracking_no"]
        for service in ("tw", "tw", "hk_mo")
    ]
    await dispatch.post("/v1/tracking-events", an_event(numbers[0], "delivered", occurred_at_estimated=True))
    await dispatch.post("/v1/tracking-events", an_event(numbers[1], "in_transit"))
    await system.drain()

    async def found(**params: Any) -> list[str]:
        answer = await operations.get("/v1/shipments", params={"customer_id": customer["id"], **params})
        assert answer.status_code == 200, answer.text
        return [item["tracking_no"] for item in answer.json()["items"]]

    assert await found() == numbers[::-1]
    assert await found(sort="created_at") == numbers
    assert await found(status="delivered") == await found(flag="delivery_time_unknown") == [numbers[0]]
    assert await found(service="tw", sort="created_at") == numbers[:2]
    assert await found(service="tw", status="in_transit") == [numbers[1]]
    for bad in ({"status": "gone"}, {"service": "x"}, {"sort": "name"}, {"limit": "201"}, {"colour": "red"}):
        assert (await operations.get("/v1/shipments", params=bad)).status_code == 422


async def test_shipments_are_counted_by_status_service_and_customer(empty_system: System) -> None:
    system = empty_system
    customers = [await a_customer(system) for _ in range(2)]
    services = ["tw", "tw", "same_city"]
    numbers = [
        (await a_shipment(system, customer["id"], service=service))["tracking_no"]
        for customer in customers
        for service in services[: 3 if customer is customers[0] else 2]
    ]
    dispatch, operations = await system.as_role(Role.DISPATCH), await system.as_role(Role.OPERATIONS)
    await dispatch.post("/v1/tracking-events", an_event(numbers[0], "delivered"))
    await system.drain()

    async def counted(by: str, **params: Any) -> tuple[dict[str, int], int]:
        answer = await operations.get("/v1/shipments/counts", params={"by": by, **params})
        assert answer.status_code == 200, answer.text
        return {item["key"]: item["count"] for item in answer.json()["items"]}, answer.json()["total"]

    assert await counted("status") == ({"created": 4, "delivered": 1}, 5)
    assert await counted("service") == ({"tw": 4, "same_city": 1}, 5)
    assert await counted("customer") == ({customers[0]["id"]: 3, customers[1]["id"]: 2}, 5)
    assert await counted("status", customer_id=customers[1]["id"]) == ({"created": 2}, 2)
    assert await counted("service", limit=1) == ({"tw": 4}, 5)
    labels = (await operations.get("/v1/shipments/counts", params={"by": "status"})).json()["items"]
    assert [item["label"] for item in labels] == ["已下单", "已签收"]
    assert (await operations.get("/v1/shipments/counts", params={"by": "colour"})).status_code == 422
    sales = await system.staff(Role.SALES)
    assert (await sales.get("/v1/shipments/counts", params={"by": "status"})).json() == {
        "items": [],
        "total": 0,
    }


async def test_sales_see_the_shipments_of_their_own_customers_only(system: System) -> None:
    sales, foreign = await system.staff(Role.SALES), await a_shipment(system)
    own = await a_shipment(system, (await a_customer(system, owner_id=sales.id))["id"])
    assert [each["id"] for each in (await sales.get("/v1/shipments")).json()["items"]] == [own["id"]]
    assert (await sales.get(f"/v1/shipments/{own['tracking_no']}")).status_code == 200
    hidden = await sales.get(f"/v1/shipments/{foreign['tracking_no']}")
    missing = await sales.get(f"/v1/shipments/{a_number()}")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json()["detail"] == missing.json()["detail"]


async def test_a_shipments_answer_has_a_tag_that_changes_with_its_events(system: System) -> None:
    operations, shipment = await system.as_role(Role.OPERATIONS), await a_shipment(system)
    path = f"/v1/shipments/{shipment['tracking_no']}"
    tag = (await operations.get(path)).headers["etag"]
    assert (await operations.get(path, headers={"If-None-Match": tag})).status_code == 304
    dispatch = await system.as_role(Role.DISPATCH)
    await dispatch.post("/v1/tracking-events", an_event(shipment["tracking_no"], "carrier_damage"))
    await system.drain()
    changed = await operations.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)


async def a_finished_shipment(system: System, final: str, hours: float = -2) -> str:
    number = str((await a_shipment(system))["tracking_no"])
    dispatch = await system.as_role(Role.DISPATCH)
    for code, offset in (("picked_up", -9), (final, hours)):
        await dispatch.post("/v1/tracking-events", an_event(number, code, occurred_at=an_instant(offset)))
    await system.drain()
    return number


async def reopen(
    caller: Caller, number: str, status: str = "in_transit", reason: str = "客户来电未收到"
) -> Any:
    return await caller.post(f"/v1/shipments/{number}/reopen", {"status": status, "reason": reason})


@pytest.mark.parametrize("final", ["delivered", "lost"])
async def test_operations_reopen_what_was_delivered_or_lost_with_a_reason(system: System, final: str) -> None:
    number = await a_finished_shipment(system, final)
    operations = await system.as_role(Role.OPERATIONS)
    for bad in ({"status": "in_transit"}, {"reason": "x"}, {"status": "in_transit", "reason": ""}):
        refused = await operations.post(f"/v1/shipments/{number}/reopen", bad)
        assert refused.status_code == 422, bad
    answer = await reopen(operations, number)
    assert (answer.status_code, answer.json()["status"]) == (200, "in_transit")
    assert answer.json()["delivered_at"] is None
    await audited(system, number, operations, "in_transit")
    await (await system.as_role(Role.DISPATCH)).post(
        "/v1/tracking-events", an_event(number, "delivered", occurred_at=an_instant(3))
    )
    await system.drain()
    seen = (await operations.get(f"/v1/shipments/{number}")).json()
    assert (seen["status"], seen["delivered_at"] is None) == ("delivered", False)


async def audited(system: System, number: str, actor: Caller, to: str) -> None:
    """One row of the audit trail says who reopened it, to what, and why."""
    sql = """SELECT json_agg(json_build_array(e.actor_id, e.data ->> 'to', e.data ->> 'reason'))
             FROM events e JOIN tracking_numbers t ON t.shipment_id = e.subject_id
             WHERE t.number = :number AND e.kind = 'shipment.reopened'"""
    assert await system.scalar(sql, number=number) == [[actor.id, to, "客户来电未收到"]]


@pytest.mark.parametrize("final", ["returned", "cancelled", "disposed"])
async def test_only_a_supervisor_reopens_what_was_returned_cancelled_or_disposed(
    system: System, final: str
) -> None:
    number = await a_finished_shipment(system, final)
    specialist = await system.staff(Role.OPERATIONS)
    assert (await reopen(specialist, number)).status_code == 403
    untouched = (await specialist.get(f"/v1/shipments/{number}")).json()
    assert (untouched["status"], len(untouched["events"])) == (final, 2)
    manager = await system.staff(Role.OPERATIONS, level=UserLevel.MANAGER)
    answer = await reopen(manager, number)
    assert (answer.status_code, answer.json()["status"]) == (200, "in_transit")
    await audited(system, number, manager, "in_transit")
    other = await a_finished_shipment(system, final)
    director = await system.staff(Role.OPERATIONS, level=UserLevel.DIRECTOR)
    assert (await reopen(director, other, "on_hold")).json()["status"] == "on_hold"


async def test_only_a_finished_shipment_is_reopened_and_to_something_else(system: System) -> None:
    operations, fresh = await system.as_role(Role.OPERATIONS), (await a_shipment(system))["tracking_no"]
    under_way = await reopen(operations, fresh)
    assert (under_way.status_code, under_way.json()["allowed"]) == (409, [])
    done = await a_finished_shipment(system, "delivered")
    same = await reopen(operations, done, "delivered")
    assert (same.status_code, "delivered" in same.json()["allowed"]) == (409, False)
    assert (await reopen(operations, done, "gone")).status_code == 422
    assert (await reopen(operations, a_number())).status_code == 404
    for role in (Role.CUSTOMER_SERVICE, Role.DISPATCH):
        assert (await reopen(await system.as_role(role), done)).status_code == 403
    assert (await reopen(await system.as_role(Role.PARTNER), done)).status_code == 404


async def test_a_person_has_the_last_word_also_over_an_event_from_the_future(system: System) -> None:
    number = await a_finished_shipment(system, "delivered", hours=30)
    operations = await system.as_role(Role.OPERATIONS)
    assert (await reopen(operations, number)).json()["status"] == "in_transit"
    await system.drain()
    assert (await operations.get(f"/v1/shipments/{number}")).json()["status"] == "in_transit"
