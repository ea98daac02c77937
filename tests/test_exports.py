"""Lists leave the house masked, marked, approved by somebody else, and written down."""

import asyncio
import csv
import io
import zipfile
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.export import ExportColumn
from app.roles import Role
from app.schemas.spreadsheets import as_csv, guarded
from app.services.exports import marks, steps
from app.worker import housekeeping, run_job
from tests.canaries import NAME, PERSON, TEXT, assert_no_canary
from tests.owner import execute, owner
from tests.system import Caller, System, a_customer

ALL = [column.value for column in ExportColumn]
BODY = {"terms": {}, "columns": ["name", "code", "phone"], "format": "csv", "reason": "年度答谢会"}
NOTE = {"note": "仅限本次活动"}


async def asked(caller: Caller, **fields: Any) -> dict[str, Any]:
    answer = await caller.post("/v1/exports", BODY | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def approved(system: System, export_id: str) -> None:
    executive = await system.as_role(Role.EXECUTIVE)
    answer = await executive.post(f"/v1/exports/{export_id}/approve", NOTE)
    assert (answer.status_code, answer.json()["state"]) == (200, "approved"), answer.text
    await written(system, export_id)


async def written(system: System, export_id: str) -> None:
    job_id = await system.scalar("SELECT job_id FROM exports WHERE id = :id", id=UUID(export_id))
    await run_job(system.database.sessions, job_id)


async def file_of(caller: Caller, system: System, **fields: Any) -> bytes:
    """Asked for, approved, written and fetched."""
    export = await asked(caller, **fields)
    await approved(system, export["id"])
    read = (await caller.get(f"/v1/exports/{export['id']}")).json()
    assert read["state"] == "ready", read
    answer = await caller.get(read["file"])
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content) == read["size"]
    return answer.content


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def sheet_of(content: bytes) -> list[list[str]]:
    from python_calamine import load_workbook

    return [
        [str(cell) for cell in row]
        for row in load_workbook(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    ]


async def test_nobody_approves_what_they_asked_for(system: System) -> None:
    both = await system.staff(Role.MARKETING, Role.EXECUTIVE)
    export = await asked(both)
    for verb in ("approve", "reject"):
        answer = await both.post(f"/v1/exports/{export['id']}/{verb}", NOTE)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")
    assert (await both.get(f"/v1/exports/{export['id']}")).json()["state"] == "requested"


async def test_there_is_no_file_before_it_is_approved_and_none_once_it_is_rejected(system: System) -> None:
    marketing, executive = await system.as_role(Role.MARKETING), await system.as_role(Role.EXECUTIVE)
    export = await asked(marketing)
    assert (await marketing.get(f"/v1/exports/{export['id']}/file")).status_code == 409
    rejected = await executive.post(f"/v1/exports/{export['id']}/reject", NOTE)
    assert (rejected.json()["state"], rejected.json()["file"]) == ("rejected", None)
    assert (await marketing.get(f"/v1/exports/{export['id']}/file")).status_code == 409
    assert await system.scalar("SELECT job_id FROM exports WHERE id = :id", id=UUID(export["id"])) is None


async def test_the_file_is_for_whoever_asked_and_each_fetch_leaves_one_row(empty_system: System) -> None:
    system = empty_system
    marketing, colleague = await system.as_role(Role.MARKETING), await system.staff(Role.MARKETING)
    export = await asked(marketing)
    await approved(system, export["id"])
    place = f"/v1/exports/{export['id']}"
    for stranger, path in ((colleague, place), (colleague, f"{place}/file")):
        assert (await stranger.get(path)).status_code == 404
    fetched = "SELECT count(*) FROM accesses WHERE kind = 'exported' AND data ->> 'export_id' = :id"
    for times in (1, 2):
        assert (await marketing.get(f"{place}/file")).status_code == 200
        assert await system.scalar(fetched, id=export["id"]) == times
    async with owner(system) as connection:
        await connection.execute("ALTER TABLE accesses ADD CHECK (kind <> 'exported') NOT VALID")
    assert not (await marketing.get(f"{place}/file")).is_success
    seen = [each["id"] for each in (await colleague.get("/v1/exports")).json()["items"]]
    assert seen == []
    everything = await (await system.as_role(Role.EXECUTIVE)).get("/v1/exports")
    assert [each["id"] for each in everything.json()["items"]] == [export["id"]]


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
async def test_what_is_masked_on_a_screen_is_masked_in_the_file(empty_system: System, format_: str) -> None:
    system, contact = empty_system, {"name": NAME, "phone": PERSON["phone"], "email": "jinsique@example.com"}
    await a_customer(
        system,
        name=NAME,
        kind="person",
        contacts=[contact],
        addresses=[PERSON["address"]],
        needs=[TEXT],
        source=TEXT,
    )
    content = await file_of(await system.as_role(Role.MARKETING), system, columns=ALL, format=format_)
    rows = rows_of(content) if format_ == "csv" else sheet_of(content)
    assert_no_canary(str(rows), format_)
    shown = dict(zip(ALL, rows[2], strict=True))
    assert shown["phone"].count("*") == 6
    assert (marks_off(shown["name"]), shown["contact_name"], shown["city"]) == ("金***", "金***", "杭州市")
    assert rows[1][:3] == ["编号", "客户名称", "客户类型"]


def marks_off(text: str) -> str:
    return "".join(each for each in text if each not in marks._SYMBOLS)


async def test_sales_take_out_their_own_customers_only_whatever_they_ask_for(empty_system: System) -> None:
    system, sales = empty_system, await empty_system.staff(Role.SALES)
    await a_customer(system, name="别人的客户", code="OTHER")
    other = await system.staff(Role.SALES)
    await a_customer(system, name="另一人的", code="THEIRS", owner_id=other.id)
    await a_customer(system, name="自己的客户", code="OWN", owner_id=sales.id)
    for terms in ({}, {"owner_id": other.id}, {"kind": "company"}):
        rows = rows_of(await file_of(sales, system, terms=terms))
        codes = [row[1] for row in rows[2:-1]]
        assert codes == ([] if "owner_id" in terms else ["OWN"])


async def test_a_list_may_be_of_a_segments_members_whom_its_requester_sees(empty_system: System) -> None:
    system, sales = empty_system, await empty_system.staff(Role.SALES)
    marketing = await system.as_role(Role.MARKETING)
    own, other, outside = [
        await a_customer(system, name="顺丰客户", code=code, owner_id=sales.id if code != "OTHER" else None)
        for code in ("OWN", "OTHER", "OUTSIDE")
    ]
    fixed = (await marketing.post("/v1/segments", {"name": "杭州", "kind": "static"})).json()["id"]
    items = [{"customer_id": each["id"]} for each in (own, other)]
    await marketing.post(f"/v1/segments/{fixed}/members/batch", {"items": items})
    filter_ = {"test": "owner", "any_of": [sales.id]}
    body = {"name": "Zürich", "kind": "dynamic", "filter": filter_}
    dynamic = (await marketing.post("/v1/segments", body)).json()["id"]
    for caller, segment, codes in (
        (marketing, fixed, {"OWN", "OTHER"}),
        (sales, fixed, {"OWN"}),
        (marketing, dynamic, {"OWN", "OUTSIDE"}),
    ):
        rows = rows_of(await file_of(caller, system, terms={"segment_id": segment, "kind": "company"}))
        assert {row[1] for row in rows[2:-1]} == codes
    assert outside["code"] == "OUTSIDE"


async def test_a_segment_that_is_not_there_is_refused_and_told_where(system: System) -> None:
    terms = {"segment_id": str(uuid4())}
    answer = await (await system.as_role(Role.MARKETING)).post("/v1/exports", BODY | {"terms": terms})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/body/terms/segment_id"]


async def test_rights_count_when_the_list_is_written_not_when_it_was_asked_for(empty_system: System) -> None:
    system, seller = empty_system, await empty_system.staff(Role.SALES)
    export = await asked(seller)
    await execute(system, f"UPDATE users SET disabled_at = now() WHERE id = '{seller.id}'")
    await approved_only(system, export["id"])
    assert await system.scalar("SELECT state FROM exports") == "failed"
    assert await system.scalar("SELECT count(*) FROM export_parts") == 0


async def approved_only(system: System, export_id: str) -> None:
    executive = await system.as_role(Role.EXECUTIVE)
    assert (await executive.post(f"/v1/exports/{export_id}/approve", NOTE)).status_code == 200
    await written(system, export_id)


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
async def test_every_file_says_who_took_it_and_carries_a_mark_that_nobody_sees(
    empty_system: System, format_: str
) -> None:
    system, marketing = empty_system, await empty_system.as_role(Role.MARKETING)
    for number in range(25):
        await a_customer(system, name=f"杭州顺丰{number}")
    export = await asked(marketing, format=format_)
    await approved(system, export["id"])
    content = (await marketing.get(f"/v1/exports/{export['id']}/file")).content
    rows = rows_of(content) if format_ == "csv" else sheet_of(content)
    username = await system.scalar("SELECT username FROM users WHERE id = :id", id=UUID(marketing.id))
    for line in (rows[0][0], rows[-1][0]):
        assert export["id"] in line
        assert username in line
    names = [row[0] for row in rows[2:-1]]
    assert [bool(marks.read(name)) for name in names] == [place % 10 == 0 for place in range(25)]
    assert marks.read("".join(names)) == {export["id"].replace("-", "")[-8:]}
    assert {marks_off(name) for name in names} == {f"杭州顺丰{number}" for number in range(25)}
    if format_ == "xlsx":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert export["id"] in archive.read("docProps/core.xml").decode()


async def test_a_long_list_is_written_in_steps_and_each_customer_stands_in_it_once(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "STEP", 4)
    system, marketing = empty_system, await empty_system.as_role(Role.MARKETING)
    made = [(await a_customer(system))["code"] for _ in range(12)]
    for format_, read in (("csv", rows_of), ("xlsx", sheet_of)):
        rows = read(await file_of(marketing, system, format=format_))
        assert [row[1] for row in rows[2:-1]] == made


async def test_a_file_stands_sealed_expires_and_is_gone(empty_system: System) -> None:
    system, marketing = empty_system, await empty_system.as_role(Role.MARKETING)
    await a_customer(system, name="顺丰测试")
    export = await asked(marketing)
    await approved(system, export["id"])
    assert "顺丰".encode() not in await system.scalar("SELECT content FROM export_parts")
    days = await system.scalar("SELECT expires_at - now() FROM exports")
    assert timedelta(days=6) < days <= timedelta(days=system.settings.export_days)
    await execute(system, "UPDATE exports SET expires_at = now() - interval '1 second'")
    assert (await marketing.get(f"/v1/exports/{export['id']}/file")).status_code == 409
    await housekeeping(system.database.sessions)
    assert (await marketing.get(f"/v1/exports/{export['id']}")).json()["state"] == "expired"
    assert await system.scalar("SELECT count(*) FROM export_parts") == 0


async def test_pieces_that_changed_places_are_not_opened(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "STEP", 1)
    system, marketing = empty_system, await empty_system.as_role(Role.MARKETING)
    for _ in range(2):
        await a_customer(system)
    export = await asked(marketing)
    await approved(system, export["id"])
    swap = "UPDATE export_parts SET content = (SELECT content FROM export_parts WHERE number = 1) WHERE number = 0"
    await execute(system, swap)
    answer = await marketing.get(f"/v1/exports/{export['id']}/file")
    assert answer.content == b"", "the answer breaks off"


async def test_an_export_whose_job_failed_says_so(empty_system: System) -> None:
    system, marketing = empty_system, await empty_system.as_role(Role.MARKETING)
    export = await asked(marketing)
    executive = await system.as_role(Role.EXECUTIVE)
    await executive.post(f"/v1/exports/{export['id']}/approve", NOTE)
    await execute(system, "UPDATE jobs SET state = 'failed', finished_at = now()")
    await housekeeping(system.database.sessions)
    assert (await marketing.get(f"/v1/exports/{export['id']}")).json()["state"] == "failed"


async def test_of_two_who_decide_at_once_one_is_told_that_it_is_decided(system: System) -> None:
    export = await asked(await system.as_role(Role.MARKETING))
    executives = [await system.staff(Role.EXECUTIVE) for _ in range(2)]
    verbs = zip(executives, ("approve", "reject"), strict=True)
    answers = await asyncio.gather(
        *(who.post(f"/v1/exports/{export['id']}/{verb}", NOTE) for who, verb in verbs)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


# --- Cells --------------------------------------------------------------------------------------------

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "|x",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "﹢1",
    "\t=1",
    "\rx",
    " =1",
    "\u3000＝1",
    "\u200b=1",
    "\ufeff=1",
    "\xa0=1",
]


@pytest.mark.parametrize("cell", FORMULAS)
async def test_a_cell_that_might_run_is_shown_as_text(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"


@given(st.text())
async def test_no_cell_of_a_file_begins_as_a_formula_and_none_is_lost(cell: str) -> None:
    text = cell.encode("utf-8", "replace").decode().replace("\x00", "")
    ((read,),) = csv.reader(io.StringIO(as_csv([[text]]), newline="")) if text else [("",)]
    assert read.removeprefix("'") == text.removeprefix("'") or read == f"'{text}"
    assert not read.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


async def test_a_formula_in_a_name_leaves_as_text(empty_system: System) -> None:
    system = empty_system
    await a_customer(system, name='=HYPERLINK("http://x")')
    for format_, read in (("csv", rows_of), ("xlsx", sheet_of)):
        rows = read(await file_of(await system.as_role(Role.MARKETING), system, format=format_))
        assert marks_off(rows[2][0]) == '\'=HYPERLINK("http://x")'


@given(st.uuids())
async def test_the_hidden_mark_is_read_back(export_id: UUID) -> None:
    assert marks.read(f"顺丰{marks.hidden(export_id)}速运") == {export_id.hex[-8:]}
