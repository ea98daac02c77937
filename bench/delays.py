"""How long until something shows: from an exception's push to a partner's screen."""

import asyncio
import json
import random
import time

import asyncpg
import httpx

from bench.callers import PARTNERS, Callers, customers_of
from bench.rows import SHIPMENTS_A_CUSTOMER, customers_at, number
from bench.servers import Served

EXCEPTIONS = 50


async def until_caught_up(owner: asyncpg.Connection) -> None:
    """Wait until the worker has nothing left to do."""
    while await owner.fetchval("SELECT count(*) FROM outbox WHERE done_at IS NULL"):  # noqa: ASYNC110  # no bell
        await asyncio.sleep(0.1)


async def exceptions(served: Served, callers: Callers, shipments: int) -> list[float]:
    """Milliseconds from sending an exception to the first look-up that shows it, one after another."""
    draw = random.Random(7)
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as http:
        return sorted([await _one(http, callers, shipments, draw) for _ in range(EXCEPTIONS)])


async def _one(http: httpx.AsyncClient, callers: Callers, shipments: int, draw: random.Random) -> float:
    partner = draw.randrange(PARTNERS)
    customer = draw.choice(customers_of(partner))
    tracking_no = number(draw.randrange(SHIPMENTS_A_CUSTOMER) * customers_at(shipments) + customer)
    event = {
        "source": "native",
        "tracking_no": tracking_no,
        "code": "carrier_damage",
        "occurred_at": "2026-11-21T08:15:00+08:00",
    }
    begun = time.perf_counter()
    pushed = await http.post(
        "/v1/delivery-exceptions", content=json.dumps(event), headers=callers.dispatch.headers
    )
    pushed.raise_for_status()
    while True:
        found = await http.get(
            "/v1/partner/shipments",
            params={"tracking_no": tracking_no},
            headers=callers.partners[partner].headers,
        )
        if found.json()["items"][0]["exception"]:
            return (time.perf_counter() - begun) * 1000
        await asyncio.sleep(0.002)
