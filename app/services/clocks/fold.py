"""What has become of a clock, as a pure function of all that happened to it and of its terms.

Nothing here asks what time it is: a verdict comes from the instants of the events, never from when somebody looked.

- Late is who stops the clock after it was due; at that very instant one is in time.
- A pause ends when it is resumed, or by itself at its `until`, whichever comes first.
- A retarget keeps what was used up and what was paused: the rest of the new limit is counted on from the retarget.
  Where nothing is left, it is due at the retarget, for nobody is late before the instant at which a shorter limit was
  set; what was late by then stays late. Terms that do not know the reason of a pause end it.
- `revoked` takes back the stop before it, as if that had never been: the time between counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.errors import Conflict
from app.models.clock import ClockEvent, ClockEventKind, ClockState
from app.services.clocks.terms import Terms

K, S = ClockEventKind, ClockState

Key = tuple[UUID, UUID | None]
"""A policy's version and its calendar's."""

STOPS = {K.MET: S.MET, K.CANCELLED: S.CANCELLED, K.WAIVED: S.WAIVED}
FROM = {
    K.PAUSED: {S.RUNNING},
    K.RESUMED: {S.PAUSED},
    K.RETARGETED: {S.RUNNING, S.PAUSED},
    K.MET: {S.RUNNING, S.PAUSED},
    K.CANCELLED: {S.RUNNING, S.PAUSED},
    K.WAIVED: {S.RUNNING, S.PAUSED, S.MET},
}
"""In which states a thing can happen to a clock."""

NOTHING = timedelta()
WHOLE = 100
"""Per cent: at this share of its limit a clock is breached."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch in which a clock ran, or rested for a reason; `until` is null for the one that lasts."""

    since: datetime
    until: datetime | None
    key: Key
    pause: str | None


@dataclass(slots=True)
class Folded:
    """Where a clock stands after its last event.

    `alarms`: each share of the limit and the instant at which it is, or would be, used up; with an open clock the
    later ones are still to come. `used` and `paused` count up to the last event.
    """

    started_at: datetime
    key: Key
    state: ClockState = S.RUNNING
    due_at: datetime | None = None
    stopped_at: datetime | None = None
    is_late: bool | None = None
    used: timedelta = NOTHING
    paused: timedelta = NOTHING
    resumes_at: datetime | None = None
    alarms: dict[int, datetime] = field(default_factory=dict)
    intervals: list[Interval] = field(default_factory=list)

    def next_at(self, fired: Iterable[int]) -> datetime | None:
        """When there is something to do next that has not been done: an alarm, or the end of a pause."""
        instants = [at for share, at in self.alarms.items() if share not in set(fired)]
        return min([*instants, *([self.resumes_at] if self.resumes_at else [])], default=None)


def fold(events: Sequence[ClockEvent], terms: Mapping[Key, Terms]) -> Folded:
    """The events of one clock, in order; the first one starts it. `Conflict` for one that can't follow the others."""
    standing = _standing(events)
    walk = _Walk(Folded(standing[0].at, _key(standing[0])), terms)
    walk.run(standing[0].at)
    for event in standing[1:]:
        walk.take(event)
    return walk.end()


def _standing(events: Sequence[ClockEvent]) -> list[ClockEvent]:
    """The events without the stops that were taken back, and without what took them back."""
    standing: list[ClockEvent] = []
    for event in events:
        if event.kind is not K.REVOKED:
            standing.append(event)
        elif standing[-1].kind in {K.MET, K.CANCELLED}:
            standing.pop()
        else:
            raise _impossible(event.kind)
    return standing


def _key(event: ClockEvent) -> Key:
    if event.policy_id is None:
        raise ValueError(f"a clock is {event.kind} by a policy")
    return event.policy_id, event.calendar_version_id


def _impossible(kind: ClockEventKind) -> Conflict:
    return Conflict(f"The clock can't be {kind} as it stands.", f"时钟当前状态不能执行“{kind}”。")


class _Walk:
    """A walk along the events; between two of them time either counts, from `since` on, or it does not."""

    def __init__(self, folded: Folded, terms: Mapping[Key, Terms]) -> None:
        self.folded = folded
        self.terms = terms
        self.since = folded.started_at
        self.pause: str | None = None
        self.late_at: datetime | None = None

    @property
    def own(self) -> Terms:
        return self.terms[self.folded.key]

    def run(self, at: datetime) -> None:
        """Let time count from here on."""
        folded = self.folded
        folded.state, folded.resumes_at, self.since, self.pause = S.RUNNING, None, at, None
        folded.due_at = self.late_at or self.own.due(folded.started_at, at, folded.used)

    def take(self, event: ClockEvent) -> None:
        """Let one thing happen."""
        resumes_at = self.folded.resumes_at
        if resumes_at is not None and resumes_at <= event.at:
            self._close(resumes_at)
            self.run(resumes_at)
            if event.kind is K.RESUMED:
                return
        if self.folded.state not in FROM[event.kind]:
            raise _impossible(event.kind)
        if self.folded.state is not S.MET:
            self._close(event.at)
        self._apply(event)

    def _apply(self, event: ClockEvent) -> None:
        if event.kind is K.PAUSED:
            self._rest(event)
        elif event.kind is K.RESUMED:
            self.run(event.at)
        elif event.kind is K.RETARGETED:
            self._retarget(event)
        else:
            self._stop(event)

    def _close(self, at: datetime) -> None:
        """Count what has passed since the last event."""
        folded = self.folded
        folded.intervals.append(Interval(self.since, at, folded.key, self.pause))
        if folded.state is S.PAUSED:
            folded.paused += at - self.since
        else:
            self._reach(at)
            folded.used += at - self.since if self.own.period else self.own.measure.elapsed(self.since, at)
            if folded.due_at is not None and folded.due_at < at:
                self.late_at = folded.due_at
        self.since = at

    def _reach(self, end: datetime | None) -> None:
        """Note the alarms of the time that counts until `end`."""
        folded = self.folded
        for share in self.own.alarms:
            if share not in folded.alarms:
                at = (
                    folded.due_at
                    if share == WHOLE
                    else self.own.reach(share, folded.started_at, self.since, folded.used)
                )
                if at is not None and (end is None or at < end):
                    folded.alarms[share] = at

    def _rest(self, event: ClockEvent) -> None:
        if event.reason not in self.own.pauses:
            raise _never_pauses()
        folded = self.folded
        folded.state, folded.due_at, folded.resumes_at = S.PAUSED, self.late_at, event.until
        self.since, self.pause = event.at, event.reason

    def _retarget(self, event: ClockEvent) -> None:
        folded = self.folded
        folded.key = _key(event)
        if self.own.due(folded.started_at, event.at, folded.used) > event.at:
            self.late_at = None
        if folded.state is S.RUNNING or self.pause not in self.own.pauses:
            self.run(event.at)
        else:
            folded.due_at = self.late_at

    def _stop(self, event: ClockEvent) -> None:
        folded = self.folded
        if folded.state is not S.MET:
            if event.kind is K.MET:
                folded.is_late = folded.due_at is not None and folded.due_at < event.at
            folded.stopped_at, folded.resumes_at = event.at, None
        folded.state = STOPS[event.kind]

    def end(self) -> Folded:
        """Add what will be, if nothing else happens."""
        folded = self.folded
        if folded.state is S.RUNNING:
            self._reach(None)
        if folded.state in {S.RUNNING, S.PAUSED}:
            folded.intervals.append(Interval(self.since, None, folded.key, self.pause))
        return folded


def _never_pauses() -> Conflict:
    return Conflict("This limit is not paused for such a reason.", "该时限不因此原因暂停。")
