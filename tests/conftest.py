"""A real PostgreSQL for every test process, built by the migrations and cloned from a template."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import hypothesis
import pytest
from alembic import command
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import make_url

from app import passwords
from app.database import owner_engine
from app.embedded import EmbeddedServer
from app.security import make_key
from app.services import reference
from app.services.readiness import alembic_config
from app.settings import settings
from tests.system import System, running
from tests.world import Book, World

os.environ |= {
    "CRM_CURSOR_SECRET": secrets.token_hex(32),
    "CRM_VAULT_KEY": secrets.token_hex(32),
    "CRM_SIGNING_KEYS": make_key(),
    "CRM_STAFF_RATE": "100000",
    "CRM_PARTNER_RATE": "100000",
    "CRM_DISPATCH_RATE": "100000",
    "CRM_POOL_SIZE": "45",
    "CRM_CONCURRENCY": "40",
    "CRM_LOG_LEVEL": "ERROR",
}

hypothesis.settings.register_profile("promises", deadline=None)
hypothesis.settings.load_profile("promises")


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Argon2 at its least cost: the tests hash all day, and only one of them looks at the true cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_passwords", PasswordHash([Argon2Hasher(1, 8, 1)]))
        yield


@pytest.fixture(scope="session")
def template() -> Iterator[str]:
    """The URL of a migrated database with its reference rows, which nobody writes to."""
    with tempfile.TemporaryDirectory() as directory:
        server = EmbeddedServer(Path(directory), {"fsync": "off", "synchronous_commit": "off"})
        with server:
            os.environ["CRM_DATABASE_URL"] = server.url
            os.environ["CRM_SECOND_STORE"] = (Path(directory) / "contracts").as_uri()
            command.upgrade(alembic_config(), "head")
            asyncio.run(_load_reference())
            yield server.url


async def _load_reference() -> None:
    engine = owner_engine(settings())
    async with engine.begin() as connection:
        await reference.load(connection)
    await engine.dispose()


@asynccontextmanager
async def _clone(template: str) -> AsyncIterator[str]:
    url = make_url(template)
    name = f"crm_{secrets.token_hex(6)}"
    maintenance = await asyncpg.connect(
        host=url.query["host"], port=int(str(url.query["port"])), user=url.username, database="postgres"
    )
    # By file rather than through the log: hundreds of clones are made, and none has to survive a crash.
    await maintenance.execute(f"CREATE DATABASE {name} TEMPLATE crm STRATEGY FILE_COPY")
    try:
        yield url.set(database=name).render_as_string()
    finally:
        await maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await maintenance.close()


@pytest.fixture(scope="session")
async def system(template: str) -> AsyncIterator[System]:
    """The whole application on a database that the tests of this process share: make your own data."""
    async with _clone(template) as url, running(url) as system:
        yield system


@pytest.fixture(scope="session")
async def book(system: System) -> Book:
    """For each operation a request that would succeed, for tests in which it must not."""
    return await Book.of(World(system, uses_nothing_up=True))


@pytest.fixture
async def empty_database(template: str) -> AsyncIterator[str]:
    """The URL of a database of this test's own, for an application with settings of its own."""
    async with _clone(template) as url:
        yield url


@pytest.fixture
async def empty_system(empty_database: str) -> AsyncIterator[System]:
    """The whole application on a database of this test's own, for counts and for rough treatment."""
    async with running(empty_database) as system:
        yield system
