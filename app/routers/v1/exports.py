"""Lists of customers that leave the house."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import StreamingResponse

from app.models.export import Export
from app.models.import_file import FileFormat
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import DatabaseOf, OnceSession, Reading, Session, Tag, holder_of, operation_of
from app.routers.routes import CourierRouter
from app.schemas.export import ExportCreate, ExportDecision, ExportQuery, ExportRead
from app.security import Principal
from app.services.exports import requests

router = CourierRouter(prefix="/exports", tags=["exports"])

Reader = Annotated[Principal, holder_of(Scope.EXPORTS_READ)]
Requester = Annotated[Principal, holder_of(Scope.EXPORTS_WRITE)]
Approver = Annotated[Principal, holder_of(Scope.EXPORTS_APPROVE)]

TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {
            media.partition(";")[0]: {"schema": {"type": "string", "format": "binary", "examples": ["…"]}}
            for media in TYPES.values()
        },
    },
    409: {},
}


@router.get("", summary="List exports", response_model=Page[ExportRead])
async def list_exports(
    query: Annotated[ExportQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """One's own, the newest first; whoever approves sees all of them."""
    return await paginate(session, requests.listed(actor, query), query)


@router.post("", summary="Ask for an export", status_code=201, response_model=ExportRead)
async def create_export(body: ExportCreate, tag: Tag, actor: Requester, session: OnceSession) -> Export:
    """Nothing is written before somebody else has approved."""
    export = await requests.request(session, actor, body)
    tag.settle(export.version)
    return export


@router.get("/{export_id}", summary="Read an export", response_model=ExportRead)
async def get_export(export_id: UUID, tag: Tag, actor: Reader, session: Reading) -> Export:
    """Who asked for what and why, and what became of it."""
    export = await requests.get(session, actor, export_id)
    tag.settle(export.version)
    return export


@router.post("/{export_id}/approve", summary="Approve an export", response_model=ExportRead)
async def approve_export(
    export_id: UUID, body: ExportDecision, tag: Tag, actor: Approver, session: OnceSession
) -> Export:
    """The worker then writes the file, with what the requester may see. Nobody approves what they asked for."""
    export = await requests.approve(session, actor, export_id, body)
    tag.settle(export.version)
    return export


@router.post("/{export_id}/reject", summary="Reject an export", response_model=ExportRead)
async def reject_export(
    export_id: UUID, body: ExportDecision, tag: Tag, actor: Approver, session: OnceSession
) -> Export:
    """It ends there; the note says why."""
    export = await requests.reject(session, actor, export_id, body)
    tag.settle(export.version)
    return export


@router.get(
    "/{export_id}/file",
    summary="Fetch an export's file",
    response_class=StreamingResponse,
    responses=FILE,
)
async def get_export_file(
    export_id: UUID, request: Request, actor: Requester, session: Session, database: DatabaseOf
) -> StreamingResponse:
    """For whoever asked for it, some days long; each fetch is written down."""
    export = await requests.fetch(session, actor, export_id, operation_of(request))
    headers = {
        "Content-Disposition": f'attachment; filename="customers-{export.id}.{export.format}"',
        "Content-Length": str(export.size),
        "X-Content-Type-Options": "nosniff",
    }
    stream = requests.pieces(database.readings, export.id)
    return StreamingResponse(stream, media_type=TYPES[export.format], headers=headers)
