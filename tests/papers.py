"""Papers that are handed in, and where they lie."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import httpx

from app import worker
from app.services.documents import second
from app.settings import settings
from tests.owner import owner
from tests.system import Caller, System, a_customer

WORDS = "甲方：顺丰，乙方：Zürich AG，月结三十天。".encode()
PDF = b"%PDF-1.7\n" + WORDS + b"\n%%EOF\n"
LONG = b"%PDF-1.7\n" + WORDS * 12_000 + b"\n%%EOF\n"
"""More than two pieces."""


def packed(*names: str, content: bytes = b"<x/>") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


async def sent(
    caller: Caller, content: bytes = PDF, name: str = "合同.pdf", *, to: str = "/v1/documents", **fields: str
) -> httpx.Response:
    return await caller.request("POST", to, files={"file": (name, content)}, data=fields)


async def handed_in(
    system: System, caller: Caller, content: bytes = PDF, name: str = "合同.pdf", **fields: str
) -> dict[str, Any]:
    """A document of a customer of its own, a contract unless told otherwise."""
    if "customer_id" not in fields:
        fields["customer_id"] = (await a_customer(system))["id"]
    answer = await sent(caller, content, name, **{"kind": "contract", "project": "年度合同"} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def place(document: dict[str, Any], number: int = 1) -> str:
    return f"/v1/documents/{document['id']}/versions/{number}/content"


async def content_of(caller: Caller, document: dict[str, Any], number: int = 1) -> bytes:
    answer = await caller.get(place(document, number))
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    return answer.content


async def compared(system: System, document: dict[str, Any]) -> None:
    """Let the time come at which both copies are compared, and have it done."""
    async with owner(system) as connection:
        await connection.execute(
            "UPDATE document_versions SET compare_at = $2 WHERE document_id = $1::text::uuid"
            " AND compare_at IS NOT NULL",
            document["id"],
            datetime.now(UTC) - timedelta(days=400),
        )
    await worker.compare_contracts(system.database.sessions)


def copy(document: dict[str, Any], number: int = 1) -> Path:
    """Where the second copy of a version lies."""
    return Path(urlparse(settings().second_store or "").path) / second.path_of(document["id"], number)
