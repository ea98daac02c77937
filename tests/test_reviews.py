"""A marketplace's reviews: those of few stars that say something are complaints, each once."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.progress import Progress

import load_reviews
import review_plan
from app.roles import Role
from app.schemas.account import UserCreate
from app.security import Principal
from app.services import accounts
from crm_api import Credentials
from tests.steps import pages
from tests.system import PASSWORD, System, a_shipment

ORDERS = Path(__file__).parent.parent / "examples" / "orders"


@pytest.fixture(scope="module")
def planned() -> review_plan.Plan:
    return review_plan.plan(review_plan.Mapping.read(ORDERS / "reviews.toml"), ORDERS)


async def credentials_of(system: System) -> Credentials:
    name = "customer_service"
    async with system.database.sessions.begin() as session:
        body = UserCreate(
            username=name, name="客服", password=SecretStr(PASSWORD), roles=[Role.CUSTOMER_SERVICE]
        )
        await accounts.create_user(session, Principal.SYSTEM, body)
    return Credentials({name: {"username": name, "password": PASSWORD}}, {})


def test_few_stars_with_words_are_complaints_and_nothing_else(planned: review_plan.Plan) -> None:
    assert (planned.reviews, planned.without_words, planned.problems) == (8, 1, [])
    told = {body["tracking_nos"][0]: body["category"] for body in planned.complaints}
    assert told == {
        "YS2025110001": "damage",
        "YS2025110002": "delay",
        "YS2025110004": "loss",
        "YS2025110006": "attitude",
        "YS2025110008": "other",
    }, "stars and numbers may be typed full-width; a title alone will do"


def test_one_review_of_two_orders_is_two_complaints(planned: review_plan.Plan) -> None:
    assert len({body["message_id"] for body in planned.complaints}) == len(planned.complaints)


def test_words_are_found_whatever_their_accents_and_capitals() -> None:
    mapping = review_plan.Mapping.read(ORDERS.parent / "olist_reviews.toml")
    assert review_plan.category(mapping, "NAO RECEBI o produto") == "loss"
    assert review_plan.category(mapping, "Produto não chegou") == "loss"
    assert review_plan.category(mapping, "Chegou QUEBRADO e com atraso") == "damage", "the first one counts"
    assert review_plan.category(mapping, "Péssimo") == "other"


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    mapping = review_plan.Mapping.read(ORDERS / "reviews.toml")
    table = (
        (ORDERS / "reviews.csv")
        .read_text(encoding="gb18030")
        .replace("P1,YS2025110001,1", "P1,YS2025110001,x")
    )
    (tmp_path / "reviews.csv").write_text(table, encoding="gb18030")
    found = review_plan.plan(mapping, tmp_path)
    assert [problem.split(":")[0] for problem in found.problems] == ["reviews.csv, row 2"]
    assert len(found.complaints) == 4


async def test_loaded_twice_they_are_there_once_and_counted(
    empty_system: System, planned: review_plan.Plan
) -> None:
    shipment = await a_shipment(empty_system, tracking_no="YS2025110001")
    credentials = await credentials_of(empty_system)
    for _ in range(2):
        outcome = await load_reviews.load(empty_system.http, credentials, planned, bar=Progress(disable=True))
        assert outcome.complaints == {"registered": 5}
        assert outcome.refused == []
    said = await load_reviews.report(empty_system.http, credentials, planned)
    by_category = {each["key"]: each["numerator"] for each in said["groups"] if each["by"] == "category"}
    assert by_category == planned.categories
    service = await empty_system.as_role(Role.CUSTOMER_SERVICE)
    (about,) = await pages(service, "/v1/complaints", tracking_no="YS2025110001")
    assert about["customer_id"] == shipment["customer_id"]
    assert (about["channel"], about["received_at"]) == ("marketplace", "2025-11-06T02:00:00Z")
    assert {each["customer_id"] for each in await pages(service, "/v1/complaints")} == {
        shipment["customer_id"],
        None,
    }


async def test_what_is_refused_is_told(empty_system: System, planned: review_plan.Plan) -> None:
    credentials = await credentials_of(empty_system)
    wrong = review_plan.Plan(complaints=[planned.complaints[0] | {"category": "weather"}])
    outcome = await load_reviews.load(empty_system.http, credentials, wrong, bar=Progress(disable=True))
    assert outcome.complaints == {"refused": 1}
    assert "weather" in outcome.refused[0]
