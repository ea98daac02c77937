"""What a customer says to an answer with a link, without signing in."""

from typing import Annotated, Any

from fastapi import Path

from app.routers.deps import DatabaseOf, Guest
from app.routers.routes import CourierRouter
from app.schemas.complaint_end import LinkAnswer, LinkAnswered, LinkRead
from app.services.complaints import one_tap

router = CourierRouter(prefix="/confirmations", tags=["confirmations"])

Token = Annotated[str, Path(max_length=200, description="As it stands in the link")]


@router.get("/{token}", summary="Look at what is asked", response_model=LinkRead)
async def look_at_confirmation(token: Token, _: Guest, database: DatabaseOf) -> dict[str, Any]:
    """Looking answers nothing. A link that was used, or is too old, is as good as none."""
    async with database.readings() as session:
        return await one_tap.look(session, token)


@router.post("/{token}", summary="Say yes or no", response_model=LinkAnswered)
async def answer_confirmation(
    token: Token, body: LinkAnswer, _: Guest, database: DatabaseOf
) -> dict[str, Any]:
    """Once; the first word counts."""
    async with database.sessions.begin() as session:
        return await one_tap.answer(session, token, body)
