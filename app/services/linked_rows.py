"""Rows that name a customer: moved to another one, and put back byte for byte.

Which tables there are is read off the models, so that a new one can't be forgotten: its rows move, unless it stands in
`STAYS` with a reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Table, TextClause, UniqueConstraint, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import Base
from app.models.customer import Customer

_PARCELS = (
    "parcels keep the customer they were sent under, which leads each of their keys; see `merged_into_id`"
)
_HISTORY = "what happened, happened to the customer of that day; only ever inserted"
_OF_THAT_DAY = "was said of the record of that day; of what it has become a part of, it may not be true"

STAYS: dict[tuple[str, str], str] = {
    ("orders", "customer_id"): _PARCELS,
    ("shipments", "customer_id"): _PARCELS,
    ("shipment_legs", "customer_id"): _PARCELS,
    ("tracking_numbers", "customer_id"): _PARCELS,
    ("tracking_events", "customer_id"): _PARCELS,
    ("delivery_exceptions", "customer_id"): _PARCELS,
    ("exception_follow_ups", "customer_id"): _PARCELS,
    ("events", "customer_id"): _HISTORY,
    ("outbox", "customer_id"): "work under way names its parcel by the key that the parcel has",
    (
        "consents",
        "customer_id",
    ): "evidence is never rewritten; whoever reads consents reads those of merged ones too",
    ("accesses", "customer_id"): _HISTORY,
    (
        "clocks",
        "customer_id",
    ): "a clock's events are told under the customer of the day on which it was started",
    ("confirmations", "customer_id"): _OF_THAT_DAY,
    ("proposals", "customer_id"): _OF_THAT_DAY,
    (
        "import_rows",
        "customer_id",
    ): "what a line of a file did, and to whom; its undo leaves merged ones alone",
    ("segment_seen", "customer_id"): "who was there at the latest snapshot; the next one sees who has left",
    ("duplicate_keys", "customer_id"): "derived: written anew for both",
    ("duplicate_pairs", "one_id"): "rests while one of both is merged away, and still says who is not who",
    ("duplicate_pairs", "other_id"): "rests while one of both is merged away, and still says who is not who",
    ("merges", "survivor_id"): "the merge's own record",
    ("merges", "merged_id"): "the merge's own record",
}
"""Columns that name a customer and go on naming the one that was merged."""


@dataclass(frozen=True)
class Link:
    """A column of a table whose rows move."""

    table: Table
    column: str

    @property
    def others(self) -> list[str]:
        """Further columns of the same row that name a customer."""
        return [link.column for link in links() if link.table is self.table and link.column != self.column]


@cache
def links() -> tuple[Link, ...]:
    return tuple(link for link in named() if (link.table.name, link.column) not in STAYS)


def named() -> Iterator[Link]:
    """Every column of every table that names a customer."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.name == "customer_id" or _names_customer(column):
                yield Link(table, column.name)


def _names_customer(column: Column[Any]) -> bool:
    return any(key.column is Customer.__table__.c.id for key in column.foreign_keys)


async def move(session: AsyncSession, merge_id: UUID, survivor_id: UUID, merged_id: UUID) -> None:
    """Let every row that names the merged customer name the survivor, and keep each as it was.

    What the survivor has already, or what linked the two with each other, is removed and kept as well.
    """
    values = {"merge": merge_id, "survivor": survivor_id, "merged": merged_id}
    for link in links():
        await session.execute(_removing(link), values)
        await session.execute(_moving(link), values)


async def count(session: AsyncSession, customer_id: UUID) -> dict[str, int]:
    """How many rows of each table would move."""
    parts = " UNION ALL ".join(
        f"SELECT '{link.table.name}' AS name, count(*) AS rows FROM {link.table.name} WHERE {link.column} = :id"
        for link in links()
    )
    rows = await session.execute(
        text(f"SELECT name, sum(rows)::int FROM ({parts}) AS found GROUP BY name ORDER BY name"),
        {"id": customer_id},
    )
    return {name: found for name, found in rows if found}


async def keep(session: AsyncSession, merge_id: UUID, table: Table, ids: list[UUID]) -> None:
    """Keep these rows as they are, before something other than a link of theirs changes; then `settle` them."""
    await session.execute(
        text(
            "INSERT INTO merged_rows (merge_id, table_name, key, before)"
            f" SELECT :merge, '{table.name}', jsonb_build_object('id', t.id), to_jsonb(t) FROM {table.name} t"
            " WHERE t.id = ANY (:ids)"
        ),
        {"merge": merge_id, "ids": ids},
    )


async def settle(session: AsyncSession, merge_id: UUID, table: Table, ids: list[UUID]) -> None:
    """Note how rows that were kept have become."""
    await session.execute(
        text(
            f"UPDATE merged_rows m SET digest = md5(to_jsonb(t)::text) FROM {table.name} t"
            f" WHERE m.merge_id = :merge AND m.table_name = '{table.name}' AND m.key = jsonb_build_object('id', t.id)"
            " AND t.id = ANY (:ids)"
        ),
        {"merge": merge_id, "ids": ids},
    )


async def are_kept(session: AsyncSession, merge_id: UUID) -> bool:
    """Whether it is known still how things were; an erasure takes that away."""
    statement = text("SELECT EXISTS (SELECT FROM merged_rows WHERE merge_id = :merge)")
    return bool(await session.scalar(statement, {"merge": merge_id}))


async def changed(session: AsyncSession, merge_id: UUID) -> list[dict[str, Any]]:
    """The rows of a merge that are not as it left them; all others are locked."""
    kept = await session.execute(
        text("SELECT id, table_name, key FROM merged_rows WHERE merge_id = :merge ORDER BY id"),
        {"merge": merge_id},
    )
    rows = {row.id: {"table": row.table_name, **row.key} for row in kept}
    for name in sorted({row["table"] for row in rows.values()}):
        for statement in (_unchanged(Base.metadata.tables[name]), _still_gone(Base.metadata.tables[name])):
            for sound in await session.scalars(statement, {"merge": merge_id}):
                rows.pop(sound)
    return list(rows.values())


async def restore(session: AsyncSession, merge_id: UUID) -> None:
    """Put every row of a merge back, byte for byte, and keep them no longer."""
    names = await session.scalars(
        text("SELECT DISTINCT table_name FROM merged_rows WHERE merge_id = :merge"), {"merge": merge_id}
    )
    touched = set(names)
    for table in Base.metadata.sorted_tables:
        if table.name in touched:
            await session.execute(_putting_back(table), {"merge": merge_id})
            await session.execute(_inserting(table), {"merge": merge_id})
    await session.execute(text("DELETE FROM merged_rows WHERE merge_id = :merge"), {"merge": merge_id})


def _removing(link: Link) -> TextClause:
    name, column = link.table.name, link.column
    clashes = [
        f"({_clash(link, columns, where)}{where})"
        for columns, where in _unique(link.table)
        if column in columns
    ]
    clashes += [f"t.{other} = :survivor" for other in link.others]
    return text(
        f"WITH gone AS (DELETE FROM {name} t WHERE t.{column} = :merged AND ({' OR '.join(clashes) or 'false'})"
        " RETURNING t.*)"
        " INSERT INTO merged_rows (merge_id, table_name, key, before)"
        f" SELECT :merge, '{name}', {_key(link.table, 'gone')}, to_jsonb(gone) FROM gone"
    )


def _clash(link: Link, columns: list[str], where: str) -> str:
    same = "".join(f" AND o.{column} = t.{column}" for column in columns if column != link.column)
    return f"EXISTS (SELECT FROM {link.table.name} o WHERE o.{link.column} = :survivor{same}{where})"  # names of models


def _unique(table: Table) -> Iterator[tuple[list[str], str]]:
    """The columns of every rule that lets a row stand only once, and the condition of a partial one."""
    yield [column.name for column in table.primary_key], ""
    for rule in table.constraints:
        if isinstance(rule, UniqueConstraint):
            yield [column.name for column in rule.columns], ""
    for index in table.indexes:
        if index.unique:
            yield [column.name for column in index.columns], _condition(index)


def _condition(index: Index) -> str:
    where = index.dialect_options["postgresql"]["where"]
    return "" if where is None else f" AND ({where})"


def _moving(link: Link) -> TextClause:
    name, column = link.table.name, link.column
    return text(
        f"WITH was AS (SELECT t AS line, to_jsonb(t) AS before FROM {name} t WHERE {column} = :merged FOR UPDATE),"
        f" moved AS (UPDATE {name} t SET {column} = :survivor FROM was WHERE {_same(link.table, 't', '(was.line)')}"
        f" RETURNING was.before, {_key(link.table, 't')} AS key, md5(to_jsonb(t)::text) AS digest)"
        " INSERT INTO merged_rows (merge_id, table_name, key, before, digest)"
        f" SELECT :merge, '{name}', key, before, digest FROM moved"
    )


def _unchanged(table: Table) -> TextClause:
    return text(
        f"SELECT m.id FROM merged_rows m, LATERAL jsonb_populate_record(NULL::{table.name}, m.key) k, {table.name} t"
        f" WHERE m.merge_id = :merge AND m.table_name = '{table.name}' AND {_same(table, 't', 'k')}"
        " AND md5(to_jsonb(t)::text) = m.digest FOR UPDATE OF t"
    )


def _still_gone(table: Table) -> TextClause:
    return text(
        f"SELECT m.id FROM merged_rows m, LATERAL jsonb_populate_record(NULL::{table.name}, m.key) k"
        f" WHERE m.merge_id = :merge AND m.table_name = '{table.name}' AND m.digest IS NULL"
        f" AND NOT EXISTS (SELECT FROM {table.name} t WHERE {_same(table, 't', 'k')})"
    )


def _putting_back(table: Table) -> TextClause:
    changes = ", ".join(f"{each} = b.{each}" for each in _columns(table))
    return text(
        f"UPDATE {table.name} t SET {changes} FROM merged_rows m,"
        f" LATERAL jsonb_populate_record(NULL::{table.name}, m.key) k,"
        f" LATERAL jsonb_populate_record(NULL::{table.name}, m.before) b"
        f" WHERE m.merge_id = :merge AND m.table_name = '{table.name}' AND m.digest IS NOT NULL"
        f" AND {_same(table, 't', 'k')}"
    )


def _inserting(table: Table) -> TextClause:
    names = _columns(table)
    return text(
        f"INSERT INTO {table.name} ({', '.join(names)})"
        f" SELECT {', '.join(f'b.{name}' for name in names)} FROM merged_rows m,"
        f" LATERAL jsonb_populate_record(NULL::{table.name}, m.before) b"
        f" WHERE m.merge_id = :merge AND m.table_name = '{table.name}' AND m.digest IS NULL"
    )


def _columns(table: Table) -> list[str]:
    """All but those that the database works out."""
    return [column.name for column in table.columns if column.computed is None and column.identity is None]


def _key(table: Table, row: str) -> str:
    pairs = ", ".join(f"'{column.name}', {row}.{column.name}" for column in table.primary_key)
    return f"jsonb_build_object({pairs})"


def _same(table: Table, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{column.name} = {other}.{column.name}" for column in table.primary_key)
