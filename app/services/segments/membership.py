"""Who is in a segment: those its filter finds, or those somebody put there."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.database import sqlstate_of
from app.errors import Invalid
from app.models.customer import Customer
from app.models.segment import Segment, SegmentKind, SegmentMember
from app.schemas.segment import SegmentMembershipChange
from app.schemas.segment_filter import Filter
from app.security import Principal
from app.services import customers, events
from app.services.segments import keeping
from app.services.segments.filters import compiled

FIRST = 10
PATIENCE_MS = 3000
"""How long a preview may take; a filter that takes longer is refused."""

_FILTER: TypeAdapter[Any] = TypeAdapter(Filter)
_CANCELLED = "57014"


def members(principal: Principal, segment: Segment) -> Select[Customer]:
    """The members whom this principal may know of."""
    return _narrowed(customers.visible(principal), segment)


def members_ids(principal: Principal, segment: Segment) -> Select[UUID]:
    return members(principal, segment).with_only_columns(Customer.id)


def everybody(segment: Segment) -> Select[UUID]:
    """The ids of all members, for figures of the whole segment."""
    return _narrowed(select(Customer).where(Customer.merged_into_id.is_(None)), segment).with_only_columns(
        Customer.id
    )


def _narrowed(statement: Select[Customer], segment: Segment) -> Select[Customer]:
    if segment.kind is SegmentKind.DYNAMIC:
        return statement.where(compiled(_FILTER.validate_python(segment.filter)))
    kept = select(SegmentMember.customer_id).where(
        SegmentMember.segment_id == segment.id, SegmentMember.removed_at.is_(None)
    )
    return statement.where(Customer.id.in_(kept))


def in_order(statement: Select[Customer]) -> Select[Customer]:
    return statement.order_by(Customer.created_at.desc(), Customer.id.desc())


def record_of(principal: Principal, segment_id: UUID) -> Select[SegmentMember]:
    """Who was put into a static segment or taken out of it, when and by whom; the latest first."""
    statement = select(SegmentMember).where(SegmentMember.segment_id == segment_id)
    statement = customers.within(principal, statement, SegmentMember.customer_id)
    return statement.order_by(SegmentMember.added_at.desc(), SegmentMember.id.desc())


async def preview(session: AsyncSession, principal: Principal, filter_: Any) -> dict[str, Any]:
    """How many a filter finds and the first of them, within bounded time and without storing anything."""
    found = customers.visible(principal).where(compiled(filter_))
    try:
        await session.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
        count = await session.scalar(select(func.count()).select_from(found.subquery()))
        first = await session.scalars(in_order(found).limit(FIRST))
    except DBAPIError as problem:
        if sqlstate_of(problem) != _CANCELLED:
            raise
        raise Invalid(
            "This filter takes too long to preview; narrow it down, or store it and wait for the snapshot.",
            "该筛选条件预览超时，请缩小范围，或保存后等待快照。",
            pointer="/body/filter",
        ) from None
    return {"count": count, "items": first.all()}


async def put(
    session: AsyncSession, actor: Principal, segment_id: UUID, body: SegmentMembershipChange
) -> Segment:
    """Add one customer, or take it out; where it already is so, nothing changes."""
    segment = await keeping.get(session, segment_id)
    if None in await change_all(session, actor, segment, [body]):
        raise unknown_customer()
    return segment


async def change_all(
    session: AsyncSession, actor: Principal, segment: Segment, changes: Sequence[SegmentMembershipChange]
) -> list[str | None]:
    """Apply changes in their order, in so many statements however many they are.

    Says of each whether it was `added`, `removed` or `unchanged`, and `None` of a customer that is not there.
    """
    keeping.must_be_static(segment)
    ids = {change.customer_id for change in changes}
    known = set(await session.scalars(customers.staying(_ids_among(customers.visible(actor), ids))))
    before = set(await session.scalars(_kept_among(segment.id, ids)))
    after = set(before)
    results: list[str | None] = []
    for change in changes:
        there = change.customer_id in after
        if change.customer_id not in known:
            results.append(None)
        elif change.member == there:
            results.append("unchanged")
        else:
            (after.add if change.member else after.remove)(change.customer_id)
            results.append("added" if change.member else "removed")
    await _write(session, actor, segment, sorted(after - before), sorted(before - after))
    return results


def _ids_among(statement: Select[Customer], ids: set[UUID]) -> Select[UUID]:
    return statement.with_only_columns(Customer.id).where(Customer.id.in_(ids))


def _kept_among(segment_id: UUID, ids: set[UUID]) -> Select[UUID]:
    return select(SegmentMember.customer_id).where(
        SegmentMember.segment_id == segment_id,
        SegmentMember.customer_id.in_(ids),
        SegmentMember.removed_at.is_(None),
    )


async def _write(
    session: AsyncSession, actor: Principal, segment: Segment, added: list[UUID], removed: list[UUID]
) -> None:
    if added:
        rows = [
            {"id": uuid7(), "segment_id": segment.id, "customer_id": each, "added_by": actor.id}
            for each in added
        ]
        await session.execute(insert(SegmentMember).values(rows).on_conflict_do_nothing())
    if removed:
        await session.execute(
            update(SegmentMember)
            .where(
                SegmentMember.segment_id == segment.id,
                SegmentMember.customer_id.in_(removed),
                SegmentMember.removed_at.is_(None),
            )
            .values(removed_at=func.now(), removed_by=actor.id)
            .execution_options(synchronize_session=False)
        )
    if added or removed:
        data = {"added": len(added), "removed": len(removed)}
        await events.record(session, actor, "segment.members_changed", keeping.subject(segment), **data)


def unknown_customer() -> Invalid:
    return Invalid("There is no such customer.", "没有这个客户。", pointer="/body/customer_id")
