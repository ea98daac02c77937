"""Takes the people out of what is stored, for good; what happened, when and how much stays countable."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.account import Access
from app.models.audit import AuditStream
from app.models.event import Event
from app.security import Principal
from app.services.duplicates import found as duplicates


def _statements() -> dict[str, list[TextClause]]:
    script = resources.files("app.services").joinpath("erasure.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- of: (\w+)\n", script, flags=re.MULTILINE)[1:]
    return {
        of: [text(statement) for statement in lines.split(";") if statement.strip()]
        for of, lines in zip(parts[::2], parts[1::2], strict=True)
    }


STATEMENTS = _statements()
"""What becomes of every table that holds people; `tests/test_erasure.py` asks it of every column there is."""

_MERGED_INTO = text("""
    WITH RECURSIVE one AS (
        SELECT id FROM customers WHERE id = :id
        UNION SELECT c.id FROM customers c JOIN one ON c.merged_into_id = one.id
    ) SELECT id FROM one
""")
_THEIRS_ALONE = text("""
    SELECT contact_id FROM customer_contacts WHERE customer_id = ANY (:customers) AND NOT EXISTS (
        SELECT FROM customer_contacts other
        WHERE other.contact_id = customer_contacts.contact_id AND NOT other.customer_id = ANY (:customers))
""")
_OF_COMPLAINTS = text("SELECT id FROM legal_holds WHERE complaint_id = ANY (:complaints)")
_HOLDERS = text("SELECT DISTINCT customer_id FROM customer_contacts WHERE contact_id = ANY (:contacts)")
_REDACT = text("SELECT redact_audit(:stream, :row, :dropped, :request, :actor, :kind)")
_CODE = re.compile(r"[0-9A-Za-z_.:+/-]{0,64}")
_LOW_CODE = re.compile(r"[0-9a-z_]{0,64}")
_SAID = {"reason", "note", "text", "comment"}
"""Fields of the trail in which people write what they like."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whose data goes: whole customers, and people."""

    customers: Sequence[UUID]
    contacts: Sequence[UUID]


async def with_merged(session: AsyncSession, customer_id: UUID) -> list[UUID]:
    """The customer, and all that were merged into it."""
    return list(await session.scalars(_MERGED_INTO, {"id": customer_id}))


async def of_customer(session: AsyncSession, customer_id: UUID) -> Subjects:
    """A customer with what was merged into it, and those of its people whom no other customer has."""
    ids = await with_merged(session, customer_id)
    return Subjects(ids, list(await session.scalars(_THEIRS_ALONE, {"customers": ids})))


async def anonymise(session: AsyncSession, actor: Principal, of: Subjects, request: UUID | None) -> None:
    """Take these people out of every table and out of the trail, where each place says so. There is no way back."""
    named = {"customers": list(of.customers), "contacts": list(of.contacts)}
    await _run(session, "people", named)
    if of.customers:
        ids = text("SELECT id FROM shipments WHERE customer_id = ANY (:customers)")
        await anonymise_parcels(session, of.customers, list(await session.scalars(ids, named)))
        await _run(session, "customers", named)
        said = text("SELECT id FROM complaints WHERE customer_id = ANY (:customers)")
        await _run(session, "complaints", {"complaints": list(await session.scalars(said, named))})
        papers = text("SELECT id FROM documents WHERE customer_id = ANY (:customers)")
        await forget_documents(session, list(await session.scalars(papers, named)))
        await duplicates.forget(session, of.customers)
    await duplicates.note(session, (await session.scalars(_HOLDERS, named)).all())
    await _redact_trail(session, actor, of, request)
    session.expire_all()


async def anonymise_parcels(
    session: AsyncSession, customers: Sequence[UUID], shipments: Sequence[UUID]
) -> None:
    """Take sender, recipient and free text out of these shipments; their facts and figures stay."""
    await _run(session, "parcels", {"customers": list(customers), "shipments": list(shipments)})


async def forget_documents(session: AsyncSession, documents: Sequence[UUID]) -> None:
    """Take these papers away for good, and have their second copies go; what they were and when stays."""
    await _run(session, "documents", {"documents": list(documents)})


async def forget_complaints(
    session: AsyncSession, actor: Principal, complaints: Sequence[UUID], request: UUID | None
) -> None:
    """Take the complainants and all that was said out of these complaints; what was done when stays."""
    await _run(session, "complaints", {"complaints": list(complaints)})
    subjects = [*complaints, *await session.scalars(_OF_COMPLAINTS, {"complaints": list(complaints)})]
    await _redact(session, actor, Event.subject_id.in_(subjects), _looked_at(complaints), request)
    session.expire_all()


async def _run(session: AsyncSession, of: str, named: dict[str, list[UUID]]) -> None:
    for statement in STATEMENTS[of]:
        await session.execute(statement, {name: named[name] for name in statement.compile().params})


async def _redact_trail(session: AsyncSession, actor: Principal, of: Subjects, request: UUID | None) -> None:
    happened = Event.customer_id.in_(of.customers) | Event.subject_id.in_([*of.customers, *of.contacts])
    await _redact(session, actor, happened, Access.customer_id.in_(of.customers), request)


def _looked_at(complaints: Sequence[UUID]) -> ColumnElement[bool]:
    found: ColumnElement[bool] = Access.data["complaint_id"].astext.in_([str(each) for each in complaints])
    return found


async def _redact(
    session: AsyncSession,
    actor: Principal,
    happened: ColumnElement[bool],
    looked: ColumnElement[bool],
    request: UUID | None,
) -> None:
    """Drop what people wrote as they liked from these rows of the trail."""
    events = select(Event.id, Event.data).where(happened)
    accesses = select(Access.id, Access.data).where(looked)
    by = {"request": request, "actor": actor.id, "kind": actor.kind}
    for stream, statement in ((AuditStream.EVENTS, events), (AuditStream.ACCESSES, accesses)):
        rows = (await session.execute(statement)).all()
        spoken = [
            (row_id, [name for name in data if not _is_plain(name, data[name])]) for row_id, data in rows
        ]
        said = [by | {"stream": stream.value, "row": row, "dropped": names} for row, names in spoken if names]
        if said:
            await session.execute(_REDACT, said)


def _is_plain(name: str, value: Any) -> bool:
    """Whether a field of the trail is a code, a number or a time, and so names nobody."""
    if isinstance(value, str):
        return (_LOW_CODE if name in _SAID else _CODE).fullmatch(value) is not None
    if isinstance(value, list):
        return all(_is_plain(name, each) for each in value)
    if isinstance(value, dict):
        return all(_is_plain(inner, each) for inner, each in value.items())
    return True
