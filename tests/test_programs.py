"""PostgreSQL's programs are found where they are, and what is wrong with them is told in a sentence."""

import importlib.util
from pathlib import Path

import pytest

from app.embedded import EmbeddedServer, EmbeddedServerError, binaries, programs


def program(directory: Path, name: str, body: str) -> Path:
    """A program in this directory that does what the shell is told."""
    file = directory / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(programs, "binaries", programs.binaries.__wrapped__)


@pytest.mark.usefixtures("without_the_package")
def test_without_the_package_the_systems_own_postgresql_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(tmp_path, "pg_config", f"echo {binaries()}")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert programs.binaries() == binaries()


@pytest.mark.usefixtures("without_the_package")
def test_a_postgresql_that_is_too_old_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path, "pg_config", f"echo {tmp_path}")
    program(tmp_path, "postgres", "echo 'postgres (PostgreSQL) 98.6'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(programs, "OLDEST", 99)
    with pytest.raises(EmbeddedServerError, match="No PostgreSQL 99 or later here"):
        programs.binaries()
    monkeypatch.setattr(programs, "OLDEST", 98)
    assert programs.binaries() == tmp_path


def test_what_is_missing_or_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert programs.major(tmp_path) == 0
    program(tmp_path, "postgres", "exit 1")
    assert programs.major(tmp_path) == 0


def test_a_program_that_fails_or_is_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"psql failed: .*unheard-of"):
        programs.run(tmp_path, "psql", "--unheard-of")
    with pytest.raises(EmbeddedServerError, match="no-such-program can't be run"):
        programs.run(tmp_path, "no-such-program")


def test_where_no_server_runs_there_is_no_address(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="No PostgreSQL runs on"):
        _ = EmbeddedServer(tmp_path).url


def test_a_server_that_does_not_start_says_what_stands_in_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with EmbeddedServer(tmp_path) as server:
        configuration = server.data / "postgresql.conf"
    configuration.write_text("no_such_setting = on\n")
    monkeypatch.setattr("app.embedded.server.time.sleep", lambda _seconds: None)
    with pytest.raises(EmbeddedServerError, match=r"(?s)does not start.*no_such_setting"):
        server.start()
    assert not server.ready
