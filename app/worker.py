"""Background work: relay events to their consumers, run jobs, sweep, and show that it is alive."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog
from pgqueuer import PgQueuer
from pgqueuer.models import Job as QueuedJob
from pgqueuer.models import Schedule
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import logs
from app.database import Database, Sessions, connect, driver_connection
from app.models.event import Outbox
from app.models.job import Job, JobState
from app.services import codes, events, jobs, remapping, sweeps
from app.services.reactions import CONSUMERS
from app.settings import Settings

log = structlog.get_logger(__name__)

BATCH = 500
MAX_ATTEMPTS = 10
IDLE_S = 1.0
BEAT_S = 5.0
BREATH_S = 0.05
MAX_HICCUPS = 10
HICCUP_S = 1.0


async def relay(sessions: Sessions) -> int:
    """Take pending outbox rows, let their consumers act, and mark them: one transaction. Returns how many.

    A consumer gets all its rows at once in a savepoint; if that fails, row by row, so that one poisoned row
    stops only itself. It is tried again with growing delays, and set aside after ten attempts. Deferred
    constraints speak inside the savepoint, too: at the commit it would be too late to tell whom they mean.
    """
    async with sessions.begin() as session:
        rows = await _claim(session)
        for consumer, work in _by_consumer(rows).items():
            done = await _try(session, consumer, work)
            if not done and len(work) > 1:
                for row in work:
                    await _try(session, consumer, [row])
        return len(rows)


async def drain(sessions: Sessions) -> None:
    """Relay until nothing is pending."""
    while await relay(sessions):
        pass


async def _claim(session: AsyncSession) -> list[Outbox]:
    return list(
        await session.scalars(
            select(Outbox)
            .where(Outbox.available_at <= func.now(), Outbox.done_at.is_(None), Outbox.failed_at.is_(None))
            .order_by(Outbox.available_at, Outbox.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
    )


def _by_consumer(rows: Sequence[Outbox]) -> dict[str, list[Outbox]]:
    groups: dict[str, list[Outbox]] = defaultdict(list)
    for row in rows:
        groups[row.consumer].append(row)
    return groups


async def _try(session: AsyncSession, consumer: str, work: Sequence[Outbox]) -> bool:
    ids = [row.id for row in work]
    try:
        async with session.begin_nested():
            await CONSUMERS[consumer](session, work)
            await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            await session.execute(update(Outbox).where(Outbox.id.in_(ids)).values(done_at=func.now()))
        await session.execute(text("SET CONSTRAINTS ALL DEFERRED"))
    except Exception as problem:  # whatever a consumer raises must not stop the others
        if _is_connection_lost(problem):
            raise
        if len(work) == 1:
            await _postpone(session, work[0], problem)
        return False
    return True


def _is_connection_lost(problem: Exception) -> bool:
    return isinstance(problem, OSError) or bool(getattr(problem, "connection_invalidated", False))


async def _postpone(session: AsyncSession, row: Outbox, problem: Exception) -> None:
    attempts = row.attempts + 1
    log.error("reaction failed", consumer=row.consumer, outbox_id=row.id, attempts=attempts, exc_info=problem)
    values = {
        "attempts": attempts,
        "last_error": logs.describe(problem),
        "available_at": func.now() + timedelta(seconds=min(2**attempts, 600)),
        "failed_at": func.now() if attempts >= MAX_ATTEMPTS else None,
    }
    await session.execute(update(Outbox).where(Outbox.id == row.id).values(**values))


async def run_job(sessions: Sessions, job_id: UUID) -> None:
    """Run one job to its end, a transaction a step; progress is kept, so that a killed job goes on there."""
    async with sessions.begin() as session:
        job = await jobs.begin(session, job_id)
        if job is None:
            return
        step = STEPS[job.name]
    hiccups = 0
    while hiccups <= MAX_HICCUPS:
        try:
            if not await _step(sessions, job_id, step):
                return
            hiccups = 0
        except Exception as problem:
            hiccups = hiccups + 1 if _passes(problem) else MAX_HICCUPS + 1
            log.warning("job step failed", job_id=str(job_id), hiccups=hiccups, exc_info=problem)
            await _pause_or_give_up(sessions, job_id, problem, hiccups)


async def _step(
    sessions: Sessions, job_id: UUID, step: Callable[[AsyncSession, Job], Awaitable[bool]]
) -> bool:
    async with sessions.begin() as session:
        await session.execute(text("SET LOCAL statement_timeout = '10min'"))
        job = await session.scalar(select(Job).where(Job.id == job_id).with_for_update())
        if job is None or job.state is not JobState.RUNNING:
            return False
        more = await step(session, job)
        if not more:
            jobs.finish(job)
        return more


async def _pause_or_give_up(sessions: Sessions, job_id: UUID, problem: Exception, hiccups: int) -> None:
    if hiccups <= MAX_HICCUPS:
        await asyncio.sleep(HICCUP_S)
        return
    async with sessions.begin() as session:
        jobs.fail(await Job.fetch(session, job_id), logs.describe(problem))


def _passes(problem: Exception) -> bool:
    """Whether it may go better next time: the connection was lost, or somebody else was in the way."""
    state = getattr(getattr(problem, "orig", None), "sqlstate", None)
    return _is_connection_lost(problem) or state in {"40001", "40P01", "57014", "57P01", "57P03"}


async def remap_carrier_code(session: AsyncSession, job: Job) -> bool:
    """Read a thousand stored events anew; says whether there are more."""
    payload = job.payload
    after = payload.get("after")
    task = remapping.Remap(
        payload["list"],
        payload["reason_code"] or payload["code"],
        date.fromisoformat(payload["since"]),
        (datetime.fromisoformat(after[0]), UUID(after[1])) if after else None,
    )
    following = await remapping.remap(session, task)
    job.done += 1
    if following is None:
        return False
    job.payload = {**payload, "after": [following[0].isoformat(), str(following[1])]}
    return True


STEPS: dict[str, Callable[[AsyncSession, Job], Awaitable[bool]]] = {codes.REMAP: remap_carrier_code}


async def sweep_silence(sessions: Sessions) -> None:
    """Look at every shipment whose next check is due, with pauses in which fresh events go first."""
    looked_at = 1
    while looked_at:
        async with sessions.begin() as session:
            looked_at = await sweeps.listen_for_silence(session)
        await asyncio.sleep(BREATH_S)


async def housekeeping(sessions: Sessions) -> None:
    """Make months ahead, wake jobs whose wake-up was lost, forget what is past its time."""
    async with sessions.begin() as session:
        await sweeps.make_months(session)
        await jobs.wake_lost(session)
    for table in sweeps.FORGOTTEN:
        more = True
        while more:
            async with sessions.begin() as session:
                more = await sweeps.forget(session, table)


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
        loops = (self._relay_loop, self._queue_loop, self._beat_loop)
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

        @queue.schedule("sweep_silence", "*/5 * * * *", clean_old=True)
        async def silence(_: Schedule) -> None:
            await sweep_silence(sessions)

        @queue.schedule("housekeeping", "17 * * * *", clean_old=True)
        async def hourly(_: Schedule) -> None:
            await housekeeping(sessions)

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


async def _either(first: asyncio.Event, second: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in (first, second)]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def main(settings: Settings) -> None:
    """Run a worker until SIGINT or SIGTERM."""
    logs.configure(settings.log_level)
    worker = Worker(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, worker.stop)
    await worker.run()
