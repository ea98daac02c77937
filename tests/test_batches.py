"""Batches: each item is applied and answered on its own."""

from app.roles import Role
from tests.owner import owner
from tests.steps import batch
from tests.system import System, a_customer, a_number, an_instant


async def test_an_item_that_only_the_database_refuses_is_a_conflict_and_stops_nobody(
    empty_system: System,
) -> None:
    customer, numbers = await a_customer(empty_system), [a_number() for _ in range(3)]
    async with owner(empty_system) as connection:
        await connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF NEW.tracking_no = '{numbers[1]}' THEN RAISE unique_violation; END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER late BEFORE INSERT ON shipments FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    items = [
        {"tracking_no": number, "customer_id": customer["id"], "service": "tw", "promised_at": an_instant(9)}
        for number in numbers
    ]
    results = await batch(await empty_system.as_role(Role.OPERATIONS), items, "shipments")
    assert [each["result"] for each in results] == ["created", "rejected", "created"]
    assert results[1]["problem"]["status"] == 409
    assert await empty_system.scalar("SELECT count(*) FROM shipments") == 2
