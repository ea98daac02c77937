"""What is said about a complaint: kept once, in words that are versions, with what follows from it."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.roles import Role
from tests.canaries import TEXT, assert_no_canary
from tests.system import Caller, System, a_customer, a_number
from tests.test_complaints import registered, said


@pytest.fixture
async def service(system: System) -> Caller:
    return await system.as_role(Role.CUSTOMER_SERVICE)


def a_word(**fields: Any) -> dict[str, Any]:
    return {"direction": "out", "channel": "hotline", "text": "正在核实，明天答复您"} | fields


async def told(service: Caller, complaint: dict[str, Any], **fields: Any) -> Any:
    return await service.post(f"/v1/complaints/{complaint['id']}/messages", a_word(**fields))


async def read(service: Caller, complaint: dict[str, Any]) -> dict[str, Any]:
    return dict((await service.get(f"/v1/complaints/{complaint['id']}")).json())


async def messages(service: Caller, complaint: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    answer = await service.get(f"/v1/complaints/{complaint['id']}/messages", params=query)
    return list(answer.json()["items"])


async def test_at_intake_the_complainant_is_told_number_and_due_time_in_the_systems_name(
    service: Caller,
) -> None:
    number = a_number()
    complaint = await registered(service, tracking_nos=[number], received_at="2026-10-01T23:30:00+08:00")
    (first,) = await messages(service, complaint)
    assert (first["direction"], first["channel"], first["written_by"]) == (
        "out",
        "hotline",
        f"{0:032x}"[:8] + "-0000-0000-0000-000000000000",
    )
    assert first["template_code"] == "acknowledgement"
    assert all(word in first["text"] for word in (complaint["number"], number, "2026-10-08 24:00"))
    assert complaint["responded_at"] is None


async def test_a_persons_first_word_to_the_customer_is_the_first_response(service: Caller) -> None:
    complaint = await registered(service)
    assert (
        await service.post(f"/v1/complaints/{complaint['id']}/notes", {"text": "待查"})
    ).status_code == 201
    await told(service, complaint, direction="in")
    assert (await read(service, complaint))["responded_at"] is None
    assert (await told(service, complaint)).status_code == 201
    first = (await read(service, complaint))["responded_at"]
    assert first is not None
    await told(service, complaint)
    answered = await read(service, complaint)
    assert answered["responded_at"] == first
    states = {each["metric"]: each["state"] for each in answered["clocks"] if each["kind"] == "internal"}
    assert states["first_response"] == "met"


async def test_the_customers_word_ends_a_pause_for_the_customer_and_no_other(
    system: System, service: Caller
) -> None:
    key = (await a_customer(system, tier="key"))["id"]
    complaint = await registered(service, customer_id=key)
    await said(service, complaint, "pause", {"reason": "awaiting_evidence"})
    await told(service, complaint, direction="in")
    assert (await read(service, complaint))["status"] == "waiting"
    await said(service, complaint, "resume")
    await said(service, complaint, "pause", {"reason": "awaiting_customer"})
    await told(service, complaint)
    assert (await read(service, complaint))["status"] == "waiting"
    await told(service, complaint, direction="in")
    assert (await read(service, complaint))["status"] == "investigating"


async def test_what_rested_after_the_customer_had_written_is_illegitimate(
    system: System, service: Caller
) -> None:
    key = (await a_customer(system, tier="key"))["id"]
    complaint = await registered(service, customer_id=key)
    await said(service, complaint, "pause", {"reason": "awaiting_customer"})
    hour = "at = at - interval '1 hour'"
    ours = "clock_id IN (SELECT id FROM clocks WHERE subject_id = CAST(:id AS uuid))"
    from tests.owner import owner

    async with owner(system) as connection:
        for statement in (
            f"UPDATE clock_events SET {hour} WHERE {ours}",
            "UPDATE clocks SET started_at = started_at - interval '1 hour' WHERE subject_id = CAST(:id AS uuid)",
        ):
            await connection.execute(statement.replace(":id", f"'{complaint['id']}'"))
    wrote = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    assert (await told(service, complaint, direction="in", said_at=wrote)).status_code == 201
    explained = await service.get(
        f"/v1/complaints/{complaint['id']}/clocks/explain",
        params={"clock": "contract", "metric": "resolution"},
    )
    assert 1795 <= explained.json()["illegitimate_seconds"] <= 1900, explained.text


async def test_the_same_message_of_a_channel_is_kept_once_however_often_and_at_once_it_comes(
    service: Caller,
) -> None:
    complaint, other = await registered(service), await registered(service)
    word = {"direction": "in", "channel": "wechat", "message_id": f"wx{secrets.token_hex(6)}"}
    answers = await asyncio.gather(*(told(service, complaint, **word) for _ in range(5)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["id"] for each in answers}) == 1
    elsewhere = await told(service, other, **word)
    assert (elsewhere.status_code, elsewhere.json()["errors"][0]["pointer"]) == (409, "/body/message_id")


async def test_nothing_was_said_later_than_now(service: Caller) -> None:
    answer = await told(service, await registered(service), said_at="2199-01-01T00:00:00Z")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/said_at")


async def test_notes_and_messages_are_told_apart_and_masked_alike(service: Caller) -> None:
    complaint = await registered(service)
    note = await service.post(f"/v1/complaints/{complaint['id']}/notes", {"text": TEXT})
    await told(service, complaint, text=TEXT)
    inside = await messages(service, complaint, visibility="internal")
    assert [each["id"] for each in inside] == [note.json()["id"]]
    assert {each["visibility"] for each in await messages(service, complaint, direction="out")} == {"public"}
    assert_no_canary(str(await messages(service, complaint)), "messages")


async def test_whoever_only_investigates_leaves_notes_and_does_not_speak_to_the_customer(
    system: System, service: Caller
) -> None:
    operations, complaint = await system.as_role(Role.OPERATIONS), await registered(service)
    path = f"/v1/complaints/{complaint['id']}"
    assert (await operations.post(f"{path}/notes", {"text": "录像已调取"})).status_code == 201
    assert (await operations.post(f"{path}/messages", a_word())).status_code == 403


# Wordings


async def a_wording(service: Caller, **fields: str) -> Any:
    body = {"code": f"t{secrets.token_hex(5)}", "purpose": "other", "zh": "编号 {number}", "en": "{number}"}
    return await service.post("/v1/message-templates", body | fields)


async def test_a_wording_keeps_its_versions_and_the_last_one_is_used(service: Caller) -> None:
    first = (await a_wording(service)).json()
    second = (await a_wording(service, code=first["code"], zh="您的编号：{number}")).json()
    assert (first["number"], second["number"]) == (1, 2)
    path = f"/v1/message-templates/{first['code']}"
    assert (await service.get(path)).json() == second
    query = {"code": first["code"]}
    kept = (await service.get("/v1/message-templates", params=query)).json()["items"]
    assert kept == [second, first]
    used = (await service.get("/v1/message-templates", params=query | {"current": "true"})).json()["items"]
    assert used == [second]
    complaint = await registered(service)
    body = {"complaint_id": complaint["id"], "language": "en"}
    assert (await service.post(f"{path}/render", body)).json()["text"] == complaint["number"]
    sent = await told(service, complaint, template_code=first["code"])
    assert (sent.json()["template_code"], sent.json()["template_number"]) == (first["code"], 2)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["Zürich", "number.x", "number!r", "", " number"])
async def test_an_unknown_placeholder_is_refused_by_name(service: Caller, language: str, name: str) -> None:
    answer = await a_wording(service, **{language: f"顺丰 {{{name}}}"})
    problem = answer.json()
    assert (answer.status_code, problem["errors"][0]["pointer"]) == (422, f"/body/{language}")
    assert f"{{{name}}}" in problem["errors"][0]["detail"]


async def test_a_wording_that_is_not_there_is_refused_where_it_was_named(service: Caller) -> None:
    answer = await told(service, await registered(service), template_code="nothing")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/template_code")
    missing = await service.post(
        "/v1/message-templates/nothing/render", {"complaint_id": f"{0:08}-0000-0000-0000-000000000000"}
    )
    assert missing.status_code == 404


async def test_every_wording_that_comes_with_the_product_can_be_filled_in(service: Caller) -> None:
    complaint = await registered(service)
    shipped = (await service.get("/v1/message-templates", params={"limit": 200})).json()["items"]
    codes = {each["code"] for each in shipped if each["created_by"].startswith("00000000")}
    assert codes >= {"acknowledgement", "waiting", "answer", "confirmation", "closing", "reopened"}
    for code in codes:
        for language in ("zh", "en"):
            body = {"complaint_id": complaint["id"], "language": language}
            filled = (await service.post(f"/v1/message-templates/{code}/render", body)).json()["text"]
            assert complaint["number"] in filled
            assert "{" not in filled
