"""The content of a version in the database: sealed piece by piece with a key of its own, which is sealed itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import IO
from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import vault
from app.clock import now
from app.database import Sessions
from app.models.document import DocumentPart, DocumentVersion

CHUNK = 256 * 1024
SEALED = CHUNK + vault.NONCE + vault.TAG
AGAIN = 100
"""Keys sealed anew in a transaction."""


def key_place(document_id: UUID, number: int) -> str:
    return f"document_versions.sealed_key:{document_id}:{number}"


def _box(version: DocumentVersion, sealed_key: bytes | None) -> vault.Box:
    if not sealed_key:
        raise InvalidTag
    return vault.Box(sealed_key, key_place(version.document_id, version.number))


def _place(version: DocumentVersion, part: int) -> str:
    """With the size of the whole, so that nothing can be cut off behind, nor said to be less."""
    return f"document_parts.content:{version.document_id}:{version.number}:{part}:{version.size}"


def _parts(version: DocumentVersion) -> range:
    return range(-(-version.size // CHUNK))


async def keep(session: AsyncSession, version: DocumentVersion, content: IO[bytes]) -> None:
    """Store what was read of a file, sealed."""
    box = _box(version, version.sealed_key)
    content.seek(0)
    for part in _parts(version):
        piece = await asyncio.to_thread(content.read, CHUNK)
        await put(session, version, part, box.seal(piece, _place(version, part)))


async def put(session: AsyncSession, version: DocumentVersion, part: int, sealed: bytes) -> None:
    row = {"document_id": version.document_id, "number": version.number, "part": part, "content": sealed}
    await session.execute(insert(DocumentPart), [row])


async def drop(session: AsyncSession, version: DocumentVersion) -> None:
    await session.execute(delete(DocumentPart).where(*_of(version)))


async def sealed(session: AsyncSession, version: DocumentVersion) -> bytes:
    """Everything that is kept of a version, its key in front, as it lies there."""
    rows = select(DocumentPart.content).where(*_of(version)).order_by(DocumentPart.part)
    return (version.sealed_key or b"") + b"".join(await session.scalars(rows))


def opened(version: DocumentVersion, whole: bytes) -> Iterator[bytes]:
    """The content of what `sealed` gave. Raises `InvalidTag` where a bit of it differs, or some of it is missing."""
    sealed_key, found = split(version, whole)
    box = _box(version, sealed_key)
    for part, piece in enumerate(found):
        yield box.unseal(piece, _place(version, part))


def split(version: DocumentVersion, whole: bytes) -> tuple[bytes, list[bytes]]:
    """The sealed key in front, and the pieces."""
    sealed_key, rest = whole[: vault.SEALED_KEY], whole[vault.SEALED_KEY :]
    return sealed_key, [rest[part * SEALED : (part + 1) * SEALED] for part in _parts(version)]


async def stream(sessions: Sessions, version: DocumentVersion) -> AsyncIterator[bytes]:
    """The content as it leaves, piece by piece, each read when the one before it has gone.

    It breaks off with `InvalidTag` where something was touched, and so is shorter than was announced.
    """
    box = _box(version, version.sealed_key)
    for part in _parts(version):
        async with sessions() as session:
            found = await session.scalar(
                select(DocumentPart.content).where(*_of(version), DocumentPart.part == part)
            )
        yield box.unseal(found or b"", _place(version, part))


async def seal_keys_anew(session: AsyncSession) -> int:
    """Seal some keys with the ring's first that are sealed with another; returns how many.

    Second copies hold the sealed key, too: they are made anew after that.
    """
    old = (
        select(DocumentVersion)
        .where(func.substr(DocumentVersion.sealed_key, 1, vault.NAME) != vault.current())
        .limit(AGAIN)
        .with_for_update()
    )
    found = list(await session.scalars(old))
    for version in found:
        place = key_place(version.document_id, version.number)
        version.sealed_key = vault.seal(vault.unseal(version.sealed_key or b"", place), place)
        version.compare_at = version.compare_at and now()
    return len(found)


def _of(version: DocumentVersion) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return DocumentPart.document_id == version.document_id, DocumentPart.number == version.number
