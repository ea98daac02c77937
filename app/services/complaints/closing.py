"""The end of a complaint: with a report and the customer's word, or without a yes if a superior agrees."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Conflict, Forbidden, NotFound
from app.models.account import Department, User, UserLevel
from app.models.complaint import Complaint, ComplaintOutcome, ComplaintState
from app.models.complaint_end import ClosingState, ComplaintCallBack, ComplaintClosing
from app.roles import Role
from app.schemas.complaint import ComplaintNote
from app.schemas.complaint_end import ClosingCreate, ClosingQuery
from app.schemas.masking import redact
from app.security import Principal
from app.services import customers, events
from app.services.complaints import confirming, reading
from app.services.complaints.report import keeping as reports

LEADERS = (UserLevel.MANAGER, UserLevel.DIRECTOR)
PARTS = {
    "report": ("a confirmed report on the latest answer", "涵盖最新答复且已确认的报告"),
    "confirmation": ("the customer's confirmation", "客户确认"),
    "refusal": ("a call-back in which the customer did not accept", "客户不认可的回访记录"),
}


async def readiness(session: AsyncSession, principal: Principal, complaint_id: UUID) -> dict[str, Any]:
    """What the rule asks for, what is known, and what is missing before the complaint can be closed."""
    complaint = await reading.must_see(session, principal, complaint_id)
    rule = await confirming.rule_of(session, complaint)
    outcome = await confirming.outcome(session, complaint, rule)
    return {
        "rule": rule.code,
        "demand": rule.demand,
        "outcome": outcome,
        "missing": await _missing(session, complaint, outcome),
        "closing": await reports.closing_of(
            session, complaint, await reading.latest_answer(session, complaint)
        ),
    }


async def close(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintNote
) -> Complaint:
    """End it, if what happened is reported and the customer agrees, or could not be reached."""
    complaint = await reading.taken(session, actor, complaint_id)
    complaint.advance(ComplaintState.CLOSED)
    outcome = await confirming.outcome(session, complaint, await confirming.rule_of(session, complaint))
    _refuse(await _missing(session, complaint, outcome))
    return await _end(session, actor, complaint, outcome, note=redact(body.note))


async def request(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ClosingCreate
) -> ComplaintClosing:
    """Ask that it may end though the customer does not accept. Then the report must say so, too."""
    complaint = await reading.taken(session, actor, complaint_id)
    reading.must_work_on(actor, complaint)
    if complaint.state is not ComplaintState.ANSWERED:
        complaint.advance(ComplaintState.CLOSED_NOT_ACCEPTED)
    answer = await confirming.answered(session, complaint)
    if not await _was_refused(session, complaint):
        _refuse(["refusal"])
    if await reports.closing_of(session, complaint, answer) is not None:
        raise Conflict("There is such a request already.", "已有未决的申请。")
    closing = ComplaintClosing(
        **body.model_dump(),
        complaint_id=complaint_id,
        cycle=complaint.cycle,
        answer_number=answer.number,
        requested_by=actor.id,
    )
    session.add(closing)
    await session.flush()
    await _record(session, actor, "complaint.closing_requested", complaint, closing)
    return closing


def listed(principal: Principal, query: ClosingQuery) -> Select[ComplaintClosing]:
    """Requests about complaints that this principal may know of, the newest first."""
    joined = select(ComplaintClosing).join(Complaint, Complaint.id == ComplaintClosing.complaint_id)
    statement = customers.within(principal, joined, Complaint.customer_id)
    if query.state is not None:
        statement = statement.where(ComplaintClosing.state == query.state)
    return statement.order_by(ComplaintClosing.requested_at.desc(), ComplaintClosing.id.desc())


async def approve(
    session: AsyncSession, actor: Principal, closing_id: UUID, body: ComplaintNote
) -> ComplaintClosing:
    """Let it end without the customer's yes; the report, confirmed, must say that they were told where to appeal."""
    complaint, closing = await _decide(session, actor, closing_id, ClosingState.APPROVED, body)
    answer = await reading.latest_answer(session, complaint)
    if answer is None or answer.number != closing.answer_number:
        raise Conflict("It was answered again since; ask anew.", "申请后已再次答复，请重新申请。")
    if not await reports.is_reported(session, complaint, closing):
        _refuse(["report"])
    complaint.advance(ComplaintState.CLOSED_NOT_ACCEPTED)
    complaint.ended_because = closing.reason
    await _end(session, actor, complaint, ComplaintOutcome.NOT_ACCEPTED, closing_id=str(closing.id))
    return closing


async def decline(
    session: AsyncSession, actor: Principal, closing_id: UUID, body: ComplaintNote
) -> ComplaintClosing:
    """Let the company go on."""
    complaint, closing = await _decide(session, actor, closing_id, ClosingState.DECLINED, body)
    await session.flush()
    await _record(session, actor, "complaint.closing_declined", complaint, closing)
    return closing


async def _decide(
    session: AsyncSession, actor: Principal, closing_id: UUID, to: ClosingState, body: ComplaintNote
) -> tuple[Complaint, ComplaintClosing]:
    """Both, with their rows held: the complaint first, as everybody does who works on it."""
    found = await session.get(ComplaintClosing, closing_id)
    if found is None:
        raise NotFound
    complaint = await reading.taken(session, actor, found.complaint_id)
    await session.refresh(found, with_for_update=True)
    await _must_lead(session, actor, complaint, found)
    found.advance(to)
    found.decided_by, found.decided_at, found.note = actor.id, now(), body.note
    return complaint, found


async def _must_lead(
    session: AsyncSession, actor: Principal, complaint: Complaint, closing: ComplaintClosing
) -> None:
    """Somebody above the handler, who heads the department, or who leads customer service; never who asked."""
    whose = complaint.handler_id or closing.requested_by
    line = select(User.superior_id.label("id")).where(User.id == whose).cte(recursive=True)
    line = line.union(select(User.superior_id).join(line, User.id == line.c.id))
    heads = exists().where(
        Department.head_id == actor.id,
        Department.id == select(User.department_id).where(User.id == whose).scalar_subquery(),
    )
    leads = and_(User.level.in_(LEADERS), User.roles.contains([Role.CUSTOMER_SERVICE]))
    above = select(User.id).where(User.id == actor.id, or_(User.id.in_(select(line.c.id)), heads, leads))
    if actor.id == closing.requested_by or await session.scalar(above) is None:
        raise Forbidden(
            "Somebody above the handler decides that, and not who asked for it.",
            "须由处理人的上级审批，申请人不得自批。",
        )


async def _missing(
    session: AsyncSession, complaint: Complaint, outcome: ComplaintOutcome | None
) -> list[str]:
    parts = [] if await reports.is_reported(session, complaint) else ["report"]
    return parts if outcome is not None else [*parts, "confirmation"]


def _refuse(missing: list[str]) -> None:
    """Raise `Conflict`, naming each part that is missing."""
    if missing:
        raise Conflict(
            f"It can't be closed yet; missing: {', '.join(PARTS[each][0] for each in missing)}.",
            f"尚不能结案，缺少：{'、'.join(PARTS[each][1] for each in missing)}。",
            missing=missing,
        )


async def _was_refused(session: AsyncSession, complaint: Complaint) -> bool:
    statement = select(
        exists().where(
            ComplaintCallBack.complaint_id == complaint.id,
            ComplaintCallBack.cycle == complaint.cycle,
            ComplaintCallBack.accepted.is_(False),
        )
    )
    return bool(await session.scalar(statement))


async def _end(
    session: AsyncSession,
    actor: Principal,
    complaint: Complaint,
    outcome: ComplaintOutcome | None,
    **data: str | None,
) -> Complaint:
    complaint.outcome, complaint.closed_by = outcome, actor.id
    complaint.closed_at = complaint.updated_at = now()
    await session.flush()
    about = reading.subject(complaint)
    await events.record(session, actor, f"complaint.{complaint.state}", about, outcome=outcome, **data)
    return await reading.get(session, actor, complaint.id)


async def _record(
    session: AsyncSession, actor: Principal, kind: str, complaint: Complaint, closing: ComplaintClosing
) -> None:
    about = reading.subject(complaint)
    await events.record(
        session, actor, kind, about, closing_id=str(closing.id), reason=redact(closing.reason)
    )
