"""One log line a request: what was asked by its template, how it ended, how long it took."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)


def template_of(scope: Scope) -> str | None:
    """The path with names in place of what stands there; a route knows it without its routers' prefix."""
    template: str | None = getattr(scope.get("route"), "path", None)
    if template is None:
        return None
    prefix = scope["path"].split("/")[: -template.count("/")]
    return "/".join(prefix) + template


class AccessLog:
    """Logs the route's template, never the path, so that no number or name gets into a log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note_status)
        finally:
            self._log(scope, status, time.perf_counter() - started)

    @staticmethod
    def _log(scope: Scope, status: int, seconds: float) -> None:
        if scope["path"].startswith("/health/"):
            return
        principal = scope.get("state", {}).get("principal")
        log.info(
            "request",
            method=scope["method"],
            route=template_of(scope),
            status=status,
            ms=round(seconds * 1000, 1),
            principal=str(principal.id) if principal else None,
        )
