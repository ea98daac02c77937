"""Loads an order table (CSV) into the API: customers, one shipment per order, and its tracking events.

    python examples/load_orders.py examples/orders/mapping.toml examples/orders

A mapping file in TOML says what the columns mean; `examples/README.md` explains it. Loading twice doubles
nothing: customers and shipments that exist stay as they are, events are recognised by their ids.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crm_api import Api, ApiError, Body, Credentials, batches, connection, in_parallel
from order_plan import Mapping, Plan, deliveries, plan


@dataclass
class Outcome:
    """How the API answered, per kind of thing."""

    customers: Counter[str] = field(default_factory=Counter)
    shipments: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


async def load(
    http: httpx.AsyncClient,
    credentials: Credentials,
    what: Plan,
    sent: list[Body],
    *,
    bar: Progress,
    batch: int = 1000,
) -> Outcome:
    """Sends the plan: customers first, then their shipments, then the events in the order given."""
    outcome = Outcome()
    marketing = Api(http, credentials.user("marketing"))
    dispatch = Api(http, credentials.client("dispatch"))
    await _load_customers(marketing, what.customers, outcome, bar)
    await _load_shipments(dispatch, what.shipments, outcome, bar, batch)
    await _load_events(dispatch, sent, outcome, bar, batch)
    return outcome


async def _load_customers(api: Api, customers: list[Body], outcome: Outcome, bar: Progress) -> None:
    task = bar.add_task("Customers", total=len(customers))

    async def create(customer: Body) -> None:
        answer = await api.post("/v1/customers", customer, allowed=frozenset({HTTPStatus.CONFLICT}))
        taken = answer.status_code == HTTPStatus.CONFLICT
        if taken and not await _exists(api, customer["code"]):
            raise ApiError(f"customer {customer['code']}: {answer.text[:300]}")
        outcome.customers["exists" if taken else "created"] += 1
        bar.advance(task)

    await in_parallel(create, customers)


async def _exists(api: Api, code: str) -> bool:
    return bool((await api.post("/v1/customers/search", {"code": code})).json()["items"])


async def _load_shipments(
    api: Api, shipments: list[Body], outcome: Outcome, bar: Progress, batch: int
) -> None:
    task = bar.add_task("Shipments", total=len(shipments))

    async def create(items: list[Body]) -> None:
        for result in (await api.post("/v1/shipments/batch", {"items": items})).json()["results"]:
            problem = result.get("problem") or {}
            kind = "exists" if problem.get("status") == HTTPStatus.CONFLICT else result["result"]
            outcome.shipments[kind] += 1
            if kind == "rejected":
                outcome.refused.append(f"shipment {items[result['index']]['tracking_no']}: {problem}")
        bar.advance(task, len(items))

    await in_parallel(create, batches(shipments, batch))


async def _load_events(api: Api, events: list[Body], outcome: Outcome, bar: Progress, batch: int) -> None:
    task = bar.add_task("Events", total=len(events))

    async def push(items: list[Body]) -> None:
        for result in (await api.post("/v1/tracking-events/batch", {"items": items})).json()["results"]:
            outcome.events[result["result"]] += 1
            if result["result"] == "rejected":
                outcome.refused.append(f"event {items[result['index']]['event_id']}: {result.get('problem')}")
        bar.advance(task, len(items))

    await in_parallel(push, batches(events, batch))


async def caught_up(
    http: httpx.AsyncClient,
    credentials: Credentials,
    *,
    pause: float = 1.0,
    readings: int = 3,
    limit: int = 600,
) -> bool:
    """Wait for the worker, which works out what an event means after the push was answered.

    It has caught up when several readings in a row count the same; after `limit` readings nobody waits longer.
    """
    api = Api(http, credentials.user("operations"))
    last, same = None, 0
    for _ in range(limit):
        counts = (await api.get("/v1/shipments/counts", by="status"))["items"]
        same = same + 1 if counts == last else 1
        if same == readings:
            return True
        last = counts
        await asyncio.sleep(pause)
    return False


@dataclass(frozen=True)
class Report:
    """What the API says after the load; on a system with other data in it, those are counted too."""

    statuses: dict[str, int]
    customers: int
    largest: list[Body]
    month: str
    on_time: Body
    """Of the promises of that month."""
    overall: Body
    """The same figures for all months that the plan has promises in."""


async def report(
    http: httpx.AsyncClient, credentials: Credentials, what: Plan, zone: str, month: str | None = None
) -> Report:
    """Ask the API for its counts, and for on-time figures in the zone of the table's days."""
    api = Api(http, credentials.user("operations"))
    statuses = await api.get("/v1/shipments/counts", by="status")
    largest = await api.get("/v1/shipments/counts", by="customer", limit=4)
    customers = await api.get("/v1/customers", limit=1, count="true")
    months = Counter(shipment["promised_at"][:7] for shipment in what.shipments)
    asked = month or max(months, key=lambda month: months[month])
    return Report(
        statuses={item["key"]: item["count"] for item in statuses["items"]},
        customers=customers["count"],
        largest=largest["items"],
        month=asked,
        on_time=await _on_time(api, zone, asked, asked),
        overall=await _on_time(api, zone, min(months), max(months)),
    )


async def _on_time(api: Api, zone: str, first: str, last: str) -> Body:
    period = {"from": f"{first}-01", "to": _month_after(last)}
    figures: Body = await api.get("/v1/kpis/on_time/values", **period, tz=zone)
    return figures


def _month_after(month: str) -> str:
    """The first day after the month: periods are half-open."""
    year, number = (int(part) for part in month.split("-"))
    return f"{year + number // 12}-{number % 12 + 1:02}-01"


# --- On the screen ------------------------------------------------------------------------------------


def show(console: Console, what: Plan, outcome: Outcome, said: Report) -> None:
    for name in ("customers", "shipments", "events"):
        answers = ", ".join(f"{count} {kind}" for kind, count in sorted(getattr(outcome, name).items()))
        console.print(f"{name}: {answers or 'none'}")
    table = Table("", "planned", "API", title="What was planned, and what the API says", box=SIMPLE)
    for row in _comparison(what, said):
        table.add_row(*(str(cell) for cell in row))
    console.print(table)


def _comparison(what: Plan, said: Report) -> Iterator[tuple[str, int | str, int | str]]:
    for status in sorted(what.statuses.keys() | said.statuses.keys()):
        yield status, what.statuses[status], said.statuses.get(status, 0)
    yield "customers", len(what.customers), said.customers
    orders = Counter(shipment["customer_code"] for shipment in what.shipments).most_common(4)
    for (code, count), item in zip(orders, said.largest, strict=False):
        yield "most orders", f"{count} {code}", f"{item['count']} {item['label']}"
    month = said.on_time
    yield f"on time in {said.month}", "", f"{month['numerator']} of {month['denominator']} ({month['value']})"
    for name in ("delivered", "delivered_late", "delivered_on_later_date"):
        yield name.replace("_", " "), "", said.overall[name]


def _complain(console: Console, title: str, lines: list[str]) -> None:
    if lines:
        console.print(f"[bold red]{title}: {len(lines)}[/]")
        console.print("\n".join(lines[:20]), markup=False)


async def _run(
    url: str,
    credentials: Credentials,
    what: Plan,
    sent: list[Body],
    *,
    batch: int,
    month: str | None,
    zone: str,
    console: Console,
) -> Outcome:
    columns = (TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with connection(url) as http:
        with Progress(*columns, console=console) as bar:
            outcome = await load(http, credentials, what, sent, bar=bar, batch=batch)
        with console.status("Waiting until the worker has caught up"):
            if not await caught_up(http, credentials):
                console.print("[red]The counts still move: is a worker running, and only this load?[/]")
        show(console, what, outcome, await report(http, credentials, what, zone, month))
    return outcome


def main(
    mapping: Annotated[Path, typer.Argument(help="What the columns mean (TOML).", exists=True)],
    directory: Annotated[Path, typer.Argument(help="Where the tables are.", exists=True, file_okay=False)],
    *,
    url: Annotated[str, typer.Option(help="Where the API is.")] = "http://127.0.0.1:8000",
    credentials: Annotated[
        Path, typer.Option(help="JSON with users marketing and operations and the client dispatch.")
    ] = Path(".data/demo-credentials.json"),
    shuffle: Annotated[
        int | None, typer.Option(help="Send the events in a random order of this seed.")
    ] = None,
    duplicates: Annotated[float, typer.Option(help="Share of events sent twice.", min=0, max=1)] = 0.0,
    batch: Annotated[int, typer.Option(help="Items a request.", min=1, max=1000)] = 1000,
    limit: Annotated[int | None, typer.Option(help="Only the first orders.", min=1)] = None,
    month: Annotated[
        str | None, typer.Option(help="Month of promise of the on-time figure, as 2018-03; else the busiest.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Print first bodies and counts, send nothing.")] = False,
) -> None:
    """Load an order table into the API."""
    console = Console()
    rules = Mapping.read(mapping)
    what = plan(rules, directory, limit)
    sent = deliveries(what.events, shuffle, duplicates)
    _complain(console, "rows that can't be read, left out", what.problems)
    if not what.shipments:
        console.print("there is nothing to load")
        sys.exit(1)
    if dry_run:
        for bodies in (what.customers, what.shipments, what.events):
            console.print_json(json.dumps(bodies[:1], ensure_ascii=False))
        console.print(len(what.customers), len(what.shipments), len(sent), dict(what.statuses))
        return
    try:
        outcome = asyncio.run(
            _run(
                url,
                Credentials.read(credentials),
                what,
                sent,
                batch=batch,
                month=month,
                zone=rules.time_zone,
                console=console,
            )
        )
    except ApiError as failure:
        _complain(console, "stopped; run it again, nothing will be doubled", [str(failure)])
        sys.exit(1)
    _complain(console, "refused", outcome.refused)
    if outcome.refused or what.problems:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
