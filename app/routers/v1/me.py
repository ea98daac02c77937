"""Who I am and what I may do."""

from typing import Annotated, Any

from fastapi import Request

from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.problems import language_of
from app.routers.routes import CourierRouter
from app.schemas.account import MeRead
from app.security import Principal
from app.services import profile

router = CourierRouter(prefix="/me", tags=["me"])

Reader = Annotated[Principal, holder_of(Scope.PROFILE_READ)]


@router.get("", summary="Read my own profile", response_model=MeRead)
async def read_me(request: Request, actor: Reader, session: Reading) -> dict[str, Any]:
    """Scopes, department and the labels to draw menus from."""
    return await profile.read(session, actor, language_of(request))
