"""Data that are confirmed: by whom, how often, how stale they are, and whose task it is when they come due."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app import worker
from app.roles import Role
from tests.owner import owner
from tests.system import Caller, System, a_customer


async def age(system: System, customer_id: str, days: int) -> None:
    """Put a customer and all that was confirmed of it so many days back."""
    async with owner(system) as connection:
        for table, column in (("customers", "created_at"), ("confirmations", "confirmed_at")):
            key = "id" if table == "customers" else "customer_id"
            await connection.execute(
                f"UPDATE {table} SET {column} = {column} - make_interval(0, 0, 0, $2) WHERE {key} = $1",
                UUID(customer_id),
                days,
            )


async def verify(caller: Caller, customer: dict[str, Any], *fields: str, **more: Any) -> dict[str, Any]:
    body = {"fields": list(fields), "method": "call"} | more
    answer = await caller.post(f"/v1/customers/{customer['id']}/verify", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def fresh(caller: Caller, customer: dict[str, Any]) -> dict[str, Any]:
    return dict((await caller.get(f"/v1/customers/{customer['id']}/verification")).json())


async def tasks_of(caller: Caller, customer: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    answer = await caller.get("/v1/tasks", params={"customer_id": customer["id"], **query})
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


async def test_each_field_is_confirmed_on_a_row_of_its_own_with_who_when_and_how(system: System) -> None:
    made, service = await a_customer(system), await system.as_role(Role.CUSTOMER_SERVICE)
    await verify(service, made, "phones", "contacts", note="王经理确认")
    seen = await verify(service, made, "phones", method="visit")
    by_field = {each["field"]: each for each in seen["fields"]}
    assert by_field["phones"]["method"] == "visit"
    assert by_field["contacts"]["method"] == "call"
    assert by_field["contacts"]["confirmed_by"] == service.id
    assert by_field["contacts"]["confirmed_at"] is not None
    assert by_field["billing"]["confirmed_at"] is None
    rows = "SELECT count(*) FROM confirmations WHERE customer_id = :id"
    assert await system.scalar(rows, id=made["id"]) == 3


async def test_staleness_grows_with_age_and_falls_with_what_is_confirmed(system: System) -> None:
    made, marketing = await a_customer(system), await system.as_role(Role.MARKETING)
    assert (await fresh(marketing, made))["staleness"] == 0
    await age(system, made["id"], 365)
    # phones 30, contacts 20 and needs 10 are as stale as can be; addresses 25 and billing 5 half; name 10 a third
    assert (await fresh(marketing, made))["staleness"] == 78
    assert (await verify(marketing, made, "phones"))["staleness"] == 48
    await age(system, made["id"], 3650)
    assert (await fresh(marketing, made))["staleness"] == 100


async def test_a_key_customer_is_confirmed_more_often_than_others(empty_system: System) -> None:
    marketing = await empty_system.as_role(Role.MARKETING)
    usual, key = await a_customer(empty_system), await a_customer(empty_system, tier="key")
    rules = [{duty["rule"] for duty in (await fresh(marketing, each))["duties"]} for each in (usual, key)]
    assert rules[0] == {"marketing", "sales", "customer_service", "operations", "finance"}
    assert rules[1] == {f"{department}_key" for department in rules[0]}
    for each in (usual, key):
        await age(empty_system, each["id"], 45)
    due = (await marketing.get("/v1/verifications", params={"due": "true", "limit": 200})).json()["items"]
    mine = [
        (row["customer_id"], row["department"])
        for row in due
        if row["customer_id"] in {usual["id"], key["id"]}
    ]
    assert mine == [(key["id"], "sales")]


async def test_the_list_of_what_is_due_is_sorted_and_filtered(empty_system: System) -> None:
    marketing, sales = await empty_system.as_role(Role.MARKETING), await empty_system.staff(Role.SALES)
    made = [await a_customer(empty_system, owner_id=sales.id) for _ in range(3)]
    for days, each in zip((400, 100, 500), made, strict=True):
        await age(empty_system, each["id"], days)
    query = {"due": "true", "department": "sales"}
    rows = (await sales.get("/v1/verifications", params=query)).json()["items"]
    assert [row["customer_id"] for row in rows] == [made[2]["id"], made[0]["id"], made[1]["id"]]
    stale = (await sales.get("/v1/verifications", params=query | {"sort": "-staleness", "limit": 2})).json()
    assert [row["customer_id"] for row in stale["items"]] == [made[2]["id"], made[0]["id"]]
    last = await sales.get(
        "/v1/verifications",
        params=query | {"sort": "-staleness", "limit": 2, "cursor": stale["next_cursor"]},
    )
    assert [row["customer_id"] for row in last.json()["items"]] == [made[1]["id"]]
    assert (await sales.get("/v1/verifications", params={"due": "false", "tier": "key"})).json()[
        "items"
    ] == []
    foreign = (await marketing.get("/v1/verifications", params=query | {"limit": 200})).json()["items"]
    assert {row["customer_id"] for row in foreign} >= {each["id"] for each in made}


async def test_what_is_due_becomes_one_task_a_department_however_often_the_worker_looks(
    empty_system: System,
) -> None:
    made, marketing = await a_customer(empty_system), await empty_system.as_role(Role.MARKETING)
    await age(empty_system, made["id"], 200)
    sessions = empty_system.database.sessions
    await asyncio.gather(*(worker.open_tasks(sessions) for _ in range(4)))
    await worker.open_tasks(sessions)
    opened = await tasks_of(marketing, made)
    assert sorted(task["department"] for task in opened) == ["customer_service", "marketing", "sales"]
    recorded = "SELECT count(*) FROM events WHERE kind = 'task.opened'"
    assert await empty_system.scalar(recorded) == 3


async def test_confirming_all_fields_of_a_task_ends_it_and_the_next_period_opens_another(
    empty_system: System,
) -> None:
    made, marketing = await a_customer(empty_system), await empty_system.as_role(Role.MARKETING)
    sessions = empty_system.database.sessions
    await age(empty_system, made["id"], 200)
    await worker.open_tasks(sessions)
    await verify(marketing, made, "name")
    assert len(await tasks_of(marketing, made, department="marketing", state="open")) == 1
    await verify(marketing, made, "needs")
    (done,) = await tasks_of(marketing, made, department="marketing")
    assert (done["state"], done["closed_by"]) == ("done", marketing.id)
    await worker.open_tasks(sessions)
    assert len(await tasks_of(marketing, made, department="marketing")) == 1
    await age(empty_system, made["id"], 200)
    await worker.open_tasks(sessions)
    states = [task["state"] for task in await tasks_of(marketing, made, department="marketing")]
    assert sorted(states) == ["done", "open"]


async def test_a_cancelled_task_does_not_come_back_in_its_period(empty_system: System) -> None:
    made, marketing = await a_customer(empty_system), await empty_system.as_role(Role.MARKETING)
    await age(empty_system, made["id"], 100)
    await worker.open_tasks(empty_system.database.sessions)
    (task,) = await tasks_of(marketing, made)
    cancelled = await marketing.post(f"/v1/tasks/{task['id']}/cancel", {"note": "客户已注销"})
    assert cancelled.json()["state"] == "cancelled"
    await worker.open_tasks(empty_system.database.sessions)
    assert len(await tasks_of(marketing, made)) == 1


async def test_a_task_is_the_owners_where_it_is_their_departments_else_the_liaisons(
    empty_system: System,
) -> None:
    sales, liaison = await empty_system.staff(Role.SALES), await empty_system.staff(Role.MARKETING)
    admin, marketing = await empty_system.as_role(Role.ADMIN), await empty_system.as_role(Role.MARKETING)
    body = {"code": "marketing", "name": "市场部", "head_id": liaison.id}
    assert (await admin.post("/v1/departments", body)).status_code == 201
    made = await a_customer(empty_system, owner_id=sales.id)
    await age(empty_system, made["id"], 200)
    await worker.open_tasks(empty_system.database.sessions)
    found = {task["department"]: task["assignee_id"] for task in await tasks_of(marketing, made)}
    assert found == {"sales": sales.id, "marketing": liaison.id, "customer_service": None}
    assert [task["department"] for task in await tasks_of(liaison, made, mine="true")] == ["marketing"]


async def test_of_customers_that_are_closed_nothing_comes_due(empty_system: System) -> None:
    made, marketing = await a_customer(empty_system), await empty_system.as_role(Role.MARKETING)
    await marketing.post(f"/v1/customers/{made['id']}/close", {"reason": "注销"})
    await age(empty_system, made["id"], 2000)
    await worker.open_tasks(empty_system.database.sessions)
    assert await tasks_of(marketing, made) == []
    assert (await fresh(marketing, made))["duties"] == []


CHANGE = {"name": "杭州青禾新茶业有限公司", "needs": ["冷链"]}


async def propose(system: System, made: dict[str, Any], **changes: Any) -> dict[str, Any]:
    operations = await system.as_role(Role.OPERATIONS)
    body = {"changes": changes or CHANGE, "evidence": "上门核对营业执照"}
    answer = await operations.post(f"/v1/customers/{made['id']}/proposals", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def decide(caller: Caller, proposal: dict[str, Any], verb: str) -> Any:
    return await caller.post(f"/v1/proposals/{proposal['id']}/{verb}", {"reason": "已核对"})


async def test_an_approved_proposal_changes_the_customer_and_a_rejected_one_does_not(system: System) -> None:
    made, marketing = await a_customer(system), await system.as_role(Role.MARKETING)
    rejected = await decide(marketing, await propose(system, made), "reject")
    assert rejected.json()["state"] == "rejected"
    assert (await marketing.get(f"/v1/customers/{made['id']}")).json() == made
    approved = await decide(marketing, await propose(system, made), "approve")
    assert (approved.json()["state"], approved.json()["decided_by"]) == ("approved", marketing.id)
    changed = (await marketing.get(f"/v1/customers/{made['id']}")).json()
    assert (changed["name"], changed["needs"]) == (CHANGE["name"], CHANGE["needs"])
    kinds = (
        "SELECT string_agg(kind, ' ' ORDER BY sequence) FROM events WHERE customer_id = :id"
        " AND kind <> 'customer.created'"
    )
    assert await system.scalar(kinds, id=made["id"]) == (
        "proposal.made proposal.rejected proposal.made customer.changed proposal.approved"
    )


async def test_a_proposal_that_was_overtaken_is_refused_and_told_which_fields_changed(system: System) -> None:
    made, marketing = await a_customer(system), await system.as_role(Role.MARKETING)
    proposal = await propose(system, made)
    tag = {"If-Match": f'"{made["version"]}"'}
    await marketing.patch(f"/v1/customers/{made['id']}", {"source": "转介绍", "tier": "key"}, headers=tag)
    refused = await decide(marketing, proposal, "approve")
    assert (refused.status_code, refused.json()["changed"]) == (409, ["source", "tier"])
    assert (await marketing.get(f"/v1/proposals/{proposal['id']}")).json()["state"] == "proposed"
    assert (await marketing.get(f"/v1/customers/{made['id']}")).json()["name"] == made["name"]


async def test_a_moved_customer_overtakes_a_proposal_as_well(system: System) -> None:
    made, marketing = await a_customer(system), await system.as_role(Role.MARKETING)
    proposal = await propose(system, made)
    await marketing.post(f"/v1/customers/{made['id']}/rest", {"reason": "三个月没有寄件"})
    refused = await decide(marketing, proposal, "approve")
    assert (refused.status_code, refused.json()["changed"]) == (409, ["state"])


async def test_nobody_decides_on_their_own_proposal(system: System) -> None:
    both, made = await system.staff(Role.OPERATIONS, Role.MARKETING), await a_customer(system)
    body = {"changes": CHANGE, "evidence": "上门核对"}
    proposal = (await both.post(f"/v1/customers/{made['id']}/proposals", body)).json()
    for verb in ("approve", "reject"):
        assert (await decide(both, proposal, verb)).status_code == 403
    assert (await decide(await system.as_role(Role.CUSTOMER_SERVICE), proposal, "approve")).status_code == 200


async def test_what_can_not_be_applied_changes_nothing_and_leaves_the_proposal_open(system: System) -> None:
    made, other = await a_customer(system), await a_customer(system)
    proposal = await propose(system, made, code=other["code"])
    marketing = await system.as_role(Role.MARKETING)
    assert (await decide(marketing, proposal, "approve")).status_code == 409
    assert (await marketing.get(f"/v1/proposals/{proposal['id']}")).json()["state"] == "proposed"


@pytest.mark.parametrize("changes", [{}, {"owner_id": None}, {"name": None}, {"state": "closed"}])
async def test_a_proposal_that_makes_no_sense_is_refused(system: System, changes: dict[str, Any]) -> None:
    made, operations = await a_customer(system), await system.as_role(Role.OPERATIONS)
    body = {"changes": changes, "evidence": "x"}
    answer = await operations.post(f"/v1/customers/{made['id']}/proposals", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/body/changes")


async def test_of_two_who_decide_at_once_one_wins(system: System) -> None:
    made = await a_customer(system)
    proposal = await propose(system, made)
    deciders = [await system.staff(Role.MARKETING) for _ in range(4)]
    answers = await asyncio.gather(*(decide(each, proposal, "approve") for each in deciders))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
