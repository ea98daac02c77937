"""From an order table and its mapping file to the bodies of requests; nothing here talks to anybody.

`plan` reads the tables, `deliveries` decides in which order, and how often, the events are sent.
`examples/README.md` explains the mapping file.
"""

import csv
import random
import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from crm_api import Body

Row = dict[str, str]
Template = str
"""Text with `{column}` or `{column|map}` in it; a template whose columns are all empty gives nothing."""


# --- The mapping file ---------------------------------------------------------------------------------


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Join(Rule):
    """Another table whose columns an order gains as `name.column`, and `name.rows`, how many rows match."""

    name: str
    file: str
    key: str
    on: Template
    first_by: str | None = None
    """Of several matching rows the one with the smallest number in this column counts."""
    totals: list[str] = []
    """Columns added up over all matching rows, as `name.total.column`."""


class Unassigned(Rule):
    """The customer of the orders that name none."""

    code: str
    name: str


class Contact(Rule):
    name: Template = ""
    phone: Template = ""


class CustomerRule(Rule):
    file: str | None = None
    """Every row of it becomes a customer; without a file, the order rows name the customers."""
    code: Template
    name: Template
    kind: Literal["company", "person"] = "company"
    contact: Contact = Contact()
    address: dict[str, Template] = {}
    source: str
    unassigned: Unassigned | None = None


class Party(Contact):
    address: dict[str, Template] = {}


class ShipmentRule(Rule):
    tracking_no: Template
    customer: Template
    service: Template
    promised_at: Template
    reference: Template = ""
    currency: str
    declared_value: Template = ""
    freight: Template = ""
    sender: Party = Party()
    recipient: Party = Party()
    attributes: dict[str, Template] = {}
    counts: dict[str, Template] = {}
    """Attributes that are whole numbers; nothing counts as 0."""


class EventRule(Rule):
    """An event of every order that has one of these times; with `when`, only of orders of that status."""

    code: str
    at: list[Template]
    pick: Literal["first", "earliest", "latest"] = "first"
    when: str | None = None
    estimate: Template = ""
    """Stands in for a missing time; the event then says that its time is an estimate."""


class FlagRule(Rule):
    """A remark on the shipment, under the attribute `flags`; all the conditions given must hold."""

    name: str
    when: str | None = None
    missing: Template | None = None
    present: Template | None = None
    before: tuple[Template, Template] | None = None


class Mapping(Rule):
    time_zone: str
    time_formats: list[str]
    encoding: str = "utf-8-sig"
    orders: str
    joins: list[Join] = []
    maps: dict[str, dict[str, str]] = {}
    status: Template
    customers: CustomerRule
    shipments: ShipmentRule
    events: list[EventRule]
    flags: list[FlagRule] = []

    @classmethod
    def read(cls, path: Path) -> "Mapping":
        return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


# --- Cells --------------------------------------------------------------------------------------------


class RowError(Exception):
    """What is wrong with one row; the others go on."""


def plain(text: str) -> str:
    """Numbers typed full-width, as Chinese input methods do, come out in ASCII."""
    return unicodedata.normalize("NFKC", text).strip()


def money(text: str, currency: str) -> Body | None:
    digits = plain(text).lstrip("¥$€R ").replace(",", "")
    if not digits:
        return None
    try:
        return {"amount": f"{Decimal(digits):.2f}", "currency": currency}
    except InvalidOperation:
        raise RowError(f"not an amount: {text!r}") from None


def whole_number(text: str) -> int:
    try:
        return int(plain(text) or 0)
    except ValueError:
        raise RowError(f"not a whole number: {text!r}") from None


@dataclass(frozen=True)
class Reader:
    """Reads a row's cells the way one mapping says."""

    mapping: Mapping
    zone: ZoneInfo

    def text(self, template: Template, row: Row) -> str:
        cells = [self._cell(name, row) for name in re.findall(r"\{([^}]+)\}", template)]
        if cells and not any(cells):
            return ""
        values = iter(cells)
        return re.sub(r"\{[^}]+\}", lambda _: next(values), template).strip()

    def number(self, template: Template, row: Row) -> str:
        return plain(self.text(template, row))

    def time(self, template: Template, row: Row) -> datetime | None:
        text = self.number(template, row)
        if not text:
            return None
        for form in self.mapping.time_formats:
            try:
                return datetime.strptime(text, form).replace(tzinfo=self.zone)
            except ValueError:
                continue
        raise RowError(f"not a time: {text!r}")

    def address(self, rule: dict[str, Template], row: Row) -> Body:
        """Only the parts that are known; the postcode is a number, the rest stays as it was written."""
        read = {part: self.text(template, row) for part, template in rule.items()}
        known = {part: plain(text) if part == "postcode" else text for part, text in read.items() if text}
        # A country that the mapping gives every row is no address on its own.
        return known if any("{" in rule[part] for part in known) else {}

    def contact(self, rule: Contact, row: Row) -> Body:
        return _known(name=self.text(rule.name, row), phone=self.number(rule.phone, row))

    def party(self, rule: Party, row: Row) -> Body:
        return _known(**self.contact(rule, row), address=self.address(rule.address, row))

    def _cell(self, name: str, row: Row) -> str:
        column, _, lookup = name.partition("|")
        if column not in row:
            # A join without a match brings no columns: those cells are empty. Any other is a slip.
            if any(column.startswith(f"{join.name}.") for join in self.mapping.joins):
                return ""
            raise RowError(f"no such column: {column!r}")
        word = row[column].strip()
        if not lookup or not word:
            return word
        try:
            return self.mapping.maps[lookup][word]
        except KeyError:
            raise RowError(f"{word!r} is not in the map {lookup!r}") from None


def _known(**values: Any) -> Body:
    """Only the fields that have a value: the API tells "not given" from "empty"."""
    return {name: value for name, value in values.items() if value not in (None, "", {}, [])}


# --- The plan -----------------------------------------------------------------------------------------


@dataclass
class Plan:
    """What will be sent, and what could not be read."""

    customers: list[Body] = field(default_factory=list)
    shipments: list[Body] = field(default_factory=list)
    events: list[Body] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    """How many orders have which canonical status, for comparing with what the API counts."""
    problems: list[str] = field(default_factory=list)


def plan(mapping: Mapping, directory: Path, limit: int | None = None) -> Plan:
    """Everything the tables say, as bodies of requests. A row that can't be read is told, never guessed.

    With a `limit` only the first orders count, and only the customers they name.
    """
    reader = Reader(mapping, ZoneInfo(mapping.time_zone))
    result = Plan()
    rows = list(joined(reader, directory))[:limit]
    sellers = _table(mapping, directory, mapping.customers.file) if mapping.customers.file else rows
    customers = {customer["code"]: customer for customer in _customers(reader, sellers)}
    seen: set[str] = set()
    for line, row in enumerate(rows, start=2):
        try:
            shipment, events, status = _order(reader, row)
            _check(shipment, customers, seen)
        except RowError as error:
            result.problems.append(f"{mapping.orders}, row {line}: {error}")
            continue
        seen.add(shipment["tracking_no"])
        result.shipments.append(shipment)
        result.events += events
        result.statuses[status] += 1
    wanted = {shipment["customer_code"] for shipment in result.shipments} if limit else customers.keys()
    result.customers = [customer for code, customer in customers.items() if code in wanted]
    return result


def joined(reader: Reader, directory: Path) -> Iterator[Row]:
    """The order rows, each with the columns of its joins."""
    mapping = reader.mapping
    tables = [(join, _index(_table(mapping, directory, join.file), join.key)) for join in mapping.joins]
    for row in _table(mapping, directory, mapping.orders):
        for join, index in tables:
            row.update(_joined_columns(join, index.get(reader.text(join.on, row), [])))
        yield row


def _joined_columns(join: Join, matches: list[Row]) -> Row:
    columns = {"rows": str(len(matches))}
    if not matches:
        return {f"{join.name}.{column}": cell for column, cell in columns.items()}
    by = join.first_by
    columns |= min(matches, key=lambda match: int(plain(match[by]))) if by else matches[0]
    for column in join.totals:
        columns[f"total.{column}"] = str(sum(Decimal(plain(match[column]) or 0) for match in matches))
    return {f"{join.name}.{column}": cell for column, cell in columns.items()}


def _table(mapping: Mapping, directory: Path, name: str) -> list[Row]:
    with (directory / name).open(encoding=mapping.encoding, newline="") as file:
        return list(csv.DictReader(file))


def _index(rows: list[Row], key: str) -> dict[str, list[Row]]:
    index: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        index[row[key]].append(row)
    return index


def _customers(reader: Reader, rows: list[Row]) -> Iterator[Body]:
    rule = reader.mapping.customers
    if unassigned := rule.unassigned:
        yield _customer(rule, unassigned.code, unassigned.name, {}, {})
    for row in rows:
        if code := reader.number(rule.code, row):
            contact = reader.contact(rule.contact, row)
            address = reader.address(rule.address, row)
            yield _customer(rule, code, reader.text(rule.name, row), contact, address)


def _customer(rule: CustomerRule, code: str, name: str, contact: Body, address: Body) -> Body:
    return {
        "code": code,
        "name": name,
        "kind": rule.kind,
        "contacts": [contact] if contact else [],
        "addresses": [address] if address else [],
        "needs": [],
        "source": rule.source,
    }


def _order(reader: Reader, row: Row) -> tuple[Body, list[Body], str]:
    status = reader.text(reader.mapping.status, row)
    shipment = _shipment(reader, row)
    if not shipment.get("tracking_no"):
        raise RowError("no tracking number")
    if flags := [flag.name for flag in reader.mapping.flags if _holds(reader, flag, status, row)]:
        shipment["attributes"]["flags"] = flags
    return shipment, _events(reader, row, status, shipment["tracking_no"]), status


def _shipment(reader: Reader, row: Row) -> Body:
    rule = reader.mapping.shipments
    unassigned = reader.mapping.customers.unassigned
    promised_at = reader.time(rule.promised_at, row)
    attributes: Body = _known(**{name: reader.text(form, row) for name, form in rule.attributes.items()})
    attributes |= {name: whole_number(reader.text(form, row)) for name, form in rule.counts.items()}
    return _known(
        tracking_no=reader.number(rule.tracking_no, row),
        customer_code=reader.number(rule.customer, row) or (unassigned and unassigned.code),
        service=reader.text(rule.service, row),
        promised_at=promised_at and promised_at.isoformat(),
        reference=reader.text(rule.reference, row),
        declared_value=money(reader.text(rule.declared_value, row), rule.currency),
        freight=money(reader.text(rule.freight, row), rule.currency),
        sender=reader.party(rule.sender, row),
        recipient=reader.party(rule.recipient, row),
    ) | {"attributes": attributes}


def _events(reader: Reader, row: Row, status: str, tracking_no: str) -> list[Body]:
    events: dict[str, Body] = {}
    for rule in reader.mapping.events:
        if rule.when in (None, status) and (event := _event(reader, rule, row)):
            # The id is stable, so that a second run is recognised; one event of a code is enough.
            events.setdefault(
                rule.code,
                {"source": "native", "tracking_no": tracking_no, "event_id": f"{tracking_no}:{rule.code}"}
                | event,
            )
    return list(events.values())


def _event(reader: Reader, rule: EventRule, row: Row) -> Body | None:
    if times := [time for template in rule.at if (time := reader.time(template, row))]:
        return {"code": rule.code, "occurred_at": _picked(times, rule.pick).isoformat()}
    if estimate := reader.time(rule.estimate, row):
        return {"code": rule.code, "occurred_at": estimate.isoformat(), "occurred_at_estimated": True}
    if rule.when:
        raise RowError(f"the order is {rule.when}, but no time says since when")
    return None


def _picked(times: list[datetime], how: str) -> datetime:
    if how == "first":
        return times[0]
    return min(times) if how == "earliest" else max(times)


def _holds(reader: Reader, flag: FlagRule, status: str, row: Row) -> bool:
    if flag.when not in (None, status):
        return False
    if flag.missing is not None and reader.text(flag.missing, row):
        return False
    if flag.present is not None and not reader.text(flag.present, row):
        return False
    if flag.before is None:
        return True
    earlier, later = (reader.time(template, row) for template in flag.before)
    return bool(earlier and later and earlier < later)


def _check(shipment: Body, customers: dict[str, Body], seen: set[str]) -> None:
    tracking_no = shipment["tracking_no"]
    if tracking_no in seen:
        raise RowError(f"{tracking_no} stands in an earlier row already")
    if shipment.get("customer_code") not in customers:
        raise RowError(f"its customer {shipment.get('customer_code')!r} is not in the customers' table")
    if "promised_at" not in shipment:
        raise RowError("no promised time")


def deliveries(events: list[Body], seed: int | None = None, duplicates: float = 0.0) -> list[Body]:
    """The events in the order in which they are sent: by time, or at random with a `seed`.

    `duplicates` is the share of them that is sent a second time, as carriers do.
    """
    chance = random.Random(seed or 0)
    sent = events + chance.sample(events, round(duplicates * len(events)))
    if seed is None:
        return sorted(sent, key=lambda event: datetime.fromisoformat(event["occurred_at"]).astimezone(UTC))
    chance.shuffle(sent)
    return sent
