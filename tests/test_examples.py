"""The examples: what the mapping files make of order tables and of captured pushes, and the patient caller."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.progress import Progress

import load_orders
import order_plan
import push_plan
from crm_api import MAX_BYTES, Api, ApiError, Credentials, batches, client_grant
from push_files import prepare, push

EXAMPLES = Path(__file__).parent.parent / "examples"
ORDERS = EXAMPLES / "orders"
PUSHES = EXAMPLES / "pushes"
MARKETPLACE = Path(__file__).parent / "data" / "marketplace"

Handler = Callable[[httpx.Request], httpx.Response]


# --- The order table ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mapping() -> order_plan.Mapping:
    return order_plan.Mapping.read(ORDERS / "mapping.toml")


@pytest.fixture(scope="module")
def orders(mapping: order_plan.Mapping) -> order_plan.Plan:
    return order_plan.plan(mapping, ORDERS)


def shipment(plan: order_plan.Plan, tracking_no: str) -> dict[str, Any]:
    return next(body for body in plan.shipments if body["tracking_no"] == tracking_no)


def events(plan: order_plan.Plan, tracking_no: str) -> list[tuple[str, str]]:
    return [(e["code"], e["occurred_at"]) for e in plan.events if e["tracking_no"] == tracking_no]


def test_every_order_becomes_a_shipment_and_every_seller_a_customer(orders: order_plan.Plan) -> None:
    assert orders.problems == []
    assert [customer["code"] for customer in orders.customers] == [
        "unassigned", "S01", "S02", "S03", "S04", "S05",
    ]  # fmt: skip
    assert len(orders.shipments) == 24
    assert orders.statuses == Counter(
        delivered=11, in_transit=4, cancelled=3, created=3, on_hold=2, returning=1
    )
    assert Counter(event["code"] for event in orders.events) == Counter(
        created=24, picked_up=18, delivered=11, in_transit=4, cancelled=3, on_hold=2, returning=1
    )


def test_full_width_digits_become_ascii_where_they_are_numbers_and_stay_where_they_are_words(
    orders: order_plan.Plan,
) -> None:
    body = shipment(orders, "YS2025110004")
    assert body["declared_value"] == {"amount": "1280.00", "currency": "CNY"}
    assert body["freight"] == {"amount": "22.50", "currency": "CNY"}
    assert body["recipient"]["phone"] == "130-0000-0004"
    assert body["recipient"]["address"]["street"] == "茶园小区３号楼２单元"
    assert body["attributes"]["items"] == 1
    assert events(orders, "YS2025110004")[0] == ("created", "2025-11-03T15:30:00+08:00")
    assert shipment(orders, "YS2025110016")["customer_code"] == "S05"


def test_characters_beyond_gbk_are_read(orders: order_plan.Plan) -> None:
    assert orders.customers[2]["name"] == "𠮷祥茶行"


def test_words_of_the_table_become_services_and_statuses_of_the_api(orders: order_plan.Plan) -> None:
    assert shipment(orders, "YS2025110003")["service"] == "same_city"
    assert shipment(orders, "YS2025110006")["service"] == "hk_mo"
    assert shipment(orders, "YS2025110015")["service"] == "tw"
    assert events(orders, "YS2025110005") == [
        ("created", "2025-11-04T08:44:00+08:00"),
        ("picked_up", "2025-11-04T16:20:00+08:00"),
        ("in_transit", "2025-11-04T16:20:00+08:00"),
    ]


def test_an_order_without_a_seller_goes_to_the_unassigned_customer(orders: order_plan.Plan) -> None:
    body = shipment(orders, "YS2025110021")
    assert body["customer_code"] == "unassigned"
    assert body["attributes"]["flags"] == ["no_seller"]
    assert not {"sender", "declared_value", "freight"} & body.keys()


def test_a_delivery_without_a_time_is_estimated_at_the_promise_and_says_so(orders: order_plan.Plan) -> None:
    delivered = next(e for e in orders.events if e["event_id"] == "YS2025110012:delivered")
    assert delivered["occurred_at"] == "2025-11-06T12:00:00+08:00"
    assert delivered["occurred_at_estimated"] is True
    assert sum("occurred_at_estimated" in event for event in orders.events) == 1
    assert shipment(orders, "YS2025110012")["attributes"]["flags"] == ["delivery_time_missing"]


def test_a_cancelled_order_is_cancelled_at_the_last_known_time_of_it(orders: order_plan.Plan) -> None:
    assert events(orders, "YS2025110011")[-1] == ("cancelled", "2025-11-05T08:40:00+08:00")
    assert events(orders, "YS2025110010") == [
        ("created", "2025-11-04T14:00:00+08:00"),
        ("cancelled", "2025-11-04T14:00:00+08:00"),
    ]


def test_impossible_orders_of_times_are_kept_and_flagged(orders: order_plan.Plan) -> None:
    body = shipment(orders, "YS2025110022")
    assert body["attributes"]["flags"] == ["delivered_before_pick_up"]
    assert body["attributes"]["signed_raw"] == "2025-11-06 17:05"


def test_a_limit_takes_the_first_orders_and_their_customers_only(mapping: order_plan.Mapping) -> None:
    plan = order_plan.plan(mapping, ORDERS, limit=3)
    assert len(plan.shipments) == 3
    assert [customer["code"] for customer in plan.customers] == ["S01"]


def test_a_row_that_cannot_be_read_is_named_and_the_others_go_on(
    mapping: order_plan.Mapping, tmp_path: Path
) -> None:
    lines = (ORDERS / "orders.csv").read_text("gb18030").splitlines()
    spoilt = [
        lines[1].replace("2025-11-03 09:15", "yesterday"),
        lines[2].replace("已签收", "送往月球"),
        lines[3].replace("35.00", "some"),
        lines[4],
        lines[4],
        lines[5].replace("2025-11-08 18:00", ""),
        lines[6].replace("YS2025110006", ""),
    ]
    (tmp_path / "orders.csv").write_text("\n".join([lines[0], *spoilt]), "gb18030")
    plan = order_plan.plan(mapping, tmp_path)
    assert [body["tracking_no"] for body in plan.shipments] == ["YS2025110004"]
    assert [problem.partition(": ")[2] for problem in plan.problems] == [
        "not a time: 'yesterday'",
        "'送往月球' is not in the map 'status'",
        "not an amount: '￥some'",
        "YS2025110004 stands in an earlier row already",
        "no promised time",
        "no tracking number",
    ]


def test_a_column_that_does_not_exist_is_an_error_of_every_row(mapping: order_plan.Mapping) -> None:
    wrong = mapping.model_copy(update={"status": "{状态|status}"})
    plan = order_plan.plan(wrong, ORDERS)
    assert len(plan.problems) == 24
    assert "no such column: '状态'" in plan.problems[0]


@pytest.fixture(scope="module")
def joined() -> order_plan.Plan:
    """Five made-up orders in the columns of the public Olist tables."""
    return order_plan.plan(order_plan.Mapping.read(EXAMPLES / "olist.toml"), MARKETPLACE)


def test_joined_tables_give_the_seller_of_the_first_item_and_the_totals_of_all(
    joined: order_plan.Plan,
) -> None:
    assert [customer["code"] for customer in joined.customers] == ["unassigned", "s1", "s2", "s3"]
    body = shipment(joined, "o1")
    assert body["customer_code"] == "s1"
    assert body["declared_value"] == {"amount": "30.30", "currency": "BRL"}
    assert body["freight"] == {"amount": "3.15", "currency": "BRL"}
    assert body["attributes"]["items"] == 2
    assert body["promised_at"] == "2018-02-01T00:00:00-02:00"
    assert body["recipient"]["address"] == {
        "country": "BR", "province": "PE", "city": "recife", "postcode": "50000",
    }  # fmt: skip
    assert shipment(joined, "o4")["customer_code"] == "unassigned"
    assert shipment(joined, "o4")["attributes"]["flags"] == ["no_items"]


def test_only_what_is_known_of_an_order_becomes_an_event(joined: order_plan.Plan) -> None:
    assert joined.problems == []
    assert [code for code, _ in events(joined, "o1")] == ["created", "picked_up", "delivered"]
    assert events(joined, "o3")[-1] == ("cancelled", "2018-03-03T08:00:00-03:00")
    assert shipment(joined, "o3")["attributes"]["flags"] == ["no_items", "cancelled_with_delivery_date"]
    assert events(joined, "o4")[-1] == ("on_hold", "2018-03-02T09:00:00-03:00")
    assert [code for code, _ in events(joined, "o5")] == ["created"]


def test_an_order_exists_no_later_than_its_hand_over(joined: order_plan.Plan) -> None:
    assert events(joined, "o2")[0] == ("created", "2018-04-30T12:59:00-03:00")
    assert shipment(joined, "o2")["attributes"]["flags"] == ["handed_over_before_purchase"]


def test_a_seed_gives_one_random_order_with_the_share_of_duplicates(orders: order_plan.Plan) -> None:
    sent = order_plan.deliveries(orders.events, seed=7, duplicates=0.25)
    assert sent == order_plan.deliveries(orders.events, seed=7, duplicates=0.25)
    assert sent != order_plan.deliveries(orders.events, seed=8, duplicates=0.25)
    counts = Counter(event["event_id"] for event in sent)
    assert counts.keys() == {event["event_id"] for event in orders.events}
    assert len(orders.events) == 63
    assert sum(counts.values()) == 79


def test_without_a_seed_events_are_sent_by_time(orders: order_plan.Plan) -> None:
    times = [datetime.fromisoformat(event["occurred_at"]) for event in order_plan.deliveries(orders.events)]
    assert times == sorted(times)


# --- The carriers' pushes -----------------------------------------------------------------------------

PUSHED = {
    "17track_gettrackinfo_correios_2151.json":
        (3, "17track", "Delivered_Other", None, "2026-06-30T14:23:00-03:00"),
    "17track_gettrackinfo_exception_returning.json":
        (1, "17track", "Exception_Returning", None, "2026-06-27T11:15:00-03:00"),
    "17track_gettracklist_page.json":
        (2, "17track", "Delivered_Other", None, "2026-06-30T14:23:00-03:00"),
    "17track_webhook_push_payload.json":
        (2, "17track", "50", None, "2026-06-13T14:22:00-04:00"),
    "aftership_trackings_fixture.json":
        (13, "aftership", "InfoReceived_001", None, "2018-07-31T10:33:00-04:00"),
    "aftership_webhook_envelope.json":
        (1, "aftership", "Delivered_001", None, "2018-08-16T03:50:54+00:00"),
    "cloudevents_batch.json":
        (2, "other", "com.example.someevent", None, "2018-04-05T17:31:00+00:00"),
    "easypost_event_body.json":
        (7, "easypost", "pre_transit", "label_created", "2024-07-31T15:00:00+00:00"),
    "easypost_tracker_retrieve.json":
        (2, "easypost", "pre_transit", "status_update", "2025-04-09T20:40:17+00:00"),
    "easypost_webhook_vector.json":
        (7, "easypost", "pre_transit", "label_created", "2024-07-31T15:00:00+00:00"),
    "karrio_tracking_status_updated_DOC.json":
        (3, "karrio", "in_transit", None, "2024-01-16T08:30:00+00:00"),
    "kuaidi100_push_basic_2012.json":
        (2, "kuaidi100", "0", None, "2012-08-28T16:33:19+08:00"),
    "kuaidi100_push_resultv2_4.json":
        (5, "kuaidi100", "304", None, "2022-06-30T10:34:33+08:00"),
    "onfleet_task_completed.json":
        (1, "other", "taskCompleted", None, "2026-05-25T17:26:40+00:00"),
    "sf_route_push_fields.json":
        (2, "sf", "50", None, "2025-05-26T09:55:52+08:00"),
    "shippo_webhook_vector.json":
        (1, "shippo", "DELIVERED", None, "2026-10-01T10:20:30+00:00"),
    "track123_webhook_excerpt.json":
        (1, "other", "DELIVERED_01", None, "2021-08-12T10:32:41+08:00"),
    "ups_track_alert_callback.json":
        (1, "other", "OR", None, "2024-01-12T20:42:07+00:00"),
    "wechat_add_express_path.xml":
        (1, "wechat", "100001", None, "2019-01-08T05:20:40+00:00"),
    "wechat_ewaybill_push_path.json":
        (1, "wechat", "1", None, "2022-09-06T16:00:00+00:00"),
}  # fmt: skip
"""File -> number of events, and of the first one source, code, reason code and time."""


@pytest.fixture(scope="module")
def library() -> push_plan.Library:
    return push_plan.Library.read(PUSHES)


def captured() -> list[Path]:
    return sorted(path for path in PUSHES.iterdir() if path.suffix in (".json", ".xml"))


def planned(library: push_plan.Library, name: str) -> push_plan.Plan:
    form = library.format_of(PUSHES / name)
    assert form
    return push_plan.plan(library.formats[form], PUSHES / name)


@pytest.mark.parametrize("name", PUSHED)
def test_every_file_with_tracking_becomes_items_of_the_native_api(
    library: push_plan.Library, name: str
) -> None:
    plan = planned(library, name)
    first = plan.items[0]
    found = (first["source"], first["code"], first.get("reason_code"), first["occurred_at"])
    assert (len(plan.items), *found) == PUSHED[name]
    assert plan.problems == []
    assert all(item["tracking_no"] for item in plan.items)
    assert all(datetime.fromisoformat(item["occurred_at"]).tzinfo for item in plan.items)


def test_every_file_is_either_pushed_or_said_to_carry_no_tracking(library: push_plan.Library) -> None:
    work = prepare(captured(), library)
    assert work.plans.keys() == PUSHED.keys()
    assert work.left_out.keys() == library.without_tracking.keys()
    assert work.unknown == []


def test_the_readme_names_every_file() -> None:
    text = (PUSHES / "README.md").read_text("utf-8")
    assert [path.name for path in captured() if f"| `{path.name}` |" not in text] == []


def test_event_ids_are_only_taken_where_every_node_has_its_own(library: push_plan.Library) -> None:
    with_ids = {name for name in PUSHED if any("event_id" in i for i in planned(library, name).items)}
    assert with_ids == {"sf_route_push_fields.json", "cloudevents_batch.json"}
    ids = [item["event_id"] for name in with_ids for item in planned(library, name).items]
    assert len(ids) == len(set(ids)) == 4


def test_the_webhook_vector_holds_the_same_events_as_the_event_body(library: push_plan.Library) -> None:
    body, vector = (planned(library, f"easypost_{n}.json").items for n in ("event_body", "webhook_vector"))
    assert body == vector


def test_an_impossible_time_falls_back_to_the_push_and_is_told(library: push_plan.Library) -> None:
    plan = planned(library, "wechat_ewaybill_push_path.json")
    assert plan.items[0]["occurred_at_estimated"] is True
    assert plan.notes == [
        "wechat_ewaybill_push_path.json, event 1: event.update_time = 1231231 can't be its time",
        "wechat_ewaybill_push_path.json, event 1: takes body.CreateTime = 1662480000 for its time",
    ]


def test_a_tracking_without_checkpoints_is_an_event_itself(library: push_plan.Library) -> None:
    expired = planned(library, "aftership_trackings_fixture.json").items[11:]
    assert [item["code"] for item in expired] == ["Expired_001", "Expired_001"]
    assert all(item["occurred_at_estimated"] for item in expired)


def test_an_event_without_number_code_or_time_is_named_and_never_dropped_silently(
    library: push_plan.Library, tmp_path: Path
) -> None:
    nodes = [
        {"id": "1", "opCode": "50", "acceptTime": "2025-05-26 09:55:52"},
        {"id": "2", "mailno": "SF1", "acceptTime": "soon"},
    ]
    file = tmp_path / "sf_route_push_bad.json"
    file.write_text(json.dumps({"items": nodes}), "utf-8")
    plan = push_plan.plan(library.formats["sf"], file)
    assert plan.items == []
    assert plan.problems == [
        "sf_route_push_bad.json, event 1: no tracking_no",
        "sf_route_push_bad.json, event 2: no code, occurred_at",
    ]


def test_a_time_without_a_zone_is_not_guessed() -> None:
    rule = push_plan.TimeRule(at="event.t")
    with pytest.raises(ValueError, match="without a zone"):
        push_plan._parsed(rule, "2025-05-26T09:55:52", {})


def test_repeated_elements_of_xml_become_one_list(tmp_path: Path, library: push_plan.Library) -> None:
    action = "<Actions><ActionTime>1546924840</ActionTime><ActionType>{}</ActionType></Actions>"
    actions = action.format(100001) + action.format(200001)
    file = tmp_path / "wechat_add_express_path.xml"
    file.write_text(f"<xml><WayBillId>1</WayBillId>{actions}</xml>", "utf-8")
    plan = push_plan.plan(library.formats["wechat_path"], file)
    assert [item["code"] for item in plan.items] == ["100001", "200001"]


# --- The patient caller -------------------------------------------------------------------------------


class Recorder:
    """Stands in for the API: hands out tokens, answers the rest by `handler`, remembers the requests."""

    def __init__(self, handler: Handler, lifetime: int = 900) -> None:
        self.requests: list[httpx.Request] = []
        self.tokens = 0
        self._handler = handler
        self._lifetime = lifetime

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/auth/token":
            self.tokens += 1
            token = {"access_token": f"t{self.tokens}", "expires_in": self._lifetime}
            return httpx.Response(200, json=token)
        self.requests.append(request)
        return self._handler(request)

    def connect(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self), base_url="http://crm.test")

    async def post(self) -> httpx.Response:
        async with self.connect() as http:
            return await Api(http, client_grant("id", "secret"), attempts=4).post("/v1/things", {"a": 1})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("crm_api.asyncio.sleep", sleep)
    return slept


def in_turn(*answers: httpx.Response | Exception) -> Handler:
    waiting = iter(answers)

    def handler(_: httpx.Request) -> httpx.Response:
        answer = next(waiting)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler


async def test_a_refused_rate_is_waited_out_as_long_as_the_api_asks(pauses: list[float]) -> None:
    api = Recorder(in_turn(httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(201)))
    assert (await api.post()).status_code == 201
    assert pauses == [7.0]


async def test_repetitions_after_a_lost_answer_keep_their_idempotency_key(pauses: list[float]) -> None:
    under_way = httpx.Response(409, headers={"Retry-After": "1"})
    api = Recorder(in_turn(httpx.ReadError("gone"), httpx.Response(503), under_way, httpx.Response(201)))
    assert (await api.post()).status_code == 201
    assert len({request.headers["Idempotency-Key"] for request in api.requests}) == 1
    assert len(pauses) == 3


async def test_the_caller_gives_up_after_its_attempts(pauses: list[float]) -> None:
    api = Recorder(lambda _: httpx.Response(503))
    with pytest.raises(ApiError, match="gave up after 4 attempts"):
        await api.post()
    assert len(pauses) == 4


async def test_a_token_that_is_no_longer_valid_is_replaced_once() -> None:
    api = Recorder(in_turn(httpx.Response(401), httpx.Response(201)))
    assert (await api.post()).status_code == 201
    assert [request.headers["Authorization"] for request in api.requests] == ["Bearer t1", "Bearer t2"]


def test_batches_keep_the_order_and_both_limits() -> None:
    items = [{"text": "字" * (index % 7) * 1000, "index": index} for index in range(300)]
    cut = list(batches(items, 100))
    assert [item for batch in cut for item in batch] == items
    assert all(len(batch) <= 100 for batch in cut)
    assert all(len(json.dumps({"items": b}, ensure_ascii=False).encode()) <= MAX_BYTES + 20 for b in cut)
    assert len(cut) > 3


async def test_what_exists_already_is_no_failure_of_a_load(orders: order_plan.Plan) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if request.url.path == "/v1/customers":
            return httpx.Response(409, json={"title": "code taken"})
        if request.url.path == "/v1/customers/search":
            return httpx.Response(200, json={"items": [{"code": body["code"]}], "next_cursor": None})
        taken = {"result": "rejected", "problem": {"status": 409}}
        answer = taken if request.url.path == "/v1/shipments/batch" else {"result": "duplicate"}
        return httpx.Response(
            200, json={"results": [{"index": i} | answer for i in range(len(body["items"]))]}
        )

    outcome = await loaded(Recorder(handler), orders)
    assert outcome.customers == {"exists": 6}
    assert outcome.shipments == {"exists": 24}
    assert outcome.events == {"duplicate": 63}
    assert outcome.refused == []


async def loaded(api: Recorder, orders: order_plan.Plan) -> load_orders.Outcome:
    staff = {"username": "u", "password": "p"}
    machine = {"client_id": "c", "client_secret": "s"}
    credentials = Credentials({"marketing": staff}, {"dispatch": machine})
    async with api.connect() as http:
        return await load_orders.load(
            http, credentials, orders, orders.events, bar=Progress(disable=True), batch=10
        )


async def test_a_push_counts_what_the_api_answered() -> None:
    results = [
        {"index": 0, "result": "accepted", "status": "in_transit", "reason": None},
        {"index": 1, "result": "parked", "status": "unknown", "reason": "unmapped"},
        {"index": 2, "result": "rejected", "problem": {"status": 403}},
    ]
    api = Recorder(lambda _: httpx.Response(200, json={"results": results}))
    items = [{"tracking_no": f"T{i}", "code": "x"} for i in range(3)]

    async with api.connect() as http:
        outcome = await push(Api(http, client_grant("id", "secret")), items)
    assert outcome.results == {"accepted": 1, "parked": 1, "rejected": 1}
    assert outcome.unmapped[True] == 1
    assert outcome.refused == ["T2 x: {'status': 403}"]


async def test_the_report_asks_for_the_busiest_month_in_the_zone_of_the_table(
    orders: order_plan.Plan,
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        counts = {"items": [{"key": "delivered", "label": "delivered", "count": 11}], "count": 6}
        period = {name: request.url.params.get(name) for name in ("from", "to", "tz")}
        return httpx.Response(200, json=period if "kpis" in request.url.path else counts)

    staff = {"username": "u", "password": "p"}
    async with Recorder(handler).connect() as http:
        said = await load_orders.report(http, Credentials({"operations": staff}, {}), orders, "Asia/Shanghai")
    assert said.month == "2025-11"
    assert said.on_time == {"from": "2025-11-01", "to": "2025-12-01", "tz": "Asia/Shanghai"}
    assert said.overall == said.on_time
    assert said.statuses == {"delivered": 11}
    assert said.customers == 6


def test_a_month_ends_where_the_next_begins() -> None:
    assert load_orders._month_after("2018-03") == "2018-04-01"
    assert load_orders._month_after("2018-12") == "2019-01-01"
