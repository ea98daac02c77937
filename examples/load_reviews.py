"""Loads the reviews of a marketplace (CSV) into the API: those of few stars that say something are complaints.

    python examples/load_reviews.py examples/orders/reviews.toml examples/orders

Load the orders first (`load_orders.py`): a complaint's customer follows from its consignment. Loading twice doubles
nothing: a review that was registered before is recognised by its id and its order.
"""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from crm_api import Api, ApiError, Body, Credentials, connection, in_parallel
from review_plan import Mapping, Plan, plan

REFUSED = frozenset({HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT})


@dataclass
class Outcome:
    """How the API answered."""

    complaints: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


async def load(http: httpx.AsyncClient, credentials: Credentials, what: Plan, *, bar: Progress) -> Outcome:
    """Register each complaint, as customer service would."""
    outcome = Outcome()
    service = Api(http, credentials.user("customer_service"))
    task = bar.add_task("Complaints", total=len(what.complaints))

    async def register(body: Body) -> None:
        answer = await service.post("/v1/complaints", body, allowed=REFUSED)
        kind = "registered" if answer.is_success else "refused"
        outcome.complaints[kind] += 1
        if kind == "refused":
            outcome.refused.append(f"{body['tracking_nos'][0]}: {answer.text[:300]}")
        bar.advance(task)

    await in_parallel(register, what.complaints)
    return outcome


async def report(http: httpx.AsyncClient, credentials: Credentials, what: Plan) -> Body:
    """What the API counts over the time in which the reviews were written; whatever else is there counts too."""
    written = [datetime.fromisoformat(body["received_at"]) for body in what.complaints]
    period = {"from": min(written).isoformat(), "to": (max(written) + timedelta(seconds=1)).isoformat()}
    service = Api(http, credentials.user("customer_service"))
    figures: Body = await service.get("/v1/kpis/complaint_rate/values", **period)
    return figures


def show(console: Console, what: Plan, outcome: Outcome, said: Body) -> None:
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.complaints.items()))
    console.print(
        f"{what.reviews} reviews; {what.without_words} of few stars without words; complaints: {told}"
    )
    counted = {each["key"]: each["numerator"] for each in said["groups"] if each["by"] == "category"}
    table = Table("", "planned", "API", title="By category", box=SIMPLE)
    for category in sorted(what.categories.keys() | counted.keys()):
        table.add_row(category, str(what.categories[category]), str(counted.get(category, 0)))
    console.print(table)
    console.print(
        f"{said['numerator']} complaints by {said['denominator']} shipments picked up: {said['value']} per million"
    )


async def _run(url: str, credentials: Credentials, what: Plan, console: Console) -> Outcome:
    async with connection(url) as http:
        with Progress(console=console) as bar:
            outcome = await load(http, credentials, what, bar=bar)
        show(console, what, outcome, await report(http, credentials, what))
    return outcome


def main(
    mapping: Annotated[Path, typer.Argument(help="What the columns mean (TOML).", exists=True)],
    directory: Annotated[Path, typer.Argument(help="Where the table is.", exists=True, file_okay=False)],
    *,
    url: Annotated[str, typer.Option(help="Where the API is.")] = "http://127.0.0.1:8000",
    credentials: Annotated[Path, typer.Option(help="JSON with the user customer_service.")] = Path(
        ".data/demo-credentials.json"
    ),
    limit: Annotated[int | None, typer.Option(help="Only the first complaints.", min=1)] = None,
    dry_run: Annotated[bool, typer.Option(help="Print the first body and counts, send nothing.")] = False,
) -> None:
    """Load reviews as complaints."""
    console = Console()
    what = plan(Mapping.read(mapping), directory, limit)
    console.print("\n".join(what.problems[:20]), markup=False)
    if dry_run:
        console.print_json(json.dumps(what.complaints[:1], ensure_ascii=False))
        console.print(what.reviews, what.without_words, dict(what.categories))
        return
    try:
        outcome = asyncio.run(_run(url, Credentials.read(credentials), what, console))
    except ApiError as failure:
        console.print(f"stopped; run it again, nothing will be doubled: {failure}", markup=False)
        sys.exit(1)
    console.print("\n".join(outcome.refused[:20]), markup=False)
    if outcome.refused or what.problems:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
