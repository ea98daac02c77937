"""The language in which a dynamic segment says whom it holds: a tree of tests, each with its own members."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Discriminator, Field, model_validator

from app.models.customer import ConsentChannel, ConsentPurpose, CustomerKind, CustomerState
from app.models.segment import RfmClass
from app.schemas.base import Body, Instant, Line, Money, refused
from app.schemas.division import DivisionCode

MOST_TESTS = 60
DEEPEST = 8

Days = Annotated[int, Field(ge=1, le=3650, examples=[90])]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Some = Field(min_length=1, max_length=100)
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217", examples=["CNY"])]


class All(Body):
    """Every one of these; none given, everybody."""

    test: Literal["and"]
    of: Annotated[list["Filter"], Field(max_length=MOST_TESTS)]


class Either(Body):
    """At least one of these; none given, nobody."""

    test: Literal["or"]
    of: Annotated[list["Filter"], Field(max_length=MOST_TESTS)]


class Not(Body):
    """Everybody but these."""

    test: Literal["not"]
    of: "Filter"


class OfKind(Body):
    test: Literal["kind"]
    any_of: Annotated[list[CustomerKind], Some]


class InState(Body):
    test: Literal["state"]
    any_of: Annotated[list[CustomerState], Some]


class OfTier(Body):
    """Null means those without a tier."""

    test: Literal["tier"]
    any_of: Annotated[list[Line | None], Some]


class FromSource(Body):
    """How the customer was found; null means that nobody knows."""

    test: Literal["source"]
    any_of: Annotated[list[Line | None], Some]


class OwnedBy(Body):
    """Null means that nobody looks after the customer."""

    test: Literal["owner"]
    any_of: Annotated[list[UUID | None], Some]


class OfTeam(Body):
    """Null means no team."""

    test: Literal["team"]
    any_of: Annotated[list[UUID | None], Some]


class InDivision(Body):
    """An address of the customer's lies in one of these provinces, prefectures or counties."""

    test: Literal["division"]
    any_of: Annotated[list[DivisionCode], Some]


class Needs(Body):
    """One of the needs has this in it, in capitals or not."""

    test: Literal["need"]
    contains: Line


class Consented(Body):
    """The latest word on it, where it has not run out, is yes."""

    test: Literal["consent"]
    channel: ConsentChannel
    purpose: ConsentPurpose


class Since(Body):
    """When something happened: between instants, or so many days ago. At least one is given."""

    test: Literal["created", "first_shipment", "last_shipment"]
    from_: Annotated[Instant | None, Field(alias="from", description="Then or later")] = None
    until: Annotated[Instant | None, Field(description="Before then")] = None
    within_days: Annotated[Days | None, Field(description="At most so many days ago")] = None
    before_days: Annotated[Days | None, Field(description="More days ago than this")] = None

    @model_validator(mode="after")
    def _says_when(self) -> "Since":
        if not self.model_fields_set - {"test"}:
            raise refused("say when: from, until, within_days or before_days", "请给出时间条件")
        return self


class Shipments(Body):
    """So many shipments in the last days, or ever."""

    test: Literal["shipments"]
    days: Days | None = None
    at_least: Count = 0
    at_most: Count | None = None


class Freight(Body):
    """So much freight in one currency in the last days, or ever; other currencies are not counted."""

    test: Literal["freight"]
    days: Days | None = None
    at_least: Money


class InRfmClass(Body):
    """Among all customers, over the last days and in one currency."""

    test: Literal["rfm"]
    any_of: Annotated[list[RfmClass], Some]
    days: Days = 365
    currency: Currency = "CNY"


class Stale(Body):
    """How stale the customer's data are."""

    test: Literal["staleness"]
    at_least: Annotated[int, Field(ge=0, le=100)] = 0
    at_most: Annotated[int, Field(ge=0, le=100)] = 100


Filter = Annotated[
    All
    | Either
    | Not
    | OfKind
    | InState
    | OfTier
    | FromSource
    | OwnedBy
    | OfTeam
    | InDivision
    | Needs
    | Consented
    | Since
    | Shipments
    | Freight
    | InRfmClass
    | Stale,
    Discriminator("test"),
]

for _branch in (All, Either, Not):
    _branch.model_rebuild()


def nodes(filter_: Any, depth: int = 1) -> Iterator[tuple[Any, int]]:
    """Every test of a tree with its depth."""
    yield filter_, depth
    below = (
        filter_.of if isinstance(filter_, All | Either) else [filter_.of] if isinstance(filter_, Not) else []
    )
    for each in below:
        yield from nodes(each, depth + 1)


def must_be_small(filter_: Any) -> None:
    """Raise where a tree is too deep or too big for one statement."""
    found = list(nodes(filter_))
    if len(found) > MOST_TESTS or max(depth for _, depth in found) > DEEPEST:
        raise refused(
            f"a filter has at most {MOST_TESTS} tests, {DEEPEST} levels deep",
            f"筛选条件最多 {MOST_TESTS} 项、{DEEPEST} 层",
        )
