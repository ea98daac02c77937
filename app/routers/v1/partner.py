"""What partner portals query."""

from typing import Annotated

from fastapi import Query, Request, Response

from app.roles import Scope
from app.routers.deps import database_of, holder_of
from app.routers.problems import language_of
from app.routers.routes import CourierRouter
from app.schemas.shipment import LookUpQuery, PartnerLookup
from app.security import Principal
from app.services import partners

router = CourierRouter(prefix="/partner", tags=["partner"])

Partner = Annotated[Principal, holder_of(Scope.PARTNER_TRACKING)]


@router.get("/shipments", summary="Look up my parcels", response_model=PartnerLookup)
async def look_up_shipments(
    query: Annotated[LookUpQuery, Query()],
    request: Request,
    response: Response,
    actor: Partner,
) -> Response:
    """Status, exception and events of your own parcels; anything else stands under `not_found`."""
    pool = database_of(request).partners
    answer = await partners.look_up(pool, actor, query.tracking_no, language_of(request))
    return Response(answer, media_type="application/json", headers=dict(response.headers))
