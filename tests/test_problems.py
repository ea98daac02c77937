"""Whatever goes wrong is told in one shape, in the caller's language, and nothing bad gets in."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from sqlalchemy import event

from app.roles import Role
from app.routers.problem_types import catalogue
from tests.operations import description
from tests.owner import refuse_customers_at_commit
from tests.servers import own_server
from tests.system import Caller, System, a_customer, a_number, a_shipment, an_event, an_instant, running

MEMBERS = {"type", "title", "status", "detail", "instance", "trace_id"}
MIB = 1024 * 1024


def the_problem(answer: httpx.Response, status: int, slug: str | None = None) -> dict[str, Any]:
    """The problem document, after a look at everything that all of them have in common."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert body.keys() >= MEMBERS
    assert body["status"] == status
    assert body["trace_id"] == answer.headers["x-request-id"]
    assert body["instance"] == answer.request.url.path
    known = catalogue()
    assert body["type"] in {entry.type for entry in known.values()}
    if slug is not None:
        assert body["type"] == f"/problems/{slug}"
    return body


async def send(caller: Caller, body: bytes, path: str = "/v1/customers", **headers: str) -> httpx.Response:
    return await caller.request(
        "POST", path, content=body, headers={"content-type": "application/json"} | headers
    )


async def test_every_error_has_the_one_shape(system: System) -> None:
    marketing, operations = await system.as_role(Role.MARKETING), await system.as_role(Role.OPERATIONS)
    customer = await a_customer(system, code="ZURICH-1")
    path = f"/v1/customers/{customer['id']}"
    for answer, status, slug in (
        (await system.http.get("/nowhere"), 404, "not-found"),
        (await marketing.get("/v1/nowhere/顺丰"), 404, "not-found"),
        (await system.http.get("/v1/customers"), 401, "unauthenticated"),
        (await marketing.post("/v1/users", {}), 403, "forbidden"),
        (await operations.get("/v1/shipments/NOBODY1"), 404, "not-found"),
        (await marketing.request("DELETE", "/v1/customers"), 405, "method-not-allowed"),
        (
            await marketing.post("/v1/customers", {"name": "a", "kind": "company", "code": "ZURICH-1"}),
            409,
            "conflict",
        ),
        (await marketing.patch(path, {}, headers={"If-Match": '"99"'}), 412, "stale"),
        (await marketing.patch(path, {}), 428, "precondition-required"),
        (await send(marketing, b"x" * (MIB + 1)), 413, "too-large"),
        (await send(marketing, b"{}", **{"content-type": "text/plain"}), 415, "unsupported-media-type"),
        (await marketing.post("/v1/customers", {}), 422, "validation"),
        (await system.http.post("/v1/auth/token", data={"grant_type": "x"}), 400, "sign-in-failed"),
    ):
        the_problem(answer, status, slug)


async def test_a_wrong_method_is_told_the_right_ones(system: System) -> None:
    answer = await (await system.as_role(Role.MARKETING)).request("PUT", "/v1/customers", json={})
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("role", "path", "body", "pointer"),
    [
        (
            Role.ADMIN,
            "/v1/carrier-codes/01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55/end",
            {"valid_until": 0},
            "valid_until",
        ),
        (
            Role.ADMIN,
            "/v1/carrier-codes/01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55/end",
            {"valid_until": "0"},
            "valid_until",
        ),
        (Role.MARKETING, "/v1/customers/search", {"limit": "5"}, "limit"),
        (Role.MARKETING, "/v1/customers/search", {"limit": True}, "limit"),
        (
            Role.OPERATIONS,
            "/v1/orders",
            {"customer_code": "X", "parcels": [{"description": "茶", "pieces": "2"}]},
            "parcels/0/pieces",
        ),
        (
            Role.DISPATCH,
            "/v1/tracking-events",
            an_event("SF1", occurred_at_estimated="yes"),
            "occurred_at_estimated",
        ),
    ],
)
async def test_what_could_be_read_as_the_right_type_but_is_of_another_is_refused(
    system: System, role: Role, path: str, body: dict[str, Any], pointer: str
) -> None:
    answer = await (await system.as_role(role)).post(path, body)
    assert the_problem(answer, 422, "validation")["errors"][0]["pointer"] == f"/body/{pointer}"


async def test_a_path_that_is_written_out_takes_no_method_of_a_template(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    answer = await marketing.patch("/v1/customers/search", {}, headers={"If-Match": '"1"'})
    the_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


async def test_a_missing_token_is_told_which_scheme_to_use(system: System) -> None:
    answer = await system.http.get("/v1/customers")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_type_of_every_problem_leads_to_what_it_means(system: System) -> None:
    listed = await system.http.get("/problems")
    assert {entry["type"] for entry in listed.json()} >= {
        f"/problems/{slug}"
        for slug in ("validation", "stale", "too-large", "idempotency-key-reused", "unavailable", "internal")
    }
    for entry in listed.json():
        assert (await system.http.get(entry["type"])).json() == entry
        assert entry["title_zh"] != entry["title_en"]
    the_problem(await system.http.get("/problems/no-such-thing"), 404)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (None, "zh"),
        ("fr-CH, de;q=0.8", "zh"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh;q=0.1, en;q=0.9", "en"),
        ("de-CH, en;q=0.3", "en"),
        ("slovenian, tzhe", "zh"),
        ("en;q=nonsense", "en"),
        ("*", "zh"),
    ],
)
async def test_the_caller_is_answered_in_the_language_it_prefers(
    system: System, wanted: str | None, language: str
) -> None:
    marketing = await system.as_role(Role.MARKETING)
    headers = {} if wanted is None else {"Accept-Language": wanted}
    answer = await marketing.post("/v1/customers", {"name": "Zürich"}, headers=headers)
    problem = the_problem(answer, 422)
    expected = ("输入无效", "缺少必填字段") if language == "zh" else ("Invalid input", "Field required")
    assert (problem["title"], problem["errors"][0]["detail"]) == expected
    assert answer.headers["content-language"] == language


async def test_every_invalid_field_is_pointed_at_in_chinese(system: System) -> None:
    body = {
        "tracking_no": "顺丰123",
        "customer_id": "nobody",
        "service": "by_pigeon",
        "promised_at": "2026-11-30T00:00:00",
        "sender": {"name": "x" * 201, "a/b~c": 1},
        "recipient": {"phone": "call me", "address": {"country": "Schweiz"}},
        "declared_value": {"amount": 12.3, "currency": "yuan"},
        "freight": {"amount": "1.234", "currency": "CHF"},
        "attributes": [],
        "colour": "red",
    }
    answer = await (await system.as_role(Role.OPERATIONS)).post("/v1/shipments", body)
    found = {error["pointer"]: error["detail"] for error in the_problem(answer, 422)["errors"]}
    assert found.keys() == {
        "/body/tracking_no",
        "/body/customer_id",
        "/body/service",
        "/body/promised_at",
        "/body/sender/name",
        "/body/sender/a~1b~0c",
        "/body/recipient/phone",
        "/body/recipient/address/country",
        "/body/declared_value/amount",
        "/body/declared_value/currency",
        "/body/freight/amount",
        "/body/attributes",
        "/body/colour",
    }
    for pointer, detail in found.items():
        assert any("\u4e00" <= character <= "\u9fff" for character in detail), (pointer, detail)
        assert not detail.startswith("值无效"), (pointer, detail)


BAD_JSON = {
    "cut off": b'{"name": ',
    "two values": b"{} {}",
    "single quotes": b"{'name': 'x'}",
    "a name twice": b'{"name": "a", "name": "b", "kind": "company"}',
    "a name twice, inside": b'{"name": "a", "kind": "company", "contacts": [{"name": "a", "name": "b"}]}',
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "a number beyond all": b'{"name": 1e999}',
    "a number of 5,000 digits": b'{"name": 1' + b"0" * 5000 + b"}",
    "half a character": b'{"name": "\\ud800", "kind": "company"}',
    "half a character, deep": b'{"name": "a", "kind": "company", "needs": [["\\udc00"]]}',
    "half a character in a name": b'{"\\ud800": 1}',
    "half a character alone": b'"\\ud83d"',
    "NUL": b'{"name": "a\\u0000b", "kind": "company"}',
    "NUL, deep": b'{"name": "a", "kind": "company", "needs": [[["\\\\\\u0000"]]]}',
    "raw NUL": b'{"name": "a\x00b", "kind": "company"}',
    "not UTF-8": b'{"name": "\xff", "kind": "company"}',
    "UTF-16": '{"name": "顺丰"}'.encode("utf-16"),
    "a surrogate as UTF-8": b'{"name": "\xed\xa0\x80", "kind": "company"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "nested 65 times": b"[" * 65 + b"]" * 65,
    "nested 1,000 times": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "nested 100,000 times": b"[" * 100_000 + b"]" * 100_000,
    "never closed": b"[" * 100_000,
}


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON.keys())
async def test_what_is_not_strictly_json_is_refused(system: System, body: bytes) -> None:
    answer = await send(await system.as_role(Role.MARKETING), body)
    (error,) = the_problem(answer, 422, "validation")["errors"]
    assert error["pointer"] == "/body"
    assert error["detail"] != "应为对象"


async def test_escapes_and_pairs_of_surrogates_are_plain_json(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    body = b'{"name": "\\u987a\\u4e30 \\ud83d\\ude9a \\\\u0000 Z\xc3\xbcrich", "kind": "company"}'
    answer = await send(marketing, body, **{"content-type": "application/JSON ; charset=utf-8"})
    assert answer.json()["name"] == "顺丰 🚚 \\u0000 Zürich"


async def test_what_was_taken_in_can_be_read_again_however_deep(system: System) -> None:
    dispatch, operations = await system.as_role(Role.DISPATCH), await system.as_role(Role.OPERATIONS)
    shipment = await a_shipment(system)
    deep = json.loads('{"a":' * 61 + str(10**400) + "}" * 61)
    pushed = await dispatch.post("/v1/tracking-events", an_event(shipment["tracking_no"], attributes=deep))
    assert pushed.status_code == 202
    read = await operations.get(f"/v1/shipments/{shipment['tracking_no']}")
    assert read.json()["events"][0]["attributes"] == deep


async def test_a_body_must_say_that_it_is_json(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    body = b'{"name": "Z", "kind": "company"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/json", ""):
        the_problem(await send(marketing, body, **{"content-type": kind}), 415)
    the_problem(await marketing.request("POST", "/v1/customers", content=body), 415)
    answer = await send(marketing, body, **{"content-type": "application/vnd.crm+json"})
    assert answer.status_code == 201


async def test_a_body_over_a_mebibyte_is_refused_by_its_announced_length_unread(system: System) -> None:
    token = (await system.as_role(Role.MARKETING)).token
    sent = await call_raw(system, token, length=MIB + 1, chunks=1000)
    assert (sent["status"], sent["chunks read"]) == (413, 0)


async def test_a_body_that_outgrows_a_mebibyte_is_refused_where_it_does(system: System) -> None:
    token = (await system.as_role(Role.MARKETING)).token
    sent = await call_raw(system, token, length=None, chunks=1000)
    assert (sent["status"], sent["chunks read"]) == (413, 17)


async def call_raw(system: System, token: str, length: int | None, chunks: int) -> dict[str, Any]:
    """A POST whose body is never whole in memory: how much of it was read before the answer?"""
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/customers",
        "raw_path": b"/v1/customers",
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "server": ("crm.test", 80),
        "client": ("127.0.0.1", 1),
    }
    seen: dict[str, Any] = {"chunks read": 0}

    async def receive() -> dict[str, Any]:
        seen["chunks read"] += 1
        return {"type": "http.request", "body": b" " * 65536, "more_body": seen["chunks read"] < chunks}

    async def answer(message: Any) -> None:
        if message["type"] == "http.response.start":
            seen["status"] = message["status"]
            seen["headers"] = dict(message["headers"])

    await system.app(scope, receive, answer)
    assert seen["headers"][b"content-type"] == b"application/problem+json"
    return seen


async def test_nul_in_a_path_or_a_query_is_refused(system: System) -> None:
    operations, admin = await system.as_role(Role.OPERATIONS), await system.as_role(Role.ADMIN)
    for answer in (
        await operations.get("/v1/shipments/SF%00123"),
        await operations.get("/v1/shipments?flag=%00"),
        await operations.get("/v1/delivery-exceptions?tracking_no=%00"),
        await admin.get("/v1/codes/%00"),
        await admin.get("/v1/carrier-codes?code=%00"),
        await (await system.as_role(Role.AUDITOR)).get("/v1/audit/events?kind=%00"),
        await (await system.as_role(Role.PARTNER)).get("/v1/partner/shipments?tracking_no=%00"),
        await system.http.post(
            "/v1/auth/token", data={"grant_type": "password", "username": "\0", "password": "x"}
        ),
    ):
        assert answer.status_code in {400, 422}, (answer.request.url, answer.text)
        the_problem(answer, answer.status_code)


async def test_sql_in_a_filter_finds_nothing_and_breaks_nothing(system: System) -> None:
    operations, marketing = await system.as_role(Role.OPERATIONS), await system.as_role(Role.MARKETING)
    await a_customer(system, name="100% 顺丰_速运")
    for evil in (
        "' OR 1=1 --",
        '"; DROP TABLE customers; --',
        "%",
        "_",
        "\\",
        "$1",
        "%%",
        "{}",
        "[",
        "(?i).*",
    ):
        found = await marketing.post("/v1/customers/search", {"q": evil, "limit": 200})
        words = " ".join(re.findall(r"\w+", evil))
        plain = await marketing.post("/v1/customers/search", {"q": words, "limit": 200}) if words else None
        assert found.json()["items"] == (plain.json()["items"] if plain else []), evil
        listed = await operations.get("/v1/shipments", params={"flag": evil})
        assert listed.json()["items"] == []
        path = f"/v1/shipments/{quote(evil, safe='')}"
        assert (await operations.get(path)).status_code == 404


async def test_unreadable_percent_signs_and_ten_thousand_ranges_do_no_harm(system: System) -> None:
    operations = await system.as_role(Role.OPERATIONS)
    for path in (
        "/v1/shipments/%ff%fe",
        "/v1/shipments/%ed%a0%80",
        "/v1/shipments/a%2fb",
        "/v1/shipments/" + "a" * 60_000,
    ):
        assert (await operations.get(path)).is_client_error
    ranges = ",".join(f"{number}-{number}" for number in range(10_000))
    assert (await operations.get("/v1/shipments", headers={"Range": f"bytes={ranges}"})).status_code == 200


async def test_a_field_that_nobody_knows_is_refused_everywhere(system: System) -> None:
    """Every operation that reads a body or a list's query, with one member too many."""
    spec = description()
    tried = 0
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            caller = await somebody_for(system, operation)
            address = path.format_map({name: unknown_place(name) for name in names_in(path)})
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                answer = await caller.request(
                    method.upper(), address, json={"unheard_of": 1}, headers={"If-Match": '"1"'}
                )
                pointers = {error["pointer"] for error in the_problem(answer, 422)["errors"]}
                assert "/body/unheard_of" in pointers, (path, pointers)
                tried += 1
            if method == "get" and any(each["name"] == "limit" for each in operation.get("parameters", [])):
                answer = await caller.get(address, params={"unheard_of": 1})
                pointers = {error["pointer"] for error in the_problem(answer, 422)["errors"]}
                assert "/query/unheard_of" in pointers, (path, pointers)
                tried += 1
    assert tried >= 25


async def somebody_for(system: System, operation: dict[str, Any]) -> Caller:
    from app.roles import ROLE_SCOPES

    needed = {scope for each in operation.get("security", []) for scopes in each.values() for scope in scopes}
    role = next((role for role, scopes in ROLE_SCOPES.items() if needed <= scopes), Role.ADMIN)
    return await system.as_role(role)


def names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def unknown_place(name: str) -> str:
    return "00000000-0000-7000-8000-000000000000" if name.endswith("_id") else "shipment_status"


TIMES_REFUSED = (
    "2026-11-30T00:00:00",
    "2026-11-30",
    "2026-02-30T00:00:00Z",
    "2026-11-30T24:00:00Z",
    "２０２６-11-30T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "1764460800",
    1764460800,
    1e30,
    True,
    "infinity",
    "",
    None,
)


@pytest.mark.parametrize("value", TIMES_REFUSED)
async def test_a_time_without_offset_or_off_the_calendar_is_refused(system: System, value: Any) -> None:
    operations, dispatch = await system.as_role(Role.OPERATIONS), await system.as_role(Role.DISPATCH)
    answer = await operations.post("/v1/shipments", {"promised_at": value})
    assert "/body/promised_at" in {error["pointer"] for error in the_problem(answer, 422)["errors"]}
    pushed = await dispatch.post("/v1/tracking-events", an_event(a_number(), occurred_at=value))
    assert the_problem(pushed, 422)["errors"][0]["pointer"] == "/body/occurred_at"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-11-30T08:00:00+08:00", "2026-11-30T00:00:00Z"),
        ("2026-11-30t00:00:00.123456z", "2026-11-30T00:00:00.123456Z"),
        ("1901-01-01T00:00:00-12:00", "1901-01-01T12:00:00Z"),
        ("2199-12-31T23:59:59+14:00", "2199-12-31T09:59:59Z"),
    ],
)
async def test_a_time_is_answered_in_utc(system: System, given: str, kept: str) -> None:
    assert (await a_shipment(system, promised_at=given))["promised_at"] == kept


@pytest.mark.parametrize(
    "money",
    [
        {"amount": 12.3, "currency": "CNY"},
        {"amount": 12, "currency": "CNY"},
        {"amount": "12.345", "currency": "CNY"},
        {"amount": "1e5", "currency": "CNY"},
        {"amount": "NaN", "currency": "CNY"},
        {"amount": "1234567890123", "currency": "CNY"},
        {"amount": "1.00", "currency": "cny"},
        {"amount": "1.00"},
        "1.00",
    ],
)
async def test_money_that_is_no_decimal_string_is_refused(system: System, money: Any) -> None:
    answer = await (await system.as_role(Role.OPERATIONS)).post("/v1/shipments", {"freight": money})
    pointers = {error["pointer"] for error in the_problem(answer, 422)["errors"]}
    assert any(pointer.startswith("/body/freight") for pointer in pointers)


async def test_full_width_digits_are_taken_as_plain_ones(system: System) -> None:
    number = a_number()
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    money = {"amount": "１２．５０", "currency": "CHF"}
    await a_shipment(system, tracking_no=wide, freight=money)
    read = await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{number}")
    assert read.json()["freight"] == {"amount": "12.50", "currency": "CHF"}


async def test_an_item_of_a_batch_gets_its_own_problem_and_stops_nobody(system: System) -> None:
    customer = await a_customer(system)
    good = {"customer_id": customer["id"], "service": "tw", "promised_at": an_instant(48)}
    items: list[Any] = [
        {**good, "tracking_no": a_number()},
        0,
        None,
        {**good, "tracking_no": a_number(), "promised_at": "9999-12-31T23:59:59Z"},
        {**good, "tracking_no": a_number(), "customer_id": "00000000-0000-7000-8000-000000000000"},
        {**good, "tracking_no": a_number()},
    ]
    items.append(items[0])
    answer = await (await system.as_role(Role.OPERATIONS)).post("/v1/shipments/batch", {"items": items})
    results = answer.json()["results"]
    assert [result["result"] for result in results] == ["created", *["rejected"] * 4, "created", "rejected"]
    assert [result["index"] for result in results] == list(range(7))
    places = [result["problem"] and result["problem"]["errors"][0]["pointer"] for result in results]
    assert places == [
        None,
        "/body/items/1",
        "/body/items/2",
        "/body/items/3/promised_at",
        "/body/items/4/customer_id",
        None,
        "/body/items/6/tracking_no",
    ]
    assert {result["problem"]["status"] for result in results if result["problem"]} == {409, 422}


async def test_a_batch_of_more_than_a_thousand_is_refused(system: System) -> None:
    answer = await (await system.as_role(Role.DISPATCH)).post(
        "/v1/tracking-events/batch", {"items": [{}] * 1001}
    )
    assert the_problem(answer, 422)["errors"] == [{"pointer": "/body/items", "detail": "最多 1000 项"}]


@pytest.mark.timeout(120)
async def test_a_megabyte_of_brackets_does_not_hold_up_the_others(system: System) -> None:
    """What is feared takes minutes."""
    marketing = await system.as_role(Role.MARKETING)
    for body in (b"[" + b"[]," * 340_000 + b"[]]", b'[{"\\u0041":"\\u0041' + b"\\\\" * 500_000 + b'"}]'):
        the_problem(await send(marketing, body), 422)


async def test_an_unforeseen_error_is_a_500_that_tells_nothing(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("张三丰 13812345678")

    monkeypatch.setattr("app.services.customers.subject", explode)
    marketing = await system.as_role(Role.MARKETING)
    answer = await marketing.post(
        "/v1/customers", {"name": "Zürich AG", "kind": "company", "code": "EXPLODES"}
    )
    the_problem(answer, 500, "internal")
    assert not any(word in answer.text for word in ("RuntimeError", "张三丰", "138"))
    assert await system.scalar("SELECT count(*) FROM customers WHERE code = 'EXPLODES'") == 0


async def test_a_constraint_that_fails_at_commit_answers_409_and_not_201(empty_system: System) -> None:
    """The transaction commits before the answer leaves."""
    await refuse_customers_at_commit(empty_system)
    marketing = await empty_system.as_role(Role.MARKETING)
    answer = await marketing.post("/v1/customers", {"name": "顺丰", "kind": "company"})
    assert the_problem(answer, 409, "conflict")["constraint"] == "late"
    assert await empty_system.scalar("SELECT count(*) FROM customers") == 0


@pytest.mark.usefixtures("template")
async def test_a_connection_that_breaks_off_while_it_is_made_is_a_503(empty_system: System) -> None:
    marketing, engine = await empty_system.as_role(Role.MARKETING), empty_system.database.engine
    await engine.dispose()

    def break_off(*_: object) -> None:
        raise asyncpg.InternalClientError

    event.listen(engine.sync_engine, "connect", break_off)
    the_problem(await marketing.get("/v1/customers"), 503, "unavailable")
    event.remove(engine.sync_engine, "connect", break_off)
    assert (await marketing.get("/v1/customers")).status_code == 200


async def test_without_a_database_there_is_a_503_and_afterwards_all_is_well(tmp_path: Path) -> None:
    """Within seconds, and nobody restarts the application."""
    with own_server(tmp_path) as server:
        async with running(server.url) as system:
            marketing = await system.as_role(Role.MARKETING)
            partner = await system.partner((await a_customer(system))["id"])
            server.stop()
            for answer in (
                await timed(marketing.get("/v1/customers")),
                await timed(marketing.get("/v1/customers")),
                await timed(marketing.post("/v1/customers", {"name": "顺丰", "kind": "company"})),
                await timed(partner.get("/v1/partner/shipments?tracking_no=SF1")),
            ):
                the_problem(answer, 503, "unavailable")
                assert answer.headers["retry-after"] == "1"
            assert (await system.http.get("/health/live")).status_code == 200
            ready = await timed(system.http.get("/health/ready"))
            assert (ready.status_code, ready.json()["database"]) == (503, "unreachable")
            server.start()
            assert (await marketing.get("/v1/customers")).status_code == 200
            assert (await partner.get("/v1/partner/shipments?tracking_no=SF1")).status_code == 200


async def timed(answer: Any) -> httpx.Response:
    """An answer, or a failure where there is none at all."""
    async with asyncio.timeout(60):
        response: httpx.Response = await answer
    return response


async def test_no_cross_origin_caller_gets_in_unless_it_is_listed(system: System) -> None:
    asks = {"Origin": "https://spa.example.com", "Access-Control-Request-Method": "POST"}
    assert (
        "access-control-allow-origin"
        not in (await system.http.options("/v1/customers", headers=asks)).headers
    )
    async with running(
        system.settings.database_url, cors_origins=("https://spa.example.com",)
    ) as open_system:
        answer = await open_system.http.options("/v1/customers", headers=asks)
        assert answer.headers["access-control-allow-origin"] == "https://spa.example.com"
        refused = await open_system.http.get("/v1/customers", headers={"Origin": "https://spa.example.com"})
        assert refused.headers["access-control-allow-origin"] == "https://spa.example.com"
        assert "ETag" in refused.headers["access-control-expose-headers"]
        foreign = await open_system.http.options(
            "/v1/customers", headers={**asks, "Origin": "https://evil.example.com"}
        )
        assert "access-control-allow-origin" not in foreign.headers
