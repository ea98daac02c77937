"""The description of the API that other teams generate their clients from."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.schemas.base import Problem

DESCRIPTION = """
Backend of a courier company's customer relations.

Errors are `application/problem+json` (RFC 9457), in Chinese or English by `Accept-Language`. Lists are keyset
pages. A POST that creates or moves something takes `Idempotency-Key`; a PATCH needs `If-Match`.
""".strip()

_PROBLEM = {"model": Problem, "description": "Problem details (RFC 9457)"}
ERRORS: dict[int | str, dict[str, Any]] = {"4XX": _PROBLEM, "5XX": _PROBLEM}


def install(app: FastAPI) -> None:
    """Have the application describe itself through `describe`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 as FastAPI makes it, with errors as problem documents only."""
    spec = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        servers=[{"url": "/"}],
    )
    for path in spec["paths"].values():
        for operation in path.values():
            _errors_as_problems(operation["responses"])
    _drop_unused(spec["components"]["schemas"])
    return spec


def _errors_as_problems(responses: dict[str, Any]) -> None:
    responses.pop("422", None)
    for status, response in responses.items():
        content = response.get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if status.endswith("XX") and schema:
            response["content"] = {"application/problem+json": {"schema": schema}}


def _drop_unused(schemas: dict[str, Any]) -> None:
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
