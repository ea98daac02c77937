"""Tells of limits as they are used up: each share of each clock once, whoever sweeps and whoever is killed.

What is due is found by an index and by the database's clock, its row is held, and the alarm, its event and the next
instant are written in one transaction: a sweep that dies has done nothing.
"""

from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.clock import Clock, ClockAlarm, ClockEvent, ClockEventKind, ClockState
from app.security import Principal
from app.services import events
from app.services.clocks import ledger
from app.services.clocks.fold import WHOLE, fold
from app.services.clocks.ledger import Account

BATCH = 500
EXPIRED = "expired"


async def sweep(session: AsyncSession, limit: int = BATCH) -> int:
    """Do what has come due of some clocks, those that nobody else has in hand; says of how many."""
    due = (
        select(Clock)
        .where(Clock.next_at < func.now())
        .order_by(Clock.next_at, Clock.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    clocks = list(await session.scalars(due))
    if clocks:
        instant = (await session.execute(select(func.now()))).scalar_one()
        await _tell(session, await ledger.read(session, clocks), instant)
    return len(clocks)


async def _tell(session: AsyncSession, accounts: list[Account], instant: datetime) -> None:
    terms = await ledger.terms_of(session, accounts)
    alarms: list[ClockAlarm] = []
    told: list[events.Happening] = []
    for account in accounts:
        _wake(account, instant)
        for share, at in sorted(fold(account.events, terms).alarms.items()):
            if at < instant and share not in account.fired:
                account.fired.add(share)
                alarms.append(ClockAlarm(clock_id=account.clock.id, share=share, at=at))
                told.append(_happening(account, share, at))
    if alarms:
        rows = [{"clock_id": each.clock_id, "share": each.share, "at": each.at} for each in alarms]
        await session.execute(insert(ClockAlarm.__table__), rows)
    await ledger.store(session, Principal.SYSTEM, accounts)
    await events.record_all(session, Principal.SYSTEM, told)


def _wake(account: Account, instant: datetime) -> None:
    """End a pause whose time is over."""
    pause = _pause(account)
    if pause is not None and pause.until is not None and pause.until < instant:
        account.add(Principal.SYSTEM, ClockEventKind.RESUMED, pause.until, reason=EXPIRED)


def _pause(account: Account) -> ClockEvent | None:
    if account.clock.state is not ClockState.PAUSED:
        return None
    return next(each for each in reversed(account.events) if each.kind is ClockEventKind.PAUSED)


def _happening(account: Account, share: int, at: datetime) -> events.Happening:
    kind = "clock.breached" if share == WHOLE else "clock.alarm"
    data = {**ledger.describe(account.clock), "share": share, "at": at}
    return events.Happening(kind, ledger.subject_of(account.clock), data)
