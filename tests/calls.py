"""How each operation is called so that it succeeds: one table, written by hand.

A text `{name}` stands for a thing that is made for the call; `tests/world.py` makes it. A place in a path holds
the thing of its own name unless `places` says which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.models.export import ExportColumn
from tests.canaries import MAIL, NAME, PERSON, TEXT
from tests.system import PASSWORD, an_instant

MAPPING = {"columns": [{"heading": TEXT, "field": "name"}], "kind": "company", "external_system": "erp"}
EXPORT = {"terms": {}, "columns": [column.value for column in ExportColumn], "format": "csv", "reason": TEXT}


SHIFTS = {
    "valid_from": "2026-11-01",
    "hours": {"mon": [["09:00", "18:00"]], "fri": [["22:00", "30:00"]]},
    "holidays": ["2027-02-08"],
    "date_overrides": {"2027-02-20": [["09:00", "12:00"]], "2027-02-22": []},
    "breaks": {"2026-11-30": [["12:00", "13:00"]]},
    "years": {"2026": "confirmed", "2027": "provisional"},
    "source": "国务院办公厅通知",
}
"""What a calendar says."""

LIMIT = {
    "counting": "working",
    "calendar_id": "{calendar_id}",
    "amount": 259200,
    "tiers": ["key"],
    "pause_reasons": ["awaiting_customer"],
    "valid_from": "2026-01-01",
    "source": "顺丰框架协议",
}
"""What a limit says."""

LEAK = {
    "grade": "larger",
    "customer_ids": ["{home_id}"],
    "kinds": [TEXT],
    "cause": TEXT,
    "harm": TEXT,
    "measures": TEXT,
    "advice": TEXT,
    "contact": TEXT,
    "authority_told_at": an_instant(),
    "people_told_at": an_instant(),
    "untold_because": TEXT,
    "finding": TEXT,
}


@dataclass(frozen=True)
class Call:
    """What is sent beside token and `If-Match`, and the status of the answer."""

    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    status: int = 200

    file: str | None = None


COMPLAINT = {
    "category": "damage",
    "description": TEXT,
    "tracking_nos": ["{known_no}"],
    "remedy_sought": TEXT,
    "complainant": {"name": NAME, "phone": PERSON["phone"], "role": "recipient"},
    "channel": "hotline",
    "severity": "high",
    "customer_id": "{served_id}",
}
TEMPLATE = {"code": "{new_code}", "purpose": "other", "zh": TEXT, "en": TEXT}
ATTACHED = {"complaint_id": "attached_complaint_id"}
LINKED = {"complaint_id": "linking_complaint_id"}
WATCHED = {"complaint_id": "watched_complaint_id"}
PARTNER_COMPLAINT = {
    name: value for name, value in COMPLAINT.items() if name not in {"channel", "customer_id"}
} | {"customer_id": "{home_id}", "message_id": "{new_code}"}
CLOSING = {"reason": TEXT, "means_exhausted": True, "told_of_appeal": True}
ANSWER = {
    "finding": TEXT,
    "liable_party": "carrier_hub",
    "root_cause": "handling",
    "remedy": TEXT,
    "text": TEXT,
    "channel": "hotline",
}


CUSTOMER = {
    "name": NAME,
    "kind": "person",
    "code": "{new_code}",
    "contacts": [
        {
            "name": NAME,
            "phone": PERSON["phone"],
            "email": MAIL,
            "points": [{"kind": "phone", "value": PERSON["phone"], "label": TEXT}],
        }
    ],
    "addresses": [PERSON["address"]],
    "needs": [TEXT],
    "source": TEXT,
}
SHIPMENT = {
    "tracking_no": "{new_no}",
    "customer_id": "{home_id}",
    "service": "inter_city",
    "promised_at": an_instant(48),
    "sender": PERSON,
    "recipient": PERSON,
    "reference": TEXT,
    "attributes": {"courier": {"phone": PERSON["phone"]}, "words": [TEXT]},
}
EVENT = {
    "source": "native",
    "tracking_no": "{known_no}",
    "event_id": "{new_code}",
    "code": "in_transit",
    "occurred_at": an_instant(),
    "text": TEXT,
    "location": TEXT,
    "attributes": {"courier": {"phone": PERSON["phone"]}},
}
ALARM = EVENT | {"code": "carrier_damage"}
CODE = {
    "list": "kuaidi100",
    "code": "{new_code}",
    "name": "测试",
    "valid_from": "2026-01-01",
    "status": "in_transit",
    "source": "测试",
}
NOTE = {"note": TEXT}
RESOLUTION = {"resolution": TEXT, "note": TEXT}
PERIOD = {"from": "2020-01-01", "to": "2030-01-01"}

AT_HOME = {"customer_id": "home_id"}
CONSENT = {
    "channel": "wechat",
    "purpose": "care",
    "given": True,
    "given_at": "2026-01-01T00:00:00Z",
    "evidence": TEXT,
}
CHANGES = {name: CUSTOMER[name] for name in ("name", "contacts", "addresses", "needs", "source")}
FILTER = {
    "test": "or",
    "of": [
        {"test": "kind", "any_of": ["person", "company"]},
        {"test": "need", "contains": TEXT},
        {"test": "not", "of": {"test": "staleness", "at_least": 90}},
        {"test": "rfm", "any_of": ["champion"]},
    ],
}
FIXED = {"segment_id": "static_id"}

CALLS: dict[str, Call] = {
    "create_token": Call(form={"grant_type": "password", "username": "{username}", "password": PASSWORD}),
    "revoke_token": Call(form={"token": "{token}"}),
    "read_me": Call(),
    "list_departments": Call(),
    "create_department": Call({"code": "{new_code}", "name": "运营部", "head_id": "{user_id}"}, status=201),
    "list_users": Call(query={"count": "true"}),
    "get_user": Call(),
    "create_user": Call(
        {"username": "{new_code}", "password": PASSWORD, "name": "李四", "roles": ["hr"]}, status=201
    ),
    "change_user": Call({"name": "王五", "superior_id": "{user_id}"}),
    "disable_user": Call(),
    "enable_user": Call(),
    "reset_password": Call({"password": f"another {PASSWORD}"}),
    "list_clients": Call(query={"count": "true"}),
    "get_client": Call(),
    "create_client": Call(
        {"name": "门户", "role": "partner", "client_id": "{new_code}", "customer_ids": ["{home_id}"]},
        status=201,
    ),
    "change_client": Call({"name": "新门户", "customer_ids": ["{home_id}"]}),
    "disable_client": Call(),
    "enable_client": Call(),
    "rotate_client_secret": Call(),
    "list_customers": Call(query={"count": "true"}),
    "search_customers": Call({"facets": True}),
    "get_customer": Call(),
    "create_customer": Call(CUSTOMER, status=201),
    "activate_customer": Call({"reason": TEXT}, places={"customer_id": "prospect_id"}),
    "rest_customer": Call({"reason": TEXT}, places={"customer_id": "customer_id"}),
    "lose_customer": Call({"reason": TEXT}, places={"customer_id": "customer_id"}),
    "close_customer": Call({"reason": TEXT}, places={"customer_id": "customer_id"}),
    "change_customer": Call({name: CUSTOMER[name] for name in ("name", "contacts", "addresses")}),
    "list_duplicates": Call(query={"count": "true"}),
    "check_duplicates": Call({name: CUSTOMER[name] for name in ("name", "kind", "contacts", "addresses")}),
    "dismiss_duplicate": Call({"one_id": "{customer_id}", "other_id": "{customer_id}", "reason": TEXT}),
    "scan_duplicates": Call(status=202),
    "preview_merge": Call({"merged_id": "{customer_id}"}),
    "merge_customers": Call({"merged_id": "{customer_id}"}),
    "get_merge": Call(),
    "undo_merge": Call(),
    "add_contact": Call(CUSTOMER["contacts"][0], status=201, places=AT_HOME),
    "get_contact": Call(places=AT_HOME),
    "join_contact": Call({"role": "仓库"}, status=201, places={"customer_id": "customer_id"}),
    "change_contact": Call({"name": NAME, "points": CUSTOMER["contacts"][0]["points"]}, places=AT_HOME),
    "remove_contact": Call(status=204, places=AT_HOME),
    "add_address": Call(PERSON["address"], status=201, places=AT_HOME),
    "replace_address": Call(PERSON["address"], places=AT_HOME),
    "remove_address": Call(status=204, places=AT_HOME),
    "list_customer_links": Call(places={"customer_id": "linking_id"}),
    "link_customers": Call(status=204, places=AT_HOME | {"kind": "link_kind", "other_id": "customer_id"}),
    "unlink_customers": Call(status=204, places=AT_HOME | {"kind": "link_kind", "other_id": "linked_id"}),
    "list_external_ids": Call(places={"customer_id": "customer_id"}),
    "add_external_id": Call(
        {"system": "erp", "external_id": "{new_code}"}, status=201, places={"customer_id": "customer_id"}
    ),
    "remove_external_id": Call(status=204, places=AT_HOME | {"system": "system_name"}),
    "list_consents": Call(places={"customer_id": "talkative_id"}),
    "record_consent": Call(CONSENT, status=201, places=AT_HOME),
    "list_customer_notes": Call(places={"customer_id": "talkative_id"}),
    "add_customer_note": Call({"text": TEXT}, status=201, places=AT_HOME),
    "hand_over_customers": Call({"from_owner_id": "{leaving_id}", "to_owner_id": "{seller_id}"}),
    "transfer_customer": Call({"owner_id": "{seller_id}", "team_id": "{team_id}"}),
    "list_grants": Call(places={"customer_id": "talkative_id"}),
    "lend_customer": Call({"reason": TEXT}, places=AT_HOME),
    "take_customer_back": Call(status=204, places=AT_HOME | {"user_id": "borrower_id"}),
    "read_timeline": Call(places={"customer_id": "talkative_id"}),
    "read_purchases": Call(places=AT_HOME),
    "list_teams": Call(),
    "get_team": Call(),
    "create_team": Call({"code": "{new_code}", "name": "华东组", "member_ids": ["{user_id}"]}, status=201),
    "change_team": Call({"name": "华南组", "member_ids": ["{user_id}"]}),
    "name_liaison": Call({"liaison_id": "{user_id}"}),
    "list_verifications": Call(query={"count": "true", "due": "false"}),
    "get_customer_verification": Call(places={"customer_id": "verified_id"}),
    "verify_customer": Call({"fields": ["phones", "needs"], "method": "call", "note": TEXT}),
    "list_tasks": Call(query={"count": "true"}),
    "get_task": Call(places={"task_id": "done_task_id"}),
    "complete_task": Call({"note": TEXT}),
    "cancel_task": Call({"note": TEXT}),
    "list_proposals": Call(query={"count": "true"}),
    "get_proposal": Call(places={"proposal_id": "decided_proposal_id"}),
    "create_proposal": Call({"changes": CHANGES, "evidence": TEXT}, status=201),
    "approve_proposal": Call({"reason": TEXT}),
    "reject_proposal": Call({"reason": TEXT}),
    "list_segments": Call(query={"count": "true"}),
    "get_segment": Call(),
    "create_segment": Call({"name": "{new_code}", "kind": "dynamic", "filter": FILTER}, status=201),
    "change_segment": Call({"name": "{new_code}", "filter": FILTER}),
    "preview_segment": Call({"filter": FILTER}),
    "list_segment_versions": Call(places={"segment_id": "worded_id"}),
    "list_segment_members": Call(query={"count": "true"}),
    "list_segment_member_changes": Call(query={"count": "true"}, places=FIXED),
    "change_segment_member": Call({"customer_id": "{home_id}"}, places={"segment_id": "empty_segment_id"}),
    "change_segment_members": Call(
        {"items": [{"customer_id": "{home_id}", "member": True}]}, places={"segment_id": "empty_segment_id"}
    ),
    "list_segment_sizes": Call(query={"count": "true"}, places={"segment_id": "counted_id"}),
    "get_segment_rfm": Call(query={"days": 3650}),
    "list_segment_rfm": Call(query={"count": "true"}),
    "list_documents": Call(query={"count": "true"}),
    "create_document": Call(
        form={"customer_id": "{home_id}", "kind": "report", "project": TEXT},
        file="{document_file}",
        status=201,
    ),
    "get_document": Call(places={"document_id": "versioned_document_id"}),
    "add_document_version": Call(form={"dated": "2026-11-22"}, file="{document_file}", status=201),
    "get_document_content": Call(places={"number": "version_number"}),
    "withdraw_document": Call({"reason": TEXT}),
    "reinstate_document": Call({"reason": TEXT}, places={"document_id": "withdrawn_document_id"}),
    "list_divisions": Call(query={"parent": "330100"}),
    "list_imports": Call(query={"count": "true"}),
    "create_import": Call(form={"dry_run": "false"}, file="{customer_file}", status=202),
    "get_import": Call(),
    "get_import_errors": Call(places={"import_id": "ended_import_id"}),
    "cancel_import": Call(),
    "undo_import": Call(places={"import_id": "ended_import_id"}, status=202),
    "get_import_mapping": Call(),
    "put_import_mapping": Call(MAPPING, places={"mapping_name": "new_code"}),
    "list_exports": Call(query={"count": "true"}),
    "get_export": Call(),
    "create_export": Call(EXPORT, status=201),
    "get_export_file": Call(places={"export_id": "ready_export_id"}),
    "approve_export": Call(NOTE),
    "reject_export": Call(NOTE),
    "list_complaints": Call(query={"count": "true"}),
    "search_complaints": Call({"open": True}),
    "get_complaint": Call(places={"complaint_id": "answered_complaint_id"}),
    "get_complaint_by_number": Call(),
    "list_complaint_assignments": Call(),
    "create_complaint": Call(COMPLAINT, status=201),
    "change_complaint": Call(
        {"severity": "critical", "remedy_sought": TEXT}, places={"complaint_id": "new_complaint_id"}
    ),
    "acknowledge_complaint": Call(NOTE, places={"complaint_id": "received_complaint_id"}),
    "assign_complaint": Call({"handler_id": "{handler_id}", "note": TEXT}),
    "investigate_complaint": Call(NOTE),
    "pause_complaint": Call({"reason": "awaiting_customer", "text": TEXT}),
    "resume_complaint": Call(NOTE, places={"complaint_id": "waiting_complaint_id"}),
    "answer_complaint": Call(ANSWER, places={"complaint_id": "investigated_complaint_id"}),
    "escalate_complaint": Call({"reason": TEXT}),
    "withdraw_complaint": Call({"reason": TEXT}),
    "reopen_complaint": Call({"reason": TEXT}, places={"complaint_id": "closed_complaint_id"}),
    "check_complaint": Call(COMPLAINT),
    "reveal_complaint": Call({"reason": TEXT}),
    "list_complaint_messages": Call(query={"count": "true"}, places={"complaint_id": "busy_complaint_id"}),
    "add_complaint_message": Call({"direction": "out", "channel": "hotline", "text": TEXT}, status=201),
    "add_complaint_note": Call({"text": TEXT}, status=201),
    "list_message_templates": Call(query={"count": "true", "code": "{template_code}"}),
    "create_message_template": Call(TEMPLATE, status=201),
    "get_message_template": Call(places={"code": "template_code"}),
    "render_message_template": Call({"complaint_id": "{complaint_id}"}, places={"code": "template_code"}),
    "list_complaint_attachments": Call(query={"count": "true"}, places={"complaint_id": "busy_complaint_id"}),
    "add_complaint_attachment": Call(form={"visibility": "internal"}, file="{document_file}", status=201),
    "get_complaint_attachment_content": Call(places=ATTACHED),
    "withdraw_complaint_attachment": Call({"reason": TEXT}, places=ATTACHED),
    "list_complaint_links": Call(places=LINKED),
    "link_complaints": Call(status=204, places={"kind": "case_link", "other_id": "complaint_id"}),
    "unlink_complaints": Call(
        status=204, places=LINKED | {"kind": "case_link", "other_id": "linked_case_id"}
    ),
    "list_complaint_watchers": Call(places=WATCHED),
    "watch_complaint": Call(status=204, places={"user_id": "colleague_id"}),
    "unwatch_complaint": Call(status=204, places=WATCHED | {"user_id": "follower_id"}),
    "list_complaint_merges": Call(places={"complaint_id": "merging_complaint_id"}),
    "merge_complaints": Call({"merged_id": "{complaint_id}", "reason": TEXT}),
    "get_complaint_merge": Call(places={"merge_id": "complaint_merge_id"}),
    "undo_complaint_merge": Call(places={"merge_id": "complaint_merge_id"}),
    "list_complaint_clocks": Call(),
    "explain_complaint_clock": Call(query={"clock": "statutory"}),
    "request_clock_waiver": Call({"reason": TEXT}, status=201),
    "compose_complaint_report": Call(places={"complaint_id": "reportable_complaint_id"}, status=201),
    "get_complaint_report": Call(
        query={"version": "2"}, places={"complaint_id": "fully_reported_complaint_id"}
    ),
    "confirm_complaint_report": Call({"version": 1}, places={"complaint_id": "drafted_complaint_id"}),
    "get_complaint_report_pdf": Call(places={"complaint_id": "reported_complaint_id"}),
    "get_complaint_closing": Call(places={"complaint_id": "called_complaint_id"}),
    "close_complaint": Call(NOTE, places={"complaint_id": "agreed_complaint_id"}),
    "list_complaint_call_backs": Call(
        query={"count": "true"}, places={"complaint_id": "called_complaint_id"}
    ),
    "record_complaint_call_back": Call(
        {"method": "call", "reached": True, "accepted": True, "note": TEXT},
        places={"complaint_id": "reportable_complaint_id"},
        status=201,
    ),
    "make_confirmation_link": Call(places={"complaint_id": "easy_complaint_id"}, status=201),
    "look_at_confirmation": Call(places={"token": "link_token"}),
    "answer_confirmation": Call({"accepted": True, "note": TEXT}, places={"token": "link_token"}),
    "request_complaint_closing": Call(CLOSING, places={"complaint_id": "refused_complaint_id"}, status=201),
    "list_complaint_closings": Call(query={"count": "true"}),
    "approve_complaint_closing": Call(NOTE),
    "decline_complaint_closing": Call(NOTE),
    "list_complaint_handlers": Call(),
    "set_complaint_handler": Call({"capacity": 30}, places={"user_id": "colleague_id"}),
    "list_complaint_escalations": Call(query={"count": "true"}),
    "list_case_terms": Call(query={"tree": "root_cause"}),
    "list_orders": Call(query={"count": "true"}),
    "get_order": Call(places={"order_id": "full_order_id"}),
    "create_order": Call(
        {
            "customer_id": "{home_id}",
            "note": TEXT,
            "parcels": [{"description": TEXT, "destination": PERSON["address"]}],
        },
        status=201,
    ),
    "hand_over_order": Call(),
    "accept_order": Call(places={"order_id": "handed_order_id"}),
    "cancel_order": Call(),
    "list_shipments": Call(query={"count": "true"}),
    "count_shipments": Call(query={"by": "customer"}),
    "get_shipment": Call(),
    "create_shipment": Call(SHIPMENT, status=201),
    "create_shipments": Call({"items": [SHIPMENT]}),
    "reopen_shipment": Call({"status": "in_transit", "reason": TEXT}, places={"tracking_no": "delivered_no"}),
    "push_tracking_event": Call(EVENT, status=202),
    "push_tracking_events": Call({"items": [EVENT]}),
    "push_delivery_exception": Call(ALARM, status=202),
    "push_delivery_exceptions": Call({"items": [ALARM]}),
    "list_delivery_exceptions": Call(query={"count": "true"}),
    "get_delivery_exception": Call(),
    "acknowledge_delivery_exception": Call(NOTE),
    "await_customer_on_delivery_exception": Call(NOTE),
    "resolve_delivery_exception": Call(RESOLUTION),
    "dismiss_delivery_exception": Call(RESOLUTION),
    "list_carrier_sources": Call(),
    "list_carrier_codes": Call(query={"count": "true"}),
    "list_unmapped_codes": Call(),
    "create_carrier_code": Call(CODE, status=201),
    "end_carrier_code": Call({"valid_until": "2027-01-01"}),
    "list_code_lists": Call(),
    "get_code_list": Call(places={"list": "code_list"}),
    "list_partner_complaints": Call(query={"count": "true"}),
    "create_partner_complaint": Call(PARTNER_COMPLAINT, status=201),
    "get_partner_complaint": Call(),
    "add_partner_complaint_message": Call({"text": TEXT, "message_id": "{new_code}"}, status=201),
    "accept_partner_complaint": Call(places={"complaint_number": "answered_number"}),
    "reject_partner_complaint": Call({"reason": TEXT}, places={"complaint_number": "answered_number"}),
    "list_exception_rules": Call(),
    "list_exception_follow_ups": Call(query={"count": "true"}),
    "finish_exception_follow_up": Call(places={"follow_up_id": "task_follow_up_id"}),
    "look_up_shipments": Call(query={"tracking_no": ["{tracking_no}", "{new_no}"]}),
    "read_on_time": Call(query=PERIOD),
    "list_kpis": Call(),
    "read_kpi": Call(query=PERIOD, places={"kpi_name": "figure_name"}),
    "list_kpi_rows": Call(query=PERIOD, places={"kpi_name": "figure_name"}),
    "list_jobs": Call(query={"count": "true"}),
    "get_job": Call(),
    "cancel_job": Call(),
    "list_accesses": Call(query={"count": "true"}),
    "list_audit_events": Call(query={"count": "true"}),
    "reveal_customer": Call({"reason": TEXT}),
    "reveal_shipment": Call({"reason": TEXT}),
    "list_seals": Call(query={"count": "true"}),
    "verify_seals": Call({"limit": 1, "known": {"number": 1, "sha256": "{seal}"}}),
    "report_leak": Call({"description": TEXT}, status=201),
    "list_leaks": Call(query={"count": "true"}),
    "get_leak": Call(),
    "list_leak_accesses": Call(query={"count": "true"}, places={"incident_id": "seen_incident_id"}),
    "change_leak": Call(LEAK, places={"incident_id": "new_incident_id"}),
    "investigate_leak": Call(),
    "contain_leak": Call(places={"incident_id": "investigated_incident_id"}),
    "notify_leak": Call(places={"incident_id": "contained_incident_id"}),
    "close_leak": Call(places={"incident_id": "told_incident_id"}),
    "dismiss_leak": Call(),
    "list_privacy_requests": Call(query={"count": "true"}),
    "create_privacy_request": Call(
        {"kind": "correction", "customer_id": "{home_id}", "contact_id": "{contact_id}", "note": TEXT},
        status=201,
    ),
    "get_privacy_request": Call(),
    "verify_privacy_request": Call({"identity": TEXT}),
    "copy_privacy_request": Call(places={"request_id": "verified_access_id"}),
    "complete_privacy_request": Call({"outcome": TEXT}, places={"request_id": "verified_request_id"}),
    "refuse_privacy_request": Call({"ground": "not_feasible", "outcome": TEXT}),
    "list_legal_holds": Call(query={"count": "true"}),
    "place_legal_hold": Call({"customer_id": "{home_id}", "reason": TEXT}, status=201),
    "lift_legal_hold": Call({"reason": TEXT}),
    "list_retention_rules": Call(query={"count": "true"}),
    "list_sla_policies": Call(query={"count": "true"}),
    "create_sla_policy": Call(
        LIMIT
        | {"code": "{new_code}", "kind": "contract", "metric": "resolution", "customer_id": "{home_id}"},
        status=201,
    ),
    "add_sla_policy_version": Call(LIMIT, places={"code": "limit_code"}, status=201),
    "end_sla_policy": Call({"valid_until": "2027-12-31"}, places={"code": "limit_code"}),
    "preview_retarget": Call(places={"code": "outdated_code"}),
    "retarget_clocks": Call(places={"code": "outdated_code"}, status=202),
    "list_clock_waivers": Call(query={"count": "true"}),
    "approve_clock_waiver": Call({"note": TEXT}),
    "decline_clock_waiver": Call({"note": TEXT}),
    "list_calendars": Call(query={"count": "true"}),
    "get_calendar": Call(),
    "get_calendar_year": Call(query={"number": "1"}),
    "create_calendar": Call(
        {"code": "{new_code}", "zh": "杭州", "en": "Hangzhou", "zone": "Asia/Shanghai", "version": SHIFTS},
        status=201,
    ),
    "add_calendar_version": Call(SHIFTS, status=201),
    "calculate_clock": Call(
        {
            "calendar": {"tz": "Asia/Shanghai", "hours": SHIFTS["hours"], "breaks": SHIFTS["breaks"]},
            "start": "2026-11-23T09:00:00+08:00",
            "seconds": 7200,
            "pauses": [["2026-11-23T09:30:00+08:00", "2026-11-23T10:00:00+08:00"]],
        }
    ),
}

ITEMS = {
    "create_shipments": "ShipmentCreate",
    "push_tracking_events": "TrackingEventPush",
    "push_delivery_exceptions": "TrackingEventPush",
    "change_segment_members": "SegmentMembershipChange",
}
"""Batches, and what each of their items is: the description leaves an item open, for each is judged on its own."""
