"""The score of two records: what agrees and what differs, each weighed by a table of data.

The weights are the logarithms of odds that a logistic regression found on the part of the evaluation that is for
tuning; they and the threshold stand in `weights.json`, and nowhere else. `python -m bench.duplicates` judges them.
"""

import json
import math
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from itertools import product
from typing import Any

from rapidfuzz import fuzz
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from app.models.customer import CustomerKind
from app.services.duplicates.record import Place, Record

MISSING, SAME, DIFFERENT = "missing", "same", "different"


@cache
def weights() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("weights.json").read_text("utf-8")
    return dict(json.loads(text))


def threshold() -> float:
    """From this score on, two records are possible duplicates."""
    return float(weights()["threshold"])


def score(one: Record, other: Record) -> float:
    """How likely both are the same customer, from 0 to 1."""
    table = weights()
    points = sum(table["levels"].get(level, 0.0) for level in levels(one, other))
    return 1 / (1 + math.exp(-table["start"] - points))


def levels(one: Record, other: Record) -> Iterator[str]:
    """What is found of every feature that both have, such as `phone same`."""
    yield from _name(one, other)
    yield from _said("phone", _phones(one.phones, other.phones))
    yield from _said("mail", _mails(one.mails, other.mails))
    yield from _said("id", _ids(one, other))
    yield from _places(one.places, other.places)


def _name(one: Record, other: Record) -> Iterator[str]:
    a, b = one.name, other.name
    alike = _alike(a.core, b.core, a.sound, b.sound)
    if one.kind is CustomerKind.PERSON:
        yield f"{'han' if a.is_han and b.is_han else 'latin'} person {_graded(alike, (1, 0.94, 0.85, 0.75, 0.6))}"
        return
    slip = (
        len(a.whole_sound) > 5
        and DamerauLevenshtein.distance(a.whole_sound, b.whole_sound, score_cutoff=1) <= 1
    )
    yield f"company {'slip' if slip and alike < 0.94 else _graded(alike, (1, 0.94, 0.75, 0.6))}"
    yield f"brand {_graded(_alike(a.brand, b.brand, a.brand_sound, b.brand_sound), (1, 0.94, 0.6))}"
    yield from _said("seat", _shared(a.places, b.places))


def _said(feature: str, found: str) -> Iterator[str]:
    """What one of both lacks speaks neither for nor against."""
    if found != MISSING:
        yield f"{feature} {found}"


def _alike(a: str, b: str, a_sound: tuple[str, ...], b_sound: tuple[str, ...]) -> float:
    """1 for the same name; just below, for the same sound or the same parts in another order."""
    if a == b:
        return 1.0
    if a_sound == b_sound:
        return 0.95
    if sorted(a_sound) == sorted(b_sound):
        return 0.94
    by_sound = DamerauLevenshtein.normalized_similarity(a_sound, b_sound)
    if " " in a + b or (a + b).isascii():
        return 0.94 * max(fuzz.token_sort_ratio(a, b) / 100, _words(a, b), by_sound)
    return 0.94 * max(by_sound, DamerauLevenshtein.normalized_similarity(a, b))


def _words(a: str, b: str) -> float:
    """How well each word of the shorter name is met by one of the other."""
    few, many = sorted((a.split(), b.split()), key=len)
    if not few:
        return 0.0
    return sum(max(JaroWinkler.similarity(word, other) for other in many) for word in few) / len(few)


def _shared(one: frozenset[str], other: frozenset[str]) -> str:
    if not one or not other:
        return MISSING
    return SAME if one & other else DIFFERENT


def _phones(one: frozenset[str], other: frozenset[str]) -> str:
    if (found := _shared(one, other)) != DIFFERENT:
        return found
    return "near" if any(_near_number(a, b) for a, b in product(one, other)) else DIFFERENT


def _near_number(a: str, b: str) -> bool:
    """One digit wrong or two swapped; or the last seven the same, from before an area got eight."""
    return a[-7:] == b[-7:] or DamerauLevenshtein.distance(a, b, score_cutoff=1) <= 1


def _mails(one: frozenset[str], other: frozenset[str]) -> str:
    if (found := _shared(one, other)) != DIFFERENT:
        return found
    near = any(DamerauLevenshtein.distance(a, b, score_cutoff=1) <= 1 for a, b in product(one, other))
    return "near" if near else DIFFERENT


def _ids(one: Record, other: Record) -> str:
    """An id of the same system, the same or with one slip; systems that know only one of both say nothing."""
    found = [(one.ids[system], other.ids[system]) for system in one.ids.keys() & other.ids.keys()]
    if not found:
        return MISSING
    if any(a == b for a, b in found):
        return SAME
    slips = any(DamerauLevenshtein.distance(a, b, score_cutoff=1) <= 1 for a, b in found)
    return "near" if slips else DIFFERENT


def _places(one: Iterable[Place], other: Iterable[Place]) -> Iterator[str]:
    """Of the two places that are most alike."""
    pairs = [list(_place(a, b)) for a, b in product(one, other)]
    if pairs:
        yield from max(pairs, key=_points)


def _points(found: list[str]) -> float:
    return float(sum(weights()["levels"].get(level, 0.0) for level in found))


def _place(a: Place, b: Place) -> Iterator[str]:
    if a.line and b.line:
        yield f"street {_graded(_lines(a.line, b.line), (1, 0.85, 0.7, 0.5))}"
    if a.numbers and b.numbers:
        yield f"number {_numbers(a.numbers, b.numbers)}"
    if a.area and b.area:
        yield f"area {_graded(fuzz.token_set_ratio(a.area, b.area) / 100, (1, 0.85, 0.6))}"
    if a.postcode and b.postcode:
        slip = DamerauLevenshtein.distance(a.postcode, b.postcode, score_cutoff=1)
        yield f"postcode {(SAME, 'near', DIFFERENT)[slip]}"


def _lines(a: str, b: str) -> float:
    return max(fuzz.ratio(a, b), fuzz.token_sort_ratio(a, b), 0.95 * fuzz.token_set_ratio(a, b)) / 100


def _numbers(a: tuple[str, ...], b: tuple[str, ...]) -> str:
    if a == b:
        return SAME
    return "shared" if set(a) & set(b) else DIFFERENT


def _graded(likeness: float, steps: tuple[float, ...]) -> str:
    """The highest step that is reached, as a word."""
    return next((f"{step:.2f}" for step in steps if likeness >= step), "0")
