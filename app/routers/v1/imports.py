"""Files of customers that are taken in."""

import asyncio
from collections.abc import Iterable
from contextlib import closing
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from app.models.import_file import ImportFile, ImportRow
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.problems import describe, language_of
from app.routers.routes import CourierRouter
from app.routers.uploads import Received
from app.schemas.import_file import ImportErrorsQuery, ImportOptions, ImportQuery, ImportRead
from app.schemas.masking import redact
from app.schemas.spreadsheets import as_csv
from app.security import Principal
from app.services.imports import files, requests

router = CourierRouter(prefix="/imports", tags=["imports"])

Importer = Annotated[Principal, holder_of(Scope.IMPORTS_WRITE)]

FORM = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "CSV (UTF-8, UTF-16 with BOM or GB18030) or XLSX; headings in the first row",
            "examples": ["客户名称,联系人,电话\r\n杭州青禾茶业有限公司,王小明,13800000000\r\n"],
        },
        "mapping": {
            "type": "string",
            "description": "Name of a mapping; without one, headings are recognised",
            "examples": ["erp-2026"],
        },
        "on_match": {
            "enum": ["update", "skip", "error"],
            "default": "update",
            "description": "What to do with a row whose customer is there already",
            "x-code-list": "on_match",
        },
        "dry_run": {
            "type": "boolean",
            "default": False,
            "description": "Check and count everything, change nothing",
        },
    },
}
ERRORS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Line, column, and what to do",
        "content": {
            "text/csv": {
                "schema": {
                    "type": "string",
                    "examples": ["行号,列,问题\r\n12,电话,格式应为电话号码\r\n"],
                }
            }
        },
    }
}
HEADINGS = {"zh": ("行号", "列", "问题"), "en": ("line", "column", "problem")}
WHOLE_ROW = {"zh": "（整行）", "en": "(the row)"}


@router.get("", summary="List imports", response_model=Page[ImportRead])
async def list_imports(
    query: Annotated[ImportQuery, Query()], _: Importer, session: Reading
) -> dict[str, Any]:
    """The newest first."""
    return await paginate(session, requests.listed(), query)


@router.post(
    "",
    summary="Take in a file of customers",
    status_code=202,
    response_model=ImportRead,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}},
)
async def create_import(actor: Importer, form: Received, session: OnceSession) -> ImportFile:
    """Encoding, delimiter and columns are found at once; the rows are taken in by the worker."""
    options = form.read(ImportOptions)
    with closing(await asyncio.to_thread(files.Upload.of, form.file, form.filename)) as upload:
        return await requests.begin(session, actor, upload, options)


@router.get("/{import_id}", summary="Read an import", response_model=ImportRead)
async def get_import(import_id: UUID, _: Importer, session: Reading) -> ImportFile:
    """How far it has come, and what became of the rows."""
    return await requests.get(session, import_id)


@router.get(
    "/{import_id}/errors",
    summary="Read the rows that failed",
    response_class=Response,
    responses=ERRORS,
)
async def get_import_errors(
    import_id: UUID,
    query: Annotated[ImportErrorsQuery, Query()],
    request: Request,
    _: Importer,
    session: Reading,
) -> Response:
    """A CSV file without the cells' contents, 10,000 rows at most; ask again with `after` for those behind the last."""
    file, rows = await requests.failed(session, import_id, query)
    text = errors_file(file, rows, language_of(request))
    headers = {"Content-Disposition": f'attachment; filename="import-{import_id}-errors.csv"'}
    return Response(text, media_type="text/csv", headers=headers)


def errors_file(file: ImportFile, rows: Iterable[ImportRow], language: str) -> str:
    """Lines, columns and what to do, as CSV that opens in a spreadsheet."""
    lines = [line for row in rows for line in _lines(file, row, language)]
    return f"\ufeff{as_csv([HEADINGS[language], *lines])}"


def _lines(file: ImportFile, row: ImportRow, language: str) -> list[tuple[str, str, str]]:
    headings = {column["field"]: redact(column["heading"]) for column in file.columns}
    return [
        (
            str(row.line),
            headings.get(problem["field"]) or problem["field"] or WHOLE_ROW[language],
            describe(problem, language),
        )
        for problem in row.problems or []
    ]


@router.post("/{import_id}/cancel", summary="Stop an import", response_model=ImportRead)
async def cancel_import(import_id: UUID, actor: Importer, session: OnceSession) -> ImportFile:
    """It stops at its next step. What it has taken in stays, and can be taken back."""
    return await requests.cancel(session, actor, import_id)


@router.post("/{import_id}/undo", summary="Take an import back", response_model=ImportRead, status_code=202)
async def undo_import(import_id: UUID, actor: Importer, session: OnceSession) -> ImportFile:
    """Customers it made are removed, those it changed are as they were; whatever somebody changed since is kept."""
    return await requests.take_back(session, actor, import_id)
