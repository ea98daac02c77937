"""Which value of two records a merge keeps, field by field: a rule each, and the word of whoever merges above it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from app.models.customer import Customer, CustomerState
from app.models.merge import MergeRule, MergeSide


class Kept(NamedTuple):
    """The side whose value a field keeps, by which rule, and the value."""

    side: MergeSide
    rule: MergeRule
    value: Any


Choice = Callable[[Customer, Customer, str], MergeSide]

LIVELIEST = (
    CustomerState.ACTIVE,
    CustomerState.DORMANT,
    CustomerState.PROSPECT,
    CustomerState.LOST,
    CustomerState.CLOSED,
)


def _survivors(survivor: Customer, merged: Customer, field: str) -> MergeSide:
    """The survivor's, unless it has none."""
    return MergeSide.SURVIVOR if getattr(survivor, field) or not getattr(merged, field) else MergeSide.MERGED


def _latest(survivor: Customer, merged: Customer, field: str) -> MergeSide:
    """That of the record changed last, unless it has none."""
    newer, older = (survivor, merged) if survivor.updated_at >= merged.updated_at else (merged, survivor)
    kept = newer if getattr(newer, field) or not getattr(older, field) else older
    return MergeSide.SURVIVOR if kept is survivor else MergeSide.MERGED


def _longest(survivor: Customer, merged: Customer, field: str) -> MergeSide:
    longer = len(getattr(merged, field)) > len(getattr(survivor, field))
    return MergeSide.MERGED if longer else MergeSide.SURVIVOR


def _liveliest(survivor: Customer, merged: Customer, _field: str) -> MergeSide:
    livelier = LIVELIEST.index(merged.state) < LIVELIEST.index(survivor.state)
    return MergeSide.MERGED if livelier else MergeSide.SURVIVOR


def _both(_survivor: Customer, _merged: Customer, _field: str) -> MergeSide:
    return MergeSide.BOTH


CHOICES: dict[MergeRule, Choice] = {
    MergeRule.SURVIVORS: _survivors,
    MergeRule.LATEST: _latest,
    MergeRule.LONGEST: _longest,
    MergeRule.LIVELIEST: _liveliest,
    MergeRule.BOTH: _both,
}
RULES: dict[str, MergeRule] = {
    "name": MergeRule.LONGEST,
    "code": MergeRule.SURVIVORS,
    "state": MergeRule.LIVELIEST,
    "tier": MergeRule.LATEST,
    "source": MergeRule.SURVIVORS,
    "needs": MergeRule.BOTH,
    "owner_id": MergeRule.SURVIVORS,
    "team_id": MergeRule.SURVIVORS,
}
"""Every field that both records may have; contacts, addresses and all else of both come together."""


def kept(survivor: Customer, merged: Customer, chosen: Mapping[str, MergeSide]) -> dict[str, Kept]:
    """What of each field is kept, by what was chosen or else by rule."""
    found = {}
    for field, rule in RULES.items():
        side = chosen.get(field) or CHOICES[rule](survivor, merged, field)
        found[field] = Kept(
            side, MergeRule.CHOSEN if field in chosen else rule, _value(survivor, merged, field, side)
        )
    return found


def _value(survivor: Customer, merged: Customer, field: str, side: MergeSide) -> Any:
    mine, theirs = getattr(survivor, field), getattr(merged, field)
    if side is MergeSide.BOTH:
        return list(dict.fromkeys([*mine, *theirs]))
    return mine if side is MergeSide.SURVIVOR else theirs
