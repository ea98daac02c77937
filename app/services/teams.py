"""Teams: people who look after customers together; and whom a department names for others to turn to."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.clock import now
from app.errors import NotFound
from app.models.account import Department, Team, TeamMember, User
from app.schemas.team import LiaisonChange, TeamChange, TeamCreate
from app.security import Principal
from app.services import accounts, events


def listed() -> Select[Team]:
    return select(Team).options(selectinload(Team.members)).order_by(Team.code)


async def get(session: AsyncSession, team_id: UUID) -> Team:
    team = await session.scalar(listed().where(Team.id == team_id))
    if team is None:
        raise NotFound
    return team


async def create(session: AsyncSession, actor: Principal, body: TeamCreate) -> Team:
    fields = body.model_dump(exclude={"member_ids"})
    await accounts.must_be_free(session, Team.code, body.code, "/body/code")
    await accounts.references_must_exist(session, fields)
    await accounts.must_exist(session, User.id, body.member_ids, "/body/member_ids")
    team = Team(**fields, members=[TeamMember(user_id=each) for each in dict.fromkeys(body.member_ids)])
    session.add(team)
    await session.flush()
    await events.record(session, actor, "team.created", events.Subject("team", team.id))
    return team


async def change(
    session: AsyncSession, actor: Principal, team_id: UUID, body: TeamChange, version: int
) -> Team:
    """Change the given fields; `member_ids` replaces all members, and counts from their next request on."""
    team = await get(session, team_id)
    accounts.must_match(team.version, version)
    changes = body.model_dump(exclude_unset=True, exclude={"member_ids"})
    await accounts.references_must_exist(session, changes)
    for name, value in changes.items():
        setattr(team, name, value)
    if body.member_ids is not None:
        await accounts.must_exist(session, User.id, body.member_ids, "/body/member_ids")
        kept = {member.user_id: member for member in team.members}
        team.members = [kept.get(each) or TeamMember(user_id=each) for each in dict.fromkeys(body.member_ids)]
    team.updated_at = now()
    await session.flush()
    await events.record(
        session,
        actor,
        "team.changed",
        events.Subject("team", team.id),
        fields=sorted(body.model_fields_set),
    )
    return team


async def name_liaison(
    session: AsyncSession, actor: Principal, department_id: UUID, body: LiaisonChange
) -> Department:
    """Say whom other departments turn to."""
    department = await Department.fetch(session, department_id)
    await accounts.references_must_exist(session, {"liaison_id": body.liaison_id})
    department.liaison_id = body.liaison_id
    await session.flush()
    await events.record(
        session, actor, "department.liaison_named", events.Subject("department", department.id)
    )
    return department
