"""`python -m bench.open_clocks`: what many open clocks cost: a sweep with nothing to do, a burst, a retarget of all.

The clocks are made by SQL as the product would make them; the sweep and the job are the product's own, in this process.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.console import Console

from app.database import Database, connect
from app.embedded import EmbeddedServer
from app.models.job import Job
from app.services import jobs
from app.services.clocks import retargeting
from app.settings import settings
from app.worker import run_job, sweep_clocks
from bench import servers
from bench.load import quantile

IDLE_MS, BURST_S, RETARGET_S = 10, 5, 60
LOOKS = 50

console = Console(highlight=False)

_POLICY = """
INSERT INTO sla_policies (id, code, number, rank, subject_type, kind, metric, counting, amount, calendar_id, valid_from,
    source) SELECT gen_random_uuid(), 'bench', $1, 1, 'complaint', 'contract', 'resolution', 'working', $2, id,
    '2020-01-01', 'bench' FROM calendars WHERE code = 'cn_workdays'
"""
_CLOCKS = """
INSERT INTO clocks (id, subject_type, subject_id, cycle, kind, metric, policy_id, calendar_version_id, state, started_at,
    due_at, paused_s, elapsed_s, next_at)
SELECT uuidv7(), 'complaint', gen_random_uuid(), 1, 'contract', 'resolution', p.id, v.id, 'running',
    now() - n % 1000 * interval '1 minute', now() + interval '30 days', 0, 0, now() + interval '10 days'
FROM sla_policies p JOIN calendar_versions v ON v.calendar_id = p.calendar_id, generate_series(1, $1) n
WHERE p.code = 'bench'
"""
_STARTED = """
INSERT INTO clock_events (clock_id, number, kind, at, policy_id, calendar_version_id, actor_id)
SELECT id, 1, 'started', started_at, policy_id, calendar_version_id, gen_random_uuid() FROM clocks
"""
_BURST = "UPDATE clocks SET next_at = now() WHERE id IN (SELECT id FROM clocks ORDER BY id LIMIT $1)"


async def fill(owner: asyncpg.Connection, clocks: int) -> None:
    await owner.execute(_POLICY, 1, 400 * 3600)
    await owner.execute(_CLOCKS, clocks, timeout=600)
    await owner.execute(_STARTED, timeout=600)
    await owner.execute("VACUUM ANALYZE")


async def idle(database: Database) -> float:
    """Milliseconds of a sweep that finds nothing, for 95 of 100."""
    taken = []
    for _ in range(LOOKS):
        begun = time.perf_counter()
        await sweep_clocks(database.sessions)
        taken.append((time.perf_counter() - begun) * 1000)
    return quantile(taken, 0.95)


async def burst(database: Database, owner: asyncpg.Connection, many: int) -> float:
    """Seconds until all of so many clocks that come due at once were told of."""
    await owner.execute(
        "UPDATE clock_events SET at = at - interval '90 days' WHERE clock_id IN"
        " (SELECT id FROM clocks ORDER BY id LIMIT $1)",
        many,
    )
    await owner.execute(_BURST, many)
    begun = time.perf_counter()
    await sweep_clocks(database.sessions)
    taken = time.perf_counter() - begun
    told = await owner.fetchval("SELECT count(*) FROM events WHERE kind = 'clock.breached'")
    if told != many:
        raise RuntimeError(f"{told} of {many} were told of")
    return taken


async def retarget(database: Database, owner: asyncpg.Connection, clocks: int) -> float:
    """Seconds of the job that brings all to a new version."""
    await owner.execute(_POLICY, 2, 300 * 3600)
    async with database.sessions.begin() as session:
        at = (await owner.fetchval("SELECT now()")).isoformat()
        payload = {"code": "bench", "at": at, "actor": "0" * 32, "kind": "system"}
        job = await jobs.enqueue(session, retargeting.JOB, payload)
    begun = time.perf_counter()
    await run_job(database.sessions, job.id)
    taken = time.perf_counter() - begun
    async with database.sessions() as session:
        done = await session.get_one(Job, job.id)
    if (done.state, done.done) != ("done", clocks):
        raise RuntimeError(f"{done.state} after {done.done} of {clocks}: {done.error}")
    return taken


async def measure(directory: Path, clocks: int, due: int) -> list[str]:
    """A line each; those over the goal."""
    with EmbeddedServer(directory, servers.POSTGRES) as postgres:
        servers.prepare(postgres, directory)
        owner, database = await servers.owner(postgres), await connect(settings())
        await fill(owner, clocks)
        found = [
            ("idle sweep, ms", await idle(database), IDLE_MS),
            (f"{due:,} due at once, s", await burst(database, owner, due), BURST_S),
            (f"retarget of {clocks:,}, s", await retarget(database, owner, clocks), RETARGET_S),
        ]
        await owner.close()
        await database.close()
    for title, figure, goal in found:
        console.print(f"  {title:30} {figure:8.1f}   goal {goal}")
    return [title for title, figure, goal in found if figure > goal]


def main(
    clocks: Annotated[int, typer.Option(help="Open clocks")] = 100_000,
    due: Annotated[int, typer.Option(help="How many of them come due at once")] = 1_000,
) -> None:
    with tempfile.TemporaryDirectory(prefix="crm-clocks-") as directory:
        missed = asyncio.run(measure(Path(directory), clocks, due))
    console.print(f"Missed: {', '.join(missed)}" if missed else "Every goal is met.")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
