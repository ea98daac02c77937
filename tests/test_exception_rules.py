"""An exception becomes a complaint or a task where a rule says so, and never twice."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models.delivery_exception import DeliveryException
from app.models.event import Outbox
from app.roles import Role
from app.services import reactions, status
from app.services.complaints import exceptions
from tests.owner import owner
from tests.steps import pages
from tests.system import Caller, System, a_customer, a_shipment, an_event, an_instant


async def pushed(system: System, number: str, reason: str, **fields: Any) -> None:
    dispatch = await system.as_role(Role.DISPATCH)
    answer = await dispatch.post("/v1/delivery-exceptions", an_event(number, reason, **fields))
    assert answer.status_code == 202, answer.text


async def complaints_about(system: System, number: str) -> list[dict[str, Any]]:
    return await pages(await system.as_role(Role.CUSTOMER_SERVICE), "/v1/complaints", tracking_no=number)


async def follow_ups_of(system: System, number: str) -> list[dict[str, Any]]:
    return await pages(await system.as_role(Role.OPERATIONS), "/v1/exception-follow-ups", tracking_no=number)


async def in_trouble(system: System, reason: str, **fields: Any) -> dict[str, Any]:
    shipment = await a_shipment(system, **fields)
    await pushed(system, shipment["tracking_no"], reason)
    await system.drain()
    return shipment


async def test_a_damage_opens_a_complaint_that_waits_to_be_acknowledged(system: System) -> None:
    shipment = await in_trouble(system, "carrier_damage")
    (complaint,) = await complaints_about(system, shipment["tracking_no"])
    assert (complaint["status"], complaint["channel"]) == ("received", "delivery_exception")
    assert (complaint["category"], complaint["severity"]) == ("damage", "high")
    assert complaint["customer_id"] == shipment["customer_id"]
    assert complaint["complainant"]["role"] == "recipient"
    assert complaint["complainant"]["name"] == "张**"
    assert complaint["acknowledged_at"] is None
    assert complaint["due_at"] is not None
    (followed,) = await follow_ups_of(system, shipment["tracking_no"])
    assert (followed["action"], followed["state"], followed["joined"]) == ("complaint", "done", False)
    assert followed["complaint_id"] == complaint["id"]
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    acknowledged = await service.post(f"/v1/complaints/{complaint['id']}/acknowledge", {})
    assert acknowledged.json()["status"] == "acknowledged", acknowledged.text


async def test_where_the_recipient_is_not_known_the_customer_complains(system: System) -> None:
    shipment = await in_trouble(system, "carrier_loss", recipient={})
    (complaint,) = await complaints_about(system, shipment["tracking_no"])
    assert complaint["complainant"]["role"] == "merchant"
    assert complaint["complainant"]["name"].startswith("顺")
    assert complaint["severity"] == "critical"


async def test_another_exception_of_the_same_category_joins_the_complaint_that_is_open(
    system: System,
) -> None:
    shipment = await in_trouble(system, "carrier_loss")
    await pushed(system, shipment["tracking_no"], "carrier_theft", occurred_at=an_instant(0.5))
    await system.drain()
    (complaint,) = await complaints_about(system, shipment["tracking_no"])
    joined, opened = await follow_ups_of(system, shipment["tracking_no"])
    assert (opened["joined"], joined["joined"]) == (False, True)
    assert {opened["complaint_id"], joined["complaint_id"]} == {complaint["id"]}
    told = "SELECT data->>'exception_id' FROM events WHERE subject_id = :id AND kind = 'complaint.exception_joined'"
    assert await system.scalar(told, id=UUID(complaint["id"])) == joined["exception_id"]


async def test_another_category_is_another_complaint(system: System) -> None:
    shipment = await in_trouble(system, "carrier_loss")
    await pushed(system, shipment["tracking_no"], "carrier_damage", occurred_at=an_instant(0.5))
    await system.drain()
    found = await complaints_about(system, shipment["tracking_no"])
    assert sorted(each["category"] for each in found) == ["damage", "loss"]


async def test_what_a_person_has_registered_is_joined_too(system: System) -> None:
    shipment = await a_shipment(system)
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    body = {
        "category": "damage",
        "description": "外箱破损",
        "remedy_sought": "赔偿",
        "tracking_nos": [shipment["tracking_no"]],
        "complainant": {"name": "李明", "role": "recipient"},
    }
    made = await service.post("/v1/complaints", body)
    await pushed(system, shipment["tracking_no"], "carrier_damage")
    await system.drain()
    (complaint,) = await complaints_about(system, shipment["tracking_no"])
    assert complaint["id"] == made.json()["id"]
    assert [each["joined"] for each in await follow_ups_of(system, shipment["tracking_no"])] == [True]


async def test_of_two_rules_that_fit_the_one_that_stands_first_counts(system: System) -> None:
    plain = await in_trouble(system, "carrier_stranded")
    key = await a_customer(system, tier="key")
    dear = await in_trouble(system, "carrier_stranded", customer_id=key["id"])
    (task,) = await follow_ups_of(system, plain["tracking_no"])
    assert (task["rule"], task["action"], task["complaint_id"]) == ("late", "task", None)
    assert await complaints_about(system, plain["tracking_no"]) == []
    (complaint,) = await complaints_about(system, dear["tracking_no"])
    assert (complaint["category"], complaint["severity"]) == ("delay", "high")
    (followed,) = await follow_ups_of(system, dear["tracking_no"])
    assert followed["rule"] == "late_for_key_accounts"


async def test_most_exceptions_lead_to_nothing(system: System) -> None:
    shipment = await in_trouble(system, "recipient_absent")
    assert await follow_ups_of(system, shipment["tracking_no"]) == []
    assert await complaints_about(system, shipment["tracking_no"]) == []


async def test_the_rules_are_told_in_the_order_in_which_they_are_asked(system: System) -> None:
    operations = await system.as_role(Role.OPERATIONS)
    rules = (await operations.get("/v1/exception-rules")).json()
    assert [each["rank"] for each in rules] == sorted(each["rank"] for each in rules)
    assert rules[-1]["action"] == "none", "what no rule names leads to nothing"


async def test_a_rule_that_is_no_longer_in_force_does_nothing(empty_system: System) -> None:
    async with owner(empty_system) as connection:
        await connection.execute(
            "UPDATE exception_rules SET valid_until = CURRENT_DATE WHERE code LIKE 'damage%'"
        )
    shipment = await in_trouble(empty_system, "carrier_damage")
    assert await follow_ups_of(empty_system, shipment["tracking_no"]) == []


async def test_a_task_is_finished_once(system: System) -> None:
    shipment = await in_trouble(system, "carrier_label_lost")
    operations = await system.as_role(Role.OPERATIONS)
    (task,) = await follow_ups_of(system, shipment["tracking_no"])
    assert task["state"] == "open"
    path = f"/v1/exception-follow-ups/{task['id']}/finish"
    done = await operations.post(path)
    assert (done.json()["state"], done.json()["done_by"]) == ("done", operations.id)
    assert (await operations.post(path)).status_code == 409
    assert (await operations.post(f"/v1/exception-follow-ups/{uuid4()}/finish")).status_code == 404


async def an_exception_id(system: System, number: str) -> UUID:
    found = await system.scalar(
        "SELECT id FROM delivery_exceptions WHERE tracking_no = :number", number=number
    )
    return UUID(str(found))


async def test_the_same_event_again_does_nothing_again(system: System) -> None:
    shipment = await in_trouble(system, "carrier_damage")
    exception_id = await an_exception_id(system, shipment["tracking_no"])
    again = Outbox(subject_id=exception_id, customer_id=UUID(shipment["customer_id"]))
    for _ in range(3):
        async with system.database.sessions.begin() as session:
            await reactions.follow_up(session, [again, again])
    assert len(await complaints_about(system, shipment["tracking_no"])) == 1
    assert len(await follow_ups_of(system, shipment["tracking_no"])) == 1


async def test_workers_that_react_at_once_open_one_complaint(system: System) -> None:
    """Two exceptions of one category, each in the hands of a worker of its own."""
    shipment = await a_shipment(system)
    for hours, reason in enumerate(("carrier_loss", "carrier_theft", "carrier_misdelivery")):
        await pushed(system, shipment["tracking_no"], reason, occurred_at=an_instant(hours / 10))
    place = (UUID(shipment["customer_id"]), await shipment_id(system, shipment))
    async with system.database.sessions.begin() as session:
        await status.refold(session, [place])

    async def react(exception_id: UUID) -> None:
        async with system.database.sessions.begin() as session:
            work = Outbox(subject_id=exception_id, customer_id=place[0])
            await reactions.follow_up(session, [work])

    async with system.database.sessions() as session:
        rows = await session.execute(
            exceptions._unseen().where(DeliveryException.tracking_no == shipment["tracking_no"])
        )
        ids = [row[0].id for row in rows]
    assert len(ids) == 3
    await asyncio.gather(*(react(each) for each in ids))
    await system.drain()
    assert len(await complaints_about(system, shipment["tracking_no"])) == 1
    assert sorted(each["joined"] for each in await follow_ups_of(system, shipment["tracking_no"])) == [
        False,
        True,
        True,
    ]


async def shipment_id(system: System, shipment: dict[str, Any]) -> UUID:
    asked = "SELECT id FROM shipments WHERE tracking_no = :number"
    return UUID(str(await system.scalar(asked, number=shipment["tracking_no"])))


async def test_a_worker_killed_on_the_way_leaves_nothing_and_the_next_one_does_it_once(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipment = await a_shipment(empty_system)
    await pushed(empty_system, shipment["tracking_no"], "carrier_damage")
    kept = exceptions._followed

    def killed(*_: Any, **__: Any) -> Any:
        raise asyncio.CancelledError

    monkeypatch.setattr(exceptions, "_followed", killed)
    with pytest.raises(asyncio.CancelledError):
        await empty_system.drain()
    assert await complaints_about(empty_system, shipment["tracking_no"]) == []
    monkeypatch.setattr(exceptions, "_followed", kept)
    await empty_system.drain()
    assert len(await complaints_about(empty_system, shipment["tracking_no"])) == 1


async def test_an_exception_that_was_read_wrongly_opens_nothing(system: System) -> None:
    """Superseded before anybody looked."""
    shipment = await a_shipment(system)
    await pushed(system, shipment["tracking_no"], "carrier_damage")
    place = (UUID(shipment["customer_id"]), await shipment_id(system, shipment))
    async with system.database.sessions.begin() as session:
        await status.refold(session, [place])
    async with owner(system) as connection:
        await connection.execute(
            "UPDATE delivery_exceptions SET state = 'dismissed', resolution = 'superseded', closed_at = now()"
            " WHERE tracking_no = $1",
            shipment["tracking_no"],
        )
        await connection.execute(
            "UPDATE tracking_events SET superseded_at = now() WHERE shipment_id = $1", place[1]
        )
    await system.drain()
    assert await complaints_about(system, shipment["tracking_no"]) == []


async def test_an_exception_that_comes_back_finds_its_complaint(system: System) -> None:
    """Dismissed by a person, then reported again by a later scan: a second exception of the same matter."""
    shipment = await in_trouble(system, "carrier_damage")
    operations = await system.as_role(Role.OPERATIONS)
    exception_id = await an_exception_id(system, shipment["tracking_no"])
    path = f"/v1/delivery-exceptions/{exception_id}/dismiss"
    assert (await operations.post(path, {"resolution": "复查无损"})).status_code == 200
    later = (await system.scalar("SELECT (now() + interval '1 minute')::text")).replace(" ", "T") + ":00"
    await pushed(system, shipment["tracking_no"], "carrier_damage", occurred_at=later)
    await system.drain()
    assert len(await follow_ups_of(system, shipment["tracking_no"])) == 2
    assert len(await complaints_about(system, shipment["tracking_no"])) == 1


async def test_sales_see_what_followed_for_their_own_customers_only(system: System) -> None:
    seller: Caller = await system.staff(Role.SALES)
    own = await a_customer(system, owner_id=seller.id)
    ours = await in_trouble(system, "carrier_label_lost", customer_id=own["id"])
    theirs = await in_trouble(system, "carrier_label_lost")
    seen = {each["tracking_no"] for each in await pages(seller, "/v1/exception-follow-ups")}
    assert seen == {ours["tracking_no"]}
    assert theirs["tracking_no"] not in seen
