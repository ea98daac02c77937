"""Writes down what happened and what it leaves to do, in the transaction in which it happened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asgi_correlation_id import correlation_id
from sqlalchemy import bindparam, insert, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.models.event import Event
from app.security import Principal

CHANNEL = "crm_outbox"

_INSERT_EVENTS = insert(Event.__table__)
_INSERT_WITH_WORK = text("""
    WITH happened AS (
        INSERT INTO events (
            id, kind, subject_type, subject_id, customer_id, actor_kind, actor_id, correlation_id, data
        ) SELECT * FROM jsonb_to_recordset(:rows) AS event (
            id uuid, kind text, subject_type text, subject_id uuid, customer_id uuid,
            actor_kind text, actor_id uuid, correlation_id text, data jsonb
        )
    ), work AS (
        INSERT INTO outbox (event_id, consumer, subject_id, customer_id, attempts)
        SELECT *, 0 FROM jsonb_to_recordset(:work)
            AS work (event_id uuid, consumer text, subject_id uuid, customer_id uuid)
    ) SELECT pg_notify(:channel, '')
""").bindparams(bindparam("rows", type_=JSONB), bindparam("work", type_=JSONB), channel=CHANNEL)
"""Beside the events one row each for whoever waits, and a call that wakes them; it is heard at the commit."""

CONSUMERS: dict[str, tuple[str, ...]] = {}
"""Event kind -> names of the consumers that want it; `services/reactions.py` fills it from its table."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about."""

    type: str
    id: UUID
    customer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """An event about to be recorded. `affects` names the subjects of the work it leaves, if not its own."""

    kind: str
    subject: Subject
    data: dict[str, Any]
    affects: Sequence[Subject] | None = None


async def record(session: AsyncSession, actor: Principal, kind: str, subject: Subject, **data: Any) -> UUID:
    """Record one event; `data` holds no secret and no personal datum that would have to be masked."""
    return (await record_all(session, actor, [Happening(kind, subject, data)]))[0]


async def record_all(session: AsyncSession, actor: Principal, happenings: Iterable[Happening]) -> list[UUID]:
    """Record many events in one statement, each with the outbox rows of whoever waits for its kind."""
    rows, work = [], []
    for happening in happenings:
        row = _event_row(actor, happening)
        rows.append(row)
        work += _outbox_rows(row["id"], happening)
    if work:
        await session.execute(_INSERT_WITH_WORK, {"rows": rows, "work": work})
    elif rows:
        await session.execute(_INSERT_EVENTS, rows)
    return [row["id"] for row in rows]


def _event_row(actor: Principal, happening: Happening) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "kind": happening.kind,
        "subject_type": happening.subject.type,
        "subject_id": happening.subject.id,
        "customer_id": happening.subject.customer_id,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "correlation_id": correlation_id.get(),
        "data": happening.data,
    }


def _outbox_rows(event_id: UUID, happening: Happening) -> list[dict[str, Any]]:
    subjects = [happening.subject] if happening.affects is None else happening.affects
    return [
        {
            "event_id": event_id,
            "consumer": consumer,
            "subject_id": subject.id,
            "customer_id": subject.customer_id,
        }
        for consumer in CONSUMERS.get(happening.kind, ())
        for subject in subjects
    ]
