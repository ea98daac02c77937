"""PostgreSQL's disk is full: writes are refused, reads served, and nothing acknowledged is lost."""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from app.roles import Role
from faults.kills import recover, tended
from faults.load import Clients, loaded
from faults.report import Outcome, settle
from faults.stage import Stage
from faults.system import Running, running, until

SIZE = "128m"
READS = 20


async def disk_full(stage: Stage, seed: int) -> Outcome:
    """All tables and indexes on a small file system of their own, filled and freed under load."""
    outcome = Outcome("disk full")
    place = stage.directory / "small"
    async with _mounted(stage, place) as problem:
        if problem:
            outcome.not_run = f"a tmpfs can't be mounted here: {problem}"
            return outcome
        async with (
            _tablespace(stage, place),
            running(stage, "disk", options="TABLESPACE small") as system,
            loaded(system.base_url, stage.tokens, seed) as clients,
        ):
            await asyncio.sleep(2)
            await _fill_and_free(outcome, system, clients, place / "filler")
            await settle(outcome, system, clients)
    return outcome


async def wal_full(stage: Stage, seed: int) -> Outcome:
    """The WAL on a small file system: PostgreSQL stops, and goes on when it is started again with room."""
    outcome = Outcome("disk of the WAL full")
    place = stage.directory / "small-wal"
    async with _mounted(stage, place) as problem:
        if problem:
            outcome.not_run = f"a tmpfs can't be mounted here: {problem}"
            return outcome
        async with (
            Stage(stage.directory / "wal", place) as own,
            running(own, "wal_full") as system,
            tended(own),
            loaded(system.base_url, own.tokens, seed) as clients,
        ):
            await asyncio.sleep(2)
            await _stop_and_free(outcome, system, clients, place / "filler")
            await settle(outcome, system, clients)
    return outcome


async def _stop_and_free(outcome: Outcome, system: Running, clients: Clients, filler: Path) -> None:
    refused = clients.ledger.answers[503]

    async def refuses() -> bool:
        await asyncio.to_thread(_fill, filler)
        await system.ask("SELECT pg_switch_wal()")
        return clients.ledger.answers[503] > refused + 3

    await until(refuses, within=60)
    await asyncio.sleep(3)
    outcome.notes.append(f"while full: {clients.ledger.answers[503] - refused} requests refused with 503")
    await asyncio.to_thread(filler.unlink)
    outcome.recoveries.append(await recover(system, clients, "WAL full"))


async def _fill_and_free(outcome: Outcome, system: Running, clients: Clients, filler: Path) -> None:
    refused = clients.ledger.answers[503]

    async def refuses() -> bool:
        await asyncio.to_thread(_fill, filler)
        return clients.ledger.answers[503] > refused + 3

    await until(refuses, within=60)
    reads = await _reads(system, clients)
    outcome.notes.append(
        f"while full: {clients.ledger.answers[503] - refused} writes refused with 503, {READS} reads: {reads}"
    )
    if reads != {200}:
        outcome.violations.append(f"reads are answered {reads} while the disk is full")
    await asyncio.to_thread(filler.unlink)
    outcome.recoveries.append(await recover(system, clients, "disk full"))


async def _reads(system: Running, clients: Clients) -> set[int]:
    """The statuses with which staff's and a partner's look at acknowledged shipments are answered."""
    numbers = list(clients.ledger.shipments)
    found = set()
    async with httpx.AsyncClient(base_url=system.base_url, timeout=30) as http:
        for index in range(READS):
            number = numbers[index % len(numbers)]
            for role, path in (
                (Role.OPERATIONS, f"/v1/shipments/{number}"),
                (Role.PARTNER, f"/v1/partner/shipments?tracking_no={number}"),
            ):
                headers = {"Authorization": f"Bearer {system.stage.tokens[role]}"}
                found.add((await http.get(path, headers=headers)).status_code)
            await asyncio.sleep(0.1)
    return found


def _fill(filler: Path) -> None:
    """Write until nothing fits any more."""
    with filler.open("ab", buffering=0) as opened:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    opened.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


@asynccontextmanager
async def _mounted(stage: Stage, place: Path) -> AsyncIterator[str]:
    """A small file system that belongs to PostgreSQL's user; gives the reason where there can be none."""
    owner = await asyncio.to_thread(stage.server.data.stat)
    await asyncio.to_thread(place.mkdir)
    options = f"size={SIZE},mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    problem = await _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place))
    try:
        yield problem
    finally:
        if not problem:
            await _run("umount", str(place))


async def _run(*command: str) -> str:
    """What a command complains about; nothing where it went well."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    except OSError as error:
        return str(error)
    _, complaint = await process.communicate()
    return complaint.decode().strip() or "refused" if process.returncode else ""


@asynccontextmanager
async def _tablespace(stage: Stage, place: Path) -> AsyncIterator[None]:
    async with stage.owner("postgres") as connection:
        await connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # the server goes with the scratch directory anyway
            async with stage.owner("postgres") as connection:
                await connection.execute("DROP DATABASE IF EXISTS disk WITH (FORCE)")
                await connection.execute("DROP TABLESPACE small")
