"""Teams: people who look after customers together."""

from typing import Annotated
from uuid import UUID

from app.models.account import Team
from app.roles import Scope
from app.routers.deps import IfMatch, OnceSession, Reading, Session, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.team import TeamChange, TeamCreate, TeamRead
from app.security import Principal
from app.services import teams

router = CourierRouter(prefix="/teams", tags=["teams"])

Reader = Annotated[Principal, holder_of(Scope.PROFILE_READ)]
Admin = Annotated[Principal, holder_of(Scope.USERS_WRITE)]


@router.get("", summary="List teams", response_model=list[TeamRead])
async def list_teams(_: Reader, session: Reading) -> list[Team]:
    """All of them; there are few."""
    return list(await session.scalars(teams.listed()))


@router.get("/{team_id}", summary="Read a team", response_model=TeamRead)
async def get_team(team_id: UUID, tag: Tag, _: Reader, session: Reading) -> Team:
    """With its members."""
    team = await teams.get(session, team_id)
    tag.settle(team.version)
    return team


@router.post("", summary="Create a team", status_code=201, response_model=TeamRead)
async def create_team(body: TeamCreate, tag: Tag, actor: Admin, session: OnceSession) -> Team:
    """Its members see the customers that are transferred to it."""
    team = await teams.create(session, actor, body)
    tag.settle(team.version)
    return team


@router.patch("/{team_id}", summary="Change a team", response_model=TeamRead)
async def change_team(
    team_id: UUID, body: TeamChange, *, actor: Admin, version: IfMatch, tag: Tag, session: Session
) -> Team:
    """Members that are given replace all there were."""
    team = await teams.change(session, actor, team_id, body, version)
    tag.settle(team.version)
    return team
