"""Writes down what the fold says: status, times and legs of shipments, and their exceptions.

Many shipments at once, in a constant number of statements; every run starts from all events, so that running
twice, or after any mishap, ends in the same state.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from app.models.code import ClosesBy, ExceptionReason, SilenceRule
from app.models.delivery_exception import DeliveryException
from app.models.shipment import Shipment, ShipmentLeg, ShipmentStatus, TrackingEvent
from app.security import Principal
from app.services import codes, episodes, events, silence
from app.services.fold import Closure, Folded, Scan, fold
from app.services.tracking import Place

DELIVERY_TIME_UNKNOWN = "delivery_time_unknown"


@dataclass(frozen=True)
class Rules:
    """The reference rows that a fold needs."""

    reasons: dict[str, ExceptionReason]
    silence: list[SilenceRule]

    @cached_property
    def closes_by(self) -> dict[str, ClosesBy]:
        return {code: reason.closes_by for code, reason in self.reasons.items()}


async def refold(session: AsyncSession, places: Iterable[Place]) -> None:
    """Bring the shipments at these places up to what all their events say."""
    wanted = sorted(set(places))
    if not wanted:
        return
    rules = Rules(await codes.reasons(session), await silence.rules(session))
    shipments = await _locked(session, wanted)
    scans = await _scans(session, wanted)
    present = await _exceptions(session, wanted)
    happenings: list[events.Happening] = []
    changes: list[dict[str, Any]] = []
    legs: list[dict[str, Any]] = []
    for shipment in shipments:
        place = (shipment.customer_id, shipment.id)
        folded = fold(
            (_scan(row) for row in scans[place]),
            (_closure(row) for row in present[place] if row.closed_by is not None),
            rules.closes_by,
        )
        changes.append(_change(shipment, folded, scans[place], rules))
        happenings += _tell_status(shipment, folded)
        happenings += episodes.Reconciliation(session, shipment, scans[place], rules.reasons).run(
            present[place], folded.episodes
        )
        legs += _legs(shipment, folded)
    if changes:
        await session.execute(_UPDATE, changes)
    await _replace_legs(session, wanted, legs)
    await session.flush()
    await events.record_all(session, Principal.SYSTEM, happenings)


def _at(model: Any, column: Any, places: Sequence[Place]) -> ColumnElement[bool]:
    return tuple_(model.customer_id, column).in_(places)


_SHIPMENT = Shipment.__table__
_FOLDED = (
    "status",
    "status_at",
    "leg_no",
    "picked_up_at",
    "first_attempt_at",
    "delivered_at",
    "last_event_at",
    "flags",
    "check_at",
)
_ONE = update(_SHIPMENT).where(
    _SHIPMENT.c.customer_id == bindparam("at_customer_id"), _SHIPMENT.c.id == bindparam("at_id")
)
_UPDATE = _ONE.values(
    {name: bindparam(f"new_{name}") for name in _FOLDED}
    | {"version": _SHIPMENT.c.version + 1, "updated_at": func.now()}
)
"""Sent for all shipments at once; their rows are locked, so that no version needs to be compared."""
_CHECKED = _ONE.values(check_at=bindparam("next"))


async def _locked(session: AsyncSession, places: Sequence[Place]) -> Sequence[Row[Any]]:
    """The shipments, locked in one order, so that two workers folding the same ones take turns.

    Their keys stay free, so that a push, whose foreign key asks for no more, never waits for a fold.
    """
    rows = await session.execute(
        select(_SHIPMENT)
        .where(_at(_SHIPMENT.c, _SHIPMENT.c.id, places))
        .order_by(_SHIPMENT.c.customer_id, _SHIPMENT.c.id)
        .with_for_update(key_share=True)
    )
    return rows.all()


async def _scans(session: AsyncSession, places: Sequence[Place]) -> dict[Place, list[TrackingEvent]]:
    rows = await session.scalars(
        select(TrackingEvent)
        .where(_at(TrackingEvent, TrackingEvent.shipment_id, places), TrackingEvent.superseded_at.is_(None))
        .options(load_only(*_SCAN_COLUMNS))
    )
    return _grouped(rows)


_SCAN_COLUMNS = (
    TrackingEvent.id,
    TrackingEvent.customer_id,
    TrackingEvent.shipment_id,
    TrackingEvent.received_at,
    TrackingEvent.source,
    TrackingEvent.code,
    TrackingEvent.reason_code,
    TrackingEvent.status,
    TrackingEvent.reason,
    TrackingEvent.alarm,
    TrackingEvent.reopens,
    TrackingEvent.occurred_at,
    TrackingEvent.occurred_estimated,
    TrackingEvent.text,
    TrackingEvent.location,
)


async def _exceptions(session: AsyncSession, places: Sequence[Place]) -> dict[Place, list[DeliveryException]]:
    rows = await session.scalars(
        select(DeliveryException)
        .where(_at(DeliveryException, DeliveryException.shipment_id, places))
        .order_by(DeliveryException.created_at, DeliveryException.id)
        .execution_options(populate_existing=True)
    )
    return _grouped(rows)


def _grouped(rows: Iterable[Any]) -> dict[Place, list[Any]]:
    groups: dict[Place, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.customer_id, row.shipment_id].append(row)
    return groups


def _scan(row: TrackingEvent) -> Scan:
    return Scan(
        id=row.id,
        occurred_at=row.occurred_at,
        status=ShipmentStatus(row.status) if row.status else None,
        reason=row.reason,
        code=row.code,
        detail="\x1f".join((row.reason_code, row.source, row.text or "", row.location or "")),
        alarm=row.alarm,
        estimated=row.occurred_estimated,
        reopens=row.reopens,
        silence=_is_silence(row),
    )


def _closure(row: DeliveryException) -> Closure:
    return Closure(row.reason, max(cast("datetime", row.closed_at), row.opened_at), row.event_id)


def _change(shipment: Row[Any], folded: Folded, scans: list[TrackingEvent], rules: Rules) -> dict[str, Any]:
    flags = [flag for flag in shipment.flags if flag != DELIVERY_TIME_UNKNOWN]
    watched = silence.Watched(
        shipment.service,
        folded.status,
        shipment.created_at,
        shipment.promised_at,
        folded.picked_up_at,
        folded.last_event_at,
    )
    values = {
        "status": folded.status,
        "status_at": folded.status_at,
        "leg_no": folded.leg.leg_no,
        "picked_up_at": folded.picked_up_at,
        "first_attempt_at": folded.first_attempt_at,
        "delivered_at": folded.delivered_at,
        "last_event_at": folded.last_event_at,
        "flags": flags + [DELIVERY_TIME_UNKNOWN] * folded.delivery_time_unknown,
        "check_at": silence.next_check(watched, rules.silence, _last_silence(scans)),
    }
    place = {"at_customer_id": shipment.customer_id, "at_id": shipment.id}
    return place | {f"new_{name}": value for name, value in values.items()}


def _last_silence(scans: list[TrackingEvent]) -> datetime | None:
    return max((scan.occurred_at for scan in scans if _is_silence(scan)), default=None)


def _is_silence(row: TrackingEvent) -> bool:
    return row.source == "system" and not row.reopens


def _tell_status(shipment: Row[Any], folded: Folded) -> list[events.Happening]:
    if folded.status == shipment.status:
        return []
    about = events.Subject("shipment", shipment.id, shipment.customer_id)
    return [
        events.Happening("shipment.status_changed", about, {"from": shipment.status, "to": folded.status})
    ]


def _legs(shipment: Row[Any], folded: Folded) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": shipment.customer_id,
            "shipment_id": shipment.id,
            "leg_no": leg.leg_no,
            "kind": leg.kind,
            "status": leg.status,
            "started_at": leg.started_at,
            "ended_at": leg.ended_at,
        }
        for leg in folded.legs
    ]


async def _replace_legs(session: AsyncSession, places: Sequence[Place], rows: list[dict[str, Any]]) -> None:
    await session.execute(delete(ShipmentLeg).where(_at(ShipmentLeg, ShipmentLeg.shipment_id, places)))
    if rows:
        await session.execute(insert(ShipmentLeg), rows)


async def mark_checked(session: AsyncSession, checks: Iterable[tuple[UUID, UUID, datetime | None]]) -> None:
    """Set when the silence of each shipment (customer, id) is looked at next."""
    rows = [{"at_customer_id": customer, "at_id": shipment, "next": at} for customer, shipment, at in checks]
    if rows:
        await session.execute(_CHECKED, rows)
