"""A request with an Idempotency-Key happens once, and its first answer is given again."""

import asyncio
import secrets
from json import dumps
from typing import Any

import pytest
from sqlalchemy import text

from app.roles import Role
from tests.operations import description
from tests.owner import owner, refuse_customers_at_commit
from tests.system import System, a_customer, a_number, an_event, an_instant

DAY = 24 * 3600


class PowerCut(BaseException):
    """Nothing of ours handles it."""


def a_key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


def a_body(**fields: Any) -> dict[str, Any]:
    return {"name": "Zürich 顺丰 AG", "kind": "company", "code": f"K{secrets.token_hex(5)}"} | fields


async def test_the_first_answer_is_given_again_to_the_byte(system: System) -> None:
    marketing, key, body = await system.as_role(Role.MARKETING), a_key(), a_body()
    first = await marketing.post("/v1/customers", body, headers=key)
    again = await marketing.post("/v1/customers", body, headers=key)
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    for name in ("content-type", "etag", "cache-control"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert await how_many(system, body["code"]) == 1


async def test_the_first_answer_is_given_again_after_the_resource_changed(system: System) -> None:
    marketing, key, body = await system.as_role(Role.MARKETING), a_key(), a_body()
    first = await marketing.post("/v1/customers", body, headers=key)
    path = f"/v1/customers/{first.json()['id']}"
    changed = await marketing.patch(path, {"name": "Genève SA"}, headers={"If-Match": first.headers["etag"]})
    assert changed.json()["name"] == "Genève SA"
    again = await marketing.post("/v1/customers", body, headers=key)
    assert again.content == first.content
    assert (await marketing.get(path)).json()["name"] == "Genève SA"


async def test_a_move_is_made_once(system: System) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    order = await service.post("/v1/orders", {"customer_id": (await a_customer(system))["id"]})
    path, key = f"/v1/orders/{order.json()['id']}/hand-over", a_key()
    first = await service.post(path, headers=key)
    assert (await service.post(path, headers=key)).content == first.content
    assert first.json()["state"] == "handed_over"
    assert (await service.post(path, headers=a_key())).status_code == 409


async def test_a_batch_is_made_once(system: System) -> None:
    operations, key, number = await system.as_role(Role.OPERATIONS), a_key(), a_number()
    item = {
        "tracking_no": number,
        "customer_id": (await a_customer(system))["id"],
        "service": "tw",
        "promised_at": an_instant(24),
    }
    first = await operations.post("/v1/shipments/batch", {"items": [item, {}]}, headers=key)
    again = await operations.post("/v1/shipments/batch", {"items": [item, {}]}, headers=key)
    assert [result["result"] for result in first.json()["results"]] == ["created", "rejected"]
    assert again.content == first.content


async def test_a_key_stands_for_one_body_and_one_path(system: System) -> None:
    marketing, key, body = await system.as_role(Role.MARKETING), a_key(), a_body()
    await marketing.post("/v1/customers", body, headers=key)
    other_body = await marketing.post("/v1/customers", a_body(), headers=key)
    service = await system.staff(Role.MARKETING, Role.CUSTOMER_SERVICE)
    await service.post("/v1/customers", body | {"code": None}, headers=key)
    other_path = await service.post("/v1/orders", body, headers=key)
    assert other_body.status_code == 422
    assert other_body.json()["type"] == "/problems/idempotency-key-reused"
    assert other_path.status_code == 422


async def test_a_key_belongs_to_whoever_sent_it(system: System) -> None:
    one, two, key = await system.staff(Role.MARKETING), await system.staff(Role.MARKETING), a_key()
    body = a_body(code=None)
    first = await one.post("/v1/customers", body, headers=key)
    second = await two.post("/v1/customers", body, headers=key)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]


async def test_of_two_at_once_one_wins_and_the_other_is_told_to_wait(empty_system: System) -> None:
    """The winner is held up at its commit, by a lock on the table, until the loser has its answer."""
    marketing, key, body = await empty_system.as_role(Role.MARKETING), a_key(), a_body()
    async with empty_system.database.sessions.begin() as blocker:
        await blocker.execute(text("LOCK TABLE customers IN SHARE MODE"))
        winner = asyncio.create_task(marketing.post("/v1/customers", body, headers=key))
        await until(empty_system, "SELECT count(*) FROM pg_locks WHERE NOT granted")
        loser = await marketing.post("/v1/customers", body, headers=key)
    assert (loser.status_code, loser.headers["retry-after"]) == (409, "1")
    assert (await winner).status_code == 201
    again = await marketing.post("/v1/customers", body, headers=key)
    assert again.content == (await winner).content


async def test_of_twenty_at_once_one_row_comes(system: System) -> None:
    marketing, key, body = await system.as_role(Role.MARKETING), a_key(), a_body(code=None, source=a_number())
    answers = await asyncio.gather(*(marketing.post("/v1/customers", body, headers=key) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}, [a.text for a in answers]
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert await system.scalar("SELECT count(*) FROM customers WHERE source = :s", s=body["source"]) == 1


async def test_a_refusal_is_not_kept(system: System) -> None:
    marketing, key, body = await system.as_role(Role.MARKETING), a_key(), a_body()
    taken = await marketing.post("/v1/customers", body)
    refused = await marketing.post("/v1/customers", body, headers=key)
    assert refused.status_code == 409
    await marketing.patch(
        f"/v1/customers/{taken.json()['id']}", {"code": a_number("X")}, headers={"If-Match": '"1"'}
    )
    assert (await marketing.post("/v1/customers", body, headers=key)).status_code == 201
    invalid = a_key()
    assert (await marketing.post("/v1/customers", {"name": ""}, headers=invalid)).status_code == 422
    assert (await marketing.post("/v1/customers", a_body(), headers=invalid)).status_code == 201


async def test_a_key_is_kept_for_a_day(system: System) -> None:
    marketing, key, body = await system.as_role(Role.MARKETING), a_key(), a_body(code=None)
    first = await marketing.post("/v1/customers", body, headers=key)
    await age(system, key, DAY - 60)
    assert (await marketing.post("/v1/customers", body, headers=key)).content == first.content
    await age(system, key, 120)
    later = await marketing.post("/v1/customers", body, headers=key)
    assert later.status_code == 201
    assert later.json()["id"] != first.json()["id"]
    assert (await marketing.post("/v1/customers", body, headers=key)).content == later.content


async def test_an_answer_lost_on_the_way_can_be_asked_for_again(system: System) -> None:
    """The server dies between commit and answer: nothing more of it is needed than its database."""
    marketing, key, body = await system.as_role(Role.MARKETING), a_key(), a_body()

    async def lose(_message: Any) -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        await call(system, marketing.token, key["Idempotency-Key"], body, lose)
    assert await how_many(system, body["code"]) == 1
    again = await marketing.request(
        "POST", "/v1/customers", content=dumps(body), headers=key | {"Content-Type": "application/json"}
    )
    assert again.status_code == 201, again.text
    assert again.json()["code"] == body["code"]
    assert await how_many(system, body["code"]) == 1


async def call(system: System, token: str, key: str, body: dict[str, Any], send: Any) -> None:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json", "idempotency-key": key}
    content = dumps(body).encode()
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/customers",
        "raw_path": b"/v1/customers",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("crm.test", 80),
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    await system.app(scope, receive, send)


async def test_the_key_goes_with_its_transaction(empty_system: System) -> None:
    """Where the commit fails, neither the row nor the answer is kept."""
    await refuse_customers_at_commit(empty_system)
    marketing, key = await empty_system.as_role(Role.MARKETING), a_key()
    assert (await marketing.post("/v1/customers", a_body(), headers=key)).status_code == 409
    assert await empty_system.scalar("SELECT count(*) FROM idempotency_keys") == 0
    async with owner(empty_system) as connection:
        await connection.execute("DROP TRIGGER late ON customers")
    assert (await marketing.post("/v1/customers", a_body(), headers=key)).status_code == 201


async def test_whoever_lost_the_scope_gets_no_old_answer(system: System) -> None:
    marketing, key, body = await system.staff(Role.MARKETING), a_key(), a_body()
    assert (await marketing.post("/v1/customers", body, headers=key)).status_code == 201
    async with system.database.sessions.begin() as session:
        await session.execute(
            text("UPDATE users SET credentials_version = credentials_version + 1 WHERE id = :id"),
            {"id": marketing.principal.id},
        )
    assert (await marketing.post("/v1/customers", body, headers=key)).status_code == 401


@pytest.mark.parametrize("key", ["", "k" * 201])
async def test_a_key_of_no_sensible_length_is_refused(system: System, key: str) -> None:
    marketing = await system.as_role(Role.MARKETING)
    answer = await marketing.post("/v1/customers", a_body(), headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/header/idempotency-key"


async def test_what_answers_a_secret_or_takes_one_keeps_nothing(system: System) -> None:
    admin, key = await system.as_role(Role.ADMIN), a_key()
    client = {"name": "Zürich", "role": "dispatch", "sources": ["native"]}
    first = await admin.post("/v1/clients", client, headers=key)
    again = await admin.post("/v1/clients", client, headers=key)
    assert first.json()["client_secret"] != again.json()["client_secret"]
    kept = "SELECT count(*) FROM idempotency_keys WHERE key = :key"
    assert await system.scalar(kept, key=key["Idempotency-Key"]) == 0
    spec = description()["paths"]
    for path, operation in secretive(spec):
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert "idempotency-key" not in names, path


def secretive(spec: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (path, operations["post"])
        for path, operations in spec.items()
        if "post" in operations
        and (
            any(word in path for word in ("auth", "secret", "password"))
            or path in {"/v1/users", "/v1/clients"}
        )
    ]


def test_every_post_that_creates_or_moves_takes_a_key() -> None:
    """The others are on this list, each for a reason."""
    reasons = {
        "/v1/auth/token": "answers a secret",
        "/v1/complaints/{complaint_id}/confirmation-link": "answers a secret",
        "/v1/confirmations/{token}": "works once by itself",
        "/v1/auth/revoke": "may be repeated as it is",
        "/v1/clients": "answers a secret",
        "/v1/clients/{client_id}/rotate-secret": "answers a secret",
        "/v1/users": "takes a secret",
        "/v1/users/{user_id}/reset-password": "takes a secret",
        "/v1/customers/search": "changes nothing",
        "/v1/customers/duplicates/check": "changes nothing",
        "/v1/customers/{customer_id}/merge/preview": "changes nothing",
        "/v1/segments/preview": "changes nothing",
        "/v1/complaints/search": "changes nothing",
        "/v1/complaints/check": "changes nothing",
        "/v1/message-templates/{code}/render": "changes nothing",
        "/v1/complaints/{complaint_id}/reveal": "answers a secret",
        "/v1/clocks/calculate": "changes nothing",
        "/v1/sla-policies/{code}/retarget/preview": "changes nothing",
        "/v1/audit/seals/verify": "changes nothing",
        "/v1/customers/{customer_id}/reveal": "answers a secret",
        "/v1/shipments/{tracking_no}/reveal": "answers a secret",
        "/v1/privacy-requests/{request_id}/copy": "answers a secret",
        "/v1/tracking-events": "each event has its own key",
        "/v1/tracking-events/batch": "each event has its own key",
        "/v1/delivery-exceptions": "each event has its own key",
        "/v1/delivery-exceptions/batch": "each event has its own key",
    }
    without = {
        path
        for path, operations in description()["paths"].items()
        if "post" in operations
        and "idempotency-key" not in {each["name"] for each in operations["post"].get("parameters", [])}
    }
    assert without == reasons.keys()


async def test_a_push_is_its_own_key(system: System) -> None:
    dispatch = await system.as_role(Role.DISPATCH)
    event = an_event(a_number())
    first, again = [await dispatch.post("/v1/tracking-events", event) for _ in range(2)]
    assert (first.json()["result"], again.json()["result"]) == ("parked", "duplicate")
    assert first.json()["id"] == again.json()["id"]


async def until(system: System, statement: str) -> None:
    async with asyncio.timeout(60):
        while not await system.scalar(statement):  # noqa: ASYNC110  # the database rings no bell
            await asyncio.sleep(0.01)


async def age(system: System, key: dict[str, str], seconds: int) -> None:
    async with system.database.sessions.begin() as session:
        await session.execute(
            text(
                "UPDATE idempotency_keys SET created_at = created_at - :seconds * interval '1 second'"
                " WHERE key = :key"
            ),
            {"seconds": seconds, "key": key["Idempotency-Key"]},
        )


async def how_many(system: System, code: str) -> Any:
    return await system.scalar("SELECT count(*) FROM customers WHERE code = :code", code=code)
