"""Weights for duplicates: a logistic regression over pairs that share a key, of records that nothing is judged on."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

RIDGE = 1.0
STEPS = 30

Vector = list[float]
Pattern = tuple[list[int], float, float]
"""Places of what was found of a pair, and how much such pairs weigh that are not the same, and that are."""


def fitted(parts: Sequence[Iterable[tuple[tuple[str, ...], bool]]], threshold: float) -> dict[str, Any]:
    """The table of weights, as `weights.json` has it, from what was found of each pair and whether it is one.

    A part counts by the share of its duplicates that a pair is, so that a large one says no more than a small one.
    """
    patterns: dict[tuple[str, ...], Vector] = defaultdict(lambda: [0.0, 0.0])
    seen = 0
    for pairs in map(list, parts):
        seen += len(pairs)
        share = 1 / sum(same for _, same in pairs)
        for levels, same in pairs:
            patterns[levels][same] += share
    names = sorted({level for levels in patterns for level in levels})
    place = {name: at for at, name in enumerate(names)}
    scale = seen / sum(map(sum, patterns.values()))
    rows = [
        ([*map(place.__getitem__, levels), len(names)], apart * scale, same * scale)
        for levels, (apart, same) in patterns.items()
    ]
    weights = _newton(rows, len(names) + 1)
    rounded = {name: round(weights[at], 2) for name, at in place.items()}
    return {"threshold": threshold, "start": round(weights[-1], 2), "levels": rounded}


def _newton(rows: list[Pattern], size: int) -> Vector:
    weights = [0.0] * size
    for _ in range(STEPS):
        slope = [RIDGE * each for each in weights[:-1]] + [0.0]
        bend = [[RIDGE * (a == b < size - 1) + 1e-6 * (a == b) for a in range(size)] for b in range(size)]
        for places, apart, same in rows:
            likely = 1 / (1 + math.exp(-sum(weights[at] for at in places)))
            steep = likely * (1 - likely) * (apart + same)
            for a in places:
                slope[a] += likely * (apart + same) - same
                for b in places:
                    bend[a][b] += steep
        weights = [was - by for was, by in zip(weights, _solved(bend, slope), strict=True)]
    return weights


def _solved(matrix: list[Vector], vector: Vector) -> Vector:
    """Gauss and Jordan; the matrix is positive definite, so that nothing need be swapped."""
    rows = [[*row, value] for row, value in zip(matrix, vector, strict=True)]
    for at, pivot in enumerate(rows):
        pivot[:] = [value / pivot[at] for value in pivot]
        for row in rows:
            if row is not pivot and row[at]:
                factor = row[at]
                row[:] = [value - factor * lead for value, lead in zip(row, pivot, strict=True)]
    return [row[-1] for row in rows]
