"""The owner's way into a test's database, for what the application itself may not do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import make_url, text

from tests.system import System


@asynccontextmanager
async def owner(system: System) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner of the tables, outside every wall."""
    url = make_url(system.settings.database_url)
    connection = await asyncpg.connect(
        host=url.query["host"], port=int(str(url.query["port"])), user=url.username, database=url.database
    )
    try:
        yield connection
    finally:
        await connection.close()


async def contents(connection: asyncpg.Connection) -> dict[str, str]:
    """A digest of every table's rows, to see whether all is as it was."""
    return await _told(connection, "concat_ws(' ', count(*), sum(hashtextextended(one::text, 0)))")


async def last_writes(connection: asyncpg.Connection) -> dict[str, str]:
    """How many rows every table has, and which transaction wrote last: quick, to see whether anybody wrote."""
    return await _told(connection, "concat_ws(' ', count(*), max(one.xmin::text::bigint))")


async def tables(connection: asyncpg.Connection) -> list[str]:
    """Every table, apart from those in which refusals are counted."""
    found = await connection.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition"
        " AND relname NOT IN ('accesses', 'sign_in_failures')"
    )
    return [name for (name,) in found]


async def _told(connection: asyncpg.Connection, what: str) -> dict[str, str]:
    told = [f"SELECT '{table}', {what} FROM {table} one" for table in await tables(connection)]
    return dict(await connection.fetch(" UNION ALL ".join(told)))


async def execute(system: System, statement: str, **parameters: Any) -> None:
    """Run and commit one statement in the application's own role."""
    async with system.database.sessions.begin() as session:
        await session.execute(text(statement), parameters)


async def refuse_customers_at_commit(system: System) -> None:
    """From here on every new customer fails on a constraint that speaks only at the commit."""
    async with owner(system) as connection:
        await connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE unique_violation USING CONSTRAINT = 'late'; END $$;"
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON customers DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
