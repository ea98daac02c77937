"""Imports as people ask for them, look at them, stop them and take them back."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload
from uuid_utils.compat import uuid7

from app.errors import Conflict, Invalid, NotFound
from app.models.import_file import ImportFile, ImportMapping, ImportRow, RowOutcome
from app.models.job import JobState
from app.schemas.import_file import ImportErrorsQuery, ImportMappingPut, ImportOptions
from app.security import Principal
from app.services import events, jobs
from app.services.imports import columns, files, steps, undo

MOST_ERRORS = 10_000
_ENDED = {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


async def begin(
    session: AsyncSession, actor: Principal, upload: files.Upload, options: ImportOptions
) -> ImportFile:
    """Keep the file and have the worker take it in. Raises `Invalid` where its columns say too little."""
    mapping = await _mapping(session, options.mapping)
    named = {each["heading"]: each["field"] for each in mapping.columns} if mapping else {}
    import_id = uuid7()
    job = await jobs.enqueue(session, steps.JOB, {"import_id": str(import_id)}, requested_by=actor.id)
    file = ImportFile(
        id=import_id,
        filename=upload.name,
        format=upload.kind.format,
        encoding=upload.kind.encoding,
        delimiter=upload.kind.delimiter,
        columns=columns.read(upload.headings(), named),
        kind=mapping and mapping.kind,
        external_system=mapping and mapping.external_system,
        **options.model_dump(),
        size=0,
        job_id=job.id,
        requested_by=actor.id,
    )
    session.add(file)
    await session.flush()
    file.size = await files.keep(session, import_id, upload.content)
    await events.record(session, actor, "import.begun", _subject(file), dry_run=file.dry_run)
    return await get(session, import_id)


async def _mapping(session: AsyncSession, name: str | None) -> ImportMapping | None:
    if name is None:
        return None
    mapping = await session.get(ImportMapping, name)
    if mapping is None:
        raise Invalid("There is no such mapping.", "没有这个映射。", pointer="/body/mapping")
    return mapping


def listed() -> Select[ImportFile]:
    jobs_of = (joinedload(ImportFile.job), joinedload(ImportFile.undo_job))
    return select(ImportFile).options(*jobs_of).order_by(ImportFile.created_at.desc(), ImportFile.id.desc())


async def get(session: AsyncSession, import_id: UUID) -> ImportFile:
    """The import as it stands now, with its jobs."""
    statement = listed().where(ImportFile.id == import_id)
    file = await session.scalar(statement.execution_options(populate_existing=True))
    if file is None:
        raise NotFound
    return file


async def failed(
    session: AsyncSession, import_id: UUID, query: ImportErrorsQuery
) -> tuple[ImportFile, list[ImportRow]]:
    """The rows behind a line that failed, some thousand of them, in the order of the file."""
    file = await get(session, import_id)
    statement = select(ImportRow).where(
        ImportRow.import_id == import_id, ImportRow.outcome == RowOutcome.FAILED, ImportRow.line > query.after
    )
    return file, list(await session.scalars(statement.order_by(ImportRow.line).limit(MOST_ERRORS)))


async def cancel(session: AsyncSession, actor: Principal, import_id: UUID) -> ImportFile:
    """Stop it at its next step; what it has taken in stays, and can be taken back."""
    file = await get(session, import_id)
    await jobs.cancel(session, file.job_id)
    await events.record(session, actor, "import.cancelled", _subject(file))
    return await get(session, import_id)


async def take_back(session: AsyncSession, actor: Principal, import_id: UUID) -> ImportFile:
    """Undo it by a job; one that was broken off goes on where it stopped."""
    file = await get(session, import_id)
    await session.refresh(file, with_for_update={"of": ImportFile})
    if file.dry_run or file.job.state not in _ENDED:
        raise Conflict(
            "There is nothing to take back: it was a dry run, or has not ended; cancel it first.",
            "没有可撤销的内容：这是试运行，或尚未结束；请先取消。",
        )
    last = file.undo_job
    if last is not None and last.state not in {JobState.FAILED, JobState.CANCELLED}:
        raise Conflict("It is being taken back, or was.", "正在撤销，或已撤销。")
    payload = last.payload if last is not None else {"import_id": str(file.id)}
    job = await jobs.enqueue(session, undo.JOB, payload, requested_by=actor.id)
    job.total = file.created + file.updated
    file.undo_job_id = job.id
    await session.flush()
    await events.record(session, actor, "import.taken_back", _subject(file))
    return await get(session, import_id)


async def keep_mapping(
    session: AsyncSession, actor: Principal, name: str, body: ImportMappingPut
) -> ImportMapping:
    """Make the mapping of this name, or replace it."""
    mapping = await session.get(ImportMapping, name, with_for_update=True)
    if mapping is None:
        mapping = ImportMapping(name=name)
        session.add(mapping)
    for field, value in body.model_dump(mode="json").items():
        setattr(mapping, field, value)
    mapping.changed_by = actor.id
    await session.flush()
    return mapping


def _subject(file: ImportFile) -> events.Subject:
    return events.Subject("import", file.id)
