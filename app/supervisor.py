"""`crm up`: a whole system on one machine, out of nothing but this package."""

import ctypes
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NoReturn, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError
from rich.console import Console

from app.embedded import EmbeddedServer, EmbeddedServerError
from app.settings import Settings

READY_WITHIN_S = 60
GRACE_S = 10
FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_AFTER_S = 0.5, 30.0, 60.0
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """The system can't be brought up; the message tells a person why."""


def up(prepare: Callable[[], None], *, demo: bool) -> int:
    """Run everything until a signal says stop, and return the exit code.

    `prepare` migrates and fills the database once it is there, in this process: each start of Python costs
    two seconds.
    """
    for number in STOPPING:
        signal.signal(number, signal.default_int_handler)
    with ExitStack() as running:
        try:
            _run(running, prepare, demo=demo)
        except KeyboardInterrupt:
            code = 0
        except (StartError, EmbeddedServerError) as error:
            Console(stderr=True, soft_wrap=True).print(str(error), style="red", markup=False, highlight=False)
            code = 1
        finally:
            # Impatience must not cut the clean end short: every step of it has a limit of its own.
            for number in STOPPING:
                signal.signal(number, signal.SIG_IGN)
    return code


def join() -> None:
    """Let a command given by hand work on the system that `crm up` runs here.

    Does nothing where the environment names a database; raises `EmbeddedServerError` where nothing runs.
    """
    if "CRM_DATABASE_URL" not in os.environ:
        os.environ["CRM_DATABASE_URL"] = EmbeddedServer(_data_dir()).url
        _bring_secrets(_data_dir())


def _run(running: ExitStack, prepare: Callable[[], None], *, demo: bool) -> NoReturn:
    server = _bring_database(running)
    _bring_secrets(_data_dir())
    settings = _settings()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  # reads it
    address = f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"
    os.environ.setdefault("CRM_BASE_URL", f"http://{address}")
    _require_free(settings.host, settings.port)
    _prepare(prepare)
    children = [running.enter_context(_Child(command)) for command in ("worker", "serve")]
    _await_ready(server, children, host, settings.port)
    _welcome(demo=demo)
    while True:
        _tend(server, children)


class _Child:
    """A command that runs as long as we do: started again whenever it ends, ever later where it ends soon."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._started = self._due = 0.0
        self._pause = FIRST_PAUSE_S

    def __enter__(self) -> Self:
        self.tend()
        return self

    def __exit__(self, *_: object) -> None:
        """Ask it to finish what it does, for a while."""
        if not self._process:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tend(self) -> None:
        """Start it when that is due, or see that it ended and say when it will be."""
        if not self._process:
            if time.monotonic() >= self._due:
                self._start()
        elif (code := self._process.poll()) is not None:
            self._put_off(code)

    def _start(self) -> None:
        self._started = time.monotonic()
        # A group of its own: Ctrl-C at the terminal reaches us alone, and we stop things in order.
        self._process = subprocess.Popen(
            _command_line(self._command),
            process_group=0,
            preexec_fn=_dying_with_us(),  # noqa: PLW1509  # this process has one thread
        )

    def _put_off(self, code: int) -> None:
        self._process = None
        if time.monotonic() - self._started > STEADY_AFTER_S:
            self._pause = FIRST_PAUSE_S
        self._due = time.monotonic() + self._pause
        sys.stderr.write(f"crm {self._command} ended with {code}; it starts again in {self._pause:g} s.\n")
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S)


def _data_dir() -> Path:
    return Path(os.environ.get("CRM_DATA_DIR", Settings.model_fields["data_dir"].default))


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        # Not the error itself: it would show the value, which may be a secret.
        wrong = [f"CRM_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors()]
        raise StartError("\n".join(wrong)) from None


def _bring_database(running: ExitStack) -> EmbeddedServer | None:
    if "CRM_DATABASE_URL" in os.environ:
        return None
    server = running.enter_context(EmbeddedServer(_data_dir()))
    os.environ["CRM_DATABASE_URL"] = server.url
    return server


def _bring_secrets(directory: Path) -> None:
    """What the environment doesn't bring is made once and kept in files."""
    directory.mkdir(parents=True, exist_ok=True)
    _bring("CRM_SIGNING_KEYS", directory / "signing-key.pem", _new_signing_key)
    _bring("CRM_CURSOR_SECRET", directory / "cursor-secret", secrets.token_urlsafe)
    _bring("CRM_VAULT_KEY", directory / "vault-key", secrets.token_urlsafe)
    os.environ.setdefault("CRM_SECOND_STORE", (directory / "contracts").absolute().as_uri())


def _bring(variable: str, file: Path, make: Callable[[], str]) -> None:
    if variable in os.environ:
        return
    if not file.exists():
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(make())
        fresh.replace(file)
    os.environ[variable] = file.read_text()


def _new_signing_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode()


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = f"The API can't listen on {host}, port {port}: {os.strerror(error.errno or 0)}."
        raise StartError(f"{reason} Stop what is there, or choose another: CRM_PORT=8001") from None


def _command_line(*command: str) -> list[str]:
    return [sys.executable, "-m", "app", *command]


def _prepare(prepare: Callable[[], None]) -> None:
    try:
        prepare()
    except Exception as error:
        raise StartError(f"The database can't be prepared: {type(error).__name__}: {error}") from error


def _dying_with_us() -> Callable[[], None] | None:
    """What a child does first, so that even `kill -9` of this process leaves nobody on the port (Linux only)."""
    return partial(_die_with, os.getpid(), ctypes.CDLL(None)) if sys.platform == "linux" else None


def _die_with(parent: int, libc: ctypes.CDLL) -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _tend(server: EmbeddedServer | None, children: Sequence[_Child]) -> None:
    if server and not server.ready:
        sys.stderr.write("PostgreSQL is gone; starting it again.\n")
        server.start()
    for child in children:
        child.tend()
    time.sleep(0.1)


def _await_ready(server: EmbeddedServer | None, children: Sequence[_Child], host: str, port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not _answers(host, port):
        if time.monotonic() > deadline:
            raise StartError(
                f"The API did not become ready within {READY_WITHIN_S} s; the reason stands above."
            )
        _tend(server, children)


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _welcome(*, demo: bool) -> None:
    url = os.environ["CRM_BASE_URL"]
    said = [f"Courier CRM is up at {url}", f"docs at {url}/docs", "Ctrl-C stops it"]
    if demo:
        said.insert(2, f"who to be in {_data_dir() / 'demo-credentials.json'}")
    Console(soft_wrap=True).print(" · ".join(said))
