"""Writes down what the fold says: status, times and legs of shipments, and their exceptions.

Many shipments at once, in a constant number of statements; every run starts from all events, so that running
twice, or after any mishap, ends in the same state.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from app.models.code import ExceptionReason, SilenceRule
from app.models.delivery_exception import LIVE_STATES, DeliveryException, DetectedBy, ExceptionState
from app.models.shipment import Shipment, ShipmentLeg, ShipmentStatus, TrackingEvent
from app.security import Principal
from app.services import codes, events, silence
from app.services.fold import Closure, Episode, Folded, Scan, fold
from app.services.tracking import Place

LATER_SCAN = "later_scan"
SUPERSEDED = "superseded"
DELIVERY_TIME_UNKNOWN = "delivery_time_unknown"


@dataclass(frozen=True)
class Rules:
    """The reference rows that a fold needs."""

    reasons: dict[str, ExceptionReason]
    silence: list[SilenceRule]


async def refold(session: AsyncSession, places: Iterable[Place]) -> None:
    """Bring the shipments at these places up to what all their events say."""
    wanted = sorted(set(places))
    rules = Rules(await codes.reasons(session), await silence.rules(session))
    shipments = await _locked(session, wanted)
    scans = await _scans(session, wanted)
    present = await _exceptions(session, wanted)
    happenings: list[events.Happening] = []
    legs: list[dict[str, Any]] = []
    for shipment in shipments:
        place = (shipment.customer_id, shipment.id)
        folded = fold(
            (_scan(row) for row in scans[place]),
            (_closure(row) for row in present[place] if row.closed_by is not None),
            {code: reason.closes_by for code, reason in rules.reasons.items()},
        )
        happenings += _write_status(shipment, folded, rules)
        happenings += _Reconciliation(session, shipment, scans[place], rules).run(
            present[place], folded.episodes
        )
        legs += _legs(shipment, folded)
    await _replace_legs(session, wanted, legs)
    await session.flush()
    await events.record_all(session, Principal.SYSTEM, happenings)


def _at(model: Any, column: Any, places: Sequence[Place]) -> ColumnElement[bool]:
    return tuple_(model.customer_id, column).in_(places)


async def _locked(session: AsyncSession, places: Sequence[Place]) -> list[Shipment]:
    """The shipments, locked in one order, so that two workers folding the same ones take turns."""
    return list(
        await session.scalars(
            select(Shipment)
            .where(_at(Shipment, Shipment.id, places))
            .order_by(Shipment.customer_id, Shipment.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


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
    )


def _closure(row: DeliveryException) -> Closure:
    return Closure(row.reason, max(cast("datetime", row.closed_at), row.opened_at))


def _write_status(shipment: Shipment, folded: Folded, rules: Rules) -> list[events.Happening]:
    before = shipment.status
    flags = [flag for flag in shipment.flags if flag != DELIVERY_TIME_UNKNOWN]
    changes = {
        "status": folded.status,
        "status_at": folded.status_at,
        "leg_no": folded.leg.leg_no,
        "picked_up_at": folded.picked_up_at,
        "first_attempt_at": folded.first_attempt_at,
        "delivered_at": folded.delivered_at,
        "last_event_at": folded.last_event_at,
        "flags": flags + [DELIVERY_TIME_UNKNOWN] * folded.delivery_time_unknown,
    }
    for name, value in changes.items():
        if getattr(shipment, name) != value:
            setattr(shipment, name, value)
    shipment.check_at = silence.next_check(shipment, rules.silence)
    if folded.status == before:
        return []
    about = events.Subject("shipment", shipment.id, shipment.customer_id)
    return [events.Happening("shipment.status_changed", about, {"from": before, "to": folded.status})]


def _legs(shipment: Shipment, folded: Folded) -> list[dict[str, Any]]:
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


class _Reconciliation:
    """Makes the stored exceptions of one shipment equal the episodes of its fold.

    A stored exception belongs to the episode that holds its event. What a person closed stays closed.
    """

    def __init__(
        self, session: AsyncSession, shipment: Shipment, scans: list[TrackingEvent], rules: Rules
    ) -> None:
        self.session = session
        self.shipment = shipment
        self.scans = {scan.id: scan for scan in scans}
        self.rules = rules
        self.happenings: list[events.Happening] = []

    def run(self, present: list[DeliveryException], episodes: list[Episode]) -> list[events.Happening]:
        open_places = [row for row in present if row.resolution != SUPERSEDED]
        for episode in episodes:
            matching = [row for row in open_places if row.event_id in episode.scan_ids]
            for surplus in matching[1:]:
                self._supersede(surplus)
            if matching:
                self._follow(matching[0], episode)
            else:
                self._open(episode)
            open_places = [row for row in open_places if row not in matching]
        for orphan in open_places:
            self._supersede(orphan)
        return self.happenings

    def _open(self, episode: Episode) -> None:
        reason = self.rules.reasons.get(episode.reason)
        if reason is None or not reason.auto_open:
            return
        scan = self.scans[episode.opened_by.id]
        row = DeliveryException(
            customer_id=self.shipment.customer_id,
            shipment_id=self.shipment.id,
            tracking_no=self.shipment.tracking_no,
            reason=episode.reason,
            severity=reason.severity,
            liable_party=reason.liable_party,
            action_by=reason.action_by,
            sla_excused=reason.sla_excused,
            detected_by=DetectedBy.STALE_TIMER if scan.source == "system" else DetectedBy.PUSH,
            state=ExceptionState.OPEN,
        )
        self._point(row, episode)
        self.session.add(row)
        self._tell("exception.opened", row)
        if episode.closed_at is not None:
            self._close(row, episode.closed_at, LATER_SCAN)

    def _follow(self, row: DeliveryException, episode: Episode) -> None:
        self._point(row, episode)
        if row.closed_by is not None:
            return
        if episode.closed_at is None and row.state not in LIVE_STATES:
            row.state, row.closed_at, row.resolution = ExceptionState.OPEN, None, None
            self._tell("exception.reopened", row)
        elif episode.closed_at is not None and row.state in LIVE_STATES:
            self._close(row, episode.closed_at, LATER_SCAN)
        elif episode.closed_at is not None:
            row.closed_at = episode.closed_at

    def _point(self, row: DeliveryException, episode: Episode) -> None:
        """Tie the row to the scan that opened its episode; a late scan may turn out to be the first."""
        scan = self.scans[episode.opened_by.id]
        row.leg_no, row.opened_at, row.event_id = episode.leg_no, scan.occurred_at, scan.id
        row.source, row.code, row.reason_code, row.text = scan.source, scan.code, scan.reason_code, scan.text

    def _supersede(self, row: DeliveryException) -> None:
        if row.closed_by is None and row.state in LIVE_STATES:
            row.state = ExceptionState.DISMISSED
            self._close(row, row.opened_at, SUPERSEDED)
        elif row.closed_by is None:
            row.resolution = SUPERSEDED

    def _close(self, row: DeliveryException, at: datetime, resolution: str) -> None:
        if row.state in LIVE_STATES:
            row.state = ExceptionState.RESOLVED
        row.closed_at, row.resolution = at, resolution
        self._tell("exception.closed", row)

    def _tell(self, kind: str, row: DeliveryException) -> None:
        about = events.Subject("shipment", self.shipment.id, self.shipment.customer_id)
        data = {
            "reason": row.reason,
            "severity": row.severity,
            "leg_no": row.leg_no,
            "resolution": row.resolution,
        }
        self.happenings.append(events.Happening(kind, about, data))


async def mark_checked(
    session: AsyncSession, shipment: Shipment, at: datetime, rules: list[SilenceRule]
) -> None:
    """Set when the silence of this shipment is looked at next, now that `at` has been."""
    await session.execute(
        update(Shipment)
        .where(Shipment.customer_id == shipment.customer_id, Shipment.id == shipment.id)
        .values(check_at=silence.next_check(shipment, rules, after=at))
    )
