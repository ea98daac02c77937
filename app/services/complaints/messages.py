"""What is said about a complaint, and what follows: a person's first word is a response, the customer's ends a pause."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.clock import now
from app.errors import Conflict, Invalid, NotFound
from app.models.complaint import Complaint, ComplaintChannel, ComplaintState
from app.models.complaint_message import CaseVisibility, ComplaintMessage, MessageDirection
from app.schemas.complaint_message import ComplaintNoteCreate, MessageCreate, MessageQuery
from app.security import Principal
from app.services import events
from app.services.complaints import handling, reading, templates

AWAITING_CUSTOMER = "awaiting_customer"
"""The reason of a pause that ends when the customer writes."""
KINDS = {
    None: "complaint.noted",
    MessageDirection.IN: "complaint.message_received",
    MessageDirection.OUT: "complaint.message_sent",
}


class Posted(NamedTuple):
    """The message, and whether it is a new one."""

    message: ComplaintMessage
    is_new: bool


async def listed(
    session: AsyncSession, principal: Principal, complaint_id: UUID, query: MessageQuery
) -> Select[ComplaintMessage]:
    """The latest first."""
    await reading.must_see(session, principal, complaint_id)
    statement = select(ComplaintMessage).where(ComplaintMessage.complaint_id == complaint_id)
    for name in ("visibility", "direction"):
        if (value := getattr(query, name)) is not None:
            statement = statement.where(getattr(ComplaintMessage, name) == value)
    return statement.order_by(ComplaintMessage.created_at.desc(), ComplaintMessage.id.desc())


async def wrote_at(session: AsyncSession, complaint_id: UUID) -> Sequence[datetime]:
    """When the customer wrote; what rested for the customer after that, rested without a right to."""
    said = select(ComplaintMessage.said_at).where(
        ComplaintMessage.complaint_id == complaint_id,
        ComplaintMessage.direction == MessageDirection.IN,
    )
    return (await session.scalars(said.order_by(ComplaintMessage.said_at))).all()


async def add(session: AsyncSession, actor: Principal, complaint_id: UUID, body: MessageCreate) -> Posted:
    """What a member of staff was told, or has said."""
    complaint = await reading.taken(session, actor, complaint_id)
    return await post(session, actor, complaint, **body.model_dump())


async def note(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintNoteCreate
) -> ComplaintMessage:
    """Keep a note that the customer never sees."""
    complaint = await reading.taken(session, actor, complaint_id)
    values = {"visibility": CaseVisibility.INTERNAL, "text": body.text, "said_at": now()}
    return (await _kept(session, actor, complaint, values)).message


async def post(
    session: AsyncSession,
    actor: Principal,
    complaint: Complaint,
    *,
    direction: MessageDirection,
    channel: ComplaintChannel,
    text: str,
    message_id: str | None = None,
    said_at: datetime | None = None,
    template_code: str | None = None,
) -> Posted:
    """Keep what went between us and the customer of a complaint that this transaction holds.

    The channel's `message_id` again is the same message.
    """
    said_at = said_at or now()
    if said_at > now():
        raise Invalid(
            "It can't have been said later than now.", "时间不能晚于当前时间。", pointer="/body/said_at"
        )
    values = {
        "visibility": CaseVisibility.PUBLIC,
        "direction": direction,
        "channel": channel,
        "message_id": message_id,
        "text": text,
        "said_at": said_at,
    }
    posted = await _kept(session, actor, complaint, values | await _wording(session, template_code))
    if posted.is_new:
        await _follow(session, actor, complaint, direction)
    return posted


async def _wording(session: AsyncSession, code: str | None) -> dict[str, Any]:
    if code is None:
        return {}
    try:
        template = await templates.current(session, code)
    except NotFound:
        raise Invalid(
            f"There is no wording {code}; see /v1/message-templates.",
            f"没有模板 {code}，请查看 /v1/message-templates。",
            pointer="/body/template_code",
        ) from None
    return {"template_code": template.code, "template_number": template.number}


async def _kept(
    session: AsyncSession, actor: Principal, complaint: Complaint, values: dict[str, Any]
) -> Posted:
    reading.must_go_on(complaint)
    added = await session.scalar(
        insert(ComplaintMessage)
        .values(id=uuid7(), complaint_id=complaint.id, written_by=actor.id, **values)
        .on_conflict_do_nothing(index_elements=["channel", "message_id"])
        .returning(ComplaintMessage)
    )
    if added is None:
        return Posted(await _known(session, complaint, values), is_new=False)
    about = reading.subject(complaint)
    await events.record(
        session, actor, KINDS[added.direction], about, message_id=str(added.id), channel=added.channel
    )
    return Posted(added, is_new=True)


async def _known(session: AsyncSession, complaint: Complaint, values: dict[str, Any]) -> ComplaintMessage:
    known = await session.scalar(
        select(ComplaintMessage).where(
            ComplaintMessage.channel == values["channel"],
            ComplaintMessage.message_id == values["message_id"],
            ComplaintMessage.complaint_id == complaint.id,
        )
    )
    if known is None:
        raise Conflict(
            "The channel's message belongs to another complaint.",
            "该渠道消息属于另一个投诉。",
            pointer="/body/message_id",
        )
    return known


async def _follow(
    session: AsyncSession, actor: Principal, complaint: Complaint, direction: MessageDirection
) -> None:
    if direction is MessageDirection.OUT:
        if actor.kind == "user":
            await handling.responded(session, actor, complaint)
    elif complaint.state is ComplaintState.WAITING and complaint.waiting_reason == AWAITING_CUSTOMER:
        await handling.go_on(session, actor, complaint)
