"""How long the clock engine takes for one sum: CPU time in this thread, whatever else the machine does."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from rich.console import Console

from app.schemas.calendar import CalendarForm
from app.services.clocks.working_time import Pauses, WorkingTime

console = Console()

ROUNDS = 2000
OFFICE = {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
FIRST = datetime(2016, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

Sum = Callable[[WorkingTime, datetime, datetime, Pauses], Any]
SUMS: dict[str, Sum] = {
    "due": lambda hours, start, end, pauses: hours.due(start, (end - start) / 5, pauses),
    "elapsed": lambda hours, start, end, pauses: hours.elapsed(start, end, pauses),
    "a page of 50 steps": lambda hours, start, end, pauses: list(islice(hours.steps(start, end, pauses), 50)),
}


def calendar(zone: str) -> WorkingTime:
    """With ten holidays a year for twenty years."""
    holidays = [(FIRST + nth * 36 * DAY).date().isoformat() for nth in range(200)]
    return WorkingTime(CalendarForm.model_validate({"tz": zone, "hours": OFFICE, "holidays": holidays}))


def measure(hours: WorkingTime, one: Sum) -> tuple[float, float]:
    """Median and p99 in milliseconds, over spans of up to twenty years with five pauses."""
    chance, taken = random.Random(1), []
    for _ in range(ROUNDS):
        start = FIRST + chance.random() * 365 * DAY
        end = start + chance.random() * 7300 * DAY
        pauses = [(start + nth * DAY, start + nth * DAY + timedelta(hours=6)) for nth in range(5)]
        begun = time.thread_time()
        one(hours, start, end, pauses)
        taken.append(time.thread_time() - begun)
    taken.sort()
    return taken[ROUNDS // 2] * 1000, taken[ROUNDS * 99 // 100] * 1000


def main() -> None:
    for zone in ("Asia/Shanghai", "Europe/Zurich"):
        hours = calendar(zone)
        for name, one in SUMS.items():
            median, worst = measure(hours, one)
            console.print(f"{zone}, {name}: median {median:.3f} ms, p99 {worst:.3f} ms")


if __name__ == "__main__":
    main()
