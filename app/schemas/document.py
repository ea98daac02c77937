"""Papers of customers, as they are handed in, named and shown."""

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from app.models.document import DocumentKind, DocumentState
from app.paging import ListQuery
from app.schemas.base import Body, Day, Grounds, Read, refused
from app.schemas.masking import Redacted

_UNSAFE = re.compile(
    r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]'
)


def _named(project: str) -> str:
    if _UNSAFE.search(project) or project.strip(". ") != project:
        raise refused(
            "a name holds no separators, control or hidden characters, and neither begins nor ends with a dot",
            "名称不能包含路径分隔符、控制或隐藏字符，且不能以点开头或结尾",
        )
    return project


Project = Annotated[
    str,
    Field(min_length=1, max_length=100),
    BeforeValidator(lambda value: unicodedata.normalize("NFC", value) if isinstance(value, str) else value),
    AfterValidator(_named),
]
"""The first part of a document's name, fit to be a file's."""


class DocumentVersionCreate(Body, json_schema_extra={"examples": [{"dated": "2026-11-22"}]}):
    """What stands in the form beside the file."""

    dated: Day | None = None

    @field_validator("dated")
    @classmethod
    def _in_our_time(cls, dated: date | None) -> date | None:
        if dated is not None and not 1900 < dated.year < 2200:
            raise refused("only days from 1901 to 2199 can be taken", "只接受 1901 年至 2199 年的日期")
        return dated


class DocumentCreate(
    DocumentVersionCreate,
    json_schema_extra={
        "examples": [
            {
                "customer_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55",
                "kind": "contract",
                "project": "青禾茶业年度服务合同",
                "dated": "2026-11-22",
            }
        ]
    },
):
    """What stands in the form beside the first file."""

    customer_id: UUID
    kind: DocumentKind
    project: Project


class DocumentMove(Body, json_schema_extra={"examples": [{"reason": "误传到其他客户名下"}]}):
    reason: Grounds


class DocumentQuery(ListQuery):
    customer_id: UUID | None = None
    kind: DocumentKind | None = None
    state: DocumentState | None = None


class DocumentSummary(Read):
    id: UUID
    customer_id: UUID
    kind: DocumentKind
    project: Redacted
    state: DocumentState
    latest: Annotated[int, Field(description="Number of the last version")]
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    version: Annotated[int, Field(description="Of this record, for its ETag")]


class DocumentVersionRead(Read):
    number: int
    dated: date
    name: Annotated[Redacted, Field(description="project-date-version")]
    media_type: str
    size: Annotated[int, Field(description="Bytes; 0 once it was erased")]
    sha256: Annotated[
        str | None,
        BeforeValidator(lambda value: value.hex() if isinstance(value, bytes) else value),
        Field(description="Of the content, in hexadecimal"),
    ]
    created_by: UUID
    created_at: datetime
    compared_at: Annotated[
        datetime | None, Field(description="When both copies of a contract were last found equal")
    ]


class DocumentRead(DocumentSummary):
    versions: Annotated[list[DocumentVersionRead], Field(description="The last one first")]
