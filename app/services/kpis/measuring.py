"""Works figures out of their rows, as of any date: from when things happened, not from how they stand."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.models.kpi import KpiBenchmark, KpiDefinition, KpiUnit
from app.models.shipment import Shipment
from app.paging import paginate
from app.schemas.kpi import KpiQuery, KpiRowsQuery
from app.services import customers
from app.services.kpis import catalog
from app.services.kpis.catalog import Figure

MILLION = 1_000_000


async def definitions(session: AsyncSession) -> list[dict[str, Any]]:
    """Every version, with what others have published to compare with."""
    found = await session.scalars(select(KpiDefinition).order_by(KpiDefinition.name, KpiDefinition.version))
    published = (await session.scalars(_published())).all()
    return [_defined(each, published) for each in found]


async def values(session: AsyncSession, name: str, query: KpiQuery) -> dict[str, Any]:
    """The figure of a period, in whole and by group."""
    figure, asked = catalog.figure(name), await _asked(session, name, query)
    counted = [row._asdict() for row in await session.execute(_counts(name, figure), asked.parameters)]
    handled = await _shipments(session, query, asked.parameters) if _is_rate(asked.definition) else None
    whole = [row for row in counted if row["by"] == "part"]
    published = (await session.scalars(_published().where(KpiBenchmark.name == name))).all()
    return {
        "kpi": name,
        "definition": f"{name}/{asked.definition.version}",
        "from": query.from_,
        "to": query.to,
        "as_of": asked.parameters["as_of"],
        "unit": asked.definition.unit,
        "parts": {row["part"]: row["count"] for row in whole},
        "groups": list(_groups(figure, counted, asked.definition, handled)),
        "benchmarks": published,
        **_figure(figure, whole, asked.definition, handled),
    }


async def rows(session: AsyncSession, name: str, query: KpiRowsQuery) -> dict[str, Any]:
    """A page of the cases behind the figure, the latest first."""
    catalog.figure(name)
    asked = await _asked(session, name, query)
    cases = catalog.rows(name)
    found = select(func.to_jsonb(cases.table_valued(), type_=JSONB)).params(**asked.parameters)
    if query.part is not None:
        found = found.where(cases.c.part == query.part)
    return await paginate(session, found.order_by(cases.c.at.desc(), cases.c.key.desc()), query)


class _Asked:
    """What was asked for, in instants."""

    def __init__(self, definition: KpiDefinition, query: KpiQuery) -> None:
        self.definition = definition
        self.parameters: dict[str, Any] = {
            "start": instant(query.from_, query.tz),
            "end": instant(query.to, query.tz),
            "as_of": min(query.as_of or now(), now()),
            "customer": query.customer_id,
            "category": query.category,
            **definition.parameters,
        }


async def _asked(session: AsyncSession, name: str, query: KpiQuery) -> _Asked:
    return _Asked(await catalog.definition(session, name), query)


def instant(value: Any, tz: str) -> datetime:
    """An instant as it is; a date as its midnight in the zone."""
    return value if isinstance(value, datetime) else datetime.combine(value, time.min, ZoneInfo(tz))


def _counts(name: str, figure: Figure) -> Select[Any]:
    """By part, and by part within each group; one pass over the rows."""
    cases = catalog.rows(name)
    names = [each for each in figure.groups if each != "part"]
    by = [cases.c[each] for each in names]
    sets = func.grouping_sets(tuple_(cases.c.part), *(tuple_(cases.c.part, each) for each in by))
    return select(
        cases.c.part,
        _grouped_by(names, by).label("by"),
        func.coalesce(*by).label("key"),
        func.count().label("count"),
        *_spread(cases.c.seconds, ""),
        *_spread(cases.c.net_seconds, "net_"),
    ).group_by(sets)


def _grouped_by(names: Sequence[str], by: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
    parts: ColumnElement[str] = func.concat(
        *(
            func.left(name, len(name) * (1 - func.grouping(each)))
            for name, each in zip(names, by, strict=True)
        )
    )
    return func.coalesce(func.nullif(parts, ""), "part")


def _spread(seconds: ColumnElement[int], prefix: str) -> Iterable[ColumnElement[float]]:
    for name, share in (("median_s", 0.5), ("p90_s", 0.9)):
        yield func.percentile_cont(share).within_group(seconds).label(f"{prefix}{name}")


def _groups(
    figure: Figure, counted: list[dict[str, Any]], definition: KpiDefinition, handled: int | None
) -> Iterable[dict[str, Any]]:
    for by in figure.groups:
        if by == "part":
            for row in (row for row in counted if row["by"] == "part"):
                yield {"by": by, "key": row["part"], **_figure(_of(row["part"]), [row], definition, handled)}
            continue
        keys = {row["key"] for row in counted if row["by"] == by}
        for key in sorted(keys, key=lambda each: (each is None, each or "")):
            mine = [row for row in counted if (row["by"], row["key"]) == (by, key)]
            yield {"by": by, "key": key, **_figure(figure, mine, definition, handled)}


def _of(part: str) -> Figure:
    return Figure(frozenset({part}), frozenset({part}), part)


def _figure(
    figure: Figure, counted: list[dict[str, Any]], definition: KpiDefinition, handled: int | None
) -> dict[str, Any]:
    numerator = sum(row["count"] for row in counted if row["part"] in figure.good)
    total = sum(row["count"] for row in counted if row["part"] in figure.counted)
    denominator = total if handled is None else handled
    timed = next((row for row in counted if row["part"] == figure.timed), None)
    names = ("median_s", "p90_s", "net_median_s", "net_p90_s")
    spread = timed and {name: timed[name] for name in names}
    share = numerator / denominator if denominator else None
    value = _value(definition.unit, share, spread)
    return {"numerator": numerator, "denominator": denominator, "value": value, "spread": spread}


def _value(unit: KpiUnit, share: float | None, spread: dict[str, Any] | None) -> float | None:
    if unit is KpiUnit.SECONDS:
        return None if spread is None else spread["median_s"]
    if share is None:
        return None
    return round(share, 6) if unit is KpiUnit.SHARE else round(share * MILLION, 2)


def _is_rate(definition: KpiDefinition) -> bool:
    return definition.unit is KpiUnit.PER_MILLION


async def _shipments(session: AsyncSession, query: KpiQuery, asked: dict[str, Any]) -> int:
    """Picked up in the period."""
    statement = select(func.count()).where(
        Shipment.picked_up_at >= asked["start"],
        Shipment.picked_up_at < asked["end"],
        Shipment.picked_up_at <= asked["as_of"],
    )
    if query.customer_id is not None:
        statement = statement.where(Shipment.customer_id.in_(customers.and_merged(query.customer_id)))
    return (await session.execute(statement)).scalar_one()


def _published() -> Select[KpiBenchmark]:
    return select(KpiBenchmark).order_by(KpiBenchmark.name, KpiBenchmark.valid_from, KpiBenchmark.code)


def _defined(definition: KpiDefinition, published: Sequence[KpiBenchmark]) -> dict[str, Any]:
    columns = {each.key: getattr(definition, each.key) for each in definition.__table__.columns}
    return columns | {"benchmarks": [each for each in published if each.name == definition.name]}
