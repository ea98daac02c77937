"""Customers that may be one and the same, and merges of those that are."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.duplicate import DuplicatePair
from app.models.job import Job
from app.models.merge import Merge
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.duplicate import (
    ClusterQuery,
    ClusterRead,
    DuplicateCheck,
    Lookalikes,
    PairDismiss,
    PairDismissed,
)
from app.schemas.job import JobRead
from app.schemas.merge import MergeCreate, MergePreview, MergeRead
from app.security import Principal
from app.services import clusters, merges

router = CourierRouter(tags=["customers"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Merger = Annotated[Principal, holder_of(Scope.CUSTOMERS_MERGE)]


@router.get("/customers/duplicates", summary="List possible duplicates", response_model=Page[ClusterRead])
async def list_duplicates(
    query: Annotated[ClusterQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """Clusters of customers that are likely the same; sales see pairs of their own."""
    page = await paginate(session, clusters.listed(actor, query), query)
    return page | {"items": await clusters.shown(session, actor, page["items"])}


@router.post("/customers/duplicates/check", summary="Look for duplicates", response_model=Lookalikes)
async def check_duplicates(body: DuplicateCheck, actor: Reader, session: Reading) -> dict[str, Any]:
    """Whom a record may be the same as, before it is made; nothing is stored."""
    return await clusters.check(session, actor, body)


@router.post(
    "/customers/duplicates/dismiss", summary="Tell two customers apart", response_model=PairDismissed
)
async def dismiss_duplicate(body: PairDismiss, actor: Merger, session: OnceSession) -> DuplicatePair:
    """They are not the same, and are never proposed again."""
    return await clusters.dismiss(session, actor, body)


@router.post(
    "/customers/duplicates/scan", summary="Scan all customers", status_code=202, response_model=JobRead
)
async def scan_duplicates(actor: Merger, session: OnceSession) -> Job:
    """Compares every customer with those that are like it; while one scan is under way, there is no second."""
    return await clusters.scan(session, actor)


@router.post("/customers/{customer_id}/merge/preview", summary="Preview a merge", response_model=MergePreview)
async def preview_merge(
    customer_id: UUID, body: MergeCreate, actor: Merger, session: Reading
) -> dict[str, Any]:
    """What would be kept of each field, and how much would move."""
    return await merges.preview(session, actor, customer_id, body)


@router.post("/customers/{customer_id}/merge", summary="Merge two customers", response_model=MergeRead)
async def merge_customers(customer_id: UUID, body: MergeCreate, actor: Merger, session: OnceSession) -> Merge:
    """The other one becomes a part of this one, with everything linked to it; its address leads here from then on."""
    return await merges.merge(session, actor, customer_id, body)


@router.get("/merges/{merge_id}", summary="Read a merge", response_model=MergeRead)
async def get_merge(merge_id: UUID, actor: Merger, session: Reading) -> Merge:
    """Who made which two customers one, and what was kept of each."""
    return await merges.get(session, actor, merge_id)


@router.post("/merges/{merge_id}/undo", summary="Undo a merge", response_model=MergeRead)
async def undo_merge(merge_id: UUID, actor: Merger, session: OnceSession) -> Merge:
    """Everything as it was, unless something that the merge moved was changed since: then 409 names it."""
    return await merges.undo(session, actor, merge_id)
