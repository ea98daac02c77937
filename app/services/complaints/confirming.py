"""What the customer says to an answer: who has to ask, and how often, before a case may be closed."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import ZONE, now
from app.errors import Conflict, Invalid
from app.models.clock import ClockMetric
from app.models.complaint import Complaint, ComplaintAnswer, ComplaintOutcome, ComplaintState
from app.models.complaint_end import (
    CallBackMethod,
    ComplaintCallBack,
    ConfirmationDemand,
    ConfirmationRule,
)
from app.schemas.complaint_end import CallBackCreate, CallBackQuery
from app.schemas.masking import redact
from app.security import Principal
from app.services import events
from app.services.clocks import keeping
from app.services.complaints import ranking, reading

ATTEMPTS = 3
"""On so many days nobody was reached: then the case may be closed without the customer's word."""


async def record(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: CallBackCreate
) -> ComplaintCallBack:
    """Write an attempt down. A no puts the complaint back to work, and its clocks run on as if never met."""
    complaint = await reading.taken(session, actor, complaint_id)
    answer = await answered(session, complaint)
    at = body.attempted_at or now()
    if not answer.created_at <= at <= now():
        raise Invalid(
            "The attempt was made after the answer was recorded, and not later than now.",
            "回访须在答复登记之后且不晚于现在。",
            pointer="/body/attempted_at",
        )
    said = {"method": body.method, "reached": body.reached, "accepted": body.accepted, "note": body.note}
    return await heard(session, actor, complaint, answer, attempted_at=at, **said)


async def heard(
    session: AsyncSession, actor: Principal, complaint: Complaint, answer: ComplaintAnswer, **said: Any
) -> ComplaintCallBack:
    """Keep what was learnt about an answer, of a complaint that this transaction holds, and draw the consequence."""
    made = ComplaintCallBack(
        complaint_id=complaint.id,
        cycle=answer.cycle,
        answer_number=answer.number,
        made_by=actor.id,
        by_answerer=actor.id == answer.answered_by,
        **said,
    )
    session.add(made)
    if made.accepted is False:
        await _back_to_work(session, actor, complaint)
    await session.flush()
    await events.record(
        session,
        actor,
        "complaint.not_accepted" if made.accepted is False else "complaint.called_back",
        reading.subject(complaint),
        method=made.method,
        reached=made.reached,
        accepted=made.accepted,
        by_answerer=made.by_answerer,
        note=redact(made.note),
    )
    return made


async def answered(session: AsyncSession, complaint: Complaint) -> ComplaintAnswer:
    """The answer that the customer is to be asked about."""
    answer = await reading.latest_answer(session, complaint)
    if complaint.state is not ComplaintState.ANSWERED or answer is None:
        raise Conflict(
            f"The complaint is {complaint.state}: there is no answer to ask about.",
            f"投诉状态为 {complaint.state}：没有待回访的答复。",
        )
    return answer


async def listed(
    session: AsyncSession, principal: Principal, complaint_id: UUID, query: CallBackQuery
) -> Select[ComplaintCallBack]:
    """Every attempt, the latest first."""
    await reading.must_see(session, principal, complaint_id)
    statement = select(ComplaintCallBack).where(ComplaintCallBack.complaint_id == complaint_id)
    if query.cycle is not None:
        statement = statement.where(ComplaintCallBack.cycle == query.cycle)
    return statement.order_by(ComplaintCallBack.attempted_at.desc(), ComplaintCallBack.id.desc())


async def rule_of(session: AsyncSession, complaint: Complaint) -> ConfirmationRule:
    """What the house asks for in this case, by what it is today."""
    tier = await ranking.tier_of(session, complaint)
    today = func.current_date()
    rules = await session.scalars(
        select(ConfirmationRule)
        .where(
            ConfirmationRule.valid_from <= today,
            or_(ConfirmationRule.valid_until.is_(None), ConfirmationRule.valid_until > today),
        )
        .order_by(ConfirmationRule.rank)
    )
    return next(each for each in rules if fits(each, complaint, tier))


def fits(rule: ConfirmationRule, complaint: Complaint, tier: str | None) -> bool:
    return (
        (not rule.severities or complaint.severity in rule.severities)
        and (not rule.tiers or tier in rule.tiers)
        and (rule.share is None or drawn(complaint.id) < rule.share)
    )


def drawn(complaint_id: UUID) -> int:
    """Its lot, from 0 to 99: the same whenever and by whomever it is drawn."""
    return int.from_bytes(sha256(complaint_id.bytes).digest()[:8]) % 100


async def outcome(
    session: AsyncSession, complaint: Complaint, rule: ConfirmationRule
) -> ComplaintOutcome | None:
    """What is known of the customer's mind, as far as it counts by the rule; null while one has to go on asking."""
    answer = await reading.latest_answer(session, complaint)
    if answer is None:
        return None
    statement = select(ComplaintCallBack).where(
        ComplaintCallBack.complaint_id == complaint.id, ComplaintCallBack.answer_number == answer.number
    )
    if rule.demand is ConfirmationDemand.CALL:
        statement = statement.where(ComplaintCallBack.method == CallBackMethod.CALL)
    made = (await session.scalars(statement)).all()
    if any(each.accepted for each in made):
        return ComplaintOutcome.ACCEPTED
    days = {each.attempted_at.astimezone(ZONE).date() for each in made if not each.reached}
    return ComplaintOutcome.UNREACHED if len(days) >= ATTEMPTS else None


async def _back_to_work(session: AsyncSession, actor: Principal, complaint: Complaint) -> None:
    at = now()
    complaint.advance(ComplaintState.INVESTIGATING)
    complaint.not_accepted += 1
    complaint.priority += ranking.NOT_ACCEPTED
    complaint.updated_at = at
    await keeping.revoke(session, actor, complaint.id, ClockMetric.RESOLUTION, at, reason="not_accepted")
    clocks = await keeping.of(session, [complaint.id])
    complaint.due_at = keeping.earliest_due(clocks[complaint.id])
