"""A link with which the customer says yes or no. It works once, for some time, and only by a deed of theirs."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Conflict, NotFound
from app.models.complaint import Complaint, ComplaintAnswer, ComplaintState
from app.models.complaint_end import CallBackMethod, ConfirmationDemand, ConfirmationLink
from app.passwords import fingerprint, new_secret
from app.schemas.complaint_end import LinkAnswer
from app.security import Principal
from app.services import events, terms
from app.services.complaints import confirming, reading


async def make(session: AsyncSession, actor: Principal, complaint_id: UUID) -> dict[str, Any]:
    """A token for the customer; one that was made before for the same answer holds no more."""
    complaint = await reading.taken(session, actor, complaint_id)
    answer = await confirming.answered(session, complaint)
    rule = await confirming.rule_of(session, complaint)
    if rule.demand is ConfirmationDemand.CALL:
        raise Conflict(
            f"By the rule {rule.code} somebody has to call; a link won't do.",
            f"按规则 {rule.code} 须人工电话回访，不能以链接代替。",
            rule=rule.code,
        )
    token, expires_at = new_secret(), await terms.due(session, "confirmation_link", now())
    fresh = {"token_hash": fingerprint(token), "expires_at": expires_at, "created_by": actor.id}
    made = await session.scalar(
        insert(ConfirmationLink)
        .values(complaint_id=complaint_id, answer_number=answer.number, **fresh)
        .on_conflict_do_update(
            index_elements=["complaint_id", "answer_number"],
            set_=fresh | {"created_at": func.now()},
            where=ConfirmationLink.used_at.is_(None),
        )
        .returning(ConfirmationLink.complaint_id)
    )
    if made is None:
        raise Conflict("The customer has answered already.", "客户已作答。")
    await events.record(session, actor, "complaint.link_made", reading.subject(complaint))
    return {"token": token, "path": f"/v1/confirmations/{token}", "expires_at": expires_at}


async def look(session: AsyncSession, token: str) -> dict[str, Any]:
    """What the customer is asked about. Looking answers nothing: scanners of mail look as well."""
    link = await session.scalar(
        select(ConfirmationLink).where(ConfirmationLink.token_hash == fingerprint(token))
    )
    if link is None:
        raise NotFound
    complaint = await Complaint.fetch(session, link.complaint_id)
    answer = await _asked(session, link, complaint)
    return {
        "number": complaint.number,
        "text": answer.text,
        "told_at": answer.told_at,
        "expires_at": link.expires_at,
    }


async def answer(session: AsyncSession, token: str, body: LinkAnswer) -> dict[str, Any]:
    """Keep what the customer says; the first word counts, and a link that was used is as good as none."""
    found = select(ConfirmationLink).where(ConfirmationLink.token_hash == fingerprint(token))
    link = await session.scalar(found.with_for_update())
    if link is None:
        raise NotFound
    complaint = await session.get_one(Complaint, link.complaint_id, with_for_update=True)
    asked = await _asked(session, link, complaint)
    at = link.used_at = now()
    said = {"reached": True, "accepted": body.accepted, "note": body.note, "attempted_at": at}
    await confirming.heard(session, Principal.SYSTEM, complaint, asked, method=CallBackMethod.LINK, **said)
    return {"number": complaint.number, "accepted": body.accepted}


async def _asked(session: AsyncSession, link: ConfirmationLink, complaint: Complaint) -> ComplaintAnswer:
    """The answer that the link is about, while it may still be judged with it."""
    latest = await reading.latest_answer(session, complaint)
    if (
        link.used_at is not None
        or link.expires_at <= now()
        or complaint.state is not ComplaintState.ANSWERED
        or latest is None
        or latest.number != link.answer_number
    ):
        raise NotFound
    return latest
