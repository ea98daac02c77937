"""The clocks of a subject, as whoever works on it moves them: inside the caller's transaction, all in one go.

Each verb touches the clocks of the subject's latest cycle that it fits, and returns those; where there is none it does
nothing. Instants that were told late count at the earliest when the last thing before them did.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.errors import Invalid
from app.models.clock import (
    Clock,
    ClockEvent,
    ClockEventKind,
    ClockKind,
    ClockMetric,
    ClockState,
    ClockSubject,
    SlaPolicy,
)
from app.security import Principal
from app.services.clocks import ledger, policies, versions
from app.services.clocks.fold import Key
from app.services.clocks.ledger import Account
from app.services.clocks.policies import Facts
from app.services.events import Subject

OPEN = frozenset({ClockState.RUNNING, ClockState.PAUSED})
NOT_APPLICABLE = "not_applicable"
"""Why a clock is cancelled whose limit no longer fits its subject."""


async def start(
    session: AsyncSession, actor: Principal, subject: Subject, facts: Facts, at: datetime, *, cycle: int = 1
) -> list[Clock]:
    """Start a clock for each kind and metric that has a policy. A second start of the same cycle is a conflict."""
    chosen = await policies.choose(session, ClockSubject(subject.type), facts, at)
    return await _start(session, actor, subject, await versions.keys(session, chosen, at), at, cycle=cycle)


async def meet(
    session: AsyncSession, actor: Principal, subject_id: UUID, metric: ClockMetric, at: datetime
) -> list[Clock]:
    """What the metric asks for was done."""
    accounts = [each for each in await _latest(session, subject_id) if each.clock.metric is metric]
    return await _happen(session, actor, _open(accounts), ClockEventKind.MET, at)


async def pause(
    session: AsyncSession,
    actor: Principal,
    subject_id: UUID,
    reason: str,
    at: datetime,
    *,
    until: datetime | None = None,
) -> list[Clock]:
    """Let those clocks rest whose policies know this reason; all others run on, and what the law sets always does."""
    if until is not None and until <= at:
        raise Invalid(
            "A pause ends after it begins.", "暂停的结束时间须晚于开始时间。", pointer="/body/until"
        )
    accounts = _open(await _latest(session, subject_id))
    terms = await ledger.terms_of(session, accounts)
    resting = [
        each
        for each in accounts
        if reason in terms[_key(each.clock)].pauses
        and (each.clock.state is ClockState.RUNNING or _wakes_by(each, at))
    ]
    return await _happen(session, actor, resting, ClockEventKind.PAUSED, at, reason=reason, until=until)


async def resume(session: AsyncSession, actor: Principal, subject_id: UUID, at: datetime) -> list[Clock]:
    """Let time count again; from the pause's own end, if that has come before."""
    accounts = await _latest(session, subject_id)
    paused = [each for each in accounts if each.clock.state is ClockState.PAUSED]
    return await _happen(session, actor, paused, ClockEventKind.RESUMED, at)


async def cancel(
    session: AsyncSession, actor: Principal, subject_id: UUID, at: datetime, reason: str
) -> list[Clock]:
    """Stop all clocks, for nothing is to be done any more."""
    accounts = _open(await _latest(session, subject_id))
    return await _happen(session, actor, accounts, ClockEventKind.CANCELLED, at, reason=reason)


async def revoke(
    session: AsyncSession,
    actor: Principal,
    subject_id: UUID,
    metric: ClockMetric,
    at: datetime,
    *,
    reason: str,
) -> list[Clock]:
    """What was done did not hold: the clocks that it met run on as if they had never been met."""
    accounts = await _latest(session, subject_id)
    met = [each for each in accounts if each.clock.metric is metric and each.clock.state is ClockState.MET]
    return await _happen(session, actor, met, ClockEventKind.REVOKED, at, reason=reason)


async def reinstate(
    session: AsyncSession, actor: Principal, subject_id: UUID, at: datetime, reason: str
) -> list[Clock]:
    """Take back what `cancel` did for this reason: the clocks run on as if they had never been stopped.

    One in whose place another has come since stays as it is, and of several that came one after the other the last runs.
    """
    accounts = await _latest(session, subject_id)
    there = {_name(each) for each in accounts if _counts(each)}
    cancelled = {
        _name(each): each
        for each in accounts
        if not _counts(each) and each.events[-1].reason == reason and _name(each) not in there
    }
    return await _happen(session, actor, list(cancelled.values()), ClockEventKind.REVOKED, at, reason=reason)


async def retarget(
    session: AsyncSession, actor: Principal, subject_id: UUID, facts: Facts, at: datetime
) -> list[Clock]:
    """Choose the limits anew for what the subject has become.

    Open clocks keep what they used up and rested; those without a limit are cancelled, and limits without a clock get
    one from `at` on.
    """
    accounts = await _latest(session, subject_id)
    if not accounts:
        return []
    first = accounts[0].clock
    chosen = await policies.choose(session, first.subject_type, facts, at)
    wanted = {(each.kind, each.metric): key for each, key in await versions.keys(session, chosen, at)}
    there = {_name(each) for each in accounts if _counts(each)}
    moved = [each for each in _open(accounts) if _moves(each, wanted)]
    for each in moved:
        _retarget(each, actor, wanted.get((each.clock.kind, each.clock.metric)), at)
    changed = await ledger.store(session, actor, moved)
    new = [(each, wanted[each.kind, each.metric]) for each in chosen if (each.kind, each.metric) not in there]
    return changed + await _start(session, actor, ledger.subject_of(first), new, at, cycle=first.cycle)


def _name(account: Account) -> tuple[ClockKind, ClockMetric]:
    return account.clock.kind, account.clock.metric


def _counts(account: Account) -> bool:
    return account.clock.state is not ClockState.CANCELLED


def _moves(account: Account, wanted: dict[tuple[ClockKind, ClockMetric], Key]) -> bool:
    return wanted.get((account.clock.kind, account.clock.metric)) != _key(account.clock)


def _retarget(account: Account, actor: Principal, key: Key | None, at: datetime) -> None:
    if key is None:
        account.add(actor, ClockEventKind.CANCELLED, at, reason=NOT_APPLICABLE)
    else:
        account.retarget(actor, key, at)


async def of(session: AsyncSession, subject_ids: Iterable[UUID]) -> dict[UUID, list[Clock]]:
    """All clocks of these subjects, by cycle, kind and metric; a subject without clocks has an empty list."""
    wanted = list(subject_ids)
    found = await session.scalars(
        select(Clock)
        .where(Clock.subject_id.in_(wanted))
        .order_by(Clock.subject_id, Clock.cycle, Clock.kind, Clock.metric, Clock.id)
    )
    by_subject = {key: list(clocks) for key, clocks in groupby(found, lambda clock: clock.subject_id)}
    return {subject_id: by_subject.get(subject_id, []) for subject_id in wanted}


def earliest_due(clocks: Sequence[Clock]) -> datetime | None:
    """When the latest cycle's resolution is due, by law or by contract, whichever is earlier; null with no such clock."""
    latest = max((clock.cycle for clock in clocks), default=0)
    promised = {ClockKind.STATUTORY, ClockKind.CONTRACT}
    return min(
        (
            clock.due_at
            for clock in clocks
            if clock.cycle == latest
            and clock.kind in promised
            and clock.metric is ClockMetric.RESOLUTION
            and clock.state is not ClockState.CANCELLED
            and clock.due_at is not None
        ),
        default=None,
    )


async def _start(
    session: AsyncSession,
    actor: Principal,
    subject: Subject,
    chosen: Sequence[tuple[SlaPolicy, Key]],
    at: datetime,
    *,
    cycle: int,
) -> list[Clock]:
    accounts = [_begun(actor, subject, (policy, key), at, cycle) for policy, key in chosen]
    return await ledger.begin(session, actor, accounts)


def _begun(
    actor: Principal, subject: Subject, chosen: tuple[SlaPolicy, Key], at: datetime, cycle: int
) -> Account:
    policy, key = chosen
    clock = Clock(
        id=uuid7(),
        subject_type=ClockSubject(subject.type),
        subject_id=subject.id,
        customer_id=subject.customer_id,
        cycle=cycle,
        kind=policy.kind,
        metric=policy.metric,
        started_at=at,
    )
    started = ClockEvent(
        clock_id=clock.id,
        number=1,
        kind=ClockEventKind.STARTED,
        at=at,
        policy_id=key[0],
        calendar_version_id=key[1],
        actor_id=actor.id,
    )
    return Account(clock, [started], added=[started])


async def _latest(session: AsyncSession, subject_id: UUID) -> list[Account]:
    """The clocks of the subject's latest cycle in the order of their ids, with their rows locked."""
    accounts = await ledger.hold(session, select(Clock).where(Clock.subject_id == subject_id))
    latest = max((each.clock.cycle for each in accounts), default=0)
    return [each for each in accounts if each.clock.cycle == latest]


def _open(accounts: Iterable[Account]) -> list[Account]:
    return [each for each in accounts if each.clock.state in OPEN]


def _key(clock: Clock) -> Key:
    return clock.policy_id, clock.calendar_version_id


def _wakes_by(account: Account, at: datetime) -> bool:
    """Whether a pause has ended by itself."""
    until = next(each.until for each in reversed(account.events) if each.kind is ClockEventKind.PAUSED)
    return until is not None and until <= at


async def _happen(
    session: AsyncSession,
    actor: Principal,
    accounts: list[Account],
    kind: ClockEventKind,
    at: datetime,
    **details: Any,
) -> list[Clock]:
    for account in accounts:
        account.add(actor, kind, at, **details)
    return await ledger.store(session, actor, accounts)
