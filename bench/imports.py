"""`python -m bench.imports`: one large import by the product's own worker, killed on the way; what is lost or doubled."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from app.database import Database, connect
from app.embedded import EmbeddedServer
from app.models.import_file import ImportFile
from app.models.job import Job, JobState
from app.schemas.import_file import ImportOptions
from app.security import Principal
from app.services.imports import files, requests
from app.settings import settings
from bench import chinese, servers

HEAD = "客户名称,客户类型,等级,联系人,职务,电话,邮箱,省,市,区,地址,需求,外部系统,外部编号\r\n"
PLACES = (("浙江省", "杭州市", "西湖区"), ("广东省", "深圳市", "南山区"), ("四川省", "成都市", "武侯区"))
TIERS = ("大客户", "中型客户", "小客户", "")

console = Console(highlight=False)


def rows(count: int) -> Iterator[str]:
    """Made-up customers, one a line."""
    draw = random.Random(1)
    for number in range(count):
        province, city, district = PLACES[number % len(PLACES)]
        name = f"{city[:2]}{''.join(draw.choices(chinese.BRANDS, k=4))}{number}有限公司"
        person = f"{draw.choice(chinese.SURNAMES)}{''.join(draw.choices(chinese.GIVEN, k=2))}"
        yield (
            f"{name},公司,{draw.choice(TIERS)},{person},物流经理,1{draw.randrange(3 * 10**9, 10**10)},"
            f"u{number}@example.com,{province},{city},{district},文三路 {number} 号 2 幢 301 室,冷链；次日达,erp,E{number}\r\n"
        )


def made_file(path: Path, count: int) -> None:
    with path.open("w", encoding="gb18030", newline="") as file:
        file.write(HEAD)
        file.writelines(rows(count))


class Worker:
    """`crm worker`, as in production, with the most memory that it has taken."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment, self._log = environment, log
        self.peak_mib = 0.0
        self.cpu_s: dict[int, float] = {}
        self.start()

    def start(self) -> None:
        with self._log.open("a") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app", "worker"], env=self._environment, stdout=out, stderr=out
            )

    def look(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        high = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
        self.peak_mib = max(self.peak_mib, int(high.split()[1]) / 1024)
        self.cpu_s[self._process.pid] = time.clock_gettime(((~self._process.pid) << 3) | 2)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


async def begin(database: Database, path: Path) -> ImportFile:
    with path.open("rb") as file:
        upload = files.Upload.of(file, path.name)
        async with database.sessions.begin() as session:
            return await requests.begin(session, Principal.SYSTEM, upload, ImportOptions())


async def followed(database: Database, job_id: UUID, worker: Worker, kills: list[float]) -> Job:
    """The job at its end; the worker is killed whenever it has come so far."""
    while True:
        await asyncio.sleep(0.2)
        worker.look()
        async with database.readings() as session:
            job = await Job.fetch(session, job_id)
        if job.finished_at is not None:
            return job
        if kills and job.total and job.done >= kills[0] * job.total:
            worker.kill()
            console.print(f"killed at {job.done:,} of {job.total:,} (start {job.starts})")
            kills.pop(0)
            worker.start()


async def counted(postgres: EmbeddedServer) -> dict[str, Any]:
    owner = await servers.owner(postgres)
    row = await owner.fetchrow(
        "SELECT (SELECT count(*) FROM customers) AS customers, (SELECT count(DISTINCT external_id) FROM external_ids) AS ids,"
        " (SELECT count(DISTINCT customer_id) FROM external_ids) AS known, (SELECT count(*) FROM contacts) AS contacts,"
        " (SELECT count(*) FROM contact_points) AS points, (SELECT count(*) FROM customer_addresses) AS addresses,"
        " (SELECT count(*) FROM events WHERE kind = 'customer.created') AS events"
    )
    await owner.close()
    return dict(row)


async def measured(postgres: EmbeddedServer, directory: Path, count: int, kills: int) -> bool:
    environment = servers.prepare(postgres, directory)
    made_file(directory / "customers.csv", count)
    database = await connect(settings())
    worker = Worker(environment, directory / "worker.log")
    try:
        started = time.monotonic()
        file = await begin(database, directory / "customers.csv")
        taken = time.monotonic() - started
        console.print(f"uploaded {file.size / 1e6:,.0f} MB, {file.encoding}, in {taken:.1f} s")
        started = time.monotonic()
        points = [(number + 1) / (kills + 1) for number in range(kills)]
        job = await followed(database, file.job_id, worker, points)
        seconds = time.monotonic() - started
    finally:
        worker.stop()
        await database.close()
    found = await counted(postgres)
    lost, doubled = count - found["ids"], found["customers"] - found["ids"]
    console.print(
        f"{job.state} after {job.starts} starts: {count:,} rows in {seconds:.0f} s, {count / seconds:,.0f} rows/s;"
        f" worker's peak {worker.peak_mib:.0f} MiB, {sum(worker.cpu_s.values()) / count * 1e6:.0f} us CPU a row; lost {lost}, doubled {doubled}"
    )
    console.print(found)
    even = {found["customers"], found["ids"], found["known"], found["contacts"], found["events"]} == {count}
    return job.state is JobState.DONE and even and found["points"] == 2 * count


def main(
    count: Annotated[int, typer.Option("--rows")] = 100_000, kills: Annotated[int, typer.Option()] = 0
) -> None:
    """Import so many made-up customers with so many kills of the worker on the way."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
        place = Path(directory)
        with EmbeddedServer(place / "postgres", servers.POSTGRES | {"shared_buffers": "512MB"}) as postgres:
            good = asyncio.run(measured(postgres, place, count, kills))
    raise SystemExit(not good)


if __name__ == "__main__":
    typer.run(main)
