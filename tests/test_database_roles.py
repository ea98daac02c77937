"""The application acts in its roles, or not at all."""

from typing import Any

import pytest
from sqlalchemy import make_url, text

from app import database
from tests.system import System, a_customer, running


@pytest.fixture
def a_pooler_that_drops_start_up_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any) -> dict[str, str]:
        return {}

    monkeypatch.setattr(database, "_server_settings", nothing)


@pytest.mark.usefixtures("a_pooler_that_drops_start_up_parameters")
async def test_a_connection_that_acts_in_another_role_is_refused(system: System) -> None:
    opened = await database.connect(system.settings)
    with pytest.raises(PermissionError, match="as crm_owner, not as crm_partner"):
        await opened.partners.fetchval("SELECT 1")
    with pytest.raises(PermissionError, match="as crm_owner, not as crm_app"):
        async with opened.sessions() as session:
            await session.scalar(text("SELECT 1"))
    await opened.close()


async def test_the_api_answers_503_rather_than_without_its_walls(
    system: System, request: pytest.FixtureRequest
) -> None:
    customer = await a_customer(system)
    partner = await system.partner(customer["id"])
    request.getfixturevalue("a_pooler_that_drops_start_up_parameters")
    async with running(system.settings.database_url) as bare:
        asked = {"params": {"tracking_no": "SF1"}, "headers": {"Authorization": f"Bearer {partner.token}"}}
        answer = await bare.http.get("/v1/partner/shipments", **asked)  # type: ignore[arg-type]
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert (await bare.http.get("/health/ready")).status_code == 503


async def test_partner_requests_go_to_their_own_url_where_they_have_one(system: System) -> None:
    elsewhere = make_url(system.settings.database_url).set(database="postgres").render_as_string()
    settings = system.settings.model_copy(update={"partner_database_url": elsewhere})
    opened = await database.connect(settings)
    assert tuple(await opened.partners.fetchrow("SELECT current_database(), current_user")) == (
        "postgres",
        "crm_partner",
    )
    async with opened.sessions() as session:
        assert await session.scalar(text("SELECT current_user")) == "crm_app"
        assert await session.scalar(text("SELECT current_database()")) != "postgres"
    await opened.close()


async def test_admission_is_planned_once_a_connection(system: System) -> None:
    """Whoever makes the function anew has to say so again; why stands in `docs/decisions/admission.md`."""
    settings = await system.scalar("SELECT proconfig FROM pg_proc WHERE proname = 'admit'")
    assert "plan_cache_mode=force_generic_plan" in settings
