"""The loops of a worker process: relay, queue, and a sign of life."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import structlog
from pgqueuer import PgQueuer
from pgqueuer.models import Job as QueuedJob
from pgqueuer.models import Schedule
from sqlalchemy import text

from app import logs, telemetry
from app.database import Database, Sessions, connect, driver_connection
from app.services import events
from app.settings import Settings
from app.worker.chores import (
    apply_retention,
    compare_contracts,
    end_waits,
    find_handlers,
    housekeeping,
    open_tasks,
    seal_audit,
    snapshot_segments,
    sweep_clocks,
    sweep_silence,
)
from app.worker.jobs import STEPS, run_job
from app.worker.outbox import relay

log = structlog.get_logger(__name__)

Chore = Callable[[Sessions], Awaitable[None]]

SCHEDULE: dict[Chore, str] = {
    end_waits: "* * * * *",
    find_handlers: "* * * * *",
    sweep_silence: "*/5 * * * *",
    seal_audit: "*/5 * * * *",
    compare_contracts: "*/5 * * * *",
    housekeeping: "17 * * * *",
    open_tasks: "23 * * * *",
    snapshot_segments: "41 * * * *",
    apply_retention: "41 18 * * *",
}
"""What is done by the clock, and when, in UTC."""

IDLE_S = 1.0
BEAT_S = 5.0


async def _housekeeping_or_log(sessions: Sessions) -> None:
    """At the start of a worker: a failure must not keep the queue from running."""
    try:
        await housekeeping(sessions)
    except Exception:  # it comes again within the hour
        log.warning("housekeeping failed", exc_info=True)


class Worker:
    """The loops of one worker process; each is started again, after a pause, when it fails."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop`."""
        database = await connect(self.settings)
        loops = (self._relay_loop, self._queue_loop, self._clock_loop, self._beat_loop)
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(self._supervise(loop, database))
        finally:
            await database.close()

    def stop(self) -> None:
        self.stopping.set()

    async def _supervise(self, loop: Callable[[Database], Awaitable[None]], database: Database) -> None:
        while not self.stopping.is_set():
            try:
                await loop(database)
            except Exception:  # PostgreSQL restarts, networks break: go on when they are back
                log.warning("worker loop broke", loop=loop.__name__, exc_info=True)
            await self._pause(0.5 + random.random())  # jitter

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _relay_loop(self, database: Database) -> None:
        woken = asyncio.Event()
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await connection.commit()
            listener = await driver_connection(connection)
            await listener.add_listener(events.CHANNEL, lambda *_: woken.set())
            while not self.stopping.is_set():
                woken.clear()
                if not await relay(database.sessions):
                    if listener.is_closed():
                        raise ConnectionError("the listening connection is gone")
                    await _either(woken, self.stopping, IDLE_S)

    async def _queue_loop(self, database: Database) -> None:
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await connection.commit()
            queue = PgQueuer.from_asyncpg_connection(await driver_connection(connection))
            self._register(queue, database.sessions)
            await _housekeeping_or_log(database.sessions)
            stopper = asyncio.create_task(self._stop_queue(queue))
            try:
                await queue.run(dequeue_timeout=timedelta(seconds=5))
            finally:
                stopper.cancel()

    async def _stop_queue(self, queue: PgQueuer) -> None:
        await self.stopping.wait()
        queue.shutdown.set()

    @staticmethod
    def _register(queue: PgQueuer, sessions: Sessions) -> None:
        for name in STEPS:

            @queue.entrypoint(name, on_failure="hold")
            async def run(queued: QueuedJob) -> None:
                await run_job(sessions, UUID(json.loads(queued.payload or b"{}")["job_id"]))

        for chore, times in SCHEDULE.items():
            _schedule(queue, sessions, chore, times)

    async def _clock_loop(self, database: Database) -> None:
        """Looks every second: by index that costs nothing, and needs nobody to say when a clock was moved."""
        while not self.stopping.is_set():
            with telemetry.span("sweep_clocks"):
                await sweep_clocks(database.sessions)
            await self._pause(IDLE_S)

    async def _beat_loop(self, database: Database) -> None:
        while not self.stopping.is_set():
            async with database.sessions.begin() as session:
                await session.execute(
                    text(
                        "INSERT INTO worker_heartbeats (name) VALUES (:name)"
                        " ON CONFLICT (name) DO UPDATE SET beat_at = now()"
                    ),
                    {"name": self.name},
                )
            await self._pause(BEAT_S)


def _schedule(queue: PgQueuer, sessions: Sessions, chore: Chore, times: str) -> None:
    name = chore.__name__

    @queue.schedule(name, times, clean_old=True)
    async def run(_: Schedule) -> None:
        with telemetry.span(name):
            await chore(sessions)


async def _either(first: asyncio.Event, second: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in (first, second)]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def main(settings: Settings) -> None:
    """Run a worker until SIGINT or SIGTERM."""
    telemetry.start("courier-crm-worker")
    logs.configure(settings.log_level, *telemetry.log_processors())
    worker = Worker(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, worker.stop)
    await worker.run()
