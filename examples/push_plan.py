"""From a captured push and its mapping file to items of the native API; nothing here talks to anybody.

A mapping file describes one format in JMESPath. Its expressions see three names: `body` (the whole file),
`parcel` and `event`. `examples/README.md` explains the fields.
"""

import json
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jmespath
from pydantic import BaseModel, ConfigDict

from crm_api import Body

Expression = str
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A scan before this is a clock that was never set, or a counter taken for a time."""


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeRule(Rule):
    """One place where an event's time may stand; the first that gives a possible time counts."""

    at: Expression
    form: str = "iso"
    """`iso`, `unix`, `unix_ms`, or a format of `strptime`."""
    offset: Expression | None = None
    """Where the sender says the offset (`+08:00`) of a time that has none itself."""
    zone_by: Expression | None = None
    zones: dict[str, str] = {}
    """The zone by what `zone_by` finds, say the country of the scan."""
    zone: str | None = None
    """The zone of times that say nothing about theirs."""
    estimated: bool = False
    """The time is near the event's, but not its own: the item says so."""


class Format(Rule):
    source: str
    files: list[str]
    unwrap: Expression | None = None
    """Where the carrier's own body stands in the file, as JSON text or as an object; else it is the file."""
    parcels: Expression
    events: Expression
    """The nodes of one parcel; what stands there twice counts once."""
    tracking_no: Expression
    code: Expression
    reason_code: Expression | None = None
    event_id: Expression | None = None
    location: Expression | None = None
    text: Expression | None = None
    attributes: dict[str, Expression] = {}
    times: list[TimeRule]

    @classmethod
    def read(cls, path: Path) -> "Format":
        return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


@dataclass
class Plan:
    """The items of one file, what had to be assumed for them, and what can't be pushed at all."""

    items: list[Body] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def plan(rule: Format, file: Path) -> Plan:
    """Every event of the file as an item of `POST /v1/tracking-events/batch`."""
    result = Plan()
    for number, seen in enumerate(_nodes(rule, read_body(file, rule.unwrap)), start=1):
        item, assumed = _item(rule, seen)
        result.notes += [f"{file.name}, event {number}: {text}" for text in assumed]
        missing = [name for name in ("tracking_no", "code", "occurred_at") if name not in item]
        if missing:
            result.problems.append(f"{file.name}, event {number}: no {', '.join(missing)}")
        else:
            result.items.append(item)
    return result


def read_body(file: Path, unwrap: Expression | None = None) -> Any:
    """The carrier's own body: what stands in the file, without the wrapping it was kept in."""
    text = file.read_text(encoding="utf-8")
    document = _xml_value(ET.fromstring(text)) if file.suffix == ".xml" else json.loads(text)  # noqa: S314  # the reader's own file
    inner = jmespath.search(unwrap, document) if unwrap else None
    if inner is None:
        return document
    return json.loads(inner) if isinstance(inner, str) else inner


def _xml_value(element: ET.Element) -> Any:
    """Text of a leaf, else an object of its children; those of one name stand in a list."""
    if not len(element):
        return (element.text or "").strip()
    value: dict[str, Any] = {}
    for child in element:
        inner = _xml_value(child)
        if child.tag not in value:
            value[child.tag] = inner
        elif isinstance(value[child.tag], list):
            value[child.tag].append(inner)
        else:
            value[child.tag] = [value[child.tag], inner]
    return value


def _nodes(rule: Format, body: Any) -> Iterator[Body]:
    """What the expressions see for each event: the body, the parcel and the event itself."""
    for parcel in _listed(jmespath.search(rule.parcels, {"body": body})):
        seen: list[Any] = []
        for event in _listed(jmespath.search(rule.events, {"body": body, "parcel": parcel})):
            if event not in seen:
                seen.append(event)
                yield {"body": body, "parcel": parcel, "event": event}


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [entry for entry in value if entry is not None] if isinstance(value, list) else [value]


def _item(rule: Format, seen: Body) -> tuple[Body, list[str]]:
    fields = {
        "tracking_no": rule.tracking_no,
        "event_id": rule.event_id,
        "code": rule.code,
        "reason_code": rule.reason_code,
        "location": rule.location,
        "text": rule.text,
    }
    item: Body = {"source": rule.source}
    item |= {name: text for name, path in fields.items() if path and (text := _text(path, seen))}
    attributes = {name: jmespath.search(path, seen) for name, path in rule.attributes.items()}
    if known := {name: value for name, value in attributes.items() if value not in (None, "", [], {})}:
        item["attributes"] = known
    time, assumed = _time(rule, seen)
    return item | time, assumed


def _text(path: Expression, seen: Body) -> str:
    value = jmespath.search(path, seen)
    return "" if value is None else str(value).strip()


def _time(rule: Format, seen: Body) -> tuple[Body, list[str]]:
    """The time with its offset, and a word on everything that was assumed to get it."""
    assumed = []
    for place in rule.times:
        raw = _text(place.at, seen)
        try:
            time = _parsed(place, raw, seen) if raw else None
        except ValueError:
            time = None
        if time and time >= EARLIEST:
            found: Body = {"occurred_at": time.isoformat()}
            if place.estimated:
                assumed.append(f"takes {place.at} = {raw} for its time")
                found["occurred_at_estimated"] = True
            return found, assumed
        if raw:
            assumed.append(f"{place.at} = {raw} can't be its time")
    return {}, assumed


def _parsed(place: TimeRule, raw: str, seen: Body) -> datetime:
    """Raises `ValueError` for what is no time, and for a time whose zone nobody says."""
    if place.form in ("unix", "unix_ms"):
        return datetime.fromtimestamp(float(raw) / (1000 if place.form == "unix_ms" else 1), UTC)
    time = datetime.fromisoformat(raw) if place.form == "iso" else datetime.strptime(raw, place.form)  # noqa: DTZ007  # zone below
    if time.tzinfo:
        return time
    if place.offset and (offset := _text(place.offset, seen)):
        return time.replace(tzinfo=datetime.strptime(offset, "%z").tzinfo)
    zone = (place.zones.get(_text(place.zone_by, seen)) if place.zone_by else None) or place.zone
    if not zone:
        raise ValueError("a time without a zone")
    return time.replace(tzinfo=ZoneInfo(zone))


# --- Which file is of which format --------------------------------------------------------------------


@dataclass(frozen=True)
class Library:
    """The formats in a directory, and the files that are known to carry no tracking, with the reason."""

    formats: dict[str, Format]
    without_tracking: dict[str, str]

    @classmethod
    def read(cls, directory: Path) -> "Library":
        """`without_tracking.toml` names files; every other TOML file there is a format."""
        formats = {path.stem: path for path in sorted(directory.glob("*.toml"))}
        without = formats.pop("without_tracking", None)
        return cls(
            {name: Format.read(path) for name, path in formats.items()},
            tomllib.loads(without.read_text(encoding="utf-8")) if without else {},
        )

    def format_of(self, file: Path) -> str | None:
        """The name of the format that says it reads files of this name."""
        for name, rule in self.formats.items():
            if any(fnmatch(file.name, pattern) for pattern in rule.files):
                return name
        return None
