"""Every word that the system uses is known to the models, the database and the code lists alike."""

import ast
import re
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Enum

import app
from app.models import (
    account,
    audit,
    calendar,
    clock,
    code,
    complaint,
    complaint_end,
    complaint_link,
    complaint_message,
    complaint_portal,
    customer,
    delivery_exception,
    division,
    document,
    duplicate,
    exception_rule,
    export,
    import_file,
    job,
    kpi,
    leak,
    merge,
    order,
    privacy,
    segment,
    shipment,
    verification,
)
from app.models.base import Base, Stateful
from app.models.complaint import Complaint
from app.models.customer import Customer
from app.models.delivery_exception import DeliveryException
from app.models.order import Order
from app.models.verification import Task
from app.roles import MACHINE_ROLES, Role
from app.schemas.complaint_link import Becoming, CandidateReason
from tests.operations import description
from tests.owner import owner
from tests.system import System

LISTS: dict[str, type[StrEnum]] = {
    "access_kind": account.AccessKind,
    "assignment_rule": complaint.AssignmentRule,
    "case_tree": complaint.CaseTree,
    "complainant_role": complaint.ComplainantRole,
    "becoming": Becoming,
    "candidate_reason": CandidateReason,
    "case_visibility": complaint_message.CaseVisibility,
    "complaint_link_kind": complaint_link.ComplaintLinkKind,
    "complaint_merge_cause": complaint_link.ComplaintMergeCause,
    "message_direction": complaint_message.MessageDirection,
    "template_purpose": complaint_message.TemplatePurpose,
    "complaint_channel": complaint.ComplaintChannel,
    "complaint_outcome": complaint.ComplaintOutcome,
    "complaint_state": complaint.ComplaintState,
    "customer_complaint_status": complaint_portal.CustomerComplaintStatus,
    "exception_action": exception_rule.ExceptionAction,
    "follow_up_state": exception_rule.FollowUpState,
    "kpi_unit": kpi.KpiUnit,
    "time_base": kpi.TimeBase,
    "call_back_method": complaint_end.CallBackMethod,
    "closing_state": complaint_end.ClosingState,
    "confirmation_demand": complaint_end.ConfirmationDemand,
    "report_state": complaint_end.ReportState,
    "clock_kind": clock.ClockKind,
    "clock_metric": clock.ClockMetric,
    "clock_state": clock.ClockState,
    "clock_subject": clock.ClockSubject,
    "counting": clock.Counting,
    "verdict": clock.Verdict,
    "waiver_state": clock.WaiverState,
    "step_reason": calendar.StepReason,
    "year_certainty": calendar.YearCertainty,
    "confirmation_method": verification.ConfirmationMethod,
    "consent_channel": customer.ConsentChannel,
    "consent_purpose": customer.ConsentPurpose,
    "customer_kind": customer.CustomerKind,
    "customer_link_kind": customer.CustomerLinkKind,
    "customer_state": customer.CustomerState,
    "detected_by": delivery_exception.DetectedBy,
    "duplicate_origin": duplicate.DuplicateOrigin,
    "division_level": division.DivisionLevel,
    "document_kind": document.DocumentKind,
    "document_state": document.DocumentState,
    "exception_state": delivery_exception.ExceptionState,
    "job_state": job.JobState,
    "leg_kind": shipment.LegKind,
    "liable_party": code.LiableParty,
    "contact_point_kind": customer.ContactPointKind,
    "merge_rule": merge.MergeRule,
    "merge_side": merge.MergeSide,
    "order_state": order.OrderState,
    "proposal_state": verification.ProposalState,
    "rfm_class": segment.RfmClass,
    "role": Role,
    "segment_kind": segment.SegmentKind,
    "service": shipment.Service,
    "severity": code.Severity,
    "shipment_status": shipment.ShipmentStatus,
    "task_state": verification.TaskState,
    "user_level": account.UserLevel,
    "verified_field": verification.VerifiedField,
    "audit_fault": audit.AuditFault,
    "audit_stream": audit.AuditStream,
    "leak_grade": leak.LeakGrade,
    "leak_state": leak.LeakState,
    "privacy_request_kind": privacy.PrivacyRequestKind,
    "privacy_request_state": privacy.PrivacyRequestState,
    "refusal_ground": privacy.RefusalGround,
    "retention_action": privacy.RetentionAction,
    "retention_class": privacy.RetentionClass,
    "export_column": export.ExportColumn,
    "export_state": export.ExportState,
    "file_format": import_file.FileFormat,
    "import_field": import_file.ImportField,
    "on_match": import_file.OnMatch,
}
NOBODY_SEES = {"ClockEventKind", "RowOutcome", "ClosesBy", "SilenceKind"}
"""Words of the house's rules, which no operation shows."""

OF_ROWS = {
    "exception_reason": "SELECT code FROM exception_reasons",
    "complaint_category": "SELECT code FROM case_terms WHERE tree = 'complaint_category'",
    "root_cause": "SELECT code FROM case_terms WHERE tree = 'root_cause'",
    "case_liable_party": "SELECT code FROM case_terms WHERE tree = 'case_liable_party'",
    "action_by": "SELECT DISTINCT action_by FROM exception_reasons",
}
"""Code lists whose words are data."""

OF_THE_HOUSE = ("customer_tier", "pause_reason")
"""Code lists that a company shapes to its liking."""

TEXTS: dict[str, set[Any]] = {
    "SELECT DISTINCT status FROM carrier_codes": set(shipment.ShipmentStatus),
    "SELECT DISTINCT service FROM silence_rules": set(shipment.Service),
    "SELECT DISTINCT status FROM tracking_events": set(shipment.ShipmentStatus),
    "SELECT DISTINCT unnest(roles) FROM users": set(Role) - MACHINE_ROLES,
    "SELECT DISTINCT role FROM clients": set(MACHINE_ROLES),
}
"""Columns of plain text that hold words of an enum."""

REASONS = (
    "SELECT DISTINCT reason FROM carrier_codes",
    "SELECT DISTINCT reason FROM silence_rules",
    "SELECT DISTINCT reason FROM tracking_events",
    "SELECT DISTINCT reason FROM delivery_exceptions",
)

MOVES: dict[str, type[Stateful]] = {
    "customer.": Customer,
    "complaint.": Complaint,
    "order.": Order,
    "exception.": DeliveryException,
    "task.": Task,
    "leak.": leak.LeakIncident,
}
"""Kinds of event that are made of a state's name."""


async def words(system: System, query: str, *arguments: Any) -> set[str]:
    async with owner(system) as connection:
        return {row[0] for row in await connection.fetch(query, *arguments)} - {None}


async def test_the_database_knows_no_list_of_words_that_the_models_do_not(system: System) -> None:
    """The other way round, from an enum to its constraint, stands in test_database.py."""
    held = await words(
        system,
        "SELECT conrelid::regclass::text || '.' || attname FROM pg_constraint"
        " JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)"
        " JOIN pg_class c ON c.oid = conrelid AND NOT relispartition"
        " WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conname LIKE '%!_known' ESCAPE '!'",
    )
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    assert held == {str(column) for column in columns if isinstance(column.type, Enum)}


async def test_the_database_has_no_enum_types_of_its_own_but_the_queues(system: System) -> None:
    types = await words(system, "SELECT typname::text FROM pg_type WHERE typtype = 'e'")
    assert {name for name in types if not name.startswith("pgqueuer_")} == set()


@pytest.mark.parametrize("name", LISTS)
async def test_a_code_list_has_exactly_the_words_of_its_enum(system: System, name: str) -> None:
    listed = await words(system, "SELECT code FROM codes WHERE list = $1", name)
    assert listed == {member.value for member in LISTS[name]}


@pytest.mark.parametrize("name", OF_ROWS)
async def test_a_code_list_has_exactly_the_words_of_its_rows(system: System, name: str) -> None:
    listed = await words(system, "SELECT code FROM codes WHERE list = $1", name)
    assert listed == await words(system, OF_ROWS[name])


async def test_every_code_list_is_looked_at_and_every_enum_has_one(system: System) -> None:
    known = LISTS.keys() | OF_ROWS.keys() | {"event_kind", *OF_THE_HOUSE}
    assert await words(system, "SELECT DISTINCT list FROM codes") == known
    enums = {
        column.type.enum_class
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, Enum) and column.type.enum_class
    }
    assert {enum.__name__ for enum in enums - set(LISTS.values())} == NOBODY_SEES
    shown = {name for name, schema in description()["components"]["schemas"].items() if "enum" in schema}
    assert shown <= {enum.__name__ for enum in LISTS.values()}


async def test_no_english_label_is_chinese_and_none_is_missing(system: System) -> None:
    wrong = "SELECT list || ' ' || code FROM codes WHERE en !~ '^[ -~’–é]+$' OR zh = '' OR zh ~ '^[ -~]+$'"
    assert await words(system, wrong) == set()


@pytest.mark.parametrize("query", TEXTS)
async def test_a_column_of_text_holds_words_of_its_enum_only(system: System, query: str) -> None:
    assert await words(system, query) <= {str(word) for word in TEXTS[query]}


@pytest.mark.parametrize("query", REASONS)
async def test_a_reason_is_one_of_the_reasons(system: System, query: str) -> None:
    assert await words(system, query) <= await words(system, OF_ROWS["exception_reason"]) | {"unmapped"}


def kinds_in(source: str) -> set[str]:
    """Every kind of event that a module writes down, the ones made of a state's name written out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {node.value} if re.fullmatch(r"[a-z_]+\.[a-z_]+", node.value) else set()
        elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
            model = MOVES.get(str(node.values[0].value))
            states = set().union(*model.transitions.values()) if model else set()
            found |= {f"{node.values[0].value!s}{state}" for state in states}
    return found


FILES = {
    "paper.typ",
    "alembic.ini",
    "app.reference",
    "app.services",
    "document_types.json",
    "erasure.sql",
    "weights.json",
    "words.json",
}
"""What looks like a kind of event, and is none."""


async def test_every_kind_of_event_has_its_label_and_no_other_word_has(system: System) -> None:
    house = Path(app.__file__).parent
    sources = [path.read_text("utf-8") for path in (house / "services").rglob("*.py")]
    recorded = set().union(*(kinds_in(source) for source in sources)) - FILES
    assert recorded == await words(system, "SELECT code FROM codes WHERE list = 'event_kind'")
    assert await words(system, "SELECT DISTINCT kind FROM events") <= recorded
