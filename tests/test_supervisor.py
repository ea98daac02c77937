"""`crm up` says in a sentence why it can't start, and starts again whatever ends while it runs."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.servers import PATIENCE_S, a_free_port, crm, is_ready, up
from tests.system import System


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def refused(url: str, directory: Path, **environment: str) -> str:
    done = crm("up", url=url, check=False, CRM_DATA_DIR=str(directory), **environment)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


async def test_a_port_that_is_taken_is_named_before_anything_is_done(
    system: System, tmp_path: Path, taken: int
) -> None:
    said = refused(system.settings.database_url, tmp_path, CRM_PORT=str(taken))
    assert f"can't listen on 127.0.0.1, port {taken}: Address already in use" in said


async def test_a_wrong_setting_is_named_without_its_value(system: System, tmp_path: Path) -> None:
    said = refused(system.settings.database_url, tmp_path, CRM_CURSOR_SECRET="a-short-secret")
    assert "CRM_CURSOR_SECRET: " in said
    assert "a-short-secret" not in said


async def test_a_database_that_can_not_be_prepared_ends_the_start(system: System, tmp_path: Path) -> None:
    missing = make_url(system.settings.database_url).set(database="missing").render_as_string()
    assert "The database can't be prepared: " in refused(missing, tmp_path, CRM_PORT="0")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_whatever_is_killed_while_it_runs_is_started_again(tmp_path: Path) -> None:
    port = a_free_port()
    with up(tmp_path, port) as process:
        killed = children(process)
        assert len(killed) == 3, "PostgreSQL, the worker and the API"
        for each in killed:
            os.kill(each, signal.SIGKILL)
        eventually(lambda: len(children(process) - killed) == 3 and is_ready(port))
    log = (tmp_path / "up.log").read_text()
    for told in ("There is no user yet.", "crm worker ended", "crm serve ended", "PostgreSQL is gone"):
        assert told in log


def children(process: subprocess.Popen[bytes]) -> set[int]:
    """The processes that this one has, as Linux tells."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return {int(each) for each in listed.split()}


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
