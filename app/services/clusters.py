"""Possible duplicates, as whoever sees the customers sees them: clusters, checks, and those told apart for good."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.errors import Invalid
from app.models.customer import Customer
from app.models.duplicate import DuplicateOrigin, DuplicatePair
from app.models.job import Job
from app.schemas.duplicate import ClusterQuery, DuplicateCheck, PairDismiss
from app.security import Principal
from app.services import contact_points, customers, events, jobs
from app.services.duplicates import found
from app.services.duplicates.record import made

SCAN = "scan_duplicates"
STEP = 500
"""Customers of a scan in one transaction."""


async def check(session: AsyncSession, principal: Principal, body: DuplicateCheck) -> dict[str, Any]:
    """Whom the record may be the same as, of those whom this principal may know of."""
    record = made(
        body.kind,
        body.name,
        points=[
            (point.kind, contact_points.normal(point.kind, point.value))
            for contact in body.contacts
            for point in contact.reached()
        ],
        addresses=[address.model_dump(exclude_none=True) for address in body.addresses],
        ids=[(each.system, each.external_id) for each in body.external_ids],
    )
    likely = await found.alike(session, record)
    known = await _known(session, principal, [customer_id for customer_id, _ in likely])
    return {"items": [{"score": score, "customer": known[each]} for each, score in likely if each in known]}


def listed(principal: Principal, query: ClusterQuery) -> Select[Customer]:
    """The oldest customer of each cluster of which this principal sees a pair, the youngest cluster first."""
    seen = _seen(principal)
    if query.customer_id is not None:
        of_one = or_(DuplicatePair.one_id == query.customer_id, DuplicatePair.other_id == query.customer_id)
        seen = seen.where(of_one)
    oldest = seen.with_only_columns(DuplicatePair.cluster_id)
    return select(Customer).where(Customer.id.in_(oldest)).order_by(Customer.id.desc())


async def shown(
    session: AsyncSession, principal: Principal, oldest: Sequence[Customer]
) -> list[dict[str, Any]]:
    """The clusters that these customers stand for, with the pairs and members that this principal sees."""
    pairs = defaultdict(list)
    in_them = DuplicatePair.cluster_id.in_([customer.id for customer in oldest])
    statement = _seen(principal).where(in_them).order_by(DuplicatePair.one_id, DuplicatePair.other_id)
    for pair in await session.scalars(statement):
        pairs[pair.cluster_id].append(pair)
    ids = {each for group in pairs.values() for pair in group for each in (pair.one_id, pair.other_id)}
    known = await _known(session, principal, sorted(ids))
    return [_cluster(pairs[customer.id], known) for customer in oldest if pairs[customer.id]]


async def dismiss(session: AsyncSession, actor: Principal, body: PairDismiss) -> DuplicatePair:
    """Remember that these two are not the same; they are never proposed again."""
    if body.one_id == body.other_id:
        raise Invalid("Name two customers.", "请给出两个不同的客户。", pointer="/body/other_id")
    known = await _known(session, actor, [body.one_id, body.other_id])
    for field in ("one_id", "other_id"):
        if getattr(body, field) not in known:
            raise Invalid("There is no such customer.", "没有这个客户。", pointer=f"/body/{field}")
    one, other = sorted((body.one_id, body.other_id))
    told = {"dismissed_at": func.now(), "dismissed_by": actor.id, "reason": body.reason}
    statement = insert(DuplicatePair).values(one_id=one, other_id=other, cluster_id=one, **told)
    (pair,) = await session.scalars(
        statement.on_conflict_do_update(index_elements=["one_id", "other_id"], set_=told).returning(
            DuplicatePair
        )
    )
    await found.connect(session, [one, other])
    data = {"one_id": str(one), "other_id": str(other)}
    about = [events.Subject("customer", each, each) for each in (one, other)]
    await events.record_all(
        session, actor, [events.Happening("duplicate.dismissed", subject, data) for subject in about]
    )
    return pair


async def scan(session: AsyncSession, actor: Principal) -> Job:
    """Have the worker compare every customer with those that share a key; one such job at a time."""
    return await jobs.enqueue(session, SCAN, {}, key=SCAN, requested_by=actor.id)


async def scan_step(session: AsyncSession, job: Job) -> bool:
    """Compare the next customers with those that share a key of theirs; says whether there are more."""
    if job.total is None:
        job.total = await session.scalar(select(func.count()).select_from(Customer)) or 0
    statement = select(Customer.id).order_by(Customer.id).limit(STEP)
    if after := job.payload.get("after"):
        statement = statement.where(Customer.id > UUID(after))
    ids = list(await session.scalars(statement))
    if ids:
        await found.note(session, ids, DuplicateOrigin.SCAN)
        job.done += len(ids)
        job.payload = {**job.payload, "after": str(ids[-1])}
    return len(ids) == STEP


def _seen(principal: Principal) -> Select[DuplicatePair]:
    """Open pairs of two customers that are both there for this principal."""
    one, other = aliased(Customer), aliased(Customer)
    statement = (
        select(DuplicatePair)
        .join(one, one.id == DuplicatePair.one_id)
        .join(other, other.id == DuplicatePair.other_id)
        .where(
            DuplicatePair.dismissed_at.is_(None), one.merged_into_id.is_(None), other.merged_into_id.is_(None)
        )
    )
    return statement if (both := _both_seen(principal)) is None else statement.where(both)


def _both_seen(principal: Principal) -> ColumnElement[bool] | None:
    ids = customers.visible_ids(principal)
    return None if ids is None else DuplicatePair.one_id.in_(ids) & DuplicatePair.other_id.in_(ids)


async def _known(session: AsyncSession, principal: Principal, ids: Sequence[UUID]) -> dict[UUID, Customer]:
    rows = await session.scalars(customers.visible(principal).where(Customer.id.in_(ids)))
    return {customer.id: customer for customer in rows}


def _cluster(pairs: list[DuplicatePair], known: dict[UUID, Customer]) -> dict[str, Any]:
    ids = sorted({each for pair in pairs for each in (pair.one_id, pair.other_id)})
    return {
        "score": max((pair.score for pair in pairs if pair.score is not None), default=None),
        "customers": [known[each] for each in ids if each in known],
        "pairs": pairs,
    }
