"""Takes a file in, some thousand rows a transaction; how far it has come is committed with the rows."""

import asyncio
from collections import Counter, OrderedDict
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.customer import CustomerKind
from app.models.duplicate import DuplicateOrigin
from app.models.import_file import ImportFile, ImportKey, OnMatch, RowOutcome
from app.models.job import Job
from app.schemas.import_file import problem
from app.security import Principal
from app.services.duplicates import found as duplicates
from app.services.imports import matches, updates
from app.services.imports.files import Source
from app.services.imports.rows import Draft, Reader
from app.services.imports.writes import Writes

JOB = "import_customers"
STEP = 2000
RACES = 3
ALL = 10**9

_sources: OrderedDict[UUID, Source] = OrderedDict()
"""Files that this process is reading; one that stands elsewhere than its import is begun anew."""
OPEN = 4


async def step(session: AsyncSession, job: Job) -> bool:
    """Count the rows, then take in the next ones; says whether there are more."""
    file = await ImportFile.fetch(session, UUID(job.payload["import_id"]))
    if job.total is None:
        job.total = await Source(file).skip(session, ALL)
        return job.total > 0
    records = await (await _source(session, file)).take(session, STEP)
    reader = Reader(
        tuple(column["field"] for column in file.columns),
        file.kind or CustomerKind.COMPANY,
        file.external_system,
    )
    drafts = await asyncio.to_thread(lambda: [reader.draft(record) for record in records])
    await _take_in(session, file, drafts)
    file.read += len(drafts)
    job.done = file.read
    return file.read < job.total


async def _source(session: AsyncSession, file: ImportFile) -> Source:
    source = _sources.pop(file.id, None)
    if source is None or source.position != file.read:
        source = Source(file)
        await source.skip(session, file.read)
    _sources[file.id] = source
    if len(_sources) > OPEN:
        _sources.popitem(last=False)
    return source


async def _take_in(session: AsyncSession, file: ImportFile, drafts: list[Draft]) -> None:
    """Somebody who makes the same customer at the same time wins; the rows then meet it as one that is there."""
    sound = [draft for draft in drafts if draft.customer]
    await matches.name_owners(session, sound)
    await matches.name_tiers(session, sound)
    for group in matches.apart([draft for draft in sound if not draft.problems]):
        rest = group
        while rest:
            rest = await _write_or_again(session, file, rest)
    failed = Writes(file.id)
    for draft in drafts:
        if draft.problems:
            failed.note(draft, RowOutcome.FAILED)
    file.failed += len(failed.rows)
    await failed.flush(session, Principal.SYSTEM)


async def _write_or_again(session: AsyncSession, file: ImportFile, group: list[Draft]) -> list[Draft]:
    for _ in range(RACES - 1):
        try:
            async with session.begin_nested():
                return await _write(session, file, group)
        except IntegrityError:
            for draft in group:
                draft.problems.clear()
    return await _write(session, file, group)


async def _write(session: AsyncSession, file: ImportFile, group: list[Draft]) -> list[Draft]:
    """Write the rows up to one that means a customer which a row before it has changed; that one and the rest wait."""
    found = await matches.existing(session, file, group)
    update = file.on_match is OnMatch.UPDATE
    wanted = {min(ids) for ids in found.values()} - {matches.TO_COME} if update else set()
    present = await updates.present(session, wanted)
    gathered = Writes(file.id)
    counts = await asyncio.to_thread(_gather, gathered, group, found, file.on_match, present)
    group, rest = group[: counts.total()], group[counts.total() :]
    if file.dry_run:
        await _remember(session, file, group, found)
    else:
        await gathered.flush(session, actor_of(file.requested_by))
        await duplicates.note(session, gathered.touched, DuplicateOrigin.IMPORT)
    file.created += counts["created"]
    file.updated += counts["updated"]
    file.skipped += counts["skipped"]
    return rest


def _gather(
    gathered: Writes,
    group: list[Draft],
    found: dict[int, set[UUID]],
    on_match: OnMatch,
    present: dict[UUID, updates.Present],
) -> Counter[str]:
    counts, met = Counter[str](), set[UUID]()
    for draft in group:
        meant = found.get(draft.line, set())
        if on_match is OnMatch.UPDATE and met & meant:
            break
        met |= meant - {matches.TO_COME}
        counts[_outcome(gathered, draft, meant, on_match, present)] += 1
    return counts


def _outcome(
    gathered: Writes,
    draft: Draft,
    found: set[UUID],
    on_match: OnMatch,
    present: dict[UUID, updates.Present],
) -> str:
    gone = on_match is OnMatch.UPDATE and not found & {*present, matches.TO_COME}
    if not found or gone:
        gathered.create(draft)
        return "created"
    if len(found) > 1:
        draft.problems.append(
            problem(
                None,
                "the code is one customer's, the external id another's",
                "客户代码与外部编号属于不同的客户",
            )
        )
        return "failed"
    if on_match is OnMatch.ERROR:
        name = "external_id" if draft.body.external_id else "code"
        draft.problems.append(problem(name, "this customer is there already", "该客户已存在"))
        return "failed"
    (customer_id,) = found
    if on_match is OnMatch.SKIP:
        return "skipped"
    if customer_id == matches.TO_COME or updates.update(gathered, draft, present[customer_id]):
        return "updated"
    return "skipped"


async def _remember(
    session: AsyncSession, file: ImportFile, group: list[Draft], found: dict[int, set[UUID]]
) -> None:
    """Of a dry run: what these rows would have made."""
    update = file.on_match is OnMatch.UPDATE
    known = [draft for draft in group if not draft.problems and (update or draft.line not in found)]
    rows = [{"import_id": file.id, "key": key} for draft in known for key in draft.keys]
    if rows:
        await session.execute(insert(ImportKey).on_conflict_do_nothing(), rows)


def actor_of(user_id: UUID) -> Principal:
    """Whoever asked for it: a member of staff, or somebody at a terminal of the house."""
    return Principal(user_id, "system" if user_id == Principal.SYSTEM.id else "user")
