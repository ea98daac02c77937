"""The answers that an operation really gives besides the good one: read off what it depends on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from starlette.routing import BaseRoute

from app import errors
from app.errors import CourierError, Text
from app.routers import deps
from app.routers.problem_texts import PLAIN
from app.schemas.base import Problem

_PROBLEM = {"$ref": "#/components/schemas/Problem"}


@dataclass(frozen=True)
class Answer:
    """A response that operations share; each kind of problem is shown once in each language."""

    name: str
    description: str
    shown: Sequence[tuple[type[CourierError] | int, Text]]
    headers: Sequence[str] = ()

    def document(self, status: int) -> dict[str, Any]:
        found: dict[str, Any] = {
            "description": self.description,
            "content": {"application/problem+json": {"schema": _PROBLEM, "examples": self._examples(status)}},
        }
        if self.headers:
            found["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in self.headers}
        return found

    def _examples(self, status: int) -> dict[str, Any]:
        examples = {}
        for kind, detail in self.shown:
            slug, title = PLAIN[kind][:2] if isinstance(kind, int) else (kind.slug, kind.title)
            for language in ("zh", "en"):
                examples[f"{slug}-{language}"] = {
                    "value": {
                        "type": f"/problems/{slug}",
                        "title": getattr(title, language),
                        "status": kind if isinstance(kind, int) else status,
                        "detail": getattr(detail, language),
                        "instance": "/v1/shipments",
                        "trace_id": "8f2b6c1e4d7a4f0b9c3d5e6f7a8b9c0d",
                    }
                }
        return examples


ANSWERS: dict[str, Answer] = {
    "400": Answer(
        "SignInFailed",
        "The grant is incomplete or wrong (RFC 6749, section 5.2), or the form can't be read",
        [
            (errors.SignInFailed, Text("The grant lacks its name or secret.", "缺少账号或口令。")),
            (400, PLAIN[400][2]),
        ],
    ),
    "401": Answer(
        "Unauthenticated",
        "No valid token, or no valid secret",
        [(errors.Unauthenticated, Text("Bring a valid access token.", "请携带有效的访问令牌。"))],
        headers=["WWW-Authenticate"],
    ),
    "403": Answer(
        "Forbidden",
        "The token lacks a scope, or this is not for its bearer",
        [(errors.Forbidden, Text("This needs the scope shipments:read.", "需要权限 shipments:read。"))],
    ),
    "404": Answer(
        "NotFound",
        "No such resource, or none that the caller may know of; all that is not for partners, to a partner",
        [(errors.NotFound, PLAIN[404][2])],
    ),
    "409": Answer(
        "Conflict",
        "It contradicts what is stored, or a request with the same key is still under way",
        [
            (errors.Conflict, Text("QINGHE is taken; choose another.", "QINGHE 已被占用，请换一个。")),
            (
                errors.IllegalTransition,
                Text("From resolved there is no way to acknowledged.", "resolved 不能变为 acknowledged。"),
            ),
        ],
    ),
    "412": Answer(
        "Stale",
        "It was changed since it was read",
        [(errors.Stale, Text("It was changed since you read it.", "自您读取后已被修改。"))],
    ),
    "413": Answer("TooLarge", "The body is over the limit", [(413, PLAIN[413][2])]),
    "415": Answer("UnsupportedMediaType", "The body is not of this type", [(415, PLAIN[415][2])]),
    "422": Answer(
        "Invalid",
        "A field is missing, of the wrong form, or can't be used; or the key was used for another request",
        [
            (errors.Invalid, Text("The request has 1 invalid field(s).", "请求中有 1 个字段无效。")),
            (
                errors.KeyReused,
                Text("This key was used for another request.", "该幂等键已用于另一个请求。"),
            ),
        ],
    ),
    "428": Answer(
        "PreconditionRequired",
        "A change must say which version it builds on",
        [(errors.PreconditionRequired, Text("Send If-Match.", "请携带 If-Match。"))],
    ),
    "429": Answer(
        "TooManyRequests",
        "Too many requests, at once or a second",
        [(errors.TooManyRequests, Text("Too many requests at the same time.", "并发请求过多。"))],
        headers=["Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
    ),
    "5XX": Answer(
        "Unavailable",
        "Our fault, or the database is away for a moment; the latter brings Retry-After",
        [(500, PLAIN[500][2]), (503, PLAIN[503][2])],
        headers=["Retry-After"],
    ),
}


def _number(description: str, example: int) -> dict[str, Any]:
    return {
        "description": description,
        "schema": {"type": "integer", "minimum": 0, "examples": [example]},
    }


HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {
        "description": "The version of what is answered, for If-Match and If-None-Match",
        "required": True,
        "schema": {"type": "string", "examples": ['"3"']},
    },
    "WWW-Authenticate": {"description": "How to sign in", "required": True, "schema": {"const": "Bearer"}},
    "Retry-After": _number("Seconds to wait", 1),
    "RateLimit-Limit": _number("Requests that one burst may have", 1200),
    "RateLimit-Remaining": _number("Requests left of the burst", 0),
    "RateLimit-Reset": _number("Seconds until the burst is whole again", 4),
}

IF_NONE_MATCH = {
    "name": "if-none-match",
    "in": "header",
    "required": False,
    "description": "The ETag you have: 304 where it is still current",
    "schema": {"type": "string", "examples": ['"3"']},
}


def add(spec: dict[str, Any], routes: Sequence[BaseRoute]) -> None:
    """Give every operation the answers that follow from its dependencies, and its entity tag."""
    components = spec["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["schemas"] |= _schemas(Problem)
    components["headers"] = HEADERS
    components["responses"] = {
        answer.name: answer.document(int(status.replace("X", "0"))) for status, answer in ANSWERS.items()
    }
    for route in iter_route_contexts(routes):
        if isinstance(route.original_route, APIRoute) and route.path_format in spec["paths"]:
            for method in route.methods or ():
                calls = set(_calls(route.original_route.dependant))
                _complete(method, spec["paths"][route.path_format][method.lower()], calls)


def link(spec: dict[str, Any]) -> None:
    """What a POST creates can be read: by its `id`, or by the number it came with."""
    for path, methods in spec["paths"].items():
        above, _, last = path.rpartition("/")
        created = spec["paths"].get(above, {}).get("post", {}).get("responses", {}).get("201")
        if created and "get" in methods and last.startswith("{"):
            name, reader = last.strip("{}"), methods["get"]
            parameter = next(each["schema"] for each in reader["parameters"] if each["name"] == name)
            field = "id" if parameter.get("format") == "uuid" else name
            created["links"] = {
                reader["operationId"]: {
                    "operationId": reader["operationId"],
                    "parameters": {name: f"$response.body#/{field}"},
                }
            }


def _schemas(model: type[BaseModel]) -> dict[str, Any]:
    whole = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**whole.pop("$defs", {}), model.__name__: whole}


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for each in dependant.dependencies:
        if each.call is not None:
            yield each.call
        yield from _calls(each)


def _complete(method: str, operation: dict[str, Any], calls: set[Callable[..., Any]]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    named = {status for status in responses if status in ANSWERS}
    for status in named | _following(operation, calls):
        responses[status] = {"$ref": f"#/components/responses/{ANSWERS[status].name}"}
    if deps.entity_tag in calls:
        tag = {"ETag": {"$ref": "#/components/headers/ETag"}}
        next(each for status, each in responses.items() if status[0] == "2")["headers"] = tag
        if method == "GET":
            responses["304"] = {"description": "The copy that you have is current", "headers": tag}
            operation.setdefault("parameters", []).append(dict(IF_NONE_MATCH))
    operation["responses"] = dict(sorted(responses.items()))


def _following(operation: dict[str, Any], calls: set[Callable[..., Any]]) -> set[str]:
    found = {"5XX"}
    body = operation.get("requestBody", {}).get("content", {})
    if deps.authenticate in calls:
        found |= {"401", "403", "404", "422", "429"}
    if deps.guest in calls:
        found |= {"404", "422", "429"}
    if "application/json" in body:
        found |= {"413", "415", "422"}
    if "multipart/form-data" in body:
        found |= {"413", "415", "422"}
    if "application/x-www-form-urlencoded" in body:
        found |= {"400", "413", "422"}
    if deps.once in calls:
        found |= {"409", "413"}
    if deps.if_match in calls:
        found |= {"409", "412", "428"}
    if operation.get("parameters"):
        found |= {"422"}
    return found
