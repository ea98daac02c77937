"""How the system reaches PostgreSQL: one engine for people's work, one pool for partners' look-ups."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from pydantic_core import to_json
from sqlalchemy import event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from app.settings import Settings

Sessions = async_sessionmaker[AsyncSession]

_SCHEME = "postgresql+asyncpg"

OUT_OF_REACH = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver says of a connection that broke off; the last of them in the middle of a statement."""

LOST_RACES = frozenset({"40001", "40P01"})
"""Serialisation failure and deadlock: the same transaction, run again, goes through."""


@dataclass
class Database:
    """`sessions` acts as the application's role; `partners` as the partners' role, held by row-level security.

    `readings` are sessions without a transaction: each statement sees what is committed, as it would within one.
    """

    engine: AsyncEngine
    sessions: Sessions
    readings: Sessions
    partners: asyncpg.Pool

    async def close(self) -> None:
        await asyncio.gather(self.engine.dispose(), self.partners.close())


async def connect(settings: Settings) -> Database:
    """Open both pools; nothing is sent to the server before the first use."""
    url = parse(settings.database_url)
    engine = create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=0,
        # A few do the work and keep their plans; in turns, each of many would be planning anew for long. The others
        # lie idle, and a firewall may cut them off and tell nobody: none is used that is older than five minutes.
        pool_use_lifo=True,
        pool_recycle=300,
        pool_timeout=5,
        pool_pre_ping=False,
        connect_args=_driver_options(settings, url, settings.app_role),
        query_cache_size=1200,
        hide_parameters=True,
        json_serializer=_json,
    )
    event.listen(engine.sync_engine, "connect", partial(_check_role, settings.app_role))
    partners_url = parse(settings.partner_database_url or settings.database_url)
    partners = await asyncpg.create_pool(
        **_asyncpg_arguments(partners_url),
        **_partner_options(settings, partners_url),
        init=partial(_must_act_as, settings.partner_role),
        reset=_nothing_to_reset,
        min_size=0,
        max_size=settings.pool_size,
    )
    at_once = engine.execution_options(isolation_level="AUTOCOMMIT")
    return Database(
        engine,
        async_sessionmaker(engine, expire_on_commit=False),
        async_sessionmaker(at_once, expire_on_commit=False, autoflush=False),
        partners,
    )


def owner_engine(settings: Settings) -> AsyncEngine:
    """An engine as the owner of the tables, for migrations and reference rows."""
    url = parse(settings.owner_database_url or settings.database_url)
    return create_async_engine(url, pool_size=1, connect_args=_several_hosts(url), hide_parameters=True)


async def driver_connection(connection: AsyncConnection) -> asyncpg.Connection:
    """The asyncpg connection beneath, for LISTEN and for libraries that speak asyncpg.

    Call it after a first SQLAlchemy statement where the work must belong to the transaction: before that
    the driver would commit each statement by itself.
    """
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if not isinstance(driver, asyncpg.Connection):
        raise TypeError(f"expected asyncpg, found {type(driver).__name__}")
    return driver


def _json(value: object) -> str:
    return to_json(value).decode()


def sqlstate_of(problem: Exception) -> str:
    """The five characters of the database's error, bare or wrapped by SQLAlchemy; empty where there are none."""
    return getattr(getattr(problem, "orig", problem), "sqlstate", None) or ""


def is_out_of_order(problem: Exception) -> bool:
    """Whether the database is to blame, not what was asked of it: it is out of reach, or out of disk or memory."""
    lost = isinstance(problem, OUT_OF_REACH) or bool(getattr(problem, "connection_invalidated", False))
    return lost or sqlstate_of(problem).startswith("53")


def parse(url: str) -> URL:
    """Take `postgresql://a:5432,b:5432/crm` as libpq does, and SQLAlchemy's own spelling."""
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return make_url(urlunsplit(parts._replace(scheme=_SCHEME)))
    query = "&".join(filter(None, [*(f"host={host}" for host in hosts.split(",")), parts.query]))
    return make_url(f"{_SCHEME}://{credentials}{at}{parts.path}?{query}")


def _several_hosts(url: URL) -> dict[str, Any]:
    hosts = url.query.get("host", ())
    return {"target_session_attrs": "read-write"} if isinstance(hosts, tuple) and len(hosts) > 1 else {}


def _server_settings(settings: Settings, url: URL, role: str) -> dict[str, str]:
    wanted = {
        "application_name": "courier-crm",
        "timezone": "UTC",
        "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": "60000",
    }
    return wanted if url.username == role else {**wanted, "role": role}


def _check_role(role: str, connection: Any, _record: object) -> None:
    connection.run_async(partial(_must_act_as, role))


async def _must_act_as(role: str, connection: asyncpg.Connection) -> None:
    """Refuse a connection in another role, which row-level security might not hold: a pooler drops `role`."""
    acting = await connection.fetchval("SELECT current_user")
    if acting != role:
        raise PermissionError(f"the database lets us act as {acting}, not as {role}; does a pooler drop it?")


async def _nothing_to_reset(_connection: asyncpg.Connection) -> None:
    """A look-up is one statement, and what it sets ends with it; the driver's own reset is a round trip more."""


def _driver_options(settings: Settings, url: URL, role: str) -> dict[str, Any]:
    cache = (
        {} if settings.statement_cache else {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    )
    return {
        "server_settings": _server_settings(settings, url, role),
        "timeout": 5,
        # After PostgreSQL's own limit, for a server that says nothing any more; giving it up takes 2 s besides.
        "command_timeout": settings.statement_timeout_s + 2,
        **cache,
        **_several_hosts(url),
    }


def _partner_options(settings: Settings, url: URL) -> dict[str, Any]:
    options = _driver_options(settings, url, settings.partner_role)
    options.pop("prepared_statement_cache_size", None)
    return options


def _asyncpg_arguments(url: URL) -> dict[str, Any]:
    """What SQLAlchemy would hand to `asyncpg.connect` for this URL."""
    dialect = url.get_dialect()()
    _, arguments = dialect.create_connect_args(url)
    arguments.pop("prepared_statement_cache_size", None)
    return dict(arguments)
