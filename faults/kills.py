"""API, worker and PostgreSQL killed at random moments, under load."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from app.embedded import EmbeddedServerError
from faults.load import Clients, loaded
from faults.report import Outcome, Recovery, settle
from faults.stage import Stage
from faults.system import Running, running, until

VICTIMS = ("api", "worker", "postmaster", "backend", "immediate", "everything")
"""`immediate` is PostgreSQL's shutdown of that name; `everything` is what a power cut takes."""
IN_A_ROW = 0.15
GIVE_UP_S = 90.0
CAUGHT_UP = """
SELECT EXISTS (SELECT FROM outbox WHERE done_at > $1) AND NOT EXISTS (
    SELECT FROM outbox WHERE done_at IS NULL AND failed_at IS NULL
        AND created_at < clock_timestamp() - interval '1 second')
"""
"""Under load there is always something in the queue; but something was done since, and nothing waits for long."""


async def kills(stage: Stage, how_many: int, seed: int) -> Outcome:
    """Kill, wait until writes are acknowledged and the queue has caught up, and so on."""
    chance = random.Random(seed)
    outcome = Outcome(f"{how_many} kills under load")
    async with (
        running(stage, "kills") as system,
        tended(stage),
        loaded(system.base_url, stage.tokens, seed) as clients,
    ):
        await asyncio.sleep(2)
        for number in range(how_many):
            await asyncio.sleep(chance.uniform(0.05, 0.8))
            victim = VICTIMS[number] if number < len(VICTIMS) else chance.choice(VICTIMS)
            outcome.recoveries.append(await _kill(system, clients, victim, chance))
        await settle(outcome, system, clients)
    return outcome


async def _kill(system: Running, clients: Clients, victim: str, chance: random.Random) -> Recovery:
    """One kill; or, now and then, another one before the system has recovered from it."""
    await _strike(system, victim, chance)
    if chance.random() < IN_A_ROW:
        await asyncio.sleep(chance.uniform(0, 2))
        await _strike(system, chance.choice(("api", "worker", "postmaster")), chance)
        victim = "two in a row"
    return await recover(system, clients, victim)


async def _strike(system: Running, victim: str, chance: random.Random) -> None:
    backend = await _some_backend(system, chance) if victim == "backend" else 0
    if victim in {"api", "everything"}:
        system.processes["api"].kill()
    if victim in {"worker", "everything"}:
        system.processes["worker"].kill()
    if victim in {"postmaster", "everything"}:
        system.stage.kill_server(signal.SIGKILL)
    if victim == "immediate":
        system.stage.kill_server(signal.SIGQUIT)
    if backend:
        with contextlib.suppress(ProcessLookupError):
            os.kill(backend, signal.SIGKILL)


async def _some_backend(system: Running, chance: random.Random) -> int:
    found = (
        "SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'courier-crm'"
    )
    return int(chance.choice(await system.ask(found, system.database)))


async def recover(system: Running, clients: Clients, fault: str) -> Recovery:
    """How long from here until a write asked for from here on is acknowledged, and until the queue has caught up."""
    ledger, began, since = clients.ledger, time.monotonic(), datetime.now(UTC)

    async def acknowledged() -> bool:
        return ledger.asked_at > began

    async def caught_up() -> bool:
        return bool(await system.ask(CAUGHT_UP, since))

    with contextlib.suppress(TimeoutError):
        await until(acknowledged, within=GIVE_UP_S)
    write_s = (ledger.told_at if ledger.asked_at > began else time.monotonic()) - began
    with contextlib.suppress(TimeoutError):
        await until(caught_up, within=GIVE_UP_S)
    return Recovery(fault, since, write_s, time.monotonic() - began)


@asynccontextmanager
async def tended(stage: Stage) -> AsyncIterator[None]:
    """PostgreSQL is started again whenever it is gone, as its supervisor in production does."""

    async def tend() -> None:
        while True:
            if not stage.server.ready:
                with contextlib.suppress(EmbeddedServerError):  # then once more
                    await asyncio.to_thread(stage.server.start)
            await asyncio.sleep(0.1)

    tending = asyncio.create_task(tend())
    try:
        yield
    finally:
        tending.cancel()
        await asyncio.gather(tending, return_exceptions=True)
