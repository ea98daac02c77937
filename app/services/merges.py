"""Two records of one customer become one, and two again."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Conflict, Invalid, NotFound
from app.models.customer import Customer, CustomerState
from app.models.duplicate import DuplicateOrigin, DuplicatePair
from app.models.merge import Merge, MergeSide
from app.schemas.merge import MergeCreate
from app.security import Principal
from app.services import customers, events, linked_rows, names, survivorship
from app.services.duplicates import found
from app.services.families import CUSTOMERS

_CUSTOMERS = Customer.__table__
_ABOVE = text("""
    WITH RECURSIVE above (id) AS (
        SELECT other_id FROM customer_links WHERE customer_id = :id AND kind = 'parent'
        UNION SELECT l.other_id FROM customer_links l JOIN above a ON l.customer_id = a.id AND l.kind = 'parent'
    ) SELECT count(*) FROM above WHERE id = :id
""")


async def preview(
    session: AsyncSession, principal: Principal, survivor_id: UUID, body: MergeCreate
) -> dict[str, Any]:
    """What a merge would keep of each field, and how many rows of each kind it would move."""
    survivor, merged = await _both(session, principal, survivor_id, body.merged_id)
    kept = survivorship.kept(survivor, merged, body.chosen())
    stored = (column.name for column in _CUSTOMERS.columns if column.computed is None)
    result = {name: getattr(survivor, name) for name in stored}
    moved = await linked_rows.count(session, CUSTOMERS, merged.id)
    return {
        "customer": result | {field: each.value for field, each in kept.items()},
        "fields": _fields(kept),
        "moves": [{"table": table, "rows": rows} for table, rows in moved.items()],
    }


async def merge(session: AsyncSession, actor: Principal, survivor_id: UUID, body: MergeCreate) -> Merge:
    """Make the other customer a part of this one, with everything that is linked to it."""
    survivor, merged = await _both(session, actor, survivor_id, body.merged_id)
    await _lock(session, survivor, merged)
    kept = survivorship.kept(survivor, merged, body.chosen())
    done = Merge(survivor_id=survivor_id, merged_id=merged.id, fields=_fields(kept), merged_by=actor.id)
    session.add(done)
    await session.flush()
    both = [survivor_id, merged.id]
    await linked_rows.keep(session, CUSTOMERS, done.id, both)
    await linked_rows.move(session, CUSTOMERS, done.id, survivor_id, merged.id)
    if await session.scalar(_ABOVE, {"id": survivor_id}):
        raise Conflict(
            "Merged, the customer would stand above itself; take the links to parents apart first.",
            "合并后该客户将成为自己的上级，请先解除上级关系。",
            pointer="/body/merged_id",
        )
    await _write(session, survivor, merged, kept)
    await linked_rows.settle(session, CUSTOMERS, done.id, both)
    await found.rest(session, merged.id)
    await found.note(session, [survivor_id], DuplicateOrigin.MERGE)
    await found.connect(session, await _neighbours(session, both))
    await _tell(session, actor, "customer.merged", done)
    return done


async def undo(session: AsyncSession, actor: Principal, merge_id: UUID) -> Merge:
    """Make two customers of it again: every row as it was, unless one was changed since."""
    done = await get(session, actor, merge_id)
    both = [done.survivor_id, done.merged_id]
    await session.refresh(done, with_for_update=True)
    if done.undone_at is not None:
        raise Conflict("The merge was undone already.", "该合并已被撤销。")
    if not await linked_rows.are_kept(session, CUSTOMERS, merge_id):
        raise Conflict("One of the customers was erased since.", "其中一个客户的资料此后已被删除。")
    if changed := await linked_rows.changed(session, CUSTOMERS, merge_id):
        tables = sorted({row["table"] for row in changed})
        raise Conflict(
            f"Rows that the merge moved were changed since: {', '.join(tables)}.",
            f"合并移动的数据之后已被修改：{'、'.join(tables)}。",
            changed=changed[:100],
        )
    await session.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id.in_(both)).values(code=None))
    await linked_rows.restore(session, CUSTOMERS, merge_id)
    done.undone_at, done.undone_by = now(), actor.id
    await session.flush()
    await found.withdraw(session, done.survivor_id, done.created_at)
    await found.note(session, both, DuplicateOrigin.MERGE)
    await found.connect(session, await _neighbours(session, both))
    await _tell(session, actor, "customer.merge_undone", done)
    return done


async def get(session: AsyncSession, principal: Principal, merge_id: UUID) -> Merge:
    """The merge, for whoever sees the customer that came of it."""
    done = await session.get(Merge, merge_id)
    if done is None:
        raise NotFound
    await _see(session, principal, await _now(session, done.survivor_id))
    return done


async def successor(session: AsyncSession, principal: Principal, customer_id: UUID) -> UUID:
    """The customer that a merged one has become a part of, if this principal may know of it."""
    into = await _now(session, customer_id)
    if into == customer_id:
        raise NotFound
    await _see(session, principal, into)
    return into


async def _now(session: AsyncSession, customer_id: UUID) -> UUID:
    into = await session.scalar(select(Customer.merged_into_id).where(Customer.id == customer_id))
    return into or customer_id


async def _see(session: AsyncSession, principal: Principal, customer_id: UUID) -> Customer:
    customer = await session.scalar(
        customers.visible(principal)
        .where(Customer.id == customer_id)
        .execution_options(populate_existing=True)
    )
    if customer is None:
        raise NotFound
    return customer


async def _both(
    session: AsyncSession, principal: Principal, survivor_id: UUID, merged_id: UUID
) -> tuple[Customer, Customer]:
    if survivor_id == merged_id:
        raise Invalid(
            "A customer can't be merged with itself.", "客户不能与自身合并。", pointer="/body/merged_id"
        )
    survivor = await _see(session, principal, survivor_id)
    try:
        merged = await _see(session, principal, merged_id)
    except NotFound:
        raise Invalid("There is no such customer.", "没有这个客户。", pointer="/body/merged_id") from None
    if survivor.kind != merged.kind:
        raise Conflict(
            "A company and a person are not one customer.", "企业与个人不能合并。", pointer="/body/merged_id"
        )
    return survivor, merged


async def _lock(session: AsyncSession, *both: Customer) -> None:
    """Both in the order of their ids, as they are now; whoever came first may have merged one of them."""
    for customer in sorted(both, key=lambda each: each.id):
        await session.refresh(customer, with_for_update=True)
    if any(customer.merged_into_id is not None for customer in both):
        raise Conflict(
            "Somebody else has merged one of them at the same moment.",
            "他人同时合并了其中一个客户。",
            pointer="/body/merged_id",
        )


async def _write(
    session: AsyncSession, survivor: Customer, merged: Customer, kept: Mapping[str, survivorship.Kept]
) -> None:
    """A code is one customer's alone: it changes hands, and by the other one the merged customer is still found."""
    if kept["code"].side is MergeSide.MERGED:
        spare, survivor.code, merged.code = survivor.code, None, None
        await session.flush()
        survivor.code = kept["code"].value
        await session.flush()
        merged.code = spare
    for field, each in kept.items():
        setattr(survivor, field, each.value)
    survivor.romanised = names.romanised(survivor.name)
    merged.advance(CustomerState.MERGED)
    merged.merged_into_id = survivor.id
    survivor.updated_at = merged.updated_at = now()
    await session.flush()


async def _neighbours(session: AsyncSession, both: Sequence[UUID]) -> set[UUID]:
    """These two, and whoever is paired with one of them."""
    pairs = await session.execute(
        select(DuplicatePair.one_id, DuplicatePair.other_id).where(
            or_(DuplicatePair.one_id.in_(both), DuplicatePair.other_id.in_(both))
        )
    )
    return {*both, *(customer_id for pair in pairs for customer_id in pair)}


async def _tell(session: AsyncSession, actor: Principal, kind: str, done: Merge) -> None:
    """On the timeline of both."""
    data = {name: str(getattr(done, name)) for name in ("survivor_id", "merged_id")} | {
        "merge_id": str(done.id)
    }
    await events.record_all(
        session,
        actor,
        [
            events.Happening(kind, events.Subject("customer", each, each), data)
            for each in (done.survivor_id, done.merged_id)
        ],
    )


def _fields(kept: Mapping[str, survivorship.Kept]) -> dict[str, Any]:
    return {field: {"kept": each.side, "rule": each.rule} for field, each in kept.items()}
