"""Calendars: versions that never change, China's days as they were announced, and sums with them."""

import json
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import uuid4

import holidays
import pytest

from app.database import owner_engine
from app.models.calendar import CalendarVersion
from app.roles import Role
from app.services import calendars, reference
from app.services.clocks import ready
from tests.owner import owner
from tests.system import Caller, System

VECTORS = json.loads((Path(__file__).parent / "data" / "clock_vectors.json").read_text("utf-8"))
SHIPPED = {
    row["code"]: row
    for row in json.loads(resources.files("app.reference").joinpath("calendars.json").read_text("utf-8"))
}
OFFICE = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
VERSION = {"valid_from": "2026-01-01", "hours": OFFICE, "source": "董事会决议"}
NEW = {"zh": "杭州办公时间", "en": "Hangzhou office", "zone": "Asia/Shanghai", "version": VERSION}


async def made(admin: Caller, code: str, **version: Any) -> dict[str, Any]:
    body = NEW | {"code": code, "version": VERSION | version}
    answer = await admin.post("/v1/calendars", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shipped(system: System, code: str) -> dict[str, Any]:
    reader = await system.as_role(Role.OPERATIONS)
    items = (await reader.get("/v1/calendars", params={"limit": 200})).json()["items"]
    (found,) = (item for item in items if item["code"] == code)
    calendar: dict[str, Any] = (await reader.get(f"/v1/calendars/{found['id']}")).json()
    return calendar


# What comes with the product


def test_chinas_days_are_those_that_were_announced() -> None:
    """As `holidays` knows them: 法定节假日 and 调休, by year. What differs is to be mended in calendars.json."""
    workdays = SHIPPED["cn_workdays"]
    years = {int(year) for year in workdays["years"]}
    known = holidays.country_holidays("CN", years=years)
    assert [date.fromisoformat(day) for day in workdays["holidays"]] == sorted(known)
    made_up = {day for day in known.weekend_workdays if day.year in years}
    assert {date.fromisoformat(day) for day in workdays["date_overrides"]} == made_up
    assert all(hours == workdays["hours"]["mon"] for hours in workdays["date_overrides"].values())


def test_a_year_is_confirmed_where_its_make_up_days_are_known() -> None:
    workdays = SHIPPED["cn_workdays"]
    announced = {day[:4] for day in workdays["date_overrides"]}
    assert announced == {year for year, certainty in workdays["years"].items() if certainty == "confirmed"}


async def test_national_day_and_its_make_up_saturday_count_as_announced(system: System) -> None:
    """国庆 2026: closed from 1 to 7 October, worked on Sunday 20 September and Saturday 10 October."""
    async with system.database.sessions() as session:
        version = await session.scalar(
            calendars.in_force(
                (await calendars.get(session, (await shipped(system, "cn_workdays"))["id"])).id,
                date(2026, 10, 1),
            )
        )
        assert version is not None
        time = ready.working_time(version)
        assert ready.working_time(version) is time
    assert [time.rests(date(2026, 10, day)) for day in (1, 7, 8, 10, 11)] == [True, True, False, False, True]
    assert not time.rests(date(2026, 9, 20))
    start = datetime.fromisoformat("2026-09-30T17:00+08:00")
    assert time.due(start, timedelta(hours=2)) == datetime.fromisoformat("2026-10-08T10:00+08:00")


async def test_a_year_says_of_each_day_whether_it_is_open_and_why(system: System) -> None:
    reader, calendar = await system.as_role(Role.AUDITOR), await shipped(system, "cn_workdays")
    path = f"/v1/calendars/{calendar['id']}/years"
    answer = (await reader.get(f"{path}/2026")).json()
    assert (answer["year"], answer["number"], answer["certainty"]) == (2026, 1, "confirmed")
    days = {each.pop("day"): each for each in answer["days"]}
    assert len(days) == 365
    assert days["2026-10-01"] == {"open": False, "seconds": 0, "why": "holiday"}
    assert days["2026-10-10"] == {"open": True, "seconds": 32400, "why": "make_up_day"}
    assert days["2026-10-11"] == {"open": False, "seconds": 0, "why": "outside_hours"}
    assert days["2026-10-12"] == {"open": True, "seconds": 32400, "why": "working"}
    assert sum(each["open"] for each in days.values()) == 248
    later = [(await reader.get(f"{path}/{year}")).json()["certainty"] for year in (2027, 2028)]
    assert later == ["provisional", None]
    for wrong in (f"{path}/2026?number=2", f"/v1/calendars/{uuid4()}/years/2026"):
        assert (await reader.get(wrong)).status_code == 404
    assert (await reader.get(f"{path}/2200")).status_code == 422


@pytest.mark.parametrize(("code", "hours"), [("cn_24x7", 168), ("cn_service_desk", 84), ("cn_workdays", 45)])
async def test_each_shipped_calendar_has_its_hours(system: System, code: str, hours: int) -> None:
    calendar = await shipped(system, code)
    (version,) = calendar["versions"]
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    form = {name: version[name] for name in ("hours", "holidays", "date_overrides", "breaks")}
    week = {"start": "2026-11-16T00:00:00+08:00", "end": "2026-11-23T00:00:00+08:00"}
    answer = await service.post("/v1/clocks/calculate", {"calendar": {"tz": calendar["zone"]} | form} | week)
    assert answer.json() == {"elapsed_seconds": hours * 3600}


async def test_what_the_product_says_anew_is_a_version_beside_the_houses_own(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = empty_system
    admin = await system.as_role(Role.ADMIN)
    calendar = await shipped(system, "cn_workdays")
    own = await admin.post(f"/v1/calendars/{calendar['id']}/versions", VERSION)
    assert own.json()["number"] == 2
    anew = [SHIPPED["cn_workdays"] | {"source": "国务院办公厅 2027 年通知", "valid_from": "2027-01-01"}]
    rows = reference._rows
    monkeypatch.setattr(reference, "_rows", lambda name: anew if name == "calendars" else rows(name))
    engine = owner_engine(system.settings)
    for _ in range(2):
        async with engine.begin() as connection:
            await reference.load(connection)
    await engine.dispose()
    assert [each["number"] for each in (await shipped(system, "cn_workdays"))["versions"]] == [3, 2, 1]


# Versions


async def test_a_change_is_a_new_version_and_the_one_before_stays_as_it_was(system: System) -> None:
    admin = await system.as_role(Role.ADMIN)
    calendar = await made(admin, "stays")
    path = f"/v1/calendars/{calendar['id']}"
    assert (calendar["version"], calendar["versions"][0]["number"]) == (1, 1)
    late = VERSION | {"valid_from": "2027-01-01", "hours": {"sat": [["２２：００", "30:00"]]}}
    added = (await admin.post(f"{path}/versions", late)).json()
    assert added["hours"]["sat"] == [["22:00", "30:00"]]
    after = await admin.get(path)
    assert after.json()["versions"] == [added, *calendar["versions"]]
    assert after.headers["etag"] == '"2"'
    async with owner(system) as connection:
        for table in ("calendars", "calendar_versions"):
            for right in ("UPDATE", "DELETE", "TRUNCATE"):
                assert not await connection.fetchval(
                    "SELECT has_table_privilege('crm_app', $1, $2)", table, right
                )


async def test_the_version_in_force_is_the_last_that_began_and_of_one_day_the_latest(system: System) -> None:
    admin = await system.as_role(Role.ADMIN)
    calendar = await made(admin, "in_force")
    for begins in ("2027-06-01", "2026-06-01", "2027-06-01"):
        body = VERSION | {"valid_from": begins}
        assert (await admin.post(f"/v1/calendars/{calendar['id']}/versions", body)).status_code == 201

    async def number_on(day: date) -> int | None:
        async with system.database.sessions() as session:
            version: CalendarVersion | None = await session.scalar(calendars.in_force(calendar["id"], day))
            return version.number if version else None

    days = [date(2025, 12, 31), date(2026, 5, 31), date(2026, 6, 1), date(2027, 5, 31), date(2027, 6, 1)]
    assert [await number_on(day) for day in days] == [None, 1, 3, 3, 4]


async def test_the_cache_of_calendars_is_bounded(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "KEPT", 2)
    monkeypatch.setattr(ready, "_ready", type(ready._ready)())
    async with system.database.sessions() as session:
        for code in ("cn_24x7", "cn_service_desk", "cn_workdays"):
            found = await calendars.get(session, (await shipped(system, code))["id"])
            ready.working_time(found.versions[0])
    assert len(ready._ready) == 2


@pytest.mark.parametrize(
    ("version", "pointer"),
    [
        ({"hours": {}}, "/body/version/hours"),
        ({"hours": {}, "date_overrides": {"2025-12-30": [["09:00", "18:00"]]}}, "/body/version/hours"),
        ({"hours": {"mon": [["18:00", "09:00"]]}}, "/body/version/hours/mon/0"),
        ({"date_overrides": {"2026-13-01": []}}, "/body/version/date_overrides/2026-13-01"),
        ({"years": {"2027": "perhaps"}}, "/body/version/years/2027"),
        ({"years": {"next": "confirmed"}}, "/body/version/years/next"),
    ],
)
async def test_a_version_that_could_not_be_counted_by_is_refused_where_it_is_wrong(
    system: System, version: dict[str, Any], pointer: str
) -> None:
    admin = await system.as_role(Role.ADMIN)
    answer = await admin.post("/v1/calendars", NEW | {"code": "refused", "version": VERSION | version})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_of_two_calendars_with_one_code_the_second_is_refused(system: System) -> None:
    admin = await system.as_role(Role.ADMIN)
    await made(admin, "twice")
    answer = await admin.post("/v1/calendars", NEW | {"code": "twice"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/body/code")


# Sums


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["id"])
async def test_every_vector_agrees_through_the_api(system: System, vector: dict[str, Any]) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    asked = {name: vector[name] for name in ("start", "seconds", "end", "pauses") if name in vector}
    calendar = VECTORS["calendars"][vector["calendar"]]
    answer = await service.post("/v1/clocks/calculate", {"calendar": calendar} | asked)
    assert answer.status_code == 200, answer.text
    if vector["op"] == "due":
        assert answer.json().keys() == {"due"}
        assert datetime.fromisoformat(answer.json()["due"]) == datetime.fromisoformat(vector["expect"])
    else:
        assert answer.json() == {"elapsed_seconds": vector["expect"]}
        assert isinstance(answer.json()["elapsed_seconds"], int)


ASKED: dict[str, Any] = {
    "calendar": {"tz": "Europe/Zurich", "hours": OFFICE},
    "start": "2026-11-23T12:00:00+01:00",
    "seconds": 3600,
}


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"calendar": {"tz": "Europe/Zürich", "hours": OFFICE}}, "/body/calendar/tz", "no such time zone"),
        ({"calendar": {"tz": "Europe/Zurich"}}, "/body/calendar/hours", "required"),
        ({"calendar": {"tz": "Europe/Zurich", "hours": {}}}, "/body/calendar", "no working time in reach"),
        ({"end": "2026-11-24T12:00:00+01:00"}, "/body", "either seconds or end"),
        ({"seconds": None}, "/body", "either seconds or end"),
        ({"seconds": None, "end": "2026-11-23T10:59:59Z"}, "/body", "before start"),
        ({"seconds": -1}, "/body/seconds", "greater than or equal to 0"),
        ({"start": "2026-11-23T12:00:00"}, "/body/start", "timezone"),
        ({"pauses": [["2026-11-23T13:00:00Z", "2026-11-23T12:00:00Z"]]}, "/body/pauses/0", "ends before it begins"),
        ({"pauses": [["2026-11-23T13:00:00Z"]]}, "/body/pauses/0", "at least 2"),
    ],
)  # fmt: skip
async def test_a_sum_that_cannot_be_made_says_where_and_why(
    system: System, changes: dict[str, Any], pointer: str, words: str
) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    for language in ("en", "zh"):
        answer = await service.post(
            "/v1/clocks/calculate", ASKED | changes, headers={"Accept-Language": language}
        )
        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert error["pointer"] == pointer
        assert (words in error["detail"]) == (language == "en")


async def test_an_answer_is_exact_to_the_microsecond_and_in_utc(system: System) -> None:
    admin = await system.as_role(Role.ADMIN)
    start = ASKED["start"].replace("00+01", "00.000001+01")
    due = await admin.post("/v1/clocks/calculate", ASKED | {"start": start})
    assert due.json() == {"due": "2026-11-23T12:00:00.000001Z"}
    until = {"seconds": None, "end": "2026-11-23T12:00:01.5+01:00"}
    assert (await admin.post("/v1/clocks/calculate", ASKED | until)).json() == {"elapsed_seconds": 1.5}


async def test_the_largest_calendar_that_may_be_sent_is_counted_at_once(system: System) -> None:
    """What a body may hold is bounded, so that nobody else waits for its sum."""
    edges = [[f"{2 * hour:02}:00", f"{2 * hour + 1:02}:00"] for hour in range(8)]
    first = datetime(2026, 1, 1, tzinfo=UTC)
    days = [f"{first + timedelta(days=nth):%Y-%m-%d}" for nth in range(1001)]
    dated = {"date_overrides": dict.fromkeys(days[:250], edges), "breaks": dict.fromkeys(days[:250], edges)}
    calendar = {"tz": "Europe/Zurich", "hours": OFFICE, "holidays": days[:1000], **dated}
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    assert (await service.post("/v1/clocks/calculate", ASKED | {"calendar": calendar})).status_code == 200
    for part, more in (
        ("holidays", days),
        ("breaks", {day: [] for day in days[:251]}),
        ("date_overrides", {day: [] for day in days[:251]}),
    ):
        answer = await service.post("/v1/clocks/calculate", ASKED | {"calendar": calendar | {part: more}})
        assert answer.json()["errors"][0]["pointer"] == f"/body/calendar/{part}"
