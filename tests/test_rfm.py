"""Recency, frequency and value: quintiles inside a segment, in one currency, within a window."""

from typing import Any
from uuid import UUID

from tests.segments import members_by_hand, put
from tests.system import Caller, System, a_customer, a_shipment


async def scores(caller: Caller, path: str, **query: Any) -> dict[str, dict[str, Any]]:
    answer = await caller.get(f"{path}/rfm/customers", params={"limit": 200, **query})
    assert answer.status_code == 200, answer.text
    return {row["customer_id"]: row for row in answer.json()["items"]}


async def test_scores_are_quintiles_inside_the_segment_and_who_ties_shares_one(system: System) -> None:
    marketing, path = await members_by_hand(system)
    ids = [(await a_customer(system))["id"] for _ in range(6)]
    items = [{"customer_id": each} for each in ids]
    await marketing.post(f"{path}/members/batch", {"items": items})
    for place, each in enumerate(ids[:5]):
        for _ in range([1, 1, 1, 2, 4][place]):
            await a_shipment(system, each, freight={"amount": f"{place}0.00", "currency": "CNY"})
    await a_shipment(system, ids[0], freight={"amount": "9999.00", "currency": "CHF"})
    by_id = await scores(marketing, path)
    assert [by_id[each]["value"] for each in ids] == [1, 2, 3, 4, 5, None]
    assert [by_id[each]["frequency"] for each in ids] == [3, 1, 1, 3, 5, None]
    assert [by_id[each]["freight"] for each in ids] == ["0.00", "10.00", "20.00", "60.00", "160.00", "0.00"]
    assert [by_id[each]["other_currencies"] for each in ids] == [["CHF"], [], [], [], [], []]
    assert by_id[ids[5]]["rfm_class"] == "silent"
    assert by_id[ids[4]]["recency"] == 4
    swiss = await scores(marketing, path, currency="CHF")
    assert (swiss[ids[0]]["value"], {swiss[each]["value"] for each in ids[1:5]}) == (5, {1})
    total = (await marketing.get(f"{path}/rfm")).json()
    assert (total["customers"], total["with_other_currencies"], total["definition"]) == (6, 1, "rfm/1")
    assert sum(each["customers"] for each in total["classes"]) == 6
    silent = await scores(marketing, path, rfm_class="silent")
    assert silent.keys() == {ids[5]}


async def test_cancelled_parcels_and_those_outside_the_window_do_not_count(system: System) -> None:
    marketing, path = await members_by_hand(system)
    one, two = [(await a_customer(system))["id"] for _ in range(2)]
    for each in (one, two):
        await marketing.post(f"{path}/members", {"customer_id": each})
        await a_shipment(system, each)
    await put(system, "UPDATE shipments SET status = 'cancelled' WHERE customer_id = $1", UUID(one))
    await put(
        system,
        "UPDATE shipments SET created_at = now() - interval '40 days' WHERE customer_id = $1",
        UUID(two),
    )
    assert {row["rfm_class"] for row in (await scores(marketing, path, days=30)).values()} == {"silent"}
    assert (await scores(marketing, path, days=60))[two]["shipments"] == 1


async def test_scores_are_walked_page_by_page_without_loss(system: System) -> None:
    marketing, path = await members_by_hand(system)
    ids = {(await a_customer(system))["id"] for _ in range(7)}
    for each in ids:
        await marketing.post(f"{path}/members", {"customer_id": each})
        await a_shipment(system, each)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while query.get("cursor", "") is not None:
        page = (await marketing.get(f"{path}/rfm/customers", params=query)).json()
        seen += [row["customer_id"] for row in page["items"]]
        query["cursor"] = page["next_cursor"]
    assert (len(seen), set(seen)) == (7, ids)
