"""`python -m bench`: measure on this machine, and write a table and a picture to `bench/results`."""

import asyncio
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import asyncpg
import typer
from rich.console import Console

from app.embedded import EmbeddedServer
from app.settings import settings
from bench import callers, delays, load, report, rows, servers
from bench.cases import CASES, Case, push_events

SIZES = {"tiny": (10_000,), "small": (10_000, 1_000_000), "full": (10_000, 1_000_000, 10_000_000)}
PASSES = 16
"""So often all the work is done, a short round of each. Of each figure the cheapest round counts: what disturbs one
only ever makes it dearer, and a bad minute of the machine's touches one round of many."""

console = Console(highlight=False)


@dataclass
class Bench:
    """Everything that a measurement needs."""

    owner: asyncpg.Connection
    product: servers.Served
    bare: servers.Served
    environment: dict[str, str]
    directory: Path
    who: callers.Callers
    shipments: int

    async def grow(self, shipments: int) -> None:
        await _grow(self.owner, self.shipments, shipments)
        self.shipments = shipments

    async def measure(self, cases: Sequence[Case]) -> AsyncIterator[report.Measured]:
        costs: dict[tuple[str, str], list[load.Cost]] = defaultdict(list)
        for number in range(PASSES):
            console.print(f"  pass {number + 1} of {PASSES}", end="\r")
            for case in cases:
                for served in (self.bare, self.product):
                    calls = case.calls(self.who, self.shipments, served.name)
                    costs[case.name, served.name].append(
                        await load.cost(served, self.owner, calls, case.count)
                    )
        for case in cases:
            calls = case.calls(self.who, self.shipments, "product")
            waits = await load.waits(self.product, calls, case.rate, 2)
            product, bare = (load.cheapest(costs[case.name, name]) for name in ("product", "bare"))
            yield report.Measured(case.name, case.goal, self.shipments, product, bare, waits)

    async def follow(self) -> list[report.Delay]:
        """What the worker takes part in: it runs from here on, and what was pushed so far is not its concern."""
        await self.owner.execute("TRUNCATE outbox")
        with servers.worker(self.environment, self.directory / "worker.log"):
            await delays.until_caught_up(self.owner)
            pushes = push_events(self.who, self.shipments, "product")
            acknowledged = await load.waits(self.product, pushes, rate=10, seconds=10)
            await delays.until_caught_up(self.owner)
            seen = await delays.exceptions(self.product, self.who, self.shipments)
        return [
            report.Delay("1,000 events/s, batch acknowledged", 500, acknowledged),
            report.Delay("exception pushed, partner sees it", 2000, seen),
        ]


async def _grow(owner: asyncpg.Connection, have: int, want: int) -> None:
    console.print(f"[bold]{want:,} shipments[/bold]: making them, and warming the caches")
    await rows.grow(owner, have, want)


@asynccontextmanager
async def _started(directory: Path, shipments: int) -> AsyncIterator[Bench]:
    with ExitStack() as running:
        postgres = running.enter_context(EmbeddedServer(directory, servers.POSTGRES))
        environment = servers.prepare(postgres, directory)
        product = running.enter_context(servers.product(environment, directory / "product.log"))
        bare = running.enter_context(servers.bare(postgres, directory / "bare.log"))
        owner = await servers.owner(postgres)
        await _grow(owner, 0, shipments)
        who = await callers.make(settings())
        yield Bench(owner, product, bare, environment, directory, who, shipments)
        await owner.close()


async def _measure(directory: Path, size: str, only: str) -> report.Results:
    measured = []
    first, *later = SIZES[size]
    async with _started(directory, first) as bench:
        for shipments in (first, *later):
            if shipments > first:
                await bench.grow(shipments)
            async for each in bench.measure([case for case in CASES if only in case.name]):
                measured.append(each)
                console.print(report.line(each))
        followed = [] if only else await bench.follow()
    return report.Results(size, measured, followed)


def main(
    size: Annotated[Literal["tiny", "small", "full"], typer.Option(help="How many shipments")] = "small",
    only: Annotated[str, typer.Option(help="Cases whose name contains this; writes no results")] = "",
    out: Annotated[Path, typer.Option(help="Where the table and the picture go")] = Path("bench/results"),
) -> None:
    """Measure the product beside the bare server, and tell which goals are met."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that PostgreSQL is stopped, too
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as directory:
        results = asyncio.run(_measure(Path(directory), size, only))
    if not only:
        report.write(results, out)
        console.print(f"Written to {out}")
    console.print(report.summary(results))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
