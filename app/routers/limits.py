"""How much a client may ask: a rate with bursts, and apart from it how much at the same time."""

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from uuid import UUID

from fastapi import Request, Response
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from app.errors import TooManyRequests
from app.security import Principal, Role
from app.settings import Settings

WINDOW = 4
"""Seconds: a client may spend this long's worth of requests in one burst."""


class Limits:
    """Counts per process; several processes let through as many times more."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._rates = {Role.PARTNER: settings.partner_rate, Role.DISPATCH: settings.dispatch_rate}
        self._staff_rate = settings.staff_rate
        self._concurrency = settings.concurrency
        self._under_way: Counter[UUID] = Counter()

    @asynccontextmanager
    async def admit(self, principal: Principal, request: Request, response: Response) -> AsyncIterator[None]:
        """Let the request in or raise `TooManyRequests`; either answer, and any error's, tells in `RateLimit-*`."""
        await self._count(principal, request, response)
        if self._under_way[principal.id] >= self._concurrency:
            raise TooManyRequests("Too many requests at the same time.", "并发请求过多。", retry_after=1)
        self._under_way[principal.id] += 1
        try:
            yield
        finally:
            self._under_way[principal.id] -= 1
            if not self._under_way[principal.id]:
                del self._under_way[principal.id]

    async def _count(self, principal: Principal, request: Request, response: Response) -> None:
        rate = next((self._rates[role] for role in principal.roles if role in self._rates), self._staff_rate)
        limit = RateLimitItemPerSecond(rate * WINDOW, WINDOW)
        within = await self._limiter.hit(limit, str(principal.id))
        window = await self._limiter.get_window_stats(limit, str(principal.id))
        reset = max(ceil(window.reset_time - time.time()), 1)
        request.state.rate = {
            "RateLimit-Limit": str(limit.amount),
            "RateLimit-Remaining": str(max(window.remaining, 0)),
            "RateLimit-Reset": str(reset),
        }
        response.headers.update(request.state.rate)
        if not within:
            raise TooManyRequests(
                f"At most {rate} requests a second, {limit.amount} in a burst; slow down.",
                f"每秒最多 {rate} 次请求，突发最多 {limit.amount} 次，请放慢。",
                retry_after=reset,
            )
