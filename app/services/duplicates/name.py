"""Names taken apart for comparison: the place in front, what is a name's own, what trade, what legal form."""

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from app.models.customer import CustomerKind
from app.services import names

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_PARENTHESES = re.compile(r"[(\[【〔]([^)\]】〕]*)[)\]】〕]")
_WORDS = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+|[^\W_\u3400-\u9fff]+")


@cache
def words() -> dict[str, Any]:
    """The lists that names and addresses are taken apart by; see `words.json`."""
    text = resources.files(__package__).joinpath("words.json").read_text("utf-8")
    found: dict[str, Any] = {
        name: each.split() if isinstance(each, str) else each for name, each in json.loads(text).items()
    }
    places = sorted(found["provinces"] + found["cities"], key=len, reverse=True)
    forms = sorted(set(found["forms"]), key=len, reverse=True)
    trades = sorted(found["trades"], key=len, reverse=True)
    return found | {
        "place": re.compile(
            rf"(?:中国)?((?:(?:{'|'.join(places)})(?:省|市|壮族自治区|自治区|特别行政区)?)*)"
        ),
        "form": re.compile(rf"^(?:{'|'.join(forms)})(?=.)|(?<=.)(?:{'|'.join(forms)})$"),
        "branch": re.compile(rf"公司({'|'.join(places)})"),
        "trade": re.compile(rf"(?:{'|'.join(trades)})+$"),
        "title": re.compile(rf"(?<=.)(?:{'|'.join(found['titles'])})$"),
        "latin": frozenset(found["latin_forms"]),
        "simple": str.maketrans(found["traditional"]),
    }


@dataclass(frozen=True, slots=True)
class Name:
    """`core` is the name without place and legal form, `brand` the core without its trade.

    `sound` is the core in syllables and words, `whole_sound` that of the name with everything; `places` stood in
    front, in parentheses or, of a branch, at the end.
    """

    core: str
    brand: str
    sound: tuple[str, ...]
    brand_sound: tuple[str, ...]
    whole_sound: tuple[str, ...]
    places: frozenset[str]
    is_han: bool


def plain(text: str) -> str:
    """In small letters without accents and in full compatibility form; Chinese stays as it is."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).lower().replace("ß", "ss"))
    bare = "".join(each for each in apart if not unicodedata.combining(each))
    return bare.translate(words()["simple"])


@lru_cache(maxsize=5_000)
def parsed(kind: CustomerKind, text: str) -> Name:
    name = plain(text)
    if kind is CustomerKind.PERSON:
        core = words()["title"].sub("", "".join(_WORDS.findall(name)) if _HAN.search(name) else _spaced(name))
        return _made(core or name, core or name, frozenset(), core)
    return _company(name) if _HAN.search(name) else _latin_company(name)


def _company(name: str) -> Name:
    aside = {place for inner in _PARENTHESES.findall(name) for place in _places(inner)}
    rest = "".join(_WORDS.findall(_PARENTHESES.sub("", name)))
    branch = words()["branch"].search(rest)
    rest = rest[: branch.start(1)] if branch else rest
    front = words()["place"].match(rest)
    places = {branch[1]} if branch else _places(front[1]) | aside
    core = rest[front.end() :] or rest
    while (shorter := words()["form"].sub("", core)) != core:
        core = shorter
    brand = words()["trade"].sub("", core) or core
    return _made(core, brand, frozenset(places), rest)


def _places(text: str) -> set[str]:
    return {place for place in (*words()["cities"], *words()["provinces"]) if place in text}


def _latin_company(name: str) -> Name:
    every = _spaced(name.replace("&", " and ").replace(".", "")).split()
    kept = [word for word in every if word not in words()["latin"] and word != "and"]
    core = " ".join(kept or every)
    return _made(core or name, core or name, frozenset(), core)


def _spaced(name: str) -> str:
    return " ".join(_WORDS.findall(name.replace("'", "")))


def _made(core: str, brand: str, places: frozenset[str], whole: str) -> Name:
    sounds = (sound_of(core), sound_of(brand), sound_of(whole))
    return Name(core, brand, *sounds, places, _HAN.search(core) is not None)


def sound_of(text: str) -> tuple[str, ...]:
    """Syllables of characters and whole words of letters, in their order."""
    return tuple(
        part
        for run in _WORDS.findall(text)
        for part in (tuple(map(_syllable, run)) if _HAN.match(run) else (run,))
    )


@lru_cache(maxsize=30_000)
def _syllable(character: str) -> str:
    return names.pinyin(character)[0]
