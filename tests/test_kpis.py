"""On-time delivery: by promise date, raw and adjusted, every exclusion counted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.roles import Role
from tests.system import System, a_customer, a_number, an_event

PROMISE = datetime(2026, 3, 10, 12, tzinfo=UTC)


def between(start: str, end: str) -> dict[str, Any]:
    return {"from": start, "to": end}


MARCH = between("2026-03-01", "2026-04-01")


async def parcels(system: System, stories: dict[str, Any]) -> str:
    """A customer with one parcel per story: `promised`, `service`, and scans `(hours after the promise, code, more)`."""
    customer = await a_customer(system)
    bodies, scans = [], []
    for story in stories.values():
        promised = story.get("promised", PROMISE)
        bodies.append(
            {
                "tracking_no": a_number(),
                "customer_id": customer["id"],
                "service": story.get("service", "inter_city"),
                "promised_at": promised.isoformat(),
            }
        )
        scans += [
            an_event(
                bodies[-1]["tracking_no"],
                code,
                occurred_at=(promised + timedelta(hours=hours)).isoformat(),
                **more,
            )
            for hours, code, more in story.get("scans", [])
        ]
    operations, dispatch = await system.as_role(Role.OPERATIONS), await system.as_role(Role.DISPATCH)
    made = await operations.post("/v1/shipments/batch", {"items": bodies})
    assert {each["result"] for each in made.json()["results"]} == {"created"}
    if scans:
        pushed = await dispatch.post("/v1/tracking-events/batch", {"items": scans})
        assert {each["result"] for each in pushed.json()["results"]} == {"accepted"}
    await system.drain()
    return str(customer["id"])


async def on_time(
    system: System, customer_id: str, role: Role = Role.OPERATIONS, **params: Any
) -> dict[str, Any]:
    answer = await (await system.as_role(role)).get(
        "/v1/kpis/on_time/values", params={"customer_id": customer_id, **MARCH, **params}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ratio(figures: dict[str, Any]) -> tuple[int, int]:
    return figures["numerator"], figures["denominator"]


STORIES: dict[str, Any] = {
    "early": {"scans": [(-9, "picked_up", {}), (-5, "delivered", {})]},
    "to the second": {"scans": [(0, "delivered", {})]},
    "a second late": {"scans": [(1 / 3600, "delivered", {})]},
    "a day late": {"scans": [(30, "delivered", {})]},
    "tried in time, delivered late": {
        "scans": [(-2, "attempt_failed", {"reason_code": "recipient_absent"}), (20, "delivered", {})]
    },
    "the carrier's own failure is no attempt": {
        "scans": [(-2, "attempt_failed", {"reason_code": "carrier_vehicle"}), (20, "delivered", {})]
    },
    "tried to the second, still under way": {
        "scans": [(0, "attempt_failed", {"reason_code": "recipient_refused"}), (3, "in_transit", {})]
    },
    "delivered and returned": {"scans": [(-3, "delivered", {}), (9, "returning", {}), (20, "delivered", {})]},
    "under way": {"scans": [(-9, "in_transit", {})]},
    "nothing heard": {},
    "lost": {"scans": [(-9, "lost", {})]},
    "held after hand-over": {"scans": [(-9, "picked_up", {}), (-8, "on_hold", {})]},
    "held before hand-over": {"scans": [(-9, "on_hold", {})]},
    "cancelled": {"scans": [(-9, "cancelled", {})]},
    "cancelled after an attempt in time": {
        "scans": [(-9, "attempt_failed", {"reason_code": "recipient_absent"}), (-8, "cancelled", {})]
    },
    "time unknown": {"scans": [(-9, "delivered", {"occurred_at_estimated": True})]},
}


async def test_on_time_is_counted_as_it_is_defined(system: System) -> None:
    figures = await on_time(system, await parcels(system, STORIES))
    assert (figures["kpi"], figures["definition"]) == ("on_time", "on_time/1")
    assert ratio(figures) == (5, 12)
    assert figures["value"] == round(5 / 12, 6)
    assert ratio(figures["raw"]) == (6, 16), "raw leaves nothing out"
    assert figures["excluded"] == {"cancelled": 2, "held_before_handover": 1, "delivery_time_unknown": 1}
    assert (figures["delivered"], figures["delivered_late"], figures["delivered_on_later_date"]) == (7, 4, 3)


async def test_the_promise_decides_the_period_and_its_end_is_exclusive(system: System) -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    midnights = [datetime(2026, month, 1, tzinfo=shanghai) for month in (3, 4)]
    second = timedelta(seconds=1)
    promised = [midnights[0] - second, midnights[0], midnights[1] - second, midnights[1]]
    done: list[Any] = [(-1, "delivered", {})]
    customer_id = await parcels(system, {str(each): {"promised": each, "scans": done} for each in promised})
    assert ratio(await on_time(system, customer_id)) == (2, 2)
    instants = between(midnights[0].isoformat(), midnights[1].isoformat())
    assert ratio(await on_time(system, customer_id, **instants)) == (2, 2)
    assert ratio(await on_time(system, customer_id, **between("2026-04-01", "2026-04-02"))) == (1, 1)
    nothing = await on_time(system, customer_id, **between("2027-01-01", "2027-02-01"))
    assert (ratio(nothing), nothing["value"], nothing["raw"]["value"]) == ((0, 0), None, None)


async def test_a_date_means_midnight_in_the_zone_asked_for_on_the_day_the_clocks_change_too(
    system: System,
) -> None:
    """In Zürich, 29 March 2026 has 23 hours and 25 October has 25."""
    hours = {
        "2026-03-28T22:59:59Z": "2026-03-28",
        "2026-03-28T23:00:00Z": "2026-03-29",
        "2026-03-29T21:59:59Z": "2026-03-29",
        "2026-03-29T22:00:00Z": "2026-03-30",
        "2026-10-24T21:59:59Z": "2026-10-24",
        "2026-10-24T22:00:00Z": "2026-10-25",
        "2026-10-25T22:59:59Z": "2026-10-25",
        "2026-10-25T23:00:00Z": "2026-10-26",
    }
    stories = {at: {"promised": datetime.fromisoformat(at), "scans": [(0, "delivered", {})]} for at in hours}
    customer_id = await parcels(system, stories)
    for day in sorted(set(hours.values())):
        following = (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
        found = await on_time(system, customer_id, tz="Europe/Zurich", **between(day, following))
        assert ratio(found) == (list(hours.values()).count(day),) * 2, day
    shanghai = await on_time(system, customer_id, **between("2026-03-29", "2026-03-30"))
    assert ratio(shanghai) == (2, 2), "07:00 to 07:00 in Zürich's winter is another day in Shanghai"


async def test_whether_a_delivery_came_on_a_later_date_depends_on_the_zone(system: System) -> None:
    promised = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
    customer_id = await parcels(system, {"late": {"promised": promised, "scans": [(1, "delivered", {})]}})
    for tz, later in (("Asia/Shanghai", 1), ("Europe/Zurich", 0), ("America/Sao_Paulo", 0)):
        figures = await on_time(system, customer_id, tz=tz)
        assert (figures["delivered_late"], figures["delivered_on_later_date"]) == (1, later)


async def test_the_figure_can_be_had_per_service(system: System) -> None:
    done: list[Any] = [(-1, "delivered", {})]
    customer_id = await parcels(
        system, {"a": {"scans": done}, "b": {"service": "tw", "scans": done}, "c": {"service": "tw"}}
    )
    assert ratio(await on_time(system, customer_id, service="tw")) == (1, 2)
    assert ratio(await on_time(system, customer_id)) == (2, 3)


@pytest.mark.parametrize(
    "params",
    [
        {"from": "2026-03-01"},
        {"from": "2026-03-01", "to": "2026-03-01"},
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "2026-03-01", "to": "2026-04-01T00:00:00Z"},
        {"from": "2026-03-01T10:00:00", "to": "2026-04-01T10:00:00"},
        {"from": "20260301", "to": "20260401"},
        {"from": "1772323200", "to": "1774915200"},
        {"from": "三月", "to": "四月"},
        {**MARCH, "tz": "Asia/Zürich"},
        {**MARCH, "tz": ""},
        {**MARCH, "tz": "../../etc/passwd"},
        {**MARCH, "service": "rocket"},
        {**MARCH, "customer_id": "1"},
        {**MARCH, "colour": "red"},
        {"from": "2026-02-30", "to": "2026-04-01"},
    ],
)
async def test_a_period_that_makes_no_sense_is_refused(system: System, params: dict[str, str]) -> None:
    answer = await (await system.as_role(Role.OPERATIONS)).get("/v1/kpis/on_time/values", params=params)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


async def test_the_ends_of_the_calendar_are_a_period_too_or_refused(system: System) -> None:
    for tz in ("Asia/Shanghai", "America/Sao_Paulo"):
        answer = await (await system.as_role(Role.OPERATIONS)).get(
            "/v1/kpis/on_time/values", params={"from": "0001-01-01", "to": "9999-12-31", "tz": tz}
        )
        assert answer.status_code in {200, 422}, answer.text


@pytest.mark.parametrize("role", [Role.EXECUTIVE, Role.PRODUCT, Role.AUDITOR, Role.CUSTOMER_SERVICE])
async def test_whoever_reads_figures_reads_them_of_all_customers(system: System, role: Role) -> None:
    customer_id = await parcels(system, {"early": STORIES["early"]})
    assert ratio(await on_time(system, customer_id, role)) == (1, 1)


async def test_figures_are_not_for_everybody(system: System) -> None:
    for role, status in ((Role.HR, 403), (Role.DISPATCH, 403), (Role.PARTNER, 404)):
        answer = await (await system.as_role(role)).get("/v1/kpis/on_time/values", params=MARCH)
        assert answer.status_code == status
