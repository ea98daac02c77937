"""China's divisions: where an address lies, however short it was written.

The table comes with the product and is kept in memory, so that an address costs no statement.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy import Select, select

from app.models.division import Division, DivisionLevel

SOURCE = (
    "国家统计局 统计用区划代码 2023 (as of 2023-06-30, published 2023-09-11), without 市辖区 and functional zones;"
    " former names: 民政部 list of 2019"
)
TABLE = Division.__tablename__
HOME = "CN"
FIELDS = ("province", "city", "district")
LINES = ("street", "detail")
MUNICIPALITIES = frozenset({"110000", "120000", "310000", "500000"})
"""Provinces that are a city: their counties stand right below them."""

_PLACEHOLDERS = frozenset({"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"})
_PEOPLES = (
    "(壮族|回族|维吾尔|朝鲜族|土家族|苗族|布依族|侗族|藏族|羌族|彝族|傣族|景颇族|傈僳族|白族|哈尼族|蒙古族|蒙古|哈萨克族"
    "|哈萨克|满族|瑶族|畲族|黎族|仡佬族|水族|毛南族|仫佬族|拉祜族|佤族|纳西族|独龙族|怒族|普米族|布朗族|东乡族|保安族"
    "|撒拉族|土族|裕固族|塔吉克|锡伯|鄂伦春|鄂温克族|达斡尔族|柯尔克孜|各族)*"
)
_SUFFIX = {
    DivisionLevel.PROVINCE: re.compile(f"(省|市|{_PEOPLES}自治区|特别行政区)$"),
    DivisionLevel.PREFECTURE: re.compile(f"(市|地区|盟|{_PEOPLES}自治州)$"),
    DivisionLevel.COUNTY: re.compile(f"({_PEOPLES}自治[县旗]|[市区县旗])$"),
}
_LONGEST = 15


@dataclass(frozen=True, slots=True)
class Place:
    """A division of today."""

    code: str
    name: str
    level: DivisionLevel
    parent: str | None


def rows() -> list[dict[str, Any]]:
    """Every division that comes with the product, as the table holds it."""
    content = resources.files("app.reference").joinpath(f"{TABLE}.csv").read_text(encoding="utf-8")
    return [
        {**row, "parent_code": row["parent_code"] or None, "now": row["now"] or None, "source": SOURCE}
        | {"until": int(row["until"]) if row["until"] else None}
        for row in csv.DictReader(content.splitlines())
    ]


def children(parent: str | None) -> Select[Division]:
    """The divisions of today right below one, or the provinces."""
    below = Division.parent_code.is_(None) if parent is None else Division.parent_code == parent
    return select(Division).where(below, Division.now.is_(None)).order_by(Division.code)


@cache
def places() -> dict[str, Place]:
    """The divisions of today by their codes."""
    return {
        row["code"]: Place(row["code"], row["name"], DivisionLevel(row["level"]), row["parent_code"])
        for row in rows()
        if row["now"] is None
    }


@cache
def _written() -> dict[str, dict[str, frozenset[str]]]:
    """For each field of an address, what may stand there and the codes of what it may mean."""
    found: dict[str, defaultdict[str, set[str]]] = {field: defaultdict(set) for field in FIELDS}
    for row in rows():
        for field in _fields_of(row):
            for form in {row["name"], _short(row["name"], DivisionLevel(row["level"]))}:
                found[field][form].add(row["now"] or row["code"])
    return {
        field: {form: frozenset(codes) for form, codes in forms.items()} for field, forms in found.items()
    }


def _fields_of(row: dict[str, Any]) -> Iterator[str]:
    """A municipality is a city, too; a county is written as one where it is called a city or has no other."""
    level = DivisionLevel(row["level"])
    yield FIELDS[list(DivisionLevel).index(level)]
    if row["code"] in MUNICIPALITIES:
        yield "city"
    if level is DivisionLevel.COUNTY and (row["name"].endswith("市") or row["parent_code"].endswith("0000")):
        yield from () if row["parent_code"] in MUNICIPALITIES else ("city",)


def _short(name: str, level: DivisionLevel) -> str:
    stem = _SUFFIX[level].sub("", name)
    return stem if len(stem) > 1 else name


def normalised(address: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The address with its divisions' full names, and the code of the finest that is sure.

    What is unknown, contradicts itself or may mean several places stays as it was written; a division at the head
    of a line moves to its field. Addresses of other countries are left alone.
    """
    if address.get("country", HOME) != HOME:
        return address, None
    given = {field: address[field] for field in FIELDS if address.get(field) not in {None, *_PLACEHOLDERS}}
    found, read = _fold(given)
    if found is None:
        return address, None
    plain = {name: value for name, value in address.items() if value not in _PLACEHOLDERS}
    if read == given.keys():
        found, plain = _continue(plain, found)
    code = _common(found)
    return (address, None) if code is None else (_named(plain, places()[code], read), code)


def _fold(given: dict[str, str]) -> tuple[frozenset[str] | None, set[str]]:
    """What the fields mean together, read from the coarse to the fine until a word is unknown.

    An empty set means everything; `None`, that they contradict each other.
    """
    found: frozenset[str] = frozenset()
    read: set[str] = set()
    for field, word in given.items():
        meant = _written()[field].get(word.strip())
        if meant is None:
            break
        found = _both(found, meant)
        if not found:
            return None, read
        read.add(field)
    return found, read


def _both(coarse: frozenset[str], fine: frozenset[str]) -> frozenset[str]:
    """Of two sets of places the finer of each two that lie in one another."""
    if not coarse:
        return fine
    pairs = [(one, other) for one in coarse for other in fine]
    return frozenset(max(pair, key=_depth) for pair in pairs if _within(*pair) or _within(*reversed(pair)))


def _within(inner: str, outer: str) -> bool:
    return outer in _line(inner)


def _depth(code: str) -> int:
    return len(_line(code))


@cache
def _line(code: str) -> tuple[str, ...]:
    """The place and what it lies in, from the coarse to the fine."""
    parent = places()[code].parent
    return (code,) if parent is None else (*_line(parent), code)


def _common(codes: frozenset[str]) -> str | None:
    """The finest place that all of these lie in."""
    lines = [_line(code) for code in codes]
    shared = [steps[0] for steps in zip(*lines, strict=False) if len(set(steps)) == 1]
    return shared[-1] if shared else None


def _continue(address: dict[str, Any], found: frozenset[str]) -> tuple[frozenset[str], dict[str, Any]]:
    """What lines add that begin with divisions; one that says nothing sure, or something else, stays."""
    for line in LINES:
        while text := address.get(line) or "":
            heads = (_head(text, start) for start in range(len(FIELDS)))
            meant, rest = min(heads, key=lambda head: len(head[1]))
            both = _both(found, meant) if meant else meant
            if len(both) != 1:
                break
            found = both
            address = {name: value for name, value in address.items() if name != line}
            address |= {line: rest} if rest else {}
    return found, address


def _head(text: str, start: int) -> tuple[frozenset[str], str]:
    """The divisions at the head of a line from one level on, and what follows; it must end with a full name."""
    found = sure = frozenset[str]()
    rest = left = text
    for field in FIELDS[start:]:
        if form := _longest(rest, field, found):
            found = _both(found, _written()[field][form])
            rest = rest[len(form) :].lstrip(" ,，、")
            sure, left = (found, rest) if form in _full_names() else (sure, left)
    return sure, left


def _longest(text: str, field: str, found: frozenset[str]) -> str | None:
    """The longest word of this field at the head of a text that lies in what was found before."""
    for length in range(min(_LONGEST, len(text)), 1, -1):
        meant = _written()[field].get(text[:length])
        if meant and _both(found, meant):
            return text[:length]
    return None


@cache
def _full_names() -> frozenset[str]:
    return frozenset(row["name"] for row in rows())


def _named(address: dict[str, Any], place: Place, read: set[str]) -> dict[str, Any]:
    """The address with this place's names. Where a word that nobody knows is in the way, the others stay, too."""
    names = _names(place)
    if any(address.get(field) and field not in read for field in names):
        return address | {field: name for field, name in names.items() if not address.get(field)}
    moved = {field for field in read if field not in names and _is(address[field].strip(), field, place)}
    return {field: value for field, value in address.items() if field not in moved} | names


def _is(word: str, field: str, place: Place) -> bool:
    """Whether a word is this place's own name, and not one of a part that it has swallowed."""
    return place.code in _written()[field][word] and word in {place.name, _short(place.name, place.level)}


def _names(place: Place) -> dict[str, str]:
    """What stands in each field for a place: 北京市 twice for a municipality, 仙桃市 as a city without a district."""
    line = [places()[code] for code in _line(place.code)]
    words = {FIELDS[list(DivisionLevel).index(each.level)]: each.name for each in line}
    if line[0].code in MUNICIPALITIES:
        return {"province": line[0].name, "city": line[0].name} | words
    if place.level is DivisionLevel.COUNTY and "city" not in words:
        words["city"] = words.pop("district")
    return words
