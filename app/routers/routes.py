"""How an operation is run: found by its noun, its body read strictly, its answer kept, a lost race run again."""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import cached_property
from typing import Any

from asyncpg import PostgresError
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.params import Form
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from starlette.routing import Match
from starlette.types import Scope

from app.database import LOST_RACES, sqlstate_of
from app.errors import Forbidden
from app.routers.bodies import StrictRequest
from app.routers.deps import authorise, deny, refuse_unknown_query
from app.routers.idempotency import Key
from app.routers.limits import Limits

PREFIX = "/v1/"
ATTEMPTS = 3


def operation_id(route: APIRoute) -> str:
    """What an operation is called in the description: as its function."""
    return route.name


class CourierRoute(APIRoute):
    """Reads bodies strictly, forbids caching, and keeps the answer of a keyed request before the commit.

    A query parameter that nobody knows is refused: by the operation's own model, or, where it has none, as soon
    as the caller is known to be allowed in.
    A path that another route has written out is not this one's, whatever the method.
    """

    @property
    def takes_query(self) -> bool:
        return bool(self.dependant.query_params)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_json = self.body_field is not None and not isinstance(self.body_field.field_info, Form)
        is_open = all(each.call is not authorise for each in self.dependant.dependencies)
        is_template = "{" in self.path

        async def handler(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            if is_template and request.scope["path"] in request.app.state.written_out:
                raise HTTPException(405)
            if is_open:
                refuse_unknown_query(request)
            if takes_json:
                await request.read_json()
            try:
                return await _attempts(handle, request)
            finally:
                await request.close()

        return handler


async def _attempts(handle: Callable[[Request], Coroutine[Any, Any, Response]], request: Request) -> Response:
    for _ in range(ATTEMPTS - 1):
        try:
            return await _attempt(handle, request)
        except (DBAPIError, PostgresError) as error:
            if sqlstate_of(error) not in LOST_RACES:
                raise
    return await _attempt(handle, request)


async def _attempt(handle: Callable[[Request], Coroutine[Any, Any, Response]], request: Request) -> Response:
    limits: Limits = request.app.state.limits
    try:
        return await _run(handle, request)
    finally:
        limits.leave(request)


async def _run(handle: Callable[[Request], Coroutine[Any, Any, Response]], request: Request) -> Response:
    """Commit included: FastAPI closes dependencies of scope `function` with this stack."""
    async with AsyncExitStack() as stack:
        request.scope["fastapi_function_astack"] = stack
        try:
            response = await handle(request)
        except Forbidden as refusal:
            raise await deny(request, refusal) from refusal
        response.headers.setdefault("Cache-Control", "no-store")
        key: Key | None = getattr(request.state, "key", None)
        if key is not None and response.status_code < 300:
            await key.keep(request.state.session, response)
        return response


class CourierRouter(APIRouter):
    """The operations of one noun. A path is compared with them only if its first word is one of theirs.

    FastAPI alone would compare it with every operation there is, and once more for each router on the way.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=CourierRoute, **options)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        word = scope["path"].removeprefix(PREFIX).partition("/")[0]
        return super().matches(scope) if word in self._words else (Match.NONE, {})

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(route.path.split("/")[1] for route in self.routes if isinstance(route, APIRoute))
