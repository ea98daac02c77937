"""Complaints by the number that people read out on the phone."""

from typing import Annotated

from app.models.complaint import Complaint
from app.roles import Scope
from app.routers.deps import Reading, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.complaint import ComplaintRead
from app.security import Principal
from app.services.complaints import reading

router = CourierRouter(prefix="/complaint-numbers", tags=["complaints"])

Reader = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ)]


@router.get("/{complaint_number}", summary="Look up a complaint's number", response_model=ComplaintRead)
async def get_complaint_by_number(
    complaint_number: str, tag: Tag, actor: Reader, session: Reading
) -> Complaint:
    """The complaint of this number. One that became a part of another says of which."""
    complaint = await reading.by_number(session, actor, complaint_number)
    tag.settle(complaint.version)
    return complaint
