"""The parts of the company."""

from typing import Annotated

from fastapi import APIRouter

from app.models.account import Department
from app.routers.deps import CourierRoute, OnceSession, Session, holder_of
from app.schemas.account import DepartmentCreate, DepartmentRead
from app.security import Principal, Scope
from app.services import accounts

router = APIRouter(prefix="/departments", tags=["departments"], route_class=CourierRoute)

Reader = Annotated[Principal, holder_of(Scope.PROFILE_READ)]
Admin = Annotated[Principal, holder_of(Scope.USERS_WRITE)]


@router.get("", summary="List departments", response_model=list[DepartmentRead])
async def list_departments(_: Reader, session: Session) -> list[Department]:
    """All of them; there are few."""
    return list(await session.scalars(accounts.departments()))


@router.post("", summary="Create a department", status_code=201, response_model=DepartmentRead)
async def create_department(body: DepartmentCreate, actor: Admin, session: OnceSession) -> Department:
    """The head is who its escalations go to."""
    return await accounts.create_department(session, actor, body)
