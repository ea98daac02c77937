"""Logins and denials are written down, each once and for good; what is refused changes nothing else."""

import secrets
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.models.account import AccessKind
from app.roles import Role
from tests.owner import last_writes, owner
from tests.system import (
    PASSWORD,
    Caller,
    System,
    a_customer,
    a_number,
    a_shipment,
    an_event,
    an_instant,
)

Row = tuple[str, str | None, str | None]


async def written(system: System, correlation_id: str) -> list[Row]:
    """Kind, principal and operation of every access that a request wrote down."""
    async with owner(system) as connection:
        rows = await connection.fetch(
            "SELECT kind, principal_id::text, operation FROM accesses WHERE correlation_id = $1",
            correlation_id,
        )
    return [tuple(row) for row in rows]


async def token(system: System, **form: str) -> tuple[httpx.Response, list[Row]]:
    """The answer of the token endpoint, and what was written down about it."""
    correlation_id = uuid4().hex
    headers = {"X-Request-ID": correlation_id}
    answer = await system.http.post("/v1/auth/token", data=form, headers=headers)
    return answer, await written(system, correlation_id)


async def password(system: System, name: str, word: str) -> tuple[httpx.Response, list[Row]]:
    return await token(system, grant_type="password", username=name, password=word)


async def a_user(system: System) -> dict[str, Any]:
    body = {"username": f"li_{secrets.token_hex(6)}", "password": PASSWORD, "name": "李四", "roles": ["hr"]}
    return dict((await (await system.as_role(Role.ADMIN)).post("/v1/users", body)).json())


async def a_client(system: System) -> dict[str, Any]:
    body = {"name": "调度", "role": "dispatch", "sources": ["native"]}
    return dict((await (await system.as_role(Role.ADMIN)).post("/v1/clients", body)).json())


# Logins


async def test_a_persons_logins_are_written_down_once_each(system: System) -> None:
    user = await a_user(system)
    name, who = user["username"], user["id"]
    answer, rows = await password(system, name, PASSWORD)
    assert rows == [("signed_in", who, None)]
    first = answer.json()["refresh_token"]
    answer, rows = await token(system, grant_type="refresh_token", refresh_token=first)
    assert rows == [("refreshed", who, None)]
    _, rows = await token(system, grant_type="refresh_token", refresh_token=first)
    assert rows == [("refresh_reused", who, None)]
    last = answer.json()["refresh_token"]
    _, rows = await token(system, grant_type="refresh_token", refresh_token=last)
    assert rows == [("sign_in_failed", who, None)]


async def test_every_guess_is_written_down_once(system: System) -> None:
    user = await a_user(system)
    for name, who in ((user["username"], user["id"]), (f"nobody_{secrets.token_hex(4)}", None)):
        outcomes = [(await password(system, name, "wrong"))[1] for _ in range(6)]
        assert outcomes == [[("sign_in_failed", who, None)]] * 5 + [[("locked_out", None, None)]]


async def test_a_machines_logins_are_written_down_once_each(system: System) -> None:
    client = await a_client(system)
    given = {"grant_type": "client_credentials", "client_id": client["client_id"]}
    _, rows = await token(system, **given, client_secret=client["client_secret"])
    assert rows == [("signed_in", client["id"], None)]
    outcomes = [(await token(system, **given, client_secret="wrong"))[1] for _ in range(6)]
    assert outcomes == [[("sign_in_failed", client["id"], None)]] * 5 + [[("locked_out", None, None)]]


async def test_a_token_taken_back_is_written_down_once(system: System) -> None:
    user = await a_user(system)
    tokens = (await password(system, user["username"], PASSWORD))[0].json()
    for kind in ("access_token", "refresh_token"):
        correlation_id = uuid4().hex
        await system.http.post(
            "/v1/auth/revoke", data={"token": tokens[kind]}, headers={"X-Request-ID": correlation_id}
        )
        assert await written(system, correlation_id) == [("revoked", user["id"], None)]


async def test_a_failed_login_leaves_no_name_and_no_secret(empty_system: System) -> None:
    user, client = await a_user(empty_system), await a_client(empty_system)
    tokens = (await password(empty_system, user["username"], PASSWORD))[0].json()
    await password(empty_system, user["username"], "wrong-secret-1")
    await password(empty_system, "nobody_in_particular", "wrong-secret-2")
    await token(
        empty_system,
        grant_type="client_credentials",
        client_id=client["client_id"],
        client_secret="wrong-secret-3",
    )
    await token(empty_system, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    async with owner(empty_system) as connection:
        rows = await connection.fetch("SELECT a::text AS row FROM accesses a")
    assert len(rows) == 5
    told = "\n".join(row["row"] for row in rows)
    for hidden in (
        user["username"],
        user["name"],
        client["client_id"],
        client["client_secret"],
        "wrong-secret",
        "nobody_in_particular",
        tokens["access_token"],
        tokens["refresh_token"],
        PASSWORD,
    ):
        assert hidden not in told


# Denials


async def test_a_denial_is_written_down_once_without_any_id_from_the_path(system: System) -> None:
    caller, correlation_id, number = await system.staff(Role.HR), uuid4().hex, a_number()
    answer = await caller.get(f"/v1/shipments/{number}", headers={"X-Request-ID": correlation_id})
    assert answer.status_code == 403
    assert answer.json()["trace_id"] == correlation_id
    assert await written(system, correlation_id) == [("denied", caller.id, "GET /v1/shipments/{tracking_no}")]
    row = await system.scalar("SELECT a::text FROM accesses a WHERE correlation_id = :id", id=correlation_id)
    assert number not in row


async def test_a_token_that_was_taken_back_is_401_before_any_denial(system: System) -> None:
    caller, correlation_id = await system.staff(Role.HR), uuid4().hex
    await system.http.post("/v1/auth/revoke", data={"token": caller.token})
    answer = await caller.get("/v1/users", headers={"X-Request-ID": correlation_id})
    assert answer.status_code == 401
    assert await written(system, correlation_id) == []


async def test_what_is_allowed_is_not_written_down_as_a_denial(system: System) -> None:
    caller, correlation_id = await system.as_role(Role.AUDITOR), uuid4().hex
    await caller.get("/v1/users", headers={"X-Request-ID": correlation_id})
    assert await written(system, correlation_id) == []


# What is refused changes nothing


async def test_a_refused_request_changes_no_row(empty_system: System) -> None:
    system = empty_system
    roles = {role: await system.as_role(role) for role in Role}
    seller = roles[Role.SALES]
    foreign = await a_customer(system, code="TAKEN")
    own = await a_customer(system, owner_id=seller.id)
    number = (await a_shipment(system, foreign["id"]))["tracking_no"]
    revoked = await system.staff(Role.MARKETING)
    await system.http.post("/v1/auth/revoke", data={"token": revoked.token})
    stranger = Caller(system.http, seller.principal, "x.y.z")
    company = {"name": "顺丰新客户", "kind": "company"}
    shipment = {
        "tracking_no": a_number(),
        "customer_id": foreign["id"],
        "service": "inter_city",
        "promised_at": an_instant(48),
    }
    order = await roles[Role.OPERATIONS].post("/v1/orders", {"customer_id": foreign["id"]})
    accept = f"/v1/orders/{order.json()['id']}/accept"
    where, etag = f"/v1/customers/{foreign['id']}", {"If-Match": '"1"'}
    mine, key = f"/v1/customers/{own['id']}", {"Idempotency-Key": str(uuid4())}
    refusals: list[tuple[int, Caller, str, str, Any, dict[str, str]]] = [
        (401, stranger, "POST", "/v1/customers", company, {}),
        (401, revoked, "POST", "/v1/customers", company, key),
        (403, roles[Role.FINANCE], "POST", "/v1/customers", company, key),
        (403, roles[Role.PRODUCT], "PATCH", where, {"name": "改名"}, etag),
        (403, roles[Role.CUSTOMER_SERVICE], "POST", "/v1/shipments", shipment, key),
        (403, roles[Role.DISPATCH], "POST", "/v1/tracking-events", an_event(number, source="sto"), {}),
        (403, roles[Role.ADMIN], "POST", f"/v1/users/{roles[Role.ADMIN].id}/disable", None, key),
        (404, roles[Role.PARTNER], "POST", "/v1/shipments", shipment, key),
        (404, roles[Role.PARTNER], "PATCH", where, {"name": "改名"}, etag),
        (404, seller, "PATCH", where, {"name": "改名"}, etag),
        (409, roles[Role.MARKETING], "POST", "/v1/customers", company | {"code": "TAKEN"}, key),
        (409, roles[Role.OPERATIONS], "POST", "/v1/shipments", shipment | {"tracking_no": number}, key),
        (409, roles[Role.OPERATIONS], "POST", accept, None, key),
        (412, seller, "PATCH", mine, {"name": "改名"}, {"If-Match": '"7"'}),
        (422, seller, "PATCH", mine, {"name": "改名", "extra": 1}, etag),
        (422, roles[Role.OPERATIONS], "POST", "/v1/shipments", shipment | {"extra": 1}, key),
        (428, seller, "PATCH", mine, {"name": "改名"}, {}),
    ]
    async with owner(system) as connection:
        before = await last_writes(connection)
        for status, caller, method, path, body, headers in refusals:
            answer = await caller.request(method, path, json=body, headers=headers)
            assert answer.status_code == status, (method, path, answer.text)
        assert await last_writes(connection) == before
        done = await seller.patch(mine, {"name": "改名"}, headers=etag)
        assert done.status_code == 200
        assert (await last_writes(connection))["customers"] != before["customers"]


# Reading it


async def test_the_auditor_finds_accesses_by_kind_and_by_person(system: System) -> None:
    auditor, caller = await system.as_role(Role.AUDITOR), await system.staff(Role.HR)
    for path in ("/v1/users", "/v1/jobs"):
        await caller.get(path)
    await system.http.post("/v1/auth/revoke", data={"token": caller.token})

    async def found(**query: Any) -> list[dict[str, Any]]:
        page = await auditor.get("/v1/audit/accesses", params={"principal_id": caller.id, **query})
        assert page.status_code == 200, page.text
        return list(page.json()["items"])

    assert [row["kind"] for row in await found()] == ["revoked", "denied", "denied"]
    denied = await found(kind="denied")
    assert [row["operation"] for row in denied] == ["GET /v1/jobs", "GET /v1/users"]
    assert denied[0]["data"] == {"missing": ["jobs:read"]}
    assert denied[0].keys() == {
        "id",
        "occurred_at",
        "kind",
        "principal_id",
        "operation",
        "correlation_id",
        "customer_id",
        "data",
    }


async def test_accesses_are_paged_without_a_gap_while_more_come_in(system: System) -> None:
    auditor, caller = await system.as_role(Role.AUDITOR), await system.staff(Role.HR)
    for _ in range(5):
        await caller.get("/v1/users")
    seen: list[str] = []
    query: dict[str, Any] = {"principal_id": caller.id, "limit": 2}
    while True:
        page = (await auditor.get("/v1/audit/accesses", params=query)).json()
        seen += [row["id"] for row in page["items"]]
        await caller.get("/v1/users")
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 5


async def test_the_auditor_finds_what_happened_to_a_customer_and_who_did_it(system: System) -> None:
    auditor, marketing = await system.as_role(Role.AUDITOR), await system.as_role(Role.MARKETING)
    customer = await a_customer(system, name="张三丰", kind="person")
    await marketing.patch(f"/v1/customers/{customer['id']}", {"name": "李四光"}, headers={"If-Match": '"1"'})
    page = await auditor.get("/v1/audit/events", params={"subject_id": customer["id"]})
    rows = page.json()["items"]
    assert [row["kind"] for row in rows] == ["customer.changed", "customer.created"]
    assert {(row["actor_kind"], row["actor_id"]) for row in rows} == {("user", marketing.id)}
    assert rows[0]["data"] == {"fields": ["name"]}
    assert "张三丰" not in page.text
    assert "李四光" not in page.text


@pytest.mark.parametrize("deed", ["created", "changed", "disabled", "enabled", "password_reset"])
async def test_every_deed_on_a_user_is_an_event(system: System, deed: str) -> None:
    admin, user = await system.staff(Role.ADMIN), await a_user(system)
    path = f"/v1/users/{user['id']}"
    await admin.patch(path, {"name": "王五"}, headers={"If-Match": '"1"'})
    await admin.post(f"{path}/disable")
    await admin.post(f"{path}/enable")
    await admin.post(f"{path}/reset-password", {"password": "another password"})
    found = await system.scalar(
        "SELECT count(*) FROM events WHERE subject_id = :id AND kind = :kind",
        id=UUID(user["id"]),
        kind=f"user.{deed}",
    )
    assert found == 1


async def test_every_kind_of_access_has_a_label(system: System) -> None:
    auditor = await system.as_role(Role.AUDITOR)
    labels = (await auditor.get("/v1/codes/access_kind")).json()
    assert {item["code"] for item in labels["items"]} == set(AccessKind)


async def test_what_a_service_forbids_is_written_down_as_well(system: System) -> None:
    dispatch = await system.dispatch("native")
    refused = await dispatch.post("/v1/tracking-events", an_event(a_number(), source="sf"))
    assert refused.status_code == 403
    written = "SELECT data ->> 'reason' FROM accesses WHERE principal_id = :id AND kind = 'denied'"
    assert "may not push for sf" in await system.scalar(written, id=dispatch.principal.id)
