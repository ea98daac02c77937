"""When a parcel has been silent for too long: instants computed from dated rules."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.models.code import SilenceKind, SilenceRule
from app.models.shipment import Service, Shipment, ShipmentStatus
from app.services.fold import TERMINAL


@dataclass(frozen=True, slots=True)
class Watched:
    """What of a shipment the rules look at."""

    service: Service
    status: ShipmentStatus
    created_at: datetime
    promised_at: datetime
    picked_up_at: datetime | None
    last_event_at: datetime | None


def watched(shipment: Shipment) -> Watched:
    """A stored shipment, as the rules look at it."""
    return Watched(
        shipment.service,
        shipment.status,
        shipment.created_at,
        shipment.promised_at,
        shipment.picked_up_at,
        shipment.last_event_at,
    )


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule speaks at this instant, unless something is heard before."""

    at: datetime
    rule: SilenceRule


async def rules(session: AsyncSession, day: date | None = None) -> list[SilenceRule]:
    """The rules in force on a day, today if left out."""
    day = day or now().date()
    rows = await session.scalars(select(SilenceRule).where(SilenceRule.valid_from <= day))
    return [rule for rule in rows if rule.valid_until is None or day < rule.valid_until]


def alarms(shipment: Watched, in_force: list[SilenceRule]) -> list[Alarm]:
    """All instants at which the shipment's silence would mean something, earliest first."""
    if shipment.status in TERMINAL:
        return []
    found = [
        Alarm(start + rule.after, rule)
        for rule in in_force
        if rule.service in {None, shipment.service} and (start := _start(shipment, rule.kind)) is not None
    ]
    return sorted(found, key=lambda alarm: alarm.at)


def next_check(
    shipment: Watched, in_force: list[SilenceRule], after: datetime | None = None
) -> datetime | None:
    """The first alarm, or the first one later than `after`; `None` once the shipment is retired."""
    due = alarms(shipment, in_force)
    if after is not None and any(a.rule.kind is SilenceKind.RETIRE and a.at <= after for a in due):
        return None
    return next((alarm.at for alarm in due if after is None or alarm.at > after), None)


def _start(shipment: Watched, kind: SilenceKind) -> datetime | None:
    if kind is SilenceKind.PAST_PROMISE:
        return shipment.promised_at
    heard = shipment.last_event_at or shipment.created_at
    if kind is SilenceKind.RETIRE:
        return max(heard, shipment.promised_at)
    if kind is SilenceKind.NO_FIRST_SCAN:
        return shipment.created_at if shipment.picked_up_at is None else None
    return heard if shipment.picked_up_at is not None else None
