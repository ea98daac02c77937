"""Papers of customers: contracts, proofs of identity, invoices and the like."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query
from fastapi.responses import StreamingResponse

from app.models.document import Document, DocumentKind
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import DatabaseOf, OnceSession, Reading, Session, SettingsOf, Tag, holder_of
from app.routers.routes import CourierRouter
from app.routers.uploads import CONTENT, FILE, Received, given_out, of_form
from app.schemas.document import (
    DocumentCreate,
    DocumentMove,
    DocumentQuery,
    DocumentRead,
    DocumentSummary,
    DocumentVersionCreate,
)
from app.schemas.masking import redact
from app.security import Principal
from app.services import reveals
from app.services.documents import keeping, kinds, pieces

router = CourierRouter(prefix="/documents", tags=["documents"])

Reader = Annotated[Principal, holder_of(Scope.DOCUMENTS_READ)]
Writer = Annotated[Principal, holder_of(Scope.DOCUMENTS_WRITE)]
Opener = Annotated[Principal, holder_of(Scope.DOCUMENTS_READ, Scope.CUSTOMERS_PII)]

DATED = {
    "type": "string",
    "format": "date",
    "description": "The paper's own date; today's, if left out",
    "examples": ["2026-11-22"],
}
FIRST = {
    "type": "object",
    "required": ["file", "customer_id", "kind", "project"],
    "additionalProperties": False,
    "properties": {
        "file": FILE,
        "customer_id": {
            "type": "string",
            "format": "uuid",
            "examples": ["01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55"],
        },
        "kind": {"enum": [kind.value for kind in DocumentKind], "x-code-list": "document_kind"},
        "project": {
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "description": "The first part of the name, project-date-version",
            "examples": ["青禾茶业年度服务合同"],
        },
        "dated": DATED,
    },
}
NEXT = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {"file": FILE, "dated": DATED},
}


@router.get("", summary="List documents", response_model=Page[DocumentSummary])
async def list_documents(
    query: Annotated[DocumentQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The newest first; of one customer with `customer_id`."""
    return await paginate(session, keeping.listed(actor, query), query)


@router.post(
    "",
    summary="Hand in a document",
    status_code=201,
    response_model=DocumentRead,
    openapi_extra=of_form(FIRST),
    responses={409: {}},
)
async def create_document(tag: Tag, actor: Writer, form: Received, session: OnceSession) -> Document:
    """Sealed before it is stored. It is named project-date-version, whatever its file was called."""
    body = form.read(DocumentCreate)
    content = await asyncio.to_thread(kinds.recognised, form.file, form.filename)
    document = await keeping.add(session, actor, body, content)
    tag.settle(document.version)
    return document


@router.get("/{document_id}", summary="Read a document's record", response_model=DocumentRead)
async def get_document(document_id: UUID, tag: Tag, actor: Reader, session: Reading) -> Document:
    """What it is and which versions there are; not what is in it."""
    document = await keeping.get(session, actor, document_id)
    tag.settle(document.version)
    return document


@router.post(
    "/{document_id}/versions",
    summary="Hand in a new version",
    status_code=201,
    response_model=DocumentRead,
    openapi_extra=of_form(NEXT),
    responses={409: {}},
)
async def add_document_version(
    document_id: UUID, tag: Tag, actor: Writer, form: Received, session: OnceSession
) -> Document:
    """The versions before it stay."""
    body = form.read(DocumentVersionCreate)
    content = await asyncio.to_thread(kinds.recognised, form.file, form.filename)
    document = await keeping.add_version(session, actor, document_id, body, content)
    tag.settle(document.version)
    return document


@router.get(
    "/{document_id}/versions/{number}/content",
    summary="Fetch a document",
    response_class=StreamingResponse,
    responses=CONTENT,
)
async def get_document_content(
    document_id: UUID,
    number: Annotated[int, Path(ge=1, le=2**31 - 1, examples=[1])],
    actor: Opener,
    session: Session,
    *,
    database: DatabaseOf,
    settings: SettingsOf,
) -> StreamingResponse:
    """Unmasked, and so a look behind the mask: each is written down and counts for the day."""
    version = await reveals.document(session, actor, document_id, number, settings.reveals_per_day)
    name = f"{redact(version.name)}.{version.extension}"
    plain = f"{document_id}-v{number}.{version.extension}"
    return given_out(pieces.stream(database.readings, version), version, plain, name)


@router.post("/{document_id}/withdraw", summary="Withdraw a document", response_model=DocumentRead)
async def withdraw_document(
    document_id: UUID, body: DocumentMove, tag: Tag, actor: Writer, session: OnceSession
) -> Document:
    """Its content is given out to nobody any more, and erased in time, unless its customer is under legal hold."""
    document = await keeping.withdraw(session, actor, document_id, body)
    tag.settle(document.version)
    return document


@router.post("/{document_id}/reinstate", summary="Reinstate a document", response_model=DocumentRead)
async def reinstate_document(
    document_id: UUID, body: DocumentMove, tag: Tag, actor: Writer, session: OnceSession
) -> Document:
    """What was withdrawn by mistake, while it is there."""
    document = await keeping.reinstate(session, actor, document_id, body)
    tag.settle(document.version)
    return document
