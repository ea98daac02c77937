"""Looks behind the mask: one record at a time, with a reason, so many a day, each written down before it is answered."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Forbidden
from app.models.account import Access, AccessKind
from app.models.complaint_attachment import ComplaintAttachment
from app.models.complaint_end import ComplaintReport
from app.models.document import DocumentVersion
from app.models.shipment import Shipment
from app.schemas.masking import redact
from app.security import Principal
from app.services import accesses, shipments, views
from app.services.complaints import attachments, reading
from app.services.complaints.report import keeping as reports
from app.services.documents import keeping

LOCK = 7
"""Class of the advisory lock on whoever reveals: two at once count one after the other."""
_TODAY = text("date_trunc('day', now() AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai'")


async def customer(
    session: AsyncSession, actor: Principal, customer_id: UUID, reason: str, most: int
) -> dict[str, Any]:
    """The customer with contacts and addresses as they are, if this principal may know of it."""
    found = await views.customer(session, actor, customer_id)
    await _write_down(session, actor, customer_id, reason, most)
    return found


async def shipment(
    session: AsyncSession, actor: Principal, tracking_no: str, reason: str, most: int
) -> Shipment:
    """The shipment with sender and recipient as they are, if this principal may know of it."""
    found = await shipments.find(session, actor, tracking_no)
    await _write_down(session, actor, found.customer_id, reason, most, shipment_id=str(found.id))
    return found


async def document(
    session: AsyncSession, actor: Principal, document_id: UUID, number: int, most: int
) -> DocumentVersion:
    """The version whose content is about to be given out, if this principal may know of it."""
    found = await keeping.version(session, actor, document_id, number)
    whose = found.document.customer_id
    await _write_down(session, actor, whose, None, most, document_id=str(document_id), number=number)
    return found


async def complaint(
    session: AsyncSession, actor: Principal, complaint_id: UUID, reason: str, most: int
) -> dict[str, Any]:
    """Who complains, and in which words, as they are, if this principal may know of it."""
    found = await reading.must_see(session, actor, complaint_id)
    whose = found.customer_id
    await _write_down(session, actor, whose, reason, most, complaint_id=str(complaint_id))
    names = ("id", "number", "customer_id", "description")
    return {name: getattr(found, name) for name in names} | found.complainant


async def attachment(
    session: AsyncSession, actor: Principal, complaint_id: UUID, attachment_id: UUID, most: int
) -> ComplaintAttachment:
    """The file whose content is about to be given out, if this principal may know of it."""
    about, found = await attachments.opened(session, actor, complaint_id, attachment_id)
    data = {"complaint_id": str(complaint_id), "attachment_id": str(attachment_id)}
    await _write_down(session, actor, about.customer_id, None, most, **data)
    return found


async def report(
    session: AsyncSession, actor: Principal, complaint_id: UUID, version: int | None, most: int
) -> ComplaintReport:
    """The report whose PDF is about to be given out, if this principal may know of it."""
    found = await reports.get(session, actor, complaint_id, version)
    whose = (await reading.must_see(session, actor, complaint_id)).customer_id
    await _write_down(
        session, actor, whose, None, most, complaint_id=str(complaint_id), version=found.version
    )
    return found


async def _write_down(
    session: AsyncSession,
    actor: Principal,
    customer_id: UUID | None,
    reason: str | None,
    most: int,
    **data: Any,
) -> None:
    await _must_have_looks_left(session, actor, most)
    said = {} if reason is None else {"reason": redact(reason)}
    accesses.record(
        session,
        AccessKind.REVEALED,
        principal_id=actor.id,
        customer_id=customer_id,
        **said,
        **data,
    )
    await session.flush()


async def _must_have_looks_left(session: AsyncSession, actor: Principal, most: int) -> None:
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:who, :lock))"),
        {"who": str(actor.id), "lock": LOCK},
    )
    seen = select(func.count()).where(
        Access.principal_id == actor.id, Access.kind == AccessKind.REVEALED, Access.occurred_at >= _TODAY
    )
    if (await session.execute(seen)).scalar_one() >= most:
        raise Forbidden(
            f"You have looked behind the mask {most} times today; that is the most in a day.",
            f"您今天已查看完整资料 {most} 次，达到每日上限。",
        )
