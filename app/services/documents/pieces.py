"""The content of a file in the database: sealed piece by piece with a key of its own, which is sealed itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import IO

from cryptography.exceptions import InvalidTag
from sqlalchemy import ColumnElement, Table, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import vault
from app.clock import now
from app.database import Sessions
from app.models.complaint_attachment import ComplaintAttachment, ComplaintAttachmentPart
from app.models.document import DocumentPart, DocumentVersion

CHUNK = 256 * 1024
SEALED = CHUNK + vault.NONCE + vault.TAG
AGAIN = 100
"""Keys sealed anew in a transaction."""


Whole = DocumentVersion | ComplaintAttachment
"""What is kept in pieces. Its key leads the key of each of its parts."""
PARTS: dict[type[Whole], Table] = {
    DocumentVersion: DocumentPart.__table__,
    ComplaintAttachment: ComplaintAttachmentPart.__table__,
}


def new_key(whole: Whole) -> bytes:
    """A key for this row alone."""
    return vault.new_key(key_place(whole))


def key_place(whole: Whole) -> str:
    return f"{whole.__table__.name}.sealed_key:{_name(whole)}"


def _name(whole: Whole) -> str:
    return ":".join(str(each) for each in _key(whole))


def _key(whole: Whole) -> list[object]:
    return [getattr(whole, column.name) for column in whole.__table__.primary_key]


def _table(whole: Whole) -> Table:
    return PARTS[type(whole)]


def _box(whole: Whole, sealed_key: bytes | None) -> vault.Box:
    if not sealed_key:
        raise InvalidTag
    return vault.Box(sealed_key, key_place(whole))


def _place(whole: Whole, part: int) -> str:
    """With the size of the whole, so that nothing can be cut off behind, nor said to be less."""
    return f"{_table(whole).name}.content:{_name(whole)}:{part}:{whole.size}"


def _parts(whole: Whole) -> range:
    return range(-(-whole.size // CHUNK))


async def keep(session: AsyncSession, whole: Whole, content: IO[bytes]) -> None:
    """Store what was read of a file, sealed."""
    box = _box(whole, whole.sealed_key)
    content.seek(0)
    for part in _parts(whole):
        piece = await asyncio.to_thread(content.read, CHUNK)
        await put(session, whole, part, box.seal(piece, _place(whole, part)))


async def put(session: AsyncSession, whole: Whole, part: int, sealed: bytes) -> None:
    columns = [column.name for column in _table(whole).primary_key]
    row = dict(zip(columns, [*_key(whole), part], strict=True)) | {"content": sealed}
    await session.execute(insert(_table(whole)), [row])


async def drop(session: AsyncSession, whole: Whole) -> None:
    await session.execute(delete(_table(whole)).where(*_of(whole)))


async def sealed(session: AsyncSession, whole: Whole) -> bytes:
    """Everything that is kept of a file, its key in front, as it lies there."""
    rows = select(_table(whole).c.content).where(*_of(whole)).order_by(_table(whole).c.part)
    return (whole.sealed_key or b"") + b"".join(await session.scalars(rows))


def opened(whole: Whole, kept: bytes) -> Iterator[bytes]:
    """The content of what `sealed` gave. Raises `InvalidTag` where a bit of it differs, or some of it is missing."""
    sealed_key, found = split(whole, kept)
    box = _box(whole, sealed_key)
    for part, piece in enumerate(found):
        yield box.unseal(piece, _place(whole, part))


def split(whole: Whole, kept: bytes) -> tuple[bytes, list[bytes]]:
    """The sealed key in front, and the pieces."""
    sealed_key, rest = kept[: vault.SEALED_KEY], kept[vault.SEALED_KEY :]
    return sealed_key, [rest[part * SEALED : (part + 1) * SEALED] for part in _parts(whole)]


async def stream(sessions: Sessions, whole: Whole) -> AsyncIterator[bytes]:
    """The content as it leaves, piece by piece, each read when the one before it has gone.

    It breaks off with `InvalidTag` where something was touched, and so is shorter than was announced.
    """
    box = _box(whole, whole.sealed_key)
    for part in _parts(whole):
        async with sessions() as session:
            found = await session.scalar(
                select(_table(whole).c.content).where(*_of(whole), _table(whole).c.part == part)
            )
        yield box.unseal(found or b"", _place(whole, part))


async def seal_keys_anew(session: AsyncSession) -> int:
    """Seal some keys with the ring's first that are sealed with another; returns how many.

    Second copies hold the sealed key, too: they are made anew after that.
    """
    found: list[Whole] = []
    for kind in PARTS:
        old = select(kind).where(func.substr(kind.sealed_key, 1, vault.NAME) != vault.current())
        found += await session.scalars(old.limit(AGAIN - len(found)).with_for_update())
    for whole in found:
        place = key_place(whole)
        whole.sealed_key = vault.seal(vault.unseal(whole.sealed_key or b"", place), place)
        if isinstance(whole, DocumentVersion):
            whole.compare_at = whole.compare_at and now()
    return len(found)


def _of(whole: Whole) -> list[ColumnElement[bool]]:
    columns = list(_table(whole).primary_key)[:-1]
    return [column == value for column, value in zip(columns, _key(whole), strict=True)]
