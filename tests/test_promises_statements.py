"""How many statements an operation sends to the database: so many, however much there is."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.calls import CALLS
from tests.operations import described, parameters
from tests.owner import owner
from tests.statements import Statements, heard
from tests.system import System
from tests.world import World

STATEMENTS: dict[str, int] = {
    "create_token": 5,
    "revoke_token": 6,
    "read_me": 3,
    "list_departments": 2,
    "create_department": 5,
    "list_users": 3,
    "get_user": 2,
    "create_user": 4,
    "change_user": 5,
    "disable_user": 4,
    "enable_user": 3,
    "reset_password": 4,
    "list_clients": 4,
    "get_client": 3,
    "create_client": 6,
    "change_client": 8,
    "disable_client": 5,
    "enable_client": 4,
    "rotate_client_secret": 5,
    "list_customers": 3,
    "search_customers": 2,
    "get_customer": 2,
    "create_customer": 12,
    "change_customer": 19,
    "activate_customer": 7,
    "rest_customer": 7,
    "lose_customer": 7,
    "close_customer": 7,
    "list_duplicates": 5,
    "check_duplicates": 3,
    "dismiss_duplicate": 5,
    "scan_duplicates": 5,
    "preview_merge": 4,
    "merge_customers": 38,
    "get_merge": 4,
    "undo_merge": 29,
    "list_orders": 3,
    "get_order": 3,
    "create_order": 5,
    "hand_over_order": 4,
    "accept_order": 4,
    "cancel_order": 4,
    "list_shipments": 3,
    "count_shipments": 4,
    "get_shipment": 2,
    "create_shipment": 8,
    "create_shipments": 11,
    "reopen_shipment": 15,
    "push_tracking_event": 9,
    "push_tracking_events": 9,
    "push_delivery_exception": 9,
    "push_delivery_exceptions": 9,
    "list_delivery_exceptions": 3,
    "get_delivery_exception": 2,
    "acknowledge_delivery_exception": 4,
    "await_customer_on_delivery_exception": 4,
    "resolve_delivery_exception": 4,
    "dismiss_delivery_exception": 4,
    "list_carrier_sources": 2,
    "list_carrier_codes": 3,
    "list_unmapped_codes": 2,
    "create_carrier_code": 7,
    "end_carrier_code": 7,
    "list_code_lists": 2,
    "get_code_list": 2,
    "look_up_shipments": 1,
    "read_on_time": 2,
    "list_jobs": 3,
    "get_job": 2,
    "cancel_job": 3,
    "list_accesses": 3,
    "list_audit_events": 3,
}
"""Opening and ending the transaction are not counted; of a batch, with one item."""

EACH: dict[str, int] = {
    "create_shipments": 7,
    "push_tracking_events": 0,
    "push_delivery_exceptions": 0,
}
"""Statements of a batch for each item after the first."""

MANY, ROWS = 20, 50

COPIES = {
    "customers": "'code', 'c' || n, 'merged_into_id', NULL",
    "orders": "'number', 'n' || n",
    "shipments": "'tracking_no', 'n' || n",
    "delivery_exceptions": "'leg_no', 1000 + n",
    "users": "'username', 'u' || n",
    "clients": "'client_id', 'c' || n",
    "jobs": "'done', n, 'key', NULL",
    "accesses": "'operation', n",
}
"""What of a row must differ beside its id."""


async def copy_rows(system: System) -> None:
    """Enough rows for a long page of every list, each a copy of one that is there."""
    async with owner(system) as connection:
        for table, column in COPIES.items():
            await connection.execute(
                f"INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, to_jsonb(one)"
                f" || jsonb_build_object('id', gen_random_uuid(), {column}))).*"
                f" FROM (SELECT * FROM {table} LIMIT 1) AS one, generate_series(1, {ROWS}) AS n"
            )
        await connection.execute(PAIRS)
        await connection.execute("UPDATE jobs SET key = NULL")


PAIRS = (
    "WITH twins AS (INSERT INTO customers SELECT (jsonb_populate_record(c,"
    " jsonb_build_object('id', gen_random_uuid(), 'code', 'd' || c.code))).*"
    " FROM customers c WHERE c.code ~ '^c[0-9]+$' RETURNING id, code)"
    " INSERT INTO duplicate_pairs (one_id, other_id, cluster_id)"
    " SELECT least(c.id, t.id), greatest(c.id, t.id), least(c.id, t.id) FROM twins t JOIN customers c ON t.code = 'd' || c.code"
)
"""Each copy of a customer has a twin, and both are a cluster of their own."""


async def sent(world: World, statements: Statements, name: str, **changes: Any) -> list[str]:
    """The statements of one call that succeeds."""
    caller, request = await world.somebody(name), await world.request(name)
    request["params"] |= changes.pop("params", {})
    statements.clear()
    answer: httpx.Response = await world.send(caller, request | changes)
    await asyncio.sleep(0)
    assert answer.status_code == CALLS[name].status, (name, answer.text)
    if limit := request["params"].get("limit"):
        assert len(answer.json()["items"]) == limit, name
    return list(statements)


@pytest.fixture
async def listened(empty_system: System) -> Any:
    async with heard(empty_system) as statements:
        yield empty_system, statements


def test_the_table_names_every_operation_and_no_other() -> None:
    assert STATEMENTS.keys() == CALLS.keys()
    assert EACH.keys() == {name for name, each in described().items() if each["path"].endswith("/batch")}


async def test_an_operation_sends_so_many_statements_however_much_there_is(listened: Any) -> None:
    """With one of everything behind it and on its page, and with many."""
    system, statements = listened
    wrong = {}
    for many, rows in ((1, 1), (MANY, ROWS)):
        world = World(system, many)
        await copy_rows(system) if many > 1 else None
        for name in sorted(CALLS, key=lambda name: "list" in name):
            limit = {"limit": rows} if "cursor" in parameters(described()[name], "query") else {}
            seen = await sent(world, statements, name, params=limit)
            if len(seen) != STATEMENTS.get(name):
                wrong[f"{name}, {many} behind it: {len(seen)}, not {STATEMENTS.get(name)}"] = seen
    assert wrong == {}, "\n".join(wrong)


@pytest.mark.parametrize("name", EACH)
async def test_a_batch_sends_so_many_statements_more_for_each_item(listened: Any, name: str) -> None:
    system, statements = listened
    (item,) = CALLS[name].body["items"]
    for items in (2, 10):
        body = await World(system).filled({"items": [item] * items}, {})
        seen = await sent(World(system), statements, name, json=body)
        assert len(seen) == STATEMENTS[name] + (items - 1) * EACH[name], "\n".join(seen)
