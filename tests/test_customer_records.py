"""The parts of a customer's record: people, places, links, other names, consents, notes, and its one story."""

import secrets
from typing import Any

import pytest

from app.models.account import UserLevel
from app.roles import Role
from tests.system import Caller, System, a_customer, a_shipment, an_instant

CONSENT = {
    "channel": "wechat",
    "purpose": "care",
    "given": True,
    "given_at": an_instant(-48),
    "evidence": "合同第 12 条",
}


async def put(caller: Caller, path: str, body: Any = None) -> Any:
    return await caller.request("PUT", path, **({} if body is None else {"json": body}))


async def test_one_person_may_be_a_contact_of_several_customers(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, two = await a_customer(system), await a_customer(system)
    body = {"name": "王小明", "role": "物流经理", "phone": "13800000000"}
    person = (await marketing.post(f"/v1/customers/{one['id']}/contacts", body)).json()
    path = f"/v1/customers/{two['id']}/contacts/{person['id']}"
    joined = await marketing.post(f"{path}/join", {"role": "股东"})
    assert (joined.status_code, joined.json()["role"]) == (201, "股东")
    assert (await marketing.post(f"{path}/join", {})).status_code == 409
    tag = (await marketing.get(f"/v1/customers/{one['id']}")).headers["etag"]
    change = {"points": [{"kind": "phone", "value": "13911112222"}, {"kind": "wechat", "value": "xm_wang"}]}
    changed = await marketing.patch(path, change, headers={"If-Match": f'"{person["version"]}"'})
    assert changed.status_code == 200, changed.text
    whole = await marketing.get(f"/v1/customers/{one['id']}", headers={"If-None-Match": tag})
    assert whole.status_code == 200
    (there,) = whole.json()["contacts"]
    assert (there["phone"], there["role"]) == ("139******22", "物流经理")
    assert [point["kind"] for point in there["points"]] == ["phone", "wechat"]
    assert (await marketing.request("DELETE", path)).status_code == 204
    assert (await marketing.get(path)).status_code == 404
    assert (await marketing.get(path.replace(two["id"], one["id"]))).status_code == 200


async def test_a_person_whom_no_customer_has_is_forgotten(system: System) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system)
    path = f"/v1/customers/{home['id']}/contacts"
    person = (await marketing.post(path, {"name": "王小明", "phone": "13800000000"})).json()
    await marketing.request("DELETE", f"{path}/{person['id']}")
    left = "SELECT count(*) FROM contacts LEFT JOIN contact_points p ON p.contact_id = contacts.id WHERE contacts.id = :id"
    assert await system.scalar(left, id=person["id"]) == 0


async def test_a_place_is_added_replaced_and_removed_and_the_customers_tag_follows(system: System) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system)
    path = f"/v1/customers/{home['id']}"
    tags = [(await marketing.get(path)).headers["etag"]]
    place = (await marketing.post(f"{path}/addresses", {"city": "杭州市", "detail": "2 号楼"})).json()
    tags.append((await marketing.get(path)).headers["etag"])
    moved = await put(
        marketing, f"{path}/addresses/{place['id']}", {"country": "CH", "city": "Zürich", "kind": "billing"}
    )
    assert (moved.json()["address"], moved.json()["kind"]) == ({"country": "CH", "city": "Zürich"}, "billing")
    tags.append((await marketing.get(path)).headers["etag"])
    assert (await marketing.request("DELETE", f"{path}/addresses/{place['id']}")).status_code == 204
    tags.append((await marketing.get(path)).headers["etag"])
    assert len(set(tags)) == 4
    other = await a_customer(system)
    elsewhere = f"/v1/customers/{other['id']}/addresses/{place['id']}"
    assert (await put(marketing, elsewhere, {"city": "杭州市"})).status_code == 404


async def test_a_customer_has_one_parent_and_never_stands_above_itself(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, two, three = [(await a_customer(system))["id"] for _ in range(3)]
    for child, parent, status in ((two, one, 204), (three, two, 204), (one, three, 409), (one, one, 409)):
        answer = await put(marketing, f"/v1/customers/{child}/links/parent/{parent}")
        assert answer.status_code == status, answer.text
    assert (await put(marketing, f"/v1/customers/{three}/links/parent/{one}")).status_code == 204
    links = (await marketing.get(f"/v1/customers/{three}/links")).json()
    assert [(each["kind"], each["inverse"], each["customer"]["id"]) for each in links] == [
        ("parent", False, one)
    ]
    links = (await marketing.get(f"/v1/customers/{one}/links")).json()
    assert {(each["inverse"], each["customer"]["id"]) for each in links} == {(True, two), (True, three)}
    for place in (two, three):
        assert (await put(marketing, f"/v1/customers/{one}/links/ship_to/{place}")).status_code == 204
    assert len((await marketing.get(f"/v1/customers/{one}/links")).json()) == 4


async def test_a_name_of_another_system_belongs_to_one_customer(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, two = await a_customer(system), await a_customer(system)
    body = {"system": "erp", "external_id": f"KH-{secrets.token_hex(4)}"}
    path = f"/v1/customers/{one['id']}/external-ids"
    assert (await marketing.post(path, body)).status_code == 201
    taken = await marketing.post(f"/v1/customers/{two['id']}/external-ids", body)
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/body/external_id")
    gone = await marketing.request("DELETE", f"{path}/erp/{body['external_id']}")
    assert (gone.status_code, (await marketing.get(path)).json()) == (204, [])
    assert (await marketing.post(f"/v1/customers/{two['id']}/external-ids", body)).status_code == 201


async def test_the_latest_word_of_a_consent_counts_whatever_order_it_was_written_down_in(
    system: System,
) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system)
    path = f"/v1/customers/{home['id']}/consents"
    for given, at in ((True, -48), (False, -2), (True, -24)):
        body = CONSENT | {"given": given, "given_at": an_instant(at)}
        assert (await marketing.post(path, body)).status_code == 201
    every = (await marketing.get(path)).json()["items"]
    (current,) = (await marketing.get(path, params={"current": "true"})).json()["items"]
    assert (len(every), current["given"]) == (3, False)
    future = await marketing.post(path, CONSENT | {"given_at": an_instant(2)})
    assert (future.status_code, future.json()["errors"][0]["pointer"]) == (422, "/body/given_at")


async def test_the_timeline_tells_everything_once_the_newest_first(system: System) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system)
    path = f"/v1/customers/{home['id']}"
    await marketing.post(f"{path}/notes", {"text": "旺季前提前两周通知"})
    await marketing.post(f"{path}/consents", CONSENT)
    await a_shipment(system, customer_id=home["id"])
    story = (await marketing.get(f"{path}/timeline", headers={"Accept-Language": "zh"})).json()["items"]
    assert [each["kind"] for each in story] == [
        "shipment.created",
        "consent.given",
        "customer.noted",
        "customer.created",
    ]
    assert [each["label"] for each in story][1:3] == ["给予同意", "记录备注"]
    one = (await marketing.get(f"{path}/timeline", params={"kind": "consent.given"})).json()["items"]
    assert len(one) == 1


async def test_purchases_are_told_by_month_and_service_and_no_currency_is_added_to_another(
    system: System,
) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system)
    for amount, currency in (("10.00", "CNY"), ("2.50", "CNY"), ("3.00", "CHF")):
        freight = {"amount": amount, "currency": currency}
        await a_shipment(system, customer_id=home["id"], service="inter_city", freight=freight)
    await a_shipment(system, customer_id=home["id"], service="same_city")
    told = (await marketing.get(f"/v1/customers/{home['id']}/purchases")).json()
    by_service = {each["service"]: each for each in told["items"]}
    assert (by_service["inter_city"]["shipments"], by_service["same_city"]["shipments"]) == (3, 1)
    assert by_service["inter_city"]["freight"] == [
        {"amount": "3.00", "currency": "CHF"},
        {"amount": "12.50", "currency": "CNY"},
    ]
    assert by_service["same_city"]["freight"] == []
    later = await marketing.get(f"/v1/customers/{home['id']}/purchases", params={"from": "2190-01-01"})
    assert later.json()["items"] == []


# --- Who sees whom


async def sees(caller: Caller, customer: dict[str, Any]) -> bool:
    return (await caller.get(f"/v1/customers/{customer['id']}")).status_code == 200


async def test_a_team_sees_its_customers_and_who_leaves_it_does_not(system: System) -> None:
    marketing, admin = await system.as_role(Role.MARKETING), await system.as_role(Role.ADMIN)
    seller, home = await system.staff(Role.SALES), await a_customer(system)
    body = {"code": f"east{secrets.token_hex(4)}", "name": "华东组", "member_ids": [seller.id]}
    team = (await admin.post("/v1/teams", body)).json()
    assert not await sees(seller, home)
    await marketing.post(f"/v1/customers/{home['id']}/transfer", {"owner_id": None, "team_id": team["id"]})
    assert await sees(seller, home)
    path, tag = f"/v1/teams/{team['id']}", {"If-Match": f'"{team["version"]}"'}
    assert (await admin.patch(path, {"member_ids": []}, headers=tag)).status_code == 200
    assert not await sees(seller, home)


async def test_a_lent_customer_is_seen_until_it_is_due_or_taken_back(system: System) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system)
    seller = await system.staff(Role.SALES)
    path = f"/v1/customers/{home['id']}/grants/{seller.id}"
    for until, seen in ((None, True), (an_instant(3), True), (an_instant(), False)):
        assert (await put(marketing, path, {"until": until, "reason": "代班"})).status_code == 200
        assert await sees(seller, home) == seen
    await put(marketing, path, {"reason": "代班"})
    assert (await marketing.request("DELETE", path)).status_code == 204
    assert not await sees(seller, home)


async def test_what_belongs_to_a_lent_customer_is_seen_as_well(system: System) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system)
    seller, shipment = await system.staff(Role.SALES), await a_shipment(system, customer_id=home["id"])
    path = f"/v1/shipments/{shipment['tracking_no']}"
    assert (await seller.get(path)).status_code == 404
    await put(marketing, f"/v1/customers/{home['id']}/grants/{seller.id}", {"reason": "代班"})
    assert (await seller.get(path)).status_code == 200


async def test_all_customers_of_one_colleague_go_to_another(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    leaving, coming = await system.staff(Role.SALES), await system.staff(Role.SALES)
    theirs = [await a_customer(system, owner_id=leaving.id) for _ in range(3)]
    body = {"from_owner_id": leaving.id, "to_owner_id": coming.id}
    assert (await marketing.post("/v1/customers/hand-over", body)).json() == {"customers": 3}
    assert (await marketing.post("/v1/customers/hand-over", body)).json() == {"customers": 0}
    for customer in theirs:
        assert (await sees(leaving, customer), await sees(coming, customer)) == (False, True)


@pytest.mark.parametrize(("level", "status"), [(UserLevel.SPECIALIST, 403), (UserLevel.MANAGER, 200)])
async def test_in_sales_those_who_lead_give_customers_out(
    system: System, level: UserLevel, status: int
) -> None:
    seller, other = await system.staff(Role.SALES, level=level), await system.staff(Role.SALES)
    home = await a_customer(system, owner_id=seller.id)
    answer = await seller.post(f"/v1/customers/{home['id']}/transfer", {"owner_id": other.id})
    assert answer.status_code == status
    assert await sees(other, home) == (status == 200)


async def test_a_customer_is_given_to_nobody_who_could_not_look_after_it(system: System) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system)
    auditor = await system.as_role(Role.AUDITOR)
    answer = await marketing.post(f"/v1/customers/{home['id']}/transfer", {"owner_id": auditor.id})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/owner_id")


async def test_a_tier_is_one_of_the_list(system: System) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system, tier="large")
    assert home["tier"] == "large"
    answer = await marketing.post("/v1/customers", {"name": "x", "kind": "company", "tier": "golden"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/tier")


async def test_a_point_must_be_what_it_says(system: System) -> None:
    marketing, home = await system.as_role(Role.MARKETING), await a_customer(system)
    body = {"name": "王小明", "points": [{"kind": "email", "value": "nobody"}]}
    answer = await marketing.post(f"/v1/customers/{home['id']}/contacts", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/points/0")
