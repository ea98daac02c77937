"""Papers lie sealed, are named by the house, open for those who may, are written down, and go when it is time."""

import asyncio
import io
import secrets
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag
from pydantic import SecretStr

from app import vault, vault_commands, worker
from app.errors import Invalid
from app.roles import Role
from app.schemas.document import DocumentVersionCreate
from app.services import erasure
from app.services.documents import keeping, kinds, pieces, second
from app.settings import settings
from tests.canaries import NAME, TEXT, assert_no_canary
from tests.owner import owner
from tests.papers import LONG, PDF, WORDS, compared, content_of, copy, handed_in, packed, place, sent
from tests.steps import told, until_waiting
from tests.system import Caller, System, a_customer, running


@pytest.fixture
async def service(system: System) -> Caller:
    return await system.as_role(Role.CUSTOMER_SERVICE)


# --- What is taken, and what it is called --------------------------------------------------------------


WORD = ("[Content_Types].xml", "word/document.xml")
TAKEN = {
    "a.pdf": (PDF, "application/pdf"),
    "发票.OFD": (packed("OFD.xml"), "application/ofd"),
    "a.png": (b"\x89PNG\r\n\x1a\n" + bytes(99) + b"IEND\xaeB`\x82", "image/png"),
    "a.jpeg": (b"\xff\xd8\xff\xe0" + bytes(99) + b"\xff\xd9", "image/jpeg"),
    "a.docx": (packed(*WORD), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "a.txt": ("说明：杭州".encode("gb18030"), "text/plain"),
    "a.csv": (WORDS, "text/csv"),
}
REFUSED = {
    "nothing": (b"", "a.pdf"),
    "a type that is not taken": (b"MZ" + bytes(99), "a.exe"),
    "a program that calls itself a paper": (b"MZ" + bytes(99), "a.pdf"),
    "a program that calls itself text": (b"\x7fELF" + bytes(99), "a.txt"),
    "a page that calls itself text": (b" <html><script>", "a.txt"),
    "a picture that is a page": (b"<svg onload='x'>", "a.png"),
    "a paper cut off": (PDF[:-8], "a.pdf"),
    "two things in one": (PDF + packed(*WORD, content=secrets.token_bytes(9000)), "a.pdf"),
    "an archive of something else": (packed("x"), "a.docx"),
    "a sheet that calls itself a letter": (packed("[Content_Types].xml", "xl/workbook.xml"), "a.docx"),
    "a letter with macros": (packed(*WORD, "word/vbaProject.bin"), "a.docx"),
    "a bomb": (packed(*WORD, content=bytes(100 * 1024 * 1024)), "a.docx"),
    "a broken archive": (packed(*WORD)[:60], "a.docx"),
    "no ending": (PDF, "合同"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_file_is_what_its_content_and_its_name_say(name: str) -> None:
    content, media_type = TAKEN[name]
    found = kinds.recognised(io.BytesIO(content), name)
    assert (found.media_type, found.size) == (media_type, len(content))


@pytest.mark.parametrize("name", REFUSED)
def test_whatever_is_no_paper_or_lies_about_what_it_is_is_refused_and_told_where(name: str) -> None:
    content, filename = REFUSED[name]
    with pytest.raises(Invalid) as refused:
        kinds.recognised(io.BytesIO(content), filename)
    assert refused.value.pointer == "/body/file"


@pytest.mark.parametrize(
    "project",
    [
        "",
        "../合同",
        "a/b",
        "a\\b",
        "a\0b",
        "a\nb",
        "合同\u202efdp",
        "a\u200bb",
        ".合同",
        "合同.",
        "x" * 101,
        "a:b",
    ],
)
async def test_a_name_that_could_lead_elsewhere_or_hide_something_is_refused(
    system: System, service: Caller, project: str
) -> None:
    customer = await a_customer(system)
    answer = await sent(service, customer_id=customer["id"], kind="other", project=project)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] in {"/body/project", "/body"}


async def test_a_paper_is_called_project_date_version_and_not_as_its_file_was(
    system: System, service: Caller
) -> None:
    made = await handed_in(
        system,
        service,
        name="../../etc/\u202epasswd.pdf",
        project="Zu\u0308rich 青禾合同",
        dated="2026-10-01",
    )
    await sent(service, LONG, to=f"/v1/documents/{made['id']}/versions", dated="2026-11-22")
    read = (await service.get(f"/v1/documents/{made['id']}")).json()
    assert [each["name"] for each in read["versions"]] == [
        "Zürich 青禾合同-20261122-v2",
        "Zürich 青禾合同-20261001-v1",
    ]
    assert read["latest"] == 2
    answer = await service.get(place(made, 2))
    plain, _, encoded = answer.headers["content-disposition"].partition("; filename*=UTF-8''")
    assert plain == f'attachment; filename="{made["id"]}-v2.pdf"'
    assert unquote(encoded) == "Zürich 青禾合同-20261122-v2.pdf"
    assert encoded.isascii()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content == LONG
    assert await content_of(service, made) == PDF


async def test_names_are_masked_on_the_screen_and_in_the_name_of_the_file(
    system: System, service: Caller
) -> None:
    made = await handed_in(system, service, project=TEXT, kind="identity_proof")
    answer = await service.get(place(made))
    for text in (str(made), unquote(answer.headers["content-disposition"])):
        assert_no_canary(text, "name")
    assert NAME[0] in made["project"]


async def test_a_paper_has_a_size_of_its_own(system: System) -> None:
    async with running(system.settings.database_url, document_limit=4096) as small:
        service = await small.as_role(Role.CUSTOMER_SERVICE)
        customer = await a_customer(small)
        fields = {"customer_id": customer["id"], "kind": "other", "project": "x"}
        assert (await sent(service, PDF, **fields)).status_code == 201
        large = b"%PDF-" + bytes(8192) + b"%%EOF"
        assert (await sent(service, large, **fields)).status_code == 413
    made = await handed_in(
        system, await system.as_role(Role.CUSTOMER_SERVICE), b"%PDF-" + bytes(2 * 1024**2) + b"%%EOF"
    )
    assert made["versions"][0]["size"] > 2 * 1024**2


# --- At rest -------------------------------------------------------------------------------------------


async def parts(system: System, document: dict[str, Any]) -> list[bytes]:
    async with owner(system) as connection:
        rows = await connection.fetch(
            "SELECT content FROM document_parts WHERE document_id = $1::text::uuid ORDER BY number, part",
            document["id"],
        )
    return [bytes(row["content"]) for row in rows]


async def touch(system: System, statement: str, *arguments: Any) -> None:
    """What only somebody with the database in hand could do."""
    async with owner(system) as connection:
        await connection.execute(statement, *arguments)


async def fails(caller: Caller, document: dict[str, Any], number: int = 1, of: bytes = PDF) -> bool:
    """Whether the content does not come whole, whatever the answer began with."""
    answer = await caller.get(place(document, number))
    return answer.status_code >= 500 or (
        len(answer.content) < int(answer.headers["content-length"]) and of.startswith(answer.content)
    )


async def test_nothing_lies_in_plain_in_either_store(system: System, service: Caller) -> None:
    made = await handed_in(system, service, LONG)
    await compared(system, made)
    kept = await parts(system, made)
    assert len(kept) == -(-len(LONG) // pieces.CHUNK) > 2
    async with owner(system) as connection:
        row = await connection.fetchrow(
            "SELECT * FROM document_versions WHERE document_id = $1::text::uuid", made["id"]
        )
    lies = [*kept, copy(made).read_bytes(), str(dict(row)).encode()]
    for some in (WORDS, WORDS[9:30], b"%PDF", b"%%EOF"):
        assert not any(some in each for each in lies)


async def test_a_bit_that_flipped_or_a_piece_that_is_missing_does_not_open(
    system: System, service: Caller
) -> None:
    made = await handed_in(system, service, LONG)
    of = "WHERE document_id = $1::text::uuid AND part = $2"
    for part in (0, 1):
        flipped = (
            f"UPDATE document_parts SET content = set_bit(content, 1234, 1 - get_bit(content, 1234)) {of}"
        )
        await touch(system, flipped, made["id"], part)
        assert await fails(service, made, of=LONG)
        await touch(system, flipped, made["id"], part)
        assert await content_of(service, made) == LONG
    version = "UPDATE document_versions SET {} WHERE document_id = $1::text::uuid"
    for change, back in (
        ("size = 262144", f"size = {len(LONG)}"),
        ("sealed_key = set_bit(sealed_key, 300, 1 - get_bit(sealed_key, 300))",) * 2,
    ):
        await touch(system, version.format(change), made["id"])
        assert await fails(service, made, of=LONG)
        await touch(system, version.format(back), made["id"])
    assert await content_of(service, made) == LONG
    await touch(system, f"DELETE FROM document_parts {of}", made["id"], 2)
    assert await fails(service, made, of=LONG)


async def test_rows_that_were_swapped_do_not_open(system: System, service: Caller) -> None:
    one, other = [await handed_in(system, service, LONG) for _ in range(2)]
    swap = (
        "UPDATE document_parts p SET content = o.content FROM document_parts o"
        " WHERE p.document_id = $1::text::uuid AND o.document_id = $2::text::uuid AND p.part = $3 AND o.part = $4"
    )
    await touch(system, swap, one["id"], other["id"], 0, 0)
    assert await fails(service, one, of=LONG)
    await touch(system, swap, other["id"], other["id"], 1, 0)
    assert await fails(service, other, of=LONG)
    third, fourth = [await handed_in(system, service) for _ in range(2)]
    keys = (
        "UPDATE document_versions v SET sealed_key = o.sealed_key FROM document_versions o"
        " WHERE v.document_id = $1::text::uuid AND o.document_id = $2::text::uuid"
    )
    key = "SELECT sealed_key FROM document_versions WHERE document_id = :id"
    with pytest.raises(InvalidTag):
        vault.Box(
            await system.scalar(key, id=UUID(third["id"])), f"document_versions.sealed_key:{fourth['id']}:1"
        )
    await touch(system, keys, third["id"], fourth["id"])
    await touch(system, swap, third["id"], fourth["id"], 0, 0)
    assert await fails(service, third)


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Another ring of keys, as a process that was started with it has it."""
    real = settings()

    def install(*keys: str) -> None:
        vault._ring.cache_clear()
        changed = real.model_copy(update={"vault_key": SecretStr(",".join(keys))})
        monkeypatch.setattr(vault, "settings", lambda: changed)

    yield install
    monkeypatch.undo()
    vault._ring.cache_clear()


async def test_a_key_is_replaced_in_three_steps_and_what_lies_there_opens_at_each(
    empty_system: System, ring: Any
) -> None:
    system, service = empty_system, await empty_system.as_role(Role.CUSTOMER_SERVICE)
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    ring(old)
    made = await handed_in(system, service)
    await compared(system, made)
    before = await parts(system, made)
    ring(new)
    assert await fails(service, made)
    ring(old, new)
    assert await content_of(service, made) == PDF
    ring(new, old)
    assert await content_of(service, made) == PDF
    sealed = [await anew(system) for _ in range(2)]
    assert sealed == [1, 0]
    ring(new)
    assert await content_of(service, made) == PDF
    assert await parts(system, made) == before
    await compared(system, made)
    assert copy(made).read_bytes()[:4] == vault.current()
    assert await happened(system, made) == ["document.added"]
    ring(old)
    assert await fails(service, made)


async def anew(system: System) -> int:
    async with system.database.sessions.begin() as session:
        return await pieces.seal_keys_anew(session)


def test_of_the_keys_in_the_settings_each_has_its_length() -> None:
    from app.demo import throwaway_settings

    good = throwaway_settings().model_dump()
    for keys in ("short", f"{'x' * 32},", f"{'x' * 32},short"):
        with pytest.raises(ValueError, match="32 characters"):
            type(settings()).model_validate(good | {"vault_key": keys})


# --- Two stores ----------------------------------------------------------------------------------------


async def happened(system: System, document: dict[str, Any]) -> list[str]:
    found = "SELECT array_agg(kind ORDER BY recorded_at, id) FROM events WHERE subject_id = :id"
    return list(await system.scalar(found, id=UUID(document["id"])) or [])


async def test_a_contract_is_kept_twice_and_nothing_else_is(system: System, service: Caller) -> None:
    contract, invoice = await handed_in(system, service), await handed_in(system, service, kind="invoice")
    assert contract["versions"][0]["compared_at"] is None
    assert not copy(contract).exists()
    await compared(system, contract)
    read = (await service.get(f"/v1/documents/{contract['id']}")).json()
    assert read["versions"][0]["compared_at"] is not None
    assert copy(contract).exists()
    assert not copy(invoice).exists()
    assert await happened(system, contract) == ["document.added"]


async def test_whichever_copy_was_lost_or_touched_is_made_from_the_other(
    system: System, service: Caller
) -> None:
    made = await handed_in(system, service, LONG)
    await compared(system, made)
    whole = copy(made).read_bytes()
    copy(made).unlink()
    await compared(system, made)
    assert copy(made).read_bytes() == whole
    copy(made).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    await compared(system, made)
    assert copy(made).read_bytes() == whole
    await touch(
        system, "DELETE FROM document_parts WHERE document_id = $1::text::uuid AND part > 0", made["id"]
    )
    await compared(system, made)
    assert await content_of(service, made) == LONG
    assert copy(made).read_bytes() == whole
    await touch(
        system, "UPDATE document_versions SET sealed_key = '' WHERE document_id = $1::text::uuid", made["id"]
    )
    await compared(system, made)
    assert await content_of(service, made) == LONG
    assert await happened(system, made) == ["document.added", *["document.mended"] * 4]


async def test_where_both_copies_were_touched_the_trail_says_so(system: System, service: Caller) -> None:
    made = await handed_in(system, service)
    await compared(system, made)
    await touch(system, "DELETE FROM document_parts WHERE document_id = $1::text::uuid", made["id"])
    copy(made).write_bytes(b"x" * 99)
    await compared(system, made)
    assert (await happened(system, made))[-1] == "document.damaged"
    assert copy(made).read_bytes() == b"x" * 99


class PowerCut(Exception):
    """The worker dies."""


async def settle_and_die(system: System) -> None:
    async with system.database.sessions.begin() as session:
        assert await second.settle(session)
        raise PowerCut


async def test_whoever_is_killed_between_the_stores_leaves_no_contract_alone_and_no_copy_alone(
    empty_system: System,
) -> None:
    system, service = empty_system, await empty_system.as_role(Role.CUSTOMER_SERVICE)
    made, other = [await handed_in(system, service) for _ in range(2)]
    with pytest.raises(PowerCut):
        await settle_and_die(system)
    assert copy(made).exists()
    await worker.compare_contracts(system.database.sessions)
    assert (await service.get(f"/v1/documents/{made['id']}")).json()["versions"][0]["compared_at"]
    assert await happened(system, made) == ["document.added"]
    for each in (made, other):
        await withdrawn(service, each)
        await age(system, each, 1096)
    await worker.apply_retention(system.database.sessions)
    with pytest.raises(PowerCut):
        await settle_and_die(system)
    await worker.compare_contracts(system.database.sessions)
    assert not copy(made).exists()
    assert not copy(other).exists()
    await worker.compare_contracts(system.database.sessions)


async def test_a_copy_of_what_was_erased_before_it_was_marked_goes_all_the_same(empty_system: System) -> None:
    system, service = empty_system, await empty_system.as_role(Role.CUSTOMER_SERVICE)
    made = await handed_in(system, service)
    with pytest.raises(PowerCut):
        await settle_and_die(system)
    await withdrawn(service, made)
    await age(system, made, 1096)
    await worker.apply_retention(system.database.sessions)
    assert copy(made).exists()
    await worker.compare_contracts(system.database.sessions)
    assert not copy(made).exists()


async def test_an_upload_that_fails_at_the_commit_leaves_nothing(empty_system: System) -> None:
    system, service = empty_system, await empty_system.as_role(Role.CUSTOMER_SERVICE)
    customer = await a_customer(system)
    await touch(
        system,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE unique_violation USING CONSTRAINT = 'late'; END $$;"
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON documents DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    answer = await sent(service, customer_id=customer["id"], kind="contract", project="x")
    assert answer.status_code == 409
    assert await system.scalar("SELECT count(*) FROM document_parts") == 0
    await worker.compare_contracts(system.database.sessions)


async def test_without_a_second_store_no_contract_is_taken(
    system: System, service: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = settings().model_copy(update={"second_store": None})
    monkeypatch.setattr(keeping, "settings", lambda: without)
    customer = await a_customer(system)
    for kind, status in (("contract", 409), ("report", 201)):
        answer = await sent(service, customer_id=customer["id"], kind=kind, project="x")
        assert answer.status_code == status, answer.text


# --- Who may, and what is written down -----------------------------------------------------------------


async def test_each_look_leaves_one_row_without_which_nothing_is_given_out(empty_system: System) -> None:
    system, service = empty_system, await empty_system.as_role(Role.CUSTOMER_SERVICE)
    made = await handed_in(system, service)
    await service.get(f"/v1/documents/{made['id']}")
    looked = (
        "SELECT count(*) FROM accesses WHERE kind = 'revealed' AND principal_id = :who AND customer_id = :of"
        " AND data = jsonb_build_object('document_id', CAST(:id AS text), 'number', 1)"
    )
    named = {"who": UUID(service.id), "of": UUID(made["customer_id"]), "id": made["id"]}
    for times in (1, 2):
        await content_of(service, made)
        assert await system.scalar(looked, **named) == times
    async with owner(system) as connection:
        await connection.execute("ALTER TABLE accesses ADD CHECK (kind <> 'revealed') NOT VALID")
    answer = await service.get(place(made))
    assert not answer.is_success
    assert WORDS not in answer.content


async def test_looks_count_for_the_day(system: System) -> None:
    async with running(system.settings.database_url, reveals_per_day=1) as few:
        service = await few.staff(Role.CUSTOMER_SERVICE)
        made = await handed_in(few, service)
        statuses = [(await service.get(place(made))).status_code for _ in range(2)]
    assert statuses == [200, 403]


async def test_sales_keep_the_papers_of_their_own_customers_only(system: System, service: Caller) -> None:
    sales = await system.staff(Role.SALES)
    own = await a_customer(system, owner_id=sales.id)
    foreign = await handed_in(system, service)
    mine = await handed_in(system, sales, customer_id=own["id"], kind="report")
    assert await content_of(sales, mine) == PDF
    answers = [
        await sent(sales, customer_id=each, kind="report", project="x")
        for each in (foreign["customer_id"], str(uuid4()))
    ]
    assert told(answers[0]) == told(answers[1])
    assert [each["pointer"] for each in answers[0].json()["errors"]] == ["/body/customer_id"]
    assert [each["id"] for each in (await sales.get("/v1/documents")).json()["items"]] == [mine["id"]]
    for path in (place(foreign), f"/v1/documents/{foreign['id']}"):
        assert (await sales.get(path)).status_code == 404
    assert (await sales.get(place(mine, 2))).status_code == 404


async def test_the_record_is_told_on_the_timeline_and_nobody_is_named(
    system: System, service: Caller
) -> None:
    made = await handed_in(system, service, project=TEXT)
    await withdrawn(service, made)
    entries = (await service.get(f"/v1/customers/{made['customer_id']}/timeline")).json()["items"]
    assert [each["kind"] for each in entries][:2] == ["document.withdrawn", "document.added"]
    assert entries[0]["label"] == "撤回文件"
    raw = await system.scalar(
        "SELECT string_agg(data::text, '') FROM events WHERE subject_id = :id", id=UUID(made["id"])
    )
    assert_no_canary(raw, "events")


async def test_two_who_hand_in_a_version_at_once_are_both_kept(system: System, service: Caller) -> None:
    made = await handed_in(system, service)
    to = f"/v1/documents/{made['id']}/versions"
    answers = await asyncio.gather(*(sent(service, PDF + b" " * n, to=to) for n in range(4)))
    assert {each.status_code for each in answers} == {201}
    read = (await service.get(f"/v1/documents/{made['id']}")).json()
    assert [each["number"] for each in read["versions"]] == [5, 4, 3, 2, 1]
    assert len({each["sha256"] for each in read["versions"]}) == 4


# --- Withdrawal, retention, erasure --------------------------------------------------------------------


async def withdrawn(caller: Caller, document: dict[str, Any]) -> None:
    answer = await caller.post(f"/v1/documents/{document['id']}/withdraw", {"reason": TEXT})
    assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn"), answer.text


async def age(system: System, document: dict[str, Any], days: int) -> None:
    await touch(
        system,
        "UPDATE documents SET updated_at = updated_at - make_interval(days => $2) WHERE id = $1::text::uuid",
        document["id"],
        days,
    )


async def state(caller: Caller, document: dict[str, Any]) -> str:
    return str((await caller.get(f"/v1/documents/{document['id']}")).json()["state"])


async def test_what_was_withdrawn_opens_for_nobody_until_it_is_reinstated(
    system: System, service: Caller
) -> None:
    made = await handed_in(system, service)
    await withdrawn(service, made)
    assert (await service.get(place(made))).status_code == 409
    assert (await sent(service, to=f"/v1/documents/{made['id']}/versions")).status_code == 409
    answer = await service.post(f"/v1/documents/{made['id']}/reinstate", {"reason": "误撤"})
    assert answer.json()["state"] == "kept"
    assert await content_of(service, made) == PDF


async def test_what_was_withdrawn_long_ago_is_erased_in_both_stores_unless_it_is_held(
    empty_system: System,
) -> None:
    system, service = empty_system, await empty_system.as_role(Role.CUSTOMER_SERVICE)
    gone, held, recent, kept = [await handed_in(system, service) for _ in range(4)]
    for each in (gone, held, recent, kept):
        await compared(system, each)
    for each in (gone, held, recent):
        await withdrawn(service, each)
    for each in (gone, held, kept):
        await age(system, each, 1096)
    auditor = await system.as_role(Role.AUDITOR)
    hold = {"customer_id": held["customer_id"], "reason": "诉讼保全"}
    assert (await auditor.post("/v1/legal-holds", hold)).status_code == 201
    await worker.apply_retention(system.database.sessions)
    states = [await state(service, each) for each in (gone, held, recent, kept)]
    assert states == ["erased", "withdrawn", "withdrawn", "kept"]
    await worker.compare_contracts(system.database.sessions)
    assert [copy(each).exists() for each in (gone, held, recent, kept)] == [False, True, True, True]
    assert await parts(system, gone) == []
    assert (await happened(system, gone))[-1] == "document.erased"
    read = (await service.get(f"/v1/documents/{gone['id']}")).json()
    assert (read["project"], read["versions"][0]["size"], read["versions"][0]["sha256"]) == (
        "已匿名",
        0,
        None,
    )
    assert (await service.get(place(gone))).status_code == 409


async def test_whoever_is_forgotten_takes_their_papers_along(system: System, service: Caller) -> None:
    person = await a_customer(system, kind="person", name="李四", code=None)
    made = await handed_in(system, service, customer_id=person["id"], project="李四身份证")
    await compared(system, made)
    body = {"kind": "erasure", "customer_id": person["id"]}
    request = (await service.post("/v1/privacy-requests", body)).json()
    path = f"/v1/privacy-requests/{request['id']}"
    await service.post(f"{path}/verify", {"identity": "身份证"})
    assert (await service.post(f"{path}/complete", {"outcome": "已删除"})).status_code == 200
    assert await state(service, made) == "erased"
    assert await parts(system, made) == []
    assert (
        await system.scalar("SELECT project FROM documents WHERE id = :id", id=UUID(made["id"])) == "已匿名"
    )
    await worker.compare_contracts(system.database.sessions)
    assert not copy(made).exists()


async def test_a_version_handed_in_while_its_document_is_erased_does_not_outlive_it(
    system: System, service: Caller
) -> None:
    made = await handed_in(system, service)
    body = DocumentVersionCreate()
    async with system.database.sessions() as session:
        await session.begin()
        content = kinds.recognised(io.BytesIO(LONG), "a.pdf")
        await keeping.add_version(session, service.principal, UUID(made["id"]), body, content)
        erasing = asyncio.create_task(erased(system, made))
        await until_waiting(system, erasing)
        await session.commit()
    await erasing
    assert await parts(system, made) == []
    assert await state(service, made) == "erased"


async def erased(system: System, document: dict[str, Any]) -> None:
    async with system.database.sessions.begin() as session:
        await erasure.forget_documents(session, [UUID(document["id"])])


async def test_a_persons_copy_names_their_papers(system: System, service: Caller) -> None:
    person = await a_customer(system, kind="person", name="王五", code=None)
    made = await handed_in(system, service, customer_id=person["id"], kind="identity_proof")
    request = (
        await service.post("/v1/privacy-requests", {"kind": "access", "customer_id": person["id"]})
    ).json()
    path = f"/v1/privacy-requests/{request['id']}"
    await service.post(f"{path}/verify", {"identity": "身份证"})
    copied = (await service.post(f"{path}/copy")).json()
    assert [(each["id"], each["project"]) for each in copied["documents"]] == [(made["id"], "年度合同")]


async def test_the_command_says_how_many_keys_it_sealed_anew(
    empty_system: System, ring: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system, service = empty_system, await empty_system.as_role(Role.CUSTOMER_SERVICE)
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    ring(old)
    made = await handed_in(system, service)
    ring(new, old)
    monkeypatch.setattr(vault_commands, "settings", lambda: system.settings)
    monkeypatch.setattr(vault_commands, "join", lambda: None)
    for told_ in ("Sealed 1 keys", "Sealed 0 keys"):
        await asyncio.to_thread(vault_commands.rotate)
        assert told_ in capsys.readouterr().out
    ring(new)
    assert await content_of(service, made) == PDF
