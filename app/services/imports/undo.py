"""An import taken back, the last row first: what it made goes, what it changed is as it was, what somebody changed stays."""

from collections import Counter
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import Base
from app.models.customer import (
    Contact,
    Customer,
    CustomerAddress,
    CustomerContact,
    ExternalId,
)
from app.models.duplicate import DuplicateKey, DuplicatePair
from app.models.import_file import ImportFile, ImportRow, RowOutcome
from app.models.job import Job
from app.models.segment import SegmentSeen
from app.security import Principal
from app.services import contact_points, events, names
from app.services.duplicates import found as duplicates
from app.services.imports import bulk
from app.services.imports.steps import STEP, actor_of
from app.services.imports.writes import SCALARS

JOB = "undo_import"

_OWN = {
    CustomerContact.__tablename__,
    CustomerAddress.__tablename__,
    ExternalId.__tablename__,
    DuplicateKey.__tablename__,
    DuplicatePair.__tablename__,
    SegmentSeen.__tablename__,
}
"""What an import makes of a customer, and what follows from it by itself."""


async def step(session: AsyncSession, job: Job) -> bool:
    """Take back the next rows; says whether there are more."""
    file = await ImportFile.fetch(session, UUID(job.payload["import_id"]))
    rows = await _next(session, file.id, job.payload.get("before"))
    group: list[ImportRow] = []
    for row in rows:
        if any(row.customer_id == each.customer_id for each in group):
            break
        group.append(row)
    counts = await _take_back(session, file.id, group, actor_of(job.requested_by or file.requested_by))
    file.removed += counts["removed"]
    file.restored += counts["restored"]
    file.kept += counts["kept"]
    job.done += len(group)
    if group:
        job.payload = {**job.payload, "before": group[-1].line}
    return bool(group)


async def _next(session: AsyncSession, import_id: UUID, before: int | None) -> list[ImportRow]:
    statement = select(ImportRow).where(
        ImportRow.import_id == import_id, ImportRow.outcome != RowOutcome.FAILED
    )
    if before is not None:
        statement = statement.where(ImportRow.line < before)
    return list(await session.scalars(statement.order_by(ImportRow.line.desc()).limit(STEP)))


async def _take_back(
    session: AsyncSession, import_id: UUID, rows: list[ImportRow], actor: Principal
) -> Counter[str]:
    versions = await _locked(session, [row.customer_id for row in rows if row.customer_id])
    untouched = [row for row in rows if row.customer_id and versions.get(row.customer_id) == row.version]
    made = [row for row in untouched if row.outcome is RowOutcome.CREATED]
    busy = await _with_more(session, made)
    gone = [row for row in made if row.customer_id not in busy]
    back = [row for row in untouched if row.outcome is RowOutcome.UPDATED]
    await _remove_parts(session, gone + back)
    ids = [_customer_of(row) for row in gone]
    await duplicates.forget(session, ids)
    await session.execute(_UNSEE, {"ids": ids})
    await session.execute(_REMOVE, {"ids": ids})
    await _restore(session, import_id, back)
    await duplicates.note(session, [_customer_of(row) for row in back])
    happenings = [_told("customer.removed", row) for row in gone]
    happenings += [_told("customer.restored", row) for row in back]
    await events.record_all(session, actor, happenings)
    return Counter(removed=len(gone), restored=len(back), kept=len(rows) - len(gone) - len(back))


def _told(kind: str, row: ImportRow) -> events.Happening:
    subject = events.Subject("customer", _customer_of(row), row.customer_id)
    return events.Happening(kind, subject, {"import_id": str(row.import_id)})


def _customer_of(row: ImportRow) -> UUID:
    if row.customer_id is None:
        raise LookupError("a row that failed has no customer")
    return row.customer_id


async def _locked(session: AsyncSession, ids: list[UUID]) -> dict[UUID, int]:
    """Versions; nothing can be hung on a customer that is locked."""
    statement = select(Customer.id, Customer.version).where(Customer.id.in_(ids))
    locked = await session.execute(statement.order_by(Customer.id).with_for_update())
    return {row.id: row.version for row in locked}


async def _with_more(session: AsyncSession, rows: list[ImportRow]) -> set[UUID]:
    """Customers on which something hangs that the import did not make, or people whom somebody has changed."""
    ids = [_customer_of(row) for row in rows]
    if not ids:
        return set()
    busy = set(await session.scalars(_hung_on(ids)))
    own = {_customer_of(row): _ids(row) for row in rows}
    for part, statement in _parts(ids).items():
        for customer_id, *key in await session.execute(statement):
            if "|".join(map(str, key)) not in own[customer_id][part]:
                busy.add(customer_id)
    return busy


def _hung_on(ids: list[UUID]) -> Any:
    """Of these customers, those that any other table points at."""
    pointing = [
        select(key.parent.label("customer_id")).where(key.parent.in_(ids))
        for table in Base.metadata.sorted_tables
        if table.name not in _OWN
        for key in sorted(table.foreign_keys, key=str)
        if key.column is Customer.__table__.c.id
    ]
    return union_all(*pointing)


def _parts(ids: list[UUID]) -> dict[str, Select[Any]]:
    """What an import makes of a customer; of a person, only one that nobody has changed."""
    return {
        "contacts": select(CustomerContact.customer_id, case((Contact.version == 1, Contact.id)))
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .where(CustomerContact.customer_id.in_(ids)),
        "addresses": select(CustomerAddress.customer_id, CustomerAddress.id).where(
            CustomerAddress.customer_id.in_(ids)
        ),
        "external_ids": select(ExternalId.customer_id, ExternalId.system, ExternalId.external_id).where(
            ExternalId.customer_id.in_(ids)
        ),
    }


def _ids(row: ImportRow) -> dict[str, set[str]]:
    before = row.before or {}
    return {
        "contacts": set(before.get("contacts", [])),
        "addresses": set(before.get("addresses", [])),
        "external_ids": {"|".join(pair) for pair in before.get("external_ids", [])},
    }


async def _remove_parts(session: AsyncSession, rows: list[ImportRow]) -> None:
    """People go only if nobody else has them."""
    added = [(row.customer_id, row.before or {}) for row in rows]
    contacts = [(customer_id, each) for customer_id, before in added for each in before.get("contacts", [])]
    pairs = [(customer_id, *pair) for customer_id, before in added for pair in before.get("external_ids", [])]
    for statement, columns in (
        (_UNLINK, list(zip(*contacts, strict=True))),
        (_FORGET_IDS, list(zip(*pairs, strict=True))),
        (_FORGET_POINTS, [[each for _, before in added for each in before.get("points", [])]]),
        (_FORGET_ADDRESSES, [[each for _, before in added for each in before.get("addresses", [])]]),
    ):
        if columns and columns[0]:
            given = zip(("first", "second", "third"), map(list, columns), strict=False)
            await session.execute(statement, dict(given))
    await contact_points.forget_unlinked(session, [UUID(each) for _, each in contacts])


async def _restore(session: AsyncSession, import_id: UUID, rows: list[ImportRow]) -> None:
    ids = [_customer_of(row) for row in rows]
    current = {row.id: row for row in await session.execute(select(*_KEPT).where(Customer.id.in_(ids)))}
    changed, roles = [], []
    for row in rows:
        before = row.before or {}
        was = current[_customer_of(row)]._asdict() | before.get("fields", {})
        changed.append({**was, "romanised": names.romanised(was["name"])})
        roles += [
            {"customer_id": row.customer_id, "contact_id": contact_id, "role": role}
            for contact_id, role in before.get("roles", [])
        ]
    await bulk.update(session, CustomerContact, roles)
    await bulk.update(session, Customer, changed)
    lines = [row.line for row in rows]
    await session.execute(_FOLLOW, {"ids": ids, "lines": lines, "import_id": import_id})


_KEPT = [getattr(Customer, name) for name in ("id", *SCALARS)]
_UNLINK = text("""
    DELETE FROM customer_contacts USING unnest(CAST(:first AS uuid[]), CAST(:second AS uuid[])) AS given (c, p)
    WHERE customer_id = c AND contact_id = p
""")
_FORGET_IDS = text("""
    DELETE FROM external_ids
    USING unnest(CAST(:first AS uuid[]), CAST(:second AS text[]), CAST(:third AS text[])) AS given (c, s, e)
    WHERE customer_id = c AND system = s AND external_id = e
""")
_FORGET_POINTS = text("DELETE FROM contact_points WHERE id = ANY (CAST(:first AS uuid[]))")
_FORGET_ADDRESSES = text("DELETE FROM customer_addresses WHERE id = ANY (CAST(:first AS uuid[]))")
_UNSEE = text("DELETE FROM segment_seen WHERE customer_id = ANY (CAST(:ids AS uuid[]))")
_REMOVE = text("DELETE FROM customers WHERE id = ANY (CAST(:ids AS uuid[]))")
_FOLLOW = text("""
    UPDATE import_rows SET version = version + 2
    FROM unnest(CAST(:ids AS uuid[]), CAST(:lines AS int[])) AS undone (customer, at)
    WHERE import_id = :import_id AND customer_id = customer AND line < at
""")
"""The rows before one that is undone find their customer two versions on: changed by it, and changed back."""
