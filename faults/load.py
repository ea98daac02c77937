"""Clients that insist: each repeats a request with the same key or event id until it is acknowledged."""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx

from app.roles import Role
from faults.ledger import Json, Ledger
from faults.stage import PARTNERS_CODE

PATIENCE_S = 30.0
SCANS = (
    "picked_up",
    "in_transit",
    "in_transit",
    "out_for_delivery",
    "ready_for_pickup",
    "delivered",
    "returning",
)
EXCEPTIONS = (
    "carrier_damage",
    "recipient_absent",
    "external_weather",
    "recipient_refused",
    "carrier_missort",
)


class Clients:
    """All clients of one run. They come to an end only when everything they began was acknowledged."""

    def __init__(self, base_url: str, tokens: dict[Role, str], seed: int) -> None:
        self.ledger = Ledger()
        self.chance = random.Random(seed)
        self._tokens = tokens
        self._http = httpx.AsyncClient(base_url=base_url, timeout=PATIENCE_S)
        self._asked: dict[object, float] = {}
        self._stopping = False
        self._clients: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._http.aclose()

    def start(self, how_many: int = 6) -> None:
        self._stopping = False
        self._clients = [asyncio.create_task(self._work()) for _ in range(how_many)]

    async def finish(self, within: float = 90) -> None:
        """Begin nothing new and wait until all is acknowledged."""
        self._stopping = True
        async with asyncio.timeout(within):
            await asyncio.gather(*self._clients)

    @property
    def longest_s(self) -> float:
        """How long anybody has waited for an answer; some may wait still."""
        waiting = time.monotonic() - min(self._asked.values(), default=time.monotonic())
        return max(self.ledger.slowest_s, waiting)

    async def parcels(self, how_many: int) -> list[str]:
        """Numbers of so many parcels of which nothing was reported."""
        numbers = [f"F{secrets.token_hex(8).upper()}" for _ in range(how_many)]
        for number in numbers:
            await self._shipment(number, {"customer_code": PARTNERS_CODE})
        return numbers

    async def _work(self) -> None:
        while not self._stopping:
            await self._a_few_parcels()
            await asyncio.sleep(self.chance.uniform(0, 0.1))

    async def _a_few_parcels(self) -> None:
        """Their events in random order, some before the parcel is known, some twice, singly and in batches."""
        customer = await self._customer()
        numbers = [f"F{secrets.token_hex(8).upper()}" for _ in range(self.chance.randint(1, 3))]
        pushes = [push for number in numbers for push in self._journey(number)]
        pushes += self.chance.sample(pushes, len(pushes) // 3)
        self.chance.shuffle(pushes)
        early = self.chance.choice((0, 0, 3))
        await self._push(pushes[:early])
        for number in numbers:
            await self._shipment(number, customer)
        chunks = [pushes[start : start + 4] for start in range(early, len(pushes), 4)]
        await asyncio.gather(*(self._push(chunk) for chunk in chunks[:2]))
        for chunk in chunks[2:]:
            await self._push(chunk)
        if customer == {"customer_code": PARTNERS_CODE}:
            await self._look_up(numbers)

    def _journey(self, number: str) -> list[tuple[str, Json]]:
        """Scans and exceptions of a parcel, each at an instant of its own."""
        scans = self.chance.choices(SCANS, k=3)
        happened = [*(("tracking-events", code) for code in scans)]
        happened.append(("delivery-exceptions", self.chance.choice(EXCEPTIONS)))
        start = datetime.now(UTC) - timedelta(hours=2)
        return [
            (path, _event(number, code, start + timedelta(minutes=10 * index + self.chance.random())))
            for index, (path, code) in enumerate(happened)
        ]

    async def _customer(self) -> Json:
        """Whose parcels they are: mostly one that exists."""
        known = list(self.ledger.customers.values())
        if self.chance.random() < 0.3:
            return {"customer_code": PARTNERS_CODE}
        if known and self.chance.random() < 0.3:
            return {"customer_id": self.chance.choice(known)["id"]}
        name = f"客户 {secrets.token_hex(8)}"
        body = {"name": name, "kind": "company", "source": "faults"}
        answer = await self.insist(Role.MARKETING, "/v1/customers", body, key=name.encode().hex())
        if answer is None:
            return {"customer_code": PARTNERS_CODE}
        self.ledger.customer(name, answer)
        return {"customer_id": answer["id"]}

    async def _shipment(self, number: str, customer: Json) -> None:
        promised = (datetime.now(UTC) + timedelta(days=2)).isoformat()
        body = {"tracking_no": number, "service": "inter_city", "promised_at": promised, **customer}
        for _ in range(self.chance.choice((1, 1, 1, 2))):  # now and then once more: the same answer
            answer = await self.insist(Role.OPERATIONS, "/v1/shipments", body, key=number)
            if answer is not None:
                self.ledger.shipment(number, answer)

    async def _push(self, pushes: Iterable[tuple[str, Json]]) -> None:
        for path in ("tracking-events", "delivery-exceptions"):
            items = [item for each, item in pushes if each == path]
            if len(items) > 1:
                await self._push_batch(path, items)
            elif items:
                answer = await self.insist(Role.DISPATCH, f"/v1/{path}", items[0])
                self._note(items[0], answer, path)

    async def _push_batch(self, path: str, items: list[Json]) -> None:
        answer = await self.insist(Role.DISPATCH, f"/v1/{path}/batch", {"items": items})
        for item, result in zip(items, answer["results"] if answer else (), strict=bool(answer)):
            self._note(item, result, path)

    def _note(self, item: Json, answer: Json | None, path: str) -> None:
        if answer is None:
            return
        if answer["result"] == "rejected":
            self.ledger.contradict(f"a push was rejected: {answer}")
        else:
            self.ledger.event(item, answer, alarm=path == "delivery-exceptions")

    async def _look_up(self, numbers: list[str]) -> None:
        """A partner sees at once what was acknowledged."""
        path = "/v1/partner/shipments?" + "&".join(f"tracking_no={number}" for number in numbers)
        answer = await self.insist(Role.PARTNER, path)
        known = {number for number in numbers if number in self.ledger.shipments}
        if answer is not None and known - {item["tracking_no"] for item in answer["items"]}:
            self.ledger.contradict("a partner does not see a shipment that was acknowledged")

    async def insist(self, role: Role, path: str, body: Any = None, key: str | None = None) -> Json | None:
        """The answer, however often it takes; `None` after a refusal, which nothing here deserves."""
        headers = {"Authorization": f"Bearer {self._tokens[role]}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        request = object()
        while True:
            self._asked[request] = asked_at = time.monotonic()
            try:
                method = "GET" if body is None else "POST"
                answer = await self._http.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(self.chance.uniform(0.05, 0.3))
                continue
            finally:
                del self._asked[request]
            self._measure(answer, time.monotonic() - asked_at)
            if answer.is_success:
                if body is not None:
                    self.ledger.told(asked_at)
                found: Json = answer.json()
                return found
            if not _come_again(answer):
                self.ledger.contradict(f"{path.partition('?')[0]}: {answer.status_code} {answer.text[:300]}")
                return None
            await asyncio.sleep(self.chance.uniform(0.5, 1.0) * float(answer.headers["Retry-After"]))

    def _measure(self, answer: httpx.Response, seconds: float) -> None:
        self.ledger.answers[answer.status_code] += 1
        self.ledger.replayed += "Idempotent-Replayed" in answer.headers
        self.ledger.slowest_s = max(self.ledger.slowest_s, seconds)


def _come_again(answer: httpx.Response) -> bool:
    """Whether the answer is one that tells a client to repeat, and when."""
    return answer.status_code in {409, 503} and "Retry-After" in answer.headers


def _event(number: str, code: str, at: datetime) -> Json:
    return {
        "source": "native",
        "tracking_no": number,
        "event_id": secrets.token_hex(8),
        "code": code,
        "occurred_at": at.isoformat(),
    }


@asynccontextmanager
async def loaded(base_url: str, tokens: dict[Role, str], seed: int) -> AsyncIterator[Clients]:
    """Clients at work inside the block."""
    async with Clients(base_url, tokens, seed) as clients:
        clients.start()
        yield clients
