"""How much a client may ask: a rate with bursts, and apart from it how much at the same time."""

from collections import Counter, defaultdict, deque
from math import ceil
from time import monotonic
from uuid import UUID

from fastapi import Request, Response

from app.errors import TooManyRequests
from app.roles import Role
from app.security import Principal
from app.settings import Settings

WINDOW = 4
"""Seconds: a client may spend this long's worth of requests in one burst."""
REMEMBERED = 10_000
"""Clients; above it, those that have been quiet for a while are forgotten."""


class Limits:
    """Counts per process; several processes let through as many times more."""

    def __init__(self, settings: Settings) -> None:
        self._rates = {Role.PARTNER: settings.partner_rate, Role.DISPATCH: settings.dispatch_rate}
        self._staff_rate, self._guest_rate = settings.staff_rate, settings.partner_rate
        self._concurrency = settings.concurrency
        self._taken: defaultdict[UUID | str, deque[float]] = defaultdict(deque)
        self._under_way: Counter[UUID] = Counter()

    def enter(self, principal: Principal, request: Request, response: Response) -> None:
        """Let the request in or raise `TooManyRequests`; either answer, and any error's, tells in `RateLimit-*`.

        A request that was let in has to `leave`.
        """
        self._count(principal, request, response)
        if self._under_way[principal.id] >= self._concurrency:
            raise TooManyRequests("Too many requests at the same time.", "并发请求过多。", retry_after=1)
        self._under_way[principal.id] += 1
        request.state.let_in = principal.id

    def enter_open(self, request: Request, response: Response) -> None:
        """The same for those who need not sign in, counted by where they come from; there is nothing to `leave`."""
        where = request.client.host if request.client else ""
        self._take(where, self._guest_rate, request, response)

    def leave(self, request: Request) -> None:
        """Give back the place of a request that was let in; of any other there is none to give back."""
        client = getattr(request.state, "let_in", None)
        if client is None:
            return
        del request.state.let_in
        self._under_way[client] -= 1
        if not self._under_way[client]:
            del self._under_way[client]

    def _count(self, principal: Principal, request: Request, response: Response) -> None:
        rate = next((self._rates[role] for role in principal.roles if role in self._rates), self._staff_rate)
        self._take(principal.id, rate, request, response)

    def _take(self, client: UUID | str, rate: int, request: Request, response: Response) -> None:
        most, now = rate * WINDOW, monotonic()
        taken = self._window(client, now)
        within = len(taken) < most
        if within:
            taken.append(now)
        reset = max(ceil(taken[0] + WINDOW - now), 1)
        request.state.rate = {
            "RateLimit-Limit": str(most),
            "RateLimit-Remaining": str(most - len(taken)),
            "RateLimit-Reset": str(reset),
        }
        response.headers.update(request.state.rate)
        if not within:
            raise TooManyRequests(
                f"At most {rate} requests a second, {most} in a burst; slow down.",
                f"每秒最多 {rate} 次请求，突发最多 {most} 次，请放慢。",
                retry_after=reset,
            )

    def _window(self, client: UUID | str, now: float) -> deque[float]:
        """When this client's requests within the last `WINDOW` seconds came, the oldest first."""
        if len(self._taken) > REMEMBERED:
            self._forget_the_quiet(now)
        taken = self._taken[client]
        while taken and taken[0] <= now - WINDOW:
            taken.popleft()
        return taken

    def _forget_the_quiet(self, now: float) -> None:
        for client in [each for each, taken in self._taken.items() if not taken or taken[-1] <= now - WINDOW]:
            del self._taken[client]
