"""The one place where errors become HTTP: `application/problem+json` (RFC 9457), in Chinese or English."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors
from app.database import OUT_OF_REACH, sqlstate_of
from app.errors import CourierError, Text
from app.routers.problem_texts import CHINESE, PLAIN, VALIDATION

log = structlog.get_logger(__name__)

STATUS: dict[type[CourierError], int] = {
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.UnderWay: 409,
    errors.Duplicate: 409,
    errors.IllegalTransition: 409,
    errors.Stale: 412,
    errors.Invalid: 422,
    errors.NoWorkingTime: 422,
    errors.KeyReused: 422,
    errors.PreconditionRequired: 428,
    errors.TooManyRequests: 429,
    errors.SignInFailed: 400,
}


class Replay(Exception):  # not an error: the first answer, given again
    """A keyed request was answered before."""

    def __init__(self, response: Response) -> None:
        self.response = response


class MovedTo(Exception):  # not an error: it is found elsewhere
    """What the path names has become a part of something else, and is read there."""

    def __init__(self, path: str) -> None:
        self.path = path


class NotModified(Exception):  # not an error: the caller has it already
    """The caller's copy is current."""

    def __init__(self, etag: str) -> None:
        self.etag = etag


def language_of(request: Request) -> str:
    """`zh` or `en`, whichever Accept-Language weighs more (RFC 9110, 12.5.4); of equals the first, else `zh`."""
    weights: dict[str, float] = {}
    for wanted in request.headers.get("accept-language", "").lower().split(","):
        tag, _, weight = wanted.partition(";")
        language = tag.strip().partition("-")[0]
        if language in {"zh", "en"}:
            weights[language] = max(weights.get(language, 0), _weight(weight))
    return max(weights, key=lambda language: weights[language], default="zh")


def _weight(parameter: str) -> float:
    stated = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", parameter)
    return float(stated[1]) if stated else 1.0


def say(text: Text, language: str) -> str:
    return text.en if language == "en" else text.zh


def document(error: CourierError, request: Request) -> dict[str, Any]:
    """The problem document of a named error; batches carry it per item."""
    language = language_of(request)
    detail = say(error.detail, language)
    body = _document(error.slug, error.title, detail, status_of(error), request)
    if error.pointer is not None:
        body["errors"] = [{"pointer": error.pointer, "detail": detail}]
    return body | error.extra


def validation_document(found: Sequence[ErrorDetails | dict[str, Any]], request: Request) -> dict[str, Any]:
    """The problem document of a request that does not fit its schema, field by field."""
    language = language_of(request)
    fields = [
        {"pointer": pointer_to(each["loc"]), "detail": describe(each, language)} for each in found[:100]
    ]
    detail = say(VALIDATION, language).format(count=len(found))
    body = _document(errors.Invalid.slug, errors.Invalid.title, detail, 422, request)
    return body | {"errors": fields}


def status_of(error: CourierError) -> int:
    if getattr(error, "error", None) == "invalid_client":
        return 401
    return STATUS[type(error)]


def pointer_to(location: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901) to a place in body, query, path or header; a key that is wrong is such a place itself."""
    steps = (str(step) for step in location if step != "[key]")
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)


def install(app: FastAPI) -> None:
    """Make every error of the application answer in the one shape."""
    app.add_exception_handler(CourierError, _on_named)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _on_invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _on_http)  # type: ignore[arg-type]
    app.add_exception_handler(Replay, lambda _, replay: replay.response)
    app.add_exception_handler(NotModified, _on_not_modified)  # type: ignore[arg-type]
    app.add_exception_handler(MovedTo, _on_moved)  # type: ignore[arg-type]
    app.add_exception_handler(StaleDataError, _on_lost_race)
    app.add_exception_handler(DBAPIError, _on_database)
    app.add_exception_handler(asyncpg.PostgresError, _on_database)
    for lost in (PoolTimeout, *OUT_OF_REACH, TimeoutError):
        app.add_exception_handler(lost, _on_unavailable)
    app.add_middleware(LastResort)


class LastResort:
    """Answers an error that nobody foresaw, inside the other middleware, so that the answer has its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            answer = _on_unexpected(Request(scope), error)
            await answer(scope, receive, send)


def _document(slug: str, title: Text, detail: str, status: int, request: Request) -> dict[str, Any]:
    return {
        "type": f"/problems/{slug}",
        "title": say(title, language_of(request)),
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "trace_id": correlation_id.get(),
    }


def _answer(request: Request, body: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    fixed = {"Cache-Control": "no-store", "Content-Language": language_of(request)}
    rate: dict[str, str] = getattr(request.state, "rate", {})
    return JSONResponse(
        body, body["status"], headers=fixed | rate | (headers or {}), media_type="application/problem+json"
    )


def _plain(status: int, request: Request, headers: dict[str, str] | None = None) -> JSONResponse:
    phrase = HTTPStatus(status).phrase
    slug, title, detail = PLAIN.get(
        status, (phrase.lower().replace(" ", "-"), Text(phrase, phrase), Text(phrase, phrase))
    )
    body = _document(slug, title, say(detail, language_of(request)), status, request)
    return _answer(request, body, headers)


def describe(error: ErrorDetails | dict[str, Any], language: str) -> str:
    """What is wrong with one field, in the caller's language."""
    context = {"error": "", **error.get("ctx", {})}
    if language == "en" or error["type"] not in CHINESE:
        return str(error["msg"])
    return CHINESE[error["type"]].format_map(context)


async def _on_named(request: Request, error: CourierError) -> Response:
    headers = {}
    status = status_of(error)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.TooManyRequests | errors.UnderWay):
        headers["Retry-After"] = str(error.retry_after)
    return _answer(request, document(error, request), headers)


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    return _answer(request, validation_document(error.errors(), request))


async def _on_http(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return _plain(error.status_code, request, headers)


def _methods_at(request: Request) -> set[str]:
    """What the path takes; the router itself names no more than the first route there."""
    path = request.scope["path"]
    routes = [each for each in iter_route_contexts(request.app.routes) if each.methods]
    written_out = [route for route in routes if route.path == path]
    here = written_out or [route for route in routes if route.path_regex.match(path)]
    return {method for route in here for method in route.methods or ()}


async def _on_not_modified(_request: Request, current: NotModified) -> Response:
    return Response(status_code=304, headers={"ETag": current.etag, "Cache-Control": "no-store"})


async def _on_moved(_request: Request, moved: MovedTo) -> Response:
    return Response(status_code=308, headers={"Location": moved.path, "Cache-Control": "no-store"})


async def _on_lost_race(request: Request, _error: Exception) -> Response:
    lost = errors.Conflict(
        "Somebody else changed it at the same moment; read it again and repeat.",
        "他人同时作了修改，请重新读取后再试。",
    )
    return await _on_named(request, lost)


async def _on_database(request: Request, error: DBAPIError | asyncpg.PostgresError) -> Response:
    state = sqlstate_of(error)
    if isinstance(error, IntegrityError) and state in {"23505", "23503", "23P01"}:
        return await _on_named(request, _clash(error))
    if state.startswith("22"):
        refused = errors.Invalid(
            "A value can't be stored: it is out of range or holds a NUL.", "值超出范围或含有 NUL，无法存储。"
        )
        return await _on_named(request, refused)
    if (
        not state
        or state[:2] in {"08", "40", "53", "55", "57"}
        or getattr(error, "connection_invalidated", False)
    ):
        return await _on_unavailable(request, error)
    return _on_unexpected(request, error)


def _clash(error: IntegrityError) -> errors.Conflict:
    constraint = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
    return errors.Conflict(
        f"It contradicts what is stored ({constraint}).",
        f"与已有数据冲突({constraint})。",
        constraint=constraint,
    )


async def _on_unavailable(request: Request, error: Exception) -> Response:
    log.warning("unavailable", error=type(error).__name__, sqlstate=sqlstate_of(error) or None)
    return _plain(503, request, {"Retry-After": "1"})


def _on_unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected", exc_info=error)
    return _plain(500, request)


def validation_problem(
    error: ValidationError, request: Request, prefix: Sequence[int | str]
) -> dict[str, Any]:
    """The problem of one item of a batch that does not fit its schema."""
    found = [
        {**each, "loc": (*prefix, *each["loc"])}
        for each in error.errors(include_url=False, include_input=False)
    ]
    return validation_document(found, request)
