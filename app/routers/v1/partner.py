"""What partner portals query."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.routers.deps import CourierRoute, PartnerPool, holder_of
from app.routers.problems import language_of
from app.schemas.shipment import PartnerLookup
from app.security import Principal, Scope
from app.services import partners

router = APIRouter(prefix="/partner", tags=["partner"], route_class=CourierRoute)

Partner = Annotated[Principal, holder_of(Scope.PARTNER_TRACKING)]
Numbers = Annotated[
    list[Annotated[str, Query(max_length=64)]],
    Query(min_length=1, max_length=40, description="Up to 40 numbers", examples=[["SF7444496931331"]]),
]


@router.get("/shipments", summary="Look up my parcels", response_model=PartnerLookup)
async def look_up_shipments(
    tracking_no: Numbers, request: Request, response: Response, actor: Partner, pool: PartnerPool
) -> Response:
    """Status, exception and events of your own parcels; anything else stands under `not_found`."""
    answer = await partners.look_up(pool, actor, tracking_no, language_of(request))
    return Response(answer, media_type="application/json", headers=dict(response.headers))
