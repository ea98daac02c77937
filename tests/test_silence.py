"""Silence: each rule speaks once, at its instant by the database's clock, and only while it is true."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from app import clock, worker
from app.roles import Role
from app.schemas.shipment import ShipmentCreate
from app.services import shipments
from tests.system import System, a_customer, a_number, an_event

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
OVERDUE = {"same_city": 3, "inter_city": 7, "hk_mo": 7, "tw": 10, "international": 10}
"""Days after the promise, from the standard, by hand."""


@contextmanager
def the_clock_at(instant: datetime) -> Iterator[None]:
    """The application and its worker think that it is this late; the database knows better."""
    clock.set_source(lambda: instant)
    try:
        yield
    finally:
        clock.set_source(None)


async def database_now(system: System) -> datetime:
    return await system.scalar("SELECT now()")  # type: ignore[no-any-return]


async def a_silent_shipment(
    system: System, created: timedelta, promised: timedelta, service: str = "inter_city"
) -> str:
    """A parcel made known so long ago, promised for so long ago; its number.

    Not over HTTP: a token of today does not hold in the past.
    """
    now, customer = await database_now(system), await a_customer(system)
    operations = await system.as_role(Role.OPERATIONS)
    body = {
        "tracking_no": a_number(),
        "customer_id": customer["id"],
        "service": service,
        "promised_at": (now - promised).isoformat(),
    }
    with the_clock_at(now - created):
        async with system.database.sessions.begin() as session:
            intake = shipments.Intake(session, operations.principal)
            await intake.create(ShipmentCreate.model_validate(body))
    return str(body["tracking_no"])


async def heard(system: System, number: str, ago: timedelta, code: str = "in_transit") -> None:
    now = await database_now(system)
    dispatch = await system.as_role(Role.DISPATCH)
    event = an_event(number, code, occurred_at=(now - ago).isoformat())
    assert (await dispatch.post("/v1/tracking-events", event)).json()["result"] == "accepted"


async def swept(system: System) -> None:
    await system.drain()
    await worker.sweep_silence(system.database.sessions)
    await system.drain()


async def exceptions(system: System, number: str) -> list[tuple[str, str]]:
    return [(row["reason"], row["state"]) for row in await rows(system, number)]


async def rows(system: System, number: str) -> list[dict[str, Any]]:
    answer = await (await system.as_role(Role.OPERATIONS)).get(
        "/v1/delivery-exceptions", params={"tracking_no": number, "sort": "opened_at"}
    )
    return [row for row in answer.json()["items"] if row["resolution"] != "superseded"]


async def findings(system: System, number: str) -> list[str]:
    """The rules that have spoken, as events of the house's own."""
    shipment = (await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{number}")).json()
    return [event["code"] for event in shipment["events"] if event["source"] == "system"]


async def test_no_first_scan_in_three_days_is_an_exception_at_that_instant(system: System) -> None:
    due = await a_silent_shipment(system, 3 * DAY + SECOND, -20 * DAY)
    early = await a_silent_shipment(system, 3 * DAY - 60 * SECOND, -20 * DAY)
    await swept(system)
    assert await exceptions(system, early) == []
    [row] = await rows(system, due)
    assert (row["reason"], row["state"], row["detected_by"]) == ("carrier_no_update", "open", "stale_timer")
    assert (row["source"], row["code"]) == ("system", "no_first_scan")
    shipment = (await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{due}")).json()
    created = datetime.fromisoformat(shipment["created_at"])
    assert datetime.fromisoformat(row["opened_at"]) == created + 3 * DAY
    assert (shipment["status"], shipment["status_at"]) == ("created", None), "silence moves nothing"


async def test_a_label_is_no_first_scan(system: System) -> None:
    number = await a_silent_shipment(system, 4 * DAY, -20 * DAY)
    await heard(system, number, DAY, "created")
    await swept(system)
    assert await exceptions(system, number) == [("carrier_no_update", "open")]


async def test_no_movement_in_thirty_days_is_an_exception(system: System) -> None:
    due = await a_silent_shipment(system, 40 * DAY, -60 * DAY)
    early = await a_silent_shipment(system, 40 * DAY, -60 * DAY)
    await heard(system, due, 30 * DAY + SECOND)
    await heard(system, early, 30 * DAY - 60 * SECOND)
    await swept(system)
    assert await exceptions(system, early) == []
    assert await exceptions(system, due) == [("carrier_no_update", "open")]
    assert await findings(system, due) == ["no_movement"]


@pytest.mark.parametrize("service", sorted(OVERDUE))
async def test_a_parcel_is_overdue_so_many_days_after_its_promise_by_service(
    system: System, service: str
) -> None:
    days = OVERDUE[service] * DAY
    due = await a_silent_shipment(system, 15 * DAY, days + SECOND, service=service)
    early = await a_silent_shipment(system, 15 * DAY, days - 60 * SECOND, service=service)
    for number in (due, early):
        await heard(system, number, DAY, "out_for_delivery")
    await swept(system)
    assert await exceptions(system, early) == []
    [row] = await rows(system, due)
    assert (row["reason"], row["severity"]) == ("carrier_overdue_unsigned", "high")


async def test_each_rule_speaks_once_however_often_and_by_how_many_it_is_asked(system: System) -> None:
    number = await a_silent_shipment(system, 40 * DAY, 20 * DAY)
    await heard(system, number, 35 * DAY)
    await system.drain()
    await asyncio.gather(*(worker.sweep_silence(system.database.sessions) for _ in range(4)))
    for _ in range(2):
        await asyncio.gather(swept(system), swept(system))
    assert sorted(await findings(system, number)) == ["no_movement", "overdue_inter_city"]
    assert sorted(await exceptions(system, number)) == [
        ("carrier_no_update", "open"),
        ("carrier_overdue_unsigned", "open"),
    ]


async def test_the_databases_clock_decides_not_the_workers(system: System) -> None:
    due = await a_silent_shipment(system, 3 * DAY + SECOND, -20 * DAY)
    early = await a_silent_shipment(system, DAY, -20 * DAY)
    now = await database_now(system)
    with the_clock_at(now + 20 * DAY):
        await worker.sweep_silence(system.database.sessions)
        await system.drain()
    assert await exceptions(system, early) == []
    assert await exceptions(system, due) == [("carrier_no_update", "open")]
    late = await a_silent_shipment(system, 3 * DAY + SECOND, -20 * DAY)
    with the_clock_at(now - 10 * SECOND):
        await worker.sweep_silence(system.database.sessions)
        await system.drain()
    assert await exceptions(system, late) == [("carrier_no_update", "open")]


@pytest.mark.parametrize("final", ["delivered", "returned", "cancelled", "lost", "disposed"])
async def test_a_parcel_that_has_arrived_or_ended_is_left_alone(system: System, final: str) -> None:
    number = await a_silent_shipment(system, 60 * DAY, 50 * DAY)
    await heard(system, number, 55 * DAY, "picked_up")
    await heard(system, number, 52 * DAY, final)
    await swept(system)
    assert await findings(system, number) == []
    assert (
        await system.scalar("SELECT check_at FROM shipments WHERE tracking_no = :number", number=number)
        is None
    )


async def test_a_delivery_that_is_reported_late_takes_the_silence_back(system: System) -> None:
    number = await a_silent_shipment(system, 40 * DAY, 30 * DAY)
    await heard(system, number, 39 * DAY, "picked_up")
    await swept(system)
    assert len(await exceptions(system, number)) == 2
    await heard(system, number, 38 * DAY, "delivered")
    await swept(system)
    assert [state for _, state in await exceptions(system, number) if state == "open"] == []


async def test_a_delivery_that_is_stored_but_not_worked_out_yet_is_not_silence(system: System) -> None:
    number = await a_silent_shipment(system, 40 * DAY, 30 * DAY)
    await heard(system, number, 38 * DAY, "delivered")
    await worker.sweep_silence(system.database.sessions)
    await swept(system)
    assert [each for each in await exceptions(system, number) if each[1] == "open"] == []


async def test_a_later_scan_closes_what_it_can(system: System) -> None:
    number = await a_silent_shipment(system, 40 * DAY, 20 * DAY)
    await heard(system, number, 35 * DAY)
    await swept(system)
    await heard(system, number, DAY, "out_for_delivery")
    await swept(system)
    assert sorted(await exceptions(system, number)) == [
        ("carrier_no_update", "resolved"),
        ("carrier_overdue_unsigned", "open"),
    ]
    await heard(system, number, 0 * DAY, "delivered")
    await swept(system)
    assert {state for _, state in await exceptions(system, number)} == {"resolved"}


async def test_after_ninety_days_without_a_word_nobody_listens_any_more(system: System) -> None:
    number = await a_silent_shipment(system, 200 * DAY, 150 * DAY)
    await heard(system, number, 100 * DAY)
    for _ in range(3):
        await swept(system)
    assert sorted(await findings(system, number)) == ["no_movement", "overdue_inter_city"]
    assert (
        await system.scalar("SELECT check_at FROM shipments WHERE tracking_no = :number", number=number)
        is None
    )
    await heard(system, number, 0 * DAY)
    await swept(system)
    assert await system.scalar(
        "SELECT check_at FROM shipments WHERE tracking_no = :number", number=number
    ) > (await database_now(system)), "it has turned up again"


async def test_what_is_not_yet_due_is_looked_at_when_it_is(system: System) -> None:
    number = await a_silent_shipment(system, DAY, -2 * DAY, service="tw")
    sql = "SELECT check_at - created_at FROM shipments WHERE tracking_no = :number"
    assert await system.scalar(sql, number=number) == 3 * DAY
    await heard(system, number, 0 * DAY, "picked_up")
    await system.drain()
    sql = "SELECT check_at - promised_at FROM shipments WHERE tracking_no = :number"
    assert await system.scalar(sql, number=number) == 10 * DAY
