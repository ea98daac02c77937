"""Version 1 of the API: one router a noun, gathered here."""

from fastapi import APIRouter

from app.routers.deps import CourierRoute
from app.routers.v1 import (
    audit,
    auth,
    carrier_codes,
    clients,
    codes,
    customers,
    delivery_exceptions,
    departments,
    jobs,
    kpis,
    me,
    orders,
    partner,
    shipments,
    tracking_events,
    users,
)

router = APIRouter(prefix="/v1", route_class=CourierRoute)
for noun in (
    auth,
    me,
    users,
    clients,
    departments,
    customers,
    orders,
    shipments,
    tracking_events,
    delivery_exceptions,
    carrier_codes,
    codes,
    partner,
    kpis,
    jobs,
    audit,
):
    router.include_router(noun.router)
