"""Orders: received, handed over to dispatch, accepted there; or cancelled before that."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import pytest

from app.models.order import Order, OrderState
from app.roles import Role
from tests.system import System, a_customer, a_shipment

ALLOWED = {
    "received": {"hand-over", "cancel"},
    "handed_over": {"accept", "cancel"},
    "accepted": set(),
    "cancelled": set(),
}
"""By hand, a second time."""
LEADS_TO = {"hand-over": "handed_over", "accept": "accepted", "cancel": "cancelled"}
WAY_TO = {
    "received": [],
    "handed_over": ["hand-over"],
    "accepted": ["hand-over", "accept"],
    "cancelled": ["cancel"],
}


async def an_order(system: System, **fields: Any) -> dict[str, Any]:
    body = {"customer_id": (await a_customer(system))["id"]} | fields
    answer = await (await system.as_role(Role.CUSTOMER_SERVICE)).post("/v1/orders", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_an_order_keeps_what_the_customer_asked_for(system: System) -> None:
    customer = await a_customer(system)
    order = await an_order(
        system,
        customer_id=None,
        customer_code=customer["code"],
        pickup_from="2026-03-10T09:00:00+08:00",
        pickup_until="2026-03-10T12:00:00+08:00",
        received_at="2026-03-10T08:15:00+08:00",
        parcels=[
            {"description": "龙井茶", "weight_kg": "2.5", "pieces": 3},
            {"description": "Käse", "destination": {"country": "CH", "city": "Zürich", "postcode": "8001"}},
        ],
        note="请上门取件",
    )
    assert re.fullmatch(r"O-20\d\d-\d{6}", order["number"])
    assert (order["customer_id"], order["state"]) == (customer["id"], "received")
    assert (order["pickup_from"], order["received_at"]) == ("2026-03-10T01:00:00Z", "2026-03-10T00:15:00Z")
    assert [parcel["description"] for parcel in order["parcels"]] == ["龙井茶", "Käse"]
    assert order["parcels"][1]["destination"]["city"] == "Zürich"
    assert (order["handed_over_at"], order["accepted_at"], order["cancelled_at"]) == (None, None, None)
    seen = await (await system.as_role(Role.OPERATIONS)).get(f"/v1/orders/{order['id']}")
    assert seen.json() == order
    tag = {"If-None-Match": seen.headers["etag"]}
    again = await (await system.as_role(Role.OPERATIONS)).get(f"/v1/orders/{order['id']}", headers=tag)
    assert again.status_code == 304


async def test_an_order_goes_from_the_desk_to_dispatch_and_each_step_has_its_time(system: System) -> None:
    service, operations = await system.as_role(Role.CUSTOMER_SERVICE), await system.as_role(Role.OPERATIONS)
    order = await an_order(system)
    handed = (await service.post(f"/v1/orders/{order['id']}/hand-over")).json()
    assert (handed["state"], handed["accepted_at"]) == ("handed_over", None)
    accepted = (await operations.post(f"/v1/orders/{order['id']}/accept")).json()
    assert accepted["state"] == "accepted"
    assert order["received_at"] <= handed["handed_over_at"] <= accepted["accepted_at"]
    assert accepted["handed_over_at"] == handed["handed_over_at"]
    kinds = "SELECT string_agg(kind, ' ' ORDER BY sequence) FROM events WHERE subject_id = CAST(:id AS uuid)"
    assert await system.scalar(kinds, id=order["id"]) == "order.received order.handed_over order.accepted"


@pytest.mark.parametrize("state", sorted(ALLOWED))
async def test_an_illegal_step_is_refused_and_changes_nothing(system: System, state: str) -> None:
    service, order = await system.as_role(Role.CUSTOMER_SERVICE), await an_order(system)
    for verb in WAY_TO[state]:
        assert (await service.post(f"/v1/orders/{order['id']}/{verb}")).status_code == 200
    before = (await service.get(f"/v1/orders/{order['id']}")).json()
    legal = sorted(LEADS_TO[verb] for verb in ALLOWED[state])
    assert sorted(Order.transitions[OrderState(state)]) == legal
    for verb in set(LEADS_TO) - ALLOWED[state]:
        refused = await service.post(f"/v1/orders/{order['id']}/{verb}")
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-transition")
        assert (refused.json()["current"], refused.json()["allowed"]) == (state, legal)
    assert (await service.get(f"/v1/orders/{order['id']}")).json() == before


async def test_of_two_who_decide_at_once_one_wins(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    for _ in range(5):
        order = await an_order(system)
        await service.post(f"/v1/orders/{order['id']}/hand-over")
        answers = await asyncio.gather(
            service.post(f"/v1/orders/{order['id']}/accept"), service.post(f"/v1/orders/{order['id']}/cancel")
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        seen = (await service.get(f"/v1/orders/{order['id']}")).json()
        assert (seen["accepted_at"] is None) != (seen["cancelled_at"] is None)


async def test_the_parcels_of_an_order_are_found_on_it(system: System) -> None:
    order = await an_order(system)
    numbers = sorted(
        [
            (await a_shipment(system, order["customer_id"], order_id=order["id"]))["tracking_no"]
            for _ in range(2)
        ]
    )
    seen = (await (await system.as_role(Role.OPERATIONS)).get(f"/v1/orders/{order['id']}")).json()
    assert seen["tracking_nos"] == numbers
    foreign = await (await system.as_role(Role.OPERATIONS)).post(
        "/v1/shipments",
        {
            "tracking_no": "SF00000000001",
            "customer_id": (await a_customer(system))["id"],
            "order_id": order["id"],
            "service": "tw",
            "promised_at": "2026-03-01T00:00:00Z",
        },
    )
    assert (foreign.status_code, foreign.json()["errors"][0]["pointer"]) == (422, "/body/order_id")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"customer_id": str(uuid4())}, "/body/customer_id"),
        ({"customer_id": None, "customer_code": "no-such-code"}, "/body/customer_code"),
        ({"customer_id": None}, "/body"),
        ({"customer_code": "C1"}, "/body"),
        ({"pickup_from": "2026-03-10T12:00:00Z", "pickup_until": "2026-03-10T12:00:00Z"}, "/body"),
        ({"pickup_from": "2026-03-10T12:00:00"}, "/body/pickup_from"),
        ({"parcels": [{"description": ""}]}, "/body/parcels/0/description"),
        ({"parcels": [{"description": "x", "weight_kg": 2.5}]}, "/body/parcels/0/weight_kg"),
        ({"parcels": [{"description": "x", "weight_kg": "-1"}]}, "/body/parcels/0/weight_kg"),
        ({"parcels": [{"description": "x", "pieces": 0}]}, "/body/parcels/0/pieces"),
        ({"parcels": [{"description": "x"}] * 201}, "/body/parcels"),
        ({"colour": "red"}, "/body/colour"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    system: System, fields: dict[str, Any], pointer: str
) -> None:
    body = {"customer_id": (await a_customer(system))["id"]} | fields
    answer = await (await system.as_role(Role.CUSTOMER_SERVICE)).post("/v1/orders", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text


async def test_orders_are_listed_by_customer_and_state(system: System) -> None:
    service, customer = await system.as_role(Role.CUSTOMER_SERVICE), await a_customer(system)
    times = [f"2026-03-{day:02}T00:00:00Z" for day in (5, 3, 4)]
    orders = [await an_order(system, customer_id=customer["id"], received_at=each) for each in times]
    await service.post(f"/v1/orders/{orders[0]['id']}/cancel")

    async def found(**params: Any) -> list[str]:
        answer = await service.get("/v1/orders", params={"customer_id": customer["id"], **params})
        assert answer.status_code == 200
        return [item["received_at"] for item in answer.json()["items"]]

    assert await found() == sorted(times, reverse=True)
    assert await found(sort="received_at") == sorted(times)
    assert await found(state="cancelled") == [times[0]]
    assert await found(state="received", sort="received_at") == sorted(times[1:])
    assert (await service.get("/v1/orders", params={"state": "gone"})).status_code == 422


async def test_orders_are_not_for_everybody(system: System) -> None:
    order = await an_order(system)
    for role, status in ((Role.HR, 403), (Role.DISPATCH, 403), (Role.PARTNER, 404)):
        caller = await system.as_role(role)
        assert (await caller.get(f"/v1/orders/{order['id']}")).status_code == status
        assert (await caller.post(f"/v1/orders/{order['id']}/cancel")).status_code == status
    sales = await system.staff(Role.SALES)
    assert (await sales.get(f"/v1/orders/{order['id']}")).status_code == 404
    assert (await sales.get("/v1/orders")).json()["items"] == []
    own = await a_customer(system, owner_id=sales.id)
    mine = await an_order(system, customer_id=own["id"])
    assert [item["id"] for item in (await sales.get("/v1/orders")).json()["items"]] == [mine["id"]]
    assert (await (await system.as_role(Role.OPERATIONS)).get(f"/v1/orders/{uuid4()}")).status_code == 404
