"""API and workers on a stage: real processes, which are started again when they end."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import asyncpg

from faults.stage import Stage

RESTART_S = 0.1
"""A supervisor's pause before it starts again what ended."""


@dataclass
class Process:
    """A process of the system, and whoever starts it again when it ends."""

    arguments: list[str]
    environment: dict[str, str]
    log: Path
    starts: int = 0
    _process: asyncio.subprocess.Process | None = None
    _tending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._tending = asyncio.create_task(self._tend())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End it for good, without asking."""
        if self._tending:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
        self.kill()

    def kill(self) -> None:
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)

    async def _tend(self) -> None:
        while True:
            with self.log.open("ab") as log:
                command = [sys.executable, "-m", "faults.process", *self.arguments, f"--parent={os.getpid()}"]
                self._process = await asyncio.create_subprocess_exec(
                    *command, env=self.environment, stderr=log
                )
            self.starts += 1
            await self._process.wait()
            await asyncio.sleep(RESTART_S)


@dataclass
class Running:
    """A whole system on a database of its own."""

    stage: Stage
    database: str
    port: int
    processes: dict[str, Process] = field(default_factory=dict)
    _asking: asyncpg.Connection | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def process(self, name: str, *arguments: str, way: int | None = None) -> "Process":
        """A process of this system, not yet started; `way` is the port of a proxy to PostgreSQL."""
        url = self.stage.url("crm_login", self.database)
        if way is not None:
            url = f"postgresql://crm_login@127.0.0.1:{way}/{self.database}?ssl=disable"
        environment = os.environ | self.stage.environment(url) | {"CRM_PORT": str(self.port)}
        log = self.stage.directory / f"{self.database}-{name}.log"
        return Process(list(arguments), environment, log)

    async def ask(self, statement: str, *arguments: Any) -> Any:
        """One value straight from the database, or `None` while it can't be had."""
        try:
            async with asyncio.timeout(5):
                self._asking = self._asking or await self.stage.connect(self.database)
                return await self._asking.fetchval(statement, *arguments)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self.hang_up()
            return None

    def hang_up(self) -> None:
        if self._asking:
            self._asking.terminate()
        self._asking = None

    async def queue_empty(self) -> bool:
        pending = "SELECT NOT EXISTS (SELECT FROM outbox WHERE done_at IS NULL AND failed_at IS NULL)"
        return bool(await self.ask(pending))

    async def ready(self) -> None:
        async def answers() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                return False
            writer.close()
            return bool(await self.ask("SELECT count(*) > 0 FROM worker_heartbeats"))

        await until(answers, within=60)


@asynccontextmanager
async def running(
    stage: Stage,
    database: str,
    *,
    api: tuple[str, ...] = (),
    workers: Mapping[str, tuple[str, ...]] | None = None,
    ways: Mapping[str, int] | None = None,
    options: str = "",
) -> AsyncIterator[Running]:
    """API and workers on a fresh copy of the template; `ways` has the ports of proxies to PostgreSQL."""
    await stage.clone(database, options)
    system = Running(stage, database, free_port())
    commands = {"api": ("serve", *api)}
    commands |= {name: ("worker", *rest) for name, rest in (workers or {"worker": ()}).items()}
    async with contextlib.AsyncExitStack() as stack:
        for name, arguments in commands.items():
            process = system.process(name, *arguments, way=(ways or {}).get(name))
            system.processes[name] = await stack.enter_async_context(process)
        stack.callback(system.hang_up)
        await system.ready()
        yield system


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def until(true: Callable[[], Awaitable[object]], within: float) -> float:
    """Ask again and again until it is true; how many seconds that took. Raises `TimeoutError`."""
    started = time.monotonic()
    async with asyncio.timeout(within):
        while not await true():  # noqa: ASYNC110  # nobody tells when
            await asyncio.sleep(0.02)
    return time.monotonic() - started
