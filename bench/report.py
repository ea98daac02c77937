"""The results: a table in Markdown and in JSON, and a picture."""

import json
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from os import cpu_count
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bench.load import Cost, quantile

SLOWEST_P95_MS = 50
DATABASE_GROWTH = 1.5
PUSH_SHARE = 0.5


@dataclass(frozen=True)
class Measured:
    """One kind of work at one size; `goal` is how many times the bare server's CPU it may take."""

    name: str
    goal: float | None
    shipments: int
    product: Cost
    bare: Cost
    waits: list[float]

    @property
    def times(self) -> float:
        return self.product.cpu_ms / self.bare.cpu_ms

    @property
    def share(self) -> float:
        return self.product.requests_per_s / self.bare.requests_per_s


@dataclass(frozen=True)
class Delay:
    """Milliseconds, sorted; 99 of 100 have to be below the goal."""

    name: str
    goal_ms: float
    waits: list[float]


@dataclass(frozen=True)
class Results:
    size: str
    measured: list[Measured]
    delays: list[Delay]


def line(found: Measured) -> str:
    """One row, as it is shown while the benchmark runs."""
    goal = (
        f"at most {found.goal:g}" if found.goal else f"{found.share:.0%} of COPY, at least {PUSH_SHARE:.0%}"
    )
    return (
        f"  {found.name:24} {found.product.cpu_ms:6.2f} ms CPU, {found.times:4.1f} x bare ({goal});"
        f" {found.product.statements:4.1f} statements, {found.product.database_ms:.2f} ms in the database;"
        f" p95 {quantile(found.waits, 0.95):.0f} ms"
    )


def misses(results: Results) -> list[str]:
    """What did not meet its goal, in sentences."""
    return [
        *(_missed_cpu(each) for each in results.measured if each.goal and each.times > each.goal),
        *(_missed_share(each) for each in results.measured if not each.goal and each.share < PUSH_SHARE),
        *(
            f"{each.name} at {each.shipments:,}: p95 {quantile(each.waits, 0.95):.0f} ms"
            for each in results.measured
            if each.goal and quantile(each.waits, 0.95) > SLOWEST_P95_MS
        ),
        *(
            f"{name}: database time grows {growth:.2f} x from {small:,} to {large:,}"
            for name, small, large, growth in growths(results)
            if growth > DATABASE_GROWTH
        ),
        *(
            f"{each.name}: p99 {quantile(each.waits, 0.99):.0f} ms"
            for each in results.delays
            if quantile(each.waits, 0.99) > each.goal_ms
        ),
    ]


def growths(results: Results) -> list[tuple[str, int, int, float]]:
    """Of each kind of work, how much longer the database takes with the most shipments than with the fewest."""
    found = []
    ordered = sorted(results.measured, key=lambda each: (each.name, each.shipments))
    for name, group in groupby(ordered, key=lambda each: each.name):
        sizes = list(group)
        growth = sizes[-1].product.database_ms / sizes[0].product.database_ms
        found.append((name, sizes[0].shipments, sizes[-1].shipments, growth))
    return [each for each in found if each[1] != each[2]]


def summary(results: Results) -> str:
    missed = misses(results)
    return "\n".join(["Missed:", *(f"  {each}" for each in missed)]) if missed else "Every goal is met."


def write(results: Results, directory: Path) -> None:
    """Write `<size>.md`, `<size>.json` and `<size>.svg`."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / results.size
    path.with_suffix(".md").write_text(_markdown(results), encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(_document(results), indent=1) + "\n", encoding="utf-8")
    _picture(results).savefig(path.with_suffix(".svg"), metadata={"Date": None})


def _missed_cpu(found: Measured) -> str:
    return f"{found.name} at {found.shipments:,}: {found.times:.1f} x bare CPU, goal {found.goal:g}"


def _missed_share(found: Measured) -> str:
    return f"{found.name} at {found.shipments:,}: {found.share:.0%} of COPY, goal {PUSH_SHARE:.0%}"


def _markdown(results: Results) -> str:
    head = (
        f"# Benchmark, size {results.size}\n\n{datetime.now(UTC):%Y-%m-%d}, {cpu_count()} cores,"
        f" Python {platform.python_version()}, revision {_revision()}. `make bench SIZE={results.size}`;"
        " what is measured and how: [README](../README.md).\n\n"
        "| work | shipments | CPU ms | bare ms | x bare | goal | statements | database ms | p50 ms | p95 ms |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    )
    table = "".join(_row(each) for each in results.measured)
    growth = "".join(
        f"| {name} | {small:,} to {large:,} | {growth:.2f} |\n"
        for name, small, large, growth in growths(results)
    )
    delays = "".join(
        f"| {each.name} | {quantile(each.waits, 0.5):.0f} | {quantile(each.waits, 0.99):.0f} | {each.goal_ms:g} |\n"
        for each in results.delays
    )
    return (
        f"{head}{table}\n![The same as a picture]({results.size}.svg)\n\n"
        f"| database time | shipments | grows |\n|---|---|--:|\n{growth}\n"
        f"| delay | p50 ms | p99 ms | goal |\n|---|--:|--:|--:|\n{delays}\n{summary(results)}\n"
    )


def _row(found: Measured) -> str:
    goal = f"{found.goal:g}" if found.goal else f"{found.share:.0%} of COPY's pace, goal {PUSH_SHARE:.0%}"
    return (
        f"| {found.name} | {found.shipments:,} | {found.product.cpu_ms:.2f} | {found.bare.cpu_ms:.2f}"
        f" | {found.times:.1f} | {goal} | {found.product.statements:.1f} | {found.product.database_ms:.2f}"
        f" | {quantile(found.waits, 0.5):.1f} | {quantile(found.waits, 0.95):.1f} |\n"
    )


def _document(results: Results) -> dict[str, Any]:
    return {
        "size": results.size,
        "measured": [asdict(each) | {"waits": _quantiles(each.waits)} for each in results.measured],
        "delays": [asdict(each) | {"waits": _quantiles(each.waits)} for each in results.delays],
        "missed": misses(results),
    }


def _quantiles(waits: list[float]) -> dict[str, float]:
    return {f"p{share:g}": round(quantile(waits, share / 100), 2) for share in (50, 95, 99, 100)}


def _picture(results: Results) -> Figure:
    """Bars of product over bare, a line at each goal."""
    rows = list(reversed([each for each in results.measured if each.goal]))
    figure = Figure(figsize=(9, 0.32 * len(rows) + 1.4), layout="constrained")
    axes = figure.subplots()
    colours = ["#2a7f62" if each.times <= (each.goal or 0) else "#c0392b" for each in rows]
    bars = axes.barh(range(len(rows)), [each.times for each in rows], color=colours)
    axes.bar_label(
        bars, labels=[f"{each.times:.1f} x, {each.product.cpu_ms:.2f} ms" for each in rows], padding=4
    )
    axes.scatter(
        [each.goal or 0 for each in rows], range(len(rows)), marker="|", s=220, color="black", zorder=3
    )
    axes.set_yticks(range(len(rows)), [f"{each.name}, {each.shipments:,}" for each in rows])
    axes.set_xlim(0, max(max(each.times, each.goal or 0) for each in rows) * 1.3)
    axes.set_xlabel("CPU of a request, in that of the bare server; the black mark is the goal")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _revision() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip() or "unknown"
