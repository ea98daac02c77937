"""What an answer may hold, field by field, written by hand: what is plain, and what only behind which mask."""

import re
from collections.abc import Callable
from typing import Any

from app.schemas.masking import redact, redact_all

WHOLE = {
    "reveal_customer",
    "reveal_shipment",
    "copy_privacy_request",
    "get_document_content",
    "reveal_complaint",
    "get_complaint_attachment_content",
    "get_complaint_report_pdf",
}


SHOWN_OF_AN_ADDRESS = {"country", "province", "city", "district", "postcode"}

Masks = dict[str, Callable[[Any], bool]]


def a_name(value: str) -> bool:
    return re.fullmatch(r".?\*+", value) is not None


def a_phone(value: str) -> bool:
    return value.count("*") >= min(6, len(re.findall(r"[\d*]", value)))


def a_mail(value: str) -> bool:
    return re.fullmatch(r".?\*\*\*@\S+", value) is not None


def a_point(value: str) -> bool:
    return a_phone(value) or a_mail(value) or a_name(value)


def an_address(value: dict[str, Any]) -> bool:
    return all(name in SHOWN_OF_AN_ADDRESS or each in {None, "***"} for name, each in value.items())


def a_person(value: dict[str, Any]) -> bool:
    masks: Masks = {"name": a_name, "phone": a_phone, "address": an_address}
    return value.keys() <= masks.keys() and all(
        value[name] is None or masks[name](value[name]) for name in value
    )


def a_text(value: str | list[str]) -> bool:
    return [redact(each) for each in texts(value)] == texts(value)


def texts(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def an_object(value: dict[str, Any]) -> bool:
    return bool(redact_all(value) == value)


def parcels(value: list[dict[str, Any]]) -> bool:
    return all(an_object(each) and an_address(each.get("destination") or {}) for each in value)


def changes(value: dict[str, Any]) -> bool:
    people = value.get("contacts", [])
    return (
        a_name(value.get("name", "*"))
        and all(a_name(each["name"]) and a_phone(each["phone"]) and a_mail(each["email"]) for each in people)
        and all(map(an_address, value.get("addresses", [])))
        and a_text([value["source"], *value["needs"]])
    )


SHIPMENT = (
    "id tracking_no customer_id order_id service status status_at promised_at picked_up_at delivered_at flags"
    " created_at version"
)
SHIPMENT_MASKED: Masks = {"sender": a_person, "recipient": a_person, "reference": a_text}
CUSTOMER = "id kind state code tier owner_id team_id created_at updated_at version"
CUSTOMER_MASKED: Masks = {"name": a_name, "source": a_text, "needs": a_text}
CLIENT = "id client_id name role sources customer_ids disabled_at created_at version"
DOCUMENT = "id customer_id kind state latest created_by created_at updated_at version"
DUTY = "department rule fields due_at"
COMPLAINT = (
    "id number status category severity priority channel customer_id tracking_nos complainant cycle repeat_of_id repeats"
    " merged_into_id team_id handler_id escalation received_at acknowledged_at responded_at due_at waiting_reason"
    " waiting_until closed_at outcome archived_at version"
)
PARTNER_COMPLAINT = "number status status_label category tracking_nos received_at due_at closed_at"
COMPLAINT_MASKED: Masks = {"description": a_text, "remedy_sought": a_text, "waiting_text": a_text}
PAGE = "items next_cursor count"


FIELDS: dict[str, tuple[str, Masks]] = {
    "AccessRead": (
        "id occurred_at kind principal_id operation correlation_id customer_id",
        {"data": an_object},
    ),
    "SealVerification": (
        "intact seals rows redacted faults_found faults next_number head_number head_sha256",
        {},
    ),
    "CarrierCodeRead": (
        "id list code reason_code status reason name valid_from valid_until source shipped",
        {},
    ),
    "CarrierSourceRead": ("source name lists", {}),
    "ClientRead": (CLIENT, {}),
    "ClientSecret": (f"{CLIENT} client_secret", {}),
    "ClusterRead": ("score customers pairs", {}),
    "CodeListRead": ("items list", {}),
    "CodeRead": ("code zh en", {}),
    "ContactPointRead": ("id kind", {"value": a_point, "label": a_text}),
    "ContactRead": ("id role points version", {"name": a_name, "phone": a_phone, "email": a_mail}),
    "AnswerRead": (
        "number cycle liable_party root_cause channel told_at answered_by",
        {"finding": a_text, "remedy": a_text, "text": a_text},
    ),
    "AssignmentRead": ("number handler_id team_id rule considered assigned_by created_at", {}),
    "CaseTermRead": ("tree code parent_code zh en authority_code valid_from valid_until source", {}),
    "ComplainantRead": ("role has_authority", {"name": a_name, "phone": a_phone}),
    "ComplaintRead": (f"{COMPLAINT} clocks answers", COMPLAINT_MASKED | {"ended_because": a_text}),
    "ComplaintRow": (COMPLAINT, COMPLAINT_MASKED),
    "Term": ("code zh en", {}),
    "ReportedComplainant": ("role has_authority", {"name": a_name, "phone": a_phone}),
    "ReportedComplaint": (
        "number cycle category severity channel received_at acknowledged_at due_at complainant",
        {"customer": a_name, "description": a_text, "remedy_sought": a_text},
    ),
    "ReportedHandling": ("team", {"handler": a_name}),
    "ReportedConsignment": (
        "tracking_no service status origin destination promised_at delivered_at",
        {},
    ),
    "ReportedStep": ("at event", {}),
    "ReportedClock": ("kind metric started_at due_at stopped_at verdict", {}),
    "ReportedAnswer": (
        "number liable_party root_cause channel told_at",
        {"finding": a_text, "remedy": a_text, "text": a_text, "answered_by": a_name},
    ),
    "ReportedCallBack": ("attempted_at method reached accepted", {"note": a_text}),
    "ReportedClosing": ("requested_at means_exhausted told_of_appeal", {"reason": a_text}),
    "ReportContent": (
        "number version composed_at complaint handling consignments timeline clocks answers call_backs closing",
        {},
    ),
    "ReportRead": (
        (
            "complaint_id number version state cycle answer_number content sha256 pdf_sha256 composed_by"
            " created_at confirmed_by confirmed_at"
        ),
        {},
    ),
    "CallBackRead": (
        "id complaint_id cycle answer_number method reached accepted attempted_at made_by by_answerer created_at",
        {"note": a_text},
    ),
    "LinkMade": ("token path expires_at", {}),
    "LinkRead": ("number told_at expires_at", {"text": a_text}),
    "LinkAnswered": ("number accepted", {}),
    "ClosingRead": (
        (
            "id complaint_id cycle answer_number state means_exhausted told_of_appeal requested_by requested_at"
            " decided_by decided_at"
        ),
        {"reason": a_text, "note": a_text},
    ),
    "ReadinessRead": ("rule demand outcome missing closing", {}),
    "PartnerComplaint": (PARTNER_COMPLAINT, {"answer": a_text}),
    "PartnerComplaintRegistered": (f"{PARTNER_COMPLAINT} id clocks", {"answer": a_text}),
    "PartnerMessage": ("id said_at", {"text": a_text}),
    "PartnerClock": ("kind metric state started_at due_at", {}),
    "ExceptionRuleRead": (
        "code rank reasons tiers action severity valid_from valid_until source",
        {},
    ),
    "FollowUpRead": (
        (
            "id exception_id customer_id tracking_no reason severity rule action complaint_id joined state done_by"
            " done_at created_at version"
        ),
        {},
    ),
    "BenchmarkRead": ("code valid_from valid_until zh en value source", {}),
    "DefinitionRead": (
        (
            "name version zh en unit population period_by time_base exclusions text_zh text_en parameters valid_from"
            " source benchmarks"
        ),
        {},
    ),
    "Spread": ("median_s p90_s net_median_s net_p90_s", {}),
    "KpiGroup": ("by key numerator denominator value spread", {}),
    "KpiValues": (
        "kpi definition from to as_of unit numerator denominator value spread parts groups benchmarks",
        {},
    ),
    "KpiRow": (
        "key complaint_id number customer_id category cause at part kind metric cycle seconds net_seconds",
        {},
    ),
    "AttachmentRead": (
        "id complaint_id visibility media_type size sha256 created_by created_at withdrawn_at withdrawn_by",
        {},
    ),
    "ComplaintCandidate": ("complaint reasons becomes", {}),
    "ComplaintCandidates": ("candidates", {}),
    "ComplaintLinkRead": ("kind inverse complaint created_at", {}),
    "ComplaintMergeRead": (
        "id survivor_id merged_id number cause is_counted_anew answers merged_by created_at undone_by undone_at",
        {"reason": a_text},
    ),
    "ComplaintWhole": ("id number customer_id name phone role has_authority description", {}),
    "MessageRead": (
        (
            "id complaint_id visibility direction channel message_id template_code template_number written_by said_at"
            " created_at"
        ),
        {"text": a_text},
    ),
    "TemplateRead": ("code number purpose created_by created_at", {"zh": a_text, "en": a_text}),
    "TemplateRendered": ("code number", {"text": a_text}),
    "WatcherRead": ("user_id added_by created_at", {}),
    "EscalationRead": ("id complaint_id level to_id clock_id share created_at", {"reason": a_text}),
    "HandlerRead": ("user_id capacity skills regions is_on_duty open last_assigned_at", {}),
    "ClockExplanation": (
        (
            "clock metric cycle state started_at due_at stopped_at verdict steps illegitimate_seconds"
            " total_seconds"
        ),
        {},
    ),
    "ClockStep": ("from to counted seconds why pause_reason", {}),
    "CountRead": ("key label count", {}),
    "CountsRead": ("items total", {}),
    "CustomerAddressRead": ("id kind division_code", {"address": an_address}),
    "CustomerRead": (f"{CUSTOMER} contacts addresses", CUSTOMER_MASKED),
    "CustomerLinkRead": ("kind inverse customer created_at", {}),
    "CustomerSummary": (CUSTOMER, CUSTOMER_MASKED),
    "CustomersFound": (f"{PAGE} facets", {}),
    "ConsentRead": (
        "id customer_id contact_id channel purpose given given_at until recorded_by created_at",
        {"evidence": a_text},
    ),
    "ExternalIdRead": ("system external_id customer_id created_at", {}),
    "Facet": ("field value count", {}),
    "GrantRead": ("customer_id user_id until granted_by created_at", {"reason": a_text}),
    "HandedOver": ("customers", {}),
    "NoteRead": ("id customer_id author_id created_at", {"text": a_text}),
    "PurchaseRead": ("month service shipments delivered freight", {}),
    "PurchasesRead": ("items first_at last_at", {}),
    "CalendarDay": ("day open seconds why", {}),
    "CalendarYear": ("year number certainty days", {}),
    "CalendarRead": ("id code zh en zone created_at version versions", {}),
    "CalendarSummary": ("id code zh en zone created_at", {}),
    "CalendarVersionRead": (
        "id number valid_from hours holidays date_overrides breaks years source created_by created_at",
        {},
    ),
    "ClockRead": (
        (
            "id subject_type subject_id cycle kind metric policy_id state verdict started_at due_at stopped_at"
            " elapsed_seconds paused_seconds remaining_seconds"
        ),
        {},
    ),
    "ClockWaiverRead": (
        "id clock state requested_by requested_at decided_by decided_at",
        {"reason": a_text, "note": a_text},
    ),
    "RetargetPreview": ("code number calendar_version_id clocks items", {}),
    "RetargetedClock": ("clock_id subject_type subject_id due_at new_due_at", {}),
    "SlaPolicyRead": (
        (
            "id code number rank subject_type kind metric counting amount zone moves_past_holidays calendar_id categories"
            " severities tiers channels customer_id pause_reasons alarms valid_from valid_until source shipped created_at"
        ),
        {},
    ),
    "DueRead": ("due", {}),
    "ElapsedRead": ("elapsed_seconds", {}),
    "WeekHours": ("mon tue wed thu fri sat sun", {}),
    "TeamRead": ("id code name department_id lead_id member_ids created_at updated_at version", {}),
    "TimelineEntry": (
        "id recorded_at kind label subject_type subject_id actor_kind actor_id",
        {"data": an_object},
    ),
    "DepartmentRead": ("id code name parent_id head_id liaison_id", {}),
    "CustomerVerificationRead": ("customer_id staleness fields duties", {}),
    "DocumentRead": (f"{DOCUMENT} versions", {"project": a_text}),
    "DocumentSummary": (DOCUMENT, {"project": a_text}),
    "DocumentVersionRead": (
        "number dated media_type size sha256 created_by created_at compared_at",
        {"name": a_text},
    ),
    "DivisionRead": ("code name pinyin level parent_code", {}),
    "Duty": (DUTY, {}),
    "EventRead": (
        "id recorded_at kind subject_type subject_id customer_id actor_kind actor_id correlation_id",
        {"data": an_object},
    ),
    "ExceptionRead": (
        (
            "id customer_id tracking_no leg_no reason severity liable_party action_by sla_excused detected_by source"
            " code reason_code state opened_at acknowledged_at acknowledged_by closed_at closed_by created_at version"
        ),
        {"text": a_text, "resolution": a_text, "note": a_text},
    ),
    "FieldKept": ("kept rule", {}),
    "FieldsKept": ("name code state tier source needs owner_id team_id", {}),
    "FieldVerification": (
        "field weight stale_after_days confirmed_at method confirmed_by",
        {"note": a_text},
    ),
    "JobRead": ("id name state done total error created_at finished_at", {}),
    "LegRead": ("leg_no kind status started_at ended_at", {}),
    "Lookalike": ("score customer", {}),
    "Lookalikes": ("items", {}),
    "MeRead": ("id kind name roles scopes department level superior_id deputy_id", {}),
    "MenuEntry": ("code label", {}),
    "MergePreview": ("customer fields moves", {}),
    "MergeRead": (
        "id survivor_id merged_id fields merged_by created_at undone_by undone_at",
        {},
    ),
    "Money": ("amount currency", {}),
    "OnTimeExclusions": ("cancelled held_before_handover delivery_time_unknown", {}),
    "OnTimeRead": (
        (
            "numerator denominator value kpi definition from to raw excluded delivered delivered_late"
            " delivered_on_later_date"
        ),
        {},
    ),
    "OpenException": ("reason label severity state opened_at", {}),
    "OrderRead": (
        (
            "id number customer_id state pickup_from pickup_until received_at handed_over_at accepted_at cancelled_at"
            " tracking_nos version"
        ),
        {"parcels": parcels, "note": a_text},
    ),
    "PairDismissed": ("one_id other_id score found_by created_at dismissed_at dismissed_by", {}),
    "PairRead": ("one_id other_id score found_by created_at", {}),
    "PartnerEvent": ("occurred_at status reason", {"location": a_text, "text": a_text}),
    "PartnerLookup": ("items not_found", {}),
    "PartnerShipment": (
        "tracking_no status status_label exception promised_at delivered_at events",
        {},
    ),
    "Problem": ("type title status detail instance trace_id errors", {}),
    "ProblemError": ("pointer detail", {}),
    "ProposalRead": (
        "id customer_id base_version state proposed_by decided_by decided_at created_at version",
        {"changes": changes, "evidence": a_text, "reason": a_text},
    ),
    "PushAnswer": ("id result status reason", {}),
    "PushBatchAnswer": ("results", {}),
    "PushResult": ("index id problem result status reason", {}),
    "Ratio": ("numerator denominator value", {}),
    "RowsMoved": ("table rows", {}),
    "RfmClassCount": ("rfm_class customers shipments freight", {}),
    "RfmRead": (
        (
            "customer_id kind rfm_class recency frequency value last_shipment_at shipments freight"
            " other_currencies"
        ),
        {"name": a_name},
    ),
    "RfmSummary": ("days currency definition customers with_other_currencies classes", {}),
    "SegmentMemberRead": ("id customer_id added_by added_at removed_by removed_at", {}),
    "SegmentMembershipBatchAnswer": ("results", {}),
    "SegmentMembershipResult": ("index result problem", {}),
    "SegmentPreview": ("count items", {}),
    "SegmentRead": (
        "id kind filter_version created_by created_at updated_at version",
        {"name": a_text, "filter": an_object},
    ),
    "SegmentSnapshotRead": ("day size joined left", {}),
    "SegmentVersionRead": ("filter_version changed_by created_at", {"filter": an_object}),
    "ShipmentBatchAnswer": ("results", {}),
    "ShipmentBatchResult": ("index id problem result", {}),
    "ShipmentRead": (
        f"{SHIPMENT} declared_value freight exception legs events customer",
        SHIPMENT_MASKED | {"attributes": an_object},
    ),
    "ShipmentSummary": (SHIPMENT, SHIPMENT_MASKED),
    "TaskRead": (
        (
            "id customer_id rule department fields due_at assignee_id state closed_by closed_at created_at"
            " version"
        ),
        {"note": a_text},
    ),
    "TokenRead": ("access_token token_type expires_in refresh_token scope", {}),
    "TrackingEventRead": (
        "id occurred_at received_at source code reason_code status reason flags",
        {"location": a_text, "text": a_text, "attributes": an_object},
    ),
    "UnmappedCodeRead": ("source code reason_code first_seen_at last_seen_at seen", {}),
    "UserRead": (
        "id username name email roles department_id level superior_id deputy_id disabled_at created_at version",
        {},
    ),
    "VerificationRead": (f"{DUTY} customer_id kind tier owner_id staleness", {"name": a_name}),
    "AddressWhole": ("id kind address", {}),
    "ContactWhole": ("id name role points", {}),
    "CustomerWhole": ("id name kind code source needs contacts addresses", {}),
    "FaultRead": ("fault number stream row_id", {}),
    "HoldRead": (
        "id customer_id complaint_id until placed_by placed_at lifted_at lifted_by version",
        {"reason": a_text, "lift_reason": a_text},
    ),
    "LeakRead": (
        (
            "id state discovered_at reported_by grade due_at customer_ids authority_told_at people_told_at created_at"
            " version"
        ),
        dict.fromkeys(
            [
                "description",
                "kinds",
                "cause",
                "harm",
                "measures",
                "advice",
                "contact",
                "untold_because",
                "finding",
            ],
            a_text,
        ),
    ),
    "PointWhole": ("id kind value label", {}),
    "PrivacyCopy": ("taken_at customer contact consents notes orders shipments documents", {}),
    "PrivacyRequestRead": (
        (
            "id kind state customer_id contact_id received_at due_at verified_at verified_by copied_at refused_on"
            " closed_at closed_by created_by created_at version"
        ),
        {"note": a_text, "identity": a_text, "outcome": a_text},
    ),
    "RetentionRuleRead": ("retention_class valid_from keep action source provisional", {}),
    "SealRead": ("number stream rows sealed_at sha256", {}),
    "ShipmentWhole": ("id customer_id tracking_no sender recipient reference attributes", {}),
    "ColumnMappingRead": ("field", {"heading": a_text}),
    "ExportRead": (
        (
            "id state terms columns format requested_by decided_by decided_at rows size expires_at created_at updated_at"
            " version file"
        ),
        {"reason": a_text, "note": a_text},
    ),
    "ExportTerms": ("kind state tier owner_id segment_id", {}),
    "FileColumn": ("field", {"heading": a_text}),
    "ImportLinks": ("errors", {}),
    "ImportMappingRead": ("name columns kind external_system updated_at version", {}),
    "ImportRead": (
        (
            "id format encoding delimiter columns mapping on_match dry_run size state error total read created updated"
            " skipped failed undo_state removed restored kept job_id requested_by created_at links"
        ),
        {"filename": a_text},
    ),
}
"""Names and mail addresses of staff and machines are plain: whoever may read them works with them."""


def of(schema: str) -> tuple[set[str], Masks]:
    """The plain fields and the masked ones of a schema; a page is the same whatever it lists."""
    plain, masked = (PAGE, {}) if schema.startswith("Page_") else FIELDS[schema.removesuffix("-Output")]
    return set(plain.split()), masked


def may_be_shown(schema: str, field: str, value: Any) -> bool:
    """Whether an object of this schema may hold this field with this value."""
    plain, masked = of(schema)
    return field in plain or (field in masked and (value is None or masked[field](value)))
