"""The first job from end to end: a dispatch system pushes, a partner and the staff see it."""

from app.roles import Role
from tests.system import System, a_customer, a_shipment, an_event


async def test_a_partner_sees_the_exception_that_dispatch_pushed(system: System) -> None:
    customer = await a_customer(system)
    shipment = await a_shipment(system, customer["id"])
    partner = await system.partner(customer["id"])
    dispatch = await system.as_role(Role.DISPATCH)
    pushed = await dispatch.post(
        "/v1/delivery-exceptions", an_event(shipment["tracking_no"], "carrier_damage")
    )
    assert pushed.status_code == 202
    assert pushed.json()["result"] == "accepted"
    await system.drain()
    seen = await partner.get("/v1/partner/shipments", params={"tracking_no": shipment["tracking_no"]})
    assert seen.json()["items"][0]["exception"]["reason"] == "carrier_damage"
