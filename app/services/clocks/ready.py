"""Versions of calendars, made ready to count by once a process: they never change."""

from collections import OrderedDict
from uuid import UUID

from app.models.calendar import CalendarVersion
from app.schemas.calendar import CalendarForm, CalendarHours
from app.services.clocks.working_time import WorkingTime

KEPT = 256
"""Each takes some ten kilobytes."""

_ready: OrderedDict[UUID, WorkingTime] = OrderedDict()


def working_time(version: CalendarVersion) -> WorkingTime:
    """What this version says."""
    if version.id not in _ready:
        if len(_ready) == KEPT:
            _ready.popitem(last=False)
        parts = {name: getattr(version, name) for name in CalendarHours.model_fields}
        _ready[version.id] = WorkingTime(CalendarForm.model_validate({"tz": version.calendar.zone, **parts}))
    return _ready[version.id]
