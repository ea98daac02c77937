"""Exports as one asks for them and another decides; the file is for whoever asked, and each fetch is written down."""

from collections.abc import AsyncIterator
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.database import Sessions
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.models.account import AccessKind
from app.models.export import Export, ExportState
from app.models.job import Job, JobState
from app.models.segment import Segment
from app.roles import Scope
from app.schemas.export import ExportCreate, ExportDecision, ExportQuery
from app.schemas.masking import redact
from app.security import Principal
from app.services import accesses, events, jobs
from app.services.exports import steps


def visible(principal: Principal) -> Select[Export]:
    """One's own; whoever approves sees all of them."""
    statement = select(Export)
    return (
        statement
        if principal.may(Scope.EXPORTS_APPROVE)
        else statement.where(Export.requested_by == principal.id)
    )


def listed(principal: Principal, query: ExportQuery) -> Select[Export]:
    statement = visible(principal)
    if query.state is not None:
        statement = statement.where(Export.state == query.state)
    return statement.order_by(Export.created_at.desc(), Export.id.desc())


async def get(session: AsyncSession, principal: Principal, export_id: UUID) -> Export:
    export = await session.scalar(visible(principal).where(Export.id == export_id))
    if export is None:
        raise NotFound
    return export


async def request(session: AsyncSession, actor: Principal, body: ExportCreate) -> Export:
    """Ask for a list; nothing is written before somebody else has approved it."""
    await _segment_must_be_seen(session, actor, body.terms.segment_id)
    export = Export(**body.model_dump(mode="json"), requested_by=actor.id)
    session.add(export)
    await session.flush()
    await events.record(session, actor, "export.requested", _subject(export), columns=export.columns)
    return export


async def _segment_must_be_seen(session: AsyncSession, actor: Principal, segment_id: UUID | None) -> None:
    if segment_id is None:
        return
    if not actor.may(Scope.SEGMENTS_READ) or await session.get(Segment, segment_id) is None:
        raise Invalid("There is no such segment.", "没有这个分群。", pointer="/body/terms/segment_id")


async def approve(session: AsyncSession, actor: Principal, export_id: UUID, body: ExportDecision) -> Export:
    """Let it leave: the worker writes the file."""
    export = await _decide(session, actor, export_id, ExportState.APPROVED, body)
    job = await jobs.enqueue(
        session, steps.JOB, {"export_id": str(export.id)}, requested_by=export.requested_by
    )
    export.job_id = job.id
    await session.flush()
    await events.record(session, actor, "export.approved", _subject(export), note=redact(body.note))
    return export


async def reject(session: AsyncSession, actor: Principal, export_id: UUID, body: ExportDecision) -> Export:
    """Keep it in the house."""
    export = await _decide(session, actor, export_id, ExportState.REJECTED, body)
    await session.flush()
    await events.record(session, actor, "export.rejected", _subject(export), note=redact(body.note))
    return export


async def _decide(
    session: AsyncSession, actor: Principal, export_id: UUID, to: ExportState, body: ExportDecision
) -> Export:
    export = await get(session, actor, export_id)
    if export.requested_by == actor.id:
        raise Forbidden("Somebody else decides on what you asked for.", "您申请的导出须由他人审批。")
    export.advance(to)
    export.decided_by, export.decided_at, export.note = actor.id, now(), body.note
    return export


async def fetch(session: AsyncSession, actor: Principal, export_id: UUID, operation: str) -> Export:
    """The export whose file its requester is about to get, written down in this transaction."""
    export = await session.scalar(
        select(Export).where(Export.id == export_id, Export.requested_by == actor.id)
    )
    if export is None:
        raise NotFound
    if export.state is not ExportState.READY or export.expires_at is None or export.expires_at <= now():
        raise Conflict(
            f"There is no file: the export is {export.state}, or its time is over.",
            f"没有文件：导出状态为 {export.state}，或已过期。",
        )
    accesses.record(
        session,
        AccessKind.EXPORTED,
        principal_id=actor.id,
        operation=operation,
        export_id=str(export.id),
        rows=export.rows,
    )
    return export


async def pieces(sessions: Sessions, export_id: UUID) -> AsyncIterator[bytes]:
    """The file as it leaves, piece by piece, each read when the one before it has gone."""
    number = 0
    while True:
        async with sessions() as session:
            piece = await steps.part(session, export_id, number)
        if piece is None:
            return
        yield piece
        number += 1


async def settle(session: AsyncSession) -> None:
    """Close what is past its time, and what its job can't finish any more; the pieces are forgotten after that."""
    expired = update(Export).where(Export.state == ExportState.READY, Export.expires_at <= now())
    await session.execute(expired.values(state=ExportState.EXPIRED, version=Export.version + 1))
    ended = select(Job.id).where(Job.state.in_([JobState.FAILED, JobState.CANCELLED]))
    failed = update(Export).where(Export.state == ExportState.APPROVED, Export.job_id.in_(ended))
    await session.execute(failed.values(state=ExportState.FAILED, version=Export.version + 1))


def _subject(export: Export) -> events.Subject:
    return events.Subject("export", export.id)
