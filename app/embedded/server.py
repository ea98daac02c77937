"""The server's life: created, started, adopted, stopped."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, Self

from app.embedded.ownership import hand_over
from app.embedded.programs import OLDEST, EmbeddedServerError, binaries, identity, major, run

PORT = "5432"
SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "shared_buffers": "256MB",
    "max_connections": "200",
    # A bulk load must not wait a minute for the statistics that make its look-ups fast.
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The text and values of a failed statement are people's data; they don't belong in a log file.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
if sys.platform == "linux":
    # After a crash one call flushes the file system, where the default opens and flushes every file: seconds.
    SETTINGS["recovery_init_sync_method"] = "syncfs"
PREPARE = r"""
SELECT 'CREATE DATABASE crm' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'crm') \gexec
\connect crm
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SELECT cardinality(show_trgm('延误')) > 0;
"""


class _Postmaster(NamedTuple):
    pid: int
    sockets: Path
    ready: bool


class EmbeddedServer:
    """A server with its data in `directory/postgres` and its log in `directory/postgres.log`.

    Its socket stands where only its own user can go, so nobody needs a password. Launched by root, which
    PostgreSQL refuses, it runs as `postgres` or `nobody`. A server that outlived its launcher is adopted.
    """

    def __init__(self, directory: Path, settings: dict[str, str] | None = None) -> None:
        self.data = directory.resolve() / "postgres"
        self.log = self.data.with_suffix(".log")
        self._settings = SETTINGS | (settings or {})
        self._sockets: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of database `crm`, as its owner; a process that didn't start it may ask, too."""
        return f"postgresql+asyncpg://crm_owner@/crm?host={self._found().sockets}&port={PORT}"

    @property
    def ready(self) -> bool:
        """Whether the server takes connections."""
        postmaster = self._postmaster()
        return postmaster is not None and postmaster.ready

    def start(self) -> str:
        """Create, recover or adopt the server and return its URL, which stays the same after a crash."""
        self._take_lock()
        try:
            if not self.data.exists():
                self._create()
            hand_over(self.data)
            self._bring_up()
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Roll back what is under way and shut down: cleanly, or after 20 s not cleanly."""
        if not self._lock:
            return
        for number in (signal.SIGINT, signal.SIGQUIT):
            if pid := self._pid():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
                self._wait_for_end(seconds=20)
        if self._sockets and self._sockets != self.data:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._lock.close()
        self._sockets = self._process = self._lock = None

    def _take_lock(self) -> None:
        """One launcher at a time; the kernel drops the lock of one that was killed."""
        if self._lock:
            return
        try:
            self.data.parent.mkdir(parents=True, exist_ok=True)
            lock = self.data.with_suffix(".lock").open("w")
        except PermissionError as error:
            raise EmbeddedServerError(f"{self.data.parent} is another user's: {error}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise EmbeddedServerError(
                f"Another process, perhaps `crm up`, already runs PostgreSQL on {self.data}."
            ) from None
        self._lock = lock

    def _create(self) -> None:
        """Make the cluster under another name first, so that a half-made one is never taken for whole."""
        fresh = self.data.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        hand_over(fresh)
        # Without a UTF-8 character type the trigrams of Chinese text come out empty, silently.
        options = ["--username=crm_owner", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        if major(binaries()) > OLDEST:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        run(fresh, "initdb", f"--pgdata={fresh}", *options)
        fresh.rename(self.data)
        os.sync()  # the new name, too, must outlive a power cut

    def _bring_up(self) -> None:
        """Wait for the server, launching it where there is none.

        After a crash it may refuse for a while: processes of its predecessor still hold the shared memory.
        """
        for _ in range(20):
            if not self._pid():
                self._launch()
            while self._pid():
                if self.ready and self._prepared():
                    return
                time.sleep(0.02)
            time.sleep(0.5)
        log = self.log.read_text(errors="replace").splitlines()
        raise EmbeddedServerError(
            "\n".join([f"PostgreSQL does not start. The end of {self.log}:", *log[-5:]])
        )

    def _launch(self) -> None:
        self._sockets = self._sockets or _socket_directory(self.data)
        # Their process is gone; where its number went to another one, the server would see a rival.
        for stale in (self.data / "postmaster.pid", self._sockets / f".s.PGSQL.{PORT}.lock"):
            stale.unlink(missing_ok=True)
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [str(binaries() / "postgres"), "-D", str(self.data), "-k", str(self._sockets), *options]
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "wb") as log:
            # A session of its own: Ctrl-C at the terminal is for the launcher, which then stops the server.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **identity(self.data),
            )

    def _prepared(self) -> bool:
        """Make the database where it is missing and prove its Chinese search; False if the server died of late."""
        options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        try:
            self._sockets = self._found().sockets
            login = [f"--host={self._sockets}", f"--port={PORT}", "--username=crm_owner", "postgres"]
            answer = run(self.data, "psql", *options, *login, standard_input=PREPARE)
        except EmbeddedServerError:
            if self.ready:
                raise
            return False
        if answer.strip() != "t":
            raise EmbeddedServerError(
                "This PostgreSQL makes no trigrams of Chinese text: search would miss it."
            )
        return True

    def _wait_for_end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._pid() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _pid(self) -> int | None:
        if self._process and self._process.poll() is None:
            return self._process.pid
        postmaster = self._postmaster()
        return postmaster and postmaster.pid

    def _found(self) -> _Postmaster:
        if not (postmaster := self._postmaster()):
            raise EmbeddedServerError(f"No PostgreSQL runs on {self.data}.")
        return postmaster

    def _postmaster(self) -> _Postmaster | None:
        """What the server wrote about itself: process on line 1, socket's directory on 5, status on 8."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if not lines or not _serves(int(lines[0]), self.data):
            return None
        lines += [""] * (8 - len(lines))
        return _Postmaster(int(lines[0]), Path(lines[4]), lines[7].strip() == "ready")


def _socket_directory(data: Path) -> Path:
    """The data's own, unless its path is too long for a socket's name or has characters that mean something.

    A socket's path has 107 bytes at most; commas, colons and the like are read as lists and ports elsewhere.
    """
    if re.fullmatch(r"[\w./-]{1,90}", str(data), re.ASCII):
        return data
    private = Path(tempfile.mkdtemp(prefix="crm-"))
    if os.geteuid() == 0:
        shutil.chown(private, data.stat().st_uid)
    return private


def _serves(pid: int, data: Path) -> bool:
    """Whether this process is the server on the data, not a later one that was given the same number."""
    if sys.platform == "linux":
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            return False
    else:
        shown = subprocess.run(
            ["/bin/ps", "-wwo", "command=", "-p", str(pid)], check=False, capture_output=True
        )
        command = shown.stdout
    return b"postgres -D " + os.fsencode(data) + b" " in command
