"""What goes in and out, and what all of it has in common."""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError

Value = TypeVar("Value")

_DAY_IN = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME_IN = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:", re.ASCII)
_CONTROL = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
_CONTROLS = re.compile(rf"[{_CONTROL}\ud800-\udfff]")
_MONEY_IN = re.compile(r"\d{1,12}(\.\d{1,2})?")


def refused(en: str, zh: str) -> PydanticCustomError:
    """What a validator raises; the caller is told in their language."""
    return PydanticCustomError("refused", "{en}", {"en": en, "zh": zh})


def _decimal_text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not _MONEY_IN.fullmatch(unicodedata.normalize("NFKC", value)):
        raise refused(
            'write the amount as a decimal string with at most two places, such as "12.30"',
            '金额应为最多两位小数的十进制字符串，例如 "12.30"',
        )
    return Decimal(unicodedata.normalize("NFKC", value))


def normalised(value: str) -> str:
    return unicodedata.normalize("NFKC", value).strip()


def _written_out(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and _TIME_IN.match(value)):
        return value
    raise refused(
        "write the time as RFC 3339, such as 2026-11-21T08:30:00+08:00",
        "时间应按 RFC 3339 书写，例如 2026-11-21T08:30:00+08:00",
    )


def _a_day(value: Any) -> Any:
    if isinstance(value, date) or (isinstance(value, str) and _DAY_IN.fullmatch(value)):
        return value
    raise refused("write the date as 2026-11-21", "日期应书写为 2026-11-21")


def _a_number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise PydanticKnownError("int_type")


def _known_zone(key: str) -> str:
    try:
        ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise refused(
            "no such time zone; use an IANA name such as Asia/Shanghai or Europe/Zurich",
            "没有这个时区；请用 IANA 名称，例如 Asia/Shanghai 或 Europe/Zurich",
        ) from None
    return key


def _in_utc(value: datetime) -> datetime:
    if not 1900 < value.year < 2200:
        raise refused("only times from 1901 to 2199 can be taken", "只接受 1901 年至 2199 年的时间")
    return value.astimezone(UTC)


def _no_control(value: str) -> str:
    if _CONTROLS.search(value):
        raise refused("control characters can't be stored; take them out", "不能包含控制字符，请删除")
    return value


_ANYTHING = {"pattern": f"^[^{_CONTROL}]*$"}
SOMETHING = {"pattern": f"^[^{_CONTROL}]*[^\\s{_CONTROL}][^{_CONTROL}]*$"}

Line = Annotated[
    str, Field(min_length=1, max_length=200, json_schema_extra=SOMETHING), AfterValidator(_no_control)
]
"""One line of text; more than blanks."""
Prose = Annotated[str, Field(max_length=4000, json_schema_extra=_ANYTHING), AfterValidator(_no_control)]
"""Text of some length."""
Grounds = Annotated[Prose, Field(min_length=1, json_schema_extra=SOMETHING)]
"""Why somebody does a thing; more than blanks."""
Reason = Annotated[
    str,
    Field(max_length=64, examples=["carrier_damage"], json_schema_extra={"x-code-list": "exception_reason"}),
]
"""What is wrong with a parcel. The list is data and may grow, so that it is no enumeration."""
Phone = Annotated[str, Field(max_length=40, pattern=r"^[+0-9().-][+0-9(). -]{1,38}[+0-9().-]$")]
"""A telephone number as people write it."""
Email = Annotated[
    str,
    Field(
        max_length=200, pattern=rf"^[^@\s{_CONTROL}]+@[^@\s{_CONTROL}]+$", examples=["li.ming@example.com"]
    ),
]
"""An address for mail, as far as one can tell without sending any."""
Word = Annotated[
    str,
    Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_][0-9A-Za-z_.:/-]*$"),
    BeforeValidator(lambda v: normalised(v) if isinstance(v, str) else v),
]
"""An identifier made elsewhere; full-width digits and letters are taken as the plain ones."""
TrackingNo = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[0-9A-Za-z_][0-9A-Za-z_.:-]*$",
        description="Tracking number, as printed on the label; full-width digits are taken as the plain ones",
        examples=["SF7444496931331"],
    ),
    BeforeValidator(lambda v: normalised(v) if isinstance(v, str) else v),
]
"""No slash, for it stands in paths."""
Instant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
"""RFC 3339 with an offset, from 1901 to 2199; kept and answered in UTC."""
WHOLE = BeforeValidator(_a_number)
"""Of an integer, after its bounds: 2.0 is taken as well, which JSON does not tell from 2, but no text and no true."""
Day = Annotated[date, BeforeValidator(_a_day)]
"""A calendar day; a number is none, though pydantic would count it from 1970."""

Zone = Annotated[str, Field(max_length=64, examples=["Asia/Shanghai"]), AfterValidator(_known_zone)]
"""An IANA time zone."""


class _NotNull:
    """Takes null out of a field's description; the errors of the rest still point at the field itself."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        (kept,) = (each for each in described.pop("anyOf") if each != {"type": "null"})
        described.update(kept)
        return described


Unset = Annotated[Value | None, _NotNull()]
"""`Unset[Line]` in a change: the field may be left out, but not set to null."""
Attributes = Annotated[
    dict[str, Any], Field(max_length=50, description="Anything else the sender wants kept")
]


class Body(BaseModel):
    """What a caller sends: a field that nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Read(BaseModel):
    """What the system answers, read off a stored row."""

    model_config = ConfigDict(from_attributes=True)


class Money(Body):
    """An amount that is never a float."""

    amount: Annotated[
        Decimal,
        BeforeValidator(_decimal_text),
        PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str),
        WithJsonSchema({"type": "string", "pattern": r"^\d{1,12}(\.\d{1,2})?$", "examples": ["128.00"]}),
    ]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217", examples=["CNY"])]


class Address(Body):
    """A place. `phone` belongs to the place's person, and is kept apart from it."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")] = "CN"
    province: Line | None = None
    city: Line | None = None
    district: Line | None = None
    street: Line | None = None
    detail: Annotated[Line | None, Field(description="Building, unit and room; never shown unmasked")] = None
    postcode: Annotated[str | None, Field(max_length=20)] = None


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: Annotated[str, Field(examples=["/problems/validation"])]
    title: str
    status: int
    detail: str
    instance: str
    trace_id: str | None = None
    errors: list["ProblemError"] | None = None

    model_config = ConfigDict(extra="allow")


class ProblemError(BaseModel):
    """One field and what is wrong with it."""

    pointer: Annotated[str, Field(examples=["/body/items/3/occurred_at"])]
    detail: str
