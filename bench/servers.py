"""What is measured: PostgreSQL, the product's own processes, and the bare server, each a process of its own."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
from sqlalchemy import make_url

from app.embedded import EmbeddedServer
from app.security import make_key

POSTGRES = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "top",
    "shared_buffers": "4GB",
    "max_wal_size": "16GB",
    "maintenance_work_mem": "1GB",
    "autovacuum": "off",  # it would come in the middle of one case or another; `grow` does its work
}
HIGH = "1000000"


@dataclass
class Served:
    """A server under measurement."""

    name: str
    url: str
    pid: int
    log: Path

    def cpu_seconds(self) -> float:
        """What the process has used so far, by the kernel's account of it, to the nanosecond."""
        return time.clock_gettime(((~self.pid) << 3) | 2)


def prepare(postgres: EmbeddedServer, directory: Path) -> dict[str, str]:
    """The product's environment on this server, migrated; its limits count but let everything through."""
    environment = os.environ | {
        "CRM_DATABASE_URL": postgres.url,
        "CRM_DATA_DIR": str(directory),
        "CRM_CURSOR_SECRET": secrets.token_hex(32),
        "CRM_VAULT_KEY": secrets.token_hex(32),
        "CRM_SIGNING_KEYS": make_key(),
        "CRM_ACCESS_TOKEN_MINUTES": "600",
        "CRM_PARTNER_RATE": HIGH,
        "CRM_DISPATCH_RATE": HIGH,
        "CRM_STAFF_RATE": HIGH,
        "CRM_POOL_SIZE": "60",
        "CRM_CONCURRENCY": "59",
    }
    os.environ |= environment
    subprocess.run([sys.executable, "-m", "app", "migrate"], env=environment, check=True, capture_output=True)
    return environment


async def owner(postgres: EmbeddedServer) -> asyncpg.Connection:
    connection = await asyncpg.connect(dsn(postgres))
    await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    return connection


def dsn(postgres: EmbeddedServer) -> str:
    url = make_url(postgres.url)
    return f"postgresql://{url.username}@/{url.database}?host={url.query['host']}&port={url.query['port']}"


@contextmanager
def product(environment: dict[str, str], log: Path) -> Iterator[Served]:
    """`crm serve`, as in production."""
    port = _free_port()
    command = [sys.executable, "-m", "app", "serve"]
    with _running("product", command, environment | {"CRM_PORT": str(port)}, log, _url(port)) as served:
        yield served


@contextmanager
def worker(environment: dict[str, str], log: Path) -> Iterator[None]:
    """`crm worker`, as in production."""
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "worker"], env=environment, stdout=out, stderr=out
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


@contextmanager
def bare(postgres: EmbeddedServer, log: Path) -> Iterator[Served]:
    """The measure, under the same uvicorn with the same options."""
    port = _free_port()
    options = ["--port", str(port), "--no-access-log", "--no-server-header", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", "bench.bare:app", *options]
    with _running("bare", command, os.environ | {"BENCH_DSN": dsn(postgres)}, log, _url(port)) as served:
        yield served


@contextmanager
def _running(
    name: str, command: list[str], environment: dict[str, str], log: Path, url: str
) -> Iterator[Served]:
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        try:
            _wait_for(url, process, log)
            yield Served(name, url, process.pid, log)
        finally:
            process.terminate()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"{urlsplit(url).netloc} did not start:\n{log.read_text()[-2000:]}")
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
