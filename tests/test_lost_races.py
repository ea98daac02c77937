"""A transaction that lost a race inside the database is run again, and the caller hears nothing of it."""

from typing import Any

import pytest

from app.roles import Role
from tests.owner import last_writes, owner
from tests.system import System

NEW = {"name": "顺丰", "kind": "company"}
LOST = ("40001", "40P01")


async def lose_races(system: System, times: int, sqlstate: str, *, at_commit: bool) -> None:
    """So many attempts to store a customer fail; a sequence counts them, for no rollback takes it back."""
    when = "DEFERRABLE INITIALLY DEFERRED" if at_commit else ""
    async with owner(system) as connection:
        await connection.execute(
            "CREATE SEQUENCE races; GRANT USAGE ON SEQUENCE races TO crm_app;"
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('races') <= {times} THEN RAISE EXCEPTION 'lost' USING ERRCODE = '{sqlstate}'; END IF;"
            " RETURN NULL; END $$;"
            f"CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON customers {when} FOR EACH ROW EXECUTE FUNCTION lose()"
        )


@pytest.mark.parametrize("sqlstate", LOST)
@pytest.mark.parametrize("at_commit", [False, True])
async def test_a_lost_race_is_run_again_and_done_once(
    empty_system: System, sqlstate: str, *, at_commit: bool
) -> None:
    await lose_races(empty_system, 2, sqlstate, at_commit=at_commit)
    marketing = await empty_system.as_role(Role.MARKETING)
    answers = [await marketing.post("/v1/customers", NEW, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert await empty_system.scalar("SELECT count(*) FROM customers") == 1
    assert await empty_system.scalar("SELECT count(*) FROM events WHERE kind = 'customer.created'") == 1


@pytest.mark.parametrize("sqlstate", LOST)
async def test_after_three_attempts_the_caller_is_asked_to_come_again(
    empty_system: System, sqlstate: str
) -> None:
    await lose_races(empty_system, 3, sqlstate, at_commit=False)
    marketing = await empty_system.as_role(Role.MARKETING)
    async with owner(empty_system) as connection:
        before = await last_writes(connection)
        refused: Any = await marketing.post("/v1/customers", NEW)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert await last_writes(connection) == before
    assert (await marketing.post("/v1/customers", NEW)).status_code == 201


async def test_no_other_failure_is_run_again(empty_system: System) -> None:
    await lose_races(empty_system, 1, "23505", at_commit=True)
    marketing = await empty_system.as_role(Role.MARKETING)
    assert (await marketing.post("/v1/customers", NEW)).status_code == 409
    assert (await marketing.post("/v1/customers", NEW)).status_code == 201


async def test_attempts_that_were_lost_leave_no_place_taken(empty_system: System) -> None:
    await lose_races(empty_system, 2, "40001", at_commit=True)
    marketing = await empty_system.as_role(Role.MARKETING)
    assert (await marketing.post("/v1/customers", NEW)).status_code == 201
    assert not empty_system.app.state.limits._under_way
