"""Documents as people hand them in, look for them and withdraw them; what was withdrawn goes after its time."""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from app.clock import ZONE, now
from app.errors import Conflict, NotFound
from app.models.document import Document, DocumentKind, DocumentState, DocumentVersion
from app.schemas.document import DocumentCreate, DocumentMove, DocumentQuery, DocumentVersionCreate
from app.schemas.masking import redact
from app.security import Principal
from app.services import customers, erasure, events, holds
from app.services.documents import pieces
from app.services.documents.kinds import Content
from app.settings import settings

FEW = 20
"""Documents erased in a step."""


def visible(principal: Principal) -> Select[Document]:
    return customers.within(principal, select(Document), Document.customer_id)


def listed(principal: Principal, query: DocumentQuery) -> Select[Document]:
    statement = visible(principal)
    for name in ("customer_id", "kind", "state"):
        if (value := getattr(query, name)) is not None:
            statement = statement.where(getattr(Document, name) == value)
    return statement.order_by(Document.created_at.desc(), Document.id.desc())


async def get(session: AsyncSession, principal: Principal, document_id: UUID) -> Document:
    """The document with all its versions, as it stands now."""
    found = visible(principal).where(Document.id == document_id).options(selectinload(Document.versions))
    document = await session.scalar(found.execution_options(populate_existing=True))
    if document is None:
        raise NotFound
    return document


async def version(
    session: AsyncSession, principal: Principal, document_id: UUID, number: int
) -> DocumentVersion:
    """The version whose content may be given out."""
    found = await session.scalar(
        select(DocumentVersion)
        .where(
            DocumentVersion.document_id.in_(
                visible(principal).where(Document.id == document_id).with_only_columns(Document.id)
            ),
            DocumentVersion.number == number,
        )
        .options(joinedload(DocumentVersion.document))
    )
    if found is None:
        raise NotFound
    if found.document.state is not DocumentState.KEPT:
        raise Conflict(
            f"The document is {found.document.state}; its content is given out to nobody.",
            f"文件状态为 {found.document.state}，不再提供内容。",
        )
    return found


async def add(session: AsyncSession, actor: Principal, body: DocumentCreate, content: Content) -> Document:
    """Keep the first version of a document."""
    customer = await customers.named(session, actor, body.customer_id)
    if body.kind is DocumentKind.CONTRACT and settings().second_store is None:
        raise Conflict(
            "Contracts are kept twice, and there is no second store; CRM_SECOND_STORE has to be set.",
            "合同须保存两份，但未配置第二存储；请设置 CRM_SECOND_STORE。",
        )
    document = Document(
        customer_id=customer.id, kind=body.kind, project=body.project, latest=1, created_by=actor.id
    )
    session.add(document)
    await session.flush()
    await _keep(session, actor, document, body.dated, content)
    await events.record(session, actor, "document.added", subject(document), document_kind=document.kind)
    return await get(session, actor, document.id)


async def add_version(
    session: AsyncSession, actor: Principal, document_id: UUID, body: DocumentVersionCreate, content: Content
) -> Document:
    """Keep one more version; those before it stay."""
    document = await _taken(session, actor, document_id)
    if document.state is not DocumentState.KEPT:
        raise Conflict(
            f"The document is {document.state} and takes no new version.",
            f"文件状态为 {document.state}，不能增加新版本。",
        )
    document.latest += 1
    document.updated_at = now()
    await _keep(session, actor, document, body.dated, content)
    about = subject(document)
    await events.record(session, actor, "document.version_added", about, number=document.latest)
    return await get(session, actor, document.id)


async def _keep(
    session: AsyncSession, actor: Principal, document: Document, dated: date | None, content: Content
) -> None:
    kept = DocumentVersion(
        document_id=document.id,
        number=document.latest,
        dated=dated or now().astimezone(ZONE).date(),
        media_type=content.media_type,
        extension=content.extension,
        size=content.size,
        sha256=content.sha256,
        created_by=actor.id,
        compare_at=now() if document.kind is DocumentKind.CONTRACT else None,
    )
    kept.sealed_key = pieces.new_key(kept)
    session.add(kept)
    await session.flush()
    await pieces.keep(session, kept, content.file)


async def withdraw(
    session: AsyncSession, actor: Principal, document_id: UUID, body: DocumentMove
) -> Document:
    """Give its content out to nobody any more; in time it is erased."""
    return await _move(session, actor, document_id, DocumentState.WITHDRAWN, body)


async def reinstate(
    session: AsyncSession, actor: Principal, document_id: UUID, body: DocumentMove
) -> Document:
    return await _move(session, actor, document_id, DocumentState.KEPT, body)


async def _move(
    session: AsyncSession, actor: Principal, document_id: UUID, to: DocumentState, body: DocumentMove
) -> Document:
    document = await _taken(session, actor, document_id)
    document.advance(to)
    document.updated_at = now()
    await session.flush()
    kind = "document.withdrawn" if to is DocumentState.WITHDRAWN else "document.reinstated"
    await events.record(session, actor, kind, subject(document), reason=redact(body.reason))
    return await get(session, actor, document.id)


async def _taken(session: AsyncSession, actor: Principal, document_id: UUID) -> Document:
    """The document by itself, for this transaction alone to change."""
    found = visible(actor).where(Document.id == document_id).with_for_update()
    document = await session.scalar(found)
    if document is None:
        raise NotFound
    return document


async def erase_withdrawn(session: AsyncSession, keep: timedelta) -> int:
    """Erase some of what was withdrawn so long ago, unless its customer is under hold; returns how many."""
    gone = list(
        await session.scalars(
            select(Document)
            .where(
                Document.state == DocumentState.WITHDRAWN,
                Document.updated_at < now() - keep,
                Document.customer_id.not_in(holds.held()),
            )
            .limit(FEW)
            .with_for_update(skip_locked=True)
        )
    )
    for document in gone:
        await events.record(session, Principal.SYSTEM, "document.erased", subject(document))
    await erasure.forget_documents(session, [document.id for document in gone])
    return len(gone)


def subject(document: Document) -> events.Subject:
    return events.Subject("document", document.id, document.customer_id)
