"""What operations ask for: who calls, a transaction, a key, an entity tag."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlowPassword, OAuthFlows
from fastapi.security import OAuth2, SecurityScopes
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import (
    CourierError,
    Forbidden,
    NotFound,
    PreconditionRequired,
    Stale,
    Unauthenticated,
)
from app.models.account import AccessKind
from app.roles import Scope
from app.routers.access_log import template_of
from app.routers.idempotency import Key, fingerprint
from app.routers.limits import Limits
from app.routers.problems import NotModified
from app.security import Principal, Tokens
from app.services import accesses
from app.settings import Settings

_TAG = re.compile(r'(?:W/)?("?)([0-9]{1,18})\1')

_scheme = OAuth2(
    flows=OAuthFlows(
        password=OAuthFlowPassword(
            tokenUrl="/v1/auth/token", scopes={scope.value: scope.value for scope in Scope}
        ),
        clientCredentials=OAuthFlowClientCredentials(
            tokenUrl="/v1/auth/token", scopes={scope.value: scope.value for scope in Scope}
        ),
    ),
    auto_error=False,
    scheme_name="oauth2",
)


def database_of(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def settings_of(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def tokens_of(request: Request) -> Tokens:
    tokens: Tokens = request.app.state.tokens
    return tokens


async def authenticate(request: Request, response: Response) -> Principal:
    """The principal of the bearer token, within its rate. Whether it still holds, the database says.

    Its place among those under way is given back by the route (`CourierRoute`), however the request ends.
    It names no security scheme itself: FastAPI would run it once for the scopes and once for the transaction.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthenticated
    principal = tokens_of(request).verify(token)
    request.state.principal = principal
    limits: Limits = request.app.state.limits
    limits.enter(principal, request, response)
    return principal


async def guest(request: Request, response: Response) -> None:
    """Somebody who need not sign in, within the rate of where they come from."""
    limits: Limits = request.app.state.limits
    limits.enter_open(request, response)


Guest = Annotated[None, Depends(guest)]


async def authorise(
    needed: SecurityScopes,
    request: Request,
    principal: Annotated[Principal, Depends(authenticate)],
    _header: Annotated[str | None, Depends(_scheme)],
) -> Principal:
    """The principal, if it holds every scope that the operation declares."""
    missing = [scope for scope in needed.scopes if scope not in principal.scopes]
    if missing:
        raise Forbidden(
            f"This needs the scope {', '.join(missing)}.",
            f"需要权限 {'、'.join(missing)}。",
            missing_scopes=missing,
        )
    refuse_unknown_query(request)
    return principal


def refuse_unknown_query(request: Request) -> None:
    """Raise `RequestValidationError` for a query where the operation takes none; others have a model of theirs."""
    if request.scope["query_string"] and not request.scope["route"].takes_query:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name), "msg": "Extra inputs are not permitted"}
                for name in request.query_params
            ]
        )


async def deny(request: Request, refusal: Forbidden) -> CourierError:
    """Write the denial down, in a transaction of its own, and say what the caller gets to see of it.

    A partner learns nothing of what it may not do: for it, that does not exist.
    """
    principal: Principal = request.state.principal
    async with database_of(request).sessions.begin() as session:
        await admit(session, principal)
        accesses.record(
            session,
            AccessKind.DENIED,
            principal_id=principal.id,
            operation=operation_of(request),
            **_grounds(refusal),
        )
    return NotFound() if principal.is_partner else refusal


def _grounds(refusal: Forbidden) -> dict[str, Any]:
    missing = refusal.extra.get("missing_scopes")
    return {"missing": missing} if missing else {"reason": refusal.detail.en}


def holder_of(*scopes: Scope) -> Any:
    """For `Annotated[Principal, ...]` at a router's top: only principals with these scopes get in."""
    return Security(authorise, scopes=[scope.value for scope in scopes])


def operation_of(request: Request) -> str:
    """Method and path template: no identifier of anybody gets into a log or an audit row."""
    return f"{request.method} {template_of(request.scope)}"


_ADMIT = text("SELECT admit(:subject, :version, :token) IS NOT NULL")


async def admit(session: AsyncSession, principal: Principal) -> None:
    """Ask the database, as the request's first statement, whether the token still holds."""
    admitted = await session.scalar(
        _ADMIT,
        {"subject": principal.id, "version": principal.credentials_version, "token": principal.token_id},
    )
    if not admitted:
        raise Unauthenticated("The token was taken back; sign in again.", "令牌已失效，请重新登录。")


async def transaction(
    request: Request, principal: Annotated[Principal, Depends(authenticate)]
) -> AsyncIterator[AsyncSession]:
    """The request's one transaction: it commits before the answer leaves, or nothing happened."""
    async with database_of(request).sessions.begin() as session:
        await admit(session, principal)
        yield session


Session = Annotated[AsyncSession, Depends(transaction, scope="function")]


async def reading(
    request: Request, principal: Annotated[Principal, Depends(authenticate)]
) -> AsyncIterator[AsyncSession]:
    """For requests that only read: no transaction, and so two round trips less."""
    async with database_of(request).readings() as session:
        await admit(session, principal)
        yield session


Reading = Annotated[AsyncSession, Depends(reading, scope="function")]


async def once(
    request: Request,
    session: Session,
    principal: Annotated[Principal, Depends(authenticate)],
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1, max_length=200, description="Repeat with the same key within 24 h: the first answer"
        ),
    ] = None,
) -> AsyncSession:
    """The transaction of a request that may be repeated: the same key and body give the first answer again.

    The key is an advisory lock until commit, so that of two at the same time one gets 409; the answer is
    stored in the same transaction as what it answers for, so that a crash can't part them.
    """
    if idempotency_key is None:
        return session
    key = Key(principal.id, idempotency_key, await fingerprint(request))
    await key.take(session)
    request.state.key, request.state.session = key, session
    return session


OnceSession = Annotated[AsyncSession, Depends(once, scope="function")]


class EntityTag:
    """The entity tag of a single resource: sent with it, and 304 for a caller that has it already."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request, self._response = request, response

    def settle(self, version: int | str) -> None:
        """Send the tag of this version, or end the request with 304."""
        etag = f'"{version}"'
        known = [
            tag.strip().removeprefix("W/")
            for tag in self._request.headers.get("if-none-match", "").split(",")
        ]
        if self._request.method == "GET" and (etag in known or known == ["*"]):
            raise NotModified(etag)
        self._response.headers["ETag"] = etag


async def entity_tag(request: Request, response: Response) -> EntityTag:
    return EntityTag(request, response)


Tag = Annotated[EntityTag, Depends(entity_tag)]


async def if_match(
    if_match: Annotated[str | None, Header(description="The ETag you read", examples=['"3"'])] = None,
) -> int:
    """The version that a change builds on; a change without one is refused."""
    if if_match is None:
        raise PreconditionRequired(
            "Send If-Match with the ETag you read, so that nobody's change is overwritten.",
            "请在 If-Match 中携带读取到的 ETag，以免覆盖他人的修改。",
        )
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise Stale("This is not an ETag of ours; read the resource again.", "ETag 无效，请重新读取资源。")
    return int(tag[2])


IfMatch = Annotated[int, Depends(if_match)]


# Dependencies are coroutines even where they wait for nothing: FastAPI hands plain functions to a thread.
async def _database(request: Request) -> Database:
    return database_of(request)


async def _tokens(request: Request) -> Tokens:
    return tokens_of(request)


async def _settings(request: Request) -> Settings:
    return settings_of(request)


DatabaseOf = Annotated[Database, Depends(_database)]
TokensOf = Annotated[Tokens, Depends(_tokens)]
SettingsOf = Annotated[Settings, Depends(_settings)]
