"""`make faults`: every scenario, one after the other; ends with 1 where a promise was broken."""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from faults import report
from faults.clocks import clocks
from faults.disk import disk_full, wal_full
from faults.kills import kills
from faults.network import network
from faults.relay import deaths, no_idempotency
from faults.report import Outcome
from faults.stage import Stage
from faults.sweep import sweep

LONG_FORM = 200
SHORT = ("kills", "network", "disk", "clocks", "relay", "sweep", "mark_first", "act_first", "no_idempotency")
FORMS = {False: SHORT, True: (*SHORT, "wal")}
LOGS = Path("build/faults")


def main() -> None:
    asked = _arguments()
    heading = f"{asked.kills} kills, seed {asked.seed}"
    report.say(f"faults: {heading}")
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it, too, leaves nothing behind
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        try:
            outcomes = asyncio.run(_run(asked, Path(scratch)))
        finally:
            _keep_logs(Path(scratch))
    heading += f", {(time.monotonic() - started) / 60:.1f} minutes"
    report.write(outcomes, heading, asked.results)
    recoveries = [recovery for outcome in outcomes for recovery in outcome.recoveries]
    for part in (report.table(outcomes), report.recovery_table(recoveries), report.details(outcomes)):
        report.say(f"\n{part}")
    report.say(f"\n{heading}; written to {asked.results}")
    sys.exit(any(outcome.violations for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults")
    parser.add_argument("--kills", type=int, default=LONG_FORM)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--recovery", type=float, default=report.LIMIT_S, help="seconds that one may take")
    parser.add_argument("--only", action="append", help="a scenario by name; may be given several times")
    parser.add_argument("--results", type=Path)
    asked = parser.parse_args()
    long = asked.kills >= LONG_FORM and not asked.only
    asked.results = asked.results or (Path("faults/results") if long else LOGS)
    return asked


async def _run(asked: argparse.Namespace, scratch: Path) -> list[Outcome]:
    async with Stage(scratch) as stage:
        return [
            await _told(name, scenario, asked.recovery)
            for name, scenario in _scenarios(stage, asked).items()
            if name in (asked.only or FORMS[asked.kills >= LONG_FORM])
        ]


def _scenarios(stage: Stage, asked: argparse.Namespace) -> dict[str, Callable[[], Awaitable[Outcome]]]:
    rounds, seed = max(asked.kills // 20, 1), asked.seed
    dying = max(asked.kills // 2, 10)
    return {
        "kills": lambda: kills(stage, asked.kills, seed),
        "network": lambda: network(stage, rounds, seed),
        "disk": lambda: disk_full(stage, seed),
        "wal": lambda: wal_full(stage, seed),
        "clocks": lambda: clocks(stage, seed),
        "relay": lambda: deaths(stage, dying, seed),
        "sweep": lambda: sweep(stage, max(asked.kills // 8, 8), seed),
        "mark_first": lambda: deaths(stage, 10, seed, broken="mark_first"),
        "act_first": lambda: deaths(stage, 10, seed, broken="act_first"),
        "no_idempotency": lambda: no_idempotency(stage, seed),
    }


async def _told(name: str, scenario: Callable[[], Awaitable[Outcome]], recovery_s: float) -> Outcome:
    started = time.monotonic()
    try:
        outcome = await scenario()
        outcome.judge_recoveries(recovery_s)
    except Exception as problem:  # noqa: BLE001  # the other scenarios are run all the same
        traceback.print_exc()
        outcome = Outcome(name, violations=[f"it did not come to its end: {problem!r}"])
    report.say(f"{name}: {outcome.name}: {outcome.verdict}, {time.monotonic() - started:.0f} s")
    return outcome


def _keep_logs(scratch: Path) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    for log in scratch.glob("**/*.log"):
        shutil.copy(log, LOGS / "-".join(log.relative_to(scratch).parts))


if __name__ == "__main__":
    main()
