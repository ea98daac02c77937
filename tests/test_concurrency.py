"""Nobody's change is overwritten unseen: entity tags, preconditions, lost races."""

import asyncio
import re
import secrets
from typing import Any

import pytest

from app.roles import Role
from tests.operations import description
from tests.system import Caller, System, a_customer, a_shipment, an_event
from tests.world import World

Resource = tuple[Caller, str]


async def customer(system: System) -> Resource:
    return await system.as_role(Role.MARKETING), f"/v1/customers/{(await a_customer(system))['id']}"


async def user(system: System) -> Resource:
    return await system.as_role(Role.ADMIN), f"/v1/users/{(await system.staff(Role.SALES)).id}"


async def client(system: System) -> Resource:
    partner = await system.partner((await a_customer(system))["id"])
    return await system.as_role(Role.ADMIN), f"/v1/clients/{partner.id}"


async def order(system: System) -> Resource:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    made = await service.post("/v1/orders", {"customer_id": (await a_customer(system))["id"]})
    return service, f"/v1/orders/{made.json()['id']}"


async def shipment(system: System) -> Resource:
    return await system.as_role(Role.OPERATIONS), f"/v1/shipments/{(await a_shipment(system))['tracking_no']}"


async def delivery_exception(system: System) -> Resource:
    operations, dispatch = await system.as_role(Role.OPERATIONS), await system.as_role(Role.DISPATCH)
    number = (await a_shipment(system))["tracking_no"]
    await dispatch.post("/v1/delivery-exceptions", an_event(number, "carrier_damage"))
    await system.drain()
    found = await operations.get("/v1/delivery-exceptions", params={"tracking_no": number})
    return operations, f"/v1/delivery-exceptions/{found.json()['items'][0]['id']}"


def made_for(operation: str) -> Any:
    """The thing that an operation reads, as the table of calls has it."""

    async def make(system: System) -> Resource:
        world = World(system)
        caller, request = await world.somebody(operation), await world.request(operation)
        assert caller is not None
        return caller, request["path"]

    return make


READ = (
    "get_complaint",
    "get_complaint_by_number",
    "get_complaint_report",
    "get_calendar",
    "get_contact",
    "get_document",
    "get_export",
    "get_import_mapping",
    "get_leak",
    "get_privacy_request",
    "get_proposal",
    "get_segment",
    "get_task",
    "get_team",
)
TAGGED = (customer, user, client, order, shipment, delivery_exception, *map(made_for, READ))
CHANGEABLE = (customer, user, client)


@pytest.mark.parametrize("make", TAGGED)
async def test_a_single_resource_carries_a_tag_and_is_not_sent_twice(system: System, make: Any) -> None:
    caller, path = await make(system)
    answer = await caller.get(path)
    tag = answer.headers["etag"]
    assert re.fullmatch(r'"[^"]+"', tag)
    for known in (tag, f"W/{tag}", f'"other", {tag}', f'W/"x",W/{tag} , "y"', "*"):
        again = await caller.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["etag"], again.headers["cache-control"]) == (tag, "no-store")
    for other in ('"other"', f'"{tag.strip(chr(34))}0"', "nonsense", ""):
        assert (await caller.get(path, headers={"If-None-Match": other})).status_code == 200


def test_every_versioned_resource_that_can_be_read_alone_is_tried_here() -> None:
    spec = description()
    tagged = set()
    for path, operations in spec["paths"].items():
        content = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
        if "version" in spec["components"]["schemas"].get(name, {}).get("properties", {}):
            tagged.add(path)
    assert len(tagged) == len(TAGGED)


async def test_a_304_needs_the_right_to_read_all_the_same(system: System) -> None:
    caller, path = await customer(system)
    tag = (await caller.get(path)).headers["etag"]
    sales = await system.staff(Role.SALES)
    assert (await sales.get(path, headers={"If-None-Match": tag})).status_code == 404
    assert (await system.http.get(path, headers={"If-None-Match": tag})).status_code == 401


@pytest.mark.parametrize("make", CHANGEABLE)
async def test_a_change_needs_the_tag_that_was_read(system: System, make: Any) -> None:
    caller, path = await make(system)
    tag = (await caller.get(path)).headers["etag"]
    assert (await caller.patch(path, {"name": "Zürich"})).status_code == 428
    changed = await caller.patch(path, {"name": "Zürich"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["name"]) == (200, "Zürich")
    assert changed.headers["etag"] != tag
    assert (await caller.get(path)).headers["etag"] == changed.headers["etag"]
    stale = await caller.patch(path, {"name": "Genf"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/stale")
    assert (await caller.get(path)).json()["name"] == "Zürich"


@pytest.mark.parametrize(
    "tag",
    ["*", "nonsense", '""', '"-1"', '"1_0"', '"1.0"', '"1', '"1", "2"', '"' + "9" * 5000 + '"', '"99"', ""],
)
async def test_a_tag_that_is_none_of_ours_changes_nothing(system: System, tag: str) -> None:
    caller, path = await customer(system)
    answer = await caller.patch(path, {"name": "Genf"}, headers={"If-Match": tag})
    assert answer.status_code == 412
    assert (await caller.get(path)).json()["version"] == 1


async def test_a_tag_that_a_proxy_weakened_is_still_the_same_one(system: System) -> None:
    caller, path = await customer(system)
    assert (await caller.patch(path, {"name": "Genf"}, headers={"If-Match": 'W/"1"'})).status_code == 200


@pytest.mark.parametrize("make", CHANGEABLE)
async def test_of_five_who_change_at_once_one_wins(system: System, make: Any) -> None:
    caller, path = await make(system)
    tag = (await caller.get(path)).headers["etag"]
    answers = await asyncio.gather(
        *(caller.patch(path, {"name": f"顺丰 {number}"}, headers={"If-Match": tag}) for number in range(5))
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {409, 412}
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert (await caller.get(path)).json() == winner.json()


async def test_of_five_who_move_at_once_one_wins(system: System) -> None:
    service, path = await order(system)
    answers = await asyncio.gather(*(service.post(f"{path}/hand-over") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    events = await system.scalar(
        "SELECT count(*) FROM events WHERE kind = 'order.handed_over' AND subject_id = :id",
        id=path.rpartition("/")[2],
    )
    assert events == 1


async def test_of_five_who_take_the_same_code_one_gets_it(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    body = {"name": "顺丰", "kind": "company", "code": f"R{secrets.token_hex(5)}"}
    answers = await asyncio.gather(*(marketing.post("/v1/customers", body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_a_shipments_tag_changes_with_everything_that_is_shown_of_it(system: System) -> None:
    """Whatever a screen shows must not be held back by a 304."""
    operations, dispatch = await system.as_role(Role.OPERATIONS), await system.as_role(Role.DISPATCH)
    marketing, path = await system.as_role(Role.MARKETING), (await shipment(system))[1]
    number = path.rpartition("/")[2]
    shown = (await operations.get(path)).json()
    seen = [(await operations.get(path)).headers["etag"]]

    async def look() -> None:
        answer = await operations.get(path, headers={"If-None-Match": ", ".join(seen)})
        assert answer.status_code == 200
        seen.append(answer.headers["etag"])

    await dispatch.post("/v1/tracking-events", an_event(number, "an_unheard_of_code"))
    await system.drain()
    await look()
    await dispatch.post("/v1/delivery-exceptions", an_event(number, "carrier_damage"))
    await system.drain()
    await look()
    live = (
        await operations.get("/v1/delivery-exceptions", params={"tracking_no": number, "live": True})
    ).json()
    for case in live["items"]:
        await operations.post(f"/v1/delivery-exceptions/{case['id']}/acknowledge", {})
    await look()
    customer_path = f"/v1/customers/{shown['customer_id']}"
    await marketing.patch(customer_path, {"name": "Zürich 新名"}, headers={"If-Match": '"1"'})
    await look()
    english = await operations.get(path, headers={"If-None-Match": seen[-1], "Accept-Language": "en"})
    assert english.status_code == 200


async def test_an_orders_tag_changes_with_its_parcels(system: System) -> None:
    service, path = await order(system)
    first = await service.get(path)
    await a_shipment(system, first.json()["customer_id"], order_id=first.json()["id"])
    second = await service.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert len(second.json()["tracking_nos"]) == 1


async def test_a_change_that_is_refused_changes_no_row(empty_system: System) -> None:
    """Neither business rows, nor events, nor kept answers."""
    marketing, path = await customer(empty_system)
    counts = "SELECT string_agg(t::text, '|' ORDER BY t.*) FROM customers t"
    before = await empty_system.scalar(counts), await empty_system.scalar("SELECT count(*) FROM events")
    key = {"Idempotency-Key": "refused"}
    taken = (await marketing.get(path)).json()["code"]
    for answer, status in (
        (await marketing.patch(path, {"name": "x"}), 428),
        (await marketing.patch(path, {"name": "x"}, headers={"If-Match": '"7"'}), 412),
        (await marketing.patch(path, {"name": "x", "y": 1}, headers={"If-Match": '"1"'}), 422),
        (await marketing.patch(path, {"name": None}, headers={"If-Match": '"1"'}), 422),
        (
            await marketing.post(
                "/v1/customers", {"name": "x", "kind": "company", "code": taken}, headers=key
            ),
            409,
        ),
        (await empty_system.http.post("/v1/customers", json={"name": "x", "kind": "company"}), 401),
        (await marketing.post("/v1/orders", {}, headers=key), 403),
        (
            await (await empty_system.staff(Role.SALES)).patch(
                path, {"name": "x"}, headers={"If-Match": '"1"'}
            ),
            404,
        ),
    ):
        assert answer.status_code == status, answer.text
    after = await empty_system.scalar(counts), await empty_system.scalar("SELECT count(*) FROM events")
    assert after == before
    assert await empty_system.scalar("SELECT count(*) FROM idempotency_keys") == 0
