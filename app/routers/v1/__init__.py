"""Version 1 of the API: one router a noun, gathered here."""

from functools import cache

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts

from app.routers.routes import operation_id
from app.routers.v1 import (
    audit,
    auth,
    calculations,
    calendars,
    carrier_codes,
    case_terms,
    clients,
    clock_waivers,
    codes,
    complaint_attachments,
    complaint_clocks,
    complaint_ends,
    complaint_handlers,
    complaint_links,
    complaint_messages,
    complaint_numbers,
    complaints,
    confirmations,
    consents,
    contacts,
    customer_addresses,
    customer_links,
    customers,
    delivery_exceptions,
    departments,
    divisions,
    documents,
    duplicates,
    exception_follow_ups,
    exports,
    import_mappings,
    imports,
    jobs,
    kpis,
    leak_incidents,
    legal_holds,
    me,
    message_templates,
    orders,
    ownership,
    partner,
    partner_complaints,
    privacy_requests,
    proposals,
    retention_rules,
    segments,
    shipments,
    sla_policies,
    tasks,
    teams,
    timeline,
    tracking_events,
    users,
    verifications,
)

NOUNS = (
    partner,
    tracking_events,
    shipments,
    auth,
    me,
    message_templates,
    users,
    clients,
    departments,
    duplicates,  # before the customers, whose paths would take its words for ids
    teams,
    customers,
    contacts,
    customer_addresses,
    customer_links,
    consents,
    ownership,
    timeline,
    verifications,
    tasks,
    proposals,
    segments,
    documents,
    divisions,
    imports,
    import_mappings,
    exports,
    orders,
    delivery_exceptions,
    exception_follow_ups,
    carrier_codes,
    case_terms,
    codes,
    complaint_attachments,
    complaint_ends,
    complaint_clocks,
    complaint_numbers,
    complaint_handlers,
    complaint_links,
    complaint_messages,
    complaints,
    confirmations,
    partner_complaints,
    kpis,
    sla_policies,
    clock_waivers,
    jobs,
    audit,
    leak_incidents,
    privacy_requests,
    legal_holds,
    retention_rules,
    calendars,
    calculations,
)
"""In this order they are tried: first what machines ask for all day, and what a general path would hide."""


def install(app: FastAPI) -> None:
    """Each noun straight into the application: a router between them would match every path once more."""
    app.router.routes.extend(_nouns().routes)
    paths = {route.path for route in iter_route_contexts(app.routes) if route.path}
    app.state.written_out = {path for path in paths if "{" not in path}


@cache
def _nouns() -> APIRouter:
    """All of them, included once a process: what that works out, FastAPI keeps with what was included."""
    together = APIRouter(generate_unique_id_function=operation_id)
    for noun in NOUNS:
        together.include_router(noun.router, prefix="/v1")
    return together
