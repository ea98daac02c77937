"""Makes the stored exceptions of a shipment equal what the fold of its events says."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.models.code import ExceptionReason
from app.models.delivery_exception import LIVE_STATES, DeliveryException, DetectedBy, ExceptionState
from app.models.shipment import TrackingEvent
from app.services import events
from app.services.fold import Episode

LATER_SCAN = "later_scan"
SUPERSEDED = "superseded"


class Reconciliation:
    """Makes the stored exceptions of one shipment equal the episodes of its fold.

    A stored exception belongs to the episode of its reason that holds its event: an event that is read anew
    may come to mean another one. What a person closed stays closed.
    """

    def __init__(
        self,
        session: AsyncSession,
        shipment: Row[Any],
        scans: list[TrackingEvent],
        reasons: dict[str, ExceptionReason],
    ) -> None:
        self.session = session
        self.shipment = shipment
        self.scans = {scan.id: scan for scan in scans}
        self.reasons = reasons
        self.happenings: list[events.Happening] = []

    def run(self, present: list[DeliveryException], episodes: list[Episode]) -> list[events.Happening]:
        open_places = [row for row in present if row.resolution != SUPERSEDED]
        for episode in episodes:
            matching = [
                row
                for row in open_places
                if row.event_id in episode.scan_ids and row.reason == episode.reason
            ]
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
        reason = self.reasons.get(episode.reason)
        if reason is None or not reason.auto_open:
            return
        scan = self.scans[episode.opened_by.id]
        row = DeliveryException(
            id=uuid7(),
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
        concerned = events.Subject("delivery_exception", row.id, row.customer_id)
        data = {
            "exception_id": str(row.id),
            "reason": row.reason,
            "severity": row.severity,
            "leg_no": row.leg_no,
            "resolution": row.resolution,
        }
        self.happenings.append(events.Happening(kind, about, data, affects=[concerned]))
