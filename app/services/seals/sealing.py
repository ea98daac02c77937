"""How rows become lines, lines a manifest, and a manifest a link of the chain."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, TextClause, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.audit import AuditSeal, AuditStream

BATCH = 1000
FIRST = bytes(32)
"""What stands for the seal before the first."""
SEAL_LOCK = 6
"""Class of the advisory lock by which one worker seals at a time."""

COLUMNS = {
    AuditStream.EVENTS: (
        "id, recorded_at AT TIME ZONE 'UTC', sequence, transaction, kind, subject_type, subject_id, customer_id,"
        " actor_kind, actor_id, correlation_id, data"
    ),
    AuditStream.ACCESSES: (
        "id, occurred_at AT TIME ZONE 'UTC', transaction, kind, principal_id, operation, correlation_id,"
        " customer_id, data"
    ),
}
"""What of a row is sealed, in this order, as PostgreSQL writes it in JSON; `redact_audit` knows them, too."""


class Place(NamedTuple):
    """Where a row stands in its stream: sealed in the order of transactions, so that no later one comes before."""

    transaction: int
    id: UUID


START = Place(0, UUID(int=0))


def _lines(stream: AuditStream, where: str) -> TextClause:
    return text(
        f"SELECT transaction, id, jsonb_build_array({COLUMNS[stream]})::text AS line FROM {stream}"  # noqa: S608  # constants above
        f" WHERE (transaction, id) > (:transaction, :id) AND {where} ORDER BY transaction, id LIMIT :limit"
    )


_FINISHED = {
    stream: _lines(stream, "transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    for stream in AuditStream
}
"""Below the oldest transaction that still runs nothing can appear any more."""
_SEALED = {stream: _lines(stream, "(transaction, id) <= (:to_transaction, :to_id)") for stream in AuditStream}


async def seal(session: AsyncSession, stream: AuditStream) -> AuditSeal | None:
    """Seal the next batch of a stream; nothing where there is nothing new, or another worker is at it."""
    if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(0, :lock)"), {"lock": SEAL_LOCK}):
        return None
    before = await head(session)
    after = await last_place(session, stream)
    rows = (await session.execute(_FINISHED[stream], {**_named(after), "limit": BATCH})).all()
    if not rows:
        return None
    made = AuditSeal(
        number=before.number + 1 if before else 1,
        stream=stream,
        after_transaction=after.transaction,
        after_id=after.id,
        to_transaction=rows[-1].transaction,
        to_id=rows[-1].id,
        rows=len(rows),
        manifest=manifest_of(rows),
        sealed_at=(await session.execute(select(func.now()))).scalar_one(),
    )
    made.sha256 = digest(before.sha256 if before else FIRST, made)
    session.add(made)
    return made


async def head(session: AsyncSession) -> AuditSeal | None:
    """The last link of the chain."""
    return await session.scalar(search().limit(1))


def search() -> Select[AuditSeal]:
    return select(AuditSeal).order_by(AuditSeal.number.desc())


async def last_place(session: AsyncSession, stream: AuditStream, below: int | None = None) -> Place:
    """Where the last seal of a stream ends, of all or of those `below` a number."""
    statement = select(AuditSeal.to_transaction, AuditSeal.to_id).where(AuditSeal.stream == stream)
    if below is not None:
        statement = statement.where(AuditSeal.number < below)
    found = (await session.execute(statement.order_by(AuditSeal.number.desc()).limit(1))).one_or_none()
    return START if found is None else Place(*found)


async def sealed_rows(
    session: AsyncSession, seal: AuditSeal, most: int
) -> Sequence[Row[tuple[int, UUID, str]]]:
    """The rows that stand today where the seal says, at most so many."""
    places = {"to_transaction": seal.to_transaction, "to_id": seal.to_id, "limit": most}
    start = Place(seal.after_transaction, seal.after_id)
    return (await session.execute(_SEALED[seal.stream], _named(start) | places)).all()


def hash_of(line: str) -> bytes:
    return hashlib.sha256(line.encode()).digest()


def manifest_of(rows: Sequence[Row[tuple[int, UUID, str]]]) -> bytes:
    return b"".join(row.id.bytes + hash_of(row.line) for row in rows)


def entries(manifest: bytes) -> dict[UUID, bytes]:
    """A manifest's rows: id and SHA-256."""
    return {
        UUID(bytes=manifest[at : at + 16]): manifest[at + 16 : at + 48]
        for at in range(0, len(manifest) - 47, 48)
    }


def digest(before: bytes, seal: AuditSeal) -> bytes:
    """The seal's own hash: over the one before, every column that it shows, and the manifest."""
    columns = (
        seal.number,
        seal.stream.value,
        seal.after_transaction,
        seal.after_id,
        seal.to_transaction,
        seal.to_id,
        seal.rows,
        seal.sealed_at.isoformat(),
    )
    said = "|".join(str(column) for column in columns).encode()
    return hashlib.sha256(before + hashlib.sha256(said).digest() + seal.manifest).digest()


def _named(place: Place) -> dict[str, object]:
    return {"transaction": place.transaction, "id": place.id}
