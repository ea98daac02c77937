"""`crm import`: a file of customers from a terminal, by the same services as over the API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import text

from app.database import Database, connect
from app.models.import_file import ImportFile, OnMatch
from app.models.job import JobState
from app.schemas.import_file import ImportErrorsQuery, ImportOptions
from app.security import Principal
from app.services.imports import files, requests
from app.settings import settings
from app.supervisor import join
from app.worker import run_job

LOOK_S = 0.3
ALIVE = text("SELECT EXISTS (SELECT FROM worker_heartbeats WHERE beat_at > now() - interval '15 seconds')")
ENDED = {JobState.DONE, JobState.FAILED, JobState.CANCELLED}
COUNTS = ("read", "created", "updated", "skipped", "failed")

console = Console(soft_wrap=True)


def main(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX, with headings.", exists=True, dir_okay=False)],
    mapping: Annotated[str | None, typer.Option(help="A mapping of columns, by its name.")] = None,
    on_match: Annotated[
        OnMatch, typer.Option(help="What to do with customers that are there.")
    ] = OnMatch.UPDATE,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count everything, change nothing.")] = False,
) -> None:
    """Take in a file of customers; rows that fail are told in a file beside it."""
    join()
    options = ImportOptions(mapping=mapping, on_match=on_match, dry_run=dry_run)
    done, errors = asyncio.run(_take_in(file, options))
    console.print(", ".join(f"{name} {getattr(done, name):,}" for name in COUNTS))
    if errors:
        path = file.with_name(f"{file.name}.errors.csv")
        path.write_text(errors, "utf-8", newline="")
        console.print(f"What is wrong with the rows that failed stands in {path}.")
    if done.state is not JobState.DONE:
        console.print(f"It ended as {done.state}: {done.error or ''}", style="red")
        raise SystemExit(1)


async def _take_in(path: Path, options: ImportOptions) -> tuple[ImportFile, str]:
    """The import at its end, and what is wrong with the rows that failed."""
    database = await connect(settings())
    try:
        with path.open("rb") as content, closing(files.Upload.of(content, path.name)) as upload:
            async with database.sessions.begin() as session:
                begun = await requests.begin(session, Principal.SYSTEM, upload, options)
        async with _worked_on(database, begun.job_id):
            done = await _followed(database, begun.id)
        return done, await _errors(database, done) if done.failed else ""
    finally:
        await database.close()


@asynccontextmanager
async def _worked_on(database: Database, job_id: UUID) -> AsyncIterator[None]:
    """By a worker if one is alive, else by this process."""
    async with database.readings() as session:
        alive = await session.scalar(ALIVE)
    here = None if alive else asyncio.create_task(run_job(database.sessions, job_id))
    yield
    if here:
        await here


async def _followed(database: Database, import_id: UUID) -> ImportFile:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("rows", total=None)
        while True:
            async with database.readings() as session:
                file = await requests.get(session, import_id)
            progress.update(bar, total=file.total, completed=file.read)
            if file.state in ENDED:
                return file
            await asyncio.sleep(LOOK_S)


async def _errors(database: Database, file: ImportFile) -> str:
    from app.routers.v1.imports import errors_file

    after, parts = 0, list[str]()
    while True:
        async with database.readings() as session:
            _, rows = await requests.failed(session, file.id, ImportErrorsQuery(after=after))
        if not rows:
            return "".join(parts)
        part = errors_file(file, rows, "zh")
        parts.append(part.partition("\r\n")[2] if parts else part)
        after = rows[-1].line
