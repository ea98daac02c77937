"""The company's people."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.account import User
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import IfMatch, OnceSession, Reading, Session, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.account import PasswordReset, UserChange, UserCreate, UserQuery, UserRead
from app.security import Principal
from app.services import accounts

router = CourierRouter(prefix="/users", tags=["users"])

Reader = Annotated[Principal, holder_of(Scope.USERS_READ)]
Admin = Annotated[Principal, holder_of(Scope.USERS_WRITE)]


@router.get("", summary="List users", response_model=Page[UserRead])
async def list_users(query: Annotated[UserQuery, Query()], _: Reader, session: Reading) -> dict[str, Any]:
    """By username, or the newest first."""
    return await paginate(session, accounts.search_users(query), query)


@router.post("", summary="Create a user", status_code=201, response_model=UserRead, responses={409: {}})
async def create_user(body: UserCreate, tag: Tag, actor: Admin, session: Session) -> User:
    """Takes no Idempotency-Key, for the body holds a password; the username makes a repeat a conflict."""
    row = await accounts.create_user(session, actor, body)
    tag.settle(row.version)
    return row


@router.get("/{user_id}", summary="Read a user", response_model=UserRead)
async def get_user(user_id: UUID, tag: Tag, _: Reader, session: Reading) -> User:
    """With its ETag."""
    user = await User.fetch(session, user_id)
    tag.settle(user.version)
    return user


@router.patch("/{user_id}", summary="Change a user", response_model=UserRead)
async def change_user(
    user_id: UUID,
    body: UserChange,
    *,
    actor: Admin,
    version: IfMatch,
    tag: Tag,
    session: Session,
) -> User:
    """New roles end every token the user holds, as of the next request."""
    user = await accounts.change_user(session, actor, user_id, body, version)
    tag.settle(user.version)
    return user


@router.post("/{user_id}/disable", summary="Disable a user", response_model=UserRead)
async def disable_user(user_id: UUID, tag: Tag, actor: Admin, session: OnceSession) -> User:
    """Counts from the user's next request on."""
    row = await accounts.disable_user(session, actor, user_id)
    tag.settle(row.version)
    return row


@router.post("/{user_id}/enable", summary="Enable a user again", response_model=UserRead)
async def enable_user(user_id: UUID, tag: Tag, actor: Admin, session: OnceSession) -> User:
    """The user must sign in anew."""
    row = await accounts.enable_user(session, actor, user_id)
    tag.settle(row.version)
    return row


@router.post(
    "/{user_id}/reset-password",
    summary="Give a new password",
    response_model=UserRead,
    responses={409: {}},
)
async def reset_password(
    user_id: UUID, body: PasswordReset, tag: Tag, actor: Admin, session: Session
) -> User:
    """Ends every token the user holds."""
    row = await accounts.reset_password(session, actor, user_id, body.password.get_secret_value())
    tag.settle(row.version)
    return row
