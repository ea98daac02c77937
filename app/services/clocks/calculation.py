"""A sum with a calendar that is handed in."""

from datetime import datetime, timedelta

from app.errors import NoWorkingTime
from app.schemas.calculation import CalculationRequest
from app.services.clocks.working_time import WorkingTime


def calculate(body: CalculationRequest) -> dict[str, datetime | int | float]:
    """When it is due, or what has passed."""
    time = WorkingTime(body.calendar)
    pauses = [(since, until) for since, until in body.pauses]
    if body.end is not None:
        return {"elapsed_seconds": seconds(time.elapsed(body.start, body.end, pauses))}
    try:
        return {"due": time.due(body.start, timedelta(seconds=body.seconds or 0), pauses)}
    except NoWorkingTime:
        raise NoWorkingTime(pointer="/body/calendar") from None


def seconds(length: timedelta) -> int | float:
    """Whole ones where they are whole."""
    whole, rest = divmod(length, timedelta(seconds=1))
    return length.total_seconds() if rest else whole
