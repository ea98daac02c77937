"""One log line and one count a request: what was asked by its template, how it ended, how long it took."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.routers import metrics

log = structlog.get_logger(__name__)


def template_of(scope: Scope) -> str | None:
    """The path with names in place of what stands there; a route knows it without its routers' prefix."""
    template: str | None = getattr(scope.get("route"), "path", None)
    if template is None:
        return None
    prefix = scope["path"].split("/")[: -template.count("/")]
    return "/".join(prefix) + template


def is_watching(scope: Scope) -> bool:
    """Whether somebody looks if all is well, every few seconds: that is worth no line of a log."""
    path: str = scope["path"]
    return path.startswith("/health/") or path == metrics.PATH


class AccessLog:
    """Logs and counts the route's template, never the path, so that no number or name gets out."""

    def __init__(self, app: ASGIApp, metrics: metrics.Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500
        self.metrics.under_way += 1

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note_status)
        finally:
            self.metrics.under_way -= 1
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = template_of(scope)
        self.metrics.count(scope["method"], route, status, seconds)
        if is_watching(scope):
            return
        principal = scope.get("state", {}).get("principal")
        log.info(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            principal=str(principal.id) if principal else None,
        )
