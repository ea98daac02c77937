"""The relay: what an event leaves to do is done once, whoever fails and however many relays run."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app import worker
from app.models.event import Outbox
from app.roles import Role
from app.security import Principal
from app.services import events
from tests.steps import until_waiting
from tests.system import System, a_shipment, an_event, an_instant

KIND = "test.happened"


@pytest.fixture
def consumers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The table of consumers; `test.happened` is wanted by those called `good` and `poison`."""
    monkeypatch.setitem(events.CONSUMERS, KIND, ("good", "poison"))
    monkeypatch.setitem(worker.CONSUMERS, "good", _nothing)
    monkeypatch.setitem(worker.CONSUMERS, "poison", _nothing)
    return worker.CONSUMERS


async def _nothing(_session: AsyncSession, _work: Sequence[Outbox]) -> None:
    pass


async def happen(system: System, count: int) -> list[UUID]:
    """So many events, each about something of its own."""
    subjects = [uuid4() for _ in range(count)]
    happenings = [events.Happening(KIND, events.Subject("test", subject), {}) for subject in subjects]
    async with system.database.sessions.begin() as session:
        await events.record_all(session, Principal.SYSTEM, happenings)
    return subjects


async def states(system: System, consumer: str) -> Counter[str]:
    """How many of a consumer's rows are done, set aside or pending."""
    sql = """SELECT CASE WHEN done_at IS NOT NULL THEN 'done' WHEN failed_at IS NOT NULL THEN 'failed'
             ELSE 'pending' END, count(*) FROM outbox WHERE consumer = :consumer GROUP BY 1"""
    async with system.database.sessions() as session:
        rows = await session.execute(text(sql), {"consumer": consumer})
        return Counter({row[0]: row[1] for row in rows})


async def make_due(system: System) -> None:
    """As if the delays were over."""
    async with system.database.sessions.begin() as session:
        await session.execute(text("UPDATE outbox SET available_at = now() WHERE done_at IS NULL"))


async def note(session: AsyncSession, subject: UUID) -> None:
    """An effect inside the database, which must not be had twice nor survive a failure."""
    await session.execute(
        text("INSERT INTO carrier_sources (source, name, lists) VALUES (:source, 'x', '{}')"),
        {"source": f"test-{subject}"},
    )


async def effects(system: System) -> set[str]:
    async with system.database.sessions() as session:
        rows = await session.scalars(text("SELECT source FROM carrier_sources WHERE source LIKE 'test-%'"))
        return {source.removeprefix("test-") for source in rows}


async def test_a_consumer_that_raises_stops_neither_the_others_nor_its_own_other_rows(
    empty_system: System, consumers: dict[str, Any]
) -> None:
    subjects = await happen(empty_system, 20)
    bad = set(subjects[3:5])

    async def poison(_: AsyncSession, work: Sequence[Outbox]) -> None:
        if bad & {row.subject_id for row in work}:
            raise ValueError("有毒")

    consumers["poison"] = poison
    await empty_system.drain()
    assert await states(empty_system, "good") == {"done": 20}
    assert await states(empty_system, "poison") == {"done": 18, "pending": 2}


async def test_a_full_disk_is_held_against_no_row(empty_system: System, consumers: dict[str, Any]) -> None:
    """However long it lasts, nobody's rows are set aside for it."""

    async def out_of_disk(session: AsyncSession, _work: Sequence[Outbox]) -> None:
        await session.execute(text("DO $$ BEGIN RAISE disk_full; END $$"))

    consumers["poison"] = out_of_disk
    await happen(empty_system, 2)
    for _ in range(worker.MAX_ATTEMPTS + 1):
        with pytest.raises(DBAPIError):
            await worker.relay(empty_system.database.sessions)
    assert await empty_system.scalar("SELECT max(attempts) FROM outbox") == 0
    consumers["poison"] = _nothing
    await empty_system.drain()
    assert await states(empty_system, "poison") == {"done": 2}


async def test_poison_is_tried_ten_times_with_growing_delays_and_then_set_aside(
    empty_system: System, consumers: dict[str, Any]
) -> None:
    tries: list[int] = []

    async def poison(_: AsyncSession, work: Sequence[Outbox]) -> None:
        tries.extend(row.attempts for row in work)
        raise ValueError("有毒")

    consumers["poison"] = poison
    await happen(empty_system, 1)
    delays = []
    for _ in range(12):
        await empty_system.drain()
        delays.append(
            await empty_system.scalar(
                "SELECT extract(epoch FROM available_at - now())::int FROM outbox WHERE consumer = 'poison'"
            )
        )
        await make_due(empty_system)
    assert tries == list(range(worker.MAX_ATTEMPTS))
    assert delays[:9] == sorted(delays[:9])
    assert 1 <= delays[0] <= 2
    assert 500 <= delays[8] <= 600
    assert await states(empty_system, "poison") == {"failed": 1}
    assert (await empty_system.scalar("SELECT last_error FROM outbox WHERE consumer = 'poison'")).startswith(
        "ValueError"
    )


async def test_poison_that_gets_well_is_done_once(empty_system: System, consumers: dict[str, Any]) -> None:
    broken = True

    async def poison(_: AsyncSession, work: Sequence[Outbox]) -> None:
        if broken:
            raise LookupError
        done.extend(row.subject_id for row in work)

    done: list[UUID] = []
    consumers["poison"] = poison
    subjects = await happen(empty_system, 5)
    for _ in range(3):
        await empty_system.drain()
        await make_due(empty_system)
    broken = False
    for _ in range(2):
        await empty_system.drain()
    assert sorted(done) == sorted(subjects)


@pytest.fixture
async def writable(empty_system: System) -> System:
    """Lets the application's role write the table that `note` uses as a slate."""
    from app.database import owner_engine

    engine = owner_engine(empty_system.settings)
    async with engine.begin() as connection:
        await connection.execute(text("GRANT INSERT, DELETE ON carrier_sources TO crm_app"))
    await engine.dispose()
    return empty_system


async def test_what_a_failing_consumer_had_begun_is_undone(
    writable: System, consumers: dict[str, Any]
) -> None:
    async def poison(session: AsyncSession, work: Sequence[Outbox]) -> None:
        for row in work:
            await note(session, row.subject_id)
        raise ValueError

    async def good(session: AsyncSession, work: Sequence[Outbox]) -> None:
        await session.execute(text("SELECT 1"))
        assert work

    consumers["poison"], consumers["good"] = poison, good
    await happen(writable, 3)
    await writable.drain()
    assert await effects(writable) == set()
    assert await states(writable, "good") == {"done": 3}


async def test_a_consumer_whose_statement_fails_does_not_take_the_transaction_with_it(
    writable: System, consumers: dict[str, Any]
) -> None:
    async def poison(session: AsyncSession, _work: Sequence[Outbox]) -> None:
        await session.execute(text("SELECT 1 / 0"))

    async def good(session: AsyncSession, work: Sequence[Outbox]) -> None:
        for row in work:
            await note(session, row.subject_id)

    consumers["poison"], consumers["good"] = poison, good
    subjects = await happen(writable, 3)
    await writable.drain()
    assert await effects(writable) == {str(subject) for subject in subjects}


async def test_two_relays_at_once_do_everything_once(writable: System, consumers: dict[str, Any]) -> None:
    """A unique key makes a second time an error; nobody may fall between the two either."""

    async def good(session: AsyncSession, work: Sequence[Outbox]) -> None:
        for row in work:
            await note(session, row.subject_id)
            await asyncio.sleep(0)

    consumers["good"] = good
    subjects = await happen(writable, 700)
    await asyncio.gather(*(writable.drain() for _ in range(4)))
    await writable.drain()
    assert await states(writable, "good") == {"done": 700}
    assert await effects(writable) == {str(subject) for subject in subjects}
    assert await writable.scalar("SELECT max(attempts) FROM outbox") == 0


async def test_a_relay_that_dies_before_its_commit_leaves_everything_to_do(
    writable: System, consumers: dict[str, Any]
) -> None:
    class Killed(BaseException):
        pass

    async def good(session: AsyncSession, work: Sequence[Outbox]) -> None:
        for row in work:
            await note(session, row.subject_id)
        if deaths:
            raise deaths.pop()

    deaths = [Killed(), Killed()]
    consumers["good"] = good
    subjects = await happen(writable, 10)
    for _ in range(2):
        with pytest.raises(Killed):
            await worker.relay(writable.database.sessions)
        assert await effects(writable) == set()
    await writable.drain()
    assert await effects(writable) == {str(subject) for subject in subjects}


async def test_a_shipment_that_cannot_be_worked_out_holds_up_no_other(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.services import status

    bad, fine = [await a_shipment(empty_system) for _ in range(2)]
    refold = status.refold

    async def failing(session: AsyncSession, places: Any) -> None:
        places = list(places)
        if UUID(bad["id"]) in {shipment_id for _, shipment_id in places}:
            raise ArithmeticError
        await refold(session, places)

    monkeypatch.setattr(status, "refold", failing)
    dispatch = await empty_system.as_role(Role.DISPATCH)
    items = [an_event(each["tracking_no"], "delivered") for each in (bad, fine)]
    await dispatch.post("/v1/tracking-events/batch", {"items": items})
    await empty_system.drain()
    assert await status_of(empty_system, fine) == "delivered"
    assert await status_of(empty_system, bad) == "created"
    monkeypatch.setattr(status, "refold", refold)
    await make_due(empty_system)
    await empty_system.drain()
    assert await status_of(empty_system, bad) == "delivered"


async def test_two_who_work_out_the_same_shipment_take_turns(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has read its events when another one comes: what it writes must not be the last word."""
    from app.services import status

    shipment, dispatch = await a_shipment(system), await system.as_role(Role.DISPATCH)
    await dispatch.post("/v1/tracking-events", an_event(shipment["tracking_no"], "picked_up"))
    read_exceptions = status._exceptions
    second: list[asyncio.Task[Any]] = []

    async def interrupted(session: AsyncSession, places: Any) -> Any:
        if not second:
            delivered = an_event(shipment["tracking_no"], "delivered", occurred_at=an_instant(1))
            await dispatch.post("/v1/tracking-events", delivered)
            second.append(asyncio.create_task(worker.relay(system.database.sessions)))
            await until_waiting(system, second[0])
        return await read_exceptions(session, places)

    monkeypatch.setattr(status, "_exceptions", interrupted)
    await worker.relay(system.database.sessions)
    await second[0]
    await system.drain()
    assert await status_of(system, shipment) == "delivered"


async def status_of(system: System, shipment: dict[str, Any]) -> str:
    answer = await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{shipment['tracking_no']}")
    return str(answer.json()["status"])
