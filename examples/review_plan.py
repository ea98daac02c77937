"""From a table of reviews and its mapping file to the complaints in it; nothing here talks to anybody.

A review with few stars and words is a complaint. `examples/README.md` explains the mapping file.
"""

import csv
import hashlib
import tomllib
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from crm_api import Body

LONGEST = 4000
"""Characters of a description that the API takes."""


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Rule):
    """A review with one of these words in it, whatever its accents and capitals, is about this."""

    category: str
    words: list[str]


class Mapping(Rule):
    """What the columns are called. The first entry of `categories` that fits counts, else `otherwise`."""

    file: str
    encoding: str = "utf-8-sig"
    time_zone: str
    time_format: str
    id: str
    tracking_no: str
    stars: str
    title: str
    text: str
    written_at: str
    at_most: int
    complainant: str
    remedy: str
    severities: dict[str, str]
    """By stars."""
    otherwise: str
    categories: list[Words]

    @classmethod
    def read(cls, path: Path) -> "Mapping":
        return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


@dataclass
class Plan:
    """What will be sent, what it says of itself, and what could not be read."""

    complaints: list[Body] = field(default_factory=list)
    categories: Counter[str] = field(default_factory=Counter)
    reviews: int = 0
    without_words: int = 0
    problems: list[str] = field(default_factory=list)


def plan(mapping: Mapping, directory: Path, limit: int | None = None) -> Plan:
    """Every review of few stars that says something, as the body of a request."""
    result = Plan()
    with (directory / mapping.file).open(encoding=mapping.encoding, newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            result.reviews += 1
            try:
                if _digits(row[mapping.stars]) > mapping.at_most:
                    continue
                body = _complaint(mapping, row)
            except (KeyError, ValueError) as problem:
                result.problems.append(f"{mapping.file}, row {line}: {problem!r}")
                continue
            if body["description"]:
                result.complaints.append(body)
            else:
                result.without_words += 1
    result.complaints = result.complaints[:limit]
    result.categories = Counter(body["category"] for body in result.complaints)
    return result


def category(mapping: Mapping, said: str) -> str:
    plain = _plain(said)
    for each in mapping.categories:
        if any(_plain(word) in plain for word in each.words):
            return each.category
    return mapping.otherwise


def _complaint(mapping: Mapping, row: dict[str, str]) -> Body:
    said = "\n".join(part for part in (row[mapping.title].strip(), row[mapping.text].strip()) if part)
    number = unicodedata.normalize("NFKC", row[mapping.tracking_no]).strip()
    zone = ZoneInfo(mapping.time_zone)
    written = datetime.strptime(row[mapping.written_at].strip(), mapping.time_format).replace(tzinfo=zone)
    return {
        "category": category(mapping, said),
        "description": said[:LONGEST],
        "tracking_nos": [number],
        "remedy_sought": mapping.remedy,
        "complainant": {"name": mapping.complainant, "role": "recipient"},
        "channel": "marketplace",
        "severity": mapping.severities[str(_digits(row[mapping.stars]))],
        "received_at": written.isoformat(),
        # One review may be of several orders, so that its id alone is no key.
        "message_id": hashlib.sha256(f"{row[mapping.id]}/{number}".encode()).hexdigest()[:40],
    }


def _digits(text: str) -> int:
    return int(unicodedata.normalize("NFKC", text).strip())


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
