"""Versions of a report: composed as often as one likes, confirmed by the handler, and never changed after that."""

import asyncio
import json
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, undefer

from app.clock import now
from app.errors import Conflict, NotFound
from app.models.account import User
from app.models.complaint import Complaint, ComplaintAnswer, ComplaintState
from app.models.complaint_end import (
    ClosingState,
    ComplaintClosing,
    ComplaintReport,
    ReportConfirmation,
    ReportState,
)
from app.schemas.complaint_end import ReportConfirm
from app.security import Principal
from app.services import events
from app.services.complaints import reading
from app.services.complaints.report import content, paper

REPORTED = (ComplaintState.ANSWERED, ComplaintState.CLOSED, ComplaintState.CLOSED_NOT_ACCEPTED)
"""There is something to report, and nobody is at work on something else."""
_NUMBER = text(
    "SELECT 'R-' || to_char(now() AT TIME ZONE 'Asia/Shanghai', 'YYYY') || '-'"
    " || lpad(nextval('complaint_report_numbers')::text, 6, '0')"
)


async def compose(session: AsyncSession, actor: Principal, complaint_id: UUID) -> ComplaintReport:
    """Write a new version down, from the case as it is now."""
    await reading.taken(session, actor, complaint_id)
    complaint = await reading.get(session, actor, complaint_id)
    if complaint.state not in REPORTED:
        raise Conflict(
            f"The complaint is {complaint.state}: without an answer there is nothing to report.",
            f"投诉状态为 {complaint.state}：尚无答复，不能编制报告。",
            missing=["answer"],
        )
    closing = await closing_of(session, complaint, complaint.answers[-1])
    before = await _latest(session, complaint_id)
    number = before.number if before else str(await session.scalar(_NUMBER))
    version = before.version + 1 if before else 1
    written = await content.gathered(session, complaint, closing)
    written |= {"number": number, "version": version, "composed_at": now().isoformat()}
    report = ComplaintReport(
        complaint_id=complaint_id,
        version=version,
        number=number,
        cycle=complaint.cycle,
        answer_number=complaint.answers[-1].number,
        closing_id=closing and closing.id,
        content=written,
        sha256=sha256(canonical(written)).digest(),
        composed_by=actor.id,
        confirmation=None,
    )
    session.add(report)
    await session.flush()
    await _record(session, actor, "complaint.report_composed", complaint, report)
    return await get(session, actor, complaint_id, version)


async def confirm(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ReportConfirm
) -> ComplaintReport:
    """Stand for the latest version; its PDF is kept as it is now."""
    complaint = await reading.taken(session, actor, complaint_id)
    reading.must_work_on(actor, complaint)
    report = await _latest(session, complaint_id)
    if report is None:
        raise Conflict("There is no report yet; compose one.", "尚无报告，请先编制。", missing=["report"])
    if report.state is ReportState.CONFIRMED or report.version != body.version:
        raise Conflict(
            f"The latest version is {report.version}, and it is {report.state}.",
            f"最新版本为第 {report.version} 版，状态为 {report.state}。",
        )
    answer = await reading.latest_answer(session, complaint)
    closing = await closing_of(session, complaint, answer)
    covered = (report.answer_number, report.closing_id)
    if complaint.state not in REPORTED or covered != (answer and answer.number, closing and closing.id):
        raise Conflict(
            "The case has gone on since it was composed; compose it anew.",
            "编制后案件又有进展，请重新编制。",
        )
    digest = await _seal(session, actor, report)
    await _record(session, actor, "complaint.report_confirmed", complaint, report, pdf_sha256=digest.hex())
    return await get(session, actor, complaint_id, report.version)


async def get(
    session: AsyncSession, principal: Principal, complaint_id: UUID, version: int | None
) -> ComplaintReport:
    """A version of the report, the latest unless told which."""
    await reading.must_see(session, principal, complaint_id)
    report = await _latest(session, complaint_id, version)
    if report is None:
        raise NotFound
    return report


async def printed(session: AsyncSession, report: ComplaintReport) -> bytes:
    """The PDF: of a confirmed version as it was confirmed, of a draft as it would be."""
    if report.content is None:
        raise NotFound
    if report.confirmation is None:
        return await asyncio.to_thread(paper.typeset, _printable(report))
    kept = await session.scalar(
        select(ReportConfirmation)
        .where(
            ReportConfirmation.complaint_id == report.complaint_id,
            ReportConfirmation.version == report.version,
        )
        .options(undefer(ReportConfirmation.pdf))
        .execution_options(populate_existing=True)
    )
    if kept is None or kept.pdf is None:
        raise NotFound
    return kept.pdf


async def is_reported(
    session: AsyncSession, complaint: Complaint, closing: ComplaintClosing | None = None
) -> bool:
    """Whether a confirmed report covers the latest answer, and this request to end without a yes."""
    answer = await reading.latest_answer(session, complaint)
    if answer is None:
        return False
    confirmed = _versions(complaint.id).join(ComplaintReport.confirmation)
    confirmed = confirmed.where(ComplaintReport.answer_number == answer.number)
    if closing is not None:
        confirmed = confirmed.where(ComplaintReport.closing_id == closing.id)
    return await session.scalar(confirmed.limit(1)) is not None


async def closing_of(
    session: AsyncSession, complaint: Complaint, answer: ComplaintAnswer | None
) -> ComplaintClosing | None:
    """The request, not declined, to end without the customer's yes to this answer."""
    closing: ComplaintClosing | None = await session.scalar(
        select(ComplaintClosing)
        .where(
            ComplaintClosing.complaint_id == complaint.id,
            ComplaintClosing.answer_number == (answer and answer.number),
            ComplaintClosing.state != ClosingState.DECLINED,
        )
        .order_by(ComplaintClosing.requested_at.desc())
        .limit(1)
    )
    return closing


def canonical(value: Any) -> bytes:
    """JSON of which there is one only: keys sorted, no blanks, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


async def _seal(session: AsyncSession, actor: Principal, report: ComplaintReport) -> bytes:
    """Print it and keep the very bytes; returns their digest."""
    who = (await session.execute(select(User.name).where(User.id == actor.id))).scalar_one()
    at = now()
    signed = _printable(report) | {"confirmed_by": who, "confirmed_at": at.isoformat()}
    pdf = await asyncio.to_thread(paper.typeset, signed)
    digest = sha256(pdf).digest()
    session.add(
        ReportConfirmation(
            complaint_id=report.complaint_id,
            version=report.version,
            pdf=pdf,
            sha256=digest,
            confirmed_by=actor.id,
            confirmed_at=at,
        )
    )
    await session.flush()
    return digest


def _versions(complaint_id: UUID) -> Select[ComplaintReport]:
    return (
        select(ComplaintReport)
        .where(ComplaintReport.complaint_id == complaint_id)
        .order_by(ComplaintReport.version.desc())
    )


async def _latest(
    session: AsyncSession, complaint_id: UUID, version: int | None = None
) -> ComplaintReport | None:
    statement = _versions(complaint_id)
    if version is not None:
        statement = statement.where(ComplaintReport.version == version)
    report: ComplaintReport | None = await session.scalar(
        statement.limit(1)
        .options(joinedload(ComplaintReport.confirmation))
        .execution_options(populate_existing=True)
    )
    return report


def _printable(report: ComplaintReport) -> dict[str, Any]:
    return {
        "number": report.number,
        "version": report.version,
        "sha256": report.sha256.hex(),
        "content": report.content,
    }


async def _record(
    session: AsyncSession,
    actor: Principal,
    kind: str,
    complaint: Complaint,
    report: ComplaintReport,
    **data: str,
) -> None:
    told = {"number": report.number, "version": report.version, "sha256": report.sha256.hex()} | data
    await events.record(session, actor, kind, reading.subject(complaint), **told)
