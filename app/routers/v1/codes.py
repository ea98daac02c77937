"""Code lists with their labels, so that no client hard-codes any."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from app.routers.deps import CourierRoute, Session, holder_of
from app.schemas.code import CodeListRead
from app.security import Principal, Scope
from app.services import codes

router = APIRouter(prefix="/codes", tags=["codes"], route_class=CourierRoute)

Reader = Annotated[Principal, holder_of(Scope.CODES_READ)]


@router.get("", summary="Name the code lists")
async def list_code_lists(_: Reader, session: Session) -> list[str]:
    """The names that `/v1/codes/{list}` takes."""
    return await codes.list_names(session)


@router.get("/{list}", summary="Read a code list", response_model=CodeListRead)
async def get_code_list(
    list: Annotated[str, Path(max_length=64, examples=["shipment_status"])],  # noqa: A002  # the path's own word
    _: Reader,
    session: Session,
) -> dict[str, Any]:
    """Every code with its label in Chinese and English."""
    return await codes.get_list(session, list)
