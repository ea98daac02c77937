"""Nobody sees a record whole without a reason, and nobody does unseen."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.roles import Role
from tests.canaries import CANARIES, MAIL, NAME, PERSON, PHONE, ROOM, STREET, TEXT, assert_no_canary
from tests.owner import owner
from tests.system import Caller, System, a_customer, a_shipment, running

WHY = {"reason": "客户来电核对地址，顺丰 ＳＦ１"}
PEOPLE = {
    "name": NAME,
    "kind": "person",
    "contacts": [{"name": NAME, "phone": PHONE, "email": MAIL, "role": "寄件人"}],
    "addresses": [PERSON["address"]],
}


async def written(system: System, who: Caller, kind: str = "revealed") -> list[dict[str, Any]]:
    auditor = await system.as_role(Role.AUDITOR)
    page = await auditor.get("/v1/audit/accesses", params={"principal_id": who.id, "kind": kind})
    return list(page.json()["items"])


async def test_one_record_is_shown_whole_for_a_reason_and_one_row_says_so(system: System) -> None:
    customer, service = await a_customer(system, **PEOPLE), await system.staff(Role.CUSTOMER_SERVICE)
    answer = await service.post(f"/v1/customers/{customer['id']}/reveal", WHY)
    whole = answer.json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (whole["name"], whole["contacts"][0]["name"]) == (NAME, NAME)
    assert [point["value"] for point in whole["contacts"][0]["points"]] == [PHONE, MAIL]
    assert (whole["addresses"][0]["address"]["street"], whole["addresses"][0]["address"]["detail"]) == (
        STREET,
        ROOM,
    )
    (row,) = await written(system, service)
    assert (row["customer_id"], row["data"]) == (customer["id"], WHY)


async def test_a_shipments_people_are_shown_whole_for_a_reason(system: System) -> None:
    parcel, service = await a_shipment(system, recipient=PERSON), await system.staff(Role.CUSTOMER_SERVICE)
    answer = await service.post(f"/v1/shipments/{parcel['tracking_no']}/reveal", WHY)
    assert answer.json()["recipient"] == PERSON | {"address": {"country": "CN"} | PERSON["address"]}
    (row,) = await written(system, service)
    assert (row["customer_id"], row["data"]["shipment_id"]) == (parcel["customer_id"], parcel["id"])


async def test_the_row_names_nobody(system: System) -> None:
    customer, service = await a_customer(system, **PEOPLE), await system.staff(Role.CUSTOMER_SERVICE)
    await service.post(f"/v1/customers/{customer['id']}/reveal", {"reason": TEXT})
    row = "SELECT a::text FROM accesses a WHERE principal_id = :who"
    assert_no_canary(await system.scalar(row, who=UUID(service.id)), "accesses")


@pytest.mark.parametrize("reason", [None, "", "   ", "\u3000"])
async def test_without_a_reason_nothing_is_shown(system: System, reason: str | None) -> None:
    customer, service = await a_customer(system, **PEOPLE), await system.staff(Role.CUSTOMER_SERVICE)
    answer = await service.post(f"/v1/customers/{customer['id']}/reveal", {"reason": reason})
    assert answer.status_code == 422
    assert_no_canary(answer.text, "refusal")
    assert await written(system, service) == []


async def test_where_no_row_can_be_written_nothing_is_read(empty_system: System) -> None:
    system = empty_system
    customer = await a_customer(system, **PEOPLE)
    parcel = await a_shipment(system, customer["id"], sender=PERSON, recipient=PERSON)
    service = await system.staff(Role.CUSTOMER_SERVICE)
    async with owner(system) as connection:
        await connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE 'no row' USING ERRCODE = '53100'; END $$;"
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON accesses DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW WHEN (NEW.kind = 'revealed') EXECUTE FUNCTION refuse()"
        )
    for path in (f"/v1/customers/{customer['id']}", f"/v1/shipments/{parcel['tracking_no']}"):
        answer = await service.post(f"{path}/reveal", WHY)
        assert answer.status_code == 503, answer.text
        assert_no_canary(answer.text, path)
    assert await written(system, service) == []


async def test_an_answer_is_neither_stored_nor_given_again(system: System) -> None:
    customer, service = await a_customer(system, **PEOPLE), await system.staff(Role.CUSTOMER_SERVICE)
    for _ in range(2):
        await service.post(f"/v1/customers/{customer['id']}/reveal", WHY, headers={"Idempotency-Key": "k"})
    assert len(await written(system, service)) == 2
    kept = "SELECT count(*) FROM idempotency_keys WHERE principal_id = :who"
    assert await system.scalar(kept, who=UUID(service.id)) == 0


async def test_sales_reveal_their_own_customers_only_and_others_none(system: System) -> None:
    one, two = await system.staff(Role.SALES), await system.staff(Role.SALES)
    customer = await a_customer(system, **PEOPLE, owner_id=one.id)
    parcel = await a_shipment(system, customer["id"], recipient=PERSON)
    for path in (f"/v1/customers/{customer['id']}/reveal", f"/v1/shipments/{parcel['tracking_no']}/reveal"):
        assert (await one.post(path, WHY)).status_code == 200
        foreign = await two.post(path, WHY)
        assert foreign.status_code == 404
        assert_no_canary(foreign.text, path)
        for role in set(Role) - {Role.SALES, Role.CUSTOMER_SERVICE, Role.PARTNER}:
            assert (await (await system.as_role(role)).post(path, WHY)).status_code == 403, role
    assert await written(system, two) == []


async def test_there_are_so_many_looks_a_day_and_the_auditor_sees_who_wanted_more(system: System) -> None:
    async with running(system.settings.database_url, reveals_per_day=3) as strict:
        customer, service = await a_customer(system, **PEOPLE), await system.staff(Role.CUSTOMER_SERVICE)
        caller = Caller(strict.http, service.principal, service.token)
        path = f"/v1/customers/{customer['id']}/reveal"
        answers = await asyncio.gather(*(caller.post(path, WHY) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [403] * 5
    refused = next(answer for answer in answers if answer.status_code == 403)
    assert all(canary not in refused.text for canary in CANARIES)
    assert len(await written(system, service)) == 3
    denied = await written(system, service, "denied")
    assert len(denied) == 5
    assert "3 times today" in denied[0]["data"]["reason"]


async def test_whoever_looked_at_a_customer_is_found_by_the_customer(system: System) -> None:
    customer, other = await a_customer(system, **PEOPLE), await a_customer(system, **PEOPLE)
    service, auditor = await system.staff(Role.CUSTOMER_SERVICE), await system.as_role(Role.AUDITOR)
    for each in (customer, other, customer):
        await service.post(f"/v1/customers/{each['id']}/reveal", WHY)
    page = await auditor.get("/v1/audit/accesses", params={"customer_id": customer["id"]})
    assert [row["principal_id"] for row in page.json()["items"]] == [service.id] * 2
