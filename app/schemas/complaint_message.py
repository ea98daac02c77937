"""What is said about a complaint, and the wordings for it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.models.complaint import ComplaintChannel
from app.models.complaint_message import CaseVisibility, MessageDirection, TemplatePurpose
from app.paging import ListQuery
from app.schemas.base import Body, Grounds, Instant, Read, Word
from app.schemas.masking import Redacted


class ComplaintNoteCreate(Body, json_schema_extra={"examples": [{"text": "已联系分拨中心调取装卸录像"}]}):
    text: Grounds


class MessageCreate(
    ComplaintNoteCreate,
    json_schema_extra={
        "examples": [
            {
                "direction": "out",
                "channel": "hotline",
                "text": "您好，分拨中心正在核实外箱破损的情况，最迟明天给您答复。",
            }
        ]
    },
):
    """What went between us and the customer."""

    direction: MessageDirection
    channel: ComplaintChannel
    message_id: Annotated[
        Word | None, Field(description="What the channel called it: the same again is the same message")
    ] = None
    template_code: Annotated[
        Word | None, Field(description="The wording that it was made from; see /v1/message-templates")
    ] = None
    said_at: Annotated[Instant | None, Field(description="Now, if left out")] = None


class MessageQuery(ListQuery):
    visibility: CaseVisibility | None = None
    direction: MessageDirection | None = None


class MessageRead(Read):
    id: UUID
    complaint_id: UUID
    visibility: CaseVisibility
    direction: MessageDirection | None
    channel: ComplaintChannel | None
    message_id: str | None
    text: Redacted
    template_code: str | None
    template_number: int | None
    written_by: Annotated[UUID, Field(description="All zeros: the system itself")]
    said_at: datetime
    created_at: datetime


class TemplateCreate(
    Body,
    json_schema_extra={
        "examples": [
            {
                "code": "answer.damage",
                "purpose": "answer",
                "zh": "您的投诉 {number}（运单 {tracking_nos}）已有处理结果：{answer}",
                "en": "Your complaint {number} (parcel {tracking_nos}) was decided: {answer}",
            }
        ]
    },
):
    """A wording that there is already gets a new version; what was said with the old one stays."""

    code: Word
    purpose: TemplatePurpose
    zh: Annotated[Grounds, Field(description="Placeholders stand in braces")]
    en: Grounds


class TemplateQuery(ListQuery):
    code: Word | None = None
    purpose: TemplatePurpose | None = None
    current: Annotated[bool | None, Field(description="Whether it is the version in use")] = None


class TemplateRead(Read):
    code: str
    number: int
    purpose: TemplatePurpose
    zh: Redacted
    en: Redacted
    created_by: Annotated[UUID, Field(description="All zeros: it came with the product")]
    created_at: datetime


class TemplateRender(
    Body, json_schema_extra={"examples": [{"complaint_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55"}]}
):
    complaint_id: UUID
    language: Literal["zh", "en"] = "zh"


class TemplateRendered(Read):
    """The wording in use, filled in for one complaint; nothing is sent."""

    code: str
    number: int
    text: Redacted
