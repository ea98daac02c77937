"""Who may do what, and who sees whom: roles, scopes, partners behind two walls, sales with their own customers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.roles import ROLE_SCOPES, Role, Scope
from tests.operations import description, operations
from tests.owner import owner
from tests.policy import MAY, PUBLIC
from tests.steps import told
from tests.system import Caller, System, a_customer, a_number, a_shipment, an_event
from tests.walls import WALLED, a_parcel_in_trouble, without_row_level_security, without_the_filter


def filled(path: str) -> str:
    """The path with an id of nothing in every place."""
    return "/".join(
        str(uuid4()) if part == "{" + part[1:-1] + "}" and part.endswith("_id}") else part.strip("{}")
        for part in path.split("/")
    )


async def denials(system: System, caller: Caller) -> list[tuple[str, str, set[str]]]:
    """What was written down of a caller's denied requests: kind, operation and what else is known."""
    async with owner(system) as connection:
        found = await connection.fetch(
            "SELECT kind, operation, ARRAY(SELECT jsonb_object_keys(data)) FROM accesses"
            " WHERE principal_id = $1 AND kind = 'denied' ORDER BY occurred_at, id",
            caller.principal.id,
        )
    return [(kind, operation, set(data)) for kind, operation, data in found]


def test_the_hand_written_table_names_every_operation_and_no_other(system: System) -> None:
    names = [name for name, _, _ in operations(system)]
    assert len(names) == len(set(names))
    assert set(names) == MAY.keys() | PUBLIC


def test_every_operation_declares_scopes_or_is_public(system: System) -> None:
    paths = description()["paths"]
    for name, method, path in operations(system):
        declared = [scheme["oauth2"] for scheme in paths[path][method.lower()].get("security", [])]
        known = [[Scope(scope) for scope in scopes] for scopes in declared if scopes]
        assert bool(known) == (name not in PUBLIC), name


def test_the_declared_scopes_give_what_the_table_says(system: System) -> None:
    paths = description()["paths"]
    for name, method, path in operations(system):
        if name in PUBLIC:
            continue
        needed = {
            scope for scheme in paths[path][method.lower()]["security"] for scope in scheme.get("oauth2", [])
        }
        assert {role.value for role in Role if needed <= ROLE_SCOPES[role]} == MAY[name], name


@pytest.mark.sweep
@pytest.mark.parametrize("role", Role)
async def test_what_a_role_may_call_is_what_the_table_says(system: System, role: Role) -> None:
    """Called without a body and with ids of nothing, so that what is allowed does no harm."""
    caller, refused = await system.of_role(role), []
    for name, method, path in operations(system):
        if name in PUBLIC:
            continue
        answer = await caller.request(method, filled(path))
        if role in MAY[name]:
            assert answer.status_code in {200, 202, 404, 415, 422, 428}, (name, answer.text)
            continue
        assert answer.status_code == (404 if role is Role.PARTNER else 403), (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        refused.append(("denied", f"{method} {path}", {"missing"}))
    assert await denials(system, caller) == refused


async def test_a_partner_can_not_tell_a_forbidden_path_from_one_that_is_not_there(system: System) -> None:
    partner = await system.as_role(Role.PARTNER)
    forbidden = await partner.get("/v1/users")
    absent = await partner.get("/v1/no-such-thing")
    assert told(forbidden) == told(absent)


async def test_nobody_gets_in_without_a_token(system: System) -> None:
    for name, method, path in operations(system):
        if name not in PUBLIC:
            answer = await system.http.request(method, filled(path))
            assert answer.status_code == 401, name
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["cache-control"] == "no-store"


async def test_two_roles_may_do_what_either_may(system: System) -> None:
    both = await system.staff(Role.HR, Role.AUDITOR)
    assert (await both.get("/v1/audit/accesses")).status_code == 200
    assert (await both.get("/v1/jobs")).status_code == 403


async def test_a_denial_names_the_missing_scope_in_the_callers_language(system: System) -> None:
    caller = await system.staff(Role.HR)
    for language, words in (("zh-CN", "需要权限 users:read"), ("en", "needs the scope users:read")):
        answer = await caller.get("/v1/users", headers={"Accept-Language": language})
        assert words in answer.json()["detail"]
        assert answer.json()["missing_scopes"] == ["users:read"]


# Partners, behind two walls

CANARY = "金丝雀仓库"


async def look_up(partner: Caller, *numbers: str, language: str = "zh-CN") -> dict[str, Any]:
    answer = await partner.get(
        "/v1/partner/shipments",
        params={"tracking_no": list(numbers)},
        headers={"Accept-Language": language},
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@asynccontextmanager
async def two_partners(system: System) -> AsyncIterator[tuple[Caller, str, str]]:
    """One of two partners, its own parcel's number, and the number of the other's."""
    ours, theirs = await a_customer(system), await a_customer(system)
    partner = await system.partner(ours["id"])
    await system.partner(theirs["id"])
    own = await a_parcel_in_trouble(system, ours["id"])
    yield partner, own, await a_parcel_in_trouble(system, theirs["id"], CANARY)


def assert_own_only(found: dict[str, Any], own: str, foreign: str) -> None:
    assert [item["tracking_no"] for item in found["items"]] == [own]
    assert found["not_found"] == [foreign]
    assert CANARY not in json.dumps(found, ensure_ascii=False)


async def test_a_partner_sees_its_own_parcels_whole(system: System) -> None:
    async with two_partners(system) as (partner, own, _):
        (item,) = (await look_up(partner, own))["items"]
    assert item.keys() == {
        "tracking_no",
        "status",
        "status_label",
        "exception",
        "promised_at",
        "delivered_at",
        "events",
    }
    assert item["exception"].keys() == {"reason", "label", "severity", "state", "opened_at"}
    assert [event.keys() for event in item["events"]] == [
        {"occurred_at", "status", "reason", "location", "text"}
    ] * 2


async def test_a_foreign_parcel_is_as_unknown_as_one_that_is_not_there(system: System) -> None:
    nowhere = a_number()
    async with two_partners(system) as (partner, own, foreign):
        found = await look_up(partner, foreign, own, nowhere)
        assert found["not_found"] == [foreign, nowhere]
        assert CANARY not in json.dumps(found, ensure_ascii=False)
        alone = [await look_up(partner, number) for number in (foreign, nowhere)]
        assert alone == [{"items": [], "not_found": [number]} for number in (foreign, nowhere)]


async def test_each_partner_sees_its_own_and_not_the_others(system: System) -> None:
    customers = [await a_customer(system) for _ in range(2)]
    partners = [await system.partner(customer["id"]) for customer in customers]
    numbers = [(await a_shipment(system, customer["id"]))["tracking_no"] for customer in customers]
    for partner, own, foreign in zip(partners, numbers, reversed(numbers), strict=True):
        assert_own_only(await look_up(partner, own, foreign), own, foreign)


async def test_a_partner_of_two_customers_sees_both_and_one_of_none_sees_nothing(system: System) -> None:
    customers = [await a_customer(system) for _ in range(2)]
    numbers = [(await a_shipment(system, customer["id"]))["tracking_no"] for customer in customers]
    both = await system.partner(*(customer["id"] for customer in customers))
    assert [item["tracking_no"] for item in (await look_up(both, *numbers))["items"]] == numbers
    assert (await look_up(await system.partner(), *numbers))["not_found"] == numbers


async def test_row_level_security_alone_still_hides(empty_system: System) -> None:
    async with two_partners(empty_system) as (partner, own, foreign):
        await without_the_filter(empty_system)
        assert_own_only(await look_up(partner, own, foreign), own, foreign)


async def test_the_filter_alone_still_hides(empty_system: System) -> None:
    async with two_partners(empty_system) as (partner, own, foreign):
        await without_row_level_security(empty_system, *WALLED)
        assert_own_only(await look_up(partner, own, foreign), own, foreign)


async def test_without_either_wall_the_foreign_parcel_would_be_seen(empty_system: System) -> None:
    async with two_partners(empty_system) as (partner, own, foreign):
        await without_the_filter(empty_system)
        await without_row_level_security(empty_system, *WALLED)
        found = await look_up(partner, own, foreign)
        assert [item["tracking_no"] for item in found["items"]] == [own, foreign]
        assert json.dumps(found, ensure_ascii=False).count(CANARY) == 2


@pytest.mark.parametrize(
    ("table", "member", "gone"),
    [("tracking_events", "events", []), ("delivery_exceptions", "exception", None)],
)
async def test_row_level_security_hides_events_and_exceptions_by_themselves(
    empty_system: System, table: str, member: str, gone: object
) -> None:
    async with two_partners(empty_system) as (partner, own, foreign):
        await without_the_filter(empty_system)
        await without_row_level_security(empty_system, *(set(WALLED) - {table}))
        seen = (await look_up(partner, own, foreign))["items"]
        assert seen[0][member]
        assert seen[1][member] == gone


async def test_a_changed_binding_counts_from_the_next_request(system: System) -> None:
    admin = await system.as_role(Role.ADMIN)
    ours, theirs = await a_customer(system), await a_customer(system)
    partner = await system.partner(ours["id"])
    own, foreign = [(await a_shipment(system, each["id"]))["tracking_no"] for each in (ours, theirs)]
    assert_own_only(await look_up(partner, own, foreign), own, foreign)
    path = f"/v1/clients/{partner.id}"
    etag = (await admin.get(path)).headers["ETag"]
    changed = await admin.patch(path, {"customer_ids": [theirs["id"]]}, headers={"If-Match": etag})
    assert changed.status_code == 200, changed.text
    assert_own_only(await look_up(partner, own, foreign), foreign, own)


async def test_changed_sources_count_from_the_next_push(system: System) -> None:
    admin, dispatch = await system.as_role(Role.ADMIN), await system.dispatch("native")
    number = (await a_shipment(system))["tracking_no"]
    assert (await dispatch.post("/v1/tracking-events", an_event(number))).status_code == 202
    path = f"/v1/clients/{dispatch.id}"
    etag = (await admin.get(path)).headers["ETag"]
    await admin.patch(path, {"sources": ["sf"]}, headers={"If-Match": etag})
    assert (await dispatch.post("/v1/tracking-events", an_event(number, "delivered"))).status_code == 403


async def test_forty_numbers_are_looked_up_and_forty_one_refused(system: System) -> None:
    partner = await system.as_role(Role.PARTNER)
    numbers = [a_number() for _ in range(41)]
    assert (await look_up(partner, *numbers[:40]))["not_found"] == numbers[:40]
    answer = await partner.get("/v1/partner/shipments", params={"tracking_no": numbers})
    assert answer.status_code == 422
    none = await partner.get("/v1/partner/shipments")
    assert none.status_code == 422


async def test_a_number_asked_twice_is_answered_once_and_in_the_order_asked(system: System) -> None:
    customer = await a_customer(system)
    first, second = [(await a_shipment(system, customer["id"]))["tracking_no"] for _ in range(2)]
    found = await look_up(await system.partner(customer["id"]), second, first, second)
    assert [item["tracking_no"] for item in found["items"]] == [second, first]


async def test_full_width_digits_and_blanks_in_a_number_are_understood(system: System) -> None:
    customer = await a_customer(system)
    number = (await a_shipment(system, customer["id"]))["tracking_no"]
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    found = await look_up(await system.partner(customer["id"]), f"　{wide} ")
    assert found["items"][0]["tracking_no"] == number


@pytest.mark.parametrize("number", ["\x00", "a\x00b", "' OR 1=1 --", "{}", "Zürich", "顺丰", "%", '","'])
async def test_a_strange_number_is_not_found_or_refused_and_breaks_nothing(
    system: System, number: str
) -> None:
    partner = await system.as_role(Role.PARTNER)
    answer = await partner.get("/v1/partner/shipments", params={"tracking_no": number})
    assert answer.status_code == (422 if "\x00" in number else 200), answer.text


async def test_labels_come_in_chinese_or_english(system: System) -> None:
    async with two_partners(system) as (partner, own, _):
        labels = [
            (item["status_label"], item["exception"]["label"])
            for language in ("zh-CN,zh;q=0.9,en;q=0.8", "en-US,en", "de-CH")
            for item in (await look_up(partner, own, language=language))["items"]
        ]
    assert labels[0] == labels[2]
    assert all("\u4e00" <= label[0] <= "\u9fff" for label in labels[0])
    assert all(label.isascii() for label in labels[1])


async def test_the_function_is_the_same_that_the_schema_promises(system: System) -> None:
    from app.schemas.shipment import PartnerLookup

    async with two_partners(system) as (partner, own, foreign):
        found = await look_up(partner, own, foreign)
    assert PartnerLookup.model_validate(found).items[0].tracking_no == own


# The database's own roles

APPEND_ONLY = ("events", "accesses", "raw_pushes")


async def test_the_applications_roles_own_nothing_and_stand_above_nothing(system: System) -> None:
    async with owner(system) as connection:
        for role in ("crm_app", "crm_partner"):
            flags = await connection.fetchrow(
                "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
                " FROM pg_roles WHERE rolname = $1",
                role,
            )
            assert flags is not None
            assert not any(flags.values()), role
            owned = await connection.fetch(
                "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = $1", role
            )
            assert not owned
            above = await connection.fetch("SELECT FROM pg_auth_members WHERE member = $1::regrole", role)
            assert not above


async def test_sessions_act_in_their_own_roles(system: System) -> None:
    assert await system.scalar("SELECT current_user") == "crm_app"
    assert await system.database.partners.fetchval("SELECT current_user") == "crm_partner"


async def partitions(system: System, table: str) -> list[str]:
    async with owner(system) as connection:
        rows = await connection.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass", table
        )
    return [row["name"] for row in rows]


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_what_was_written_down_can_not_be_changed_or_removed(system: System, table: str) -> None:
    column = {"events": "kind", "accesses": "operation", "raw_pushes": "sha256"}[table]
    for name in (table, *await partitions(system, table)):
        for statement in (f"UPDATE {name} SET {column} = NULL", f"DELETE FROM {name}", f"TRUNCATE {name}"):
            with pytest.raises(Exception, match="permission denied"):
                await system.scalar(statement)


READ_BY_PARTNERS = {
    "shipments": "customer_id id status promised_at delivered_at",
    "tracking_numbers": "number customer_id shipment_id",
    "tracking_events": "customer_id shipment_id id occurred_at received_at superseded_at status reason"
    " location text",
    "delivery_exceptions": "customer_id shipment_id id leg_no reason severity state opened_at",
    "codes": "list code zh en",
    "complaints": "id number state customer_id category cycle merged_into_id waiting_reason received_at due_at closed_at",
    "complaint_parcels": "complaint_id tracking_no",
    "complaint_answers": "complaint_id number cycle text",
}


async def test_the_partners_role_reads_what_a_look_up_needs_and_nothing_else(system: System) -> None:
    async with owner(system) as connection:
        may = await connection.fetch(
            "SELECT c.oid::regclass::text, attname::text, privilege FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = relnamespace AND nspname = 'public'"
            " JOIN pg_attribute ON attrelid = c.oid AND NOT attisdropped"
            " CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege"
            " WHERE relkind IN ('r', 'p', 'v', 'm', 'S')"
            " AND has_column_privilege('crm_partner', c.oid, attnum, privilege)"
        )
        removing = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p', 'v', 'm')"
            " AND has_table_privilege('crm_partner', oid, 'DELETE, TRUNCATE, TRIGGER')"
        )
    assert not removing
    assert {tuple(row) for row in may} == {
        (table, column, "SELECT") for table, columns in READ_BY_PARTNERS.items() for column in columns.split()
    }


async def test_the_partners_role_sees_no_row_before_it_says_who_asks(system: System) -> None:
    customer = await a_customer(system)
    await a_parcel_in_trouble(system, customer["id"])
    async with system.database.partners.acquire() as connection:
        for table in WALLED:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('crm.customer_ids', $1, true)", f"{{{customer['id']}}}"
            )
            for table in WALLED:
                rows = await connection.fetch(f"SELECT DISTINCT customer_id FROM {table}")
                assert [str(row["customer_id"]) for row in rows] == [customer["id"]], table
        for table in WALLED:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_look_up_leaves_no_principal_behind_on_its_connection(system: System) -> None:
    """Also where nobody resets connections, as a pooler in transaction mode does not."""
    customer = await a_customer(system)
    number = await a_parcel_in_trouble(system, customer["id"])
    partner = await system.partner(customer["id"])
    asked = system.tokens.verify(partner.token)
    async with system.database.partners.acquire() as connection:
        found = await connection.fetchval(
            "SELECT partner_shipments($1, $2, $3, $4, 'zh')",
            asked.id,
            asked.credentials_version,
            asked.token_id,
            [number],
        )
        assert [item["tracking_no"] for item in json.loads(found)["items"]] == [number]
        assert await connection.fetchval("SELECT current_setting('crm.customer_ids', true)") in {None, ""}


async def test_only_the_roles_that_need_them_may_call_the_functions(system: System) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await system.database.partners.fetchval("SELECT ensure_months(1)")
    with pytest.raises(Exception, match="permission denied"):
        await system.scalar("SELECT partner_shipments(NULL, 1, NULL, '{}', 'zh')")


# Sales, with their own customers


@pytest.fixture(scope="module")
async def sales(system: System) -> dict[str, Any]:
    """A seller, and for an own customer and a foreign one: ids of everything that belongs to it."""
    seller = await system.staff(Role.SALES)
    found: dict[str, Any] = {"seller": seller}
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    for whose, owner_id in (("own", seller.id), ("foreign", None)):
        customer = await a_customer(system, owner_id=owner_id, name=f"{CANARY}{whose}")
        number = await a_parcel_in_trouble(system, customer["id"])
        order = await service.post("/v1/orders", {"customer_id": customer["id"]})
        operations = await system.as_role(Role.OPERATIONS)
        exceptions = await operations.get("/v1/delivery-exceptions", params={"tracking_no": number})
        found[whose] = {
            "customer": customer["id"],
            "order": order.json()["id"],
            "shipment": number,
            "exception": exceptions.json()["items"][0]["id"],
        }
    return found


PLACES = {
    "customer": "/v1/customers/",
    "order": "/v1/orders/",
    "shipment": "/v1/shipments/",
    "exception": "/v1/delivery-exceptions/",
}


@pytest.mark.parametrize("kind", PLACES)
async def test_what_is_foreign_is_for_sales_as_if_it_were_not_there(sales: dict[str, Any], kind: str) -> None:
    seller, place = sales["seller"], PLACES[kind]
    assert (await seller.get(place + sales["own"][kind])).status_code == 200
    foreign = await seller.get(place + sales["foreign"][kind])
    absent = await seller.get(place + (a_number() if kind == "shipment" else str(uuid4())))
    assert told(foreign) == told(absent)
    assert foreign.status_code == 404
    assert foreign.headers.keys() == absent.headers.keys()


async def test_sales_can_not_change_a_foreign_customer(sales: dict[str, Any]) -> None:
    seller = sales["seller"]
    answers = [
        await seller.patch(PLACES["customer"] + which, {"name": "偷来的"}, headers={"If-Match": '"1"'})
        for which in (sales["foreign"]["customer"], str(uuid4()))
    ]
    assert told(answers[0]) == told(answers[1])
    assert answers[0].status_code == 404


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/v1/customers", "customer"),
        ("/v1/orders", "order"),
        ("/v1/shipments", "shipment"),
        ("/v1/delivery-exceptions", "exception"),
    ],
)
async def test_lists_and_their_counts_show_sales_their_own_only(
    sales: dict[str, Any], path: str, own: str
) -> None:
    page = (await sales["seller"].get(path, params={"count": True, "limit": 200})).json()
    key = "tracking_no" if own == "shipment" else "id"
    assert [item[key] for item in page["items"]] == [sales["own"][own]]
    assert page["count"] == 1


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/shipments", "/v1/delivery-exceptions"])
async def test_a_filter_by_a_foreign_customer_finds_what_one_by_nobody_finds(
    sales: dict[str, Any], path: str
) -> None:
    pages = [
        (await sales["seller"].get(path, params={"customer_id": which, "count": True})).json()
        for which in (sales["foreign"]["customer"], str(uuid4()))
    ]
    assert pages[0] == pages[1] == {"items": [], "next_cursor": None, "count": 0}


async def test_sales_search_and_count_their_own_only(sales: dict[str, Any]) -> None:
    seller = sales["seller"]
    found = (await seller.post("/v1/customers/search", {"q": CANARY})).json()["items"]
    assert [each["id"] for each in found] == [sales["own"]["customer"]]
    for by in ("customer", "status", "service"):
        counted = (await seller.get("/v1/shipments/counts", params={"by": by})).json()
        assert counted["total"] == 1
        assert sum(item["count"] for item in counted["items"]) == 1
        assert sales["foreign"]["customer"] not in json.dumps(counted)


async def test_a_customer_that_sales_make_is_their_own_and_stays_it(system: System) -> None:
    seller, colleague = await system.staff(Role.SALES), await system.staff(Role.SALES)
    body = {"name": "顺丰新客户", "kind": "company"}
    made = (await seller.post("/v1/customers", body)).json()
    assert made["owner_id"] == seller.id
    assert (await seller.post("/v1/customers", body | {"owner_id": colleague.id})).status_code == 403
    path, headers = f"/v1/customers/{made['id']}", {"If-Match": '"1"'}
    assert (await seller.patch(path, {"owner_id": colleague.id}, headers=headers)).status_code == 403
    assert (await colleague.get(path)).status_code == 404
    kept = await seller.patch(path, {"owner_id": None}, headers=headers)
    assert kept.json()["owner_id"] == seller.id


async def test_a_customer_given_to_another_is_out_of_sight_at_once(system: System) -> None:
    seller, colleague = await system.staff(Role.SALES), await system.staff(Role.SALES)
    customer = await a_customer(system, owner_id=seller.id)
    path = f"/v1/customers/{customer['id']}"
    assert (await seller.get(path)).status_code == 200
    marketing = await system.as_role(Role.MARKETING)
    moved = await marketing.patch(path, {"owner_id": colleague.id}, headers={"If-Match": '"1"'})
    assert moved.status_code == 200
    assert [(await each.get(path)).status_code for each in (seller, colleague)] == [404, 200]
