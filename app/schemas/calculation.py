"""A sum with working time that is asked for by itself."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from app.schemas.base import WHOLE, Body, Instant, Read, refused
from app.schemas.calendar import CalendarForm

_LONGEST = 10_000_000_000


def _in_order(pause: list[datetime]) -> list[datetime]:
    if pause[1] < pause[0]:
        raise refused("ends before it begins", "结束早于开始")
    return pause


Pause = Annotated[
    list[Instant],
    Field(min_length=2, max_length=2, examples=[["2026-11-23T12:00:00+08:00", "2026-11-23T13:00:00+08:00"]]),
    AfterValidator(_in_order),
]
"""From, and to where the clock goes on."""


class CalculationRequest(
    Body,
    json_schema_extra={
        "examples": [
            {
                "calendar": {
                    "tz": "Asia/Shanghai",
                    "hours": {"mon": [["09:00", "12:00"], ["13:00", "18:00"]], "tue": [["09:00", "18:00"]]},
                    "holidays": ["2026-10-01"],
                },
                "start": "2026-11-23T11:00:00+08:00",
                "seconds": 14400,
                "pauses": [["2026-11-23T14:00:00+08:00", "2026-11-23T15:00:00+08:00"]],
            }
        ]
    },
):
    """When `seconds` of working time will have passed, or how much has passed until `end`: give one of them."""

    calendar: CalendarForm
    start: Instant
    seconds: Annotated[int, Field(ge=0, le=_LONGEST), WHOLE] | None = None
    end: Instant | None = None
    pauses: Annotated[
        list[Pause], Field(max_length=1000, description="When the clock stands; they may overlap")
    ] = []

    @model_validator(mode="after")
    def _one_of_two(self) -> "CalculationRequest":
        if (self.seconds is None) == (self.end is None):
            raise refused("give either seconds or end", "请在 seconds 与 end 中只给一个")
        if self.end is not None and self.end < self.start:
            raise refused("end comes before start", "end 早于 start")
        return self


class DueRead(Read):
    due: datetime


class ElapsedRead(Read):
    elapsed_seconds: Annotated[
        int | float, WithJsonSchema({"type": "number"}), Field(description="To the microsecond")
    ]
