"""Pushes: taken in once, whatever their order, and never lost."""

import asyncio
import hashlib
import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app import worker
from app.database import owner_engine
from app.roles import Role
from app.schemas.shipment import ShipmentCreate, TrackingEventPush
from app.services import shipments, tracking
from tests.steps import batch, pages, until_waiting
from tests.system import Caller, System, a_customer, a_number, a_shipment, an_event

START = datetime(2026, 3, 1, tzinfo=UTC)
ROUNDS, PARCELS = 3, 60
"""A thousand orders of the story are tried where nothing is stored, in `test_fold.py`."""


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def reported(hours: float, code: str, source: str = "native", **fields: Any) -> dict[str, Any]:
    return {"source": source, "code": code, "occurred_at": at(hours), **fields}


def as_exception(hours: float, code: str, source: str = "native", **fields: Any) -> dict[str, Any]:
    """The same, reported to /v1/delivery-exceptions."""
    return reported(hours, code, source, **fields) | {"alarm": True}


STORY = [
    reported(0, "created", event_id="1"),
    reported(2, "50", "sf", text="顺丰速运 已收取快件", location="深圳市"),
    reported(2, "1", "kuaidi100", event_id="同时"),
    reported(3, "in_transit", text="Zürich 中转"),
    reported(4, "no-such-code", text="？"),
    as_exception(4.5, "carrier_shortage", event_id="short"),
    as_exception(4.5, "carrier_damage", text="外包装破损，联系人：张三丰，电话13812345678"),
    reported(6, "out_for_delivery"),
    as_exception(7, "attempt_failed", reason_code="recipient_absent"),
    as_exception(9, "recipient_absent"),
    reported(9, "7", "kuaidi100", text="转投"),
    reported(11, "delivered", occurred_at_estimated=True, event_id="est"),
    reported(11, "delivered", event_id="true"),
    reported(11.5, "in_transit", text="晚到的无意义扫描"),
    reported(12, "returning"),
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


@pytest.mark.no_cover  # the same lines thousands of times: measured, it takes twice as long
async def test_whatever_the_order_of_one_event_set_parcels_end_in_one_state(system: System) -> None:
    """Parcels report the same story, each in an order and with repeats of its own; some are unknown at first."""
    chance = random.Random(20261121)
    customer, dispatch = await a_customer(system), await system.dispatch("native", "kuaidi100", "sf")
    numbers = [a_number() for _ in range(PARCELS)]
    early, late = numbers[: PARCELS * 7 // 10], numbers[PARCELS * 7 // 10 :]
    await known(system, customer, early)
    remaining = {}
    for number in numbers:
        told = [*STORY, *chance.choices(STORY, k=chance.randrange(5))]
        chance.shuffle(told)
        remaining[number] = [{**event, "tracking_no": number} for event in told]
    for turn in range(ROUNDS):
        await analysed(system)
        now = []
        chance.shuffle(numbers)
        for number in numbers:
            told = remaining[number]
            some = chance.choice((0, 0, 1 + chance.randrange(len(told) // 2)))
            share = len(told) if turn == ROUNDS - 1 else some
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
    await analysed(system)
    answers = await final_answers(system, customer["id"], numbers)
    assert len(answers) == PARCELS
    kinds = defaultdict(list)
    for number, said in answers.items():
        kinds[said].append(number)
    assert list(map(len, kinds.values())) == [PARCELS], "\n".join(kinds)
    for number in early[:60]:
        await is_the_end_of_the_story(system, number)


async def analysed(system: System) -> None:
    """What autovacuum does within a minute, which a test does not have."""
    engine = owner_engine(system.settings)
    async with engine.begin() as connection:
        await connection.execute(text("ANALYZE"))
    await engine.dispose()


async def is_the_end_of_the_story(system: System, number: str) -> None:
    """What the story means, written down by hand."""
    operations = await system.as_role(Role.OPERATIONS)
    shipment = (await operations.get(f"/v1/shipments/{number}")).json()
    assert (shipment["status"], shipment["status_at"]) == ("returned", "2026-03-01T15:00:00Z")
    assert shipment["picked_up_at"] == "2026-03-01T02:00:00Z"
    assert (shipment["delivered_at"], shipment["flags"]) == ("2026-03-01T11:00:00Z", [])
    assert [(leg["kind"], leg["status"]) for leg in shipment["legs"]] == [
        ("forward", "attempt_failed"),
        ("redirect", "delivered"),
        ("return", "returned"),
    ]
    assert shipment["exception"]["reason"] == "carrier_damage", "of two equally bad ones, always the same"
    assert len(shipment["events"]) == len(STORY)
    listed = await pages(operations, "/v1/delivery-exceptions", tracking_no=number)
    assert sorted((row["leg_no"], row["reason"], row["state"]) for row in listed) == [
        (1, "carrier_damage", "open"),
        (1, "carrier_shortage", "open"),
        (1, "recipient_absent", "resolved"),
        (2, "recipient_absent", "resolved"),
        (2, "recipient_redirect", "resolved"),
    ]


async def test_a_native_code_is_a_status_or_a_reason_and_the_answer_says_which(system: System) -> None:
    number = (await a_shipment(system))["tracking_no"]
    operations = await system.as_role(Role.OPERATIONS)
    words = {
        name: [item["code"] for item in (await operations.get(f"/v1/codes/{name}")).json()["items"]]
        for name in ("shipment_status", "exception_reason")
    }
    assert {name: len(codes) for name, codes in words.items()} == {
        "shipment_status": 16,
        "exception_reason": 52,
    }
    items = [an_event(number, code) for code in (*words["shipment_status"], *words["exception_reason"])]
    results = await batch(await system.as_role(Role.DISPATCH), items)
    meanings = [(each["result"], each["status"], each["reason"]) for each in results]
    assert meanings == [
        *(("accepted", code, None) for code in words["shipment_status"]),
        *(("accepted", None, code) for code in words["exception_reason"]),
    ]


async def events_of(system: System, number: str) -> list[dict[str, Any]]:
    await system.drain()
    answer = await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{number}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["events"])


async def test_an_event_pushed_again_under_its_own_id_is_a_duplicate_of_the_first(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    event = an_event(number, event_id="事件-１")
    first, again = [await dispatch.post("/v1/tracking-events", event) for _ in range(2)]
    assert [first.status_code, again.status_code] == [202, 202]
    assert [first.json()["result"], again.json()["result"]] == ["accepted", "duplicate"]
    assert first.json()["id"] == again.json()["id"]
    assert again.json()["status"] == "in_transit"
    changed = await dispatch.post("/v1/tracking-events", event | {"code": "delivered", "text": "其他"})
    assert changed.json()["result"] == "duplicate", "the sender's id says what is the same"
    other = await dispatch.post(
        "/v1/tracking-events", event | {"tracking_no": (await a_shipment(system))["tracking_no"]}
    )
    assert other.json()["result"] == "accepted", "some number their events per parcel"
    assert len(await events_of(system, number)) == 1


async def test_without_an_id_the_content_says_what_is_the_same(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    event = an_event(number, text="到达  Zürich １号库", occurred_at="2026-03-01T08:00:00+08:00")
    same = [
        event,
        event | {"text": " 到达 Zürich 1号库 "},
        event | {"occurred_at": "2026-03-01T00:00:00Z"},
        event | {"attributes": {"retry": 2}},
    ]
    other = [
        event | {"occurred_at": "2026-03-01T08:00:01+08:00"},
        event | {"text": "离开 Zürich"},
        event | {"code": "picked_up"},
        event | {"reason_code": "recipient_redirect"},
    ]
    results = [each["result"] for each in await batch(dispatch, same + other)]
    assert results == ["accepted"] + ["duplicate"] * 3 + ["accepted"] * 4
    assert len(await events_of(system, number)) == 5


async def test_the_same_push_many_times_at_once_is_one_event(system: System) -> None:
    shipment, dispatch = await a_shipment(system), await system.as_role(Role.DISPATCH)
    event = an_event(shipment["tracking_no"])
    answers = await asyncio.gather(*(dispatch.post("/v1/tracking-events", event) for _ in range(12)))
    assert sorted(each.json()["result"] for each in answers) == ["accepted"] + ["duplicate"] * 11
    assert len({each.json()["id"] for each in answers}) == 1
    assert len(await events_of(system, shipment["tracking_no"])) == 1


async def test_overlapping_batches_at_once_neither_double_nor_block_each_other(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    items = [an_event(number, event_id=str(n)) for n in range(60)]
    answers = await asyncio.gather(*(batch(dispatch, items if n % 2 else items[::-1]) for n in range(6)))
    results = [each["result"] for answer in answers for each in answer]
    assert (results.count("accepted"), results.count("duplicate")) == (60, 300)
    assert len(await events_of(system, number)) == 60


async def test_an_unknown_code_is_taken_in_and_alarms_once(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    code = f"新代码{a_number('')}"
    pushes = [dispatch.post("/v1/tracking-events", an_event(number, code, event_id=str(n))) for n in range(8)]
    for answer in await asyncio.gather(*pushes):
        assert answer.status_code == 202
        assert {
            "result": "accepted",
            "status": "unknown",
            "reason": "unmapped",
        }.items() <= answer.json().items()
    alerts = "SELECT count(*) FROM events WHERE kind = 'carrier_code.unmapped' AND data ->> 'code' = :code"
    assert await system.scalar(alerts, code=code) == 1
    listed = (await (await system.as_role(Role.OPERATIONS)).get("/v1/carrier-codes/unmapped")).json()
    row = next(row for row in listed if row["code"] == code)
    assert (row["source"], row["reason_code"], row["seen"]) == ("native", "", 8)
    assert len(await events_of(system, number)) == 8


async def test_an_event_for_an_unknown_number_waits_until_the_parcel_is_known(system: System) -> None:
    number, dispatch = a_number(), await system.as_role(Role.DISPATCH)
    event = an_event(number, "out_for_delivery", text="派送中", location="杭州市")
    parked = await dispatch.post("/v1/tracking-events", event)
    assert (parked.status_code, parked.json()["result"]) == (202, "parked")
    assert parked.json()["status"] == "out_for_delivery"
    damage = await dispatch.post("/v1/delivery-exceptions", an_event(number, "carrier_damage"))
    assert damage.json()["result"] == "parked"
    again = await dispatch.post("/v1/tracking-events", event)
    assert (again.json()["result"], again.json()["id"]) == ("duplicate", parked.json()["id"])
    await a_shipment(system, tracking_no=number)
    found = await events_of(system, number)
    assert {each["id"] for each in found} == {parked.json()["id"], damage.json()["id"]}
    shipment = (await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{number}")).json()
    assert (shipment["status"], shipment["exception"]["reason"]) == ("out_for_delivery", "carrier_damage")
    assert (
        await system.scalar("SELECT count(*) FROM parked_events WHERE tracking_no = :number", number=number)
        == 0
    )
    later = await dispatch.post("/v1/tracking-events", event)
    assert later.json()["result"] == "duplicate", "still known after it joined"


async def test_nothing_is_lost_when_the_parcel_appears_while_its_event_comes_in(system: System) -> None:
    """Push and creation at the same time, a hundred times; relays run in between."""
    customer, dispatch = await a_customer(system), await system.as_role(Role.DISPATCH)
    numbers = [a_number() for _ in range(100)]
    for start in range(0, 100, 10):
        some = numbers[start : start + 10]
        pushes = [dispatch.post("/v1/tracking-events", an_event(number, "picked_up")) for number in some]
        makes = [a_shipment(system, customer["id"], tracking_no=number) for number in some]
        both = [
            each for pair in zip(pushes, makes, strict=True) for each in (pair if start % 20 else pair[::-1])
        ]
        await asyncio.gather(*both, worker.relay(system.database.sessions))
    await system.drain()
    made = await pages(await system.as_role(Role.OPERATIONS), "/v1/shipments", customer_id=customer["id"])
    assert len(made) == 100
    assert {each["status"] for each in made} == {"picked_up"}


async def test_a_parcel_made_known_while_its_event_is_being_parked_waits_for_it(system: System) -> None:
    number, dispatch = a_number(), await system.as_role(Role.DISPATCH)
    item = an_event(number, "picked_up")
    arrival = tracking.pushed(TrackingEventPush.model_validate(item), item["occurred_at"])
    async with system.database.sessions.begin() as session:
        await tracking.push(session, dispatch.principal, tracking.Envelope(b"", {}), [arrival])
        assert arrival.result == "parked"
        making = asyncio.create_task(a_shipment(system, tracking_no=number))
        await until_waiting(system, making)
        assert not making.done()
    await making
    assert [event["status"] for event in await events_of(system, number)] == ["picked_up"]


async def test_an_event_that_comes_while_its_parcel_is_being_made_known_waits_for_it(system: System) -> None:
    number, dispatch, customer = a_number(), await system.as_role(Role.DISPATCH), await a_customer(system)
    body = {"tracking_no": number, "customer_id": customer["id"], "service": "tw", "promised_at": at(0)}
    operations = await system.as_role(Role.OPERATIONS)
    async with system.database.sessions.begin() as session:
        await shipments.Intake(session, operations.principal).create(ShipmentCreate.model_validate(body))
        pushing = asyncio.create_task(dispatch.post("/v1/tracking-events", an_event(number, "picked_up")))
        await until_waiting(system, pushing)
        assert not pushing.done()
    assert (await pushing).json()["result"] == "accepted"
    assert [event["status"] for event in await events_of(system, number)] == ["picked_up"]


async def test_batches_of_parcels_and_of_their_events_do_not_get_into_each_others_way(system: System) -> None:
    customer, dispatch = await a_customer(system), await system.as_role(Role.DISPATCH)
    operations = await system.as_role(Role.OPERATIONS)
    for _ in range(5):
        numbers = sorted(a_number() for _ in range(80))
        bodies = [
            {"tracking_no": number, "customer_id": customer["id"], "service": "tw", "promised_at": at(0)}
            for number in reversed(numbers)
        ]
        answers = await asyncio.gather(
            operations.post("/v1/shipments/batch", {"items": bodies}),
            dispatch.post("/v1/tracking-events/batch", {"items": [an_event(number) for number in numbers]}),
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        assert {each["result"] for each in answers[0].json()["results"]} == {"created"}
    await system.drain()
    made = await pages(operations, "/v1/shipments", customer_id=customer["id"])
    assert [each["status"] for each in made] == ["in_transit"] * 400


async def test_a_source_that_is_not_the_clients_is_refused(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.dispatch("sf")
    answer = await dispatch.post("/v1/tracking-events", an_event(number))
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["pointer"] == "/body/source"
    mixed = await batch(dispatch, [an_event(number, "50", source="sf"), an_event(number)])
    assert [each["result"] for each in mixed] == ["accepted", "rejected"]
    assert mixed[1]["problem"]["status"] == 403
    assert mixed[1]["problem"]["errors"][0]["pointer"] == "/body/items/1/source"
    assert [each["source"] for each in await events_of(system, number)] == ["sf"]
    own = await system.dispatch("native")
    assert (await own.post("/v1/tracking-events", an_event(number))).json()["result"] == "accepted"


async def test_one_bad_item_stops_nobody_and_every_item_is_answered_in_its_place(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    good = [an_event(number, event_id=str(n)) for n in range(2)]
    bad = {
        "/body/items/1/occurred_at": {key: value for key, value in good[0].items() if key != "occurred_at"},
        "/body/items/2/occurred_at": good[0] | {"occurred_at": "2026-03-01T08:00:00"},
        "/body/items/3/code": good[0] | {"code": 209},
        "/body/items/4": "不是对象",
        "/body/items/5": None,
        "/body/items/6/colour": good[0] | {"colour": "red"},
        "/body/items/7/tracking_no": good[0] | {"tracking_no": "单号 一"},
        "/body/items/8/occurred_at": good[0] | {"occurred_at": 1772323200},
        "/body/items/9/occurred_at": good[0] | {"occurred_at": "1772323200"},
        "/body/items/10/text": good[0] | {"text": "字" * 4001},
    }
    results = await batch(dispatch, [good[0], *bad.values(), good[1]])
    assert [each["result"] for each in results] == ["accepted", *["rejected"] * len(bad), "accepted"]
    pointers = [each["problem"]["errors"][0]["pointer"] for each in results[1:-1]]
    assert pointers == list(bad)
    assert {each["problem"]["status"] for each in results[1:-1]} == {422}
    assert len(await events_of(system, number)) == 2


async def test_a_batch_holds_a_thousand_events_and_may_be_empty(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    items = [an_event(number, event_id=str(n)) for n in range(1001)]
    too_many = await dispatch.post("/v1/tracking-events/batch", {"items": items})
    assert too_many.status_code == 422
    assert await events_of(system, number) == []
    results = await batch(dispatch, items[:1000])
    assert {each["result"] for each in results} == {"accepted"}
    for path in ("tracking-events", "delivery-exceptions"):
        assert await batch(dispatch, [], path) == []


async def test_a_push_is_kept_byte_for_byte_without_the_token(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    body = f"""\n  {{"occurred_at" : "2026-03-01t08:00:00.120+08:00", "source":"native",
        "code":"in_transit", "tracking_no":"{number}", "text" : "\\u5230\\u8fbe 联系人：张三丰 13812345678"}}\r\n""".encode()
    answer = await dispatch.request(
        "POST",
        "/v1/tracking-events",
        content=body,
        headers={"Content-Type": "application/json", "Cookie": "a=b"},
    )
    assert answer.status_code == 202, answer.text
    rows = await rows_of(
        system,
        "SELECT r.body, r.sha256, r.headers, e.occurred_raw, e.text, r.client_id::text FROM tracking_events e"
        " JOIN raw_pushes r ON r.id = e.raw_id WHERE e.id = CAST(:id AS uuid)",
        id=answer.json()["id"],
    )
    kept, digest, headers, raw_time, shown, client = rows[0]
    assert bytes(kept) == body
    assert bytes(digest) == hashlib.sha256(body).digest()
    assert headers["content-type"] == "application/json"
    assert not {"authorization", "cookie"} & set(headers)
    assert dispatch.token not in json.dumps(headers)
    assert raw_time == "2026-03-01t08:00:00.120+08:00"
    assert shown == "到达 联系人：张** ***"
    assert client == dispatch.id


async def test_what_is_answered_is_stored_already(system: System) -> None:
    """Another connection sees the event at the moment when the first byte of the answer leaves."""
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    stored: list[int] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def watch(message: Any) -> None:
            if message["type"] == "http.response.start":
                stored.append(await system.scalar(_STORED, number=number))
            await send(message)

        await system.app(scope, receive, watch)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(watched), base_url="http://crm.test") as http:
        caller = Caller(http, dispatch.principal, dispatch.token)
        for n in range(3):
            answer = await caller.post("/v1/tracking-events", an_event(number, event_id=str(n)))
            assert answer.status_code == 202
    assert stored == [1, 2, 3]


_STORED = """
    SELECT count(*) FROM tracking_events e JOIN event_keys k ON k.event_id = e.id
    JOIN tracking_numbers t ON t.customer_id = e.customer_id AND t.shipment_id = e.shipment_id
    WHERE t.number = :number
"""


async def test_late_and_future_events_are_accepted_and_the_future_ones_flagged(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    now = datetime.now(UTC)
    times = [now - timedelta(days=900), now + timedelta(minutes=9), now + timedelta(minutes=11)]
    results = await batch(dispatch, [an_event(number, occurred_at=each.isoformat()) for each in times])
    assert {each["result"] for each in results} == {"accepted"}
    assert [each["flags"] for each in await events_of(system, number)] == [[], [], ["future"]]


async def test_names_and_phones_of_couriers_are_taken_out_of_what_is_shown(system: System) -> None:
    shipment, dispatch = await a_shipment(system), await system.as_role(Role.DISPATCH)
    said = "派送中（快递员：张三，联系电话：１３０００００００００）"
    await dispatch.post(
        "/v1/tracking-events", an_event(shipment["tracking_no"], text=said, location="张三 13812345678")
    )
    [event] = await events_of(system, shipment["tracking_no"])
    assert "张三，" not in event["text"]
    assert "１３０００００００００" not in event["text"]
    assert "13812345678" not in event["location"]


async def test_an_exception_needs_a_reason(system: System) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.as_role(Role.DISPATCH)
    harmless = await dispatch.post("/v1/delivery-exceptions", an_event(number, "in_transit"))
    assert harmless.status_code == 422
    assert harmless.json()["errors"][0]["pointer"] == "/body/code"
    items = [
        an_event(number, "in_transit"),
        an_event(number, "in_transit", reason_code="carrier_damage"),
        an_event(number, "carrier_damage"),
        an_event(number, "从未见过"),
    ]
    results = await batch(dispatch, items, "delivery-exceptions")
    assert [each["result"] for each in results] == ["rejected", "accepted", "accepted", "accepted"]
    assert results[0]["problem"]["errors"][0]["pointer"] == "/body/items/0/code"
    assert (results[1]["status"], results[1]["reason"]) == ("in_transit", "carrier_damage")
    operations = await system.as_role(Role.OPERATIONS)
    await system.drain()
    opened = await pages(operations, "/v1/delivery-exceptions", tracking_no=number)
    assert {each["reason"] for each in opened} == {"carrier_damage", "unmapped"}


@pytest.mark.parametrize("path", ["tracking-events", "delivery-exceptions"])
async def test_only_dispatch_pushes(system: System, path: str) -> None:
    event = an_event((await a_shipment(system))["tracking_no"], "carrier_damage")
    for role in set(Role) - {Role.DISPATCH}:
        caller = await system.as_role(role)
        for answer in (
            await caller.post(f"/v1/{path}", event),
            await caller.post(f"/v1/{path}/batch", {"items": [event]}),
        ):
            assert answer.status_code == (404 if role is Role.PARTNER else 403)
    assert (await system.http.post(f"/v1/{path}", json=event)).status_code == 401
    assert await events_of(system, event["tracking_no"]) == []


async def test_a_tracking_number_in_full_width_digits_is_the_same_number(system: System) -> None:
    number, dispatch = a_number("SF"), await system.as_role(Role.DISPATCH)
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    parked = await dispatch.post("/v1/tracking-events", an_event(wide, source="ｎａｔｉｖｅ"))
    assert parked.json()["result"] == "parked"
    await a_shipment(system, tracking_no=wide)
    assert len(await events_of(system, number)) == 1
    repeat = await dispatch.post("/v1/tracking-events", an_event(number, event_id="2"))
    assert repeat.json()["result"] == "accepted"
