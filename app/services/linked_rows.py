"""Rows that name a record which is merged with another: moved to that one, and put back byte for byte."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Table, TextClause, UniqueConstraint, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import Base
from app.services.families import Family, Link


async def move(session: AsyncSession, of: Family, merge_id: UUID, survivor_id: UUID, merged_id: UUID) -> None:
    """Let every row that names the merged record name the survivor, and keep each as it was.

    What the survivor has already, or what linked the two with each other, is removed and kept as well.
    """
    values = {"merge": merge_id, "survivor": survivor_id, "merged": merged_id}
    for link in of.links:
        await session.execute(_removing(of, link), values)
        await session.execute(_moving(of, link), values)


async def count(session: AsyncSession, of: Family, record_id: UUID) -> dict[str, int]:
    """How many rows of each table would move."""
    parts = " UNION ALL ".join(
        f"SELECT '{link.table.name}' AS name, count(*) AS rows FROM {link.table.name} WHERE {link.column} = :id"
        for link in of.links
    )
    rows = await session.execute(
        text(f"SELECT name, sum(rows)::int FROM ({parts}) AS found GROUP BY name ORDER BY name"),
        {"id": record_id},
    )
    return {name: found for name, found in rows if found}


async def keep(session: AsyncSession, of: Family, merge_id: UUID, ids: list[UUID]) -> None:
    """Keep these records as they are, before something other than a link of theirs changes; then `settle` them."""
    name = of.records.name
    await session.execute(
        text(
            f"INSERT INTO {of.kept.name} (merge_id, table_name, key, before)"
            f" SELECT :merge, '{name}', jsonb_build_object('id', t.id), to_jsonb(t) FROM {name} t"
            " WHERE t.id = ANY (:ids)"
        ),
        {"merge": merge_id, "ids": ids},
    )


async def settle(session: AsyncSession, of: Family, merge_id: UUID, ids: list[UUID]) -> None:
    """Note how records that were kept have become."""
    name = of.records.name
    await session.execute(
        text(
            f"UPDATE {of.kept.name} m SET digest = {_digest(of)} FROM {name} t"
            f" WHERE m.merge_id = :merge AND m.table_name = '{name}' AND m.key = jsonb_build_object('id', t.id)"
            " AND t.id = ANY (:ids)"
        ),
        {"merge": merge_id, "ids": ids},
    )


async def are_kept(session: AsyncSession, of: Family, merge_id: UUID) -> bool:
    """Whether it is known still how things were; an erasure takes that away."""
    statement = text(f"SELECT EXISTS (SELECT FROM {of.kept.name} WHERE merge_id = :merge)")
    return bool(await session.scalar(statement, {"merge": merge_id}))


async def changed(session: AsyncSession, of: Family, merge_id: UUID) -> list[dict[str, Any]]:
    """The rows of a merge that are not as it left them; all others are locked."""
    kept = await session.execute(
        text(f"SELECT id, table_name, key FROM {of.kept.name} WHERE merge_id = :merge ORDER BY id"),
        {"merge": merge_id},
    )
    rows = {row.id: {"table": row.table_name, **row.key} for row in kept}
    for name in sorted({row["table"] for row in rows.values()}):
        table = Base.metadata.tables[name]
        for statement in (_unchanged(of, table), _still_gone(of, table)):
            for sound in await session.scalars(statement, {"merge": merge_id}):
                rows.pop(sound)
    return list(rows.values())


async def restore(session: AsyncSession, of: Family, merge_id: UUID) -> None:
    """Put every row of a merge back, byte for byte, and keep them no longer."""
    names = await session.scalars(
        text(f"SELECT DISTINCT table_name FROM {of.kept.name} WHERE merge_id = :merge"), {"merge": merge_id}
    )
    touched = set(names)
    for table in Base.metadata.sorted_tables:
        if table.name in touched:
            await session.execute(_putting_back(of, table), {"merge": merge_id})
            await session.execute(_inserting(of, table), {"merge": merge_id})
    await session.execute(text(f"DELETE FROM {of.kept.name} WHERE merge_id = :merge"), {"merge": merge_id})


def _removing(of: Family, link: Link) -> TextClause:
    name, column = link.table.name, link.column
    clashes = [
        f"({_clash(link, columns, where)}{where})"
        for columns, where in _unique(link.table)
        if column in columns
    ]
    clashes += [f"t.{other} = :survivor" for other in of.others(link)]
    return text(
        f"WITH gone AS (DELETE FROM {name} t WHERE t.{column} = :merged AND ({' OR '.join(clashes) or 'false'})"
        " RETURNING t.*)"
        f" INSERT INTO {of.kept.name} (merge_id, table_name, key, before)"
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


def _moving(of: Family, link: Link) -> TextClause:
    name, column = link.table.name, link.column
    return text(
        f"WITH was AS (SELECT t AS line, to_jsonb(t) AS before FROM {name} t WHERE {column} = :merged FOR UPDATE),"
        f" moved AS (UPDATE {name} t SET {column} = :survivor FROM was WHERE {_same(link.table, 't', '(was.line)')}"
        f" RETURNING was.before, {_key(link.table, 't')} AS key, {_digest(of)} AS digest)"
        f" INSERT INTO {of.kept.name} (merge_id, table_name, key, before, digest)"
        f" SELECT :merge, '{name}', key, before, digest FROM moved"
    )


def _unchanged(of: Family, table: Table) -> TextClause:
    return text(
        f"SELECT m.id FROM {of.kept.name} m, LATERAL jsonb_populate_record(NULL::{table.name}, m.key) k, {table.name} t"
        f" WHERE m.merge_id = :merge AND m.table_name = '{table.name}' AND {_same(table, 't', 'k')}"
        f" AND {_digest(of)} = m.digest FOR UPDATE OF t"
    )


def _still_gone(of: Family, table: Table) -> TextClause:
    return text(
        f"SELECT m.id FROM {of.kept.name} m, LATERAL jsonb_populate_record(NULL::{table.name}, m.key) k"
        f" WHERE m.merge_id = :merge AND m.table_name = '{table.name}' AND m.digest IS NULL"
        f" AND NOT EXISTS (SELECT FROM {table.name} t WHERE {_same(table, 't', 'k')})"
    )


def _putting_back(of: Family, table: Table) -> TextClause:
    changes = ", ".join(f"{each} = b.{each}" for each in _columns(table) if each not in of.moving_on)
    return text(
        f"UPDATE {table.name} t SET {changes} FROM {of.kept.name} m,"
        f" LATERAL jsonb_populate_record(NULL::{table.name}, m.key) k,"
        f" LATERAL jsonb_populate_record(NULL::{table.name}, m.before) b"
        f" WHERE m.merge_id = :merge AND m.table_name = '{table.name}' AND m.digest IS NOT NULL"
        f" AND {_same(table, 't', 'k')}"
    )


def _inserting(of: Family, table: Table) -> TextClause:
    names = _columns(table)
    return text(
        f"INSERT INTO {table.name} ({', '.join(names)})"
        f" SELECT {', '.join(f'b.{name}' for name in names)} FROM {of.kept.name} m,"
        f" LATERAL jsonb_populate_record(NULL::{table.name}, m.before) b"
        f" WHERE m.merge_id = :merge AND m.table_name = '{table.name}' AND m.digest IS NULL"
    )


def _digest(of: Family) -> str:
    """By which a row is known again, whatever became of columns that only ever move on."""
    return f"md5((to_jsonb(t) - '{{{','.join(of.moving_on)}}}'::text[])::text)"


def _columns(table: Table) -> list[str]:
    """All but those that the database works out."""
    return [column.name for column in table.columns if column.computed is None and column.identity is None]


def _key(table: Table, row: str) -> str:
    pairs = ", ".join(f"'{column.name}', {row}.{column.name}" for column in table.primary_key)
    return f"jsonb_build_object({pairs})"


def _same(table: Table, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{column.name} = {other}.{column.name}" for column in table.primary_key)
