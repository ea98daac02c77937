"""Signing in and out: passwords, client secrets, refresh tokens that rotate, and tokens taken back.

Every outcome, a refusal too, is committed; a refusal is therefore returned, not raised.
"""

import asyncio
import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.database import Sessions
from app.errors import CourierError, NotFound, SignInFailed, TooManyRequests, Unauthenticated
from app.models.account import AccessKind, Client, RefreshToken, RevokedToken, SignInFailure, User
from app.passwords import check_password, fingerprint, new_secret
from app.roles import Role, scopes_of
from app.security import Principal, Tokens
from app.services import accesses
from app.settings import Settings

FAMILY_LOCK = 5
"""Class of the advisory lock on a family of refresh tokens."""

MOST_WAITING = 20


class _Guesses:
    """Two at a time: argon2 takes 64 MiB and a core for each, and the API needs both for its work."""

    def __init__(self) -> None:
        self.waiting = 0
        self._two = asyncio.Semaphore(2)

    async def check(self, password: str, hashed: str | None) -> bool:
        self.waiting += 1
        try:
            async with self._two:
                return await asyncio.to_thread(check_password, password, hashed)
        finally:
            self.waiting -= 1


_guesses = _Guesses()

_COUNT_ATTEMPT = text("""
    INSERT INTO sign_in_failures AS f (name_hash, failures, window_started_at, locked_until)
    VALUES (:name, 1, now(), NULL)
    ON CONFLICT (name_hash) DO UPDATE SET
        failures = CASE WHEN f.window_started_at < now() - :window * interval '1 minute'
                          OR f.locked_until <= now() THEN 1 ELSE f.failures + 1 END,
        window_started_at = CASE WHEN f.window_started_at < now() - :window * interval '1 minute'
                                   OR f.locked_until <= now() THEN now() ELSE f.window_started_at END,
        locked_until = CASE WHEN f.window_started_at >= now() - :window * interval '1 minute'
                             AND f.locked_until IS NULL AND f.failures + 1 >= :allowed
                            THEN now() + :window * interval '1 minute' END
    WHERE f.locked_until IS NULL OR f.locked_until <= now()
    RETURNING failures
""")


async def with_password(
    sessions: Sessions, tokens: Tokens, settings: Settings, username: str, password: str
) -> dict[str, Any] | CourierError:
    """A staff member's tokens. The last allowed attempt locks the name ahead; success unlocks it again."""
    if _guesses.waiting >= MOST_WAITING:
        return _busy()
    name = _name_hash("user", username)
    if (locked := await _count_attempt(sessions, settings, name)) is not None:
        return locked
    async with sessions() as session:
        user = await session.scalar(select(User).where(User.username == username))
    hashed = user.password_hash if user else None
    fits = await _guesses.check(password, hashed)
    async with sessions.begin() as session:
        if user is None or not fits or user.disabled_at is not None:
            accesses.record(session, AccessKind.SIGN_IN_FAILED, principal_id=user.id if user else None)
            return _wrong("invalid_grant")
        await session.execute(delete(SignInFailure).where(SignInFailure.name_hash == name))
        accesses.record(session, AccessKind.SIGNED_IN, principal_id=user.id)
        principal = _principal(user)
        return _answer(tokens, principal, _next_link(session, settings, principal, uuid7()))


async def with_secret(
    sessions: Sessions, tokens: Tokens, settings: Settings, client_id: str, secret: str
) -> dict[str, Any] | CourierError:
    """A machine's access token; machines sign in again instead of refreshing. The right secret is never locked out."""
    async with sessions.begin() as session:
        client = await session.scalar(select(Client).where(Client.client_id == client_id))
        if client is not None and client.disabled_at is None and client.secret_hash == fingerprint(secret):
            accesses.record(session, AccessKind.SIGNED_IN, principal_id=client.id)
            return _answer(tokens, _principal(client), None)
    if (locked := await _count_attempt(sessions, settings, _name_hash("client", client_id))) is not None:
        return locked
    async with sessions.begin() as session:
        accesses.record(session, AccessKind.SIGN_IN_FAILED, principal_id=client.id if client else None)
    return _wrong("invalid_client")


async def with_refresh(
    sessions: Sessions, tokens: Tokens, settings: Settings, refresh_token: str
) -> dict[str, Any] | CourierError:
    """New tokens for a refresh token, which thereby is used up. A second use ends the whole family."""
    async with sessions.begin() as session:
        link = await _hold(session, refresh_token)
        if link is None:
            return _wrong("invalid_grant")
        if link.used_at is not None:
            await _end_family(session, tokens, link.family_id)
            accesses.record(session, AccessKind.REFRESH_REUSED, principal_id=link.user_id)
            return _wrong("invalid_grant")
        user = await User.fetch(session, link.user_id)
        current = (await session.execute(select(func.now()))).scalar_one()
        if not _holds(link, user, current):
            accesses.record(session, AccessKind.SIGN_IN_FAILED, principal_id=user.id)
            return _wrong("invalid_grant")
        link.used_at = current
        accesses.record(session, AccessKind.REFRESHED, principal_id=user.id)
        principal = _principal(user)
        return _answer(tokens, principal, _next_link(session, settings, principal, link.family_id))


async def revoke(session: AsyncSession, tokens: Tokens, token: str) -> None:
    """Take a token back, of either kind (RFC 7009); one that is not ours is no error."""
    link = await _hold(session, token)
    if link is not None:
        await _end_family(session, tokens, link.family_id)
        accesses.record(session, AccessKind.REVOKED, principal_id=link.user_id)
        return
    try:
        principal = tokens.verify(token)
    except Unauthenticated:
        return
    await session.execute(
        insert(RevokedToken)
        .values(token_id=principal.token_id, expires_at=principal.expires_at)
        .on_conflict_do_nothing()
    )
    accesses.record(session, AccessKind.REVOKED, principal_id=principal.id)


async def token_for(session: AsyncSession, tokens: Tokens, name: str) -> str:
    """An access token for a user or a client without its secret, for whoever has the database anyway."""
    user = await session.scalar(select(User).where(User.username == name))
    account = user or await session.scalar(select(Client).where(Client.client_id == name))
    if account is None:
        raise NotFound(f"There is no {name}.", f"没有 {name}。")
    accesses.record(session, AccessKind.SIGNED_IN, principal_id=account.id, by="command line")
    return tokens.issue(_principal(account))


def _principal(account: User | Client) -> Principal:
    roles = [Role(role) for role in account.roles] if isinstance(account, User) else [Role(account.role)]
    return Principal(
        id=account.id,
        kind="user" if isinstance(account, User) else "client",
        roles=tuple(roles),
        scopes=scopes_of(roles),
        credentials_version=account.credentials_version,
        token_id=uuid7(),
    )


def _answer(tokens: Tokens, principal: Principal, refresh: str | None) -> dict[str, Any]:
    return {
        "access_token": tokens.issue(principal),
        "expires_in": int(tokens.lifetime.total_seconds()),
        "refresh_token": refresh,
        "scope": " ".join(sorted(principal.scopes)),
    }


async def _hold(session: AsyncSession, refresh_token: str) -> RefreshToken | None:
    """The link, its family locked until commit: whoever ends a family must not miss a link being added."""
    link = await session.scalar(
        select(RefreshToken).where(RefreshToken.token_hash == fingerprint(refresh_token))
    )
    if link is not None:
        lock = func.hashtextextended(str(link.family_id), FAMILY_LOCK)
        await session.execute(select(func.pg_advisory_xact_lock(lock)))
        await session.refresh(link)
    return link


def _holds(link: RefreshToken, user: User, current: datetime) -> bool:
    return (
        link.revoked_at is None
        and link.expires_at > current
        and link.credentials_version == user.credentials_version
        and user.disabled_at is None
    )


def _next_link(session: AsyncSession, settings: Settings, principal: Principal, family_id: UUID) -> str:
    secret = new_secret()
    session.add(
        RefreshToken(
            user_id=principal.id,
            family_id=family_id,
            credentials_version=principal.credentials_version,
            token_id=principal.token_id,
            token_hash=fingerprint(secret),
            expires_at=func.now() + timedelta(days=settings.refresh_token_days),
        )
    )
    return secret


async def _end_family(session: AsyncSession, tokens: Tokens, family_id: UUID) -> None:
    """End its refresh tokens, and the access tokens given out with them."""
    of_family = RefreshToken.family_id == family_id
    await session.execute(
        update(RefreshToken).where(of_family, RefreshToken.revoked_at.is_(None)).values(revoked_at=func.now())
    )
    expiry = RefreshToken.created_at + tokens.lifetime
    living = select(RefreshToken.token_id, expiry).where(of_family, expiry > func.now())
    await session.execute(
        insert(RevokedToken).from_select(["token_id", "expires_at"], living).on_conflict_do_nothing()
    )


async def _count_attempt(sessions: Sessions, settings: Settings, name: bytes) -> CourierError | None:
    """Count before looking, in a transaction of its own; parallel guesses are then no way around the limit."""
    parameters = {"name": name, "window": settings.lockout_minutes, "allowed": settings.lockout_failures}
    async with sessions.begin() as session:
        if await session.scalar(_COUNT_ATTEMPT, parameters) is not None:
            return None
        accesses.record(session, AccessKind.LOCKED_OUT)
        left = await session.scalar(
            select(func.extract("epoch", SignInFailure.locked_until - func.now())).where(
                SignInFailure.name_hash == name
            )
        )
    return TooManyRequests(
        "Too many failed attempts; wait before you try again.",
        "失败次数过多，请稍后再试。",
        retry_after=int(left or 0) + 1,
    )


def _busy() -> TooManyRequests:
    return TooManyRequests(
        "Too many people sign in at this moment; try again.", "当前登录人数过多，请稍后再试。", retry_after=1
    )


def _name_hash(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind}:{name}".encode()).digest()


def _wrong(error: str) -> SignInFailed:
    return SignInFailed(
        error, "Name or secret is wrong, or the account is closed.", "账号或口令错误，或账号已停用。"
    )
