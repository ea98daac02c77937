"""What an answer may hold, field by field, written by hand: what is plain, and what only behind which mask."""

import re
from collections.abc import Callable
from typing import Any

from app.schemas.masking import redact, redact_all

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


SHIPMENT = (
    "id tracking_no customer_id order_id service status status_at promised_at picked_up_at delivered_at flags"
    " created_at version"
)
SHIPMENT_MASKED: Masks = {"sender": a_person, "recipient": a_person, "reference": a_text}
CUSTOMER = "id kind state code tier owner_id team_id created_at updated_at version"
CUSTOMER_MASKED: Masks = {"name": a_name, "source": a_text, "needs": a_text}
CLIENT = "id client_id name role sources customer_ids disabled_at created_at version"
PAGE = "items next_cursor count"


FIELDS: dict[str, tuple[str, Masks]] = {
    "AccessRead": ("id occurred_at kind principal_id operation correlation_id", {"data": an_object}),
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
    "CountRead": ("key label count", {}),
    "CountsRead": ("items total", {}),
    "CustomerAddressRead": ("id kind", {"address": an_address}),
    "CustomerRead": (f"{CUSTOMER} contacts addresses", CUSTOMER_MASKED),
    "CustomerSummary": (CUSTOMER, CUSTOMER_MASKED),
    "DepartmentRead": ("id code name parent_id head_id", {}),
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
    "PushAnswer": ("id result status reason", {}),
    "PushBatchAnswer": ("results", {}),
    "PushResult": ("index id problem result status reason", {}),
    "Ratio": ("numerator denominator value", {}),
    "RowsMoved": ("table rows", {}),
    "ShipmentBatchAnswer": ("results", {}),
    "ShipmentBatchResult": ("index id problem result", {}),
    "ShipmentRead": (
        f"{SHIPMENT} declared_value freight exception legs events customer",
        SHIPMENT_MASKED | {"attributes": an_object},
    ),
    "ShipmentSummary": (SHIPMENT, SHIPMENT_MASKED),
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
