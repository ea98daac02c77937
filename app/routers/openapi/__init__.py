"""The description of the API that other teams generate their clients from."""

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.routers.openapi import answers, examples

DESCRIPTION = """
Backend of a courier company's customer relations.

Errors are `application/problem+json` (RFC 9457), in Chinese or English by `Accept-Language`. Lists are keyset
pages. A POST that creates or moves something takes `Idempotency-Key`; a PATCH needs `If-Match`. Whatever has an
`x-code-list` is a word of that list: `GET /v1/codes/{list}` labels it in both languages. A list may gain
words within v1: show one that you don't know by its label.
""".strip()

TAGS = {
    "auth": "Signing in and out.",
    "me": "Who I am and what I may do.",
    "users": "The company's people.",
    "clients": "The machines of dispatch and partners.",
    "departments": "The parts of the company.",
    "teams": "People who look after customers together.",
    "contacts": "People one talks to, each at one customer or at several.",
    "customers": "Companies and persons the courier serves.",
    "verification": "How fresh customers' data are, who confirms them, and what somebody found wrong.",
    "documents": "Papers of customers: sealed, every version kept, contracts kept twice.",
    "segments": "Groups of customers, picked by hand or by a filter.",
    "divisions": "China's provinces, prefectures and counties.",
    "imports": "Customers from files.",
    "exports": "Lists of customers that leave the house, once somebody else has approved.",
    "confirmations": "What a customer says to an answer with a link, without signing in.",
    "complaints": "What went wrong, who works on it by when, and what the customer was told.",
    "orders": "What is to be picked up, from the customer's call to dispatch.",
    "shipments": "Parcels under way.",
    "tracking": "What dispatch systems push.",
    "delivery exceptions": "What is wrong with parcels, and who sees to it.",
    "carrier codes": "What carriers' codes mean.",
    "calendars": "When work is done: hours, holidays, make-up days, in versions that never change.",
    "clocks": "What time counts, and when something is due.",
    "codes": "Code lists with their labels.",
    "partner": "What partner portals query.",
    "kpis": "Figures, with what they are made of.",
    "jobs": "Long work and how far it has come.",
    "audit": "What happened and who looked, sealed.",
    "privacy": "Leaks, people's requests about their data, legal holds, and how long data is kept.",
    "health": "Whether the system lives, and whether it can serve.",
    "problems": "What the `type` of a problem document means.",
}


def install(app: FastAPI) -> None:
    """Have the application describe itself through `describe`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 as FastAPI makes it, with the answers an operation really gives, labels and examples."""
    spec = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        servers=[{"url": "/"}],
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    schemas = spec["components"]["schemas"]
    for _, _, operation in operations(spec):
        operation.setdefault("security", [])
        for parameter in operation.get("parameters", []):
            _not_null(parameter["schema"])
            parameter["required"] |= parameter["name"] == "if-match"
    for form in (schemas["Body_create_token"], schemas["Body_revoke_token"]):
        for field in form["properties"].values():
            _not_null(field)
    _name_code_lists(schemas)
    answers.add(spec, app.routes)
    answers.link(spec)
    examples.add(spec)
    return spec


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation, each."""
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _not_null(schema: dict[str, Any]) -> None:
    """A parameter is there or left out; FastAPI writes down that it may be null, which no URL or form can say."""
    given = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(given) == 1:
        del schema["anyOf"]
        schema |= given[0]


def _name_code_lists(schemas: dict[str, Any]) -> None:
    """An enumeration is a code list of its own name: `ShipmentStatus` is labelled at `/v1/codes/shipment_status`."""
    for name, schema in schemas.items():
        if "enum" in schema:
            schema["x-code-list"] = re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower()
