"""How many statements an operation sends to the database: so many, however much there is."""

import asyncio
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.calls import CALLS
from tests.operations import described, parameters
from tests.owner import owner
from tests.statements import EACH, STATEMENTS, Statements, heard
from tests.system import System
from tests.world import World

pytestmark = pytest.mark.sweep

MANY, ROWS = 3, 50

PARTS = 2
"""So that several processes share the work."""

COPIES = {
    "customers": "'code', 'c' || n, 'merged_into_id', NULL",
    "complaints": "'number', 'n' || n, 'message_id', NULL",
    "complaint_escalations": "'clock_id', NULL",
    "exception_follow_ups": "'exception_id', gen_random_uuid()",
    "complaint_closings": "'state', 'declined'",
    "orders": "'number', 'n' || n",
    "shipments": "'tracking_no', 'n' || n",
    "delivery_exceptions": "'leg_no', 1000 + n",
    "users": "'username', 'u' || n",
    "clients": "'client_id', 'c' || n",
    "jobs": "'done', n, 'key', NULL",
    "tasks": "'due_at', now() - make_interval(0, 0, 0, n), 'state', 'done'",
    "proposals": "'reason', n",
    "segments": "'name', 's' || n",
    "calendars": "'code', 'c' || n",
    "sla_policies": "'number', 1 + n, 'code', 'c' || n",
    "clock_waivers": "'state', 'declined', 'note', n",
    "accesses": "'operation', n",
    "audit_seals": "'number', 1000 + n",
    "leak_incidents": "'contact', n",
    "legal_holds": "'reason', n",
    "privacy_requests": "'note', n",
    "retention_rules": "'valid_from', date '2000-01-01' + n",
    "import_files": "'read', n",
    "exports": "'rows', n",
    "documents": "'project', n",
}
"""What of a row must differ beside its id."""


async def copy_rows(system: System) -> None:
    """Enough rows for a long page of every list, each a copy of one that is there."""
    async with owner(system) as connection:
        for table, column in COPIES.items():
            names = await connection.fetchval(
                "SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = $1::text::regclass"
                " AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
                table,
            )
            await connection.execute(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM (SELECT (jsonb_populate_record("
                f"NULL::{table}, to_jsonb(one) || jsonb_build_object('id', gen_random_uuid(), {column}))).*"
                f" FROM (SELECT * FROM {table} LIMIT 1) AS one, generate_series(1, {ROWS}) AS n)"
            )
        await connection.execute(PAIRS)


PAIRS = (
    "WITH twins AS (INSERT INTO customers (id, kind, name, state, version, needs, code)"
    " SELECT gen_random_uuid(), kind, name, state, version, needs, 'd' || code"
    " FROM customers WHERE code ~ '^c[0-9]+$' RETURNING id, code)"
    " INSERT INTO duplicate_pairs (one_id, other_id, cluster_id)"
    " SELECT least(c.id, t.id), greatest(c.id, t.id), least(c.id, t.id) FROM twins t JOIN customers c ON t.code = 'd' || c.code"
)
"""Each copy of a customer has a twin, and both are a cluster of their own."""


OF_A_PARTNER = {"list_partner_complaints"}
"""Lists that hold a partner's own only: for a long page, everybody's are its own."""


async def bind_to_all(world: World, client: str) -> None:
    async with owner(world.system) as connection:
        await connection.execute(
            "INSERT INTO client_customers SELECT $1, id FROM customers ON CONFLICT DO NOTHING", UUID(client)
        )


async def sent(world: World, statements: Statements, name: str, **changes: Any) -> list[str]:
    """The statements of one call that succeeds."""
    caller, request = await world.somebody(name), await world.request(name)
    if name in OF_A_PARTNER and caller is not None:
        await bind_to_all(world, caller.id)
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


LISTS = [name for name in CALLS if name.startswith("search") or "list" in name]
OTHERS = [name for name in CALLS if name not in LISTS]
MAKING = [
    "create_team",
    "create_client",
    "scan_duplicates",
    "complete_task",
    "create_proposal",
    "create_segment",
    "create_document",
    "create_import",
    "create_export",
    "create_complaint",
    "escalate_complaint",
    "request_clock_waiver",
    "request_complaint_closing",
    "create_order",
    "acknowledge_delivery_exception",
    "reveal_customer",
    "verify_seals",
    "report_leak",
    "create_privacy_request",
    "place_legal_hold",
]
"""What leaves a row of everything that is listed."""


async def counted(listened: Any, world: World, names: Iterable[str], rows: int) -> dict[str, list[str]]:
    """The operations that do not send what the table says, and what they send instead."""
    wrong = {}
    for name in names:
        limit = {"limit": rows} if "cursor" in parameters(described()[name], "query") else {}
        seen = await sent(world, listened[1], name, params=limit)
        if len(seen) != STATEMENTS.get(name):
            wrong[f"{name}, {world.many} behind it: {len(seen)}, not {STATEMENTS.get(name)}"] = seen
    return wrong


@pytest.mark.parametrize("part", range(PARTS))
async def test_an_operation_sends_so_many_statements_however_much_is_behind_it(
    listened: Any, part: int
) -> None:
    """As many as where there is one of everything, which `test_promises_answers.py` counts."""
    wrong = await counted(listened, World(listened[0], MANY), OTHERS[part::PARTS], ROWS)
    assert wrong == {}, "\n".join(wrong)


async def test_a_list_sends_so_many_statements_however_much_is_on_its_page(listened: Any) -> None:
    system, _ = listened
    await counted(listened, World(system, 1), MAKING, 1)
    await copy_rows(system)
    wrong = await counted(listened, World(system, MANY), LISTS, ROWS)
    assert wrong == {}, "\n".join(wrong)


@pytest.mark.parametrize("name", EACH)
async def test_a_batch_sends_so_many_statements_more_for_each_item(listened: Any, name: str) -> None:
    system, statements = listened
    (item,) = CALLS[name].body["items"]
    for items in (2, 10):
        body = await World(system).filled({"items": [item] * items}, {})
        seen = await sent(World(system), statements, name, json=body)
        assert len(seen) == STATEMENTS[name] + (items - 1) * EACH[name], "\n".join(seen)
