"""What somebody may not see is for them as if it did not exist, wherever a request names it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.security import ROLE_SCOPES, Role, Scope
from tests.calls import CALLS, ITEMS
from tests.operations import body_schema, described, parameters, resolved, schema_named
from tests.owner import execute
from tests.policy import MAY
from tests.steps import told
from tests.system import Caller, System, a_number
from tests.world import World

HIDDEN = "404, for another's as for nothing"
EMPTY = "the same answer for another's as for nothing"
OWN_ONLY = "sales are refused another's as they are nothing; others, nothing"
REFUSED = "422 that points at it, where there is nothing"
PARTED = "422 that points at it, for another customer's as for nothing"
UNSEEN = "422 that points at it, for a customer of another's as for nothing"
GONE = "404 where there is nothing; the house's own, not a customer's"
NONE = "nothing is found; the house's own, not a customer's"
NEW = "it names what is made"
PARKED = "kept until the number is known"
APART = "200, under not_found"
FIGURES = "figures of all customers are for those who may read figures"

REFERENCES: dict[str, str] = {
    "list_users query department_id": NONE,
    "create_user body department_id": REFUSED,
    "create_user body superior_id": REFUSED,
    "create_user body deputy_id": REFUSED,
    "get_user path user_id": GONE,
    "change_user path user_id": GONE,
    "change_user body department_id": REFUSED,
    "change_user body superior_id": REFUSED,
    "change_user body deputy_id": REFUSED,
    "disable_user path user_id": GONE,
    "enable_user path user_id": GONE,
    "reset_password path user_id": GONE,
    "create_client body customer_ids": REFUSED,
    "get_client path client_id": GONE,
    "change_client path client_id": GONE,
    "change_client body customer_ids": REFUSED,
    "disable_client path client_id": GONE,
    "enable_client path client_id": GONE,
    "rotate_client_secret path client_id": GONE,
    "create_department body parent_id": REFUSED,
    "create_department body head_id": REFUSED,
    "list_customers query owner_id": EMPTY,
    "create_customer body owner_id": OWN_ONLY,
    "get_customer path customer_id": HIDDEN,
    "change_customer path customer_id": HIDDEN,
    "change_customer body owner_id": OWN_ONLY,
    "activate_customer path customer_id": HIDDEN,
    "rest_customer path customer_id": HIDDEN,
    "lose_customer path customer_id": HIDDEN,
    "close_customer path customer_id": HIDDEN,
    "list_duplicates query customer_id": EMPTY,
    "dismiss_duplicate body one_id": UNSEEN,
    "dismiss_duplicate body other_id": UNSEEN,
    "preview_merge path customer_id": HIDDEN,
    "preview_merge body merged_id": UNSEEN,
    "merge_customers path customer_id": HIDDEN,
    "merge_customers body merged_id": UNSEEN,
    "get_merge path merge_id": HIDDEN,
    "undo_merge path merge_id": HIDDEN,
    "list_orders query customer_id": EMPTY,
    "create_order body customer_id": REFUSED,
    "create_order body customer_code": REFUSED,
    "get_order path order_id": HIDDEN,
    "hand_over_order path order_id": HIDDEN,
    "accept_order path order_id": HIDDEN,
    "cancel_order path order_id": HIDDEN,
    "create_shipment body tracking_no": NEW,
    "create_shipment body customer_id": REFUSED,
    "create_shipment body customer_code": REFUSED,
    "create_shipment body order_id": PARTED,
    "create_shipments item tracking_no": NEW,
    "create_shipments item customer_id": REFUSED,
    "create_shipments item customer_code": REFUSED,
    "create_shipments item order_id": PARTED,
    "list_shipments query customer_id": EMPTY,
    "count_shipments query customer_id": EMPTY,
    "get_shipment path tracking_no": HIDDEN,
    "reopen_shipment path tracking_no": HIDDEN,
    "push_tracking_event body tracking_no": PARKED,
    "push_tracking_events item tracking_no": PARKED,
    "push_delivery_exception body tracking_no": PARKED,
    "push_delivery_exceptions item tracking_no": PARKED,
    "list_delivery_exceptions query customer_id": EMPTY,
    "list_delivery_exceptions query tracking_no": EMPTY,
    "get_delivery_exception path exception_id": HIDDEN,
    "acknowledge_delivery_exception path exception_id": HIDDEN,
    "await_customer_on_delivery_exception path exception_id": HIDDEN,
    "resolve_delivery_exception path exception_id": HIDDEN,
    "dismiss_delivery_exception path exception_id": HIDDEN,
    "list_carrier_codes query list": NONE,
    "create_carrier_code body list": REFUSED,
    "end_carrier_code path code_id": GONE,
    "get_code_list path list": GONE,
    "look_up_shipments query tracking_no": APART,
    "read_on_time query customer_id": FIGURES,
    "get_job path job_id": GONE,
    "cancel_job path job_id": GONE,
    "list_accesses query principal_id": NONE,
    "list_audit_events query subject_id": NONE,
}

NUMBERS = {"tracking_no", "customer_code", "list"}
"""What names an object beside ids."""

NARROW = frozenset(Scope) - {Scope.CUSTOMERS_ALL, Scope.PARTNER_TRACKING}
"""Everything, but for own customers only: no role has it, so that a role to come is covered too."""


def leaves(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field in a body of this schema that holds no others."""
    for name, each in schema.get("properties", {}).items():
        inner = resolved(each)
        inner = resolved(inner["items"]) if inner.get("type") == "array" else inner
        yield from leaves(inner) if "properties" in inner else [(name, inner)]


def named() -> Iterator[str]:
    """Every place in a request of any operation that names an object."""
    for name, operation in described().items():
        places: dict[str, Any] = {part: parameters(operation, part).items() for part in ("path", "query")}
        places["body"] = leaves(body_schema(operation) or {})
        places["item"] = leaves(schema_named(ITEMS.get(name, "ExceptionNote")))
        for part, fields in places.items():
            for field, schema in fields:
                if field in NUMBERS or resolved(schema).get("format") == "uuid":
                    yield f"{name} {part} {field}"


def where(outcome: str) -> list[str]:
    return [reference for reference, each in REFERENCES.items() if each == outcome]


def nothing(field: str) -> str:
    """What names nothing there is, in the form that the place asks for."""
    return a_number() if field in NUMBERS else str(uuid4())


def with_place(request: dict[str, Any], part: str, field: str, value: str) -> dict[str, Any]:
    """The request with another object named in one place of its query, its body or its first item."""
    if part == "query":
        return request | {"params": {**request["params"], field: value}}
    body = request["json"]["items"][0] if part == "item" else request["json"]
    changed = {
        name: each for name, each in body.items() if not (field == "customer_code" and name == "customer_id")
    }
    changed[field] = [value] if field.endswith("_ids") else value
    return request | {"json": {"items": [changed]} if part == "item" else changed}


@pytest.fixture(scope="module")
async def own(system: System) -> World:
    return World(system)


@pytest.fixture(scope="module")
async def foreign(system: System) -> World:
    return World(system, owned=False)


@pytest.fixture(scope="module")
async def filters(own: World, foreign: World) -> dict[str, list[str]]:
    """What lists may be asked for, another's and one's own, with something of every kind behind it."""
    for world in (foreign, own):
        await world.order_id()
        one, other = sorted([UUID(await world.home_id()), UUID(await world.customer_id())])
        pair = "INSERT INTO duplicate_pairs (one_id, other_id, cluster_id) VALUES (:a, :b, :a) ON CONFLICT DO NOTHING"
        await execute(world.system, pair, a=one, b=other)
    owners = [await own.system.as_role(role) for role in (Role.MARKETING, Role.SALES)]
    return {
        "tracking_no": [await foreign.tracking_no(), await own.tracking_no()],
        "customer_id": [await foreign.home_id(), await own.home_id()],
        "owner_id": [owner.id for owner in owners],
    }


@pytest.fixture(scope="module")
async def seller(system: System) -> Caller:
    """Sales, with every scope there is for members of staff but the one that shows all customers."""
    sales = await system.as_role(Role.SALES)
    principal = replace(sales.principal, scopes=NARROW)
    return Caller(system.http, principal, system.tokens.issue(principal))


def test_the_table_names_every_place_that_names_an_object() -> None:
    assert sorted(named()) == sorted(REFERENCES)


@pytest.mark.parametrize("reference", where(HIDDEN))
async def test_in_a_path_anothers_is_as_if_it_were_not_there(
    own: World, foreign: World, seller: Caller, reference: str
) -> None:
    name, _, field = reference.split()
    mine, theirs = await own.request(name), await foreign.request(name)
    absent = mine | {"path": described()[name]["path"].format(**{field: nothing(field)})}
    answers = [await own.send(seller, request) for request in (theirs, absent)]
    assert answers[0].status_code == 404, answers[0].text
    assert told(answers[0]) == told(answers[1])
    assert answers[0].headers.keys() == answers[1].headers.keys()
    assert (await own.send(seller, mine)).status_code == CALLS[name].status


@pytest.mark.parametrize("reference", where(EMPTY))
async def test_a_filter_by_anothers_finds_what_one_by_nothing_finds(
    own: World, filters: dict[str, list[str]], seller: Caller, reference: str
) -> None:
    name, part, field = reference.split()
    theirs, mine = filters[field]
    request = await own.request(name)
    found = [
        (await own.send(seller, with_place(request, part, field, value))).json()
        for value in (theirs, nothing(field), mine)
    ]
    assert found[0] == found[1]
    assert found[0]["items"] == []
    assert found[2]["items"], reference


@pytest.mark.parametrize("reference", where(OWN_ONLY))
async def test_sales_give_a_customer_to_nobody_whether_there_is_somebody_or_not(
    own: World, reference: str
) -> None:
    name, part, field = reference.split()
    request = await own.request(name)
    sales, marketing = [await own.caller(role) for role in (Role.SALES, Role.MARKETING)]
    others = (marketing.id, nothing(field))
    answers = [await own.send(sales, with_place(request, part, field, each)) for each in others]
    assert told(answers[0]) == told(answers[1])
    assert answers[0].status_code == 403
    absent = await own.send(marketing, with_place(request, part, field, nothing(field)))
    assert pointers(absent) == [f"/body/{field}"]


def pointers(answer: Any) -> list[str]:
    """Where a 422 points, or that of the first item of a batch."""
    body = answer.json()
    body = body["results"][0]["problem"] if "results" in body else body
    assert body["status"] == 422, answer.text
    return [each["pointer"].replace("/items/0", "") for each in body["errors"]]


@pytest.mark.parametrize("reference", where(REFUSED))
async def test_a_body_that_names_nothing_is_refused_and_told_where(own: World, reference: str) -> None:
    name, part, field = reference.split()
    request = with_place(await own.request(name), part, field, nothing(field))
    answer = await own.send(await own.somebody(name), request)
    assert pointers(answer) == [f"/body/{field}" + "/0" * field.endswith("_ids")]


@pytest.mark.parametrize("reference", where(PARTED))
async def test_a_body_that_names_another_customers_is_refused_like_one_that_names_nothing(
    own: World, foreign: World, reference: str
) -> None:
    name, part, field = reference.split()
    request, caller = await own.request(name), await own.somebody(name)
    asked = [with_place(request, part, field, each) for each in (await foreign.order_id(), nothing(field))]
    answers = [await own.send(caller, each) for each in asked]
    assert [pointers(answer) for answer in answers] == [[f"/body/{field}"]] * 2
    assert (await own.send(caller, with_place(request, part, field, await own.order_id()))).is_success


@pytest.mark.parametrize("reference", where(UNSEEN))
async def test_a_body_that_names_a_customer_out_of_sight_is_refused_like_one_that_names_nothing(
    own: World, foreign: World, seller: Caller, reference: str
) -> None:
    name, part, field = reference.split()
    request = await own.request(name)
    asked = [with_place(request, part, field, each) for each in (await foreign.home_id(), nothing(field))]
    answers = [await own.send(seller, each) for each in asked]
    assert [pointers(answer) for answer in answers] == [[f"/body/{field}"]] * 2
    assert told(answers[0]) == told(answers[1])
    assert (await own.send(seller, request)).status_code == CALLS[name].status


@pytest.mark.parametrize("reference", where(GONE))
async def test_where_there_is_nothing_of_the_houses_own_is_404(own: World, reference: str) -> None:
    name, _, field = reference.split()
    path = described()[name]["path"].format(**{field: nothing(field)})
    answer = await own.send(await own.somebody(name), await own.request(name) | {"path": path})
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize("reference", where(NONE))
async def test_a_filter_by_nothing_of_the_houses_own_finds_nothing(own: World, reference: str) -> None:
    name, part, field = reference.split()
    request = with_place(await own.request(name), part, field, nothing(field))
    answer = await own.send(await own.somebody(name), request)
    assert answer.json() == {"items": [], "next_cursor": None, "count": 0}


@pytest.mark.parametrize("reference", where(PARKED))
async def test_a_number_that_nobody_knows_is_parked(own: World, reference: str) -> None:
    name, part, field = reference.split()
    request = with_place(await own.request(name), part, field, nothing(field))
    answer = (await own.send(await own.somebody(name), request)).json()
    assert answer.get("results", [answer])[0]["result"] == "parked"


async def test_a_partner_is_told_of_anothers_number_what_it_is_told_of_none(
    own: World, foreign: World
) -> None:
    partner, numbers = await own.caller(Role.PARTNER), [await foreign.tracking_no(), a_number()]
    for number in numbers:
        answer = await partner.get("/v1/partner/shipments", params={"tracking_no": number})
        assert answer.json() == {"items": [], "not_found": [number]}
    assert (await own.call("look_up_shipments")).json()["items"]


def test_whoever_names_any_customer_in_what_they_make_sees_all_of_them(own: World) -> None:
    """Else a body would tell them which customers there are. Dispatch makes shipments for everybody."""
    for name in ("create_order", "create_shipment", "create_shipments", "create_client", "change_client"):
        for role in MAY[name] - {Role.DISPATCH, Role.ADMIN}:
            assert Scope.CUSTOMERS_ALL in ROLE_SCOPES[Role(role)], (name, role)
    assert where(NEW)
    assert where(APART)
    assert where(FIGURES)
    assert own.owned
