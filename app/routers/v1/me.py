"""Who I am and what I may do."""

from typing import Annotated, Any

from fastapi import APIRouter, Request

from app.routers.deps import CourierRoute, Session, holder_of
from app.routers.problems import language_of
from app.schemas.account import MeRead
from app.security import Principal, Scope
from app.services import profile

router = APIRouter(prefix="/me", tags=["me"], route_class=CourierRoute)

Reader = Annotated[Principal, holder_of(Scope.PROFILE_READ)]


@router.get("", summary="Read my own profile", response_model=MeRead)
async def read_me(request: Request, actor: Reader, session: Session) -> dict[str, Any]:
    """Scopes, department and the labels to draw menus from."""
    return await profile.read(session, actor, language_of(request))
