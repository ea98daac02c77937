"""The second store, in which contracts are kept once more: written behind the first, and compared with it."""

from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

import obstore
from cryptography.exceptions import InvalidTag
from obstore.store import ObjectStore, from_url
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app import vault
from app.clock import now
from app.models.document import DocumentVersion
from app.security import Principal
from app.services import events
from app.services.documents import pieces
from app.settings import settings

EVERY = timedelta(days=7)


async def settle(session: AsyncSession) -> bool:
    """Look at the copy that has waited longest, and make it what it should be; says whether there was one.

    A copy is written after its document is there for good, and always to the same place, so that whoever is killed on
    the way leaves neither a paper without its copy nor a copy without its paper.
    """
    version = await session.scalar(
        select(DocumentVersion)
        .where(DocumentVersion.compare_at <= func.now())
        .order_by(DocumentVersion.compare_at)
        .limit(1)
        .options(joinedload(DocumentVersion.document))
        .with_for_update(skip_locked=True, of=DocumentVersion)
    )
    if version is None:
        return False
    if version.sealed_key is None:
        await _remove(_path(version))
        version.compare_at = None
        return True
    await _compare(session, version, await pieces.sealed(session, version))
    version.compare_at = now() + EVERY
    return True


async def _compare(session: AsyncSession, version: DocumentVersion, kept: bytes) -> None:
    copy = await _read(_path(version))
    if _is_whole(version, kept):
        if copy != kept:
            await obstore.put_async(_store(settings().second_store), _path(version), kept)
        if version.compared_at is not None and _paper(copy) != _paper(kept):
            await _told(session, version, "document.mended")
    elif copy is not None and _is_whole(version, copy):
        await _bring_back(session, version, copy)
        await _told(session, version, "document.mended")
    else:
        await _told(session, version, "document.damaged")
        return
    version.compared_at = now()


def _is_whole(version: DocumentVersion, kept: bytes) -> bool:
    """Whether it opens, and is what was handed in; with the key that lies in front, whatever it is sealed with."""
    digest = sha256()
    try:
        for piece in pieces.opened(version, kept):
            digest.update(piece)
    except InvalidTag:
        return False
    return digest.digest() == version.sha256


def _paper(copy: bytes | None) -> bytes | None:
    """What is kept without the key in front, which changes when the ring does."""
    return copy and copy[vault.SEALED_KEY :]


async def _bring_back(session: AsyncSession, version: DocumentVersion, copy: bytes) -> None:
    version.sealed_key, found = pieces.split(version, copy)
    await pieces.drop(session, version)
    for part, piece in enumerate(found):
        await pieces.put(session, version, part, piece)


async def _told(session: AsyncSession, version: DocumentVersion, kind: str) -> None:
    about = events.Subject("document", version.document_id, version.document.customer_id)
    await events.record(session, Principal.SYSTEM, kind, about, number=version.number)


async def _read(path: str) -> bytes | None:
    try:
        found = await obstore.get_async(_store(settings().second_store), path)
    except FileNotFoundError:
        return None
    return bytes(await found.bytes_async())


async def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        await obstore.delete_async(_store(settings().second_store), path)


def path_of(document_id: UUID | str, number: int) -> str:
    return f"{document_id}/{number}"


def _path(version: DocumentVersion) -> str:
    return path_of(version.document_id, version.number)


@lru_cache
def _store(url: str | None) -> ObjectStore:
    """Raises `ValueError` for what is no address of a store."""
    if url is None:
        raise ValueError("CRM_SECOND_STORE is not set, though there are contracts")
    return from_url(url, mkdir=True, automatic_cleanup=True) if url.startswith("file:") else from_url(url)
