"""Hears every statement that the application sends to PostgreSQL."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event

from app.database import driver_connection
from tests.system import System

NOT_COUNTED = re.compile(
    r"BEGIN|COMMIT|ROLLBACK"  # opens and ends a transaction
    r"|SELECT pg_advisory_unlock_all"  # asyncpg's pool, when a connection comes back to it
    r"|SELECT (current_setting|set_config)\('jit'|WITH RECURSIVE typeinfo_tree"  # once a connection: its types
)


class Statements(list[str]):
    """Those sent since the last `clear`."""

    def from_sqlalchemy(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.append(" ".join(statement.split()))

    def from_asyncpg(self, query: Any) -> None:
        """The partners' pool, and libraries that speak to the driver beneath SQLAlchemy, which tells it as well."""
        statement = " ".join(query.query.split())
        if not NOT_COUNTED.match(statement) and statement not in self:
            self.append(statement)


@asynccontextmanager
async def heard(system: System) -> AsyncIterator[Statements]:
    """Every statement from here on; best before the first request, so that one connection serves them all."""
    statements = Statements()
    engine = system.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", statements.from_sqlalchemy)
    async with system.database.engine.connect() as connection:
        raw = await driver_connection(connection)
        raw.add_query_logger(statements.from_asyncpg)
        await connection.exec_driver_sql("SELECT 1")
    async with system.database.partners.acquire() as partners:
        partners.add_query_logger(statements.from_asyncpg)
    await asyncio.sleep(0)
    statements.clear()
    yield statements
    event.remove(engine, "before_cursor_execute", statements.from_sqlalchemy)
