"""A process under test: the product's own `crm serve` or `crm worker`, plus what only a test may add.

Added is a consumer whose effect is not idempotent, one row for each outbox row, so that an effect that is lost or
doubled can be counted; and, where asked for, a shifted clock, sudden deaths, or one of the broken variants.
"""

import argparse
import ctypes
import os
import random
import signal
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pgqueuer import PgQueuer
from pgqueuer.core import executors
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from app import cli, clock, worker
from app.models.event import Outbox
from app.models.job import Job
from app.services import events, reactions
from app.services.clocks import sweep
from app.services.clocks.ledger import Account
from app.worker import outbox

CONSUMER = "count_effects"
COUNTED = ("customer.created", "tracking.received")
JOB = "count_job"
WORK = "work"
PLACES = ("claimed, nothing done", "done, not committed", "before the commit", "after the commit")
"""Where a worker may die."""
PR_SET_PDEATHSIG = 1

Tell = Callable[[AsyncSession, list[Account], datetime], Coroutine[Any, Any, None]]


def main() -> None:
    """Run one of the two commands until it is told or made to stop."""
    asked = _arguments()
    _die_with(asked.parent)
    _count()
    if asked.broken:
        from faults import broken  # noqa: PLC0415  # it brings the whole API, which a worker starts sooner without

        broken.VARIANTS[asked.broken]()
    if asked.clock_hours:
        _shift_clock(timedelta(hours=asked.clock_hours))
    if asked.dying:
        _die_suddenly(asked.dying)
        _reborn(cli.worker)
    else:
        {"serve": cli.serve, "worker": cli.worker}[asked.command]()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve", "worker"])
    parser.add_argument("--parent", type=int, required=True, help="process number of the harness")
    parser.add_argument("--broken", default="", help="a name of faults/broken.py")
    parser.add_argument("--clock-hours", type=float, default=0)
    parser.add_argument(
        "--dying", type=float, default=0, help="chance of a SIGKILL at each step of the relay"
    )
    return parser.parse_args()


def _die_with(parent: int) -> None:
    """Outlive nobody: a harness that was killed leaves nothing behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _count() -> None:
    reactions.CONSUMERS[CONSUMER] = count_effects
    for kind in COUNTED:
        events.CONSUMERS[kind] = (*events.CONSUMERS.get(kind, ()), CONSUMER)
    worker.STEPS[JOB] = count_job


async def count_effects(session: AsyncSession, work: Sequence[Outbox]) -> None:
    """One row for each outbox row, each time."""
    session.info[WORK] = True
    _maybe_die(PLACES[0])
    await session.execute(
        text("INSERT INTO effects (outbox_id) VALUES (:outbox_id)"), [{"outbox_id": row.id} for row in work]
    )
    _maybe_die(PLACES[1])


async def count_job(session: AsyncSession, job: Job) -> bool:
    """One row for each run."""
    await session.execute(text("INSERT INTO effects (outbox_id) VALUES (:n)"), {"n": job.payload["number"]})
    return False


def _shift_clock(by: timedelta) -> None:
    """All of the worker's time, the queue library's too; and a sweep every second instead of every 5 minutes."""
    clock.set_source(lambda: datetime.now(UTC) + by)
    vars(executors)["utc_now"] = clock.now
    schedule = PgQueuer.schedule

    def often(self: PgQueuer, name: str, _expression: str, **options: Any) -> Any:
        return schedule(self, name, "* * * * * *", **options)

    PgQueuer.schedule = often  # type: ignore[assignment, method-assign]  # for this process only


_chance = 0.0


def _die_suddenly(chance: float) -> None:
    """Have a chance to die at each step of a transaction that claims rows or acts on them."""
    global _chance  # noqa: PLW0603  # this process's own fate
    _chance = chance
    claim = outbox._claim  # noqa: SLF001  # so that empty rounds are not what dies

    async def noted(session: AsyncSession) -> list[Outbox]:
        rows = await claim(session)
        session.info[WORK] = bool(rows)
        return rows

    outbox._claim = noted  # noqa: SLF001  # as above
    vars(sweep)["_tell"] = _dying(sweep._tell)  # noqa: SLF001  # as above
    event.listen(Session, "before_commit", _before_commit)
    event.listen(Session, "after_transaction_end", _after_end)


def _dying(tell: Tell) -> Tell:
    async def told(session: AsyncSession, accounts: list[Account], instant: datetime) -> None:
        session.info[WORK] = True
        _maybe_die(PLACES[0])
        await tell(session, accounts, instant)
        _maybe_die(PLACES[1])

    return told


def _before_commit(session: Session) -> None:
    if session.info.get(WORK) and not session.in_nested_transaction():
        _maybe_die(PLACES[2])


def _after_end(session: Session, transaction: SessionTransaction) -> None:
    if session.info.get(WORK) and transaction.parent is None:
        _maybe_die(PLACES[3])


def _maybe_die(where: str) -> None:
    if random.random() < _chance:
        os.write(2, f"died: {where}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def _reborn(work: Callable[[], None]) -> None:
    """Have a child do the work, and another one each time it is killed: a fork starts far sooner than Python."""
    parent = os.getpid()
    while True:
        child = os.fork()
        if child == 0:
            _die_with(parent)
            random.seed()
            work()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return


if __name__ == "__main__":
    main()
