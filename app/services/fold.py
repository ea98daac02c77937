"""Where a parcel is and what is wrong with it, as a pure function of all that was ever reported.

Events come late, twice and in any order; sorted by `(occurred_at, rank, code)` and folded anew, every
order of arrival ends in the same state.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.models.code import ClosesBy
from app.models.shipment import LegKind, ShipmentStatus

S = ShipmentStatus

RANK = {status: rank for rank, status in enumerate(S)}
"""How far along a status is; it orders scans of the same instant."""

TERMINAL = frozenset({S.DELIVERED, S.RETURNED, S.CANCELLED, S.LOST, S.DISPOSED})
BEFORE_CUSTODY = frozenset({S.UNKNOWN, S.CREATED, S.PICKUP_FAILED})
MOVEMENT = frozenset(
    {S.PICKED_UP, S.IN_TRANSIT, S.OUT_FOR_DELIVERY, S.READY_FOR_PICKUP, S.DELIVERED, S.RETURNING, S.RETURNED}
)
ON_THE_WAY = frozenset({S.PICKED_UP, S.IN_TRANSIT, S.OUT_FOR_DELIVERY, S.READY_FOR_PICKUP, S.ATTEMPT_FAILED})
OUTCOMES = {
    S.DELIVERED: frozenset({S.RETURNING, S.RETURNED}),
    S.LOST: frozenset({S.DELIVERED, S.RETURNING, S.RETURNED, S.DISPOSED}),
}
"""The statuses that say by themselves that a terminal one no longer holds."""

REDIRECT = "recipient_redirect"


@dataclass(frozen=True, slots=True)
class Scan:
    """One reported event.

    `alarm` says that its reason opens an exception, `reopens` that a person sent it, `silence` that it is the
    house's own finding that nothing was heard. `detail` is whatever else tells two reports apart.
    """

    id: UUID
    occurred_at: datetime
    status: ShipmentStatus | None
    reason: str | None
    code: str
    detail: str = ""
    alarm: bool = False
    estimated: bool = False
    reopens: bool = False
    silence: bool = False

    @property
    def moment(self) -> tuple[datetime, int]:
        """When it happened; of the same instant, what is further along came later."""
        return self.occurred_at, RANK[self.status] if self.status else RANK[S.ON_HOLD]

    @property
    def order(self) -> tuple[Any, ...]:
        """Everything that the fold looks at, so that equals are interchangeable."""
        rest = self.reason or "", self.alarm, self.estimated, self.reopens, self.silence
        return *self.moment, self.code, self.detail, *rest


@dataclass(frozen=True, slots=True)
class Closure:
    """A person ended the exception that this scan belongs to, at this instant."""

    reason: str
    at: datetime
    scan_id: UUID


@dataclass(slots=True)
class Leg:
    leg_no: int
    kind: LegKind
    status: ShipmentStatus = S.CREATED
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(slots=True)
class Episode:
    """One reason, from the scan that raised it to whatever ended it."""

    leg_no: int
    reason: str
    opened_by: Scan
    scan_ids: set[UUID] = field(default_factory=set)
    closed_at: datetime | None = None
    closed_by_person: bool = False


@dataclass(slots=True)
class Folded:
    """The state after all scans. Times are instants; `delivered_at` is null where its time is only estimated."""

    status: ShipmentStatus = S.CREATED
    status_at: datetime | None = None
    legs: list[Leg] = field(default_factory=lambda: [Leg(1, LegKind.FORWARD)])
    episodes: list[Episode] = field(default_factory=list)
    picked_up_at: datetime | None = None
    first_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    last_event_at: datetime | None = None
    delivery_time_unknown: bool = False

    @property
    def leg(self) -> Leg:
        return self.legs[-1]


def fold(
    scans: Iterable[Scan], closures: Iterable[Closure] = (), closes_by: Mapping[str, ClosesBy] | None = None
) -> Folded:
    """Fold scans and people's closures, in any order, into the one state they describe.

    `closes_by` says per reason what ends it without a person; a reason it does not name never ends so.
    """
    state = Folded()
    ended = closes_by or {}
    closings = sorted(closures, key=lambda closure: closure.at, reverse=True)
    for scan in sorted(scans, key=lambda scan: scan.order):
        while closings and closings[-1].at < scan.occurred_at:
            _close_by_person(state, closings.pop())
        _apply(state, scan, ended)
    while closings:
        _close_by_person(state, closings.pop())
    return state


def _apply(state: Folded, scan: Scan, closes_by: Mapping[str, ClosesBy]) -> None:
    if not scan.silence:
        state.last_event_at = scan.occurred_at
    if scan.status is not None and _counts(state, scan):
        _turn_to_new_leg(state, scan)
        _move(state, scan, scan.status)
        _close_by_scan(state, scan, closes_by)
    if scan.reason is not None and scan.alarm and not (scan.silence and state.status in TERMINAL):
        _open(state, scan)


def _counts(state: Folded, scan: Scan) -> bool:
    """Whether this scan may change the status: no label after custody, nothing ordinary after the end."""
    current, status = state.leg.status, scan.status
    if scan.reopens:
        return True
    if current in TERMINAL:
        reversed_by = status in OUTCOMES.get(current, ()) or (current is S.DELIVERED and _redirects(scan))
        return reversed_by or _tells_the_time(state, scan)
    if status is S.UNKNOWN:
        return state.status_at is None
    return not (status in BEFORE_CUSTODY and current not in BEFORE_CUSTODY)


def _tells_the_time(state: Folded, scan: Scan) -> bool:
    """A delivery whose time was only estimated gives way to one that knows it."""
    known = scan.status is S.DELIVERED and not scan.estimated
    return known and state.leg.status is S.DELIVERED and state.delivery_time_unknown


def _redirects(scan: Scan) -> bool:
    return scan.reason == REDIRECT and scan.status in ON_THE_WAY


def _turn_to_new_leg(state: Folded, scan: Scan) -> None:
    kind = _leg_kind(state, scan)
    if kind is None:
        return
    state.leg.ended_at = state.leg.ended_at or scan.occurred_at
    state.legs.append(Leg(state.leg.leg_no + 1, kind, state.leg.status, scan.occurred_at))


def _leg_kind(state: Folded, scan: Scan) -> LegKind | None:
    current = state.leg
    if scan.reopens and current.kind is LegKind.RETURN and scan.status not in {S.RETURNING, S.RETURNED}:
        return LegKind.FORWARD
    if scan.status in {S.RETURNING, S.RETURNED} and (current.kind is not LegKind.RETURN or scan.reopens):
        return LegKind.RETURN
    if _redirects(scan) and (current.kind is LegKind.FORWARD or current.status in TERMINAL):
        return LegKind.REDIRECT
    return None


def _move(state: Folded, scan: Scan, status: ShipmentStatus) -> None:
    leg = state.leg
    if leg.kind is LegKind.RETURN and not scan.reopens:
        status = _on_the_way_back(status)
    leg.started_at = leg.started_at or scan.occurred_at
    leg.ended_at = scan.occurred_at if status in TERMINAL else None
    leg.status = state.status = status
    state.status_at = scan.occurred_at
    _note_times(state, scan, status)


def _on_the_way_back(status: ShipmentStatus) -> ShipmentStatus:
    """On the way back to the sender every movement is a return, and handing over is the end of it."""
    if status in ON_THE_WAY:
        return S.RETURNING
    return S.RETURNED if status is S.DELIVERED else status


def _note_times(state: Folded, scan: Scan, status: ShipmentStatus) -> None:
    if scan.reopens and status is not S.DELIVERED:
        state.delivered_at, state.delivery_time_unknown = None, False
    if status not in BEFORE_CUSTODY | {S.CANCELLED, S.ON_HOLD} and state.picked_up_at is None:
        state.picked_up_at = scan.occurred_at
    if status is S.ATTEMPT_FAILED and (scan.reason or "").startswith("recipient_"):
        state.first_attempt_at = state.first_attempt_at or scan.occurred_at
    if status is S.DELIVERED:
        state.delivery_time_unknown = scan.estimated
        state.delivered_at = None if scan.estimated else scan.occurred_at


def _open(state: Folded, scan: Scan) -> None:
    reason = scan.reason or ""
    live = _live(state, reason, state.leg.leg_no)
    if live is None:
        live = Episode(state.leg.leg_no, reason, scan)
        state.episodes.append(live)
    live.scan_ids.add(scan.id)


def _live(state: Folded, reason: str, leg_no: int) -> Episode | None:
    return next(
        (e for e in state.episodes if e.closed_at is None and e.reason == reason and e.leg_no == leg_no), None
    )


def _close_by_scan(state: Folded, scan: Scan, closes_by: Mapping[str, ClosesBy]) -> None:
    if state.status in TERMINAL - {S.LOST}:
        closing = {ClosesBy.MOVEMENT, ClosesBy.DELIVERY}
    elif scan.status in MOVEMENT:
        closing = {ClosesBy.MOVEMENT}
    else:
        return
    for episode in state.episodes:
        if (
            episode.closed_at is None
            and closes_by.get(episode.reason) in closing
            and episode.opened_by.moment < scan.moment
        ):
            episode.closed_at = scan.occurred_at


def _close_by_person(state: Folded, closure: Closure) -> None:
    """What was reported until then on the same leg is dealt with; another leg's exception is another one."""
    legs = {e.leg_no for e in state.episodes if closure.scan_id in e.scan_ids}
    for episode in state.episodes:
        if episode.closed_at is None and episode.reason == closure.reason and episode.leg_no in legs:
            episode.closed_at, episode.closed_by_person = closure.at, True
