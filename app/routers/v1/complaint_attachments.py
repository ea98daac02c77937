"""Files that belong to a complaint."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from fastapi.responses import StreamingResponse

from app.models.complaint_attachment import ComplaintAttachment
from app.models.complaint_message import CaseVisibility
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import DatabaseOf, OnceSession, Reading, Session, SettingsOf, holder_of
from app.routers.routes import CourierRouter
from app.routers.uploads import CONTENT, FILE, Received, given_out, of_form
from app.schemas.complaint import ComplaintGrounds
from app.schemas.complaint_attachment import AttachmentCreate, AttachmentQuery, AttachmentRead
from app.security import Principal
from app.services import reveals
from app.services.complaints import attachments
from app.services.documents import kinds, pieces

router = CourierRouter(prefix="/complaints/{complaint_id}/attachments", tags=["complaints"])

Reader = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ)]
Investigator = Annotated[Principal, holder_of(Scope.COMPLAINTS_INVESTIGATE)]

FORM = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": FILE,
        "visibility": {
            "enum": [each.value for each in CaseVisibility],
            "default": CaseVisibility.INTERNAL.value,
            "description": "Whether the customer may have it",
            "x-code-list": "case_visibility",
        },
    },
}


@router.get("", summary="List attachments", response_model=Page[AttachmentRead])
async def list_complaint_attachments(
    complaint_id: UUID, query: Annotated[AttachmentQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The newest first; what they are, not what is in them."""
    return await paginate(session, await attachments.listed(session, actor, complaint_id), query)


@router.post(
    "",
    summary="Attach a file",
    status_code=201,
    response_model=AttachmentRead,
    openapi_extra=of_form(FORM),
    responses={409: {}},
)
async def add_complaint_attachment(
    complaint_id: UUID, actor: Investigator, form: Received, session: OnceSession
) -> ComplaintAttachment:
    """Sealed before it is stored. A file that is not what its name says is refused."""
    body = form.read(AttachmentCreate)
    content = await asyncio.to_thread(kinds.recognised, form.file, form.filename)
    return await attachments.add(session, actor, complaint_id, body, content)


@router.get(
    "/{attachment_id}/content",
    summary="Fetch an attachment",
    response_class=StreamingResponse,
    responses=CONTENT,
)
async def get_complaint_attachment_content(
    complaint_id: UUID,
    attachment_id: UUID,
    actor: Investigator,
    session: Session,
    *,
    database: DatabaseOf,
    settings: SettingsOf,
) -> StreamingResponse:
    """Unmasked, and so a look behind the mask: each is written down and counts for the day."""
    most = settings.reveals_per_day
    attachment = await reveals.attachment(session, actor, complaint_id, attachment_id, most)
    name = f"{attachment_id}.{attachment.extension}"
    return given_out(pieces.stream(database.readings, attachment), attachment, name)


@router.post("/{attachment_id}/withdraw", summary="Withdraw an attachment", response_model=AttachmentRead)
async def withdraw_complaint_attachment(
    complaint_id: UUID,
    attachment_id: UUID,
    body: ComplaintGrounds,
    actor: Investigator,
    session: OnceSession,
) -> ComplaintAttachment:
    """Its content is given out to nobody any more."""
    return await attachments.withdraw(session, actor, complaint_id, attachment_id, body)
