"""What came of it: a table, a picture, and whether it may pass."""

import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from faults.ledger import Balance, balance
from faults.load import Clients
from faults.system import Running, until

LIMIT_S = 10.0
"""From a fault to the next acknowledged write, and until nothing waits in the queue for more than a second."""


@dataclass(frozen=True)
class Recovery:
    """Seconds after a fault."""

    victim: str
    at: datetime
    write_s: float
    queue_s: float


@dataclass
class Outcome:
    """What one scenario came to. One that was not run has passed nothing."""

    name: str
    balance: Balance = field(default_factory=Balance)
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    not_run: str = ""

    @property
    def verdict(self) -> str:
        if self.not_run:
            return "not run"
        return "failed" if self.violations else "held"

    def judge_recoveries(self, limit_s: float) -> None:
        for each in self.recoveries:
            if max(each.write_s, each.queue_s) > limit_s:
                self.violations.append(
                    f"{each.victim} at {each.at:%H:%M:%S}: a write after {each.write_s:.1f} s, the queue caught up after {each.queue_s:.1f} s"
                )


async def settle(outcome: Outcome, system: Running, clients: Clients, within: float = 60) -> None:
    """Let all that was begun come to its end, then compare the ledger with the database."""
    await clients.finish()
    try:
        await until(system.queue_empty, within)
    except TimeoutError:
        outcome.violations.append(f"the queue is not empty after {within:g} s")
    async with system.stage.owner(system.database) as connection:
        outcome.balance = await balance(clients.ledger, connection)
    ledger = clients.ledger
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(ledger.answers.items()))
    outcome.notes.append(f"answers: {answers}; the slowest after {ledger.slowest_s:.1f} s")
    outcome.violations += [f"{name}: {count}" for name, count in outcome.balance.faults.items()]
    outcome.violations += ledger.contradictions[:5]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def table(outcomes: list[Outcome]) -> str:
    """All scenarios, one a row, in Markdown."""
    lines = [
        "| scenario | verdict | acknowledged | lost | doubled | effects lost | effects doubled | dead |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in outcomes:
        found = each.balance
        figures = (found.acknowledged, found.lost, found.doubled, found.effects_lost, found.effects_doubled)
        numbers = [f"{figure:,}" for figure in (*figures, found.dead)]
        cells = ["-"] * len(numbers) if each.not_run else numbers
        lines.append(f"| {each.name} | {each.verdict} | {' | '.join(cells)} |")
    return "\n".join(lines)


def recovery_table(recoveries: list[Recovery]) -> str:
    lines = [
        "| victim | faults | next write, median | worst | queue caught up, median | worst |",
        "|---|---|---|---|---|---|",
    ]
    for victim in sorted({each.victim for each in recoveries}):
        of_victim = [each for each in recoveries if each.victim == victim]
        writes = [each.write_s for each in of_victim]
        queues = [each.queue_s for each in of_victim]
        seconds = [f"{value:.2f} s" for value in (median(writes), max(writes), median(queues), max(queues))]
        lines.append(f"| {victim} | {len(of_victim)} | {' | '.join(seconds)} |")
    return "\n".join(lines)


def details(outcomes: list[Outcome]) -> str:
    lines = []
    for each in outcomes:
        lines += [f"- {each.name}: {note}" for note in ([each.not_run] if each.not_run else each.notes)]
        lines += [f"- {each.name}: **{violation}**" for violation in each.violations]
    return "\n".join(lines)


def write(outcomes: list[Outcome], heading: str, directory: Path) -> None:
    """The tables as Markdown, and how long the recoveries of the first scenario took as a picture."""
    recoveries = [recovery for outcome in outcomes for recovery in outcome.recoveries]
    parts = [f"# {heading}", table(outcomes), "## Recovery", recovery_table(recoveries), "![](recovery.svg)"]
    parts += ["## Notes", details(outcomes)]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "faults.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    pictured = next((outcome.recoveries for outcome in outcomes if outcome.recoveries), [])
    if pictured:
        _picture(pictured, directory / "recovery.svg")


def _picture(recoveries: list[Recovery], path: Path) -> None:
    """Histograms, one a victim: until the next acknowledged write, and until the queue had caught up."""
    victims = sorted({each.victim for each in recoveries})
    figure = Figure(figsize=(8, 1 + 0.8 * len(victims)), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots(len(victims), 1, sharex=True, squeeze=False)[:, 0]
    bins = [step / 4 for step in range(int(LIMIT_S * 4) + 1)]
    for axis, victim in zip(axes, victims, strict=True):
        of_victim = [each for each in recoveries if each.victim == victim]
        for label, seconds in (
            ("next acknowledged write", [each.write_s for each in of_victim]),
            ("queue caught up", [each.queue_s for each in of_victim]),
        ):
            axis.hist(
                [min(value, LIMIT_S) for value in seconds],
                bins=bins,
                histtype="stepfilled",
                alpha=0.6,
                label=label,
            )
        axis.set_ylabel(victim, rotation=0, ha="right", va="center")
        axis.axvline(LIMIT_S, color="black", linewidth=1)
        axis.locator_params(axis="y", integer=True, nbins=2)
    axes[0].legend(loc="upper right", fontsize="small")
    axes[0].set_title("Seconds from a fault to recovery")
    axes[-1].set_xlabel(f"seconds; the limit is {LIMIT_S:g}")
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
