"""The real worker: quick to wake, hard to kill, and never twice at the same work."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.database import owner_engine
from app.roles import Role
from app.worker import Worker, loops
from tests.servers import own_server
from tests.system import Caller, System, a_customer, a_number, a_shipment, an_event, an_instant, running

PENDING = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
FOLDED = "SELECT count(*) FROM delivery_exceptions WHERE tracking_no = :number"


@asynccontextmanager
async def working(system: System, many: int = 1) -> AsyncIterator[list[Worker]]:
    """Workers, as `crm worker` runs them, until the end of the block."""
    workers = [Worker(system.settings) for _ in range(many)]
    for number, each in enumerate(workers):
        each.name = f"worker {number}"
    async with asyncio.TaskGroup() as group:
        for each in workers:
            group.create_task(each.run())
        try:
            await eventually(lambda: system.scalar("SELECT count(*) >= :n FROM worker_heartbeats", n=many))
            yield workers
        finally:
            for each in workers:
                each.stop()


async def eventually(true: Callable[[], Awaitable[Any]], within: float = 60) -> None:
    """Ask again and again until it is true."""
    async with asyncio.timeout(within):
        while not await true():  # noqa: ASYNC110  # nobody tells when
            await asyncio.sleep(0.01)


async def a_damaged_parcel(system: System) -> str:
    """Its number, right after dispatch has pushed the damage."""
    number: str = (await a_shipment(system))["tracking_no"]
    await damage(await system.as_role(Role.DISPATCH), number)
    return number


async def damage(dispatch: Caller, number: str) -> None:
    answer = await dispatch.post("/v1/delivery-exceptions", an_event(number, "carrier_damage"))
    assert answer.status_code == 202


async def test_a_worker_shows_that_it_is_alive_and_stops_when_told(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "BEAT_S", 0.05)
    async with working(empty_system):
        first = await empty_system.scalar("SELECT max(beat_at) FROM worker_heartbeats")
        await eventually(
            lambda: empty_system.scalar("SELECT max(beat_at) > :first FROM worker_heartbeats", first=first)
        )
        assert (await empty_system.http.get("/health/ready")).status_code == 200


async def test_an_exception_wakes_the_worker_by_notify(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pause between looks is an hour here, so that nothing else can wake it."""
    monkeypatch.setattr(loops, "IDLE_S", 3600.0)
    async with working(empty_system):
        numbers = [(await a_shipment(empty_system))["tracking_no"] for _ in range(3)]
        dispatch = await empty_system.as_role(Role.DISPATCH)
        for number in numbers:
            await damage(dispatch, number)
            await eventually(partial(empty_system.scalar, FOLDED, number=number))


async def test_a_job_is_run_after_it_was_asked_for(empty_system: System) -> None:
    number = (await a_shipment(empty_system))["tracking_no"]
    dispatch = await empty_system.dispatch("kuaidi100")
    event = an_event(number, "a-new-code", source="kuaidi100")
    assert (await dispatch.post("/v1/tracking-events", event)).json()["status"] == "unknown"
    async with working(empty_system):
        await eventually(lambda: a_code_given_a_meaning(empty_system, "a-new-code"))
        operations = await empty_system.as_role(Role.OPERATIONS)

        async def is_on_hold() -> bool:
            return bool((await operations.get(f"/v1/shipments/{number}")).json()["status"] == "on_hold")

        await eventually(is_on_hold)


async def a_code_given_a_meaning(system: System, code: str) -> bool:
    """Whether the job that this starts, the first time it is asked, is done."""
    admin = await system.as_role(Role.ADMIN)
    body = {
        "list": "kuaidi100",
        "code": code,
        "status": "on_hold",
        "name": "新代码",
        "valid_from": "2020-01-01",
        "source": "测试",
    }
    answer = await admin.post("/v1/carrier-codes", body, headers={"Idempotency-Key": code})
    assert answer.status_code == 201, answer.text
    jobs = (await admin.get("/v1/jobs")).json()["items"]
    return bool(jobs[0]["state"] == "done")


async def test_three_workers_share_the_work_and_do_nothing_twice(empty_system: System) -> None:
    dispatch, operations = (
        await empty_system.as_role(Role.DISPATCH),
        await empty_system.as_role(Role.OPERATIONS),
    )
    customer = await a_customer(empty_system)
    numbers = [a_number() for _ in range(150)]
    common = {"customer_id": customer["id"], "service": "tw", "promised_at": an_instant(48)}
    await operations.post("/v1/shipments/batch", {"items": [common | {"tracking_no": n} for n in numbers]})
    async with working(empty_system, many=3):
        for code in ("carrier_damage", "external_weather"):
            events = [an_event(number, code) for number in numbers]
            for start in range(0, len(events), 10):
                await dispatch.post("/v1/delivery-exceptions/batch", {"items": events[start : start + 10]})

        async def is_done() -> bool:
            return not await empty_system.scalar(PENDING)

        await eventually(is_done)
    opened = "SELECT count(*), count(DISTINCT (tracking_no, reason)) FROM delivery_exceptions"
    async with empty_system.database.sessions() as session:
        assert tuple((await session.execute(text(opened))).one()) == (300, 300)
    recorded = "SELECT count(*) FROM events WHERE kind = 'exception.opened'"
    assert await empty_system.scalar(recorded) == 300
    assert await empty_system.scalar("SELECT count(*) FROM outbox WHERE attempts > 0") == 0


@pytest.mark.usefixtures("template")
async def test_a_worker_outlives_a_restart_of_postgresql(tmp_path: Path) -> None:
    """Relay, listening, queue and heartbeat are all back, and nobody restarted the worker."""
    with own_server(tmp_path) as server:
        async with running(server.url) as system, working(system):
            number = await a_damaged_parcel(system)
            await eventually(lambda: system.scalar(FOLDED, number=number))
            server.stop()
            server.start()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(loops, "BEAT_S", 0.1)
                await eventually(lambda: answers(system))
                later = await a_damaged_parcel(system)
                await eventually(lambda: system.scalar(FOLDED, number=later))
                await eventually(lambda: a_code_given_a_meaning(system, "after-the-restart"))
                beat = "SELECT max(beat_at) > pg_postmaster_start_time() FROM worker_heartbeats"
                await eventually(lambda: system.scalar(beat))


async def answers(system: System) -> bool:
    return bool((await system.http.get("/health/ready")).json()["database"] == "ok")


async def test_a_worker_notices_that_its_listening_connection_was_cut(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {LISTENING}"
    async with working(empty_system):
        await eventually(
            lambda: as_owner(empty_system, f"SELECT count(*) FROM pg_stat_activity WHERE {LISTENING}")
        )
        assert await as_owner(empty_system, cut) == 1
        monkeypatch.setattr(loops, "IDLE_S", 0.1)
        number = await a_damaged_parcel(empty_system)
        await eventually(lambda: empty_system.scalar(FOLDED, number=number))
        await eventually(
            lambda: as_owner(empty_system, f"SELECT count(*) FROM pg_stat_activity WHERE {LISTENING}")
        )


LISTENING = "datname = current_database() AND query LIKE 'LISTEN%crm_outbox%'"


async def as_owner(system: System, statement: str) -> Any:
    owner = owner_engine(system.settings)
    try:
        async with owner.begin() as connection:
            return await connection.scalar(text(statement))
    finally:
        await owner.dispose()


KILLED = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.orm import Session
from app import worker
from app.settings import settings

where, acting = sys.argv[1], None
act = worker.CONSUMERS["refold"]

def die(session, transaction=None):
    if session is acting and not session.in_nested_transaction() and not (transaction and transaction.nested):
        os.kill(os.getpid(), signal.SIGKILL)

async def react(session, work):
    global acting
    if where == "claimed":
        os.kill(os.getpid(), signal.SIGKILL)
    await act(session, work)
    acting = session.sync_session

worker.CONSUMERS["refold"] = react
if where != "claimed":
    event.listen(Session, where, die)
asyncio.run(worker.main(settings()))
"""


@pytest.mark.parametrize("where", ["claimed", "before_commit", "after_transaction_end"])
async def test_a_worker_killed_at_any_point_loses_nothing_and_doubles_nothing(
    empty_system: System, where: str
) -> None:
    number = await a_damaged_parcel(empty_system)
    await a_process(empty_system, "-c", KILLED, where, ends_with=-signal.SIGKILL)
    assert await empty_system.scalar(FOLDED, number=number) == (1 if where == "after_transaction_end" else 0)
    async with working(empty_system):
        await eventually(
            lambda: empty_system.scalar("SELECT NOT EXISTS (" + PENDING.replace("count(*)", "") + ")")
        )
    assert await empty_system.scalar(FOLDED, number=number) == 1
    opened = "SELECT count(*) FROM events WHERE kind = 'exception.opened'"
    assert await empty_system.scalar(opened) == 1
    assert await empty_system.scalar("SELECT max(attempts) FROM outbox") == 0


async def a_process(system: System, *arguments: str, ends_with: int, told: int | None = None) -> None:
    """Run Python on this database, tell it something once it is alive, and see how it ends."""
    process = subprocess.Popen(  # noqa: ASYNC220  # a process of its own, to be killed
        [sys.executable, *arguments], env=os.environ | {"CRM_DATABASE_URL": system.settings.database_url}
    )
    try:
        if told is not None:
            await eventually(lambda: system.scalar("SELECT count(*) FROM worker_heartbeats"))
            process.send_signal(told)
        assert await asyncio.to_thread(process.wait, 20) == ends_with
    finally:
        process.kill()


async def test_a_worker_process_stops_cleanly_when_told(empty_system: System) -> None:
    await a_process(empty_system, "-m", "app", "worker", ends_with=0, told=signal.SIGTERM)


async def test_work_that_fails_only_at_its_commit_holds_up_nobody_else(empty_system: System) -> None:
    """A deferred constraint speaks late; it must speak inside the savepoint of the one it concerns."""
    poisoned = await a_damaged_parcel(empty_system)
    owner = owner_engine(empty_system.settings)
    async with owner.begin() as connection:
        await connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.tracking_no = '"
                f"{poisoned}' THEN RAISE unique_violation; END IF; RETURN NULL; END $$"
            )
        )
        await connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON delivery_exceptions DEFERRABLE"
                " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )
    await owner.dispose()
    well = [await a_damaged_parcel(empty_system) for _ in range(3)]
    async with working(empty_system):
        for number in well:
            await eventually(partial(empty_system.scalar, FOLDED, number=number))
        await eventually(lambda: empty_system.scalar("SELECT count(*) FROM outbox WHERE attempts > 0"))
    assert await empty_system.scalar(FOLDED, number=poisoned) == 0
