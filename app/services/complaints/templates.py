"""Wordings for what complainants are told, by version and in two languages, filled in from a complaint."""

import re
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, selectinload

from app.clock import ZONE, now
from app.errors import Invalid, NotFound
from app.models.complaint import CaseTerm, CaseTree, Complaint, ComplaintAnswer
from app.models.complaint_message import CaseVisibility, ComplaintMessage, MessageDirection, MessageTemplate
from app.schemas.complaint_message import TemplateCreate, TemplateQuery, TemplateRender
from app.security import Principal
from app.services.complaints import reading

ACKNOWLEDGEMENT = "acknowledgement"
PLACEHOLDERS = (
    "number",
    "received_at",
    "due_at",
    "tracking_nos",
    "category",
    "waiting_text",
    "waiting_until",
    "answer",
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NOTHING = {"zh": "无", "en": "none"}


def listed(query: TemplateQuery) -> Select[MessageTemplate]:
    """The latest version of each code first."""
    statement = select(MessageTemplate).order_by(MessageTemplate.code, MessageTemplate.number.desc())
    for name in ("code", "purpose"):
        if (value := getattr(query, name)) is not None:
            statement = statement.where(getattr(MessageTemplate, name) == value)
    if query.current is not None:
        later = aliased(MessageTemplate)
        replaced = (
            select(later)
            .where(later.code == MessageTemplate.code, later.number > MessageTemplate.number)
            .exists()
        )
        statement = statement.where(~replaced if query.current else replaced)
    return statement


async def current(session: AsyncSession, code: str) -> MessageTemplate:
    """The version in use."""
    found = await session.scalar(
        select(MessageTemplate)
        .where(MessageTemplate.code == code)
        .order_by(MessageTemplate.number.desc())
        .limit(1)
    )
    if found is None:
        raise NotFound
    return found


async def add(session: AsyncSession, actor: Principal, body: TemplateCreate) -> MessageTemplate:
    """Keep a new version, which is used from now on. Two at once are a conflict."""
    for language in ("zh", "en"):
        _must_be_fillable(getattr(body, language), f"/body/{language}")
    number = select(func.coalesce(func.max(MessageTemplate.number), 0) + 1)
    template = MessageTemplate(
        **body.model_dump(),
        number=await session.scalar(number.where(MessageTemplate.code == body.code)),
        created_by=actor.id,
    )
    session.add(template)
    await session.flush()
    return template


async def render(
    session: AsyncSession, principal: Principal, code: str, body: TemplateRender
) -> dict[str, Any]:
    """The wording in use for this complaint."""
    template = await current(session, code)
    complaint = await session.scalar(
        reading.visible(principal)
        .where(Complaint.id == body.complaint_id)
        .options(selectinload(Complaint.parcels))
    )
    if complaint is None:
        raise Invalid("There is no such complaint.", "没有这个投诉。", pointer="/body/complaint_id")
    text = await filled_in(session, template, complaint, body.language)
    return {"code": template.code, "number": template.number, "text": text}


async def acknowledge(session: AsyncSession, complaint: Complaint) -> None:
    """Tell the complainant the number and when it is due, in the system's own name."""
    template = await current(session, ACKNOWLEDGEMENT)
    session.add(
        ComplaintMessage(
            complaint_id=complaint.id,
            visibility=CaseVisibility.PUBLIC,
            direction=MessageDirection.OUT,
            channel=complaint.channel,
            text=await filled_in(session, template, complaint, "zh"),
            template_code=template.code,
            template_number=template.number,
            written_by=Principal.SYSTEM.id,
            said_at=now(),
        )
    )


async def filled_in(
    session: AsyncSession, template: MessageTemplate, complaint: Complaint, language: str
) -> str:
    """The wording with the complaint's own facts, its times in China's; needs the consignments loaded."""
    wording: str = getattr(template, language)
    wanted = set(_PLACEHOLDER.findall(wording))
    facts = await _facts(session, complaint, wanted, language)
    return _PLACEHOLDER.sub(lambda match: facts[match[1]] or _NOTHING[language], wording)


async def _facts(
    session: AsyncSession, complaint: Complaint, wanted: set[str], language: str
) -> dict[str, str | None]:
    return {
        "number": complaint.number,
        "received_at": _moment(complaint.received_at),
        "due_at": _moment(complaint.due_at, is_end=True),
        "tracking_nos": ("、" if language == "zh" else ", ").join(complaint.tracking_nos),
        "category": await _label(session, complaint.category, language) if "category" in wanted else None,
        "waiting_text": complaint.waiting_text,
        "waiting_until": _moment(complaint.waiting_until, is_end=True),
        "answer": await _answer(session, complaint.id) if "answer" in wanted else None,
    }


async def _label(session: AsyncSession, category: str, language: str) -> str | None:
    term = await session.get(CaseTerm, (CaseTree.COMPLAINT_CATEGORY, category))
    return None if term is None else {"zh": term.zh, "en": term.en}[language]


async def _answer(session: AsyncSession, complaint_id: UUID) -> str | None:
    said: str | None = await session.scalar(
        select(ComplaintAnswer.text)
        .where(ComplaintAnswer.complaint_id == complaint_id)
        .order_by(ComplaintAnswer.number.desc())
        .limit(1)
    )
    return said


def _moment(at: datetime | None, *, is_end: bool = False) -> str | None:
    """In China's time to the minute; a limit at midnight is the end of the day before, as the law counts."""
    if at is None:
        return None
    local = at.astimezone(ZONE)
    if is_end and local.time() == time():
        return f"{local - timedelta(days=1):%Y-%m-%d} 24:00"
    return f"{local:%Y-%m-%d %H:%M}"


def _must_be_fillable(wording: str, pointer: str) -> None:
    for name in _PLACEHOLDER.findall(wording):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise Invalid(
                f"There is no placeholder {{{name}}}; there are {known}.",
                f"没有占位符 {{{name}}}，可用：{known}。",
                pointer=pointer,
            )
