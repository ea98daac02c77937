"""Files that belong to a complaint: handed in, listed, opened one by one, withdrawn."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.clock import now
from app.errors import Conflict, NotFound
from app.models.complaint import Complaint
from app.models.complaint_attachment import ComplaintAttachment
from app.schemas.complaint import ComplaintGrounds
from app.schemas.complaint_attachment import AttachmentCreate
from app.schemas.masking import redact
from app.security import Principal
from app.services import events
from app.services.complaints import reading
from app.services.documents import pieces
from app.services.documents.kinds import Content


async def listed(
    session: AsyncSession, principal: Principal, complaint_id: UUID
) -> Select[ComplaintAttachment]:
    """The newest first, those that were withdrawn among them."""
    await reading.must_see(session, principal, complaint_id)
    statement = select(ComplaintAttachment).where(ComplaintAttachment.complaint_id == complaint_id)
    return statement.order_by(ComplaintAttachment.created_at.desc(), ComplaintAttachment.id.desc())


async def add(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: AttachmentCreate, content: Content
) -> ComplaintAttachment:
    """Keep a file, sealed before it is stored."""
    complaint = await reading.taken(session, actor, complaint_id)
    reading.must_go_on(complaint)
    attachment = ComplaintAttachment(
        id=uuid7(),
        complaint_id=complaint.id,
        visibility=body.visibility,
        media_type=content.media_type,
        extension=content.extension,
        size=content.size,
        sha256=content.sha256,
        created_by=actor.id,
    )
    attachment.sealed_key = pieces.new_key(attachment)
    session.add(attachment)
    await session.flush()
    await pieces.keep(session, attachment, content.file)
    await _tell(session, actor, "complaint.attachment_added", complaint, attachment)
    return attachment


async def opened(
    session: AsyncSession, principal: Principal, complaint_id: UUID, attachment_id: UUID
) -> tuple[Complaint, ComplaintAttachment]:
    """The file whose content may be given out, and its complaint."""
    complaint = await reading.must_see(session, principal, complaint_id)
    attachment = await _of(session, complaint, attachment_id)
    if attachment.withdrawn_at is not None or attachment.sealed_key is None:
        raise Conflict(
            "The file was withdrawn; its content is given out to nobody.", "附件已撤回，不再提供内容。"
        )
    return complaint, attachment


async def withdraw(
    session: AsyncSession,
    actor: Principal,
    complaint_id: UUID,
    attachment_id: UUID,
    body: ComplaintGrounds,
) -> ComplaintAttachment:
    """Give its content out to nobody any more; it goes for good with the people of its complaint."""
    complaint = await reading.taken(session, actor, complaint_id)
    attachment = await _of(session, complaint, attachment_id)
    if attachment.withdrawn_at is not None:
        raise Conflict("The file was withdrawn already.", "附件已被撤回。")
    attachment.withdrawn_at, attachment.withdrawn_by = now(), actor.id
    await session.flush()
    kind = "complaint.attachment_withdrawn"
    await _tell(session, actor, kind, complaint, attachment, reason=redact(body.reason))
    return attachment


async def _of(session: AsyncSession, complaint: Complaint, attachment_id: UUID) -> ComplaintAttachment:
    attachment = await session.get(ComplaintAttachment, attachment_id)
    if attachment is None or attachment.complaint_id != complaint.id:
        raise NotFound
    return attachment


async def _tell(
    session: AsyncSession,
    actor: Principal,
    kind: str,
    complaint: Complaint,
    attachment: ComplaintAttachment,
    **data: str | None,
) -> None:
    about = reading.subject(complaint)
    await events.record(session, actor, kind, about, attachment_id=str(attachment.id), **data)
