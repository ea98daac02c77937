"""The two walls between partners, taken down one at a time, and a parcel to look for behind them."""

from app.roles import Role
from tests.owner import owner
from tests.system import System, a_shipment, an_event, an_instant

WALLED = ("shipments", "tracking_numbers", "tracking_events", "delivery_exceptions")


async def without_the_filter(system: System) -> None:
    """Take the application's own filter out of the look-up, in this test's database."""
    async with owner(system) as connection:
        written = await connection.fetchval("SELECT pg_get_functiondef('partner_shipments'::regproc)")
        assert written.count("t.customer_id = ANY (mine)") == 1
        await connection.execute(written.replace("t.customer_id = ANY (mine)", "true"))


COMPLAINT_TABLES = ("complaints", "complaint_parcels", "complaint_answers")


async def without_complaints_filter(system: System) -> None:
    """The same for complaints, wherever the function filters."""
    async with owner(system) as connection:
        written = await connection.fetchval("SELECT pg_get_functiondef('partner_complaints'::regproc)")
        assert written.count("c.customer_id = ANY (mine)") == 4
        await connection.execute(written.replace("c.customer_id = ANY (mine)", "true"))


async def without_row_level_security(system: System, *tables: str) -> None:
    async with owner(system) as connection:
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


async def a_parcel_in_trouble(system: System, customer_id: str, word: str = "仓库") -> str:
    """A shipment with an event and an open exception; the word stands wherever one can be put."""
    shipment = await a_shipment(system, customer_id, reference=word)
    number = str(shipment["tracking_no"])
    dispatch = await system.as_role(Role.DISPATCH)
    for path, event in (
        ("/v1/tracking-events", an_event(number, "picked_up", location=word, occurred_at=an_instant(-2))),
        ("/v1/delivery-exceptions", an_event(number, "carrier_damage", text=word)),
    ):
        assert (await dispatch.post(path, event)).status_code == 202
    await system.drain()
    return number
