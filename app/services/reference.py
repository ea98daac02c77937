"""Loads the reference rows that come with the product; rows that an installation added itself are left alone."""

import json
from datetime import date, timedelta
from importlib import resources
from typing import Any
from uuid import UUID

from sqlalchemy import Table, bindparam, delete, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from app.models.clock import ClockSubject, SlaPolicy
from app.models.code import CarrierSource, Code, ExceptionReason, SilenceRule
from app.models.complaint import CaseTerm
from app.models.complaint_end import ConfirmationRule
from app.models.complaint_message import MessageTemplate
from app.models.division import Division
from app.models.exception_rule import ExceptionRule
from app.models.kpi import KpiBenchmark, KpiDefinition
from app.models.privacy import LegalTerm, RetentionRule
from app.models.verification import StalenessWeight, VerificationRule
from app.services import divisions

SHIPPED_FROM = date(2000, 1, 1)
SHIPPED_SOURCE = "carriers' and standards' own documents, collected 2026-11"

_ADD_CODES = text("""
    INSERT INTO carrier_codes (id, list, code, reason_code, status, reason, name, valid_from, source, shipped)
    SELECT :id, :list, :code, :reason_code, :status, :reason, :name, :valid_from, :source, true
    WHERE NOT EXISTS (
        SELECT FROM carrier_codes WHERE list = :list AND code = :code AND reason_code = :reason_code
    )
""")

_ADD_CALENDAR = text("""
    INSERT INTO calendars (id, code, zh, en, zone) VALUES (:id, :code, :zh, :en, :zone)
    ON CONFLICT (code) DO NOTHING
""")
_ADD_CALENDAR_VERSION = text("""
    INSERT INTO calendar_versions
        (id, calendar_id, number, valid_from, hours, holidays, date_overrides, breaks, years, source)
    SELECT :id, c.id, (SELECT coalesce(max(number), 0) + 1 FROM calendar_versions WHERE calendar_id = c.id),
        :valid_from, :hours, :holidays, :date_overrides, '{}', :years, :source
    FROM calendars c
    WHERE c.code = :code
      AND NOT EXISTS (SELECT FROM calendar_versions v WHERE v.calendar_id = c.id AND v.source = :source)
""").bindparams(*(bindparam(name, type_=JSONB) for name in ("hours", "date_overrides", "years")))
"""What the product says anew of a calendar has another source, and becomes a version beside the house's own."""


async def load(connection: AsyncConnection) -> None:
    """Bring all shipped rows into the database; running it again changes nothing."""
    await _upsert(connection, Code, ("list", "code"), _rows("codes"))
    await _upsert(connection, ExceptionReason, ("code",), [_dated(row) for row in _rows("exception_reasons")])
    await _upsert(connection, CarrierSource, ("source",), _rows("carrier_sources"))
    await _upsert(connection, SilenceRule, ("code",), [_silence_rule(row) for row in _rows("silence_rules")])
    await _upsert(
        connection, VerificationRule, ("code",), [_dated(row) for row in _rows("verification_rules")]
    )
    await _upsert(connection, StalenessWeight, ("field",), _rows("staleness_weights"))
    await _upsert(connection, CaseTerm, ("tree", "code"), [_dated(row) for row in _rows("case_terms")])
    await _upsert(connection, ExceptionRule, ("code",), [_period(row) for row in _rows("exception_rules")])
    await _upsert(
        connection, KpiDefinition, ("name", "version"), [_dated(row) for row in _rows("kpi_definitions")]
    )
    await _upsert(
        connection,
        KpiBenchmark,
        ("name", "code", "valid_from"),
        [_period(row) for row in _rows("kpi_benchmarks")],
    )
    await _upsert(
        connection, ConfirmationRule, ("code",), [_dated(row) for row in _rows("confirmation_rules")]
    )
    await connection.execute(delete(Division))
    await connection.execute(insert(Division), divisions.rows())
    await _upsert(connection, LegalTerm, ("code", "valid_from"), [_term(row) for row in _rows("legal_terms")])
    await _upsert(
        connection,
        RetentionRule,
        ("retention_class", "valid_from"),
        [_retention_rule(row) for row in _rows("retention_rules")],
    )
    policies = insert(SlaPolicy).values([_policy(row) for row in _rows("sla_policies")])
    await connection.execute(policies.on_conflict_do_nothing(index_elements=("code", "number")))
    await connection.execute(
        insert(MessageTemplate).on_conflict_do_nothing(),
        [{**row, "created_by": UUID(int=0)} for row in _rows("message_templates")],
    )
    await connection.execute(_ADD_CODES, [_carrier_code(row) for row in _rows("carrier_codes")])
    await connection.execute(_ADD_CALENDAR, [{**row, "id": uuid7()} for row in _rows("calendars")])
    await connection.execute(_ADD_CALENDAR_VERSION, [_calendar(row) for row in _rows("calendars")])


async def _upsert(
    connection: AsyncConnection, model: Any, key: tuple[str, ...], rows: list[dict[str, Any]]
) -> None:
    table: Table = model.__table__
    statement = insert(table).values(rows)
    changes = {name: statement.excluded[name] for name in rows[0] if name not in key}
    await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes))


def _rows(name: str) -> list[dict[str, Any]]:
    content = resources.files("app.reference").joinpath(f"{name}.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(content)
    return rows


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "valid_from": date.fromisoformat(row["valid_from"])}


def _period(row: dict[str, Any]) -> dict[str, Any]:
    until = row["valid_until"]
    return _dated(row) | {"valid_until": until and date.fromisoformat(until)}


def _silence_rule(row: dict[str, Any]) -> dict[str, Any]:
    days = row.pop("after_days")
    return {**_dated(row), "after": timedelta(days=days)}


def _term(row: dict[str, Any]) -> dict[str, Any]:
    hours = row.pop("within_hours")
    return {**_dated(row), "within": timedelta(hours=hours)}


def _retention_rule(row: dict[str, Any]) -> dict[str, Any]:
    days = row.pop("keep_days")
    return {**_dated(row), "keep": None if days is None else timedelta(days=days)}


def _policy(row: dict[str, Any]) -> dict[str, Any]:
    return {**_dated(row), "id": uuid7(), "subject_type": ClockSubject.COMPLAINT, "shipped": True}


def _carrier_code(row: dict[str, Any]) -> dict[str, Any]:
    fixed = {"reason_code": "", "valid_from": SHIPPED_FROM, "source": SHIPPED_SOURCE, "id": uuid7()}
    return {**fixed, **row}


def _calendar(row: dict[str, Any]) -> dict[str, Any]:
    holidays = [date.fromisoformat(day) for day in row["holidays"]]
    return {**_dated(row), "id": uuid7(), "holidays": holidays}
