"""What a scenario runs on: PostgreSQL as in production, a migrated database to copy, and accounts."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import asyncpg
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import connect
from app.embedded import EmbeddedServer
from app.models.account import Client, ClientCustomer, User
from app.models.customer import CustomerKind
from app.passwords import fingerprint, new_secret
from app.roles import Role, scopes_of
from app.schemas.customer import CustomerCreate
from app.security import Principal, Tokens, make_key
from app.services import customers
from app.settings import Settings

PARTNERS_CODE = "PARTNER"
PREPARE = """
CREATE ROLE crm_login LOGIN;
GRANT crm_app, crm_partner TO crm_login;
CREATE TABLE effects (
    id bigint GENERATED ALWAYS AS IDENTITY, outbox_id bigint NOT NULL, at timestamptz DEFAULT clock_timestamp());
CREATE INDEX ON effects (outbox_id);
GRANT INSERT ON effects TO crm_app;
"""


class Stage:
    """A server with a migrated template database; each scenario has a copy of its own.

    fsync and synchronous_commit are PostgreSQL's defaults: on. Its WAL stands in `wal`, if that is given.
    """

    def __init__(self, directory: Path, wal: Path | None = None) -> None:
        self.directory = directory
        self._wal = wal
        self.server = EmbeddedServer(directory)
        self.tokens: dict[Role, str] = {}
        self.secrets = {
            "CRM_SIGNING_KEYS": make_key(),
            "CRM_CURSOR_SECRET": secrets.token_hex(32),
            "CRM_VAULT_KEY": secrets.token_hex(32),
        }

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._start)
        await self._migrate()
        async with self.owner("crm") as connection:
            for name in ("fsync", "synchronous_commit"):
                if await connection.fetchval(f"SHOW {name}") != "on":
                    raise RuntimeError(f"{name} is off: nothing that is seen here would mean anything")
            await connection.execute(PREPARE)
        await self._open_accounts()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.server.stop)

    @property
    def sockets(self) -> str:
        return str(self.server.data)

    async def reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to PostgreSQL, for the proxy."""
        return await asyncio.open_unix_connection(f"{self.sockets}/.s.PGSQL.5432")

    async def connect(self, database: str) -> asyncpg.Connection:
        return await asyncpg.connect(host=self.sockets, user="crm_owner", database=database)

    @asynccontextmanager
    async def owner(self, database: str) -> AsyncIterator[asyncpg.Connection]:
        connection = await self.connect(database)
        try:
            yield connection
        finally:
            await connection.close()

    async def clone(self, name: str, options: str = "") -> None:
        async with self.owner("postgres") as connection:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE crm {options}")

    def kill_server(self, number: signal.Signals) -> None:
        """Signal the postmaster, if one runs: never whoever has been given its number since."""
        if found := self.server._postmaster():  # noqa: SLF001  # it compares the command line with the data
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, number)

    def environment(self, url: str) -> dict[str, str]:
        return self.secrets | {
            "CRM_DATABASE_URL": url,
            "CRM_OWNER_DATABASE_URL": self.url("crm_owner", "crm"),
            "CRM_STAFF_RATE": "100000",
            "CRM_PARTNER_RATE": "100000",
            "CRM_DISPATCH_RATE": "100000",
            "CRM_ACCESS_TOKEN_MINUTES": "600",
            "CRM_LOG_LEVEL": "WARNING",
        }

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@/{database}?host={self.sockets}"

    def settings(self, database: str) -> Settings:
        """For what the harness does in its own process."""
        return Settings(
            database_url=self.url("crm_login", database),
            signing_keys=SecretStr(self.secrets["CRM_SIGNING_KEYS"]),
            cursor_secret=SecretStr(self.secrets["CRM_CURSOR_SECRET"]),
            vault_key=SecretStr(self.secrets["CRM_VAULT_KEY"]),
            access_token_minutes=600,
        )

    def _start(self) -> None:
        """Start the server; with its WAL on the other file system, where there is one."""
        self.server.start()
        if self._wal:
            self.server.stop()
            place = self.server.data / "pg_wal"
            subprocess.run(["/bin/cp", "-a", place, self._wal], check=True)
            shutil.rmtree(place)
            place.symlink_to(self._wal / "pg_wal")
            self.server.start()

    async def _migrate(self) -> None:
        environment = os.environ | self.environment(self.url("crm_owner", "crm"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", "migrate", env=environment
        )
        if await process.wait():
            raise RuntimeError("crm migrate failed")

    async def _open_accounts(self) -> None:
        settings = self.settings("crm")
        database = await connect(settings)
        async with database.sessions.begin() as session:
            made = await _accounts(session)
        await database.close()
        for role, (account_id, kind) in made.items():
            principal = Principal(account_id, kind, (role,), scopes_of([role]), 1)
            self.tokens[role] = Tokens(settings).issue(principal)


async def _accounts(session: AsyncSession) -> dict[Role, tuple[UUID, Any]]:
    roles = [Role.OPERATIONS, Role.MARKETING]
    users = [
        User(username=role, password_hash="-", name=role, roles=[role], credentials_version=1)  # noqa: S106  # none at all
        for role in roles
    ]
    body = CustomerCreate(name="伙伴", kind=CustomerKind.COMPANY, code=PARTNERS_CODE)
    session.add_all(users)
    await session.flush()
    customer = await customers.create(session, Principal(users[0].id, "user"), body)
    machines = [_client(Role.DISPATCH, ["native"], []), _client(Role.PARTNER, [], [customer.id])]
    session.add_all(machines)
    await session.flush()
    people = {Role(user.username): (user.id, "user") for user in users}
    return people | {Role(each.role): (each.id, "client") for each in machines}


def _client(role: Role, sources: list[str], customer_ids: list[UUID]) -> Client:
    return Client(
        client_id=role,
        secret_hash=fingerprint(new_secret()),
        name=role,
        role=role,
        sources=sources,
        credentials_version=1,
        customers=[ClientCustomer(customer_id=each) for each in customer_ids],
    )
