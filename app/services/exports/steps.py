"""Writes an approved list, some thousand customers a transaction, in sealed pieces."""

import asyncio
import csv
import io
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import xlsxwriter
from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import vault
from app.clock import now
from app.models.account import User
from app.models.export import Export, ExportColumn, ExportPart, ExportState
from app.models.import_file import FileFormat
from app.models.job import Job
from app.models.segment import Segment
from app.roles import Role, Scope, scopes_of
from app.schemas.spreadsheets import as_csv
from app.security import Principal
from app.services import events, jobs
from app.services.exports import marks, rows
from app.settings import settings

JOB = "export_customers"
STEP = 5000
CHUNK = 256 * 1024
BOM = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""
SHEET_MOST = 1_048_570
"""Rows that a sheet has room for, the lines around the list left out."""


async def step(session: AsyncSession, job: Job) -> bool:
    """Write the next rows; says whether there are more. The last step closes the file."""
    export = await Export.fetch(session, UUID(job.payload["export_id"]))
    user = await User.fetch(session, export.requested_by)
    principal = _as_of_now(user)
    if user.disabled_at or not principal.may(Scope.EXPORTS_WRITE):
        return _fail(export, job, "who asked for it may not any more")
    segment_id = export.terms.get("segment_id")
    if segment_id and not principal.may(Scope.SEGMENTS_READ):
        return _fail(export, job, "who asked for it may not see segments any more")
    segment = await Segment.fetch(session, UUID(segment_id)) if segment_id else None
    after, number = job.payload.get("after"), job.payload.get("parts", 0)
    found = (
        await session.execute(rows.matching(principal, export, segment, after and UUID(after), STEP))
    ).all()
    if export.format is FileFormat.XLSX and export.rows + len(found) > SHEET_MOST:
        return _fail(export, job, "more rows than a sheet has; ask for csv")
    lines = _marked(export, [rows.cells(row, export.columns) for row in found])
    around = [marks.line(export.id, user.username, export.decided_at or now())]
    if after is None:
        lines = [around, await rows.headings(session, export.columns), *lines]
    if len(found) < STEP:
        lines.append(around)
    await _keep(session, export, number, (BOM * (after is None) + as_csv(lines)).encode())
    export.rows += len(found)
    job.done = export.rows
    if len(found) == STEP:
        job.payload = {**job.payload, "after": str(found[-1].id), "parts": number + 1}
        return True
    if export.format is FileFormat.XLSX:
        await _bind(session, export, number + 1, user.username)
    export.advance(ExportState.READY)
    export.expires_at = now() + timedelta(days=settings().export_days)
    subject = events.Subject("export", export.id)
    await events.record(session, Principal.SYSTEM, "export.ready", subject, rows=export.rows)
    return False


def _as_of_now(user: User) -> Principal:
    """The requester with the rights of this moment, not of the moment of asking."""
    roles = [Role(role) for role in user.roles]
    return Principal(user.id, "user", tuple(roles), scopes_of(roles))


def _fail(export: Export, job: Job, why: str) -> bool:
    export.advance(ExportState.FAILED)
    jobs.fail(job, why)
    return False


def _marked(export: Export, lines: list[list[str]]) -> list[list[str]]:
    """Every so many rows, the name carries the mark, or else the first cell."""
    place = export.columns.index(ExportColumn.NAME) if ExportColumn.NAME in export.columns else 0
    for line in lines[-export.rows % marks.EVERY :: marks.EVERY]:
        line[place] += marks.hidden(export.id)
    return lines


async def _keep(session: AsyncSession, export: Export, number: int, content: bytes) -> None:
    sealed = vault.seal(content, place(export.id, number))
    await session.execute(insert(ExportPart), [{"export_id": export.id, "number": number, "content": sealed}])
    export.size += len(content)


def place(export_id: UUID, number: int) -> str:
    return f"export_parts.content:{export_id}:{number}"


async def part(session: AsyncSession, export_id: UUID, number: int) -> bytes | None:
    """A piece of the file, or `None` behind its end."""
    sealed = await session.scalar(
        select(ExportPart.content).where(ExportPart.export_id == export_id, ExportPart.number == number)
    )
    return sealed and vault.unseal(sealed, place(export_id, number))


async def _bind(session: AsyncSession, export: Export, parts: int, username: str) -> None:
    """Make a workbook of the pieces, on disk while it grows, and put it in their place."""
    await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"{export.id}.xlsx"
        book = xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": directory})
        book.set_properties(_properties(export, username))
        sheet, row = book.add_worksheet(), 0
        for number in range(parts):
            content = await part(session, export.id, number) or b""
            row = await asyncio.to_thread(_write, sheet, row, content.decode("utf-8-sig"))
        await asyncio.to_thread(book.close)
        await session.execute(delete(ExportPart).where(ExportPart.export_id == export.id))
        export.size = 0
        with path.open("rb") as file:
            for number, piece in enumerate(iter(lambda: file.read(CHUNK), b"")):
                await _keep(session, export, number, piece)


def _write(sheet: Any, row: int, content: str) -> int:
    """Cells are text, whatever they look like."""
    for cells in csv.reader(io.StringIO(content, newline="")):
        for column, cell in enumerate(cells):
            sheet.write_string(row, column, cell)
        row += 1
    return row


def _properties(export: Export, username: str) -> dict[str, Any]:
    return {
        "title": f"导出 {export.id}",
        "author": username,
        "comments": marks.line(export.id, username, export.decided_at or now()),
        "keywords": str(export.id),
        "created": export.decided_at and export.decided_at.replace(tzinfo=None),
    }
