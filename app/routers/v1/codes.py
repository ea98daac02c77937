"""Code lists with their labels, so that no client hard-codes any."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import Field

from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.code import CodeListRead
from app.security import Principal
from app.services import codes

router = CourierRouter(prefix="/codes", tags=["codes"])

Name = Annotated[str, Field(examples=["shipment_status"])]
Reader = Annotated[Principal, holder_of(Scope.CODES_READ)]


@router.get("", summary="Name the code lists")
async def list_code_lists(_: Reader, session: Reading) -> list[Name]:
    """The names that `/v1/codes/{list}` takes."""
    return await codes.list_names(session)


@router.get("/{list}", summary="Read a code list", response_model=CodeListRead)
async def get_code_list(
    list: Annotated[Name, Path(max_length=64)],  # noqa: A002  # the path's own word
    _: Reader,
    session: Reading,
) -> dict[str, Any]:
    """Every code with its label in Chinese and English."""
    return await codes.get_list(session, list)
