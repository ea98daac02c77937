"""China's provinces, prefectures and counties."""

from typing import Annotated

from fastapi import Query

from app.models.division import Division
from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.division import DivisionQuery, DivisionRead
from app.security import Principal
from app.services import divisions

router = CourierRouter(prefix="/divisions", tags=["divisions"])

Reader = Annotated[Principal, holder_of(Scope.CODES_READ)]


@router.get("", summary="List divisions of China", response_model=list[DivisionRead])
async def list_divisions(
    query: Annotated[DivisionQuery, Query()], _: Reader, session: Reading
) -> list[Division]:
    """Level by level, for pickers: all that lie right below one; without `parent`, the provinces."""
    return list(await session.scalars(divisions.children(query.parent)))
