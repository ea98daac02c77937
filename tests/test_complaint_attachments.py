"""Files of a complaint lie sealed, are what their names say, and are given out one by one to whoever may see them."""

import secrets
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag

from app import vault
from app.models.complaint_attachment import ComplaintAttachment
from app.roles import Role
from app.services.documents import pieces
from tests.owner import owner
from tests.papers import LONG, PDF, WORDS, packed, sent
from tests.system import Caller, System
from tests.test_complaints import registered

PARTS = "SELECT content FROM complaint_attachment_parts WHERE attachment_id = $1 ORDER BY part"


@pytest.fixture
async def service(system: System) -> Caller:
    return await system.as_role(Role.CUSTOMER_SERVICE)


async def attached(
    caller: Caller, complaint: dict[str, Any], content: bytes = PDF, name: str = "证据.pdf"
) -> dict[str, Any]:
    answer = await sent(caller, content, name, to=f"/v1/complaints/{complaint['id']}/attachments")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def content_of(caller: Caller, complaint: dict[str, Any], attachment: dict[str, Any]) -> Any:
    return await caller.get(f"/v1/complaints/{complaint['id']}/attachments/{attachment['id']}/content")


async def test_a_file_comes_back_as_an_attachment_under_a_name_of_our_own(service: Caller) -> None:
    complaint = await registered(service)
    one = await attached(service, complaint, LONG, "../../etc/李明 13987654321.pdf")
    answer = await content_of(service, complaint, one)
    assert (answer.status_code, answer.content) == (200, LONG)
    assert answer.headers["content-disposition"] == f'attachment; filename="{one["id"]}.pdf"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (one["size"], one["visibility"], one["media_type"]) == (len(LONG), "internal", "application/pdf")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PDF, "照片.png"),
        (b"\x89PNG\r\n\x1a\n" + b"<script>", "照片.png"),
        (b"MZ\x90\x00", "a.exe"),
        (b"<html>", "a.txt"),
        (b"", "a.txt"),
        (packed("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "a.docx"),
        (packed("[Content_Types].xml", "word/document.xml", content=b"0" * 40_000_000), "a.docx"),
    ],
    ids=["png_is_pdf", "png_without_end", "program", "html", "empty", "macro", "bomb"],
)
async def test_a_file_that_lies_about_its_type_is_refused(service: Caller, content: bytes, name: str) -> None:
    path = f"/v1/complaints/{(await registered(service))['id']}/attachments"
    answer = await sent(service, content, name, to=path)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/file")
    assert (await service.get(path)).json()["items"] == []


async def test_at_rest_there_is_no_plain_text_and_a_flipped_bit_or_another_row_does_not_open(
    system: System, service: Caller
) -> None:
    complaint = await registered(service)
    one, other = await attached(service, complaint, LONG), await attached(service, complaint, LONG)
    async with owner(system) as connection:
        kept = [row[0] for row in await connection.fetch(PARTS, UUID(one["id"]))]
        assert len(kept) == -(-len(LONG) // pieces.CHUNK) > 2
        assert all(WORDS not in part for part in kept)
        swap = "UPDATE complaint_attachment_parts SET content = $1 WHERE attachment_id = $2 AND part = 0"
        await connection.execute(swap, kept[1], UUID(one["id"]))
    assert (await content_of(service, complaint, one)).content != LONG
    async with owner(system) as connection:
        await connection.execute(swap, kept[0][:-1] + bytes([kept[0][-1] ^ 1]), UUID(one["id"]))
    assert (await content_of(service, complaint, one)).content != LONG
    async with owner(system) as connection:
        await connection.execute(swap, kept[0], UUID(one["id"]))
        key = await connection.fetchval(
            "SELECT sealed_key FROM complaint_attachments WHERE id = $1", UUID(one["id"])
        )
    assert (await content_of(service, complaint, one)).content == LONG
    with pytest.raises(InvalidTag):
        vault.Box(key, f"complaint_attachments.sealed_key:{other['id']}")


async def test_keys_are_sealed_anew_when_the_ring_has_a_new_first(
    system: System, service: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaint = await registered(service)
    one = await attached(service, complaint, LONG)
    monkeypatch.setattr(vault, "current", lambda: secrets.token_bytes(vault.NAME))
    async with system.database.sessions.begin() as session:
        before = (await session.get_one(ComplaintAttachment, UUID(one["id"]))).sealed_key
        while await pieces.seal_keys_anew(session) == pieces.AGAIN:
            pass
    async with system.database.sessions.begin() as session:
        assert (await session.get_one(ComplaintAttachment, UUID(one["id"]))).sealed_key != before
    assert (await content_of(service, complaint, one)).content == LONG


async def test_each_look_at_a_file_is_written_down_and_counts(system: System, service: Caller) -> None:
    complaint = await registered(service)
    one = await attached(service, complaint)
    seen = "SELECT count(*) FROM accesses WHERE kind = 'revealed' AND data ->> 'attachment_id' = :id"
    assert await system.scalar(seen, id=one["id"]) == 0
    await content_of(service, complaint, one)
    assert await system.scalar(seen, id=one["id"]) == 1


async def test_what_was_withdrawn_is_given_to_nobody(service: Caller) -> None:
    complaint = await registered(service)
    one = await attached(service, complaint)
    path = f"/v1/complaints/{complaint['id']}/attachments/{one['id']}/withdraw"
    assert (await service.post(path, {"reason": "传错文件"})).json()["withdrawn_by"] == service.id
    assert (await content_of(service, complaint, one)).status_code == 409
    assert (await service.post(path, {"reason": "传错文件"})).status_code == 409


async def test_a_file_is_found_under_its_own_complaint_only(service: Caller) -> None:
    complaint, other = await registered(service), await registered(service)
    one = await attached(service, complaint)
    assert (await content_of(service, other, one)).status_code == 404


async def test_who_only_reads_complaints_sees_that_there_are_files_and_opens_none(
    system: System, service: Caller
) -> None:
    complaint = await registered(service)
    one = await attached(service, complaint)
    executive = await system.as_role(Role.EXECUTIVE)
    listed = await executive.get(f"/v1/complaints/{complaint['id']}/attachments")
    assert [each["id"] for each in listed.json()["items"]] == [one["id"]]
    assert (await content_of(executive, complaint, one)).status_code == 403
