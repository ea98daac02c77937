"""How each operation is called so that it succeeds: one table, written by hand.

A text `{name}` stands for a thing that is made for the call; `tests/world.py` makes it. A place in a path holds
the thing of its own name unless `places` says which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.canaries import MAIL, NAME, PERSON, TEXT
from tests.system import PASSWORD, an_instant


@dataclass(frozen=True)
class Call:
    """What is sent beside token and `If-Match`, and the status of the answer."""

    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


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
    "search_customers": Call({"q": NAME[:3]}),
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
    "look_up_shipments": Call(query={"tracking_no": ["{tracking_no}", "{new_no}"]}),
    "read_on_time": Call(query=PERIOD),
    "list_jobs": Call(query={"count": "true"}),
    "get_job": Call(),
    "cancel_job": Call(),
    "list_accesses": Call(query={"count": "true"}),
    "list_audit_events": Call(query={"count": "true"}),
}

ITEMS = {
    "create_shipments": "ShipmentCreate",
    "push_tracking_events": "TrackingEventPush",
    "push_delivery_exceptions": "TrackingEventPush",
}
"""Batches, and what each of their items is: the description leaves an item open, for each is judged on its own."""
