"""What must be well before requests are let in."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

if TYPE_CHECKING:
    from alembic.config import Config

ROOT = Path(__file__).resolve().parents[2]

_FOLLOWED = re.compile(r'^down_revision = "(\w+)"', re.MULTILINE)


@dataclass(frozen=True)
class Readiness:
    migrated: bool
    worker_alive: bool

    @property
    def well(self) -> bool:
        return self.migrated and self.worker_alive


@lru_cache
def outgrown() -> frozenset[str]:
    """The migrations that this code has left behind; one it does not know is newer, and made to fit it, too.

    They are what other migrations name as the one before. Alembic would tell, but no server starts without need of it.
    """
    sources = [file.read_text("utf-8") for file in (ROOT / "migrations" / "versions").glob("*.py")]
    return frozenset(name for source in sources for name in _FOLLOWED.findall(source))


def alembic_config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415  # only what migrates needs it

    return Config(ROOT / "alembic.ini")


async def check(session: AsyncSession) -> Readiness:
    """One statement: the database's migration, and whether a worker was seen within 30 seconds."""
    row = await session.execute(
        text(
            "SELECT (SELECT version_num FROM alembic_version) AS version,"
            " EXISTS (SELECT FROM worker_heartbeats WHERE beat_at > now() - interval '30 seconds') AS alive"
        )
    )
    version, alive = row.one()
    return Readiness(version is not None and version not in outgrown(), alive)
