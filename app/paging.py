"""The one way to list: keyset pages, walked with a sealed cursor that stays true under inserts."""

import base64
import hashlib
import json
import secrets
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, Field
from sqlakeyset import asyncio as keyset
from sqlakeyset.results import Page as KeysetPage
from sqlakeyset.results import unserialize_bookmark
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Invalid
from app.settings import settings

Item = TypeVar("Item")


Cursor = Annotated[str | None, Field(max_length=2000, description="`next_cursor` of the page before")]


class ListQuery(BaseModel):
    """What every list takes. Subclasses add typed filters and a `sort` from a fixed set."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200, description="Items a page")] = 50
    cursor: Cursor = None
    count: Annotated[bool, Field(description="Count all matches too; costs a scan")] = False


class Page(BaseModel, Generic[Item]):
    """One page; `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: str | None
    count: int | None = Field(None, description="All matches; only where `count=true` was asked")


async def paginate(session: AsyncSession, statement: Select[Any], query: ListQuery) -> dict[str, Any]:
    """Run an ordered ORM select whose first column is the entity; its order must end in a unique column.

    The cursor is bound to the filters and the order it was made with: used with others it is refused. It is
    encrypted, for it holds where a page ended, and that may be somebody's name.
    """
    scope = _scope_of(query)
    page: KeysetPage[Any] = await keyset.select_page(
        session, statement, per_page=query.limit, page=_open(query.cursor, scope)
    )
    following = _seal(page.paging.bookmark_next, scope) if page.paging.has_next else None
    count = await _count(session, statement) if query.count else None
    return {"items": [row[0] for row in page], "next_cursor": following, "count": count}


def after(query: ListQuery, place: tuple[str, ...]) -> str:
    """The cursor of the page that follows this place, for a list that the database answers by itself."""
    return _seal(json.dumps(place), _scope_of(query))


def place_of(query: ListQuery) -> tuple[str, ...] | None:
    """The place that such a list's cursor was made with."""
    opened = _unseal(query.cursor, _scope_of(query))
    return None if opened is None else tuple(json.loads(opened))


async def _count(session: AsyncSession, statement: Select[Any]) -> int:
    return await session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0


def _scope_of(query: ListQuery) -> str:
    filters = query.model_dump(mode="json", exclude={"limit", "cursor", "count"})
    return f"{type(query).__name__}:{json.dumps(filters, sort_keys=True)}"


@lru_cache
def _cipher() -> AESGCM:
    secret = settings().cursor_secret.get_secret_value()
    return AESGCM(hashlib.sha256(secret.encode()).digest())


def _seal(bookmark: str, scope: str) -> str:
    nonce = secrets.token_bytes(12)
    sealed = nonce + _cipher().encrypt(nonce, bookmark.encode(), scope.encode())
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _open(cursor: str | None, scope: str) -> Any:
    opened = _unseal(cursor, scope)
    return None if opened is None else unserialize_bookmark(opened)


def _unseal(cursor: str | None, scope: str) -> str | None:
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return _cipher().decrypt(raw[:12], raw[12:], scope.encode()).decode()
    except (ValueError, InvalidTag):
        raise _bad_cursor() from None


def _bad_cursor() -> Invalid:
    return Invalid(
        "This cursor is not one of ours, or belongs to another list; start without a cursor.",
        "游标无效或属于另一个列表，请不带游标重新开始。",
        pointer="/query/cursor",
    )
