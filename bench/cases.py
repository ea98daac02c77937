"""The work that is measured, as the speed goals name it, and what each may cost."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from sqlakeyset.results import serialize_bookmark

from app import paging
from app.schemas.shipment import ShipmentQuery
from bench import chinese
from bench.callers import PARTNERS, Callers, customers_of
from bench.load import Call
from bench.rows import SHIPMENTS_A_CUSTOMER, customer_id, customers_at, number

BATCH = 100

_serial = count(1)


@dataclass(frozen=True)
class Case:
    """`goal` is how many times the bare server's CPU a request may take; without one, its pace is what counts.

    `count` requests are sent for the cost, and `rate` a second for the waits.
    """

    name: str
    goal: float | None
    calls: Callable[[Callers, int, str], Iterator[Call]]
    count: int
    rate: int = 50


def look_up(callers: Callers, shipments: int, _to: str) -> Iterator[Call]:
    draw = random.Random(1)
    customers = customers_at(shipments)
    while True:
        partner = draw.randrange(PARTNERS)
        owner = draw.choice(customers_of(partner))
        index = draw.randrange(SHIPMENTS_A_CUSTOMER) * customers + owner
        yield Call(
            "GET", f"/v1/partner/shipments?tracking_no={number(index)}", callers.partners[partner].headers
        )


def get_customer(callers: Callers, shipments: int, _to: str) -> Iterator[Call]:
    draw = random.Random(2)
    while True:
        index = draw.randrange(customers_at(shipments)) + 1
        yield Call("GET", f"/v1/customers/{customer_id(index)}", callers.marketing.headers)


def get_shipment(callers: Callers, shipments: int, _to: str) -> Iterator[Call]:
    draw = random.Random(3)
    while True:
        index = draw.randrange(shipments) + 1
        yield Call("GET", f"/v1/shipments/{number(index)}", callers.operations.headers)


def first_page_of_customers(callers: Callers, _shipments: int, _to: str) -> Iterator[Call]:
    while True:
        yield Call("GET", "/v1/customers?limit=50", callers.marketing.headers)


def first_page_of_shipments(callers: Callers, _shipments: int, _to: str) -> Iterator[Call]:
    while True:
        yield Call("GET", "/v1/shipments?limit=50", callers.operations.headers)


def deep_page_of_shipments(callers: Callers, shipments: int, to: str) -> Iterator[Call]:
    """Anywhere in the list, by a cursor as the product would have given it there."""
    draw = random.Random(4)
    scope = paging._scope_of(ShipmentQuery())
    while True:
        index = draw.randrange(shipments // 20, shipments)
        at = datetime(2026, 10, 1, tzinfo=UTC) + index * timedelta(milliseconds=100)
        key = f"01900000-0000-7000-9000-{index:012x}"
        bookmark = serialize_bookmark(((at, UUID(key)), False))
        place = (
            f"cursor={paging._seal(bookmark, scope)}" if to == "product" else f"after={_escaped(at)}|{key}"
        )
        yield Call("GET", f"/v1/shipments?limit=50&{place}", callers.operations.headers)


def create_customer(callers: Callers, _shipments: int, to: str) -> Iterator[Call]:
    """Different ones, as in life: hundreds of one town and trade would be compared as duplicates of each other."""
    draw = random.Random(f"{to} {next(_serial)}")
    towns = [(province, *town) for province, towns in chinese.PLACES.items() for town in towns.items()]
    trades = chinese.TRADES.split()
    while True:
        province, city, districts = draw.choice(towns)
        brand = "".join(draw.sample(chinese.BRANDS, 3))
        body = {
            "name": f"{city[:-1]}{brand}{draw.choice(trades)}有限公司",
            "kind": "company",
            "contacts": [
                {
                    "name": draw.choice(chinese.SURNAMES) + draw.choice(chinese.GIVEN),
                    "role": "物流经理",
                    "phone": f"138{draw.randrange(10**8):08d}",
                }
            ],
            "addresses": [
                {
                    "province": province,
                    "city": city,
                    "district": draw.choice(districts.split()),
                    "detail": f"{''.join(draw.sample(chinese.STREETS, 2))}路 {draw.randrange(1, 999)} 号 301 室",
                }
            ],
            "needs": ["冷链", "次日达"],
        }
        yield Call("POST", "/v1/customers", callers.marketing.headers, json.dumps(body).encode())


def create_shipment(callers: Callers, shipments: int, to: str) -> Iterator[Call]:
    draw = random.Random(5)
    while True:
        body = {
            "tracking_no": f"N{to}{next(_serial):010d}",
            "customer_code": f"B{draw.randrange(customers_at(shipments)) + 1}",
            "service": "inter_city",
            "promised_at": "2026-12-24T18:00:00+08:00",
            "declared_value": {"amount": "128.00", "currency": "CNY"},
            "sender": {"name": "青禾茶业", "phone": "13800000000"},
            "recipient": {
                "name": "李晓华",
                "phone": "13900000000",
                "address": {"city": "成都市", "detail": "1 单元 202"},
            },
        }
        yield Call("POST", "/v1/shipments", callers.operations.headers, json.dumps(body).encode())


def push_events(callers: Callers, shipments: int, to: str) -> Iterator[Call]:
    draw = random.Random(6)
    while True:
        items = [_scan(draw.randrange(shipments // 10, shipments) + 1, shipments, to) for _ in range(BATCH)]
        yield Call(
            "POST",
            "/v1/tracking-events/batch",
            callers.dispatch.headers,
            json.dumps({"items": items}).encode(),
        )


def _scan(index: int, shipments: int, to: str) -> dict[str, str]:
    scan = {
        "source": "native",
        "tracking_no": number(index),
        "event_id": f"bench-{to}-{next(_serial)}",
        "code": "in_transit",
        "occurred_at": "2026-11-21T08:15:00+08:00",
        "location": "成都武侯营业部",
    }
    if to == "product":
        return scan
    owner = (index - 1) % customers_at(
        shipments
    ) + 1  # so made with the last nine tenths; earlier ones have others
    return scan | {"customer_id": customer_id(owner), "shipment_id": f"01900000-0000-7000-9000-{index:012x}"}


def _escaped(at: datetime) -> str:
    return at.isoformat().replace("+", "%2B")


CASES = (
    Case("partner look-up", 2.5, look_up, 400),
    Case("customer by id", 5, get_customer, 200),
    Case("shipment by number", 5, get_shipment, 200),
    Case("50 customers", 5, first_page_of_customers, 120),
    Case("50 shipments", 5, first_page_of_shipments, 120),
    Case("50 shipments, deep page", 5, deep_page_of_shipments, 120),
    Case("create a customer", 8, create_customer, 150),
    Case("create a shipment", 8, create_shipment, 150),
    Case("push of 100 events", None, push_events, 30, 10),
)
