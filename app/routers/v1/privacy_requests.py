"""What people ask about their own data."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from app.models.privacy import PrivacyRequest
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import EntityTag, OnceSession, Reading, Session, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.privacy import (
    PrivacyCopy,
    PrivacyRequestComplete,
    PrivacyRequestCreate,
    PrivacyRequestQuery,
    PrivacyRequestRead,
    PrivacyRequestRefuse,
    PrivacyRequestVerify,
)
from app.security import Principal
from app.services import copies, privacy

router = CourierRouter(prefix="/privacy-requests", tags=["privacy"])

Handler = Annotated[Principal, holder_of(Scope.PRIVACY_HANDLE)]


@router.get("", summary="List privacy requests", response_model=Page[PrivacyRequestRead])
async def list_privacy_requests(
    query: Annotated[PrivacyRequestQuery, Query()], actor: Handler, session: Reading
) -> dict[str, Any]:
    """The newest first."""
    return await paginate(session, privacy.search(actor, query), query)


@router.post("", summary="Take a privacy request down", status_code=201, response_model=PrivacyRequestRead)
async def create_privacy_request(
    body: PrivacyRequestCreate, tag: Tag, actor: Handler, session: OnceSession
) -> PrivacyRequest:
    """Access, correction, erasure, withdrawal of consent or portability; answers when it is due."""
    return _tagged(tag, await privacy.create(session, actor, body))


@router.get("/{request_id}", summary="Read a privacy request", response_model=PrivacyRequestRead)
async def get_privacy_request(request_id: UUID, tag: Tag, actor: Handler, session: Reading) -> PrivacyRequest:
    """With its term and how it ended."""
    return _tagged(tag, await privacy.get(session, actor, request_id))


@router.post("/{request_id}/verify", summary="Confirm who asks", response_model=PrivacyRequestRead)
async def verify_privacy_request(
    request_id: UUID, body: PrivacyRequestVerify, tag: Tag, actor: Handler, session: OnceSession
) -> PrivacyRequest:
    """Nothing is handed over or erased before."""
    return _tagged(tag, await privacy.verify(session, actor, request_id, body))


@router.post("/{request_id}/copy", summary="Take the person's copy", response_model=PrivacyCopy)
async def copy_privacy_request(
    request_id: UUID, response: Response, actor: Handler, session: Session
) -> dict[str, Any]:
    """Everything that is known of them, unmasked, as a file; each copy is written down."""
    response.headers["Content-Disposition"] = f'attachment; filename="privacy-{request_id}.json"'
    return await copies.take(session, actor, request_id)


@router.post(
    "/{request_id}/complete", summary="Complete a privacy request", response_model=PrivacyRequestRead
)
async def complete_privacy_request(
    request_id: UUID, body: PrivacyRequestComplete, tag: Tag, actor: Handler, session: OnceSession
) -> PrivacyRequest:
    """Consents are taken back and people erased by this; an erasure can't be undone, and a legal hold stops it."""
    return _tagged(tag, await privacy.complete(session, actor, request_id, body))


@router.post("/{request_id}/refuse", summary="Refuse a privacy request", response_model=PrivacyRequestRead)
async def refuse_privacy_request(
    request_id: UUID, body: PrivacyRequestRefuse, tag: Tag, actor: Handler, session: OnceSession
) -> PrivacyRequest:
    """On one of the grounds that the law gives."""
    return _tagged(tag, await privacy.refuse(session, actor, request_id, body))


def _tagged(tag: EntityTag, request: PrivacyRequest) -> PrivacyRequest:
    tag.settle(request.version)
    return request
