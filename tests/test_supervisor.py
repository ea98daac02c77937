"""`crm up` says in a sentence why it can't start; what it starts again is told in `test_cli.py`."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.servers import crm
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
