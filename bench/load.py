"""Sends requests and tells what they cost: the server's CPU, the database's time and statements, the wait."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import asyncpg
import httpx

from bench.servers import Served

IN_FLIGHT = 2


class Refused(Exception):
    """A server did not do what it was asked; there is nothing to measure."""


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None = None


@dataclass(frozen=True)
class Cost:
    """Of one request, in the mean. Milliseconds."""

    cpu_ms: float
    database_ms: float
    statements: float
    requests_per_s: float


async def cost(served: Served, owner: asyncpg.Connection, calls: Iterator[Call], count: int) -> Cost:
    """`count` requests one after another on two connections, after a tenth as many that warm up."""
    async with _client(served) as http:
        await _send_all(http, islice(calls, max(count // 10, 20)))
        await owner.execute("SELECT pg_stat_statements_reset()")
        cpu, started = served.cpu_seconds(), time.perf_counter()
        await _send_all(http, islice(calls, count))
        cpu, seconds = served.cpu_seconds() - cpu, time.perf_counter() - started
    row = await owner.fetchrow(
        "SELECT sum(total_exec_time) AS ms, sum(calls) AS calls FROM pg_stat_statements s"
        " JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname <> 'crm_owner' OR query ILIKE 'copy %'"
    )
    return Cost(cpu * 1000 / count, row["ms"] / count, float(row["calls"]) / count, count / seconds)


def cheapest(costs: list[Cost]) -> Cost:
    """The least of each figure, and the highest pace."""
    return Cost(
        min(each.cpu_ms for each in costs),
        min(each.database_ms for each in costs),
        min(each.statements for each in costs),
        max(each.requests_per_s for each in costs),
    )


async def waits(served: Served, calls: Iterator[Call], rate: float, seconds: float) -> list[float]:
    """Milliseconds until each answer, of requests sent at this rate whether or not the last one is back.

    They count from when a request was due, not from when it could be sent: who waits in line waits.
    """
    async with _client(served) as http:
        begun = time.perf_counter()

        async def one(index: int, call: Call) -> float:
            due = begun + index / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            await _send(http, call)
            return (time.perf_counter() - due) * 1000

        planned = islice(calls, int(rate * seconds))
        return sorted(await asyncio.gather(*(one(index, call) for index, call in enumerate(planned))))


def quantile(values: list[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)]


def _client(served: Served) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=2)
    return httpx.AsyncClient(base_url=served.url, limits=limits, timeout=30)


async def _send_all(http: httpx.AsyncClient, calls: Iterator[Call]) -> None:
    async def sender() -> None:
        for call in calls:
            await _send(http, call)

    await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))


async def _send(http: httpx.AsyncClient, call: Call) -> None:
    answer = await http.request(call.method, call.path, headers=call.headers, content=call.body)
    if not answer.is_success:
        raise Refused(f"{call.method} {call.path}: {answer.status_code} {answer.text[:500]}")
