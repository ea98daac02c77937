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


async def execute(system: System, statement: str, **parameters: Any) -> None:
    """Run and commit one statement in the application's own role."""
    async with system.database.sessions.begin() as session:
        await session.execute(text(statement), parameters)
