"""Which figures there are, what each counts as what, and the statement that finds its rows.

A statement names a row for each case, and in `part` what the case counts as: value and rows are of one making.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources

from sqlalchemy import Subquery, column, select, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import BigInteger, DateTime, Integer, Text

from app.errors import NotFound
from app.models.kpi import KpiDefinition


@dataclass(frozen=True)
class Figure:
    """`counted` cases make the denominator, the `good` among them the numerator; `timed` ones have a duration."""

    good: frozenset[str]
    counted: frozenset[str]
    timed: str | None = None
    groups: tuple[str, ...] = ("category",)


FIGURES: dict[str, Figure] = {
    "first_response": Figure(frozenset({"answered"}), frozenset({"answered", "unanswered"}), "answered"),
    "resolution_time": Figure(
        frozenset({"cycle"}), frozenset({"cycle"}), "cycle", ("part", "category", "cause")
    ),
    "clock_attainment": Figure(
        frozenset({"met"}), frozenset({"met", "breached"}), None, ("kind", "metric", "category")
    ),
    "reopen_rate": Figure(frozenset({"reopened"}), frozenset({"reopened", "kept"})),
    "acceptance": Figure(
        frozenset({"accepted"}), frozenset({"accepted", "not_accepted"}), None, ("kind", "category")
    ),
    "complaint_rate": Figure(
        frozenset({"complaints"}), frozenset({"complaints"}), None, ("category", "cause")
    ),
}

_COLUMNS = (
    column("key", Text),
    column("complaint_id", UUID),
    column("number", Text),
    column("customer_id", UUID),
    column("category", Text),
    column("cause", Text),
    column("at", DateTime(timezone=True)),
    column("part", Text),
    column("kind", Text),
    column("metric", Text),
    column("cycle", Integer),
    column("seconds", BigInteger),
    column("net_seconds", BigInteger),
)

_FILTERS = """
AND c.merged_into_id IS NULL
AND (CAST(:category AS text) IS NULL OR c.category = :category)
AND (CAST(:customer AS uuid) IS NULL OR c.customer_id IN (
    SELECT id FROM customers WHERE id = :customer OR merged_into_id = :customer))
"""
"""What became a part of another complaint counts with that one."""


def figure(name: str) -> Figure:
    """Raises `NotFound` for a figure that there is not, or that has no rows."""
    if name not in FIGURES:
        raise NotFound
    return FIGURES[name]


def rows(name: str) -> Subquery:
    """The cases of a period, as of an instant; takes `start`, `end`, `as_of`, `customer` and `category`."""
    return text(_written(name) + _FILTERS).columns(*_COLUMNS).subquery("cases")


async def definition(session: AsyncSession, name: str) -> KpiDefinition:
    """The version in force."""
    found = await session.scalar(
        select(KpiDefinition)
        .where(KpiDefinition.name == name)
        .order_by(KpiDefinition.version.desc())
        .limit(1)
    )
    if found is None:
        raise NotFound
    return found


@cache
def _written(name: str) -> str:
    return resources.files("app.services.kpis").joinpath(f"{name}.sql").read_text(encoding="utf-8")
