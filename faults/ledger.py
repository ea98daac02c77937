"""What clients were told, kept outside the system, and its comparison with what the system kept."""

import time
from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from app.models.code import ClosesBy
from app.models.shipment import ShipmentStatus
from app.services.fold import Folded, Scan, fold
from faults.process import CONSUMER

Json = dict[str, Any]


@dataclass
class Reported:
    """An event that was pushed, with the answer to it."""

    item: Json
    alarm: bool
    answer: Json


@dataclass
class Ledger:
    """Every acknowledgement, by the name that the client gave the thing."""

    customers: dict[str, Json] = field(default_factory=dict)
    shipments: dict[str, Json] = field(default_factory=dict)
    events: dict[tuple[str, str], Reported] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    replayed: int = 0
    slowest_s: float = 0.0
    asked_at: float = 0.0
    told_at: float = 0.0

    def told(self, asked_at: float) -> None:
        """A write was acknowledged, at its attempt that began then."""
        if asked_at > self.asked_at:
            self.asked_at, self.told_at = asked_at, time.monotonic()

    def customer(self, name: str, answer: Json) -> None:
        self._same("customer", self.customers.setdefault(name, answer), answer)

    def shipment(self, number: str, answer: Json) -> None:
        self._same("shipment", self.shipments.setdefault(number, answer), answer)

    def event(self, item: Json, answer: Json, *, alarm: bool) -> None:
        known = self.events.setdefault((item["tracking_no"], item["event_id"]), Reported(item, alarm, answer))
        known.alarm = known.alarm or alarm
        self._same("event", known.answer["id"], answer["id"])

    def contradict(self, what: str) -> None:
        self.contradictions.append(what)

    def _same(self, noun: str, first: object, again: object) -> None:
        if first != again:
            self.contradict(f"a retry of a {noun} was answered {again}, the first time {first}")


@dataclass
class Balance:
    """The comparison. Everything but the first field must be zero."""

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    unasked: int = 0
    answered_otherwise: int = 0
    folded_otherwise: int = 0
    audit_otherwise: int = 0
    effects_lost: int = 0
    effects_doubled: int = 0
    pending: int = 0
    dead: int = 0

    @property
    def faults(self) -> dict[str, int]:
        found = {each.name: getattr(self, each.name) for each in fields(self)[1:]}
        return {name: count for name, count in found.items() if count}


async def balance(ledger: Ledger, database: asyncpg.Connection) -> Balance:
    """Compare every acknowledgement with what the database holds."""
    found = Balance(answered_otherwise=len(ledger.contradictions))
    customers = await database.fetch("SELECT name, id FROM customers WHERE source = 'faults'")
    shipments = await database.fetch("SELECT tracking_no, id FROM shipments")
    events = await database.fetch(
        "SELECT s.tracking_no, e.event_id, e.id FROM tracking_events e"
        " JOIN shipments s ON (s.customer_id, s.id) = (e.customer_id, e.shipment_id)"
    )
    _compare(found, {name: answer["id"] for name, answer in ledger.customers.items()}, customers)
    _compare(found, {number: answer["id"] for number, answer in ledger.shipments.items()}, shipments)
    _compare(found, {key: each.answer["id"] for key, each in ledger.events.items()}, events)
    await _compare_audit(found, database)
    await _compare_folds(found, ledger, database)
    await _compare_effects(found, database)
    return found


def _compare(found: Balance, told: dict[Any, str], rows: list[asyncpg.Record]) -> None:
    stored: dict[Any, list[UUID]] = {}
    for *key, row_id in rows:
        stored.setdefault(key[0] if len(key) == 1 else tuple(key), []).append(row_id)
    found.acknowledged += len(told)
    found.lost += sum(key not in stored for key in told)
    found.doubled += sum(len(ids) - 1 for ids in stored.values())
    found.unasked += sum(key not in told for key in stored)
    found.answered_otherwise += sum(
        key in stored and UUID(answer) not in stored[key] for key, answer in told.items()
    )


async def _compare_audit(found: Balance, database: asyncpg.Connection) -> None:
    """Each creation stands in the audit trail once."""
    for noun in ("customer", "shipment"):
        found.audit_otherwise += await database.fetchval(
            f"SELECT count(*) FROM (SELECT FROM {noun}s LEFT JOIN events ON subject_id = {noun}s.id"  # noqa: S608  # two nouns
            f" AND events.kind = '{noun}.created' GROUP BY {noun}s.id HAVING count(events.id) <> 1)"
        )


async def _compare_folds(found: Balance, ledger: Ledger, database: asyncpg.Connection) -> None:
    """Status, times and exceptions equal the pure fold of what was acknowledged, in any order."""
    reasons = await database.fetch("SELECT code, closes_by FROM exception_reasons WHERE auto_open")
    closes_by = {row["code"]: ClosesBy(row["closes_by"]) for row in reasons}
    scans: dict[str, list[Scan]] = {number: [] for number in ledger.shipments}
    for (number, _), each in ledger.events.items():
        scans.setdefault(number, []).append(_scan(each))
    stored = await _stored(database)
    for number, reported in scans.items():
        state = fold(reported, (), closes_by)
        found.folded_otherwise += stored.get(number) != _expected(state, closes_by)


def _scan(each: Reported) -> Scan:
    status, reason = each.answer["status"], each.answer["reason"]
    return Scan(
        id=UUID(each.answer["id"]),
        occurred_at=datetime.fromisoformat(each.item["occurred_at"]),
        status=ShipmentStatus(status) if status else None,
        reason=reason,
        code=each.item["code"],
        alarm=each.alarm or reason is not None,
    )


def _expected(state: Folded, closes_by: dict[str, ClosesBy]) -> tuple[Any, ...]:
    episodes = sorted(
        (each.reason, each.leg_no, each.opened_by.occurred_at, each.closed_at)
        for each in state.episodes
        if each.reason in closes_by
    )
    return state.status.value, state.status_at, state.delivered_at, state.leg.leg_no, episodes


async def _stored(database: asyncpg.Connection) -> dict[str, tuple[Any, ...]]:
    exceptions: dict[str, list[tuple[Any, ...]]] = {}
    for number, *episode in await database.fetch(
        "SELECT tracking_no, reason, leg_no, opened_at, closed_at FROM delivery_exceptions"
        " WHERE resolution IS DISTINCT FROM 'superseded'"
    ):
        exceptions.setdefault(number, []).append(tuple(episode))
    shipments = await database.fetch(
        "SELECT tracking_no, status, status_at, delivered_at, leg_no FROM shipments"
    )
    return {number: (*rest, sorted(exceptions.get(number, []))) for number, *rest in shipments}


async def _compare_effects(found: Balance, database: asyncpg.Connection) -> None:
    """Each outbox row of the counting consumer has exactly one effect, and nothing waits any more."""
    row = await database.fetchrow(
        "SELECT count(*) FILTER (WHERE n IS NULL) AS lost, coalesce(sum(n - 1), 0)::int AS doubled FROM outbox"
        " LEFT JOIN (SELECT outbox_id, count(*) AS n FROM effects GROUP BY 1) AS done ON outbox_id = outbox.id"
        " WHERE consumer = $1",
        CONSUMER,
    )
    found.effects_lost, found.effects_doubled = row["lost"], row["doubled"]
    waiting = await database.fetchrow(
        "SELECT count(*) FILTER (WHERE failed_at IS NULL) AS pending,"
        " count(*) FILTER (WHERE failed_at IS NOT NULL) AS dead FROM outbox WHERE done_at IS NULL"
    )
    found.pending, found.dead = waiting["pending"], waiting["dead"]
