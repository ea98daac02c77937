"""Pushes: taken in once, whatever their order, and never lost."""

import asyncio
import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from app import worker
from app.security import Role
from tests.system import Caller, System, a_customer, a_number

START = datetime(2026, 3, 1, tzinfo=UTC)
ROUNDS = 3


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def reported(hours: float, code: str, source: str = "native", **fields: Any) -> dict[str, Any]:
    return {"source": source, "code": code, "occurred_at": at(hours), **fields}


def as_exception(hours: float, code: str, source: str = "native", **fields: Any) -> dict[str, Any]:
    """The same, reported to /v1/delivery-exceptions."""
    return reported(hours, code, source, **fields) | {"alarm": True}


STORY = [
    reported(0, "created", event_id="1"),
    reported(1, "pickup_failed", reason_code="sender_not_ready"),
    reported(2, "50", "sf", text="顺丰速运 已收取快件", location="深圳市"),
    reported(3, "in_transit", text="到达杭州"),
    reported(3, "in_transit", text="Zürich 中转"),
    reported(3, "13", "kuaidi100", event_id="清关异常"),
    reported(4, "no-such-code", text="？"),
    as_exception(4.5, "carrier_shortage", event_id="short"),
    as_exception(4.5, "carrier_damage", text="外包装破损，联系人：张三丰，电话13812345678"),
    reported(5, "209", "kuaidi100", text="破损"),
    reported(6, "out_for_delivery"),
    as_exception(7, "attempt_failed", reason_code="recipient_absent"),
    reported(8, "out_for_delivery"),
    as_exception(9, "recipient_absent"),
    reported(9, "7", "kuaidi100", text="转投"),
    reported(10, "501", "kuaidi100", text="投柜或驿站"),
    reported(11, "delivered", occurred_at_estimated=True, event_id="est"),
    reported(11, "delivered", event_id="true"),
    reported(11.5, "in_transit", text="晚到的无意义扫描"),
    reported(12, "returning", reason_code="recipient_refused"),
    as_exception(12.5, "another-unknown-code"),
    reported(13, "out_for_delivery"),
    as_exception(13, "carrier_theft"),
    reported(14, "lost"),
    reported(15, "delivered"),
    reported(24 * 365 * 20, "cancelled", text="二十年后"),
]
"""All axes at once: two sources' codes, equal instants, unknown codes, a redirect, a return, lost and found."""


async def push(dispatch: Caller, items: list[dict[str, Any]]) -> None:
    """Push items of both kinds, each to where it belongs."""
    for path, wanted in (("tracking-events", False), ("delivery-exceptions", True)):
        body = [
            {key: value for key, value in item.items() if key != "alarm"}
            for item in items
            if item.get("alarm", False) is wanted
        ]
        if body:
            answer = await dispatch.post(f"/v1/{path}/batch", {"items": body})
            assert answer.status_code == 200, answer.text
            results = answer.json()["results"]
            assert {each["result"] for each in results} <= {"accepted", "duplicate", "parked"}


async def known(system: System, customer: dict[str, Any], numbers: list[str]) -> None:
    """Make these numbers known in one batch."""
    bodies = [
        {
            "tracking_no": number,
            "customer_id": customer["id"],
            "service": "inter_city",
            "promised_at": at(48),
        }
        for number in numbers
    ]
    answer = await (await system.as_role(Role.OPERATIONS)).post("/v1/shipments/batch", {"items": bodies})
    assert {each["result"] for each in answer.json()["results"]} == {"created"}


async def relayed(system: System, chance: random.Random) -> None:
    """Let no, one or two relays take what is pending, or some of it."""
    await asyncio.gather(*(worker.relay(system.database.sessions) for _ in range(chance.randrange(3))))


async def pages(caller: Caller, path: str, **params: Any) -> list[dict[str, Any]]:
    """All items of a list."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await caller.get(path, params={"limit": 200, **params, **cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return found
        cursor = {"cursor": answer.json()["next_cursor"]}


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}


IDENTITY = ("id", "tracking_no", "version", "created_at", "received_at")


async def final_answers(system: System, customer_id: str, numbers: list[str]) -> dict[str, str]:
    """What people, partners and the tables say of each parcel in the end, apart from ids and when it was heard."""
    operations, partner = await system.as_role(Role.OPERATIONS), await system.partner(customer_id)
    said: dict[str, list[Any]] = defaultdict(list)
    for row in await pages(operations, "/v1/shipments", customer_id=customer_id):
        said[row["tracking_no"]].append(without(row, *IDENTITY))
    for start in range(0, len(numbers), 40):
        query = [("tracking_no", number) for number in numbers[start : start + 40]]
        for item in (await partner.get("/v1/partner/shipments", params=query)).json()["items"]:
            item["events"].sort(key=lambda event: json.dumps(event, sort_keys=True))
            said[item["tracking_no"]].append(without(item, *IDENTITY))
    exceptions = await pages(operations, "/v1/delivery-exceptions", customer_id=customer_id)
    exceptions.sort(key=lambda row: json.dumps(without(row, *IDENTITY), sort_keys=True))
    for row in exceptions:
        if row["resolution"] != "superseded":
            said[row["tracking_no"]].append(without(row, *IDENTITY))
    for tracking_no, times, journey in await rows_of(system, _UNSEEN, customer_id=customer_id):
        said[tracking_no].append([times, journey])
    return {number: json.dumps(said[number], sort_keys=True, ensure_ascii=False) for number in numbers}


_UNSEEN = """
    SELECT s.tracking_no, json_build_array(s.first_attempt_at, s.last_event_at, s.leg_no, s.check_at),
        json_agg(json_build_array(l.leg_no, l.kind, l.status, l.started_at, l.ended_at) ORDER BY l.leg_no)
    FROM shipments s JOIN shipment_legs l ON l.customer_id = s.customer_id AND l.shipment_id = s.id
    WHERE s.customer_id = :customer_id GROUP BY s.customer_id, s.id
"""


async def rows_of(system: System, statement: str, **parameters: Any) -> list[Any]:
    async with system.database.sessions() as session:
        return list(await session.execute(text(statement), parameters))


async def test_a_thousand_orders_of_one_event_set_end_in_one_state(system: System) -> None:
    """1,000 parcels report the same story, each in an order and with repeats of its own; some unknown at first."""
    chance = random.Random(20261121)
    customer, dispatch = await a_customer(system), await system.dispatch("native", "kuaidi100", "sf")
    numbers = [a_number() for _ in range(1000)]
    early, late = numbers[:700], numbers[700:]
    await known(system, customer, early)
    remaining = {}
    for number in numbers:
        told = [*STORY, *chance.choices(STORY, k=chance.randrange(12))]
        chance.shuffle(told)
        remaining[number] = [{**event, "tracking_no": number} for event in told]
    for turn in range(ROUNDS):
        now = []
        chance.shuffle(numbers)
        for number in numbers:
            told = remaining[number]
            share = len(told) if turn == ROUNDS - 1 else chance.randrange(len(told) // 2 + 1)
            now += told[:share]
            del told[:share]
        if turn == ROUNDS // 2:
            await known(system, customer, late)
        while now:
            size = chance.randrange(400, 1001)
            await push(dispatch, now[:size])
            del now[:size]
            await relayed(system, chance)
    await system.drain()
    answers = await final_answers(system, customer["id"], numbers)
    assert len(answers) == 1000
    assert set(answers.values()) == {answers[early[0]]}
    await is_the_end_of_the_story(system, early[0])


async def is_the_end_of_the_story(system: System, number: str) -> None:
    """What the story means, written down by hand."""
    operations = await system.as_role(Role.OPERATIONS)
    shipment = (await operations.get(f"/v1/shipments/{number}")).json()
    assert (shipment["status"], shipment["status_at"]) == ("returned", "2026-03-01T15:00:00Z")
    assert shipment["picked_up_at"] == "2026-03-01T02:00:00Z"
    assert (shipment["delivered_at"], shipment["flags"]) == ("2026-03-01T11:00:00Z", [])
    assert [(leg["kind"], leg["status"]) for leg in shipment["legs"]] == [
        ("forward", "out_for_delivery"),
        ("redirect", "delivered"),
        ("return", "returned"),
    ]
    assert shipment["exception"]["reason"] == "carrier_theft"
    assert len(shipment["events"]) == len(STORY)
    listed = await pages(operations, "/v1/delivery-exceptions", tracking_no=number)
    assert {(row["leg_no"], row["reason"]) for row in listed if row["closed_at"] is None} == {
        (1, "carrier_shortage"),
        (1, "carrier_damage"),
        (3, "unmapped"),
        (3, "carrier_theft"),
    }
