"""Files that belong to a complaint."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from app.models.complaint_message import CaseVisibility
from app.paging import ListQuery
from app.schemas.base import Body, Read


class AttachmentCreate(Body, json_schema_extra={"examples": [{"visibility": "internal"}]}):
    """What stands in the form beside the file."""

    visibility: CaseVisibility = CaseVisibility.INTERNAL


class AttachmentQuery(ListQuery):
    pass


class AttachmentRead(Read):
    id: UUID
    complaint_id: UUID
    visibility: CaseVisibility
    media_type: str
    size: Annotated[int, Field(description="Bytes; 0 once it was erased")]
    sha256: Annotated[
        str | None,
        BeforeValidator(lambda value: value.hex() if isinstance(value, bytes) else value),
        Field(description="Of the content, in hexadecimal"),
    ]
    created_by: UUID
    created_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: UUID | None
