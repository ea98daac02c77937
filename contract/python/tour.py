"""What another team's Python service does, with a client made from the description alone."""

import json
import os
import time
from datetime import UTC, datetime
from uuid import uuid4

from courier_crm_client import AuthenticatedClient, Client
from courier_crm_client.api.auth import create_token
from courier_crm_client.api.customers import change_customer, create_customer
from courier_crm_client.api.partner import look_up_shipments
from courier_crm_client.api.shipments import create_shipment, list_shipments
from courier_crm_client.api.tracking import push_delivery_exception
from courier_crm_client.models import (
    BodyCreateToken,
    BodyCreateTokenGrantType,
    ContactCreate,
    CustomerChange,
    CustomerCreate,
    CustomerKind,
    CustomerRead,
    PageShipmentSummary,
    PartnerLookup,
    Problem,
    PushAnswer,
    Service,
    ShipmentCreate,
    ShipmentSummary,
    TokenRead,
    TrackingEventPush,
)

URL = os.environ["CRM_URL"]
CREDENTIALS = json.loads(os.environ["CRM_CREDENTIALS"])


def signed_in(name: str) -> AuthenticatedClient:
    person = CREDENTIALS["users"].get(name)
    grant = BodyCreateTokenGrantType.PASSWORD if person else BodyCreateTokenGrantType.CLIENT_CREDENTIALS
    body = BodyCreateToken(grant_type=grant, **(person or CREDENTIALS["clients"][name]))
    answer = create_token.sync(client=Client(URL), body=body)
    assert isinstance(answer, TokenRead), answer
    return AuthenticatedClient(URL, answer.access_token, raise_on_unexpected_status=True)


def change_a_customer() -> None:
    marketing = signed_in("marketing")
    contacts = [ContactCreate("王小明", phone="13800000000")]
    body = CustomerCreate("杭州青禾茶业有限公司", CustomerKind.COMPANY, contacts=contacts)
    made = create_customer.sync_detailed(client=marketing, body=body, idempotency_key=str(uuid4()))
    assert isinstance(made.parsed, CustomerRead), made
    assert made.parsed.contacts[0].phone == "138******00"
    given = {"client": marketing, "body": CustomerChange(needs=["冷链"]), "if_match": made.headers["etag"]}
    changed = change_customer.sync(made.parsed.id, **given)
    assert isinstance(changed, CustomerRead), changed
    assert changed.needs == ["冷链"]
    stale = change_customer.sync(made.parsed.id, **given)
    assert isinstance(stale, Problem), stale
    assert (stale.status, stale.type_) == (412, "/problems/stale")


def push_until_the_partner_sees() -> str:
    dispatch, partner = signed_in("dispatch"), signed_in("partner_a")
    number, now = f"PY{time.time_ns()}", datetime.now(UTC)
    shipment = ShipmentCreate(number, Service.INTER_CITY, now, customer_code="QINGHE")
    made = create_shipment.sync(client=dispatch, body=shipment)
    assert isinstance(made, ShipmentSummary), made
    alarm = TrackingEventPush("native", number, "carrier_damage", now)
    pushed = push_delivery_exception.sync(client=dispatch, body=alarm)
    assert isinstance(pushed, PushAnswer), pushed
    for _ in range(300):
        seen = look_up_shipments.sync(client=partner, tracking_no=[number])
        assert isinstance(seen, PartnerLookup), seen
        if seen.items[0].exception:
            return seen.items[0].exception.label
        time.sleep(0.1)
    raise AssertionError("The partner never saw the exception")


def walk_a_list() -> int:
    operations, seen = signed_in("operations"), set()
    page = list_shipments.sync(client=operations, limit=7)
    while isinstance(page, PageShipmentSummary) and page.next_cursor:
        seen |= {shipment.tracking_no for shipment in page.items}
        page = list_shipments.sync(client=operations, limit=7, cursor=page.next_cursor)
    assert isinstance(page, PageShipmentSummary), page
    return len(seen | {shipment.tracking_no for shipment in page.items})


if __name__ == "__main__":
    change_a_customer()
    print("a customer made, changed, and a stale change refused")
    print("the partner saw:", push_until_the_partner_sees())
    print(walk_a_list(), "shipments on pages of 7")
