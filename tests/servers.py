"""PostgreSQL servers of a test's own, which it may stop, kill and start again."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from app.embedded import EmbeddedServer

PATIENCE_S = 180
"""After which something is taken to hang: no promise, and far beyond what a busy machine needs."""


@contextmanager
def own_server(directory: Path) -> Iterator[EmbeddedServer]:
    """A server with a migrated database that nobody else uses."""
    with EmbeddedServer(directory, {"fsync": "off", "synchronous_commit": "off"}) as server:
        crm("migrate", url=server.url)
        yield server


def crm(
    *command: str, url: str, check: bool = True, standard_input: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the product's, with this database, and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "app", *command],
        input=standard_input,
        env=os.environ | {"CRM_DATABASE_URL": url} | environment,
        check=check,
        text=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def up(directory: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """`crm up` with nothing given but a place and a port, once it answers that it is ready."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    log = directory / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "up", *options],
            stdin=subprocess.DEVNULL,
            env=bare | {"CRM_DATA_DIR": str(directory / "data"), "CRM_PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not is_ready(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
