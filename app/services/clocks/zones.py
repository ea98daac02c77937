"""Where a zone's clocks are turned."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000
DAY = 86_400 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT = timedelta(microseconds=1)
_STRIDE = 5 * 86_400
"""In the whole time zone database no offset lasts for less than 6.9 days between two others that are alike."""


def count(instant: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (instant - _EPOCH) // _UNIT


def instant(microseconds: int) -> datetime:
    """The other way round; in UTC."""
    return _EPOCH + microseconds * _UNIT


FIRST = count(datetime(1900, 1, 1, tzinfo=UTC))
LAST = count(datetime(2200, 1, 1, tzinfo=UTC))
"""All times that the API takes lie between; so does everything that can be due."""


class Turns(NamedTuple):
    """From `since[i]` on, local time is UTC and `offset[i]`; all in microseconds, the first entry is at `FIRST`."""

    since: list[int]
    offset: list[int]


@lru_cache(maxsize=128)
def turns(key: str) -> Turns:
    """Each change of the zone's offset. Costs some ten milliseconds for a zone with summer time, once."""
    zone = ZoneInfo(key)
    at, last = FIRST // SECOND, LAST // SECOND
    offset = _offset(zone, at)
    found = Turns([FIRST], [offset // _UNIT])
    while at < last:
        following = min(at + _STRIDE, last)
        then = _offset(zone, following)
        while offset != then:
            at = _turn(zone, at, following, offset)
            offset = _offset(zone, at)
            found.since.append(at * SECOND)
            found.offset.append(offset // _UNIT)
        at = following
    return found


def _turn(zone: ZoneInfo, before: int, after: int, offset: timedelta) -> int:
    """The first second at which the offset is no longer the one that it is at `before`."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, seconds: int) -> timedelta:
    return datetime.fromtimestamp(seconds, zone).utcoffset() or timedelta()
