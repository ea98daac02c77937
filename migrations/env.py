"""How migrations reach the database: as the owner of the tables, never waiting long for a lock."""

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection

from app.database import owner_engine
from app.models import Base
from app.settings import settings

NOT_OURS = ("pgqueuer", "alembic_version")


def _is_ours(_object: Any, name: str | None, kind: str, reflected: bool, _compare_to: Any) -> bool:  # noqa: FBT001  # Alembic's protocol
    """Partitions are made by a function, the queue's tables by its library."""
    if kind == "table" and reflected and name:
        return not name.startswith(NOT_OURS) and "_p20" not in name
    return True


def _migrate(connection: Connection | None = None) -> None:
    context.configure(
        connection=connection,
        dialect_name="postgresql",
        target_metadata=Base.metadata,
        include_object=_is_ours,
    )
    with context.begin_transaction():
        context.execute("SET lock_timeout = '5s'")
        context.execute("SET statement_timeout = '15min'")
        context.run_migrations()


async def _run() -> None:
    engine = owner_engine(settings())
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


if context.is_offline_mode():
    _migrate()
else:
    asyncio.run(_run())
