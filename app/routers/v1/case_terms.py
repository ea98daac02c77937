"""The trees of words with which cases are described."""

from typing import Annotated

from fastapi import Query

from app.models.complaint import CaseTerm
from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.complaint_desk import CaseTermQuery, CaseTermRead
from app.security import Principal
from app.services.complaints import handlers

router = CourierRouter(prefix="/case-terms", tags=["codes"])

Reader = Annotated[Principal, holder_of(Scope.CODES_READ)]


@router.get("", summary="List words of cases", response_model=list[CaseTermRead])
async def list_case_terms(
    query: Annotated[CaseTermQuery, Query()], _: Reader, session: Reading
) -> list[CaseTerm]:
    """Categories, root causes and liable parties as trees: `parent_code` names the branch."""
    return list(await session.scalars(handlers.terms(query)))
