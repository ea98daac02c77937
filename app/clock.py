"""The one clock of application and worker, so that a test can set it.

Whatever decides something compares in the database's time instead.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
"""The company's own zone: its days begin here."""


def _system() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system


def now() -> datetime:
    """The present instant, in UTC."""
    return _source()


def set_source(source: Callable[[], datetime] | None) -> None:
    """Read the time from `source` from here on, or from the system again."""
    global _source  # noqa: PLW0603  # the clock is the process's, by intent
    _source = source or _system
