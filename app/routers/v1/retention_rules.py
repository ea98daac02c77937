"""How long which data is kept."""

from typing import Annotated, Any

from fastapi import Query

from app.paging import ListQuery, Page, paginate
from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.privacy import RetentionRuleRead
from app.security import Principal
from app.services import retention

router = CourierRouter(prefix="/retention-rules", tags=["privacy"])

Auditor = Annotated[Principal, holder_of(Scope.AUDIT_READ)]


@router.get("", summary="List retention rules", response_model=Page[RetentionRuleRead])
async def list_retention_rules(
    query: Annotated[ListQuery, Query()], _: Auditor, session: Reading
) -> dict[str, Any]:
    """With their sources; of each class the newest first."""
    return await paginate(session, retention.rules(), query)
