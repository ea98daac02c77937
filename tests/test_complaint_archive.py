"""A complaint that has ended is archived, kept for its time, and then nobody's; a hold keeps it; a look is written down."""

from typing import Any

import pytest

from app import worker
from app.roles import Role
from tests.owner import owner
from tests.papers import PDF, sent
from tests.system import Caller, System, a_customer
from tests.test_complaints import WHO, registered, said
from tests.test_erasure import places

NAME, PHONE = "金丝雀丁", "13911112222"


@pytest.fixture
async def service(empty_system: System) -> Caller:
    return await empty_system.as_role(Role.CUSTOMER_SERVICE)


async def ended(service: Caller, **fields: Any) -> dict[str, Any]:
    complaint = await registered(service, complainant=WHO | {"name": NAME, "phone": PHONE}, **fields)
    return await said(service, complaint, "withdraw", {"reason": f"{NAME}撤诉"})


async def aged(system: System, column: str, days: int) -> None:
    async with owner(system) as connection:
        await connection.execute(
            f"UPDATE complaints SET {column} = {column} - make_interval(days => $1) WHERE {column} IS NOT NULL",
            days,
        )


async def archived(system: System) -> set[str]:
    await worker.apply_retention(system.database.sessions)
    found = "SELECT coalesce(array_agg(id::text), '{}') FROM complaints WHERE archived_at IS NOT NULL"
    return set(await system.scalar(found))


async def nameless(system: System) -> set[str]:
    await worker.apply_retention(system.database.sessions)
    found = "SELECT coalesce(array_agg(id::text), '{}') FROM complaints WHERE anonymised_at IS NOT NULL"
    return set(await system.scalar(found))


async def test_it_is_archived_when_it_can_not_be_reopened_any_more_with_what_was_merged_into_it(
    empty_system: System, service: Caller
) -> None:
    system = empty_system
    await registered(service)
    one, other = await registered(service), await registered(service)
    body = {"merged_id": other["id"], "reason": "同一诉求"}
    assert (await service.post(f"/v1/complaints/{one['id']}/merge", body)).status_code == 200
    await said(service, one, "withdraw", {"reason": "撤诉"})
    await aged(system, "closed_at", 29)
    assert await archived(system) == set()
    assert (await service.post(f"/v1/complaints/{one['id']}/reopen", {"reason": "x"})).status_code == 200
    await said(service, one, "withdraw", {"reason": "撤诉"})
    await aged(system, "closed_at", 31)
    assert await archived(system) == {one["id"], other["id"]}
    assert (await service.post(f"/v1/complaints/{one['id']}/reopen", {"reason": "x"})).status_code == 409
    told = "SELECT count(*) FROM events WHERE kind = 'complaint.archived'"
    assert await system.scalar(told) == 2


async def test_three_years_later_nobody_stands_in_it_and_what_was_done_is_still_counted(
    empty_system: System, service: Caller
) -> None:
    system = empty_system
    complaint = await ended(service)
    path = f"/v1/complaints/{complaint['id']}"
    assert (await sent(service, PDF, "a.pdf", to=f"{path}/attachments")).status_code == 201
    await service.post(f"{path}/notes", {"text": f"{NAME} {PHONE}"})
    await service.post(f"{path}/reveal", {"reason": f"致电{NAME}"})
    await aged(system, "closed_at", 31)
    await archived(system)
    await aged(system, "archived_at", 1094)
    assert await nameless(system) == set()
    await aged(system, "archived_at", 2)
    assert await nameless(system) == {complaint["id"]}
    assert await places(system, (NAME, PHONE)) == []
    left = (await service.get(path)).json()
    assert (left["number"], left["status"], left["category"]) == (complaint["number"], "withdrawn", "damage")
    assert await system.scalar("SELECT count(*) FROM complaint_attachment_parts") == 0
    assert await system.scalar("SELECT count(*) FROM events WHERE kind = 'complaint.anonymised'") == 1


async def test_a_hold_of_the_complaint_or_of_its_customer_keeps_it_whole(
    empty_system: System, service: Caller
) -> None:
    system, auditor = empty_system, await empty_system.as_role(Role.AUDITOR)
    customer = await a_customer(system)
    held, theirs, free = (
        await ended(service),
        await ended(service, customer_id=customer["id"]),
        await ended(service),
    )
    for body in ({"complaint_id": held["id"]}, {"customer_id": customer["id"]}):
        assert (await auditor.post("/v1/legal-holds", body | {"reason": "诉讼保全"})).status_code == 201
    await aged(system, "closed_at", 31)
    await archived(system)
    await aged(system, "archived_at", 1100)
    assert await nameless(system) == {free["id"]}
    (hold,) = (await auditor.get("/v1/legal-holds", params={"complaint_id": held["id"]})).json()["items"]
    assert hold["customer_id"] is None
    await auditor.post(f"/v1/legal-holds/{hold['id']}/lift", {"reason": "结案"})
    assert await nameless(system) == {free["id"], held["id"]}
    assert theirs["id"] not in await nameless(system)


async def test_a_hold_of_a_complaint_keeps_its_customer_too(empty_system: System, service: Caller) -> None:
    auditor = await empty_system.as_role(Role.AUDITOR)
    person = await a_customer(empty_system, name="李明", kind="person", code=None)
    complaint = await registered(service, customer_id=person["id"])
    hold = await auditor.post("/v1/legal-holds", {"complaint_id": complaint["id"], "reason": "诉讼保全"})
    asked = await service.post("/v1/privacy-requests", {"kind": "erasure", "customer_id": person["id"]})
    path = f"/v1/privacy-requests/{asked.json()['id']}"
    await service.post(f"{path}/verify", {"identity": "当面"})
    refused = await service.post(f"{path}/complete", {"outcome": "-"})
    assert (refused.status_code, refused.json()["hold_id"]) == (409, hold.json()["id"])


@pytest.mark.parametrize("named", [(), ("customer_id", "complaint_id")])
async def test_a_hold_names_a_customer_or_a_complaint(
    empty_system: System, service: Caller, named: tuple[str, ...]
) -> None:
    auditor, complaint = await empty_system.as_role(Role.AUDITOR), await registered(service)
    body = dict.fromkeys(named, complaint["id"]) | {"reason": "诉讼保全"}
    assert (await auditor.post("/v1/legal-holds", body)).status_code == 422


async def test_who_complains_is_shown_whole_once_a_reason_is_given_and_written_down(
    empty_system: System, service: Caller
) -> None:
    complaint = await registered(service, complainant=WHO | {"name": NAME, "phone": PHONE})
    path = f"/v1/complaints/{complaint['id']}/reveal"
    assert (await service.post(path, {})).status_code == 422
    shown = (await service.post(path, {"reason": "回电核实"})).json()
    assert (shown["name"], shown["phone"]) == (NAME, PHONE)
    looks = "SELECT count(*) FROM accesses WHERE kind = 'revealed' AND data ->> 'complaint_id' = :id"
    assert await empty_system.scalar(looks, id=complaint["id"]) == 1
    operations = await empty_system.as_role(Role.OPERATIONS)
    assert (await operations.post(path, {"reason": "x"})).status_code == 403
