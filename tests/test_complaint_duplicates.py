"""One report by two channels is joined at once, undoably; a repeat is not; and who takes it down is warned."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.roles import Role
from tests.system import Caller, System, a_customer, a_number
from tests.test_complaints import WHO, a_complaint, registered, said


@pytest.fixture
async def service(system: System) -> Caller:
    return await system.as_role(Role.CUSTOMER_SERVICE)


def somebody(phone: str | None = None) -> dict[str, Any]:
    return WHO | {"phone": phone or f"139{secrets.randbelow(10**8):08}"}


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


async def test_the_same_report_by_another_channel_is_joined_and_keeps_its_number(service: Caller) -> None:
    number, who = a_number(), somebody("13912349999")
    first = await registered(service, tracking_nos=[number], complainant=who)
    again = await registered(
        service,
        tracking_nos=[a_number(), number],
        complainant=who | {"phone": "+86 139-1234-9999"},
        channel="wechat",
    )
    assert (again["status"], again["merged_into_id"]) == ("merged", first["id"])
    assert again["number"] != first["number"]
    survivor = (await service.get(f"/v1/complaints/{first['id']}")).json()
    assert set(again["tracking_nos"]) <= {*survivor["tracking_nos"]} or again["tracking_nos"] == []
    assert (survivor["repeats"], len(survivor["tracking_nos"])) == (0, 2)
    (merge,) = (await service.get(f"/v1/complaints/{first['id']}/merges")).json()
    assert (merge["cause"], merge["number"]) == ("duplicate", again["number"])
    assert (await service.post(f"/v1/complaint-merges/{merge['id']}/undo")).status_code == 200
    apart = (await service.get(f"/v1/complaints/{again['id']}")).json()
    assert (apart["status"], apart["merged_into_id"], apart["handler_id"]) == ("acknowledged", None, None)


async def test_without_a_parcel_on_either_side_it_is_joined_too(service: Caller) -> None:
    who = somebody()
    first = await registered(service, complainant=who)
    assert (await registered(service, complainant=who, channel="email"))["merged_into_id"] == first["id"]


async def test_registered_late_the_older_report_gives_its_time_to_the_first(service: Caller) -> None:
    who = somebody()
    first = await registered(service, complainant=who)
    older = await registered(service, complainant=who, channel="email", received_at=ago(20))
    survivor = (await service.get(f"/v1/complaints/{first['id']}")).json()
    assert older["merged_into_id"] == first["id"]
    assert survivor["received_at"] == older["received_at"]


@pytest.mark.parametrize(
    "difference",
    [
        {"channel": "hotline"},
        {"category": "loss"},
        {"tracking_nos": []},
        {"received_at": ago(26)},
        {"complainant": somebody()},
    ],
    ids=lambda each: next(iter(each)),
)
async def test_what_differs_is_not_joined(service: Caller, difference: dict[str, Any]) -> None:
    same = {"tracking_nos": [a_number()], "complainant": somebody()}
    await registered(service, **same)
    other = await registered(service, **same | {"channel": "wechat"} | difference)
    assert other["merged_into_id"] is None


async def test_what_has_ended_takes_no_duplicate_in_but_has_a_repeat(service: Caller) -> None:
    who = somebody()
    first = await registered(service, complainant=who)
    await said(service, first, "withdraw", {"reason": "撤诉"})
    again = await registered(service, complainant=who, channel="wechat")
    assert (again["merged_into_id"], again["repeat_of_id"]) == (None, first["id"])


async def test_of_two_customers_nothing_is_joined(system: System, service: Caller) -> None:
    who = somebody()
    await registered(service, complainant=who, customer_id=(await a_customer(system))["id"])
    assert (await registered(service, complainant=who, channel="wechat"))["merged_into_id"] is None


async def test_reports_by_several_channels_at_once_become_one(service: Caller) -> None:
    who, channels = somebody(), ("hotline", "wechat", "email", "app")
    bodies = [a_complaint(complainant=who, channel=channel) for channel in channels]
    answers = [
        each.json() for each in await asyncio.gather(*(service.post("/v1/complaints", b) for b in bodies))
    ]
    (first,) = [each for each in answers if each["merged_into_id"] is None]
    assert [each["merged_into_id"] for each in answers if each is not first] == [first["id"]] * 3


# The warning


async def test_before_it_is_registered_one_is_told_what_it_may_be_the_same_as(service: Caller) -> None:
    number, who = a_number(), somebody()
    person = await registered(service, complainant=who, category="loss")
    parcel = await registered(service, tracking_nos=[number], received_at=ago(100))
    both = await registered(service, tracking_nos=[number], complainant=who)
    await registered(service, tracking_nos=[number], category="price")
    await registered(service, tracking_nos=[number], received_at=ago(7 * 24 + 1))
    body = a_complaint(tracking_nos=[number], complainant=who, channel="wechat")
    found = (await service.post("/v1/complaints/check", body)).json()["candidates"]
    assert {each["complaint"]["id"]: (each["reasons"], each["becomes"]) for each in found} == {
        person["id"]: (["same_person"], None),
        parcel["id"]: (["same_parcel"], None),
        both["id"]: (["same_parcel", "same_person"], "duplicate"),
    }
    repeat = (await service.post("/v1/complaints/check", body | {"channel": "hotline"})).json()["candidates"]
    assert {each["becomes"] for each in repeat if each["complaint"]["id"] == both["id"]} == {"repeat"}
    made = await service.post("/v1/complaints", body)
    assert made.json()["merged_into_id"] == both["id"]


async def test_a_warning_names_nothing_where_there_is_nothing_to_compare(service: Caller) -> None:
    body = a_complaint(complainant={"name": "李明", "role": "recipient"})
    assert (await service.post("/v1/complaints/check", body)).json() == {"candidates": []}
