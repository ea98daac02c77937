"""The worker dies again and again while it tells of limits: each share of each clock is told of once all the same."""

import random
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from uuid_utils.compat import uuid7

from app.database import Sessions, connect
from app.models.clock import Clock, ClockAlarm
from app.security import Principal
from app.services.clocks import keeping, ledger
from app.services.clocks.fold import fold
from app.services.clocks.ledger import Account
from app.services.clocks.policies import Facts
from app.services.events import Subject
from faults.relay import CHANCE, died, places_of_death
from faults.report import Outcome
from faults.stage import Stage
from faults.system import Running, running, until

FACTS = Facts(category="damage", severity="high", tier="key", channel="phone")
LONGEST = timedelta(days=30)
"""Longer ago than the longest limit: of some clocks all is due at once, of some nothing."""
AT_ONCE = 5
WITHIN = timedelta(seconds=5)
"""What is used up is told of by then."""


async def sweep(stage: Stage, how_many: int, seed: int) -> Outcome:
    """Let complaints' clocks come due while the worker dies so often, then let another one work undisturbed."""
    outcome = Outcome(f"worker killed {how_many} times while it told of limits")
    dying = {"worker": ("--dying", str(CHANCE))}
    draw = random.Random(seed)
    async with running(stage, "sweep", workers=dying) as system:
        product = await connect(stage.settings(system.database))

        async def killed() -> bool:
            await begin(product.sessions, draw)
            return await died(system, how_many)

        await until(killed, within=60 + 10 * how_many)
        await system.processes["worker"].stop()
        async with system.process("calm", "worker"):
            await until(lambda: _nothing_due(system), within=60)
        outcome.notes.append(f"killed: {dict(places_of_death(system))}")
        await compare(product.sessions, outcome)
        await product.close()
    return outcome


async def begin(sessions: Sessions, draw: random.Random) -> None:
    """Start the clocks of a few complaints that came at some time of the last month."""
    async with sessions.begin() as session:
        for _ in range(AT_ONCE):
            at = datetime.now(UTC) - draw.random() * LONGEST
            await keeping.start(session, Principal.SYSTEM, Subject("complaint", uuid7()), FACTS, at)


async def _nothing_due(system: Running) -> bool:
    return await system.ask("SELECT NOT EXISTS (SELECT FROM clocks WHERE next_at < now())") is True


async def compare(sessions: Sessions, outcome: Outcome) -> None:
    """What was told with what the events of each clock say."""
    async with sessions() as session:
        accounts = await ledger.read(session, list(await session.scalars(select(Clock))))
        terms = await ledger.terms_of(session, accounts)
        now = (await session.execute(select(func.now()))).scalar_one()
        told = await session.execute(
            text(
                "SELECT data ->> 'clock_id', data ->> 'share', count(*) FROM events"
                " WHERE kind IN ('clock.alarm', 'clock.breached') GROUP BY 1, 2"
            )
        )
        counted = {(clock_id, int(share)): times for clock_id, share, times in told}
        noted = await session.scalar(select(func.count()).select_from(ClockAlarm))
    due: dict[tuple[str, int], datetime] = {}
    for account in accounts:
        folded = fold(account.events, terms)
        due |= {(str(account.clock.id), share): at for share, at in folded.alarms.items()}
        outcome.violations += _differences(account, ledger.stand(account, folded))
    never = [each for each, at in due.items() if at < now - WITHIN and each not in counted]
    early = [each for each in counted if due[each] > now]
    again = [each for each, times in counted.items() if times > 1]
    for fault, found in (("never told", never), ("told early", early), ("told twice", again)):
        outcome.violations += [f"{fault}: {share} % of {clock_id}" for clock_id, share in found[:5]]
    outcome.notes.append(f"{len(accounts):,} clocks, told of {len(counted):,} shares of them")
    if noted != len(counted):
        outcome.violations.append(f"{noted:,} alarms are noted, {len(counted):,} were told of")


def _differences(account: Account, stand: dict[str, object]) -> list[str]:
    return [
        f"clock {account.clock.id}: {name} is not {value}"
        for name, value in stand.items()
        if getattr(account.clock, name) != value
    ]
