"""The written report: composed from the case, confirmed by its handler, and never changed after that."""

import json
import re
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.roles import Role
from app.services.complaints.report import paper
from app.services.complaints.report.keeping import canonical
from app.settings import settings
from tests.complaints import NO, YES, an_answered, answered, nobodys, reported, said
from tests.owner import owner
from tests.system import Caller, System, a_customer, a_shipment


@pytest.fixture
async def service(system: System) -> Caller:
    return await system.as_role(Role.CUSTOMER_SERVICE)


async def stored(system: System, complaint: str, version: int = 1) -> dict[str, Any]:
    found = await system.scalar(
        "SELECT content FROM complaint_reports WHERE complaint_id = :id AND version = :version",
        id=UUID(complaint),
        version=version,
    )
    return dict(found)


async def test_a_report_tells_the_whole_case_and_is_numbered(system: System, service: Caller) -> None:
    shipment = await a_shipment(system)
    numbers = [shipment["tracking_no"], "SF0000000000000X"]
    complaint = await an_answered(system, tracking_nos=numbers)
    report = await said(service, complaint, "report", status=201)
    assert re.fullmatch(r"R-\d{4}-\d{6}", report["number"])
    assert (report["version"], report["state"], report["cycle"], report["answer_number"]) == (
        1,
        "draft",
        1,
        1,
    )
    content = report["content"]
    assert content["complaint"]["category"]["zh"] == "损毁"
    assert {each["tracking_no"] for each in content["consignments"]} == set(numbers)
    assert content["timeline"][0]["event"]["code"] == "complaint.received"
    assert content["timeline"][-1]["event"]["code"] == "complaint.answered"
    verdicts = {each["metric"]["code"]: each["verdict"]["code"] for each in content["clocks"]}
    assert verdicts["resolution"] == "met"
    (answer,) = content["answers"]
    assert (answer["liable_party"]["code"], answer["root_cause"]["code"]) == ("carrier_hub", "handling")
    assert content["call_backs"] == []
    assert content["closing"] is None


async def test_without_an_answer_there_is_nothing_to_report(service: Caller) -> None:
    body = {
        "category": "damage",
        "description": "外箱破损",
        "remedy_sought": "赔偿",
        "complainant": {"name": "李明", "role": "recipient"},
    }
    complaint = (await service.post("/v1/complaints", body)).json()["id"]
    assert (await said(service, complaint, "report", status=409))["missing"] == ["answer"]
    assert (await said(service, complaint, "report/confirm", {"version": 1}, status=409))["missing"] == [
        "report"
    ]


async def test_the_hash_is_of_the_canonical_json_of_what_is_stored(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    report = await said(service, complaint, "report", status=201)
    content = await stored(system, complaint)
    assert report["sha256"] == sha256(canonical(content)).hexdigest()
    plain = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert report["sha256"] == sha256(plain.encode()).hexdigest()


async def test_json_is_masked_and_the_pdf_is_not(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    report = await said(service, complaint, "report", status=201)
    assert report["content"]["complaint"]["complainant"]["name"] == "李*"
    assert "*" in report["content"]["complaint"]["complainant"]["phone"]
    assert (await stored(system, complaint))["complaint"]["complainant"]["name"] == "李喆"


async def test_what_was_confirmed_is_kept_to_the_byte(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await reported(system, complaint)
    report = (await service.get(f"/v1/complaints/{complaint}/report")).json()
    assert (report["state"], report["confirmed_by"]) == ("confirmed", service.id)
    first = await service.get(f"/v1/complaints/{complaint}/report/pdf")
    again = await service.get(f"/v1/complaints/{complaint}/report/pdf")
    assert first.content == again.content
    assert first.content.startswith(b"%PDF-")
    assert first.headers["content-type"] == "application/pdf"
    assert first.headers["content-disposition"].startswith("attachment")
    assert report["pdf_sha256"] == sha256(first.content).hexdigest()


async def test_the_same_content_is_set_to_the_same_bytes(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await said(service, complaint, "report", status=201)
    content = await stored(system, complaint)
    printable = {"number": "R-2026-000001", "version": 1, "sha256": "0" * 64, "content": content}
    assert paper.typeset(printable) == paper.typeset(printable)
    assert paper.typeset(printable) != paper.typeset(printable | {"version": 2})


@pytest.mark.parametrize(
    "table", ["complaint_reports", "complaint_report_confirmations", "complaint_call_backs"]
)
@pytest.mark.parametrize("statement", ["UPDATE {} SET complaint_id = complaint_id", "DELETE FROM {}"])
async def test_nobody_changes_what_is_frozen(system: System, table: str, statement: str) -> None:
    async with owner(system) as connection:
        await connection.execute("SET ROLE crm_app")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(table))


async def test_a_later_word_is_a_new_version_under_the_same_number(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    assert await reported(system, complaint) == 1
    await said(service, complaint, "call-backs", YES, 201)
    assert await reported(system, complaint) == 2
    first = (await service.get(f"/v1/complaints/{complaint}/report", params={"version": 1})).json()
    latest = (await service.get(f"/v1/complaints/{complaint}/report")).json()
    assert (first["number"], first["state"]) == (latest["number"], "confirmed")
    assert first["content"]["call_backs"] == []
    assert [each["accepted"] for each in latest["content"]["call_backs"]] == [True]
    assert (await service.get(f"/v1/complaints/{complaint}/report", params={"version": 3})).status_code == 404


async def test_only_the_latest_version_is_confirmed_and_once(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await said(service, complaint, "report", status=201)
    await said(service, complaint, "report", status=201)
    await said(service, complaint, "report/confirm", {"version": 1}, 409)
    await said(service, complaint, "report/confirm", {"version": 2})
    await said(service, complaint, "report/confirm", {"version": 2}, 409)


async def test_a_report_on_an_older_answer_is_not_confirmed(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await said(service, complaint, "report", status=201)
    await said(service, complaint, "call-backs", NO, 201)
    await said(service, complaint, "report/confirm", {"version": 1}, 409)
    await said(service, complaint, "report", status=409)
    await answered(system, complaint)
    await said(service, complaint, "report/confirm", {"version": 1}, 409)
    assert await reported(system, complaint) == 2


async def test_the_handler_confirms_and_nobody_else(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await said(service, complaint, "report", status=201)
    other = await system.staff(Role.CUSTOMER_SERVICE)
    await nobodys(system, complaint, other.id)
    await said(service, complaint, "report/confirm", {"version": 1}, 403)
    await said(other, complaint, "report/confirm", {"version": 1})


async def test_each_pdf_is_a_look_that_is_written_down(system: System) -> None:
    customer = (await a_customer(system))["id"]
    complaint = await an_answered(system, customer_id=customer)
    looker = await system.staff(Role.CUSTOMER_SERVICE)
    await said(looker, complaint, "report", status=201)
    assert (await looker.get(f"/v1/complaints/{complaint}/report/pdf")).status_code == 200
    seen = "SELECT data->>'complaint_id' FROM accesses WHERE principal_id = :who AND customer_id = :whose"
    assert await system.scalar(seen, who=looker.principal.id, whose=UUID(customer)) == complaint
    async with owner(system) as connection:
        await connection.execute(
            "INSERT INTO accesses (id, kind, principal_id, data)"
            " SELECT gen_random_uuid(), 'revealed', $1, '{}' FROM generate_series(1, $2)",
            looker.principal.id,
            settings().reveals_per_day,
        )
    assert (await looker.get(f"/v1/complaints/{complaint}/report/pdf")).status_code == 403


async def test_who_may_not_see_personal_data_gets_no_pdf(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await said(service, complaint, "report", status=201)
    operations = await system.as_role(Role.OPERATIONS)
    assert (await operations.get(f"/v1/complaints/{complaint}/report")).status_code == 200
    assert (await operations.get(f"/v1/complaints/{complaint}/report/pdf")).status_code == 403


async def test_a_report_that_was_forgotten_keeps_its_number_and_hash(system: System, service: Caller) -> None:
    complaint = await an_answered(system)
    await reported(system, complaint)
    before = (await service.get(f"/v1/complaints/{complaint}/report")).json()
    async with owner(system) as connection:
        await connection.execute("SET ROLE crm_app")
        await connection.execute("SELECT forget_complaint_ends($1)", [UUID(complaint)])
    after = (await service.get(f"/v1/complaints/{complaint}/report")).json()
    assert after == before | {"content": None}
    assert (await service.get(f"/v1/complaints/{complaint}/report/pdf")).status_code == 404


def test_the_picture_places_every_mark_between_the_first_instant_and_the_last() -> None:
    clock = {
        "kind": {"code": "statutory", "zh": "法定"},
        "metric": {"code": "resolution", "zh": "办结"},
        "due_at": "2026-10-08T16:00:00+00:00",
        "stopped_at": None,
        "verdict": {"code": "breached", "zh": "超期"},
    }
    call = {"method": {"zh": "电话"}, "accepted": None, "reached": False, "note": None}
    content = {
        "complaint": {"received_at": "2026-10-01T01:00:00+00:00", "acknowledged_at": None},
        "timeline": [],
        "clocks": [clock],
        "answers": [{"told_at": "2026-10-10T01:00:00+00:00"}],
        "call_backs": [call | {"attempted_at": f"2026-10-1{day}T01:00:00+00:00"} for day in range(9)],
    }
    picture = paper._picture(content)
    assert len(picture["events"]) == paper.EVENTS
    assert picture["events"][0]["label"] == "受理"
    assert (picture["events"][0]["at"], picture["events"][-1]["at"]) == (0, 1)
    assert all(0 <= each["at"] <= 1 for each in (*picture["dues"], *picture["ticks"]))
    assert [each["tone"] for each in picture["dues"]] == ["bad"]
    assert 0 < len(picture["ticks"]) <= paper.TICKS
