"""Clocks with all that happened to them: held by their rows, added to, folded anew and stored.

The one place that writes clocks, so that a stored row always equals the fold of its events.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from app.models.clock import Clock, ClockAlarm, ClockEvent, ClockEventKind
from app.security import Principal
from app.services import events
from app.services.clocks import versions
from app.services.clocks.fold import Folded, Key, fold
from app.services.clocks.terms import Terms

_STORE = text("""
    UPDATE clocks SET state = new.state, policy_id = new.policy_id, calendar_version_id = new.calendar_version_id,
        due_at = new.due_at, stopped_at = new.stopped_at, is_late = new.is_late, paused_s = new.paused_s,
        elapsed_s = new.elapsed_s, next_at = new.next_at
    FROM jsonb_to_recordset(:rows) AS new (id uuid, state text, policy_id uuid, calendar_version_id uuid,
        due_at timestamptz, stopped_at timestamptz, is_late boolean, paused_s int, elapsed_s int, next_at timestamptz)
    WHERE clocks.id = new.id
""").bindparams(bindparam("rows", type_=JSONB))

TOLD = {
    ClockEventKind.STARTED: "clock.started",
    ClockEventKind.PAUSED: "clock.paused",
    ClockEventKind.RESUMED: "clock.resumed",
    ClockEventKind.RETARGETED: "clock.retargeted",
    ClockEventKind.MET: "clock.met",
    ClockEventKind.REVOKED: "clock.revoked",
    ClockEventKind.CANCELLED: "clock.cancelled",
    ClockEventKind.WAIVED: "clock.waived",
}
"""How it stands in the subject's timeline."""


@dataclass(slots=True)
class Account:
    """A clock and its history.

    What is added counts at the earliest when the last thing before it did: what is told late does not reorder what
    has happened since, and the clocks of two hosts may differ a little.
    """

    clock: Clock
    events: list[ClockEvent]
    fired: set[int] = field(default_factory=set)
    added: list[ClockEvent] = field(default_factory=list)

    def add(self, actor: Principal, kind: ClockEventKind, at: datetime, **details: Any) -> None:
        """Let something happen; `store` tells whether that can be."""
        last = self.events[-1]
        event = ClockEvent(
            clock_id=self.clock.id,
            number=last.number + 1,
            kind=kind,
            at=max(at, last.at),
            actor_id=actor.id,
            **details,
        )
        self.events.append(event)
        self.added.append(event)

    def retarget(self, actor: Principal, key: Key, at: datetime) -> None:
        """Let it count by another policy, or by another version of one."""
        self.add(actor, ClockEventKind.RETARGETED, at, policy_id=key[0], calendar_version_id=key[1])

    @property
    def keys(self) -> set[Key]:
        return {
            (event.policy_id, event.calendar_version_id)
            for event in self.events
            if event.policy_id is not None
        }


async def hold(session: AsyncSession, clocks: Select[Clock]) -> list[Account]:
    """These clocks, their rows locked in the order of their ids."""
    held = clocks.order_by(Clock.id).with_for_update().execution_options(populate_existing=True)
    return await read(session, list(await session.scalars(held)))


async def read(session: AsyncSession, clocks: Sequence[Clock]) -> list[Account]:
    """These clocks and their histories.

    To write, read after the rows are locked: a statement sees what was there when it began.
    """
    ids = [clock.id for clock in clocks]
    history: defaultdict[UUID, list[ClockEvent]] = defaultdict(list)
    fired: defaultdict[UUID, set[int]] = defaultdict(set)
    if ids:
        happened = select(ClockEvent).where(ClockEvent.clock_id.in_(ids))
        for event in await session.scalars(happened.order_by(ClockEvent.clock_id, ClockEvent.number)):
            history[event.clock_id].append(event)
        told = select(ClockAlarm.clock_id, ClockAlarm.share).where(ClockAlarm.clock_id.in_(ids))
        for clock_id, share in await session.execute(told):
            fired[clock_id].add(share)
    return [Account(clock, history[clock.id], fired[clock.id]) for clock in clocks]


async def terms_of(session: AsyncSession, accounts: Iterable[Account]) -> dict[Key, Terms]:
    """The terms of every policy that these clocks ever ran on."""
    return await versions.terms(session, set().union(*(account.keys for account in accounts)))


async def begin(session: AsyncSession, actor: Principal, accounts: Sequence[Account]) -> list[Clock]:
    """Write down clocks that are new."""
    if not accounts:
        return []
    terms = await terms_of(session, accounts)
    for account in accounts:
        for name, value in stand(account, fold(account.events, terms)).items():
            setattr(account.clock, name, value)
    session.add_all([account.clock for account in accounts])
    await session.flush()
    await _write(session, actor, accounts)
    return [account.clock for account in accounts]


async def store(session: AsyncSession, actor: Principal, accounts: Sequence[Account]) -> list[Clock]:
    """Fold what was added, and write it down."""
    if not accounts:
        return []
    terms = await terms_of(session, accounts)
    stands = [stand(account, fold(account.events, terms)) for account in accounts]
    await session.execute(_STORE, {"rows": stands})
    for account, values in zip(accounts, stands, strict=True):
        for name, value in values.items():
            set_committed_value(account.clock, name, value)
    await _write(session, actor, accounts)
    return [account.clock for account in accounts]


def stand(account: Account, folded: Folded) -> dict[str, Any]:
    """What the row of a clock holds by its fold."""
    return {
        "id": account.clock.id,
        "state": folded.state,
        "policy_id": folded.key[0],
        "calendar_version_id": folded.key[1],
        "due_at": folded.due_at,
        "stopped_at": folded.stopped_at,
        "is_late": folded.is_late,
        "paused_s": int(folded.paused.total_seconds()),
        "elapsed_s": int(folded.used.total_seconds()),
        "next_at": folded.next_at(account.fired),
    }


def subject_of(clock: Clock) -> events.Subject:
    return events.Subject(clock.subject_type, clock.subject_id, clock.customer_id)


def describe(clock: Clock) -> dict[str, Any]:
    """Which clock an event of its subject speaks of."""
    return {
        "clock_id": clock.id,
        "clock": clock.kind,
        "metric": clock.metric,
        "cycle": clock.cycle,
        "due_at": clock.due_at,
    }


async def _write(session: AsyncSession, actor: Principal, accounts: Sequence[Account]) -> None:
    """Keep what was added, and tell of it under the subject's name."""
    added = [event for account in accounts for event in account.added]
    if added:
        await session.execute(insert(ClockEvent.__table__), [_row(event) for event in added])
        await events.record_all(session, actor, [told for account in accounts for told in _told(account)])


def _told(account: Account) -> list[events.Happening]:
    return [
        events.Happening(
            TOLD[event.kind],
            subject_of(account.clock),
            {**describe(account.clock), "at": event.at, "reason": event.reason},
        )
        for event in account.added
    ]


def _row(event: ClockEvent) -> dict[str, Any]:
    names = (
        "clock_id",
        "number",
        "kind",
        "at",
        "reason",
        "until",
        "policy_id",
        "calendar_version_id",
        "actor_id",
    )
    return {name: getattr(event, name) for name in names}
