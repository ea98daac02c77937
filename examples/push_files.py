r"""Pushes captured carrier files through the native API, each read by the mapping file of its format.

    python examples/push_files.py                    # every file of examples/pushes
    python examples/push_files.py FILE ... --mapping examples/pushes/sf.toml

The client must be allowed every source that occurs; the demo's dispatch client isn't. One that is:

    crm client add --role dispatch --source kuaidi100 --source sf --source 17track --source aftership \
        --source easypost --source shippo --source karrio --source wechat --source other
"""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from crm_api import Api, ApiError, Body, batches, client_grant, connection
from push_plan import Format, Library, Plan, plan

PUSHES = Path(__file__).parent / "pushes"


@dataclass
class Outcome:
    """How the API answered the items of one file."""

    results: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[bool] = field(default_factory=Counter)
    """Of the items whose status the API told: whether their code was in no list."""
    refused: list[str] = field(default_factory=list)


async def push(api: Api, items: list[Body]) -> Outcome:
    outcome = Outcome()
    for batch in batches(items):
        answer = (await api.post("/v1/tracking-events/batch", {"items": batch})).json()
        for result in answer["results"]:
            outcome.results[result["result"]] += 1
            if "status" in result:
                outcome.unmapped[(result["status"], result.get("reason")) == ("unknown", "unmapped")] += 1
            if result["result"] == "rejected":
                item = batch[result["index"]]
                outcome.refused.append(f"{item['tracking_no']} {item['code']}: {result.get('problem')}")
    return outcome


async def push_all(
    http: httpx.AsyncClient, grant: dict[str, str], plans: dict[str, Plan]
) -> dict[str, Outcome]:
    """One file after the other, so that a table of them can be read from top to bottom."""
    api = Api(http, grant)
    return {name: await push(api, what.items) for name, what in plans.items() if what.items}


@dataclass
class Work:
    """Which files will be pushed, and what is said about the others."""

    plans: dict[str, Plan] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def prepare(files: list[Path], library: Library, mapping: Format | None = None) -> Work:
    """Plans every file; with a `mapping` that one reads them all, whatever their names."""
    work = Work()
    for file in files:
        name = library.format_of(file)
        if mapping:
            work.plans[file.name] = plan(mapping, file)
        elif file.name in library.without_tracking:
            work.left_out[file.name] = library.without_tracking[file.name]
        elif name:
            work.plans[file.name] = plan(library.formats[name], file)
        else:
            work.unknown.append(file.name)
    return work


def show(console: Console, work: Work, outcomes: dict[str, Outcome]) -> None:
    answers = ("accepted", "duplicate", "parked", "rejected")
    table = Table(box=SIMPLE)
    table.add_column("file", overflow="fold")
    for heading in ("events", *answers, "unmapped"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, what in work.plans.items():
        said = outcomes.get(name, Outcome())
        counts = [str(said.results[answer]) for answer in answers]
        unmapped = str(said.unmapped[True]) if said.unmapped else "?"
        table.add_row(name, str(len(what.items)), *counts, unmapped)
    console.print(table)
    lines = [f"{name}: carries no tracking: {why}" for name, why in work.left_out.items()]
    lines += [note for what in work.plans.values() for note in what.notes]
    lines += [problem for what in work.plans.values() for problem in what.problems]
    lines += [f"{name}: refused: {line}" for name, said in outcomes.items() for line in said.refused]
    lines += [f"{name}: no mapping file reads it" for name in work.unknown]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _failed(work: Work, outcomes: dict[str, Outcome]) -> bool:
    problems = any(what.problems for what in work.plans.values())
    return problems or bool(work.unknown) or any(said.refused for said in outcomes.values())


async def _run(url: str, grant: dict[str, str], work: Work) -> dict[str, Outcome]:
    async with connection(url) as http:
        return await push_all(http, grant, work.plans)


def main(
    files: Annotated[list[Path] | None, typer.Argument(help="Captured pushes.", exists=True)] = None,
    *,
    mapping: Annotated[Path | None, typer.Option(help="One mapping file for all of them.")] = None,
    url: Annotated[str, typer.Option(help="Where the API is.")] = "http://127.0.0.1:8000",
    client_id: Annotated[str, typer.Option(envvar="CRM_CLIENT_ID", help="A dispatch client.")] = "",
    client_secret: Annotated[
        str, typer.Option(envvar="CRM_CLIENT_SECRET", help="Better given in the environment.")
    ] = "",
    dry_run: Annotated[bool, typer.Option(help="Print the items, send nothing.")] = False,
) -> None:
    """Push captured carrier files through the native API."""
    console = Console()
    chosen = files or sorted(path for path in PUSHES.iterdir() if path.suffix in (".json", ".xml"))
    work = prepare(chosen, Library.read(PUSHES), Format.read(mapping) if mapping else None)
    outcomes: dict[str, Outcome] = {}
    if dry_run:
        items = {name: what.items for name, what in work.plans.items()}
        console.print_json(json.dumps(items, ensure_ascii=False))
    elif not client_id or not client_secret:
        raise typer.BadParameter(
            "give --client-id and --client-secret, or CRM_CLIENT_ID and CRM_CLIENT_SECRET"
        )
    else:
        try:
            outcomes = asyncio.run(_run(url, client_grant(client_id, client_secret), work))
        except ApiError as failure:
            console.print(f"stopped: {failure}", markup=False)
            sys.exit(1)
    show(console, work, outcomes)
    sys.exit(_failed(work, outcomes))


if __name__ == "__main__":
    typer.run(main)
