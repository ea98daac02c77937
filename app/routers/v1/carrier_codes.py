"""What carriers' codes mean, and those that nobody has mapped yet."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.code import CarrierCode, CarrierSource, UnmappedCode
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.code import (
    CarrierCodeCreate,
    CarrierCodeEnd,
    CarrierCodeQuery,
    CarrierCodeRead,
    CarrierSourceRead,
    UnmappedCodeRead,
)
from app.security import Principal
from app.services import codes

router = CourierRouter(tags=["carrier codes"])

Reader = Annotated[Principal, holder_of(Scope.CODES_READ)]
Admin = Annotated[Principal, holder_of(Scope.CODES_WRITE)]


@router.get("/carrier-sources", summary="List sources", response_model=list[CarrierSourceRead])
async def list_carrier_sources(_: Reader, session: Reading) -> list[CarrierSource]:
    """Who pushes, and which code lists its codes are read by."""
    return list(await session.scalars(codes.sources()))


@router.get("/carrier-codes", summary="List carriers' codes", response_model=Page[CarrierCodeRead])
async def list_carrier_codes(
    query: Annotated[CarrierCodeQuery, Query()], _: Reader, session: Reading
) -> dict[str, Any]:
    """Dated: one code may have meant something else before."""
    return await paginate(session, codes.search(query), query)


@router.get(
    "/carrier-codes/unmapped", summary="List codes without a meaning", response_model=list[UnmappedCodeRead]
)
async def list_unmapped_codes(_: Reader, session: Reading) -> list[UnmappedCode]:
    """The 200 seen last; each waits for a row in the code table."""
    return list(await session.scalars(codes.unmapped()))


@router.post(
    "/carrier-codes", summary="Give a code a meaning", status_code=201, response_model=CarrierCodeRead
)
async def create_carrier_code(body: CarrierCodeCreate, actor: Admin, session: OnceSession) -> CarrierCode:
    """Stored events with the code are read anew, and their shipments follow."""
    return await codes.create(session, actor, body)


@router.post("/carrier-codes/{code_id}/end", summary="End a code's meaning", response_model=CarrierCodeRead)
async def end_carrier_code(
    code_id: UUID, body: CarrierCodeEnd, actor: Admin, session: OnceSession
) -> CarrierCode:
    """From `valid_until` on it means nothing, or what another row says."""
    return await codes.end(session, actor, code_id, body)
