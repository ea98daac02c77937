"""Wordings for what complainants are told."""

from typing import Annotated, Any

from fastapi import Path, Query

from app.models.complaint_message import MessageTemplate
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.base import Word
from app.schemas.complaint_message import (
    TemplateCreate,
    TemplateQuery,
    TemplateRead,
    TemplateRender,
    TemplateRendered,
)
from app.security import Principal
from app.services.complaints import templates

router = CourierRouter(prefix="/message-templates", tags=["complaints"])

Reader = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ)]
Writer = Annotated[Principal, holder_of(Scope.TEMPLATES_WRITE)]


@router.get("", summary="List wordings", response_model=Page[TemplateRead])
async def list_message_templates(
    query: Annotated[TemplateQuery, Query()], _: Reader, session: Reading
) -> dict[str, Any]:
    """By code, the latest version first; `current=true` leaves those that were replaced out."""
    return await paginate(session, templates.listed(query), query)


@router.post("", summary="Add a wording", status_code=201, response_model=TemplateRead)
async def create_message_template(
    body: TemplateCreate, actor: Writer, session: OnceSession
) -> MessageTemplate:
    """A code that there is already gets a new version, used from now on. An unknown placeholder is refused by name."""
    return await templates.add(session, actor, body)


@router.get("/{code}", summary="Read a wording", response_model=TemplateRead)
async def get_message_template(code: Annotated[Word, Path()], _: Reader, session: Reading) -> MessageTemplate:
    """The version in use."""
    return await templates.current(session, code)


@router.post("/{code}/render", summary="Fill in a wording", response_model=TemplateRendered)
async def render_message_template(
    code: Annotated[Word, Path()], body: TemplateRender, actor: Reader, session: Reading
) -> dict[str, Any]:
    """For one complaint, with times of China; nothing is sent."""
    return await templates.render(session, actor, code, body)
