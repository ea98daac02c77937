"""The company's people and machines: made, changed, closed and opened again by an admin."""

import secrets
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.roles import ROLE_SCOPES, Role
from tests.operations import description
from tests.system import PASSWORD, Caller, System, a_customer


@pytest.fixture(scope="module")
async def admin(system: System) -> Caller:
    return await system.staff(Role.ADMIN)


def a_name() -> str:
    return f"zhang_{secrets.token_hex(6)}"


def user_body(**fields: Any) -> dict[str, Any]:
    return {"username": a_name(), "password": PASSWORD, "name": "张三", "roles": ["hr"]} | fields


async def a_user(admin: Caller, **fields: Any) -> dict[str, Any]:
    answer = await admin.post("/v1/users", user_body(**fields))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def a_client(admin: Caller, **fields: Any) -> dict[str, Any]:
    body = {"name": "调度系统", "role": "dispatch", "sources": ["native"]} | fields
    answer = await admin.post("/v1/clients", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


# Users


async def test_a_user_is_answered_whole_and_without_a_password(admin: Caller) -> None:
    user = await a_user(admin, name="Jürg Zürich", roles=["sales", "hr", "sales"], email="j@example.com")
    assert user.keys() == {
        "id",
        "username",
        "name",
        "email",
        "roles",
        "department_id",
        "level",
        "superior_id",
        "deputy_id",
        "disabled_at",
        "created_at",
        "version",
    }
    assert (user["name"], user["roles"], user["level"]) == ("Jürg Zürich", ["hr", "sales"], "specialist")
    read = await admin.get(f"/v1/users/{user['id']}")
    assert read.json() == user
    assert read.headers["ETag"] == '"1"'


async def test_a_username_typed_in_full_width_is_taken_as_the_plain_one(admin: Caller) -> None:
    name = a_name()
    wide = "".join(chr(ord(character) + 0xFEE0) for character in name)
    assert (await a_user(admin, username=wide))["username"] == name
    again = await admin.post("/v1/users", user_body(username=name))
    assert (again.status_code, pointers(again)) == (409, ["/body/username"])


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"password": "elevenchars"}, "/body/password"),
        ({"password": "十一个汉字的口令啊啊啊"}, "/body/password"),
        ({"password": None}, "/body/password"),
        ({"roles": []}, "/body/roles"),
        ({"roles": ["dispatch"]}, "/body/roles"),
        ({"roles": ["hr", "partner"]}, "/body/roles"),
        ({"roles": ["god"]}, "/body/roles/0"),
        ({"username": "张 三"}, "/body/username"),
        ({"username": ""}, "/body/username"),
        ({"email": "no address"}, "/body/email"),
        ({"level": "king"}, "/body/level"),
        ({"credentials_version": 7}, "/body/credentials_version"),
        ({"password_hash": "x"}, "/body/password_hash"),
    ],
)
async def test_a_user_that_can_not_be_is_refused_with_a_pointer(
    admin: Caller, fields: dict[str, Any], pointer: str
) -> None:
    answer = await admin.post("/v1/users", user_body(**fields))
    assert (answer.status_code, pointers(answer)) == (422, [pointer]), answer.text


async def test_a_refused_password_is_not_repeated(admin: Caller) -> None:
    for password in ("tooshort123", "x" * 201):
        answer = await admin.post("/v1/users", user_body(password=password))
        assert answer.status_code == 422
        assert password not in answer.text


async def test_a_department_superior_or_deputy_must_exist(admin: Caller) -> None:
    for field in ("department_id", "superior_id", "deputy_id"):
        answer = await admin.post("/v1/users", user_body(**{field: str(uuid4())}))
        assert (answer.status_code, pointers(answer)) == (422, [f"/body/{field}"])
    for field in ("parent_id", "head_id"):
        body = {"code": a_name(), "name": "部门", field: str(uuid4())}
        answer = await admin.post("/v1/departments", body)
        assert (answer.status_code, pointers(answer)) == (422, [f"/body/{field}"])


async def test_a_change_needs_the_etag_and_the_current_one(admin: Caller) -> None:
    path = f"/v1/users/{(await a_user(admin))['id']}"
    assert (await admin.patch(path, {"name": "李四"})).status_code == 428
    first = await admin.patch(path, {"name": "李四"}, headers={"If-Match": '"1"'})
    assert (first.status_code, first.headers["ETag"], first.json()["name"]) == (200, '"2"', "李四")
    for stale in ('"1"', '"7"', "nonsense"):
        answer = await admin.patch(path, {"name": "王五"}, headers={"If-Match": stale})
        assert answer.status_code == 412, stale
    assert (await admin.get(path)).json()["name"] == "李四"


async def test_an_unchanged_user_is_304(admin: Caller) -> None:
    path = f"/v1/users/{(await a_user(admin))['id']}"
    answer = await admin.get(path, headers={"If-None-Match": '"1"'})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"roles": ["partner"]}, 422),
        ({"roles": ["dispatch", "hr"]}, 422),
        ({"roles": None}, 422),
        ({"name": None}, 422),
        ({"level": None}, 422),
        ({"username": "other"}, 422),
        ({"disabled_at": None}, 422),
        ({"password": PASSWORD}, 422),
        ({"email": None, "department_id": None}, 200),
        ({}, 200),
    ],
)
async def test_what_a_change_may_hold(admin: Caller, change: dict[str, Any], status: int) -> None:
    path = f"/v1/users/{(await a_user(admin))['id']}"
    answer = await admin.patch(path, change, headers={"If-Match": '"1"'})
    assert answer.status_code == status, answer.text


async def test_nobody_disables_their_own_account(system: System) -> None:
    admin = await system.staff(Role.ADMIN)
    answer = await admin.post(f"/v1/users/{admin.id}/disable")
    assert answer.status_code == 403
    assert (await admin.get("/v1/me")).status_code == 200


async def test_disabling_twice_keeps_the_first_time_and_enabling_ends_it(admin: Caller) -> None:
    path = f"/v1/users/{(await a_user(admin))['id']}"
    first = (await admin.post(f"{path}/disable")).json()
    second = (await admin.post(f"{path}/disable")).json()
    assert first["disabled_at"] == second["disabled_at"] is not None
    assert (await admin.post(f"{path}/enable")).json()["disabled_at"] is None


@pytest.mark.parametrize("deed", ["disable", "enable", "reset-password"])
async def test_deeds_on_nobody_are_404(admin: Caller, deed: str) -> None:
    body = {"password": PASSWORD} if deed == "reset-password" else None
    assert (await admin.post(f"/v1/users/{uuid4()}/{deed}", body)).status_code == 404


async def test_a_new_password_has_twelve_characters_too(admin: Caller) -> None:
    path = f"/v1/users/{(await a_user(admin))['id']}/reset-password"
    assert (await admin.post(path, {"password": "elevenchars"})).status_code == 422
    answer = await admin.post(path, {"password": "twelve chars"})
    assert answer.status_code == 200
    assert "twelve chars" not in answer.text


async def test_users_are_found_by_role_department_and_whether_they_are_disabled(
    admin: Caller,
) -> None:
    code = f"D{secrets.token_hex(4)}"
    department = (await admin.post("/v1/departments", {"code": code, "name": "客服部"})).json()["id"]
    here, gone = [
        await a_user(admin, department_id=department, roles=[role]) for role in ("finance", "product")
    ]
    await admin.post(f"/v1/users/{gone['id']}/disable")

    async def found(**query: Any) -> set[str]:
        page = (await admin.get("/v1/users", params={"department_id": department, **query})).json()
        return {user["id"] for user in page["items"]}

    assert await found() == {here["id"], gone["id"]}
    assert await found(role="finance") == {here["id"]}
    assert await found(disabled=True) == {gone["id"]}
    assert await found(disabled=False) == {here["id"]}


async def test_users_are_paged_by_name_or_the_newest_first(empty_system: System) -> None:
    admin = await empty_system.as_role(Role.ADMIN)
    made = [(await a_user(admin, username=f"{name}_user"))["username"] for name in "cab"]
    for sort, expected in (("username", sorted(made)), ("-created_at", made[::-1])):
        seen, cursor = [], None
        while True:
            query = {"limit": 1, "sort": sort} | ({"cursor": cursor} if cursor else {})
            page = (await admin.get("/v1/users", params=query)).json()
            seen += [user["username"] for user in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert [name for name in seen if name in made] == expected
        assert len(seen) == 4


# Departments


async def test_a_department_has_a_code_of_its_own(admin: Caller) -> None:
    body = {"code": f"D{secrets.token_hex(4)}", "name": "苏黎世分部 Zürich"}
    made = await admin.post("/v1/departments", body)
    assert (made.status_code, made.json()["name"]) == (201, "苏黎世分部 Zürich")
    again = await admin.post("/v1/departments", body)
    assert (again.status_code, pointers(again)) == (409, ["/body/code"])
    below = await admin.post(
        "/v1/departments", {"code": f"{body['code']}-1", "name": "组", "parent_id": made.json()["id"]}
    )
    listed = (await admin.get("/v1/departments")).json()
    assert [each for each in listed if each["code"].startswith(body["code"])] == [made.json(), below.json()]


# Clients


async def test_the_secret_is_told_once_and_never_again(admin: Caller) -> None:
    client = await a_client(admin)
    secret = client.pop("client_secret")
    assert len(secret) >= 40
    path = f"/v1/clients/{client['id']}"
    assert (await admin.get(path)).json() == client
    for answer in (
        await admin.get(path),
        await admin.get("/v1/clients", params={"limit": 200}),
        await admin.patch(path, {"name": "新名"}, headers={"If-Match": '"1"'}),
        await admin.post(f"{path}/disable"),
        await admin.post(f"{path}/enable"),
    ):
        assert answer.status_code == 200
        assert secret not in answer.text
        assert "secret" not in answer.text
    rotated = (await admin.post(f"{path}/rotate-secret")).json()["client_secret"]
    assert rotated != secret


@pytest.mark.parametrize("path", ["/v1/clients", "/v1/clients/{id}/rotate-secret", "/v1/users"])
async def test_answers_that_tell_or_hold_a_secret_are_not_kept_for_a_repeat(
    system: System, admin: Caller, path: str
) -> None:
    client = await a_client(admin)
    body: dict[str, Any] | None = user_body() if path == "/v1/users" else None
    if path == "/v1/clients":
        body = {"name": "调度", "role": "dispatch", "sources": ["native"]}
    key = str(uuid4())
    answer = await admin.post(path.format(**client), body, headers={"Idempotency-Key": key})
    assert answer.status_code in {200, 201}
    kept = await system.scalar("SELECT count(*) FROM idempotency_keys WHERE key = :key", key=key)
    assert kept == 0


async def test_only_the_hash_of_a_secret_is_stored(system: System, admin: Caller) -> None:
    client = await a_client(admin)
    row = await system.scalar(
        "SELECT c::text FROM clients c WHERE client_id = :name", name=client["client_id"]
    )
    assert client["client_secret"] not in row
    assert client["client_secret"].encode().hex() not in row


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "dispatch", "sources": []},
        {"role": "dispatch", "sources": ["native"], "customer_ids": ["own"]},
        {"role": "partner", "sources": [], "customer_ids": []},
        {"role": "partner", "sources": ["native"], "customer_ids": ["own"]},
        {"role": "admin"},
        {"role": "hr"},
        {"sources": ["nobody"]},
        {"role": "partner", "sources": [], "customer_ids": ["nobody"]},
        {"client_secret": "chosen by the caller"},
    ],
)
async def test_a_client_that_can_not_be_is_refused(
    system: System, admin: Caller, fields: dict[str, Any]
) -> None:
    ids = {"own": (await a_customer(system))["id"], "nobody": str(uuid4())}
    if "customer_ids" in fields:
        fields = fields | {"customer_ids": [ids[each] for each in fields["customer_ids"]]}
    body = {"name": "客户端", "role": "dispatch", "sources": ["native"]} | fields
    answer = await admin.post("/v1/clients", body)
    assert answer.status_code == 422, answer.text


async def test_a_client_may_bring_its_id_and_two_can_not_have_the_same(admin: Caller) -> None:
    name = f"portal-{secrets.token_hex(4)}"
    assert (await a_client(admin, client_id=name))["client_id"] == name
    again = await admin.post(
        "/v1/clients", {"name": "x", "role": "dispatch", "sources": ["sf"], "client_id": name}
    )
    assert (again.status_code, pointers(again)) == (409, ["/body/client_id"])


async def test_a_client_changes_under_its_etag(system: System, admin: Caller) -> None:
    first, second = [(await a_customer(system))["id"] for _ in range(2)]
    client = await a_client(admin, role="partner", sources=[], customer_ids=[first])
    path = f"/v1/clients/{client['id']}"
    assert (await admin.patch(path, {"name": "x"})).status_code == 428
    changed = await admin.patch(path, {"customer_ids": [second, second]}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["customer_ids"]) == (200, [second]), changed.text
    assert changed.headers["ETag"] == '"2"'
    stale = await admin.patch(path, {"customer_ids": [first]}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert (await admin.get(path)).json()["customer_ids"] == [second]


async def test_a_client_keeps_what_its_role_allows(system: System, admin: Caller) -> None:
    customer = (await a_customer(system))["id"]
    dispatch = await a_client(admin)
    partner = await a_client(admin, role="partner", sources=[], customer_ids=[customer])
    for client, change, pointer in (
        (dispatch, {"customer_ids": [customer]}, "/body/customer_ids"),
        (partner, {"sources": ["native"]}, "/body/sources"),
    ):
        answer = await admin.patch(f"/v1/clients/{client['id']}", change, headers={"If-Match": '"1"'})
        assert (answer.status_code, pointers(answer)) == (422, [pointer]), answer.text


async def test_clients_are_listed_by_role(admin: Caller) -> None:
    client = await a_client(admin)
    for role, there in (("dispatch", True), ("partner", False)):
        page = (await admin.get("/v1/clients", params={"role": role, "limit": 200})).json()
        assert (client["client_id"] in {each["client_id"] for each in page["items"]}) == there


# Who I am


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.DISPATCH, Role.PARTNER}))
async def test_everybody_reads_who_they_are_in_both_languages(system: System, role: Role) -> None:
    caller = await system.as_role(role)
    answers = {
        language: (await caller.get("/v1/me", headers={"Accept-Language": language})).json()
        for language in ("zh", "en")
    }
    for answer in answers.values():
        assert answer["scopes"] == sorted(scope.value for scope in ROLE_SCOPES[role])
        assert [each["code"] for each in answer["roles"]] == [role]
    assert answers["en"]["roles"][0]["label"].isascii()
    assert "\u4e00" <= answers["zh"]["roles"][0]["label"][0] <= "\u9fff"


async def test_me_tells_department_level_superior_and_deputy(system: System, admin: Caller) -> None:
    code = f"D{secrets.token_hex(4)}"
    department = (await admin.post("/v1/departments", {"code": code, "name": "运营部"})).json()
    caller, boss, deputy = [await system.staff(Role.OPERATIONS) for _ in range(3)]
    place = {"department_id": department["id"], "superior_id": boss.id, "deputy_id": deputy.id}
    change = {**place, "level": "manager"}
    answer = await admin.patch(f"/v1/users/{caller.id}", change, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text
    mine = (await caller.get("/v1/me")).json()
    assert mine["department"] == department
    assert (mine["level"], mine["superior_id"], mine["deputy_id"]) == ("manager", boss.id, deputy.id)


# Nobody sees a secret


async def test_no_answer_and_no_schema_holds_a_hash_or_a_secret(empty_system: System) -> None:
    admin = await empty_system.as_role(Role.ADMIN)
    auditor = await empty_system.as_role(Role.AUDITOR)
    user, client = await a_user(admin), await a_client(admin)
    secret_hash = await empty_system.scalar("SELECT encode(secret_hash, 'hex') FROM clients")
    form = {"grant_type": "password", "username": user["username"], "password": PASSWORD}
    tokens = (await empty_system.http.post("/v1/auth/token", data=form)).json()
    for caller in (admin, auditor):
        for path in (
            "/v1/users",
            f"/v1/users/{user['id']}",
            "/v1/clients",
            f"/v1/clients/{client['id']}",
            "/v1/audit/events",
            "/v1/audit/accesses",
            "/v1/me",
        ):
            text = (await caller.get(path)).text
            for secret in (
                "argon2",
                "hash",
                PASSWORD,
                secret_hash,
                client["client_secret"],
                tokens["access_token"],
                tokens["refresh_token"],
            ):
                assert secret not in text, (path, secret)


def test_only_the_answers_made_for_it_name_a_secret() -> None:
    schemas = description()["components"]["schemas"]
    named = {
        (name, field)
        for name, schema in schemas.items()
        for field in schema.get("properties", {})
        if any(word in field for word in ("secret", "password", "hash", "token"))
    }
    answers = {(name, field) for name, field in named if not name.startswith("Body_")}
    assert answers == {
        ("ClientSecret", "client_secret"),
        ("LinkMade", "token"),
        ("TokenRead", "access_token"),
        ("TokenRead", "token_type"),
        ("TokenRead", "refresh_token"),
        ("UserCreate", "password"),
        ("PasswordReset", "password"),
    }
