"""A customer as it is compared: its name, ways to reach it, places and ids in their normal forms."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.models.customer import ContactPointKind, CustomerKind
from app.services import contact_points
from app.services.duplicates.name import Name, parsed, plain, words

_AREAS = re.compile(r"(?:壮族|回族|维吾尔)?(?:特别行政区|自治区|自治州|自治县|地区|新区|省|市|区|县)$")
_BUILDING = re.compile(r"(?<=\d)(?:号楼|栋|幢|座)")
_LETTERS = re.compile(r"[^\W\d_]+")
_FILLER = re.compile(r"号院|单元|号|室|层|楼|第")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Place:
    """`line` is street and building without their numbers, `area` the city or district it lies in."""

    line: str
    numbers: tuple[str, ...]
    city: str
    area: str
    postcode: str


@dataclass(frozen=True, slots=True)
class Record:
    kind: CustomerKind
    name: Name
    phones: frozenset[str]
    mails: frozenset[str]
    ids: Mapping[str, str]
    places: tuple[Place, ...]


def made(
    kind: CustomerKind,
    name: str,
    *,
    points: Iterable[tuple[str, str]] = (),
    addresses: Iterable[Mapping[str, Any]] = (),
    ids: Iterable[tuple[str, str]] = (),
) -> Record:
    """`points` are kinds and normal forms, `ids` systems and what they call this customer."""
    points = list(points)
    phones = (value for point, value in points if point == ContactPointKind.PHONE)
    return Record(
        kind,
        parsed(kind, name),
        frozenset(phone for phone in phones if not contact_points.is_service_number(phone)),
        frozenset(f"{point}:{value}" for point, value in points if point != ContactPointKind.PHONE),
        {system: plain(value) for system, value in ids},
        tuple(_place(address) for address in addresses),
    )


def _place(address: Mapping[str, Any]) -> Place:
    given = {name: plain(value) for name, value in address.items() if isinstance(value, str)}
    areas = [_AREAS.sub("", given.get(name, "")) for name in ("province", "city", "district")]
    text = _BUILDING.sub("栋", f"{given.get('street', '')} {given.get('detail', '')}")
    for area in (given.get(name, "") for name in ("province", "city", "district")):
        text = text.replace(area, " ") if area else text
    letters = _FILLER.sub(" ", " ".join(_LETTERS.findall(text)))
    line = " ".join(words()["abbreviations"].get(word, word) for word in letters.split())
    return Place(
        line,
        tuple(_NUMBER.findall(text)),
        areas[1] or areas[0],
        " ".join(filter(None, areas)),
        given.get("postcode", "").replace(" ", ""),
    )
