"""Figures and what they are made of."""

import re
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from app.models.shipment import Service
from app.schemas.base import Read, Zone, refused

Boundary = AwareDatetime | date
_WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class OnTimeQuery(BaseModel):
    """The period is half open; a date means its midnight in `tz`."""

    model_config = ConfigDict(extra="forbid")

    from_: Annotated[Boundary, Field(alias="from", examples=["2018-03-01"])]
    to: Annotated[
        Boundary, Field(description="The first instant that no longer counts", examples=["2018-04-01"])
    ]
    tz: Annotated[Zone, Field(description="IANA zone that dates are counted in")] = "Asia/Shanghai"
    customer_id: UUID | None = None
    service: Service | None = None

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _written_out(cls, value: object) -> object:
        if isinstance(value, str) and not _WRITTEN.match(value):
            raise refused(
                "write a date as 2026-03-01, or an instant as RFC 3339",
                "日期请写作 2026-03-01，时间按 RFC 3339 书写",
            )
        return value

    @model_validator(mode="after")
    def _ordered(self) -> "OnTimeQuery":
        if type(self.from_) is not type(self.to):
            raise refused(
                "give from and to both as dates or both as instants", "from 与 to 应同为日期或同为时间"
            )
        if self.to <= self.from_:
            raise refused(
                "to must come after from; the period is half open", "to 必须晚于 from；区间左闭右开"
            )
        return self


class Ratio(Read):
    numerator: int
    denominator: int
    value: float | None


class OnTimeExclusions(Read):
    cancelled: int
    held_before_handover: int
    delivery_time_unknown: int


class OnTimeRead(Ratio):
    """The adjusted figure at the top, the raw one beside it, and every exclusion counted."""

    kpi: str
    definition: Annotated[str, Field(examples=["on_time/1"])]
    from_: Annotated[datetime | date, Field(alias="from")]
    to: datetime | date
    raw: Ratio
    excluded: OnTimeExclusions
    delivered: Annotated[int, Field(description="Delivered at a known time")]
    delivered_late: Annotated[int, Field(description="Of these, after the promised instant")]
    delivered_on_later_date: Annotated[
        int, Field(description="Of these, on a later date than promised, in `tz`")
    ]
