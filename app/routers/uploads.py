"""A file and the form around it, read as it streams, once the caller is known to be allowed in; and given out."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO, Annotated, Any, TypeVar
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from app.services.documents import kinds, pieces

Fields = TypeVar("Fields", bound=BaseModel)

FIELDS = 20
PIECE = 1024 * 1024
FILE = {
    "type": "string",
    "format": "binary",
    "description": "PDF, OFD, PNG, JPEG, DOCX, XLSX, TXT or CSV; what it is must be what its name says",
    "examples": ["协议正文……"],
}
CONTENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, as it was handed in",
        "content": {
            media: {"schema": {"type": "string", "format": "binary", "examples": ["…"]}}
            for media in kinds.media_types()
        },
    },
    409: {},
}


def of_form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def given_out(
    stream: AsyncIterator[bytes], kept: pieces.Whole, plain: str, name: str | None = None
) -> StreamingResponse:
    """The file as an attachment, never to be shown in place, under a name of our own making."""
    also = "" if name is None else f"; filename*=UTF-8''{quote(name, safe='')}"
    headers = {
        "Content-Disposition": f'attachment; filename="{plain}"{also}',
        "Content-Length": str(kept.size),
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(stream, media_type=kept.media_type, headers=headers)


@dataclass(frozen=True)
class Form:
    """The file, what its sender calls it, and the fields beside it. What is large stands in a nameless file on disk."""

    file: IO[bytes]
    filename: str
    fields: dict[str, str]

    def read(self, model: type[Fields]) -> Fields:
        """The fields beside the file; one left empty is left out."""
        try:
            return model.model_validate({name: value for name, value in self.fields.items() if value != ""})
        except ValidationError as error:
            problems = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
            raise RequestValidationError(problems) from None


async def received(request: Request) -> Form:
    """Read the form; its digest then stands for the body of a keyed request.

    It stands in a signature behind whoever calls, so that nobody else's file is read, and before the session, so that
    no connection waits for a slow sender.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415)
    try:
        form = await request.form(max_files=1, max_fields=FIELDS)
    except HTTPException as problem:
        if problem.status_code != 400:
            raise
        raise _refused("value", "the form can't be read", "无法读取表单") from None
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    if len(form.multi_items()) != len(form):
        raise _refused("value", "a field stands in the form twice", "表单中有重复的字段")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise _refused("file", "send the file in the field `file`", "请在 file 字段中上传文件")
    binary: IO[bytes] = file.file
    request.state.body_digest = await asyncio.to_thread(_digest, binary, fields)
    return Form(binary, file.filename or "", fields)


def _digest(file: IO[bytes], fields: dict[str, str]) -> bytes:
    file.seek(0)
    digest = hashlib.sha256(repr(sorted(fields.items())).encode())
    while piece := file.read(PIECE):
        digest.update(piece)
    return digest.digest()


def _refused(name: str, en: str, zh: str) -> RequestValidationError:
    place: tuple[str, ...] = ("body", name) if name == "file" else ("body",)
    problem: dict[str, Any] = {"type": "refused", "loc": place, "msg": en, "ctx": {"en": en, "zh": zh}}
    return RequestValidationError([problem])


Received = Annotated[Form, Depends(received)]
