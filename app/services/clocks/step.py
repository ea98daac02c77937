"""An account of time: what counted, what did not, and why."""

from datetime import datetime, timedelta
from typing import NamedTuple

from app.models.calendar import StepReason

_COUNTED = frozenset(
    {StepReason.WORKING, StepReason.SPECIAL_HOURS, StepReason.MAKE_UP_DAY, StepReason.CALENDAR_TIME}
)


def counts(why: StepReason) -> bool:
    return why in _COUNTED


class Step(NamedTuple):
    """From `since` up to `until`, which belongs to the next one."""

    since: datetime
    until: datetime
    why: StepReason

    @property
    def counted(self) -> bool:
        return counts(self.why)

    @property
    def length(self) -> timedelta:
        return self.until - self.since
