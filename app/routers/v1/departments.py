"""The parts of the company."""

from typing import Annotated
from uuid import UUID

from app.models.account import Department
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Session, holder_of
from app.routers.routes import CourierRouter
from app.schemas.account import DepartmentCreate, DepartmentRead
from app.schemas.team import LiaisonChange
from app.security import Principal
from app.services import accounts, teams

router = CourierRouter(prefix="/departments", tags=["departments"])

Reader = Annotated[Principal, holder_of(Scope.PROFILE_READ)]
Admin = Annotated[Principal, holder_of(Scope.USERS_WRITE)]


@router.get("", summary="List departments", response_model=list[DepartmentRead])
async def list_departments(_: Reader, session: Reading) -> list[Department]:
    """All of them; there are few."""
    return list(await session.scalars(accounts.departments()))


@router.post("", summary="Create a department", status_code=201, response_model=DepartmentRead)
async def create_department(body: DepartmentCreate, actor: Admin, session: OnceSession) -> Department:
    """The head is who its escalations go to."""
    return await accounts.create_department(session, actor, body)


@router.put("/{department_id}/liaison", summary="Name a department's liaison", response_model=DepartmentRead)
async def name_liaison(
    department_id: UUID, body: LiaisonChange, actor: Admin, session: Session
) -> Department:
    """Whom other departments turn to."""
    return await teams.name_liaison(session, actor, department_id, body)
