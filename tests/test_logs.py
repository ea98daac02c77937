"""One JSON line an occurrence, found by its correlation id, without a word of anybody's."""

import io
import json
import logging
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from app import logs, worker
from app.database import owner_engine
from app.roles import Role
from tests.system import System, a_customer, a_shipment, an_event, running

Lines = Callable[[], list[dict[str, Any]]]

SECRETS = {
    "name": "张三丰",
    "foreign name": "Zürcher",
    "phone": "13812345678",
    "landline": "+41 44 668 18 00",
    "tracking number": "SF7444496931331",
    "code": "CANARY-7",
    "password": "correct-horse-battery",
    "email": "zhang@example.com",
    "address": "西湖路 8 号",
}


@pytest.fixture
async def talkative(empty_database: str) -> AsyncIterator[System]:
    """A system that writes down all it can."""
    async with running(empty_database, log_level="DEBUG") as system:
        yield system
    logs.configure("ERROR")


@pytest.fixture
def lines(talkative: System) -> Lines:  # noqa: ARG001  # its handler is listened to
    """What was logged since the last look."""
    (handler,) = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    assert handler.stream is sys.stderr
    written = io.StringIO()
    handler.setStream(written)

    def read() -> list[dict[str, Any]]:
        said = written.getvalue()
        written.seek(0)
        written.truncate()
        return [json.loads(line) for line in said.splitlines()]

    return read


async def test_a_request_is_one_line_with_its_correlation_id(lines: Lines, talkative: System) -> None:
    marketing = await talkative.as_role(Role.MARKETING)
    lines()
    given = uuid.uuid4().hex
    answer = await marketing.get("/v1/customers", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] == given
    (line,) = [line for line in lines() if line["event"] == "request"]
    assert line["correlation_id"] == given
    assert line["principal"] == marketing.id
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/customers", 200)
    assert line["ms"] > 0
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("given", ["x", "张三丰", "SF7444496931331", '"}{"', "a" * 5000])
async def test_a_request_id_that_is_none_gets_into_no_line(
    lines: Lines, talkative: System, given: str
) -> None:
    lines()
    answer = await talkative.http.get("/v1/customers", headers=[(b"x-request-id", given.encode())])
    assert uuid.UUID(answer.headers["x-request-id"]).hex == answer.headers["x-request-id"]
    assert given not in json.dumps(lines(), ensure_ascii=False)


async def test_an_event_and_a_denial_carry_the_correlation_id_of_their_request(talkative: System) -> None:
    given = uuid.uuid4().hex
    marketing = await talkative.as_role(Role.MARKETING)
    await marketing.post("/v1/customers", {"name": "x", "kind": "company"}, headers={"X-Request-ID": given})
    await marketing.get("/v1/users", headers={"X-Request-ID": given})
    for table in ("events", "accesses"):
        found = f"SELECT count(*) FROM {table} WHERE correlation_id = :id"
        assert await talkative.scalar(found, id=given) == 1


async def test_a_line_names_the_route_and_never_the_path(lines: Lines, talkative: System) -> None:
    operations = await talkative.as_role(Role.OPERATIONS)
    lines()
    await operations.get("/v1/shipments/SF7444496931331")
    await operations.get("/v1/nowhere/SF7444496931331")
    await operations.get("/SF7444496931331")
    found = [line["route"] for line in lines() if line["event"] == "request"]
    assert found[0] == "/v1/shipments/{tracking_no}"
    assert "SF7444496931331" not in str(found)


async def test_a_crawl_leaves_no_personal_datum_in_any_line(lines: Lines, talkative: System) -> None:
    """Good requests and bad ones, at the finest level, libraries' lines included."""
    lines()
    await crawl(talkative)
    written = lines()
    assert len(written) > 20
    together = json.dumps(written, ensure_ascii=False)
    for what, secret in SECRETS.items():
        assert secret not in together, what
    for role in talkative.callers.values():
        assert role.token[:40] not in together
        assert role.token[-20:] not in together


async def crawl(system: System) -> None:
    marketing, operations = await system.as_role(Role.MARKETING), await system.as_role(Role.OPERATIONS)
    dispatch, admin = await system.as_role(Role.DISPATCH), await system.as_role(Role.ADMIN)
    number, phone, name = SECRETS["tracking number"], SECRETS["phone"], SECRETS["name"]
    person = {"name": name, "phone": phone, "address": {"city": "杭州市", "detail": SECRETS["address"]}}
    contact = {"name": SECRETS["foreign name"], "phone": SECRETS["landline"], "email": SECRETS["email"]}
    customer = await a_customer(system, name=name, kind="person", code=SECRETS["code"], contacts=[contact])
    await a_shipment(system, customer["id"], tracking_no=number, sender=person, recipient=person)
    partner = await system.partner(customer["id"])
    await marketing.post("/v1/customers", {"name": name, "kind": "person", "code": SECRETS["code"]})
    await marketing.post("/v1/customers", {"name": name, "kind": phone, name: number, "contacts": [person]})
    await marketing.post("/v1/customers/search", {"q": name, "phone": phone})
    await marketing.get(f"/v1/customers/{name}", params={phone: name})
    await marketing.get("/v1/customers", params={"cursor": name})
    await operations.get(f"/v1/shipments/{number}")
    await operations.get(f"/v1/shipments/{number}", params={"phone": phone})
    await operations.get(f"/v1/shipments/{number}%00{name}")
    await operations.post("/v1/shipments/batch", {"items": [{"tracking_no": number, "recipient": person}]})
    await operations.request("POST", "/v1/shipments", content=f'{{"{name}": {phone}'.encode())
    await partner.get("/v1/partner/shipments", params={"tracking_no": number})
    await partner.get(f"/v1/partner/shipments?tracking_no={number}%00")
    await partner.get(f"/v1/shipments/{number}")
    for code in ("carrier_damage", "an_unheard_of_code", "delivered"):
        event = an_event(number, code, text=f"派件员:{name} 电话 {phone}", attributes={"to": person})
        await dispatch.post("/v1/delivery-exceptions", event)
        await dispatch.post("/v1/tracking-events/batch", {"items": [event, {**event, "occurred_at": phone}]})
    await system.drain()
    secret = {"username": "zhang.sanfeng", "password": SECRETS["password"]}
    await admin.post("/v1/users", secret | {"name": name, "roles": ["sales"], "email": SECRETS["email"]})
    await admin.post("/v1/users", secret | {"name": name, "roles": [phone]})
    for password in (SECRETS["password"], SECRETS["password"] + "!"):
        form = {"grant_type": "password", "username": "zhang.sanfeng", "password": password}
        answer = await system.http.post("/v1/auth/token", data=form)
        if answer.status_code == 200:
            await system.http.post("/v1/auth/revoke", data={"token": answer.json()["access_token"]})
    await system.http.get("/v1/me", headers={"Authorization": f"Bearer {SECRETS['password']}"})


async def test_an_error_nobody_foresaw_is_logged_by_its_place_and_not_by_its_words(
    lines: Lines, talkative: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        try:
            int(SECRETS["name"])
        except ValueError as error:
            raise RuntimeError(SECRETS["tracking number"]) from error

    monkeypatch.setattr("app.services.customers.subject", explode)
    answer = await (await talkative.as_role(Role.MARKETING)).post(
        "/v1/customers", {"name": SECRETS["name"], "kind": "person"}
    )
    written = lines()
    (line,) = [line for line in written if line["level"] == "error"]
    assert line["correlation_id"] == answer.json()["trace_id"]
    assert "RuntimeError" in line["exception"]
    assert "ValueError" in line["exception"]
    assert "in explode" in line["exception"]
    assert SECRETS["name"] not in str(written)
    assert SECRETS["tracking number"] not in str(written)


async def test_what_the_database_refuses_is_logged_without_the_row(lines: Lines, talkative: System) -> None:
    """PostgreSQL quotes the failing row, SQLAlchemy the parameters."""
    owner = owner_engine(talkative.settings)
    async with owner.begin() as connection:
        await connection.execute(text("ALTER TABLE customers ADD CONSTRAINT tiny CHECK (length(name) < 2)"))
    await owner.dispose()
    answer = await (await talkative.as_role(Role.MARKETING)).post(
        "/v1/customers", {"name": SECRETS["name"], "kind": "person", "code": SECRETS["code"]}
    )
    assert answer.status_code == 500
    written = lines()
    assert "23514" in str(written)
    assert "tiny" in str(written)
    assert SECRETS["name"] not in str(written) + answer.text
    assert SECRETS["code"] not in str(written) + answer.text


async def test_a_reaction_that_fails_is_logged_without_what_it_worked_on(
    lines: Lines, talkative: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def explode(*_: object) -> None:
        raise LookupError(SECRETS["tracking number"])

    monkeypatch.setitem(worker.CONSUMERS, "refold", explode)
    shipment = await a_shipment(talkative)
    await (await talkative.as_role(Role.DISPATCH)).post(
        "/v1/tracking-events", an_event(shipment["tracking_no"])
    )
    await worker.relay(talkative.database.sessions)
    written = lines()
    assert any(line["event"] == "reaction failed" and "LookupError" in line["exception"] for line in written)
    assert SECRETS["tracking number"] not in str(written)


def test_values_under_telling_keys_and_mobile_numbers_are_blanked(lines: Lines) -> None:
    telling = (
        "password",
        "client_secret",
        "Authorization",
        "set-cookie",
        "phone",
        "name",
        "recipient",
        "token",
    )
    structlog.get_logger("test").warning(
        "call 13812345678 now", **dict.fromkeys(telling, "canary"), at="+8613812345678"
    )
    logging.getLogger("somebody.elses").warning("phone %s", "13812345678")
    written = lines()
    assert len(written) == 2
    assert "canary" not in str(written)
    assert "13812345678" not in str(written)
    assert written[0]["event"] == "call *** now"
