"""How many statements an operation sends to the database: so many, however much there is."""

import asyncio
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.calls import CALLS
from tests.operations import described, parameters
from tests.owner import owner
from tests.statements import Statements, heard
from tests.system import System
from tests.world import World

pytestmark = pytest.mark.sweep

STATEMENTS: dict[str, int] = {
    "create_token": 5,
    "revoke_token": 6,
    "read_me": 3,
    "list_departments": 2,
    "create_department": 5,
    "list_users": 3,
    "get_user": 2,
    "create_user": 4,
    "change_user": 5,
    "disable_user": 4,
    "enable_user": 3,
    "reset_password": 4,
    "list_clients": 4,
    "get_client": 3,
    "create_client": 6,
    "change_client": 8,
    "disable_client": 5,
    "enable_client": 4,
    "rotate_client_secret": 5,
    "list_customers": 3,
    "search_customers": 3,
    "get_customer": 2,
    "create_customer": 12,
    "change_customer": 19,
    "activate_customer": 7,
    "rest_customer": 7,
    "lose_customer": 7,
    "close_customer": 7,
    "list_duplicates": 5,
    "check_duplicates": 3,
    "dismiss_duplicate": 5,
    "scan_duplicates": 5,
    "preview_merge": 4,
    "merge_customers": 52,
    "get_merge": 4,
    "undo_merge": 31,
    "add_contact": 12,
    "join_contact": 12,
    "change_contact": 13,
    "remove_contact": 13,
    "add_address": 10,
    "replace_address": 10,
    "remove_address": 11,
    "link_customers": 5,
    "unlink_customers": 6,
    "add_external_id": 10,
    "remove_external_id": 10,
    "record_consent": 5,
    "add_customer_note": 4,
    "hand_over_customers": 5,
    "transfer_customer": 9,
    "lend_customer": 6,
    "take_customer_back": 5,
    "create_team": 6,
    "change_team": 9,
    "name_liaison": 5,
    "get_contact": 3,
    "list_customer_links": 4,
    "list_external_ids": 3,
    "list_consents": 3,
    "list_customer_notes": 3,
    "list_grants": 3,
    "read_timeline": 5,
    "read_purchases": 3,
    "list_teams": 3,
    "get_team": 3,
    "list_verifications": 3,
    "get_customer_verification": 2,
    "verify_customer": 6,
    "list_tasks": 3,
    "get_task": 2,
    "complete_task": 4,
    "cancel_task": 4,
    "list_proposals": 3,
    "get_proposal": 2,
    "create_proposal": 4,
    "approve_proposal": 27,
    "reject_proposal": 4,
    "list_segments": 3,
    "get_segment": 2,
    "create_segment": 5,
    "change_segment": 6,
    "preview_segment": 4,
    "list_segment_versions": 3,
    "list_segment_members": 4,
    "list_segment_member_changes": 4,
    "change_segment_member": 6,
    "change_segment_members": 6,
    "list_segment_sizes": 4,
    "get_segment_rfm": 3,
    "list_segment_rfm": 4,
    "list_divisions": 2,
    "list_documents": 3,
    "create_document": 8,
    "get_document": 3,
    "add_document_version": 8,
    "get_document_content": 6,
    "withdraw_document": 6,
    "reinstate_document": 6,
    "list_complaints": 4,
    "search_complaints": 3,
    "get_complaint": 5,
    "list_complaint_assignments": 3,
    "create_complaint": 43,
    "change_complaint": 16,
    "acknowledge_complaint": 10,
    "assign_complaint": 16,
    "investigate_complaint": 10,
    "pause_complaint": 15,
    "resume_complaint": 14,
    "answer_complaint": 30,
    "escalate_complaint": 11,
    "withdraw_complaint": 19,
    "reopen_complaint": 20,
    "list_complaint_clocks": 3,
    "explain_complaint_clock": 7,
    "request_clock_waiver": 6,
    "check_complaint": 12,
    "reveal_complaint": 5,
    "list_complaint_messages": 4,
    "add_complaint_message": 13,
    "add_complaint_note": 5,
    "list_message_templates": 3,
    "create_message_template": 3,
    "get_message_template": 2,
    "render_message_template": 4,
    "list_complaint_attachments": 4,
    "add_complaint_attachment": 6,
    "get_complaint_attachment_content": 7,
    "withdraw_complaint_attachment": 6,
    "list_complaint_links": 5,
    "link_complaints": 6,
    "unlink_complaints": 6,
    "list_complaint_watchers": 3,
    "watch_complaint": 6,
    "unwatch_complaint": 5,
    "list_complaint_merges": 5,
    "merge_complaints": 38,
    "get_complaint_merge": 6,
    "undo_complaint_merge": 40,
    "list_complaint_handlers": 2,
    "set_complaint_handler": 7,
    "compose_complaint_report": 22,
    "get_complaint_report": 3,
    "confirm_complaint_report": 11,
    "get_complaint_report_pdf": 8,
    "get_complaint_closing": 10,
    "close_complaint": 16,
    "list_complaint_call_backs": 4,
    "record_complaint_call_back": 6,
    "make_confirmation_link": 9,
    "look_at_confirmation": 3,
    "answer_confirmation": 6,
    "request_complaint_closing": 8,
    "list_complaint_closings": 3,
    "approve_complaint_closing": 16,
    "decline_complaint_closing": 8,
    "list_complaint_escalations": 3,
    "list_case_terms": 2,
    "list_orders": 3,
    "get_order": 3,
    "create_order": 5,
    "hand_over_order": 4,
    "accept_order": 4,
    "cancel_order": 4,
    "list_shipments": 3,
    "count_shipments": 4,
    "get_shipment": 2,
    "create_shipment": 8,
    "create_shipments": 11,
    "reopen_shipment": 15,
    "push_tracking_event": 8,
    "push_tracking_events": 8,
    "push_delivery_exception": 8,
    "push_delivery_exceptions": 8,
    "list_delivery_exceptions": 3,
    "get_delivery_exception": 2,
    "acknowledge_delivery_exception": 4,
    "await_customer_on_delivery_exception": 4,
    "resolve_delivery_exception": 4,
    "dismiss_delivery_exception": 4,
    "list_carrier_sources": 2,
    "list_carrier_codes": 3,
    "list_unmapped_codes": 2,
    "create_carrier_code": 7,
    "end_carrier_code": 7,
    "list_code_lists": 2,
    "get_code_list": 2,
    "look_up_shipments": 1,
    "list_partner_complaints": 1,
    "create_partner_complaint": 45,
    "get_partner_complaint": 1,
    "add_partner_complaint_message": 6,
    "accept_partner_complaint": 12,
    "reject_partner_complaint": 21,
    "list_exception_rules": 2,
    "list_exception_follow_ups": 3,
    "finish_exception_follow_up": 4,
    "list_kpis": 3,
    "read_kpi": 5,
    "list_kpi_rows": 3,
    "get_complaint_by_number": 5,
    "read_on_time": 2,
    "list_jobs": 3,
    "get_job": 2,
    "cancel_job": 3,
    "list_accesses": 3,
    "list_audit_events": 3,
    "reveal_customer": 5,
    "reveal_shipment": 5,
    "list_seals": 3,
    "verify_seals": 6,
    "report_leak": 3,
    "list_leaks": 4,
    "get_leak": 3,
    "list_leak_accesses": 5,
    "change_leak": 9,
    "investigate_leak": 5,
    "contain_leak": 5,
    "notify_leak": 5,
    "close_leak": 5,
    "dismiss_leak": 5,
    "list_privacy_requests": 3,
    "create_privacy_request": 6,
    "get_privacy_request": 2,
    "verify_privacy_request": 4,
    "copy_privacy_request": 8,
    "complete_privacy_request": 4,
    "refuse_privacy_request": 4,
    "list_legal_holds": 3,
    "place_legal_hold": 4,
    "lift_legal_hold": 4,
    "list_retention_rules": 3,
    "list_sla_policies": 3,
    "create_sla_policy": 6,
    "add_sla_policy_version": 5,
    "end_sla_policy": 4,
    "preview_retarget": 11,
    "retarget_clocks": 11,
    "list_clock_waivers": 3,
    "approve_clock_waiver": 11,
    "decline_clock_waiver": 4,
    "list_calendars": 3,
    "get_calendar": 3,
    "get_calendar_year": 2,
    "create_calendar": 5,
    "add_calendar_version": 5,
    "calculate_clock": 1,
    "list_imports": 3,
    "create_import": 8,
    "get_import": 2,
    "get_import_errors": 3,
    "cancel_import": 6,
    "undo_import": 9,
    "get_import_mapping": 2,
    "put_import_mapping": 3,
    "list_exports": 3,
    "get_export": 2,
    "create_export": 3,
    "get_export_file": 5,
    "approve_export": 7,
    "reject_export": 4,
}
"""Opening and ending the transaction are not counted; of a batch, with one item."""

EACH: dict[str, int] = {
    "create_shipments": 7,
    "push_tracking_events": 0,
    "push_delivery_exceptions": 0,
    "change_segment_members": 0,
}
"""Statements of a batch for each item after the first."""

MANY, ROWS = 3, 50

PARTS = 2
"""So that several processes share the work."""

COPIES = {
    "customers": "'code', 'c' || n, 'merged_into_id', NULL",
    "complaints": "'number', 'n' || n, 'message_id', NULL",
    "complaint_escalations": "'clock_id', NULL",
    "exception_follow_ups": "'exception_id', gen_random_uuid()",
    "complaint_closings": "'state', 'declined'",
    "orders": "'number', 'n' || n",
    "shipments": "'tracking_no', 'n' || n",
    "delivery_exceptions": "'leg_no', 1000 + n",
    "users": "'username', 'u' || n",
    "clients": "'client_id', 'c' || n",
    "jobs": "'done', n, 'key', NULL",
    "tasks": "'due_at', now() - make_interval(0, 0, 0, n), 'state', 'done'",
    "proposals": "'reason', n",
    "segments": "'name', 's' || n",
    "calendars": "'code', 'c' || n",
    "sla_policies": "'number', 1 + n, 'code', 'c' || n",
    "clock_waivers": "'state', 'declined', 'note', n",
    "accesses": "'operation', n",
    "audit_seals": "'number', 1000 + n",
    "leak_incidents": "'contact', n",
    "legal_holds": "'reason', n",
    "privacy_requests": "'note', n",
    "retention_rules": "'valid_from', date '2000-01-01' + n",
    "import_files": "'read', n",
    "exports": "'rows', n",
    "documents": "'project', n",
}
"""What of a row must differ beside its id."""


async def copy_rows(system: System) -> None:
    """Enough rows for a long page of every list, each a copy of one that is there."""
    async with owner(system) as connection:
        for table, column in COPIES.items():
            names = await connection.fetchval(
                "SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = $1::text::regclass"
                " AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
                table,
            )
            await connection.execute(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM (SELECT (jsonb_populate_record("
                f"NULL::{table}, to_jsonb(one) || jsonb_build_object('id', gen_random_uuid(), {column}))).*"
                f" FROM (SELECT * FROM {table} LIMIT 1) AS one, generate_series(1, {ROWS}) AS n)"
            )
        await connection.execute(PAIRS)


PAIRS = (
    "WITH twins AS (INSERT INTO customers (id, kind, name, state, version, needs, code)"
    " SELECT gen_random_uuid(), kind, name, state, version, needs, 'd' || code"
    " FROM customers WHERE code ~ '^c[0-9]+$' RETURNING id, code)"
    " INSERT INTO duplicate_pairs (one_id, other_id, cluster_id)"
    " SELECT least(c.id, t.id), greatest(c.id, t.id), least(c.id, t.id) FROM twins t JOIN customers c ON t.code = 'd' || c.code"
)
"""Each copy of a customer has a twin, and both are a cluster of their own."""


OF_A_PARTNER = {"list_partner_complaints"}
"""Lists that hold a partner's own only: for a long page, everybody's are its own."""


async def bind_to_all(world: World, client: str) -> None:
    async with owner(world.system) as connection:
        await connection.execute(
            "INSERT INTO client_customers SELECT $1, id FROM customers ON CONFLICT DO NOTHING", UUID(client)
        )


async def sent(world: World, statements: Statements, name: str, **changes: Any) -> list[str]:
    """The statements of one call that succeeds."""
    caller, request = await world.somebody(name), await world.request(name)
    if name in OF_A_PARTNER and caller is not None:
        await bind_to_all(world, caller.id)
    request["params"] |= changes.pop("params", {})
    statements.clear()
    answer: httpx.Response = await world.send(caller, request | changes)
    await asyncio.sleep(0)
    assert answer.status_code == CALLS[name].status, (name, answer.text)
    if limit := request["params"].get("limit"):
        assert len(answer.json()["items"]) == limit, name
    return list(statements)


@pytest.fixture
async def listened(empty_system: System) -> Any:
    async with heard(empty_system) as statements:
        yield empty_system, statements


def test_the_table_names_every_operation_and_no_other() -> None:
    assert STATEMENTS.keys() == CALLS.keys()
    assert EACH.keys() == {name for name, each in described().items() if each["path"].endswith("/batch")}


LISTS = [name for name in CALLS if name.startswith("search") or "list" in name]
OTHERS = [name for name in CALLS if name not in LISTS]
MAKING = [
    "create_team",
    "create_client",
    "scan_duplicates",
    "complete_task",
    "create_proposal",
    "create_segment",
    "create_document",
    "create_import",
    "create_export",
    "create_complaint",
    "escalate_complaint",
    "request_clock_waiver",
    "request_complaint_closing",
    "create_order",
    "acknowledge_delivery_exception",
    "reveal_customer",
    "verify_seals",
    "report_leak",
    "create_privacy_request",
    "place_legal_hold",
]
"""What leaves a row of everything that is listed."""


async def counted(listened: Any, world: World, names: Iterable[str], rows: int) -> dict[str, list[str]]:
    """The operations that do not send what the table says, and what they send instead."""
    wrong = {}
    for name in names:
        limit = {"limit": rows} if "cursor" in parameters(described()[name], "query") else {}
        seen = await sent(world, listened[1], name, params=limit)
        if len(seen) != STATEMENTS.get(name):
            wrong[f"{name}, {world.many} behind it: {len(seen)}, not {STATEMENTS.get(name)}"] = seen
    return wrong


@pytest.mark.parametrize("part", range(PARTS))
async def test_an_operation_sends_so_many_statements_however_much_is_behind_it(
    listened: Any, part: int
) -> None:
    """As many as where there is one of everything, which `test_promises_answers.py` counts."""
    wrong = await counted(listened, World(listened[0], MANY), OTHERS[part::PARTS], ROWS)
    assert wrong == {}, "\n".join(wrong)


async def test_a_list_sends_so_many_statements_however_much_is_on_its_page(listened: Any) -> None:
    system, _ = listened
    await counted(listened, World(system, 1), MAKING, 1)
    await copy_rows(system)
    wrong = await counted(listened, World(system, MANY), LISTS, ROWS)
    assert wrong == {}, "\n".join(wrong)


@pytest.mark.parametrize("name", EACH)
async def test_a_batch_sends_so_many_statements_more_for_each_item(listened: Any, name: str) -> None:
    system, statements = listened
    (item,) = CALLS[name].body["items"]
    for items in (2, 10):
        body = await World(system).filled({"items": [item] * items}, {})
        seen = await sent(World(system), statements, name, json=body)
        assert len(seen) == STATEMENTS[name] + (items - 1) * EACH[name], "\n".join(seen)
