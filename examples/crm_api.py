"""What the examples share: a patient caller of the API, and batches that fit into one request."""

import asyncio
import json
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import httpx

Body = dict[str, Any]
Item = TypeVar("Item")

MAX_ITEMS = 1000
MAX_BYTES = 900_000
"""Below the API's 1 MiB a body, with room for the frame around the items."""
PASSING = frozenset({429, 502, 503, 504})
LONGEST_PAUSE = 60.0


class ApiError(Exception):
    """The API refused a request, or could not be reached after many attempts."""


@dataclass(frozen=True)
class Credentials:
    """Who may call, by role and by client name; the file is the one a demo system writes."""

    users: dict[str, dict[str, str]]
    clients: dict[str, dict[str, str]]

    @classmethod
    def read(cls, path: Path) -> "Credentials":
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(content["users"], content["clients"])

    def user(self, role: str) -> dict[str, str]:
        return password_grant(**self.users[role])

    def client(self, name: str) -> dict[str, str]:
        return client_grant(**self.clients[name])


def password_grant(username: str, password: str) -> dict[str, str]:
    return {"grant_type": "password", "username": username, "password": password}


def client_grant(client_id: str, client_secret: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}


class Api:
    """One caller: keeps its token fresh, waits as long as the API says, repeats what got lost on the way.

    Every POST carries an `Idempotency-Key` that stays the same over its repetitions, so that a lost answer
    never does a thing twice.
    """

    def __init__(self, http: httpx.AsyncClient, grant: dict[str, str], attempts: int = 10) -> None:
        self._http = http
        self._grant = grant
        self._attempts = attempts
        self._token = ""
        self._token_until = 0.0
        self._token_lock = asyncio.Lock()

    async def get(self, path: str, **params: str | int | bool) -> Any:
        answer = await self._authorized(lambda headers: self._http.get(path, params=params, headers=headers))
        return _checked(answer).json()

    async def post(self, path: str, body: Body, allowed: frozenset[int] = frozenset()) -> httpx.Response:
        """The answer; a refusal raises `ApiError` unless its status is among the `allowed`."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer = await self._authorized(
            lambda headers: self._http.post(path, json=body, headers=headers | key)
        )
        return answer if answer.status_code in allowed else _checked(answer)

    async def _authorized(
        self, send: Callable[[dict[str, str]], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        async def attempt() -> httpx.Response:
            return await send({"Authorization": f"Bearer {await self._fresh_token()}"})

        answer = await self._patiently(attempt)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            self._token_until = 0.0
            answer = await self._patiently(attempt)
        return answer

    async def _fresh_token(self) -> str:
        async with self._token_lock:
            if time.monotonic() >= self._token_until:
                answer = _checked(
                    await self._patiently(lambda: self._http.post("/v1/auth/token", data=self._grant))
                ).json()
                self._token = answer["access_token"]
                # A minute early, so that no request leaves with a token that expires on the way.
                self._token_until = time.monotonic() + float(answer.get("expires_in", 900)) - 60
            return self._token

    async def _patiently(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        failure = ""
        for attempt in range(self._attempts):
            try:
                answer = await send()
            except httpx.TransportError as error:
                failure, pause = repr(error), _backoff(attempt)
            else:
                if not _is_passing(answer):
                    return answer
                failure, pause = _told(answer), _asked_pause(answer) or _backoff(attempt)
            await asyncio.sleep(pause)
        raise ApiError(f"gave up after {self._attempts} attempts: {failure}")


def _is_passing(answer: httpx.Response) -> bool:
    # A 409 with Retry-After is our own earlier attempt, still under way under the same Idempotency-Key.
    repeated = answer.status_code == HTTPStatus.CONFLICT and "Retry-After" in answer.headers
    return repeated or answer.status_code in PASSING


def _asked_pause(answer: httpx.Response) -> float:
    """Seconds the API asks to wait, given as a number or as a date; 0 when it doesn't say."""
    asked = answer.headers.get("Retry-After", "")
    if not asked:
        return 0.0
    try:
        seconds = float(asked)
    except ValueError:
        seconds = (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_PAUSE)


def _backoff(attempt: int) -> float:
    return min(0.25 * 2.0**attempt, LONGEST_PAUSE) * random.uniform(0.5, 1.0)


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise ApiError(_told(answer))
    return answer


def _told(answer: httpx.Response) -> str:
    return f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:500]}"


def batches(items: Iterable[Body], size: int = MAX_ITEMS) -> Iterator[list[Body]]:
    """The items in order, cut so that a batch keeps both limits of the API: items and bytes."""
    batch: list[Body] = []
    weight = 0
    for item in items:
        # As httpx will write it: UTF-8, not escapes.
        item_weight = len(json.dumps(item, ensure_ascii=False).encode()) + 1
        if batch and (len(batch) >= min(size, MAX_ITEMS) or weight + item_weight > MAX_BYTES):
            yield batch
            batch, weight = [], 0
        batch.append(item)
        weight += item_weight
    if batch:
        yield batch


async def in_parallel(
    work: Callable[[Item], Awaitable[None]], items: Iterable[Item], in_flight: int = 4
) -> None:
    """Does the work on every item, never on more than `in_flight` at once; the first failure ends it."""
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[httpx.AsyncClient]:
    # A batch of 1,000 may take its time on a small machine.
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        yield http
