"""Idempotency keys: the first answer to a keyed request, given again for a day."""

import hashlib
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import KeyReused, UnderWay
from app.models.event import IdempotencyKey
from app.routers.problems import Replay

KEY_LOCK = 3


class Key:
    """An idempotency key that this request holds."""

    def __init__(self, principal_id: UUID, key: str, fingerprint: bytes) -> None:
        self.principal_id, self.key, self.fingerprint = principal_id, key, fingerprint

    async def take(self, session: AsyncSession) -> None:
        """Hold the key until commit; raises `Replay` with the first answer, where there is one."""
        lock = {"name": f"{self.principal_id}:{self.key}", "class": KEY_LOCK}
        if not await session.scalar(
            text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, :class))"), lock
        ):
            raise UnderWay("A request with this key is still under way.", "相同幂等键的请求仍在处理中。")
        first = await session.scalar(
            select(IdempotencyKey).where(
                IdempotencyKey.principal_id == self.principal_id,
                IdempotencyKey.key == self.key,
                IdempotencyKey.created_at > text("now() - interval '24 hours'"),
            )
        )
        if first is None:
            return
        if first.fingerprint != self.fingerprint:
            raise KeyReused(
                "This key was used for another request; take a new one.", "该幂等键已用于另一个请求，请更换。"
            )
        raise Replay(Response(first.body, first.status, headers=first.headers))

    async def keep(self, session: AsyncSession, response: Response) -> None:
        """Store the answer beside what it answers for."""
        headers = {
            name: response.headers[name]
            for name in ("content-type", "etag", "location")
            if name in response.headers
        }
        values = {
            "fingerprint": self.fingerprint,
            "status": response.status_code,
            "headers": {**headers, "idempotent-replayed": "true", "cache-control": "no-store"},
            "body": bytes(response.body),
        }
        await session.execute(
            delete(IdempotencyKey).where(
                IdempotencyKey.principal_id == self.principal_id, IdempotencyKey.key == self.key
            )
        )
        await session.execute(
            insert(IdempotencyKey).values(principal_id=self.principal_id, key=self.key, **values)
        )


async def fingerprint(request: Request) -> bytes:
    """What makes a request the same one: method, path, query and the body's bytes, or a form's digest."""
    words = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    body: bytes = getattr(request.state, "body_digest", None) or await request.body()
    return hashlib.sha256(words + body).digest()
