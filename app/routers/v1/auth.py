"""Signing in and out (RFC 6749, 7009)."""

from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.security import HTTPBasic

from app.errors import CourierError, SignInFailed
from app.routers.deps import DatabaseOf, SettingsOf, TokensOf
from app.routers.routes import CourierRouter
from app.schemas.account import TokenRead
from app.services import sign_in

router = CourierRouter(prefix="/auth", tags=["auth"])

_basic = HTTPBasic(auto_error=False)

GRANTS = ["password", "client_credentials", "refresh_token"]

Field = Annotated[str | None, Form(max_length=1000)]
GrantType = Annotated[str | None, Form(max_length=100, json_schema_extra={"enum": GRANTS})]


@router.post("/token", summary="Get an access token", response_model=TokenRead, responses={401: {}, 429: {}})
async def create_token(
    *,
    request: Request,
    grant_type: GrantType = None,
    database: DatabaseOf,
    tokens: TokensOf,
    settings: SettingsOf,
    username: Field = None,
    password: Field = None,
    client_id: Field = None,
    client_secret: Field = None,
    refresh_token: Field = None,
) -> dict[str, Any]:
    """Staff send `password`, later `refresh_token`; machines send `client_credentials`, or HTTP Basic.

    A refresh token works once; a second use ends every token that came from the same sign-in.
    """
    basic = await _basic(request)
    if basic is not None and client_id is None:
        client_id, client_secret = basic.username, basic.password
    given = (database.sessions, tokens, settings)
    if grant_type == "password" and username is not None and password is not None:
        return _unless_refused(await sign_in.with_password(*given, username, password))
    if grant_type == "client_credentials" and client_id is not None and client_secret is not None:
        return _unless_refused(await sign_in.with_secret(*given, client_id, client_secret))
    if grant_type == "refresh_token" and refresh_token is not None:
        return _unless_refused(await sign_in.with_refresh(*given, refresh_token))
    if grant_type is not None and grant_type not in GRANTS:
        known = ", ".join(GRANTS)
        raise SignInFailed(
            "unsupported_grant_type", f"The grants are {known}.", f"可用的 grant_type：{known}。"
        )
    raise SignInFailed("invalid_request", "The grant lacks its name or secret.", "缺少账号或口令。")


@router.post("/revoke", summary="Take a token back", status_code=200, response_class=Response)
async def revoke_token(
    database: DatabaseOf, tokens: TokensOf, token: Annotated[str, Form(min_length=1, max_length=4000)]
) -> Response:
    """Access or refresh token; it counts from the next request on, everywhere. Always 200 (RFC 7009)."""
    async with database.sessions.begin() as session:
        await sign_in.revoke(session, tokens, token)
    return Response(status_code=200)


def _unless_refused(outcome: dict[str, Any] | CourierError) -> dict[str, Any]:
    if isinstance(outcome, CourierError):
        raise outcome
    return outcome
