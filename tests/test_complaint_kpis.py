"""Figures of complaints: as they are defined, opened to their rows, recounted as of any date."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.roles import Role
from tests.owner import owner
from tests.steps import pages
from tests.system import Caller, System, a_customer, a_number, an_event

ANSWER = {
    "finding": "分拨中心装卸时外箱受压",
    "liable_party": "carrier_hub",
    "root_cause": "handling",
    "remedy": "赔偿 128 元",
    "text": "我司将赔偿 128 元。",
    "channel": "hotline",
}
NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(days=20)
PERIOD = {"from": (NOW - timedelta(days=30)).isoformat(), "to": (NOW + timedelta(days=30)).isoformat()}


class Story:
    """The complaints of one customer, told with their times."""

    def __init__(self, system: System, service: Caller, customer_id: str) -> None:
        self.system, self.service, self.customer_id = system, service, customer_id

    @classmethod
    async def begin(cls, system: System, **fields: Any) -> "Story":
        customer = await a_customer(system, **fields)
        return cls(system, await system.as_role(Role.CUSTOMER_SERVICE), customer["id"])

    async def complaint(self, received: datetime = START, **fields: Any) -> dict[str, Any]:
        body = {
            "category": "damage",
            "description": "外箱破损",
            "remedy_sought": "赔偿",
            "complainant": {
                "name": "李明",
                "phone": f"1{secrets.randbelow(9 * 10**9) + 10**9}",
                "role": "recipient",
            },
            "customer_id": self.customer_id,
            "received_at": received.isoformat(),
        } | fields
        answer = await self.service.post("/v1/complaints", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def said(self, complaint: dict[str, Any], verb: str, body: Any = None) -> None:
        answer = await self.service.post(f"/v1/complaints/{complaint['id']}/{verb}", body or {})
        assert answer.status_code == 200, answer.text

    async def answered(self, complaint: dict[str, Any], after: timedelta, **fields: Any) -> None:
        told = datetime.fromisoformat(complaint["received_at"]) + after
        await self.said(complaint, "investigate")
        await self.said(complaint, "answer", ANSWER | {"told_at": told.isoformat()} | fields)

    async def figure(self, name: str, **params: Any) -> dict[str, Any]:
        asked = {"customer_id": self.customer_id, **PERIOD, **params}
        answer = await self.service.get(f"/v1/kpis/{name}/values", params=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def rows(self, name: str, **params: Any) -> list[dict[str, Any]]:
        asked = {"customer_id": self.customer_id, **PERIOD, **params}
        return await pages(self.service, f"/v1/kpis/{name}/rows", **asked)

    async def sql(self, statement: str, *values: Any) -> None:
        async with owner(self.system) as connection:
            await connection.execute(statement, *values)


@pytest.fixture
async def story(system: System) -> Story:
    return await Story.begin(system)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


async def test_definitions_are_data_with_version_source_and_both_languages(system: System) -> None:
    product = await system.as_role(Role.PRODUCT)
    found = {each["name"]: each for each in (await product.get("/v1/kpis")).json()}
    assert found.keys() >= {
        "on_time",
        "first_response",
        "resolution_time",
        "clock_attainment",
        "reopen_rate",
        "complaint_rate",
    }
    assert found["reopen_rate"]["parameters"] == {"within_days": 30}
    published = {each["code"]: each["value"] for each in found["complaint_rate"]["benchmarks"]}
    assert published == {"appeals": 1.64, "valid_appeals": 0.11}
    assert found["complaint_rate"]["benchmarks"][0]["valid_from"] == "2023-01-01"
    for each in found.values():
        assert each["text_zh"]
        assert each["text_en"]
        assert each["source"]


async def test_first_response_is_median_and_ninth_decile_and_the_unanswered_stand_apart(
    story: Story,
) -> None:
    for after in (1, 2, 3, 10):
        await story.answered(await story.complaint(), hours(after))
    silent = await story.complaint()
    found = await story.figure("first_response")
    assert found["parts"] == {"answered": 4, "unanswered": 1}
    assert (found["numerator"], found["denominator"], found["unit"]) == (4, 5, "seconds")
    assert found["value"] == 2.5 * 3600
    assert found["spread"]["p90_s"] == pytest.approx(3600 * (3 + 0.7 * 7))
    (row,) = await story.rows("first_response", part="unanswered")
    assert (row["complaint_id"], row["seconds"]) == (silent["id"], None)
    assert sorted(each["seconds"] for each in await story.rows("first_response", part="answered")) == [
        3600,
        7200,
        10800,
        36000,
    ]


async def test_as_of_a_date_before_the_answer_it_was_unanswered(story: Story) -> None:
    complaint = await story.complaint()
    await story.answered(complaint, hours(5))
    before = (START + hours(4)).isoformat()
    assert (await story.figure("first_response", as_of=before))["parts"] == {"unanswered": 1}
    assert (await story.figure("first_response"))["parts"] == {"answered": 1}
    earlier = (START - hours(1)).isoformat()
    assert (await story.figure("first_response", as_of=earlier))["parts"] == {}


async def test_resolution_is_told_to_the_second_gross_and_net_of_allowed_pauses(system: System) -> None:
    story = await Story.begin(system, tier="key")
    complaint = await story.complaint()
    await story.sql(
        "WITH one AS (SELECT id FROM clocks WHERE subject_id = $1 AND kind = 'contract' AND metric = 'resolution')"
        " INSERT INTO clock_events (clock_id, number, kind, at, reason, actor_id)"
        " SELECT one.id, 1 + n, kind, at, 'awaiting_customer', gen_random_uuid() FROM one, (VALUES"
        " (1, 'paused', $2::timestamptz), (2, 'retargeted', $2 + interval '10 minutes'),"
        " (3, 'resumed', $2 + interval '30 minutes')) AS what (n, kind, at)",
        UUID(complaint["id"]),
        START + hours(1),
    )
    await story.sql(
        "UPDATE clock_events e SET policy_id = k.policy_id FROM clocks k"
        " WHERE k.id = e.clock_id AND e.kind = 'retargeted' AND k.subject_id = $1",
        UUID(complaint["id"]),
    )
    await story.answered(complaint, hours(2) + timedelta(seconds=1))
    cycle, life = sorted(await story.rows("resolution_time"), key=lambda row: row["part"])
    assert (cycle["seconds"], cycle["net_seconds"]) == (7201, 7201 - 1800)
    assert (life["seconds"], life["net_seconds"]) == (7201, 7201 - 1800)
    found = await story.figure("resolution_time")
    assert found["value"] == 7201
    assert found["spread"]["net_median_s"] == 5401
    assert {(each["by"], each["key"]) for each in found["groups"]} == {
        ("part", "cycle"),
        ("part", "life"),
        ("category", "damage"),
        ("cause", "handling"),
    }


async def closed(story: Story, complaint: dict[str, Any], at: datetime) -> None:
    """As the verb that closes leaves it."""
    await story.sql(
        "UPDATE complaints SET state = 'closed', closed_at = $2 WHERE id = $1", UUID(complaint["id"]), at
    )
    await event(story, complaint, "complaint.closed", at)


async def event(story: Story, complaint: dict[str, Any], kind: str, at: datetime) -> None:
    await story.sql(
        "INSERT INTO events (id, recorded_at, kind, subject_type, subject_id, actor_kind, actor_id, data)"
        " VALUES (gen_random_uuid(), $2, $3, 'complaint', $1, 'user', gen_random_uuid(), '{}')",
        UUID(complaint["id"]),
        at,
        kind,
    )


async def test_a_second_cycle_counts_from_its_reopening_and_the_life_from_the_first_word(
    story: Story,
) -> None:
    complaint = await story.complaint()
    await story.answered(complaint, hours(2))
    await closed(story, complaint, NOW - hours(1))
    await story.said(complaint, "reopen", {"reason": "赔偿未到账"})
    await story.said(complaint, "investigate")
    await story.said(complaint, "answer", ANSWER)
    rows = await story.rows("resolution_time")
    assert [(row["part"], row["cycle"]) for row in rows] == [("life", 2), ("cycle", 2), ("cycle", 1)]
    life, second, first = rows
    assert first["seconds"] == 7200
    assert 0 <= second["seconds"] < 600
    assert life["seconds"] > 19 * 86_400
    before = (START + hours(3)).isoformat()
    then = await story.rows("resolution_time", as_of=before)
    assert [(row["part"], row["cycle"]) for row in then] == [("life", 1), ("cycle", 1)]


async def test_an_answer_that_was_not_accepted_is_no_resolution(story: Story) -> None:
    complaint = await story.complaint()
    await story.answered(complaint, hours(2))
    await story.sql(
        "INSERT INTO clock_events (clock_id, number, kind, at, actor_id)"
        " SELECT id, 9, 'revoked', $2, gen_random_uuid() FROM clocks WHERE subject_id = $1 AND metric = 'resolution'",
        UUID(complaint["id"]),
        START + hours(3),
    )
    assert await story.rows("resolution_time") == []
    before = (START + hours(2.5)).isoformat()
    assert len(await story.rows("resolution_time", as_of=before)) == 2


async def statutory(story: Story, **params: Any) -> dict[str, int]:
    rows = await story.rows("clock_attainment", **params)
    kept = [row for row in rows if (row["kind"], row["metric"]) == ("statutory", "resolution")]
    return {part: sum(row["part"] == part for row in kept) for part in {row["part"] for row in kept}}


async def test_attainment_counts_open_and_overdue_as_breached_and_waived_ones_apart(story: Story) -> None:
    met, late, overdue, waived = [await story.complaint() for _ in range(4)]
    fresh = await story.complaint(NOW - hours(1))
    await story.answered(met, hours(2))
    due = datetime.fromisoformat(met["due_at"])
    await story.answered(late, due - START + timedelta(seconds=1))
    await story.sql(
        "INSERT INTO clock_events (clock_id, number, kind, at, actor_id)"
        " SELECT id, 9, 'waived', $2, gen_random_uuid() FROM clocks WHERE subject_id = $1 AND kind = 'statutory'",
        UUID(waived["id"]),
        START + hours(3),
    )
    assert await statutory(story) == {"met": 1, "breached": 2, "waived": 1, "open": 1}
    found = await story.figure("clock_attainment")
    by_kind = {each["key"]: each for each in found["groups"] if each["by"] == "kind"}
    assert (by_kind["statutory"]["numerator"], by_kind["statutory"]["denominator"]) == (1, 3)
    assert by_kind["statutory"]["value"] == round(1 / 3, 6)
    assert found["parts"]["waived"] == 1
    assert await statutory(story, as_of=(START + hours(1)).isoformat()) == {"open": 4}
    assert fresh["id"] != overdue["id"]


async def test_met_at_the_very_instant_is_in_time(story: Story) -> None:
    complaint = await story.complaint()
    await story.answered(complaint, datetime.fromisoformat(complaint["due_at"]) - START)
    assert await statutory(story) == {"met": 1}


async def test_the_due_time_decides_the_period(story: Story) -> None:
    complaint = await story.complaint()
    due = datetime.fromisoformat(complaint["due_at"])
    second = timedelta(seconds=1)
    around = {"from": due.isoformat(), "to": (due + second).isoformat()}
    assert await statutory(story, **around) == {"breached": 1}
    before = {"from": (due - second).isoformat(), "to": due.isoformat()}
    assert await statutory(story, **before) == {}


async def test_reopen_rate_takes_only_cohorts_that_are_old_enough(story: Story) -> None:
    old = NOW - timedelta(days=40)
    kept, again, too_late, young = [await story.complaint() for _ in range(4)]
    for complaint in (kept, again, too_late):
        await closed(story, complaint, old)
    await closed(story, young, NOW - timedelta(days=2))
    await event(story, again, "complaint.reopened", old + timedelta(days=3))
    await event(story, too_late, "complaint.reopened", old + timedelta(days=31))
    await event(story, young, "complaint.reopened", NOW - timedelta(days=1))
    wide = {"from": (NOW - timedelta(days=60)).isoformat()}
    found = await story.figure("reopen_rate", **wide)
    assert found["parts"] == {"kept": 2, "reopened": 1, "too_young": 1}
    assert (found["numerator"], found["denominator"], found["value"]) == (1, 3, round(1 / 3, 6))
    then = await story.figure("reopen_rate", **wide, as_of=(old + timedelta(days=29)).isoformat())
    assert (then["parts"], then["value"]) == ({"too_young": 3}, None)


async def test_acceptance_counts_the_words_that_were_heard_and_tells_the_others_apart(story: Story) -> None:
    complaint = await story.complaint()
    await story.answered(complaint, hours(1))
    for reached, accepted in ((True, True), (True, True), (True, False), (True, None), (False, None)):
        await story.sql(
            "INSERT INTO complaint_call_backs (id, complaint_id, cycle, answer_number, method, reached, accepted,"
            " attempted_at, made_by, by_answerer) VALUES (gen_random_uuid(), $1, 1, 1, 'call', $2, $3,"
            " now() - interval '1 hour', gen_random_uuid(), false)",
            UUID(complaint["id"]),
            reached,
            accepted,
        )
    found = await story.figure("acceptance")
    assert found["parts"] == {"accepted": 2, "not_accepted": 1, "undecided": 1, "unreached": 1}
    assert (found["numerator"], found["denominator"]) == (2, 3)


async def shipped(story: Story, number: int) -> None:
    operations, dispatch = [await story.system.as_role(role) for role in (Role.OPERATIONS, Role.DISPATCH)]
    bodies = [
        {
            "tracking_no": a_number(),
            "customer_id": story.customer_id,
            "service": "inter_city",
            "promised_at": NOW.isoformat(),
        }
        for _ in range(number)
    ]
    made = await operations.post("/v1/shipments/batch", {"items": bodies})
    assert {each["result"] for each in made.json()["results"]} == {"created"}
    scans = [an_event(each["tracking_no"], "picked_up", occurred_at=START.isoformat()) for each in bodies[1:]]
    await dispatch.post("/v1/tracking-events/batch", {"items": scans})
    await story.system.drain()


async def test_the_complaint_rate_has_both_numbers_and_is_told_by_category_and_cause(story: Story) -> None:
    await shipped(story, 9)
    first, _second = [await story.complaint() for _ in range(2)]
    await story.complaint(category="delay")
    await story.answered(first, hours(2))
    found = await story.figure("complaint_rate")
    assert (found["numerator"], found["denominator"], found["value"]) == (3, 8, 375000.0)
    groups = {(each["by"], each["key"]): each["numerator"] for each in found["groups"]}
    assert groups == {
        ("category", "damage"): 2,
        ("category", "delay"): 1,
        ("cause", "handling"): 1,
        ("cause", None): 2,
    }
    assert {each["code"] for each in found["benchmarks"]} == {"appeals", "valid_appeals"}
    damage = await story.figure("complaint_rate", category="damage")
    assert (damage["numerator"], damage["denominator"]) == (2, 8)
    nothing = await story.figure("complaint_rate", **{"from": "2020-01-01", "to": "2020-02-01"})
    assert (nothing["numerator"], nothing["denominator"], nothing["value"]) == (0, 0, None)


async def test_what_became_a_part_of_another_counts_with_that_one(story: Story) -> None:
    one, other = [await story.complaint() for _ in range(2)]
    await story.sql(
        "UPDATE complaints SET state = 'merged', merged_into_id = $2 WHERE id = $1",
        UUID(one["id"]),
        UUID(other["id"]),
    )
    assert (await story.figure("complaint_rate"))["numerator"] == 1


NAMES = ["first_response", "resolution_time", "clock_attainment", "reopen_rate", "complaint_rate"]


@pytest.mark.parametrize("name", NAMES)
async def test_every_figure_is_made_of_its_rows(story: Story, name: str) -> None:
    for after in (1, 2):
        await story.answered(await story.complaint(), hours(after))
    late = await story.complaint()
    await closed(story, late, NOW - timedelta(days=3))
    found = await story.figure(name)
    rows = await story.rows(name, limit=2)
    parts: dict[str, int] = {}
    for row in rows:
        parts[row["part"]] = parts.get(row["part"], 0) + 1
    assert parts == found["parts"] != {}
    assert len({row["key"] for row in rows}) == len(rows)
    instants = [row["at"] for row in rows]
    assert instants == sorted(instants, reverse=True)


async def test_a_figure_that_there_is_not_is_not_found(story: Story) -> None:
    for place in ("values", "rows"):
        answer = await story.service.get(f"/v1/kpis/happiness/{place}", params=PERIOD)
        assert answer.status_code == 404, answer.text


async def test_the_cases_are_for_those_who_may_read_complaints(system: System) -> None:
    product = await system.as_role(Role.PRODUCT)
    assert (await product.get("/v1/kpis/first_response/values", params=PERIOD)).status_code == 200
    assert (await product.get("/v1/kpis/first_response/rows", params=PERIOD)).status_code == 403
