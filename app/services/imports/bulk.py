"""Thousands of rows as one statement: they travel as JSON and become rows inside the database."""

from functools import cache
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Table, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import Base

Row = dict[str, Any]


async def insert(session: AsyncSession, model: type[Base], rows: list[Row]) -> None:
    """Insert rows that all name the same columns; the others get the database's defaults."""
    if rows:
        statement = _insert(model.__table__, tuple(rows[0]))
        await session.execute(statement, {"rows": to_json(rows).decode()})


async def update(session: AsyncSession, model: type[Base], rows: list[Row]) -> None:
    """Set columns of the rows with these primary keys, and count their version on where they have one."""
    if rows:
        statement = _update(model.__table__, tuple(rows[0]))
        await session.execute(statement, {"rows": to_json(rows).decode()})


@cache
def _insert(table: Table, columns: tuple[str, ...]) -> TextClause:
    names = ", ".join(columns)
    return text(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {_given(table, columns)}")  # noqa: S608  # names of our own


@cache
def _update(table: Table, columns: tuple[str, ...]) -> TextClause:
    keys = [column.name for column in table.primary_key]
    changes = [f"{name} = given.{name}" for name in columns if name not in keys]
    changes += [f"{name} = {value}" for name, value in _COUNTED.items() if name in table.columns]
    where = " AND ".join(f"{table.name}.{key} = given.{key}" for key in keys)
    return text(f"UPDATE {table.name} SET {', '.join(changes)} FROM {_given(table, columns)} WHERE {where}")  # noqa: S608  # as above


_COUNTED = {"version": "version + 1", "updated_at": "now()"}


def _given(table: Table, columns: tuple[str, ...]) -> str:
    types = [f"{name} {table.c[name].type.compile(postgresql.dialect())}" for name in columns]  # type: ignore[no-untyped-call]
    return f"json_to_recordset(CAST(:rows AS json)) AS given ({', '.join(types)})"
