"""Every operation of the API, as the application itself names them."""

from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import uuid4

from fastapi.routing import iter_route_contexts

from app.demo import throwaway_settings
from app.main import create_app
from tests.system import System, a_number


def operations(system: System) -> Iterator[tuple[str, str, str]]:
    """Name, method and path of every operation under /v1."""
    for route in iter_route_contexts(system.app.routes):
        if route.path is not None and route.path.startswith("/v1/"):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield str(route.name), method, route.path


@cache
def description() -> dict[str, Any]:
    """The API's description of itself, made once for all tests of a process."""
    return create_app(throwaway_settings()).openapi()


@cache
def described() -> dict[str, dict[str, Any]]:
    """What the description says of each operation under /v1, with its `method` and `path` beside it."""
    return {
        operation["operationId"]: operation | {"method": method.upper(), "path": path}
        for path, operations in description()["paths"].items()
        if path.startswith("/v1/")
        for method, operation in operations.items()
    }


def parameters(operation: dict[str, Any], place: str) -> dict[str, Any]:
    """The schemas of an operation's parameters in `path`, `query` or `header`, by name."""
    return {each["name"]: each["schema"] for each in operation.get("parameters", []) if each["in"] == place}


def path_to_nothing(operation: dict[str, Any]) -> str:
    """The operation's path with names of nothing in it, each such as its place takes."""
    places = parameters(operation, "path")
    words = {
        "tracking_no": a_number(),
        "list": "no-such-list",
        "kind": "related" if "complaint_id" in places else "ship_to",
        "system": "erp",
        "external_id": "none",
        "number": "1",
        "year": "2026",
    }
    return str(operation["path"].format(**{place: words.get(place, uuid4()) for place in places}))


def body_schema(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the operation's JSON body, where it takes one."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return resolved(content["schema"]) if content else None


def schema_named(name: str) -> dict[str, Any]:
    return dict(description()["components"]["schemas"][name])


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference leads to; of alternatives, the one that is not null."""
    schema = next((each for each in schema.get("anyOf", []) if each.get("type") != "null"), schema)
    return schema_named(name_of(schema)) if "$ref" in schema else schema


def name_of(schema: dict[str, Any]) -> str:
    """The name of the schema that a reference leads to, or of an alternative that is not null; else nothing."""
    schema = next((each for each in schema.get("anyOf", []) if each.get("type") != "null"), schema)
    return str(schema.get("$ref", "")).rpartition("/")[2]
