"""`python -m bench.complaints`: how long people wait for lists and searches of a million complaints.

The goal of every page is 50 ms for 95 of 100. The words of the complaints are drawn so that some are everywhere and
others rare; one in twenty is open.
"""

import asyncio
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import typer
from pydantic_core import to_json
from rich.console import Console
from sqlakeyset import serialize_bookmark

from app import paging
from app.embedded import EmbeddedServer
from app.schemas.complaint import ComplaintQuery
from app.settings import settings
from bench import callers, servers
from bench.load import Call, quantile, waits
from bench.rows import _CUSTOMERS, customer_id, customers_at

GOAL_MS = 50
RATE, SECONDS = 20, 6
OPEN_EVERY = 20
HANDLERS = 200
FIRST = datetime(2024, 11, 1, tzinfo=UTC)
APART = timedelta(seconds=60)
"""Between one complaint and the next."""

_ID = "('01900000-0000-7000-b000-' || lpad(to_hex({n}), 12, '0'))::uuid"
_HANDLER = "('01900000-0000-7000-c000-' || lpad(to_hex({n}), 12, '0'))::uuid"
_USERS = f"""
INSERT INTO users (id, username, password_hash, name, roles, level, credentials_version, version)
SELECT {_HANDLER.format(n="i")}, 'handler' || i, '-', '测试员', '{{customer_service}}', 'specialist', 1, 1
FROM generate_series(1, {HANDLERS}) AS i
"""
_RECEIVED = f"timestamptz '{FIRST.isoformat()}' + i * interval '{APART.seconds} seconds'"
_COMPLAINTS = f"""
INSERT INTO complaints (id, number, state, customer_id, category, severity, priority, channel, description,
    remedy_sought, complainant_name, complainant_phone, complainant_normal, complainant_role, has_authority, cycle,
    repeats, handler_id, escalation, received_at, acknowledged_at, due_at, closed_at, created_by, version)
SELECT {_ID.format(n="i")}, 'C-2026-' || lpad(i::text, 7, '0'),
    CASE WHEN i % {OPEN_EVERY} = 0 THEN (ARRAY['acknowledged', 'investigating', 'answered'])[1 + i % 3]
         ELSE 'closed' END,
    ('01900000-0000-7000-8000-' || lpad(to_hex(1 + abs(hashint4(i)) % $2), 12, '0'))::uuid,
    (ARRAY['delay', 'delay', 'delay', 'delay', 'loss', 'loss', 'damage', 'damage', 'attitude', 'privacy'])[
        1 + abs(hashint4(i + 7)) % 10],
    'medium', 10, 'hotline',
    '包裹' || (ARRAY['破损', '延误', '丢失', '短少', '未送达'])[1 + abs(hashint4(i + 1)) % 5] || '，'
        || (ARRAY['要求赔偿', '请尽快核实', '客服态度差', '派送员未联系', '驿站拒收'])[1 + abs(hashint4(i + 2)) % 5]
        || CASE WHEN abs(hashint4(i + 3)) % 1000 = 0 THEN '，苏州云鹤茶业' ELSE '' END
        || CASE WHEN abs(hashint4(i + 4)) % 50 = 0 THEN '，杭州西湖区' ELSE '' END,
    '赔偿', '李明', '138', '+86138' || lpad((i % 50000)::text, 8, '0'), 'recipient', false, 1, 0,
    {_HANDLER.format(n=f"1 + abs(hashint4(i + 5)) % {HANDLERS}")}, 0,
    {_RECEIVED}, {_RECEIVED}, {_RECEIVED} + interval '8 days',
    CASE WHEN i % {OPEN_EVERY} = 0 THEN NULL ELSE {_RECEIVED} + interval '3 days' END,
    {_HANDLER.format(n="1")}, 1
FROM generate_series(1, $1::int) AS i
"""
_PARCELS = f"""
INSERT INTO complaint_parcels (complaint_id, tracking_no)
SELECT {_ID.format(n="i")}, 'B' || lpad(i::text, 10, '0') FROM generate_series(1, $1::int) AS i
"""

LISTS: dict[str, dict[str, Any]] = {
    "newest": {},
    "open, due first": {"open": True, "sort": "due_at"},
    "open": {"open": True},
    "of a customer": {"customer_id": customer_id(7)},
    "of a handler": {"handler_id": str(UUID("01900000-0000-7000-c000-000000000007"))},
    "open, of a handler": {"handler_id": str(UUID("01900000-0000-7000-c000-000000000007")), "open": True},
    "of a category that many have": {"category": "delay"},
    "of a category that few have": {"category": "privacy"},
    "open, of a category": {"category": "privacy", "open": True},
    "in a state": {"status": "answered"},
}
SEARCHES: dict[str, dict[str, Any]] = {
    "two characters, everywhere": {"q": "包裹"},
    "two characters, common": {"q": "破损"},
    "two characters, some": {"q": "杭州"},
    "two characters, rare": {"q": "云鹤"},
    "two words, one rare": {"q": "包裹 云鹤"},
    "two common words, open": {"q": "破损 驿站", "open": True},
    "number": {"number": "C-2026-0004711"},
    "phone": {"complainant_phone": "13800004711"},
    "nothing there": {"q": "苏黎世"},
}

console = Console(highlight=False)


async def fill(owner: asyncpg.Connection, complaints: int) -> None:
    await owner.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    await owner.execute(_CUSTOMERS, 0, customers_at(complaints), timeout=3600)
    await owner.execute(_USERS)
    await owner.execute(_COMPLAINTS, complaints, customers_at(complaints), timeout=3600)
    await owner.execute(_PARCELS, complaints, timeout=3600)
    for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
        await owner.execute(statement, timeout=3600)


def listed(who: callers.Callers, terms: dict[str, Any], complaints: int, *, deep: bool) -> Iterator[Call]:
    """The first page, or one anywhere, by a cursor as the product would have given it there."""
    draw = random.Random(4)
    query = ComplaintQuery.model_validate(terms)
    scope = paging._scope_of(query)
    due = timedelta(days=8) if query.sort == "due_at" else timedelta()
    while True:
        index = draw.randrange(complaints // 20, complaints)
        key = UUID(f"01900000-0000-7000-b000-{index:012x}")
        bookmark = serialize_bookmark(((FIRST + index * APART + due, key), False))
        place = {"cursor": paging._seal(bookmark, scope)} if deep else {}
        asked = {name: str(value).lower() for name, value in terms.items()}
        yield Call("GET", f"/v1/complaints?{urlencode(asked | place)}", who.operations.headers)


def searched(who: callers.Callers, terms: dict[str, Any]) -> Iterator[Call]:
    while True:
        yield Call("POST", "/v1/complaints/search", who.operations.headers, to_json(terms))


def asked(who: callers.Callers, complaints: int) -> Iterator[tuple[str, Iterator[Call]]]:
    for name, terms in LISTS.items():
        for deep in (False, True):
            yield f"{name}, {'deep' if deep else 'first'} page", listed(who, terms, complaints, deep=deep)
    for name, terms in SEARCHES.items():
        yield f"search: {name}", searched(who, terms)


async def measure(directory: Path, complaints: int) -> list[str]:
    """A line for each page; those over the goal."""
    missed = []
    with ExitStack() as running:
        postgres = running.enter_context(EmbeddedServer(directory, servers.POSTGRES))
        environment = servers.prepare(postgres, directory)
        product = running.enter_context(servers.product(environment, directory / "product.log"))
        owner = await servers.owner(postgres)
        console.print(f"[bold]{complaints:,} complaints[/bold]: making them")
        await fill(owner, complaints)
        who = await callers.make(settings())
        for title, calls in asked(who, complaints):
            await waits(product, calls, RATE, 1)
            found = await waits(product, calls, RATE, SECONDS)
            p95 = quantile(found, 0.95)
            console.print(f"  {title:44} p50 {quantile(found, 0.5):6.1f} ms, p95 {p95:6.1f} ms")
            missed += [f"{title}: {p95:.0f} ms"] * (p95 > GOAL_MS)
        await owner.close()
    return missed


def main(complaints: Annotated[int, typer.Option(help="How many")] = 1_000_000) -> None:
    where = os.environ.get("BENCH_DIR")
    with tempfile.TemporaryDirectory(prefix="crm-complaints-", dir=where) as directory:
        missed = asyncio.run(measure(Path(directory), complaints))
    console.print("Missed:\n  " + "\n  ".join(missed) if missed else "Every goal is met.")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
