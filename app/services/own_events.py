"""What the house itself has to say about a parcel: a sweep's finding, a person's word."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.clock import now
from app.services import scans, tracking

SYSTEM = "system"
"""The source of such events; no client may push for it."""


@dataclass(frozen=True)
class Own:
    """An event of the house's own: what a sweep found, or what a person says."""

    place: tracking.Place
    key: str
    code: str
    status: str | None
    reason: str | None
    occurred_at: datetime
    reopens: bool = False


async def report(session: AsyncSession, own: Sequence[Own]) -> set[tracking.Place]:
    """Add events of source `system`, but none whose key is known; returns whose shipments must be folded."""
    ids = {event.key: uuid7() for event in own}
    keys = sorted(ids)
    columns = {"sources": [SYSTEM] * len(keys), "keys": keys, "ids": [ids[key] for key in keys]}
    known = {key for _, key in await tracking.take_keys(session, columns)}
    fresh = [event for event in own if event.key not in known]
    await scans.store(session, [_own_row(event, ids[event.key]) for event in fresh])
    return {event.place for event in fresh}


def _own_row(event: Own, event_id: UUID) -> dict[str, Any]:
    return {
        "id": event_id,
        "customer_id": event.place[0],
        "shipment_id": event.place[1],
        "received_at": now(),
        "source": SYSTEM,
        "event_id": None,
        "code": event.code,
        "reason_code": "",
        "status": event.status,
        "reason": event.reason,
        "mapped": True,
        "alarm": event.reason is not None,
        "reopens": event.reopens,
        "occurred_at": event.occurred_at,
        "occurred_raw": event.occurred_at.isoformat(),
        "occurred_estimated": False,
        "location": None,
        "text": None,
        "attributes": {},
        "flags": [],
        "raw_id": None,
    }
