"""Workers whose clocks are hours off: everything happens once, and never early by the database's clock."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import asyncpg

from app import clock
from app.database import Database, connect
from app.services import jobs
from faults import sweep
from faults.load import Clients, loaded
from faults.process import CONSUMER, JOB
from faults.report import Outcome, settle
from faults.stage import Stage
from faults.system import running

HOURS = 5.0
DUE = timedelta(seconds=5)
FAR = timedelta(hours=1)
"""Not due by the database's clock, and long past by that of a worker that is ahead."""
WITHIN_S = 8.0
EACH = 20


@dataclass
class Timer:
    """Something that has to happen once it is due, by the database's clock."""

    name: str
    due_at: datetime
    happened: list[datetime] = field(default_factory=list)

    def fault(self, now: datetime) -> str:
        """What is wrong with it by now; nothing where all is well."""
        if self.happened and min(self.happened) < self.due_at:
            return f"{self.name}: early by {self.due_at - min(self.happened)}"
        wanted = int(self.due_at < now)
        return (
            "" if len(self.happened) == wanted else f"{self.name}: {len(self.happened)} times, not {wanted}"
        )


async def clocks(stage: Stage, seed: int) -> Outcome:
    """One worker ahead, one behind; and jobs asked for by processes whose clocks are off, too."""
    outcome = Outcome(f"clocks of two workers {HOURS:g} hours ahead and behind")
    workers = {name: ("--clock-hours", str(hours)) for name, hours in (("ahead", HOURS), ("behind", -HOURS))}
    async with (
        running(stage, "clocks", workers=workers) as system,
        loaded(system.base_url, stage.tokens, seed) as clients,
        stage.owner(system.database) as database,
    ):
        product = await connect(stage.settings(system.database))
        draw = random.Random(seed)
        for _ in range(EACH):
            await sweep.begin(product.sessions, draw)
        await asyncio.sleep(2)
        await settle(outcome, system, clients)
        timers = [
            *await _outbox_rows(database),
            *await _silences(database, clients),
            *await _jobs(product, database),
        ]
        await asyncio.sleep(DUE.total_seconds() + WITHIN_S)
        await _happened(database, timers)
        await sweep.compare(product.sessions, outcome)
        await product.close()
        now = await database.fetchval("SELECT now()")
    due = sum(timer.due_at < now for timer in timers)
    outcome.notes.append(f"{len(timers)} timers, {due} of them due: outbox rows, silences, jobs; and limits")
    outcome.violations += [fault for timer in timers if (fault := timer.fault(now))][:10]
    return outcome


async def _outbox_rows(database: asyncpg.Connection) -> list[Timer]:
    rows = [
        await database.fetchrow(
            "INSERT INTO outbox (event_id, consumer, subject_id, available_at, attempts)"
            " VALUES ($1, $2, $1, now() + $3, 0) RETURNING id, available_at",
            uuid4(),
            CONSUMER,
            delay,
        )
        for delay in [DUE, FAR] * EACH
    ]
    return [Timer(f"effect {row['id']}", row["available_at"]) for row in rows]


async def _silences(database: asyncpg.Connection, clients: Clients) -> list[Timer]:
    """Parcels without a first scan, three days after they were made known: almost, or not for an hour."""
    timers = []
    for delay in (DUE, FAR):
        rows = await database.fetch(
            "UPDATE shipments SET created_at = now() - interval '3 days' + $1, check_at = now() + $1"
            " WHERE tracking_no = ANY ($2) RETURNING tracking_no, check_at",
            delay,
            await clients.parcels(EACH),
        )
        timers += [Timer(f"silence {row['tracking_no']}", row["check_at"]) for row in rows]
    return timers


async def _jobs(product: Database, database: asyncpg.Connection) -> list[Timer]:
    timers = []
    now = await database.fetchval("SELECT now()")
    cases = [(hours, delay) for hours in (HOURS, -HOURS) for delay in (DUE, FAR)]
    for number, (hours, delay) in enumerate(cases, start=1):
        clock.set_source(partial(_shifted, timedelta(hours=hours)))
        async with product.sessions.begin() as session:
            await jobs.enqueue(session, JOB, {"number": -number}, run_at=now + delay)
        timers.append(Timer(f"effect {-number}", now + delay))
    clock.set_source(None)
    return timers


def _shifted(by: timedelta) -> datetime:
    return datetime.now(UTC) + by


async def _happened(database: asyncpg.Connection, timers: list[Timer]) -> None:
    """Look up when each of them happened, as often as it did."""
    known = {timer.name: timer for timer in timers}
    for name, at in await database.fetch(
        "SELECT 'effect ' || outbox_id, at FROM effects UNION ALL"
        " SELECT 'silence ' || tracking_no, created_at FROM delivery_exceptions WHERE detected_by = 'stale_timer'"
    ):
        if name in known:
            known[name].happened.append(at)
