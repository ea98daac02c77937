"""What carriers' codes mean: the shipped rows, dated meanings, and stored events read anew."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import worker
from app.database import owner_engine
from app.models.job import Job
from app.roles import Role
from app.services import jobs, reference
from app.services.codes import REMAP
from tests.steps import batch, pages, until_waiting
from tests.system import System, a_customer, a_number, a_shipment, an_event

COLLECTED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "carrier_codes.json").read_text(encoding="utf-8")
)
SOURCES = {
    "kuaidi100": ["kuaidi100"],
    "kdniao": ["kdniao"],
    "sf": ["sf_opcode"],
    "17track": ["17track_v2"],
    "aftership": ["aftership"],
    "easypost": ["easypost_status", "easypost_status_detail"],
    "shippo": ["shippo_status"],
    "shipengine": ["shipengine_status", "shipengine_detail"],
    "wechat": ["wechat_action_type", "wechat_ewaybill_status"],
    "upu": ["upu_emsevt_v3"],
    "karrio": ["karrio_status", "karrio_reason"],
    "x12": ["x12_1651_reason"],
    "edifact": ["edifact_9013_reason"],
    "epcis": ["epcis_cbv_disposition"],
}
"""From the decisions, by hand."""
FINER = {
    "carrier_loss": "loss",
    "carrier_theft": "loss",
    "carrier_misdelivery": "loss",
    "carrier_shortage": "shortage",
    "carrier_false_delivery": "false_delivery",
    "carrier_unauthorised_locker": "locker_without_consent",
}
"""Complaint categories that the house keeps apart where the collection has one."""
REFERENCE = ("codes", "exception_reasons", "carrier_sources", "carrier_codes", "silence_rules")


async def shipment(system: System, number: str) -> dict[str, Any]:
    await system.drain()
    return dict((await (await system.as_role(Role.OPERATIONS)).get(f"/v1/shipments/{number}")).json())


async def a_code(system: System, **fields: Any) -> dict[str, Any]:
    """A new meaning, without its job being run."""
    body = {
        "list": "other",
        "code": f"新{a_number('')}",
        "status": "in_transit",
        "name": "测试代码",
        "valid_from": "2026-01-01",
        "source": "测试",
    } | fields
    answer = await (await system.as_role(Role.ADMIN)).post("/v1/carrier-codes", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def newest_job(system: System) -> dict[str, Any]:
    answer = await (await system.as_role(Role.ADMIN)).get("/v1/jobs", params={"limit": 1})
    return dict(answer.json()["items"][0])


async def run_newest_job(system: System) -> dict[str, Any]:
    """Do what the worker would do with the job that was queued last."""
    job = await newest_job(system)
    await worker.run_job(system.database.sessions, UUID(job["id"]))
    await system.drain()
    return dict((await (await system.as_role(Role.ADMIN)).get(f"/v1/jobs/{job['id']}")).json())


async def test_every_collected_code_is_shipped_as_a_dated_row(empty_system: System) -> None:
    rows = await pages(await empty_system.as_role(Role.ADMIN), "/v1/carrier-codes")
    shipped = {
        (row["list"], row["code"], row["reason_code"]): (row["status"], row["reason"])
        for row in rows
        if row["shipped"] and row["list"] != "canonical"
    }
    collected = {
        (name, code, ""): (meaning["status"], meaning["reason"])
        for name, codes in COLLECTED["map"].items()
        for code, meaning in codes.items()
    }
    assert (len(COLLECTED["map"]), len(collected)) == (18, 493)
    assert shipped == collected
    assert all(date.fromisoformat(row["valid_from"]) <= date(2000, 1, 1) for row in rows)
    assert all(row["valid_until"] is None and row["name"] and row["source"] for row in rows)


async def test_every_status_and_reason_is_a_native_code(system: System) -> None:
    rows = await pages(await system.as_role(Role.ADMIN), "/v1/carrier-codes", list="canonical")
    assert {row["code"]: (row["status"], row["reason"]) for row in rows} == {
        **{code: (code, None) for code in COLLECTED["statuses"]},
        **{code: (None, code) for code in COLLECTED["reasons"]},
    }


async def test_every_reason_says_who_is_liable_who_acts_and_what_may_be_claimed(system: System) -> None:
    async with system.database.sessions() as session:
        rows = (await session.execute(text("SELECT * FROM exception_reasons"))).mappings().all()
    assert len(rows) == 52
    for row in rows:
        collected = COLLECTED["reasons"][row["code"]]
        assert row["liable_party"] == collected["liable_party"]
        assert row["sla_excused"] == bool(collected["sla_excused_by_default"])
        assert row["action_by"] == collected["action_by"]
        assert row["claim_type"] == collected["claim_type"]
        assert row["complaint_category"] == FINER.get(row["code"], collected["complaint_category"])
        assert row["auto_open"]
        assert row["valid_from"] <= date(2000, 1, 1)


async def test_every_word_has_a_label_in_both_languages(system: System) -> None:
    operations = await system.as_role(Role.OPERATIONS)
    labels = {}
    for name in (await operations.get("/v1/codes")).json():
        labels[name] = (await operations.get(f"/v1/codes/{name}")).json()["items"]
    assert {item["code"] for item in labels["shipment_status"]} == set(COLLECTED["statuses"])
    assert {item["code"] for item in labels["exception_reason"]} == set(COLLECTED["reasons"])
    for name, items in labels.items():
        for item in items:
            assert item["zh"].strip(), (name, item)
            assert item["en"].strip(), (name, item)
            assert any("一" <= character <= "鿿" for character in item["zh"]) or item["zh"] == item["en"]
    unknown = await operations.get("/v1/codes/no-such-list")
    assert unknown.status_code == 404


async def test_every_source_is_read_by_the_lists_that_were_decided(system: System) -> None:
    rows = (await (await system.as_role(Role.OPERATIONS)).get("/v1/carrier-sources")).json()
    lists = {row["source"]: row["lists"] for row in rows}
    assert lists["native"] == ["canonical"]
    assert {source: lists[source] for source in SOURCES} == SOURCES


async def test_to_load_the_reference_rows_again_changes_nothing(empty_system: System) -> None:
    before = await reference_rows(empty_system)
    engine = owner_engine(empty_system.settings)
    for _ in range(2):
        async with engine.begin() as connection:
            await reference.load(connection)
    await engine.dispose()
    assert await reference_rows(empty_system) == before


async def reference_rows(system: System) -> dict[str, str]:
    rows = {}
    for table in REFERENCE:
        rows[table] = await system.scalar(f"SELECT json_agg(t ORDER BY t::text)::text FROM {table} t")
    return rows


async def test_what_an_installation_changed_survives_the_next_start(empty_system: System) -> None:
    admin = await empty_system.as_role(Role.ADMIN)
    [damage] = await pages(admin, "/v1/carrier-codes", list="kuaidi100", code="209")
    await admin.post(f"/v1/carrier-codes/{damage['id']}/end", {"valid_until": "2026-05-01"})
    await a_code(empty_system, list="kuaidi100", code="209", status="delivered", valid_from="2026-05-01")
    before = await reference_rows(empty_system)
    engine = owner_engine(empty_system.settings)
    async with engine.begin() as connection:
        await reference.load(connection)
    await engine.dispose()
    assert await reference_rows(empty_system) == before


@pytest.mark.parametrize("source", sorted(SOURCES))
async def test_every_code_of_a_source_is_read_as_its_row_says(system: System, source: str) -> None:
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.dispatch(source)
    wanted, items = [], []
    for name in reversed(SOURCES[source]):
        for code, meaning in COLLECTED["map"][name].items():
            if any(code in COLLECTED["map"][earlier] for earlier in SOURCES[source] if earlier != name):
                continue
            wanted.append((meaning["status"], meaning["reason"]))
            items.append(an_event(number, code, source=source))
    results = await batch(dispatch, items)
    assert [(each["status"], each["reason"]) for each in results] == wanted
    assert {each["result"] for each in results} == {"accepted"}


async def test_a_status_and_its_detail_are_read_together(system: System) -> None:
    """Sources with two lists say the same thing twice, once more precisely."""
    number, dispatch = (await a_shipment(system))["tracking_no"], await system.dispatch("easypost", "karrio")
    said = [
        ("easypost", "in_transit", None, "in_transit", None),
        ("easypost", "in_transit", "weather_delay", "on_hold", "external_weather"),
        ("easypost", "delivered", "status_update", None, None),
        ("easypost", "in_transit", "no-such-detail", "in_transit", None),
        ("easypost", "no-such-status", "no-such-detail", "unknown", "unmapped"),
        ("easypost", "no-such-status", "weather_delay", "on_hold", "external_weather"),
        ("karrio", "delivery_failed", "consignee_not_home", "attempt_failed", "recipient_absent"),
        ("karrio", "on_hold", "weather_delay", "on_hold", "external_weather"),
        ("karrio", "in_transit", "weather_delay", "in_transit", "external_weather"),
    ]
    items = [an_event(number, code, source=source, reason_code=detail) for source, code, detail, *_ in said]
    answers = await batch(dispatch, items)
    assert [(each["status"], each["reason"]) for each in answers] == [
        (status, why) for *_, status, why in said
    ]


async def test_pushes_as_kuaidi100_and_sf_send_them_mean_what_the_table_says(system: System) -> None:
    """The scans of one 京东 and one 顺丰 parcel, in the senders' own codes and words."""
    dispatch = await system.as_role(Role.DISPATCH)
    jd, sf = [
        (await a_shipment(system, tracking_no=a_number(prefix)))["tracking_no"] for prefix in ("JD", "SF")
    ]
    kuaidi100 = [
        ("2022-06-29T22:28:45+08:00", "1002", "您的快件在【西安灞桥分拣中心】分拣完成", "in_transit"),
        ("2022-06-29T22:30:20+08:00", "0", "您的快件已发车", "in_transit"),
        (
            "2022-06-30T08:27:50+08:00",
            "5",
            "正在派送中（快递员：张三，联系电话：13000000000）",
            "out_for_delivery",
        ),
        ("2022-06-30T10:34:33+08:00", "304", "您的快件已由快递驿站代收", "delivered"),
    ]
    route = [
        ("2025-05-26T09:55:52+08:00", "50", "顺丰速运 已收取快件", "picked_up"),
        ("2025-05-26T09:56:14+08:00", "30", "快件在【深圳南山科技园中区营业部】完成分拣", "in_transit"),
    ]
    items = [
        an_event(number, code, source=source, occurred_at=at, text=words)
        for number, source, scans in ((jd, "kuaidi100", kuaidi100[::-1]), (sf, "sf", route))
        for at, code, words, _ in scans
    ]
    answers = await batch(dispatch, items)
    assert [each["status"] for each in answers] == [each[3] for each in (*kuaidi100[::-1], *route)]
    assert {each["reason"] for each in answers} == {None}
    assert {each["result"] for each in await batch(dispatch, items)} == {"duplicate"}, (
        "all history, every time"
    )
    signed = await shipment(system, jd)
    assert (signed["status"], signed["delivered_at"]) == ("delivered", "2022-06-30T02:34:33Z")
    assert (await shipment(system, sf))["status"] == "in_transit"


async def test_a_row_that_is_added_reads_stored_and_parked_events_anew(system: System) -> None:
    code, dispatch = f"破损{a_number('')}", await system.dispatch("other")
    known, unknown = (await a_shipment(system))["tracking_no"], a_number()
    for number in (known, unknown):
        answer = await dispatch.post("/v1/tracking-events", an_event(number, code, source="other"))
        assert answer.json()["status"] == "unknown"
    assert (await shipment(system, known))["exception"] is None, (
        "a code that nobody knows is the house's problem"
    )
    await a_code(system, code=code, status="on_hold", reason="carrier_damage")
    assert (await run_newest_job(system))["state"] == "done"
    after = await shipment(system, known)
    assert (after["status"], after["exception"]["reason"]) == ("on_hold", "carrier_damage")
    assert [(event["status"], event["reason"]) for event in after["events"]] == [
        ("on_hold", "carrier_damage")
    ]
    await a_shipment(system, tracking_no=unknown)
    joined = await shipment(system, unknown)
    assert (joined["status"], joined["exception"]["reason"]) == ("on_hold", "carrier_damage")


async def test_an_exception_pushed_under_an_unknown_code_gets_its_reason_when_the_row_comes(
    system: System,
) -> None:
    code, dispatch = f"盗抢{a_number('')}", await system.dispatch("other")
    number = (await a_shipment(system))["tracking_no"]
    await dispatch.post("/v1/delivery-exceptions", an_event(number, code, source="other"))
    assert (await shipment(system, number))["exception"]["reason"] == "unmapped"
    await a_code(system, code=code, status=None, reason="carrier_theft")
    await run_newest_job(system)
    exception = (await shipment(system, number))["exception"]
    assert (exception["reason"], exception["severity"]) == ("carrier_theft", "critical")
    operations = await system.as_role(Role.OPERATIONS)
    live = await pages(operations, "/v1/delivery-exceptions", tracking_no=number, live=True)
    assert [(each["reason"], each["liable_party"]) for each in live] == [("carrier_theft", "carrier")]


async def test_a_code_without_a_meaning_leaves_the_list_when_it_gets_one(system: System) -> None:
    code, dispatch = f"清{a_number('')}", await system.dispatch("other")
    await dispatch.post("/v1/tracking-events", an_event(a_number(), code, source="other"))
    assert code in await unmapped(system)
    await a_code(system, code=code)
    await run_newest_job(system)
    assert code not in await unmapped(system)


async def unmapped(system: System) -> set[str]:
    answer = await (await system.as_role(Role.ADMIN)).get("/v1/carrier-codes/unmapped")
    return {row["code"] for row in answer.json()}


async def test_a_row_that_is_ended_means_nothing_from_that_day_on(system: System) -> None:
    row, dispatch = await a_code(system, status="delivered"), await system.dispatch("other")
    number = (await a_shipment(system))["tracking_no"]
    days = ["2026-02-28T15:59:59Z", "2026-02-28T16:00:00Z"]
    items = [an_event(number, row["code"], source="other", occurred_at=day) for day in days]
    assert [each["status"] for each in await batch(dispatch, items)] == ["delivered", "delivered"]
    admin = await system.as_role(Role.ADMIN)
    ended = await admin.post(f"/v1/carrier-codes/{row['id']}/end", {"valid_until": "2026-03-01"})
    assert (ended.status_code, ended.json()["valid_until"]) == (200, "2026-03-01")
    await run_newest_job(system)
    scans = (await shipment(system, number))["events"]
    assert [(scan["status"], scan["reason"]) for scan in scans] == [
        ("delivered", None),
        ("unknown", "unmapped"),
    ]
    longer = await admin.post(f"/v1/carrier-codes/{row['id']}/end", {"valid_until": "2026-04-01"})
    assert longer.status_code == 409
    for bad in ("2026-01-01", "2025-12-31"):
        refused = await admin.post(f"/v1/carrier-codes/{row['id']}/end", {"valid_until": bad})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body/valid_until")


async def test_a_code_means_what_it_meant_on_the_companys_day_of_the_scan(system: System) -> None:
    code, dispatch = f"日{a_number('')}", await system.dispatch("other")
    await a_code(system, code=code, status="in_transit", valid_until="2026-03-01")
    await a_code(system, code=code, status="delivered", valid_from="2026-03-01")
    number = (await a_shipment(system))["tracking_no"]
    times = [
        "2025-12-31T23:59:59+08:00",
        "2026-01-01T00:00:00+08:00",
        "2026-02-28T23:59:59+08:00",
        "2026-03-01T00:00:00+08:00",
    ]
    items = [an_event(number, code, source="other", occurred_at=each) for each in times]
    answers = await batch(dispatch, items)
    assert [each["status"] for each in answers] == ["unknown", "in_transit", "in_transit", "delivered"]


async def test_one_code_has_one_meaning_a_day(system: System) -> None:
    row, admin = await a_code(system, valid_until="2026-06-01"), await system.as_role(Role.ADMIN)
    same = {"list": "other", "code": row["code"], "name": "重复", "status": "lost", "source": "测试"}
    periods = [
        ({"valid_from": "2026-05-31"}, 409),
        ({"valid_from": "2020-01-01"}, 409),
        ({"valid_from": "2026-03-01", "valid_until": "2026-03-02"}, 409),
        ({"valid_from": "2026-06-01", "valid_until": "2026-06-01"}, 422),
        ({"valid_from": "2026-06-01"}, 201),
        ({"valid_from": "2025-12-01", "valid_until": "2026-01-01"}, 201),
        ({"valid_from": "2026-03-01", "reason_code": "另"}, 201),
    ]
    for period, status in periods:
        answer = await admin.post("/v1/carrier-codes", same | period)
        assert answer.status_code == status, (period, answer.text)


async def test_a_row_for_an_unknown_list_or_reason_is_refused(system: System) -> None:
    admin = await system.as_role(Role.ADMIN)
    body = {"list": "other", "code": "X", "name": "X", "valid_from": "2026-01-01", "source": "测试"}
    for field, value in (("list", "no_such_list"), ("reason", "no_such_reason"), ("status", "gone")):
        answer = await admin.post("/v1/carrier-codes", body | {field: value})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/body/{field}")
    assert (await (await system.as_role(Role.OPERATIONS)).post("/v1/carrier-codes", body)).status_code == 403


async def test_many_stored_events_are_read_anew_step_by_step(system: System) -> None:
    code, dispatch = f"多{a_number('')}", await system.dispatch("other")
    customer = await a_customer(system)
    numbers = [(await a_shipment(system, customer["id"]))["tracking_no"] for _ in range(5)]
    for part in range(5):
        items = [an_event(numbers[part], code, source="other", event_id=str(n)) for n in range(500)]
        await batch(dispatch, items)
    await system.drain()
    await a_code(system, code=code, status="out_for_delivery")
    job = await run_newest_job(system)
    assert (job["state"], job["done"]) == ("done", 3), "a thousand events a step"
    assert (
        await system.scalar(
            "SELECT count(*) FROM tracking_events WHERE code = :code AND status = 'out_for_delivery' AND mapped",
            code=code,
        )
        == 2500
    )
    for number in numbers:
        assert (await shipment(system, number))["status"] == "out_for_delivery"


async def test_a_remapping_that_is_run_twice_changes_nothing_more(system: System) -> None:
    code, dispatch = f"再{a_number('')}", await system.dispatch("other")
    number = (await a_shipment(system))["tracking_no"]
    await dispatch.post("/v1/tracking-events", an_event(number, code, source="other"))
    await a_code(system, code=code)
    job = await run_newest_job(system)
    before = await shipment(system, number)
    await worker.run_job(system.database.sessions, UUID(job["id"]))
    assert await shipment(system, number) == before
    assert (await newest_job(system))["finished_at"] == job["finished_at"]


async def test_a_push_under_way_while_the_row_is_added_is_not_left_behind(system: System) -> None:
    """It has read the old table and commits after the new row: the remapping must find it all the same."""
    from app.schemas.shipment import TrackingEventPush
    from app.services import tracking

    code, dispatch = f"竞{a_number('')}", await system.dispatch("other")
    number = (await a_shipment(system))["tracking_no"]
    item = an_event(number, code, source="other")
    arrival = tracking.pushed(TrackingEventPush.model_validate(item), item["occurred_at"])
    async with system.database.sessions.begin() as session:
        await tracking.push(session, dispatch.principal, tracking.Envelope(b"", {}), [arrival])
        adding = asyncio.create_task(added_and_run(system, code))
        await until_waiting(system, adding)
    await adding
    assert (await shipment(system, number))["status"] == "delivered"


async def added_and_run(system: System, code: str) -> None:
    await a_code(system, code=code, status="delivered")
    await run_newest_job(system)


async def test_a_job_can_be_cancelled_until_it_has_ended(system: System) -> None:
    await a_code(system)
    admin = await system.as_role(Role.ADMIN)
    job = await newest_job(system)
    assert (job["name"], job["state"], job["done"], job["error"]) == (REMAP, "queued", 0, None)
    cancelled = await admin.post(f"/v1/jobs/{job['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert (await run_newest_job(system))["state"] == "cancelled"
    again = await admin.post(f"/v1/jobs/{job['id']}/cancel")
    assert (again.status_code, again.json()["allowed"]) == (409, [])
    await a_code(system)
    done = await run_newest_job(system)
    assert (await admin.post(f"/v1/jobs/{done['id']}/cancel")).status_code == 409
    assert (await admin.get(f"/v1/jobs/{UUID(int=7)}")).status_code == 404
    assert (await admin.post(f"/v1/jobs/{UUID(int=7)}/cancel")).status_code == 404
    assert (await (await system.as_role(Role.MARKETING)).get("/v1/jobs")).status_code == 403


async def test_a_running_job_stops_at_its_next_step_when_cancelled(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await a_job(system)
    admin = await system.as_role(Role.ADMIN)

    async def step(_: AsyncSession, job: Job) -> bool:
        job.done += 1
        return True

    async def cancelling(session: AsyncSession, job: Job) -> bool:
        if job.done == 2:
            canceller.append(asyncio.create_task(admin.post(f"/v1/jobs/{job_id}/cancel")))
        return await step(session, job)

    canceller: list[asyncio.Task[Any]] = []
    monkeypatch.setitem(worker.STEPS, "test", cancelling)
    await worker.run_job(system.database.sessions, job_id)
    assert (await canceller[0]).status_code == 200
    seen = (await admin.get(f"/v1/jobs/{job_id}")).json()
    assert seen["state"] == "cancelled"
    assert seen["done"] >= 3


class Killed(BaseException):
    """As if the process had ended here."""


async def a_job(system: System) -> UUID:
    """A queued job of a kind that only this test knows."""
    async with system.database.sessions.begin() as session:
        job = Job(name="test", payload={})
        session.add(job)
    return job.id


async def test_a_step_that_fails_ends_the_job_with_its_error(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def step(_session: AsyncSession, _job: Job) -> bool:
        raise ValueError("代码表不可读")

    monkeypatch.setitem(worker.STEPS, "test", step)
    job_id = await a_job(system)
    await worker.run_job(system.database.sessions, job_id)
    seen = (await (await system.as_role(Role.ADMIN)).get(f"/v1/jobs/{job_id}")).json()
    assert seen["state"] == "failed"
    assert seen["error"].startswith("ValueError")
    assert seen["finished_at"] is not None


async def test_a_job_that_takes_its_worker_down_five_times_is_given_up(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def step(_session: AsyncSession, _job: Job) -> bool:
        raise Killed

    monkeypatch.setitem(worker.STEPS, "test", step)
    job_id, admin = await a_job(system), await system.as_role(Role.ADMIN)
    for _ in range(jobs.MAX_STARTS):
        with pytest.raises(Killed):
            await worker.run_job(system.database.sessions, job_id)
        assert (await admin.get(f"/v1/jobs/{job_id}")).json()["state"] == "running"
    await worker.run_job(system.database.sessions, job_id)
    seen = (await admin.get(f"/v1/jobs/{job_id}")).json()
    assert (seen["state"], seen["error"]) == ("failed", "given up after 5 starts")


async def test_a_killed_job_goes_on_where_it_was(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []

    async def step(_: AsyncSession, job: Job) -> bool:
        if len(steps) == 2:
            steps.append(-1)
            raise Killed
        steps.append(job.done)
        job.done += 1
        return job.done < 4

    monkeypatch.setitem(worker.STEPS, "test", step)
    job_id = await a_job(system)
    with pytest.raises(Killed):
        await worker.run_job(system.database.sessions, job_id)
    await worker.run_job(system.database.sessions, job_id)
    assert steps == [0, 1, -1, 2, 3]
    assert await system.scalar("SELECT state FROM jobs WHERE id = :id", id=job_id) == "done"


async def test_a_real_worker_reads_the_events_anew_by_itself(empty_system: System) -> None:
    """Over the queue, with nobody calling anything: the wake-up is there once the row is committed."""
    system, code = empty_system, "真"
    dispatch, number = await system.dispatch("other"), (await a_shipment(empty_system))["tracking_no"]
    running = worker.Worker(system.settings)
    task = asyncio.create_task(running.run())
    try:
        await dispatch.post("/v1/tracking-events", an_event(number, code, source="other"))
        await a_code(system, code=code, status="delivered")
        deadline = datetime.now(UTC) + timedelta(seconds=60)
        sql = "SELECT status FROM shipments WHERE tracking_no = :number"
        while await system.scalar(sql, number=number) != "delivered":
            assert datetime.now(UTC) < deadline
            await asyncio.sleep(0.05)
    finally:
        running.stop()
        await task
    assert (await newest_job(system))["state"] == "done"
