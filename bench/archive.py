"""`python -m bench.archive`: how long people wait for lists and searches of a million customers, and for duplicates.

The goal of every page is 50 ms for 95 of 100. Names are drawn from cities, characters and trades as the trade
register has them, so that some words are everywhere and others rare.
"""

import asyncio
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import asyncpg
import typer
from pydantic_core import to_json
from rich.console import Console
from rich.progress import track
from sqlakeyset import serialize_bookmark

from app import paging
from app.embedded import EmbeddedServer
from app.models.customer import CustomerKind
from app.schemas.customer import CustomerQuery
from app.services import names
from app.services.duplicates import blocking, record
from app.settings import settings
from bench import callers, servers
from bench.load import Call, quantile, waits

GOAL_MS = 50
RATE, SECONDS = 20, 10
BATCH = 10_000
PARTS = 4000
"""Different names in each half; a customer's is one of PARTS x PARTS."""

CITIES = [
    "杭州",
    "上海",
    "北京",
    "深圳",
    "广州",
    "成都",
    "重庆",
    "武汉",
    "南京",
    "西安",
    "苏州",
    "宁波",
    "温州",
    "义乌",
    "青岛",
    "大连",
    "厦门",
    "长沙",
    "郑州",
    "合肥",
]
CHARACTERS = "青禾云海天成瑞丰嘉华德盛明远博文启航诚信恒达永安金玉兰亭松鹤春晓秋实星辰锦绣龙腾虎跃"
TRADES = [
    "茶业",
    "贸易",
    "科技",
    "电子商务",
    "物流",
    "服饰",
    "食品",
    "医药",
    "机械",
    "文化传播",
    "建材",
    "家居",
    "农业发展",
    "网络科技",
    "商贸",
]
ENDINGS = ["有限公司", "有限责任公司", "股份有限公司", "集团有限公司", "商行"]

console = Console(highlight=False)

_NAMES = (
    "CREATE TEMP TABLE drawn (half int, number int, name text, romanised text, PRIMARY KEY (half, number))"
)
_CUSTOMERS = f"""
INSERT INTO customers (id, name, romanised, kind, state, code, needs, created_at, version)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, one.name || other.name,
       one.romanised || ' ' || other.romanised, CASE i % 100 WHEN 0 THEN 'person' ELSE 'company' END,
       CASE i % 1000 WHEN 0 THEN 'dormant' ELSE 'active' END, 'B' || i, '{{冷链}}',
       timestamptz '2026-01-01' + i * interval '20 seconds', 1
FROM generate_series(1, $1) AS i
JOIN drawn one ON one.half = 0 AND one.number = (hashint4(i) & 2147483647) % {PARTS}
JOIN drawn other ON other.half = 1 AND other.number = (hashint4(i + 1000000000) & 2147483647) % {PARTS}
"""
_PEOPLE = """
INSERT INTO contacts (id, name, romanised, version)
SELECT ('01900000-0000-7000-a000-' || lpad(to_hex(i), 12, '0'))::uuid, drawn.name, drawn.romanised, 1
FROM generate_series(1, $1) AS i JOIN drawn ON half = 2 AND number = i % 2000
"""
_POINTS = """
INSERT INTO contact_points (id, contact_id, kind, value, normal)
SELECT uuidv7(), id, 'phone', '138', '+86138' || lpad((row_number() OVER (ORDER BY id))::text, 8, '0') FROM contacts
"""
_HELD = """
INSERT INTO customer_contacts (customer_id, contact_id, role)
SELECT replace(id::text, '-a000-', '-8000-')::uuid, id, '物流经理' FROM contacts
"""

LISTS: dict[str, dict[str, Any]] = {
    "newest": {},
    "by name": {"sort": "name"},
    "in the state that most have": {"state": "active"},
    "in a state that few have": {"state": "dormant"},
    "in a state that none has": {"state": "lost"},
    "of a kind that few have": {"kind": "person"},
}
SEARCHES: dict[str, dict[str, Any]] = {
    "two characters, everywhere": {"q": "公司"},
    "two characters, common": {"q": "杭州"},
    "two characters, rare": {"q": "云鹤"},
    "two words": {"q": "杭州 茶业"},
    "pinyin": {"q": "qinghe"},
    "initials": {"q": "qhcy"},
    "one character": {"q": "鹤"},
    "a contact": {"contact": "王秋鹤"},
    "last four digits": {"phone_suffix": "4711"},
    "last six digits": {"phone_suffix": "994711"},
    "a whole number": {"phone": "13800994711"},
    "nothing there": {"q": "苏黎世"},
}
CHECKS: dict[str, dict[str, Any]] = {
    "a name that many share": {"name": "杭州青禾茶业有限公司"},
    "a name with its phone": {
        "name": "杭州青禾茶业",
        "contacts": [{"name": "王秋鹤", "phone": "13800994711"}],
    },
    "nobody of that name": {"name": "苏黎世钟表行"},
}
"""What is asked before a customer is made."""


def drawn() -> Iterator[tuple[int, int, str, str]]:
    draw = random.Random(7)
    for number in range(PARTS):
        first = draw.choice(CITIES) + "".join(draw.sample(CHARACTERS, 2))
        yield 0, number, first, names.romanised(first)
        last = draw.choice(TRADES) + draw.choice(ENDINGS)
        yield 1, number, last, names.romanised(last)
    for number in range(2000):
        person = draw.choice("王李张刘陈杨赵黄周吴") + "".join(draw.sample(CHARACTERS, 2))
        yield 2, number, person, names.romanised(person)


async def fill(owner: asyncpg.Connection, customers: int) -> None:
    await owner.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    await owner.execute(_NAMES)
    await owner.copy_records_to_table("drawn", records=drawn())
    for statement in (_CUSTOMERS, _PEOPLE):
        await owner.execute(statement, customers, timeout=3600)
    for statement in (_POINTS, _HELD):
        await owner.execute(statement, timeout=3600)
    await fill_keys(owner)
    for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
        await owner.execute(statement, timeout=3600)


async def fill_keys(owner: asyncpg.Connection) -> None:
    """By which duplicates are found: as the product makes them, of the names alone."""
    customers = await owner.fetch("SELECT id, name FROM customers")
    for at in track(range(0, len(customers), BATCH), "keys of duplicates", console=console):
        some = customers[at : at + BATCH]
        found = [
            (key, customer_id)
            for customer_id, name in some
            for key in blocking.keys(record.made(CustomerKind.COMPANY, name))
        ]
        await owner.copy_records_to_table("duplicate_keys", records=found)


def asked(who: callers.Callers, places: list[asyncpg.Record]) -> Iterator[tuple[str, Iterator[Call]]]:
    """A title, and the calls."""
    for name, terms in LISTS.items():
        yield f"{name}, first page", listed(who, terms, [])
        yield f"{name}, deep page", listed(who, terms, places)
    for name, terms in SEARCHES.items():
        yield name, sent(who, "/v1/customers/search", terms)
        yield f"{name} with facets", sent(who, "/v1/customers/search", terms | {"facets": True})
    for name, body in CHECKS.items():
        path = "/v1/customers/duplicates/check"
        yield f"duplicates of {name}", sent(who, path, body | {"kind": "company"})


def listed(who: callers.Callers, terms: dict[str, Any], places: list[asyncpg.Record]) -> Iterator[Call]:
    """The first page, or those that follow these places in turn."""
    query = CustomerQuery.model_validate(terms)
    scope = paging._scope_of(query)
    for row in cycle(places or [None]):
        place = {}
        if row:
            key = row["name"] if query.sort == "name" else row["created_at"]
            place = {"cursor": paging._seal(serialize_bookmark(((key, row["id"]), False)), scope)}
        yield Call("GET", f"/v1/customers?{urlencode(terms | place)}", who.marketing.headers)


def sent(who: callers.Callers, path: str, body: dict[str, Any]) -> Iterator[Call]:
    while True:
        yield Call("POST", path, who.marketing.headers, to_json(body))


async def measure(directory: Path, customers: int) -> list[str]:
    """A line for each kind of search; those over the goal."""
    missed = []
    with ExitStack() as running:
        postgres = running.enter_context(EmbeddedServer(directory, servers.POSTGRES))
        environment = servers.prepare(postgres, directory)
        product = running.enter_context(servers.product(environment, directory / "product.log"))
        owner = await servers.owner(postgres)
        console.print(f"[bold]{customers:,} customers[/bold]: making them")
        await fill(owner, customers)
        who = await callers.make(settings())
        places = await owner.fetch("SELECT id, name, created_at FROM customers TABLESAMPLE SYSTEM (0.1)")
        for title, calls in asked(who, places):
            await waits(product, calls, RATE, 1)
            found = await waits(product, calls, RATE, SECONDS)
            p95 = quantile(found, 0.95)
            console.print(f"  {title:44} p50 {quantile(found, 0.5):6.1f} ms, p95 {p95:6.1f} ms")
            missed += [f"{title}: {p95:.0f} ms"] * (p95 > GOAL_MS)
        await owner.close()
    return missed


def main(customers: Annotated[int, typer.Option(help="How many")] = 1_000_000) -> None:
    where = os.environ.get("BENCH_DIR")
    with tempfile.TemporaryDirectory(prefix="crm-archive-", dir=where) as directory:
        missed = asyncio.run(measure(Path(directory), customers))
    console.print("Missed:\n  " + "\n  ".join(missed) if missed else "Every goal is met.")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
