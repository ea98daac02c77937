"""PostgreSQL servers of a test's own, which it may stop, kill and start again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded import EmbeddedServer


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
        [sys.executable, "-m", "app.cli", *command],
        input=standard_input,
        env=os.environ | {"CRM_DATABASE_URL": url} | environment,
        check=check,
        text=True,
        capture_output=True,
        timeout=60,
    )
