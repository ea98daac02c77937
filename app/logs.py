"""Structured logs: one JSON line an occurrence, with the request's correlation id and without secrets."""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

import structlog
from asgi_correlation_id import correlation_id

_SECRET_KEYS = re.compile(
    r"password|secret|token|authorization|cookie|phone|^name$|recipient|sender|tracking_no", re.IGNORECASE
)
_PHONE = re.compile(r"(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d)")


def configure(level: str, *processors: structlog.typing.Processor) -> None:
    """Send everything, the libraries' own lines too, to standard error as JSON; `processors` may add to a line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_correlation_id,
        *processors,
        structlog.processors.ExceptionRenderer(_trace),
        conceal,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True
    for noisy in ("uvicorn.error", "alembic", "pgqueuer", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _trace(exc_info: Any) -> str:
    """Where it went wrong and what kind of error it was, causes first.

    Messages are left out, for they quote what a person sent; of the database's, code and constraint say enough.
    """
    error: BaseException | None = exc_info[1]
    blocks: list[str] = []
    while error is not None and len(blocks) < 10:
        frames = "".join(traceback.format_tb(error.__traceback__))
        blocks.insert(0, f"{frames}{type(error).__module__}.{type(error).__qualname__}{_told(error)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\n".join(blocks)


def describe(error: BaseException) -> str:
    """What kind of error it was, without its message, which may quote what a person sent."""
    orig = getattr(error, "orig", None)
    return f"{type(error).__name__}{_told(orig if isinstance(orig, BaseException) else error)}"


def _told(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f": {error}"
    known = [getattr(error, name, None) for name in ("sqlstate", "constraint_name")]
    return "".join(f" {word}" for word in known if word)


def _add_correlation_id(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if (current := correlation_id.get()) is not None:
        event["correlation_id"] = current
    return event


@lru_cache(maxsize=1000)
def _tells(key: str) -> bool:
    return _SECRET_KEYS.search(key) is not None


def conceal(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank what must not be in a log: values under telling keys, and mobile numbers anywhere."""
    for key, value in event.items():
        if _tells(key):
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = _PHONE.sub("***", value)
    return event
