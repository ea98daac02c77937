"""Takes in what dispatch systems and carriers report: once, durably, whatever order it comes in.

A push is stored and answered; what it means for the shipment is worked out by the `status` room right after.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Text, any_, bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.clock import now
from app.errors import CourierError, Forbidden, Invalid
from app.models.account import Client
from app.models.shipment import ParkedEvent, RawPush, TrackingNumber
from app.schemas.masking import redact
from app.schemas.shipment import TrackingEventPush
from app.security import Principal
from app.services import codes, events, scans, shipments

FUTURE_TOLERANCE = timedelta(minutes=10)
SEPARATOR = "\x1f"
"""Stands between the parts of a key; no part may hold it."""

_TAKE_KEYS = text("""
    WITH given AS (
        SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:keys AS text[]), CAST(:ids AS uuid[]))
            AS given (source, key, event_id)
    ), taken AS (
        INSERT INTO event_keys (source, key, event_id) SELECT * FROM given
        ON CONFLICT DO NOTHING RETURNING source, key
    ) SELECT source, key FROM given EXCEPT SELECT source, key FROM taken
""")
_FIND_KEYS = text("""
    SELECT source, key, event_id FROM event_keys JOIN
        unnest(CAST(:sources AS text[]), CAST(:keys AS text[])) AS wanted (source, key) USING (source, key)
""")

_INSERT_RAW = insert(RawPush.__table__)
_CLIENT, _NUMBER = Client.__table__.c, TrackingNumber.__table__.c
_SOURCES = select(_CLIENT.sources, codes.unchanged()).where(_CLIENT.id == bindparam("client_id"))
_DIRECTORY = select(_NUMBER.number, _NUMBER.customer_id, _NUMBER.shipment_id).where(
    _NUMBER.number == any_(bindparam("numbers", type_=ARRAY(Text)))
)
"""Made once: what dispatch systems push all day is not composed anew each time."""

Place = tuple[UUID, UUID]
"""A shipment's customer and id."""


@dataclass(frozen=True)
class Envelope:
    """The request that a push came in, exactly."""

    body: bytes
    headers: dict[str, str]
    alarms: bool = False
    """Its events were reported as exceptions."""


@dataclass(slots=True)
class Pushed:
    """One event on its way in: what was said, and what became of it."""

    item: TrackingEventPush
    raw: str
    id: UUID
    meaning: codes.Meaning = codes.UNMAPPED
    result: Literal["accepted", "duplicate", "parked", "rejected"] = "accepted"
    problem: CourierError | None = None
    alarm: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.item.source, event_key(self.item)

    @property
    def triple(self) -> tuple[str, str, str]:
        return self.item.source, self.item.code, self.item.reason_code or ""


def event_key(item: TrackingEventPush) -> str:
    """What makes an event the same one: the sender's id for this parcel, or else its content."""
    if item.event_id is not None:
        return f"id:{item.tracking_no}{SEPARATOR}{item.event_id}"
    words = unicodedata.normalize("NFKC", " ".join((item.text or "").split()))
    where = item.location or ""
    content = (
        item.tracking_no,
        item.code,
        item.reason_code or "",
        item.occurred_at.isoformat(),
        where,
        words,
    )
    return f"sha256:{hashlib.sha256(SEPARATOR.join(content).encode()).hexdigest()}"


def pushed(item: TrackingEventPush, raw_time: object) -> Pushed:
    return Pushed(item, str(raw_time), uuid7())


async def push(
    session: AsyncSession, actor: Principal, envelope: Envelope, arrivals: Sequence[Pushed]
) -> None:
    """Store the arrivals and set each one's `result`.

    A source that is not the client's is rejected, a number nobody knows is parked, a code without a meaning
    is accepted as it is. Every duplicate gets the id of the first.
    """
    await _reject_foreign_sources(session, actor, arrivals)
    await read_codes(session, arrivals)
    if envelope.alarms:
        _reject_harmless(arrivals)
    welcome = [arrival for arrival in arrivals if arrival.result != "rejected"]
    for arrival in welcome:
        arrival.alarm = envelope.alarms
    fresh = await _first_seen(session, welcome)
    if fresh:
        await _keep(session, actor, envelope, fresh)


async def _keep(session: AsyncSession, actor: Principal, envelope: Envelope, fresh: list[Pushed]) -> None:
    raw_id = await _keep_raw(session, actor, envelope)
    places = await _places(session, [arrival.item.tracking_no for arrival in fresh])
    known = [arrival for arrival in fresh if arrival.item.tracking_no in places]
    rows = [row_of(arrival, places[arrival.item.tracking_no], raw_id) for arrival in known]
    await scans.store(session, rows)
    await _park(session, [a for a in fresh if a.item.tracking_no not in places], raw_id)
    unmapped = [arrival.triple for arrival in fresh if not arrival.meaning.mapped]
    if unmapped:
        await codes.note_unmapped(session, actor, unmapped)
    await _announce(session, actor, raw_id, {places[arrival.item.tracking_no] for arrival in known})


async def _reject_foreign_sources(
    session: AsyncSession, actor: Principal, arrivals: Sequence[Pushed]
) -> None:
    allowed = set(await session.scalar(_SOURCES, {"client_id": actor.id}) or [])
    for arrival in arrivals:
        if arrival.item.source not in allowed:
            arrival.result = "rejected"
            arrival.problem = Forbidden(
                f"This client may not push for {arrival.item.source}; its sources: {', '.join(sorted(allowed))}.",
                f"本客户端无权推送来源 {arrival.item.source}；可用来源：{'、'.join(sorted(allowed))}。",
                pointer="/body/source",
            )


async def read_codes(session: AsyncSession, arrivals: Sequence[Pushed]) -> None:
    """Set each arrival's meaning by what the code table says for its day."""
    book = await codes.code_book(session, {arrival.triple for arrival in arrivals})
    for arrival in arrivals:
        arrival.meaning = book.read(*arrival.triple, arrival.item.occurred_at)


def _reject_harmless(arrivals: Sequence[Pushed]) -> None:
    """An exception needs a reason: a code that plainly has none belongs to the tracking events."""
    for arrival in arrivals:
        if arrival.result != "rejected" and arrival.meaning.mapped and arrival.meaning.reason is None:
            arrival.result = "rejected"
            arrival.problem = Invalid(
                f"The code {arrival.item.code} tells of no exception; push it to /v1/tracking-events,"
                " or add the reason_code.",
                f"代码 {arrival.item.code} 不表示异常；请推送到 /v1/tracking-events，或补充 reason_code。",
                pointer="/body/code",
            )


async def _first_seen(session: AsyncSession, arrivals: list[Pushed]) -> list[Pushed]:
    """Those never seen before; the others become duplicates. Keys are taken in one order, against deadlock."""
    first: dict[tuple[str, str], Pushed] = {}
    keyed = [(arrival.key, arrival) for arrival in arrivals]
    for key, arrival in keyed:
        first.setdefault(key, arrival)
    keys = sorted(first)
    columns = {
        "sources": [source for source, _ in keys],
        "keys": [key for _, key in keys],
        "ids": [first[key].id for key in keys],
    }
    known = await _known_ids(session, await take_keys(session, columns))
    for key, arrival in keyed:
        if key in known or first[key] is not arrival:
            arrival.result, arrival.id = "duplicate", known.get(key, first[key].id)
    return [first[key] for key in keys if key not in known]


async def take_keys(session: AsyncSession, columns: dict[str, Any]) -> list[tuple[str, str]]:
    """Take `sources`, `keys` and `ids` side by side; of them, the (source, key) pairs that are taken already."""
    if not columns["keys"]:
        return []
    return [(row.source, row.key) for row in await session.execute(_TAKE_KEYS, columns)]


async def _known_ids(session: AsyncSession, keys: list[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
    if not keys:
        return {}
    columns = {"sources": [source for source, _ in keys], "keys": [key for _, key in keys]}
    return {(row.source, row.key): row.event_id for row in await session.execute(_FIND_KEYS, columns)}


async def _keep_raw(session: AsyncSession, actor: Principal, envelope: Envelope) -> UUID:
    raw_id = uuid7()
    digest = hashlib.sha256(envelope.body).digest()
    values = {
        "id": raw_id,
        "client_id": actor.id,
        "headers": envelope.headers,
        "body": envelope.body,
        "sha256": digest,
    }
    await session.execute(_INSERT_RAW, values)
    return raw_id


async def _places(session: AsyncSession, numbers: list[str]) -> dict[str, Place]:
    """Where known numbers lead. Unknown ones are looked up again under their lock, and stay locked."""
    places = await _directory(session, numbers)
    unknown = [number for number in numbers if number not in places]
    if unknown:
        await shipments.lock_numbers(session, unknown)
        places |= await _directory(session, unknown)
    return places


async def _directory(session: AsyncSession, numbers: list[str]) -> dict[str, Place]:
    rows = await session.execute(_DIRECTORY, {"numbers": sorted(set(numbers))})
    return {number: (customer_id, shipment_id) for number, customer_id, shipment_id in rows}


async def _park(session: AsyncSession, strangers: list[Pushed], raw_id: UUID) -> None:
    rows = [
        {
            "id": arrival.id,
            "source": arrival.item.source,
            "tracking_no": arrival.item.tracking_no,
            "event": arrival.item.model_dump(mode="json") | {"raw_time": arrival.raw, "alarm": arrival.alarm},
            "raw_id": raw_id,
        }
        for arrival in strangers
    ]
    for arrival in strangers:
        arrival.result = "parked"
    if rows:
        await session.execute(insert(ParkedEvent), rows)


def row_of(
    arrival: Pushed, place: Place, raw_id: UUID | None, received_at: datetime | None = None
) -> dict[str, Any]:
    item, received = arrival.item, received_at or now()
    return {
        "id": arrival.id,
        "customer_id": place[0],
        "shipment_id": place[1],
        "received_at": received,
        "source": item.source,
        "event_id": item.event_id,
        "code": item.code,
        "reason_code": item.reason_code or "",
        "status": arrival.meaning.status,
        "reason": arrival.meaning.reason,
        "mapped": arrival.meaning.mapped,
        "alarm": arrival.alarm or raises_alarm(arrival.meaning),
        "reopens": False,
        "occurred_at": item.occurred_at,
        "occurred_raw": arrival.raw,
        "occurred_estimated": item.occurred_at_estimated,
        "location": redact(item.location),
        "text": redact(item.text),
        "attributes": item.attributes,
        "flags": ["future"] if item.occurred_at > received + FUTURE_TOLERANCE else [],
        "raw_id": raw_id,
    }


def raises_alarm(meaning: codes.Meaning) -> bool:
    """A code nobody has mapped is the house's problem, not the parcel's; a mapped one means what it says."""
    return meaning.reason is not None and meaning is not codes.UNMAPPED


async def _announce(session: AsyncSession, actor: Principal, raw_id: UUID, places: set[Place]) -> None:
    """Record that something came in for these shipments, so that they are folded anew."""
    if not places:
        return
    affected = [
        events.Subject("shipment", shipment_id, customer_id) for customer_id, shipment_id in sorted(places)
    ]
    about = events.Subject("push", raw_id)
    happening = events.Happening("tracking.received", about, {"shipments": len(affected)}, affects=affected)
    await events.record_all(session, actor, [happening])
