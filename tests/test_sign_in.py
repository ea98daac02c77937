"""Signing in, staying in, and being put out: what each answer says, and from when it counts."""

import asyncio
import secrets
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from pwdlib import PasswordHash

from app import passwords
from app.roles import Role, scopes_of
from app.schemas.account import ClientCreate
from app.security import Principal
from app.services import accounts
from tests.owner import execute, owner
from tests.system import PASSWORD, Caller, System, a_customer, a_number, a_shipment, an_event, running

WRONG = "wrong horse battery staple"


async def a_user(system: System, *roles: Role, username: str | None = None) -> dict[str, Any]:
    """A member of staff with a password, made by an admin."""
    name = username or f"user_{secrets.token_hex(6)}"
    body = {"username": name, "password": PASSWORD, "name": "顺丰测试员", "roles": roles or [Role.HR]}
    answer = await (await system.as_role(Role.ADMIN)).post("/v1/users", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def a_client(system: System) -> dict[str, Any]:
    """A partner client with its secret, made by an admin."""
    customer = await a_customer(system)
    body = {"name": "合作伙伴", "role": "partner", "customer_ids": [customer["id"]]}
    answer = await (await system.as_role(Role.ADMIN)).post("/v1/clients", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def token(system: System, grant_type: str | None = None, **form: Any) -> httpx.Response:
    given = form | ({"grant_type": grant_type} if grant_type else {})
    return await system.http.post("/v1/auth/token", data=given)


async def sign_in(system: System, username: str, password: str = PASSWORD) -> httpx.Response:
    return await token(system, "password", username=username, password=password)


async def signed_in(system: System, username: str) -> dict[str, Any]:
    answer = await sign_in(system, username)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def refresh(system: System, refresh_token: str) -> httpx.Response:
    return await token(system, "refresh_token", refresh_token=refresh_token)


async def revoke(system: System, spent: str) -> None:
    answer = await system.http.post("/v1/auth/revoke", data={"token": spent})
    assert (answer.status_code, answer.content) == (200, b"")


async def me(system: System, access_token: str) -> int:
    answer = await system.http.get("/v1/me", headers={"Authorization": f"Bearer {access_token}"})
    return answer.status_code


def told(answer: httpx.Response) -> dict[str, Any]:
    """The answer without what differs from request to request."""
    return {name: value for name, value in answer.json().items() if name != "trace_id"}


def assert_oauth_error(answer: httpx.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


# Who gets in


def test_passwords_are_hashed_as_owasp_advises() -> None:
    variant, _, cost = PasswordHash.recommended().hash(PASSWORD).split("$")[1:4]
    memory, passes, _ = (int(part.partition("=")[2]) for part in cost.split(","))
    assert variant == "argon2id"
    assert memory >= 19 * 1024
    assert passes >= 2


async def test_staff_sign_in_with_their_password(system: System) -> None:
    user = await a_user(system, Role.HR, Role.SALES)
    answer = await sign_in(system, user["username"])
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert set(tokens["scope"].split()) == scopes_of([Role.HR, Role.SALES])
    assert tokens["refresh_token"]
    assert await me(system, tokens["access_token"]) == 200


async def test_machines_sign_in_with_their_secret_and_get_nothing_to_refresh(system: System) -> None:
    client = await a_client(system)
    answer = await token(
        system, "client_credentials", client_id=client["client_id"], client_secret=client["client_secret"]
    )
    assert answer.json()["refresh_token"] is None
    found = await system.http.get(
        "/v1/partner/shipments",
        params={"tracking_no": a_number()},
        headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
    )
    assert found.status_code == 200


async def test_a_password_may_be_chinese_and_a_name_from_zurich(system: System) -> None:
    username = f"zurich_{secrets.token_hex(4)}"
    body = {"username": username, "name": "Jürg Zürich", "roles": ["hr"]}
    password = "正确的马电池订书钉，１２３"
    admin = await system.as_role(Role.ADMIN)
    assert (await admin.post("/v1/users", body | {"password": password})).status_code == 201
    assert (await sign_in(system, username, password)).status_code == 200
    assert (await sign_in(system, username, password[:-1])).status_code == 400


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "invalid_request"),
        ({"grant_type": "password", "username": "a"}, "invalid_request"),
        ({"grant_type": "client_credentials", "client_id": "a"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "a"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "nonsense"}, "invalid_grant"),
    ],
)
async def test_a_refused_grant_says_why_in_the_words_of_rfc_6749(
    system: System, form: dict[str, str], error: str
) -> None:
    assert_oauth_error(await system.http.post("/v1/auth/token", data=form), 400, error)


async def test_a_wrong_client_is_401_with_a_challenge(system: System) -> None:
    answer = await token(system, "client_credentials", client_id=secrets.token_hex(8), client_secret="x")
    assert_oauth_error(answer, 401, "invalid_client")
    assert "www-authenticate" in answer.headers


async def test_unknown_wrong_and_disabled_get_equal_answers(system: System) -> None:
    known, closed = await a_user(system), await a_user(system)
    await (await system.as_role(Role.ADMIN)).post(f"/v1/users/{closed['id']}/disable")
    answers = [
        await sign_in(system, known["username"], WRONG),
        await sign_in(system, f"nobody_{secrets.token_hex(6)}", WRONG),
        await sign_in(system, closed["username"]),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert told(answers[0]) == told(answers[1]) == told(answers[2])
    headers = [set(answer.headers) for answer in answers]
    assert headers[0] == headers[1] == headers[2]


async def test_unknown_wrong_and_disabled_all_cost_one_argon2(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, closed = await a_user(system), await a_user(system)
    await (await system.as_role(Role.ADMIN)).post(f"/v1/users/{closed['id']}/disable")
    hashes: list[str] = []
    true = passwords._passwords.verify
    passwords._dummy_hash()

    def verify(password: str, hashed: str) -> bool:
        hashes.append(hashed)
        return true(password, hashed)

    monkeypatch.setattr(passwords._passwords, "verify", verify)
    for name in (known["username"], f"nobody_{secrets.token_hex(6)}", closed["username"]):
        await sign_in(system, name, WRONG)
    costs = {hashed.rpartition("$")[0].rpartition("$")[0] for hashed in hashes}
    assert len(hashes) == 3
    assert len(costs) == 1
    assert costs.pop().startswith("$argon2id$")


async def test_an_unknown_and_a_wrong_client_get_equal_answers(system: System) -> None:
    client = await a_client(system)
    wrong = await token(system, "client_credentials", client_id=client["client_id"], client_secret="x")
    nobody = await token(system, "client_credentials", client_id=secrets.token_hex(8), client_secret="x")
    assert told(wrong) == told(nobody)


async def test_a_disabled_client_does_not_get_in_with_its_right_secret(system: System) -> None:
    client = await a_client(system)
    await (await system.as_role(Role.ADMIN)).post(f"/v1/clients/{client['id']}/disable")
    answer = await token(
        system, "client_credentials", client_id=client["client_id"], client_secret=client["client_secret"]
    )
    assert_oauth_error(answer, 401, "invalid_client")


async def test_a_user_is_no_client_and_a_client_no_user(system: System) -> None:
    user, client = await a_user(system), await a_client(system)
    as_client = await token(system, "client_credentials", client_id=user["username"], client_secret=PASSWORD)
    assert_oauth_error(as_client, 401, "invalid_client")
    as_user = await sign_in(system, client["client_id"], client["client_secret"])
    assert_oauth_error(as_user, 400, "invalid_grant")


# Lock-out


def assert_locked(answer: httpx.Response) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.json()["type"] == "/problems/too-many-requests"
    assert 14 * 60 < int(answer.headers["retry-after"]) <= 15 * 60 + 1


async def move_lock(system: System, minutes: int) -> None:
    """Let this much time pass for every name that stands in the table of failures."""
    await execute(
        system,
        "UPDATE sign_in_failures SET window_started_at = window_started_at - make_interval(mins => :m),"
        " locked_until = locked_until - make_interval(mins => :m)",
        m=minutes,
    )


async def test_five_failures_lock_the_name_out_for_the_right_password_too(system: System) -> None:
    user = await a_user(system)
    for _ in range(5):
        assert_oauth_error(await sign_in(system, user["username"], WRONG), 400, "invalid_grant")
    assert_locked(await sign_in(system, user["username"]))


async def test_an_unknown_name_is_locked_out_just_the_same(system: System) -> None:
    name = f"nobody_{secrets.token_hex(6)}"
    statuses = [(await sign_in(system, name, WRONG)).status_code for _ in range(5)]
    assert statuses == [400] * 5
    assert_locked(await sign_in(system, name, WRONG))


async def test_parallel_guesses_are_no_way_around_the_limit(system: System) -> None:
    user = await a_user(system)
    answers = await asyncio.gather(*(sign_in(system, user["username"], WRONG) for _ in range(16)))
    assert sorted(answer.status_code for answer in answers) == [400] * 5 + [429] * 11


async def test_a_lock_ends_after_fifteen_minutes_and_not_before(empty_system: System) -> None:
    user = await a_user(empty_system)
    for _ in range(6):
        await sign_in(empty_system, user["username"], WRONG)
    await move_lock(empty_system, 14)
    assert (await sign_in(empty_system, user["username"])).status_code == 429
    await move_lock(empty_system, 2)
    assert (await sign_in(empty_system, user["username"])).status_code == 200


async def test_after_a_lock_there_are_five_attempts_again(empty_system: System) -> None:
    for _ in range(5):
        await sign_in(empty_system, "nobody", WRONG)
    await move_lock(empty_system, 16)
    statuses = [(await sign_in(empty_system, "nobody", WRONG)).status_code for _ in range(6)]
    assert statuses == [400] * 5 + [429]


async def test_failures_that_lie_further_apart_than_fifteen_minutes_are_not_added_up(
    empty_system: System,
) -> None:
    for _ in range(4):
        await sign_in(empty_system, "nobody", WRONG)
    await move_lock(empty_system, 16)
    statuses = [(await sign_in(empty_system, "nobody", WRONG)).status_code for _ in range(5)]
    assert statuses == [400] * 5


async def test_a_guess_during_the_lock_does_not_prolong_it(empty_system: System) -> None:
    for _ in range(5):
        await sign_in(empty_system, "nobody", WRONG)
    await move_lock(empty_system, 10)
    before = await empty_system.scalar("SELECT locked_until FROM sign_in_failures")
    await sign_in(empty_system, "nobody", WRONG)
    assert await empty_system.scalar("SELECT locked_until FROM sign_in_failures") == before


async def test_success_forgets_the_failures_before_it(system: System) -> None:
    user = await a_user(system)
    for _ in range(2):
        for _ in range(4):
            await sign_in(system, user["username"], WRONG)
        assert (await sign_in(system, user["username"])).status_code == 200


async def test_a_clients_right_secret_is_never_locked_out(system: System) -> None:
    client = await a_client(system)

    async def attempt(secret: str) -> int:
        answer = await token(
            system, "client_credentials", client_id=client["client_id"], client_secret=secret
        )
        return answer.status_code

    assert [await attempt("x") for _ in range(6)] == [401] * 5 + [429]
    assert await attempt(client["client_secret"]) == 200
    assert await attempt("x") == 429


async def test_no_name_stands_in_the_table_of_failures(empty_system: System) -> None:
    await sign_in(empty_system, "secret_agent", WRONG)
    row = await empty_system.scalar("SELECT f::text FROM sign_in_failures f")
    assert "secret_agent" not in row
    assert b"secret_agent".hex() not in row


# Refresh tokens


async def test_a_refresh_token_gives_new_tokens_with_the_roles_of_today(system: System) -> None:
    user = await a_user(system)
    first = await signed_in(system, user["username"])
    second = (await refresh(system, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert await me(system, second["access_token"]) == 200
    assert (await refresh(system, second["refresh_token"])).status_code == 200


async def test_a_refresh_token_used_twice_ends_everything_of_its_sign_in(system: System) -> None:
    user = await a_user(system)
    first = await signed_in(system, user["username"])
    second = (await refresh(system, first["refresh_token"])).json()
    third = (await refresh(system, second["refresh_token"])).json()
    assert_oauth_error(await refresh(system, first["refresh_token"]), 400, "invalid_grant")
    assert_oauth_error(await refresh(system, third["refresh_token"]), 400, "invalid_grant")
    for link in (first, second, third):
        assert await me(system, link["access_token"]) == 401


async def test_reuse_in_one_sign_in_leaves_another_alone(system: System) -> None:
    user = await a_user(system)
    phone, desk = [await signed_in(system, user["username"]) for _ in range(2)]
    for _ in range(2):
        await refresh(system, phone["refresh_token"])
    assert await me(system, desk["access_token"]) == 200
    assert (await refresh(system, desk["refresh_token"])).status_code == 200


async def test_of_two_simultaneous_uses_one_wins_and_the_family_ends(system: System) -> None:
    user = await a_user(system)
    first = await signed_in(system, user["username"])
    answers = await asyncio.gather(*(refresh(system, first["refresh_token"]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert (await refresh(system, won["refresh_token"])).status_code == 400


async def test_a_link_added_at_the_moment_of_the_reuse_ends_with_its_family(empty_system: System) -> None:
    """The thief repeats the old token while the owner refreshes the new one: the owner's next link ends too."""
    user = await a_user(empty_system)
    first = await signed_in(empty_system, user["username"])
    second = (await refresh(empty_system, first["refresh_token"])).json()
    async with owner(empty_system) as watch, owner(empty_system) as holder, holder.transaction():
        await holder.execute("SELECT FROM refresh_tokens WHERE used_at IS NULL FOR UPDATE")
        honest = asyncio.create_task(refresh(empty_system, second["refresh_token"]))
        await until_waiting(watch, 1)
        stolen = asyncio.create_task(refresh(empty_system, first["refresh_token"]))
        await until_waiting(watch, 2)
    third = (await honest).json()
    assert (await stolen).status_code == 400
    assert (await refresh(empty_system, third["refresh_token"])).status_code == 400


async def until_waiting(connection: asyncpg.Connection, number: int) -> None:
    """Until this many sessions of the database wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while await connection.fetchval(waiting) < number:  # noqa: ASYNC110  # it is the database that waits
            await asyncio.sleep(0.01)


async def test_an_expired_refresh_token_is_refused(system: System) -> None:
    user = await a_user(system)
    tokens = await signed_in(system, user["username"])
    left = await system.scalar(
        "SELECT expires_at - now() FROM refresh_tokens WHERE user_id = :id", id=UUID(user["id"])
    )
    assert 29 <= left.days <= 30
    await execute(
        system, "UPDATE refresh_tokens SET expires_at = now() WHERE user_id = :id", id=UUID(user["id"])
    )
    assert_oauth_error(await refresh(system, tokens["refresh_token"]), 400, "invalid_grant")


async def test_refresh_tokens_are_stored_as_hashes_only(system: System) -> None:
    user = await a_user(system)
    tokens = await signed_in(system, user["username"])
    row = await system.scalar("SELECT r::text FROM refresh_tokens r WHERE user_id = :id", id=UUID(user["id"]))
    assert tokens["refresh_token"] not in row
    assert tokens["refresh_token"].encode().hex() not in row


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(system: System) -> None:
    tokens = await signed_in(system, (await a_user(system))["username"])
    assert await me(system, tokens["refresh_token"]) == 401
    assert_oauth_error(await refresh(system, tokens["access_token"]), 400, "invalid_grant")


# Taken back


async def test_a_revoked_access_token_ends_at_once_in_every_process(system: System) -> None:
    tokens = await signed_in(system, (await a_user(system))["username"])
    async with running(system.settings.database_url) as other:
        assert await me(other, tokens["access_token"]) == 200
        await revoke(system, tokens["access_token"])
        assert await me(system, tokens["access_token"]) == 401
        assert await me(other, tokens["access_token"]) == 401


async def test_signing_out_with_the_refresh_token_ends_both_tokens_in_every_process(system: System) -> None:
    tokens = await signed_in(system, (await a_user(system))["username"])
    async with running(system.settings.database_url) as other:
        assert await me(other, tokens["access_token"]) == 200
        await revoke(system, tokens["refresh_token"])
        assert await me(other, tokens["access_token"]) == 401
        assert_oauth_error(await refresh(other, tokens["refresh_token"]), 400, "invalid_grant")


async def test_revoking_one_token_leaves_the_persons_others(system: System) -> None:
    user = await a_user(system)
    phone, desk = [await signed_in(system, user["username"]) for _ in range(2)]
    await revoke(system, phone["refresh_token"])
    assert await me(system, desk["access_token"]) == 200
    assert (await refresh(system, desk["refresh_token"])).status_code == 200


async def test_what_is_no_token_of_ours_is_revoked_without_a_word(system: System) -> None:
    await revoke(system, "nonsense")
    spent = (await signed_in(system, (await a_user(system))["username"]))["access_token"]
    await revoke(system, spent)
    await revoke(system, spent)


async def test_a_partners_revoked_token_ends_its_look_ups(system: System) -> None:
    partner = await system.partner((await a_customer(system))["id"])
    query = {"tracking_no": a_number()}
    async with running(system.settings.database_url) as other:
        elsewhere = Caller(other.http, partner.principal, partner.token)
        assert (await elsewhere.get("/v1/partner/shipments", params=query)).status_code == 200
        await revoke(system, partner.token)
        assert (await partner.get("/v1/partner/shipments", params=query)).status_code == 401
        assert (await elsewhere.get("/v1/partner/shipments", params=query)).status_code == 401


async def test_a_disabled_user_is_out_with_the_next_request_and_stays_out_of_old_tokens(
    system: System,
) -> None:
    user, admin = await a_user(system), await system.as_role(Role.ADMIN)
    tokens = await signed_in(system, user["username"])
    async with running(system.settings.database_url) as other:
        assert await me(other, tokens["access_token"]) == 200
        await admin.post(f"/v1/users/{user['id']}/disable")
        assert await me(other, tokens["access_token"]) == 401
        assert_oauth_error(await refresh(other, tokens["refresh_token"]), 400, "invalid_grant")
    await admin.post(f"/v1/users/{user['id']}/enable")
    assert await me(system, tokens["access_token"]) == 401
    assert_oauth_error(await refresh(system, tokens["refresh_token"]), 400, "invalid_grant")
    assert (await sign_in(system, user["username"])).status_code == 200


async def test_a_new_password_ends_all_tokens_given_out_before(system: System) -> None:
    user, admin = await a_user(system), await system.as_role(Role.ADMIN)
    tokens = await signed_in(system, user["username"])
    await admin.post(f"/v1/users/{user['id']}/reset-password", {"password": WRONG})
    assert await me(system, tokens["access_token"]) == 401
    assert_oauth_error(await refresh(system, tokens["refresh_token"]), 400, "invalid_grant")
    assert_oauth_error(await sign_in(system, user["username"]), 400, "invalid_grant")
    assert (await sign_in(system, user["username"], WRONG)).status_code == 200


async def test_new_roles_end_all_tokens_given_out_before(system: System) -> None:
    user, admin = await a_user(system, Role.HR), await system.as_role(Role.ADMIN)
    tokens = await signed_in(system, user["username"])
    path = f"/v1/users/{user['id']}"
    changed = await admin.patch(path, {"roles": ["sales"]}, headers={"If-Match": f'"{user["version"]}"'})
    assert changed.status_code == 200
    assert await me(system, tokens["access_token"]) == 401
    assert (await refresh(system, tokens["refresh_token"])).status_code == 400
    assert "customers:write" in (await signed_in(system, user["username"]))["scope"]


async def test_another_change_to_a_user_ends_no_token(system: System) -> None:
    user, admin = await a_user(system), await system.as_role(Role.ADMIN)
    tokens = await signed_in(system, user["username"])
    path, headers = f"/v1/users/{user['id']}", {"If-Match": f'"{user["version"]}"'}
    changed = await admin.patch(path, {"name": "新名字", "roles": user["roles"]}, headers=headers)
    assert changed.status_code == 200
    assert await me(system, tokens["access_token"]) == 200
    assert (await refresh(system, tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("deed", ["disable", "rotate-secret"])
async def test_a_disabled_client_or_a_new_secret_ends_pushes_and_look_ups_at_once(
    system: System, deed: str
) -> None:
    admin = await system.as_role(Role.ADMIN)
    dispatch = await system.dispatch("native")
    partner = await system.partner((await a_customer(system))["id"])
    number = (await a_shipment(system))["tracking_no"]
    async with running(system.settings.database_url) as other:
        pushing = Caller(other.http, dispatch.principal, dispatch.token)
        looking = Caller(other.http, partner.principal, partner.token)
        for expected in ((202, 200), (401, 401)):
            pushed = await pushing.post("/v1/tracking-events", an_event(number, event_id=str(uuid4())))
            looked = await looking.get("/v1/partner/shipments", params={"tracking_no": number})
            assert (pushed.status_code, looked.status_code) == expected
            for client in (dispatch, partner):
                assert (await admin.post(f"/v1/clients/{client.id}/{deed}")).status_code == 200


async def test_the_old_secret_is_dead_after_rotation(system: System) -> None:
    client, admin = await a_client(system), await system.as_role(Role.ADMIN)
    rotated = (await admin.post(f"/v1/clients/{client['id']}/rotate-secret")).json()
    form = {"client_id": client["client_id"]}
    old = await token(system, "client_credentials", **form, client_secret=client["client_secret"])
    new = await token(system, "client_credentials", **form, client_secret=rotated["client_secret"])
    assert (old.status_code, new.status_code) == (401, 200)


async def test_a_sign_in_that_a_password_reset_overtakes_gives_no_lasting_token(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old password fits, the reset commits, then the tokens are made: they are of the old credentials."""
    user, admin = await a_user(empty_system), await empty_system.as_role(Role.ADMIN)
    loop = asyncio.get_running_loop()
    true = passwords._passwords.verify

    def verify(password: str, hashed: str) -> bool:
        reset = admin.post(f"/v1/users/{user['id']}/reset-password", {"password": WRONG})
        assert asyncio.run_coroutine_threadsafe(reset, loop).result(10).status_code == 200
        return true(password, hashed)

    monkeypatch.setattr(passwords._passwords, "verify", verify)
    tokens = (await sign_in(empty_system, user["username"])).json()
    assert await me(empty_system, tokens["access_token"]) == 401
    assert (await refresh(empty_system, tokens["refresh_token"])).status_code == 400


async def test_a_machine_may_show_its_secret_by_http_basic(system: System) -> None:
    async with system.database.sessions.begin() as session:
        body = ClientCreate(name="调度", role=Role.DISPATCH, sources=["native"])
        client, secret = await accounts.create_client(session, Principal.SYSTEM, body)
    answer = await system.http.post(
        "/v1/auth/token", data={"grant_type": "client_credentials"}, auth=(client.client_id, secret)
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer"
