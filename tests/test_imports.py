"""Customers from files: a row becomes a customer as anybody would enter it, or tells what is wrong with it."""

import io
import secrets
import tempfile
from typing import Any
from uuid import UUID

import pytest

from app.errors import Invalid
from app.models.customer import Customer
from app.models.job import Job
from app.roles import Role
from app.services.imports import files as import_files
from app.services.imports import formats, matches, steps
from app.worker import housekeeping, run_job
from tests.files import (
    HEADINGS,
    ROW,
    a_file,
    begun,
    counts,
    customer_of,
    errors,
    read,
    sent,
    taken_back,
    taken_in,
)
from tests.owner import execute, last_writes, owner
from tests.system import System, a_customer, running


def an_id() -> str:
    return f"E{secrets.token_hex(6)}"


async def test_a_row_becomes_the_customer_that_a_person_would_have_entered(system: System) -> None:
    number, by_hand = (
        an_id(),
        await a_customer(
            system,
            name="杭州顺丰茶业有限公司",
            code=None,
            contacts=[{"name": "王小明", "phone": "13800000000"}],
            addresses=[
                {"province": "浙江省", "city": "杭州市", "district": "西湖区", "detail": "文三路 1 号"}
            ],
        ),
    )
    await taken_in(system, a_file(ROW.format(number)))
    taken = await customer_of(system, number)

    def without_ids(value: Any) -> Any:
        if isinstance(value, dict):
            own = {"id", "created_at", "updated_at"}
            return {name: without_ids(each) for name, each in value.items() if name not in own}
        return [without_ids(each) for each in value] if isinstance(value, list) else value

    assert without_ids(taken) == without_ids(by_hand)
    rows = "SELECT array_agg(DISTINCT (romanised, search_terms(name, romanised))::text) FROM customers WHERE id = ANY (:ids)"
    assert len(await system.scalar(rows, ids=[UUID(taken["id"]), UUID(by_hand["id"])])) == 1


async def test_whoever_types_pinyin_or_the_number_finds_who_was_taken_in(system: System) -> None:
    number = an_id()
    await taken_in(system, a_file(f"Zürich {number} 顺丰,李四,１３９１２３４５６７８,,,,,erp,{number}"))
    marketing = await system.as_role(Role.MARKETING)
    for terms in ({"q": f"zurich {number}"}, {"q": f"shunfeng {number}"}, {"phone": "+86 139 1234 5678"}):
        found = (await marketing.post("/v1/customers/search", terms)).json()["items"]
        assert (await customer_of(system, number))["id"] in [each["id"] for each in found], terms


ENCODINGS = {
    "utf-8": ("utf-8", ",", "\n"),
    "utf-8-sig": ("utf-8-sig", ";", "\r\n"),
    "utf-16": ("utf-16", "\t", "\r\n"),
    "gb18030": ("gb18030", ",", "\r"),
}


@pytest.mark.parametrize("name", ENCODINGS)
async def test_text_is_read_in_every_encoding_with_every_delimiter_and_end_of_line(
    system: System, name: str
) -> None:
    encoding, delimiter, end = ENCODINGS[name]
    ids = [an_id() for _ in range(3)]
    rows = [HEADINGS, ROW.format(ids[0]), f'"顺丰{end}速运",,,,,,,erp,{ids[1]}', "", ROW.format(ids[2])]
    text = end.join(rows).replace(",", delimiter)
    done = await taken_in(system, text.encode(encoding))
    assert (done["encoding"], done["delimiter"]) == (name, delimiter)
    assert counts(done) == {"created": 3}
    stored = await system.scalar(
        "SELECT name FROM customers WHERE id = :id", id=UUID((await customer_of(system, ids[1]))["id"])
    )
    assert stored == f"顺丰{end}速运"


async def test_ends_of_line_may_be_mixed(system: System) -> None:
    ids = [an_id() for _ in range(3)]
    text = f"{HEADINGS}\r{ROW.format(ids[0])}\n{ROW.format(ids[1])}\r\n{ROW.format(ids[2])}"
    assert counts(await taken_in(system, text.encode())) == {"created": 3}


def a_workbook(rows: list[list[Any]]) -> bytes:
    import xlsxwriter

    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    return file.getvalue()


async def test_a_workbook_is_read_with_numbers_as_they_were_typed(system: System) -> None:
    number = an_id()
    rows: list[list[Any]] = [
        ["客户名称", "电话", "外部系统", "外部编号"],
        ["顺丰", 13800000000, "erp", number],
        ["坏", "x", "erp", an_id()],
    ]
    done = await taken_in(system, a_workbook(rows), "客户.xlsx")
    assert (done["format"], counts(done)) == ("xlsx", {"created": 1, "failed": 1})
    assert [line for line, *_ in await errors(system, done["id"])] == ["3"]
    point = (
        "SELECT normal FROM contact_points JOIN customer_contacts USING (contact_id) WHERE customer_id = :id"
    )
    assert await system.scalar(point, id=UUID((await customer_of(system, number))["id"])) == "+8613800000000"


def a_bomb() -> bytes:
    """A sheet whose cells lie so far apart that laying it out takes hundreds of gigabytes."""
    import zipfile

    whole = io.BytesIO(a_workbook([["客户名称"]]))
    bomb = io.BytesIO()
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "xl/worksheets/sheet1.xml":
                far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
                content = content.replace(b"</sheetData>", far).replace(b'"A1"/>', b'"A1:XFD1048576"/>')
            new.writestr(entry.filename, content)
    return bomb.getvalue()


def zeros(*, lie: bool = False) -> bytes:
    """A workbook with a gigabyte of nothing in it, or one that says it is a hundred bytes."""
    import zipfile

    bomb = io.BytesIO(a_workbook([["客户名称"]]))
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/zeros.bin", bytes((1 if lie else 200) * 1024 * 1024))
    content = bomb.getvalue()
    size = content.rindex(b"PK\x01\x02") + 24
    return content[:size] + (100).to_bytes(4, "little") + content[size + 4 :] if lie else content


REFUSED = {
    "nothing": (b"", "a.csv"),
    "text that calls itself a workbook": (a_file(ROW), "a.xlsx"),
    "a workbook that calls itself text": (a_workbook([["客户名称"], ["顺丰"]]), "a.csv"),
    "a page": (b"<html><table><tr><td>name", "a.csv"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a.csv"),
    "an old workbook": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "a.xls"),
    "an archive of something else": (b"PK\x03\x04" + bytes(100), "a.xlsx"),
    "neither UTF-8 nor GB18030": (HEADINGS.encode() + b"\r\n\xff\xff\xff", "a.csv"),
    "no column for the name": (a_file("1,2", headings="foo,bar"), "a.csv"),
    "two columns for the name": (a_file("1,2", headings="客户名称,公司名称"), "a.csv"),
    "cells far apart": (a_bomb(), "a.xlsx"),
    "a bomb": (zeros(), "a.xlsx"),
    "a bomb that lies": (zeros(lie=True), "a.xlsx"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_whatever_is_no_table_of_customers_is_refused_and_told_where(system: System, name: str) -> None:
    content, filename = REFUSED[name]
    answer = await sent(await system.as_role(Role.MARKETING), content, filename)
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/body/file"]


async def test_a_workbook_is_held_to_the_sizes_that_it_declares_and_its_reader_to_its_memory() -> None:
    """Two walls: the first sees what is packed, the second what a sheet is laid out to."""
    for content in (zeros(), zeros(lie=True)):
        with pytest.raises(Invalid):
            formats.recognised(io.BytesIO(content), "a.xlsx")
    with tempfile.TemporaryFile() as file:
        file.write(a_bomb())
        assert formats.recognised(file, "a.xlsx").format == "xlsx"
        with pytest.raises(Invalid):
            formats.as_csv(file)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"on_match": "guess"}, "/body/on_match"),
        ({"dry_run": "perhaps"}, "/body/dry_run"),
        ({"mapping": "nobody-made-this"}, "/body/mapping"),
        ({"unheard_of": "1"}, "/body/unheard_of"),
    ],
)
async def test_an_option_that_cannot_be_used_is_told(
    system: System, fields: dict[str, str], pointer: str
) -> None:
    answer = await sent(await system.as_role(Role.MARKETING), a_file(), **fields)
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_a_form_without_a_file_and_a_body_without_a_form_are_refused(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    without = await marketing.request("POST", "/v1/imports", files={"other": ("a.csv", b"x")})
    assert (without.status_code, without.json()["errors"][0]["pointer"]) == (422, "/body/file")
    assert (await marketing.post("/v1/imports", {"file": "x"})).status_code == 415


async def test_a_file_may_be_larger_than_other_bodies_but_not_than_its_own_limit(system: System) -> None:
    large = a_file(*[ROW.format(f"L{number}") for number in range(12_000)])
    assert len(large) > system.settings.body_limit
    async with running(system.settings.database_url, import_limit=len(large)) as narrow:
        marketing = await narrow.as_role(Role.MARKETING)
        assert (await sent(marketing, large, dry_run="true")).status_code == 413  # the form around it
        assert (await sent(marketing, large[:-2000], dry_run="true")).status_code == 202


async def test_what_is_wrong_with_a_row_is_told_by_line_and_column_in_both_languages(system: System) -> None:
    rows = [
        ROW.format(an_id()),
        ",王,13800000000,,,,,,",
        "顺丰,王,call me,,,,,,",
        "顺丰,王",
        "顺丰,,,,,,,,X1",
        f'"{"长" * 201}",,,,,,,,',
    ]
    done = await taken_in(system, a_file(*rows, headings=HEADINGS.replace("电话", "=电话")))
    assert done["columns"][2] == {"heading": "=电话", "field": None}
    done = await taken_in(system, a_file(ROW.format(an_id()), *rows[1:]))
    assert counts(done) == {"created": 1, "failed": 5}
    found = await errors(system, done["id"])
    assert [(line, column) for line, column, _ in found] == [
        ("3", "客户名称"),
        ("4", "电话"),
        ("5", "(the row)"),
        ("6", "(the row)"),
        ("7", "客户名称"),
    ]
    chinese = await errors(system, done["id"], "zh")
    assert all(not problem.isascii() for *_, problem in chinese)
    assert "2 cells" in found[2][2]


async def test_what_the_database_cannot_store_costs_a_row_and_not_the_job(system: System) -> None:
    """Far behind the part of the file by which its kind is judged."""
    many = [ROW.format(an_id()) for _ in range(1000)]
    done = await taken_in(system, a_file(*many, "顺丰,,,,,,x\x00y,,", many[0]), dry_run="true")
    assert counts(done) == {"created": 1000, "updated": 1, "failed": 1}


async def test_a_quote_that_is_never_closed_costs_rows_but_not_the_file(system: System) -> None:
    swallowed = ["顺丰" * 300] * 250  # more than the reader takes for one cell
    many = [ROW.format(an_id()) for _ in range(20)]
    done = await taken_in(system, a_file(*many[:10], '"顺丰,,,,,,,,', *swallowed, *many[10:]))
    assert done["created"] + done["failed"] == done["read"]
    assert done["failed"] >= 1
    assert done["created"] > 10
    assert ("12", "(the row)") in [(line, column) for line, column, _ in await errors(system, done["id"])]


async def test_no_cell_of_a_file_stands_in_its_errors_or_its_log(system: System) -> None:
    """The file of errors goes through many hands."""
    done = await taken_in(system, a_file("顺丰,金丝雀甲,13987654321 金丝雀,,,,,,"))
    stored = "SELECT string_agg(import_rows::text, '') FROM import_rows WHERE import_id = :id"
    assert "金丝雀" not in str(await errors(system, done["id"])) + await system.scalar(
        stored, id=UUID(done["id"])
    )


async def test_a_customer_that_is_there_is_updated_skipped_or_reported_as_was_asked(system: System) -> None:
    number = an_id()
    first = await taken_in(system, a_file(ROW.format(number)))
    before = await customer_of(system, number)
    again = [
        await taken_in(system, a_file(ROW.format(number)), on_match=each)
        for each in ("update", "skip", "error")
    ]
    assert [counts(each) for each in (first, *again)] == [
        {"created": 1},
        {"skipped": 1},
        {"skipped": 1},
        {"failed": 1},
    ]
    assert await customer_of(system, number) == before
    changed = ROW.format(number).replace("有限公司", "").replace("13800000000", "13900000000；0571-88888888")
    assert counts(await taken_in(system, a_file(changed), on_match="skip")) == {"skipped": 1}
    assert counts(await taken_in(system, a_file(changed))) == {"updated": 1}
    after = await customer_of(system, number)
    assert (after["name"], after["version"]) == ("杭州顺丰茶业", before["version"] + 1)
    assert [len(contact["points"]) for contact in after["contacts"]] == [3]
    assert len(after["addresses"]) == 1


async def test_a_blank_cell_takes_nothing_away(system: System) -> None:
    number = an_id()
    headings = "客户名称,等级,来源,需求,外部系统,外部编号"
    await taken_in(system, a_file(f"顺丰,大客户,市场调研,冷链；次日达,erp,{number}", headings=headings))
    before = await customer_of(system, number)
    assert (before["tier"], before["needs"]) == ("large", ["冷链", "次日达"])
    done = await taken_in(system, a_file(f"顺丰速运,,,,erp,{number}", headings=headings))
    after = await customer_of(system, number)
    assert counts(done) == {"updated": 1}
    assert [after[name] for name in ("tier", "source", "needs")] == [
        before[name] for name in ("tier", "source", "needs")
    ]


async def test_a_code_and_an_id_of_two_customers_are_told_and_neither_changes(system: System) -> None:
    number, other = an_id(), await a_customer(system)
    await taken_in(system, a_file(ROW.format(number)))
    headings = "客户名称,客户代码,外部系统,外部编号"
    done = await taken_in(system, a_file(f"新名,{other['code']},erp,{number}", headings=headings))
    assert counts(done) == {"failed": 1}
    assert (await customer_of(system, number))["version"] == 1


async def test_rows_of_one_customer_meet_each_other_wherever_they_stand(system: System) -> None:
    """By the same key, and by two keys of the same customer."""
    number, code = an_id(), an_id()
    headings = "客户名称,客户代码,外部系统,外部编号"
    rows = [f"一,{code},erp,{number}", f"二,,erp,{number}", f"三,{code},,", f"四,,erp,{number}"]
    done = await taken_in(system, a_file(*rows, headings=headings))
    assert counts(done) == {"created": 1, "updated": 3}
    assert [(await customer_of(system, number))[name] for name in ("name", "version")] == ["四", 4]


async def test_people_and_tiers_are_named_as_people_write_them(system: System) -> None:
    owner_of = await system.staff(Role.SALES)
    username = await system.scalar("SELECT username FROM users WHERE id = :id", id=UUID(owner_of.id))
    ids = [an_id() for _ in range(3)]
    rows = [
        f"甲,{username},strategic,erp,{ids[0]}",
        f"乙,nobody,,erp,{ids[1]}",
        f"丙,,unheard of,erp,{ids[2]}",
    ]
    done = await taken_in(system, a_file(*rows, headings="客户名称,负责人,等级,外部系统,外部编号"))
    assert counts(done) == {"created": 1, "failed": 2}
    assert [column for _, column, _ in await errors(system, done["id"])] == ["负责人", "等级"]
    assert (await customer_of(system, ids[0]))["owner_id"] == owner_of.id


async def test_a_mapping_kept_by_name_reads_headings_that_nobody_knows(system: System) -> None:
    marketing, name, number = await system.as_role(Role.MARKETING), f"m{secrets.token_hex(4)}", an_id()
    body = {
        "columns": [{"heading": "甲方", "field": "name"}, {"heading": "名称", "field": "external_id"}],
        "kind": "person",
        "external_system": "erp",
    }
    kept = await marketing.request("PUT", f"/v1/import-mappings/{name}", json=body)
    assert (kept.status_code, kept.headers["etag"]) == (200, '"1"')
    assert (await marketing.get(f"/v1/import-mappings/{name}")).json() == kept.json()
    done = await taken_in(system, a_file(f"张三丰,{number}", headings="甲方,名称"), mapping=name)
    assert (counts(done), (await customer_of(system, number))["kind"]) == ({"created": 1}, "person")


async def test_a_dry_run_counts_what_would_happen_and_changes_no_customer(empty_system: System) -> None:
    system, number, code = empty_system, an_id(), an_id()
    await taken_in(system, a_file(ROW.format(number)))
    headings = "客户名称,客户代码,外部系统,外部编号"
    rows = [
        "甲,,,",
        f"乙,{code},,",
        f"丙,{code},,",
        f"丁,{an_id()},erp,{number}",
        ",,,X",
        f"戊,,erp,{an_id()}",
    ]
    rows.append(rows[3].replace("丁", "己").replace(f"erp,{number}", ","))
    content = a_file(*rows, headings=headings)
    async with owner(system) as connection:
        before = await last_writes(connection)
        dry = await taken_in(system, content, dry_run="true")
        after = await last_writes(connection)
    touched = {table for table in before if before[table] != after[table]}
    assert touched <= {
        "import_files",
        "import_chunks",
        "import_rows",
        "import_keys",
        "jobs",
        "events",
        "pgqueuer",
        "pgqueuer_log",
    }
    real = await taken_in(system, content)
    assert counts(dry) == counts(real) == {"created": 3, "updated": 3, "failed": 1}
    assert await errors(system, dry["id"]) == await errors(system, real["id"])
    answer = await (await system.as_role(Role.MARKETING)).post(f"/v1/imports/{dry['id']}/undo")
    assert answer.status_code == 409


async def test_the_answer_shows_at_once_how_the_file_is_read(system: System) -> None:
    made = await begun(
        system, a_file("顺丰,x", headings="客户名称*,备注").decode().encode("gb18030"), dry_run="true"
    )
    assert (made["encoding"], made["delimiter"], made["state"]) == ("gb18030", ",", "queued")
    assert made["columns"] == [{"heading": "客户名称*", "field": "name"}, {"heading": "备注", "field": None}]


async def test_the_same_key_gives_the_same_import_whatever_the_form_looks_like(system: System) -> None:
    """The boundary between the parts of a form is another each time."""
    marketing, key, content = (
        await system.as_role(Role.MARKETING),
        secrets.token_hex(8),
        a_file(ROW.format(an_id())),
    )
    first, again = [await sent(marketing, content, key=key) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    for other in ({"dry_run": "true"}, {}):
        answer = await sent(marketing, content if other else content + b"x", key=key, **other)
        assert answer.json()["type"] == "/problems/idempotency-key-reused"


# --- Long files ---------------------------------------------------------------------------------------


@pytest.fixture
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "STEP", 7)
    monkeypatch.setattr(import_files, "CHUNK", 100)


async def one_step(system: System, job_id: str, *, fail: bool = False) -> bool:
    """A step in a transaction of its own, which does not come to its end if it is to fail."""
    async with system.database.sessions() as session:
        more = await steps.step(session, await Job.fetch(session, UUID(job_id)))
        if not fail:
            await session.commit()
        return more


@pytest.mark.usefixtures("short_steps")
async def test_a_step_that_was_broken_off_is_done_again_and_nothing_is_lost_or_doubled(
    empty_system: System,
) -> None:
    """Also by another process, which has not read the file so far."""
    system, ids = empty_system, [an_id() for _ in range(60)]
    made = await begun(system, a_file(*[ROW.format(each) for each in ids]))
    more, round_ = True, 0
    while more:
        round_ += 1
        await one_step(system, made["job_id"], fail=True)
        if round_ % 3 == 0:
            steps._sources.clear()
        more = await one_step(system, made["job_id"])
        assert (await read(system, made["id"]))["read"] <= 7 * round_
    assert counts(await read(system, made["id"])) == {"created": 60}
    known = "SELECT array_agg(external_id ORDER BY external_id) FROM external_ids"
    assert await system.scalar(known) == sorted(ids)
    assert await system.scalar("SELECT count(*) FROM customers") == 60
    assert await system.scalar("SELECT count(*) FROM events WHERE kind = 'customer.created'") == 60


@pytest.mark.usefixtures("short_steps")
async def test_an_import_stops_between_steps_and_what_it_has_taken_in_stays(empty_system: System) -> None:
    system = empty_system
    made = await begun(system, a_file(*[ROW.format(an_id()) for _ in range(60)]))
    for _ in range(3):
        await one_step(system, made["job_id"])
    marketing = await system.as_role(Role.MARKETING)
    stopped = (await marketing.post(f"/v1/imports/{made['id']}/cancel")).json()
    assert (stopped["state"], stopped["total"], stopped["read"]) == ("cancelled", 60, 14)
    await run_job(system.database.sessions, UUID(made["job_id"]))
    assert await system.scalar("SELECT count(*) FROM customers") == 14
    assert (await marketing.post(f"/v1/imports/{made['id']}/cancel")).status_code == 409
    assert counts(await taken_back(system, made["id"])) == {"created": 14, "removed": 14}


async def test_a_customer_that_somebody_makes_meanwhile_is_met_and_not_doubled(empty_system: System) -> None:
    """The row is inserted between the look and the write: the write is tried again."""
    system, code = empty_system, an_id()
    made = await begun(system, a_file(f"顺丰,{code}", "乙,", headings="客户名称,客户代码"))
    looks, look = 0, matches.existing

    async def interrupted(*arguments: Any) -> Any:
        nonlocal looks
        found = await look(*arguments)
        looks += 1
        if looks == 1:
            await a_customer(system, code=code, name="别人先建")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "existing", interrupted)
        await run_job(system.database.sessions, UUID(made["job_id"]))
    done = await read(system, made["id"])
    assert (done["state"], counts(done)) == ("done", {"created": 1, "updated": 1})
    assert await system.scalar("SELECT count(*) FROM customers WHERE code = :c", c=code) == 1


async def test_what_stands_in_the_database_of_a_file_is_sealed_and_goes_with_the_job(
    empty_system: System,
) -> None:
    system = empty_system
    made = await begun(system, a_file(ROW.format("E1")))
    held = await system.scalar("SELECT content FROM import_chunks")
    assert "顺丰".encode() not in held
    await execute(
        system, "UPDATE import_chunks SET content = set_byte(content, 20, get_byte(content, 20) # 1)"
    )
    await run_job(system.database.sessions, UUID(made["job_id"]))
    assert (
        (await read(system, made["id"]))["state"],
        await system.scalar("SELECT count(*) FROM customers"),
    ) == ("failed", 0)
    await housekeeping(system.database.sessions)
    assert await system.scalar("SELECT count(*) FROM import_chunks") == 0


# --- Taking back --------------------------------------------------------------------------------------

CARRIED = (
    "customers",
    "contacts",
    "customer_contacts",
    "contact_points",
    "customer_addresses",
    "external_ids",
)


async def image(system: System) -> dict[str, list[dict[str, Any]]]:
    """Every customer and what belongs to it, but for counts and times of change."""
    import json

    async with owner(system) as connection:
        found = {}
        for table in CARRIED:
            rows = await connection.fetch(
                f"SELECT to_jsonb(t) - 'version' - 'updated_at' AS row FROM {table} t ORDER BY t::text"
            )
            found[table] = sorted((json.loads(row["row"]) for row in rows), key=str)
        return found


async def test_an_import_taken_back_leaves_everything_as_it_was(empty_system: System) -> None:
    system, number, code = empty_system, an_id(), an_id()
    headings = "客户名称,客户代码,联系人,职务,电话,市,外部系统,外部编号,需求"
    rows = [f"甲,{code},王,经理,13800000000,杭州市,erp,{number},冷链", "乙,,李,,13800000001,,,,"]
    await taken_in(system, a_file(*rows, headings=headings))
    before = await image(system)
    rows = [
        f"甲二,{code},王,总监,13900000000,上海市,oms,{an_id()},保价",
        f"甲三,,赵,,13700000000,,erp,{number},",
        f"丙,,王,,13800000000,,erp,{an_id()},",
        f"甲四,{code},王,,,,,,",
    ]
    done = await taken_in(system, a_file(*rows, headings=headings))
    assert counts(done) == {"created": 1, "updated": 3}
    assert await image(system) != before
    undone = await taken_back(system, done["id"])
    assert counts(undone) == counts(done) | {"removed": 1, "restored": 3}
    assert await image(system) == before
    answer = await (await system.as_role(Role.MARKETING)).post(f"/v1/imports/{done['id']}/undo")
    assert answer.status_code == 409


async def test_what_somebody_changed_since_is_kept_and_told(empty_system: System) -> None:
    system, ids = empty_system, [an_id() for _ in range(5)]
    done = await taken_in(system, a_file(*[ROW.format(each) for each in ids]))
    found = [await customer_of(system, each) for each in ids]
    marketing, service = await system.as_role(Role.MARKETING), await system.as_role(Role.CUSTOMER_SERVICE)
    changed = await marketing.patch(
        f"/v1/customers/{found[0]['id']}", {"source": "展会"}, headers={"If-Match": '"1"'}
    )
    ordered = await service.post(
        "/v1/orders", {"customer_id": found[1]["id"], "parcels": [{"description": "茶"}]}
    )
    assert (changed.status_code, ordered.status_code) == (200, 201)
    person, (one, other) = found[2]["contacts"][0]["id"], (found[0]["id"], found[3]["id"])
    await execute(system, f"UPDATE contacts SET version = 2 WHERE id = '{person}'")
    await execute(system, f"INSERT INTO customer_links VALUES ('{one}', 'parent', '{other}')")
    undone = await taken_back(system, done["id"])
    assert counts(undone) == {"created": 5, "removed": 1, "kept": 4}
    left = "SELECT array_agg(customer_id ORDER BY customer_id) FROM external_ids"
    assert await system.scalar(left) == sorted(UUID(each["id"]) for each in found[:4])
    kinds = "SELECT count(*) FROM events WHERE kind = 'customer.removed'"
    assert await system.scalar(kinds) == 1


async def test_lookalikes_of_a_file_are_proposed_and_go_with_it(empty_system: System) -> None:
    system = empty_system
    phone = f"139{int(an_id()[-6:], 16) % 10**8:08d}"
    rows = [f"杭州青禾茶业有限公司,王小明,{phone}", f"青禾茶业,王小明,{phone}"]
    done = await taken_in(system, a_file(*rows, headings="客户名称,联系人,电话"))
    marketing = await system.as_role(Role.MARKETING)
    (cluster,) = (await marketing.get("/v1/customers/duplicates")).json()["items"]
    assert (len(cluster["customers"]), cluster["pairs"][0]["found_by"]) == (2, "import")
    undone = await taken_back(system, done["id"])
    assert counts(undone) == {"created": 2, "removed": 2}
    for table in ("duplicate_keys", "duplicate_pairs"):
        assert await system.scalar(f"SELECT count(*) FROM {table}") == 0


async def test_a_customer_that_was_merged_since_is_kept(empty_system: System) -> None:
    system, ids = empty_system, [an_id() for _ in range(3)]
    done = await taken_in(system, a_file(*[ROW.format(each) for each in ids]))
    one, other = [(await customer_of(system, each))["id"] for each in ids[:2]]
    merge = await (await system.as_role(Role.MARKETING)).post(
        f"/v1/customers/{one}/merge", {"merged_id": other}
    )
    assert merge.status_code == 200, merge.text
    assert counts(await taken_back(system, done["id"])) == {"created": 3, "removed": 1, "kept": 2}


async def test_every_table_that_points_at_customers_keeps_one_from_being_removed() -> None:
    from app.services.imports import undo

    statement = str(undo._hung_on([]))
    for table in Customer.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column is Customer.__table__.c.id and table.name not in undo._OWN:
                assert str(key.parent) in statement, key


# --- Who ----------------------------------------------------------------------------------------------


async def test_a_file_is_not_read_before_its_sender_is_known(system: System) -> None:
    """Sales may not import: that is what they hear, and not that their form is none."""
    form = {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}
    for role, status in ((Role.SALES, 403), (Role.MARKETING, 422)):
        answer = await (await system.as_role(role)).request("POST", "/v1/imports", **form)
        assert answer.status_code == status, answer.text
