"""The embedded server loses nothing, whoever is killed, and is back in no time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.embedded import EmbeddedServer, EmbeddedServerError, binaries

LAUNCHER = """
import sys, time
from pathlib import Path
from app.embedded import EmbeddedServer
EmbeddedServer(Path(sys.argv[1])).start()
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded")


@pytest.fixture
def server(directory: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(directory) as server:
        yield server


@pytest.fixture
def kill_a_launcher(directory: Path) -> Callable[[], None]:
    """Starts the server from another process and kills that one, which leaves an orphan."""

    def kill() -> None:
        with subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, directory], stdout=subprocess.PIPE
        ) as launcher:
            assert launcher.stdout
            assert launcher.stdout.readline() == b"up\n"
            launcher.kill()

    return kill


def run(server: EmbeddedServer, *statements: str) -> Any:
    """Run the statements in one transaction; the value the last one returns, if any."""

    async def execute() -> Any:
        engine = create_async_engine(server.url)
        async with engine.begin() as connection:
            results = [await connection.execute(text(statement)) for statement in statements]
            value = results[-1].scalar() if results[-1].returns_rows else None
        await engine.dispose()
        return value

    return asyncio.run(execute())


def socket_directory(server: EmbeddedServer) -> Path:
    return Path(str(make_url(server.url).query["host"]))


def postmaster(directory: Path) -> int:
    return int((directory / "postgres/postmaster.pid").read_text().split()[0])


def test_trigrams_of_chinese_text_are_made(server: EmbeddedServer) -> None:
    assert run(server, "SELECT cardinality(show_trgm('延误'))") == 3


def test_committed_rows_outlive_a_killed_server(server: EmbeddedServer, directory: Path) -> None:
    url = server.url
    run(server, "CREATE TABLE kept (n int)", "INSERT INTO kept SELECT generate_series(1, 1000)")
    os.kill(postmaster(directory), signal.SIGKILL)
    assert server.start() == url
    assert run(server, "SELECT count(*) FROM kept") == 1000


def test_a_busy_server_that_was_killed_starts_again(server: EmbeddedServer, directory: Path) -> None:
    query = "SELECT count(*) FROM generate_series(1, 10000000)"
    client = [str(binaries() / "psql"), "-h", str(socket_directory(server)), "-U", "crm_owner", "crm"]
    with subprocess.Popen([*client, "-c", query], stderr=subprocess.DEVNULL):
        time.sleep(0.3)
        os.kill(postmaster(directory), signal.SIGKILL)
        server.start()
        assert run(server, "SELECT 1") == 1


def test_a_clean_stop_leaves_nothing_to_recover(server: EmbeddedServer) -> None:
    run(server, "SELECT 1")
    server.stop()
    before = len(server.log.read_text())
    server.start()
    assert "recovery" not in server.log.read_text()[before:]


def test_an_orphan_is_adopted_and_stopped_at_the_end(
    directory: Path, kill_a_launcher: Callable[[], None]
) -> None:
    kill_a_launcher()
    orphan = postmaster(directory)
    with EmbeddedServer(directory) as server:
        assert postmaster(directory) == orphan
        assert run(server, "SELECT 1") == 1
    assert not server.ready
    assert not (directory / "postgres/postmaster.pid").exists()


def test_launcher_and_server_may_both_be_killed(directory: Path, kill_a_launcher: Callable[[], None]) -> None:
    kill_a_launcher()
    os.kill(postmaster(directory), signal.SIGKILL)
    with EmbeddedServer(directory) as server:
        assert run(server, "SELECT 1") == 1


def test_a_stale_process_number_that_went_to_another_process_is_no_rival(directory: Path) -> None:
    with EmbeddedServer(directory) as server:
        described = (directory / "postgres/postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["sleep", "60"], user=(directory / "postgres").stat().st_uid) as other:
        (directory / "postgres/postmaster.pid").write_text("\n".join([str(other.pid), *described[1:]]))
        assert not server.ready
        server.start()
        assert run(server, "SELECT 1") == 1
        server.stop()
        other.kill()


def test_a_second_launcher_is_refused(server: EmbeddedServer, directory: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="Another process"):
        EmbeddedServer(directory).start()
    assert server.ready


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / ("长" * 40) / "data, and more", {"fsync": "off"}) as server:
        sockets = socket_directory(server)
        assert run(server, "SELECT 1") == 1
        assert sockets.stat().st_mode & 0o777 == 0o700
    assert not sockets.exists()
