"""Customers: recorded, found, changed, and shown masked, whatever script their names are in."""

import secrets
from typing import Any

import pytest

from app.roles import Role
from tests.operations import description
from tests.system import Caller, System, a_customer

CONTACT = {"name": "王小明", "role": "物流经理", "phone": "13812345678", "email": "wang@example.com"}
ADDRESS = {
    "kind": "pickup",
    "province": "浙江省",
    "city": "杭州市",
    "district": "西湖区",
    "street": "龙井路 8 号",
    "detail": "2 号楼 301 室",
    "postcode": "310013",
}


async def test_a_customer_is_kept_whole_and_shown_masked(system: System) -> None:
    made = await a_customer(
        system,
        name="杭州青禾茶业有限公司",
        contacts=[CONTACT],
        addresses=[ADDRESS],
        needs=["冷链"],
        source="市场调研",
    )
    marketing = await system.as_role(Role.MARKETING)
    answer = await marketing.get(f"/v1/customers/{made['id']}")
    read = answer.json()
    assert read == made
    assert (read["name"], read["needs"], read["source"]) == ("杭州青禾茶业有限公司", ["冷链"], "市场调研")
    (contact,) = read["contacts"]
    assert (contact["name"], contact["phone"], contact["email"]) == (
        "王**",
        "138******78",
        "w***@example.com",
    )
    (address,) = read["addresses"]
    assert address["address"]["district"] == "西湖区"
    for secret in ("小明", "2345", "wang@", "龙井路", "301 室"):
        assert secret not in answer.text
    kept = await system.scalar(_PHONE, id=made["id"])
    assert kept == CONTACT["phone"]


async def test_the_name_of_a_person_is_masked_and_of_a_company_is_not(system: System) -> None:
    person = await a_customer(system, name="Zoë Zürcher", kind="person")
    company = await a_customer(system, name="Alpenblick Uhren AG, Zürich")
    assert person["name"] == "Z" + "*" * 10
    assert company["name"] == "Alpenblick Uhren AG, Zürich"


@pytest.mark.parametrize(
    "name",
    [
        "顺丰速运（集团）有限公司",
        "Zürich Käse & Söhne GmbH",
        "株式会社ヤマト",
        "شركة البريد",
        "𠮷野家",
        "O'Brien; DROP TABLE",
        "😀",
    ],
)
async def test_a_name_in_any_script_comes_back_as_it_was_given(system: System, name: str) -> None:
    made = await a_customer(system, name=f"  {name}  ")
    found = await search(await system.as_role(Role.MARKETING), code=made["code"])
    assert [row["name"] for row in found] == [name]


_PHONE = (
    "SELECT value FROM contact_points p JOIN customer_contacts USING (contact_id)"
    " WHERE customer_id = :id AND kind = 'phone'"
)


async def search(caller: Caller, **terms: Any) -> list[dict[str, Any]]:
    answer = await caller.post("/v1/customers/search", terms)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


async def test_a_customer_is_found_by_name_code_kind_and_phone(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    mark = secrets.token_hex(4)
    phone = f"139{secrets.randbelow(10**8):08d}"
    company = await a_customer(system, name=f"蓝图{mark}电子商务", contacts=[{"name": "李", "phone": phone}])
    person = await a_customer(system, name=f"蓝图{mark}本人", kind="person")
    for terms, expected in (
        ({"q": f"图{mark}"}, {company["id"], person["id"]}),
        ({"q": mark.upper()}, {company["id"], person["id"]}),
        ({"q": mark, "kind": "person"}, {person["id"]}),
        ({"code": company["code"]}, {company["id"]}),
        ({"phone": phone}, {company["id"]}),
        ({"phone": phone, "kind": "person"}, set()),
        ({"q": mark, "phone": phone}, {company["id"]}),
        ({"phone": phone[:-1]}, set()),
        ({"q": f"{mark[:4]}%{mark[4:]}x"}, set()),
    ):
        assert {row["id"] for row in await search(marketing, **terms)} == expected, terms
    wide = "".join(chr(ord(character) + 0xFEE0) for character in company["code"])
    assert [row["id"] for row in await search(marketing, code=wide)] == [company["id"]]


async def test_people_are_searched_for_in_a_body_and_never_in_a_url(system: System) -> None:
    for path, operations in description()["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", []):
            assert parameter["name"] not in {"q", "name", "phone", "email", "address"}, path
    answer = await (await system.as_role(Role.MARKETING)).get("/v1/customers", params={"q": "张三"})
    assert answer.status_code == 422


async def test_two_customers_never_have_the_same_code(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, two = await a_customer(system), await a_customer(system)
    body = {"name": "x", "kind": "company", "code": one["code"]}
    refused = await marketing.post("/v1/customers", body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/body/code")
    taken = await change(marketing, two, code=one["code"])
    assert taken.status_code == 409
    assert (await change(marketing, one, code=one["code"], name="自己的代码")).status_code == 200
    nameless = [await a_customer(system, code=None) for _ in range(2)]
    assert [each["code"] for each in nameless] == [None, None]


async def change(caller: Caller, customer: dict[str, Any], **fields: Any) -> Any:
    path = f"/v1/customers/{customer['id']}"
    return await caller.patch(path, fields, headers={"If-Match": f'"{customer["version"]}"'})


async def test_a_change_touches_only_what_it_names_and_replaces_lists_whole(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    made = await a_customer(system, contacts=[CONTACT, {"name": "李"}], addresses=[ADDRESS], needs=["冷链"])
    renamed = (await change(marketing, made, name="Neuer Name, Zürich")).json()
    untouched = made.keys() - {"name", "version", "updated_at"}
    assert {key: renamed[key] for key in untouched} == {key: made[key] for key in untouched}
    assert (renamed["name"], renamed["version"]) == ("Neuer Name, Zürich", 2)
    replaced = (await change(marketing, renamed, contacts=[{"name": "赵四"}], addresses=[], code=None)).json()
    assert [contact["name"] for contact in replaced["contacts"]] == ["赵*"]
    assert (replaced["addresses"], replaced["code"], replaced["needs"]) == ([], None, ["冷链"])
    assert (
        await system.scalar(
            "SELECT count(*) FROM contacts JOIN customer_contacts ON contact_id = id WHERE customer_id = :id",
            id=made["id"],
        )
        == 1
    )


@pytest.mark.parametrize("field", ["name", "contacts", "addresses", "needs"])
async def test_what_every_customer_has_can_not_be_taken_away(system: System, field: str) -> None:
    answer = await change(await system.as_role(Role.MARKETING), await a_customer(system), **{field: None})
    assert answer.status_code == 422
    assert "不能删除" in answer.text


async def test_a_change_is_recorded_by_its_fields_and_without_their_values(system: System) -> None:
    made = await a_customer(system)
    await change(await system.as_role(Role.MARKETING), made, name="秘密", contacts=[CONTACT])
    kinds = "SELECT string_agg(kind || data::text, ' ' ORDER BY sequence) FROM events WHERE subject_id = :id"
    recorded = await system.scalar(kinds, id=made["id"])
    assert "customer.created" in recorded
    assert 'customer.changed{"fields": ["contacts", "name"]}' in recorded
    assert "秘密" not in recorded
    assert "王小明" not in recorded


async def test_sales_own_what_they_record_and_see_nothing_else(system: System) -> None:
    one, two = await system.staff(Role.SALES), await system.staff(Role.SALES)
    made = (await one.post("/v1/customers", {"name": "顺丰", "kind": "company"})).json()
    assert made["owner_id"] == one.id
    path = f"/v1/customers/{made['id']}"
    nobody = "/v1/customers/00000000-0000-7000-8000-000000000000"
    foreign, unknown = await two.get(path), await two.get(nobody)
    assert foreign.status_code == unknown.status_code == 404
    same = ("type", "title", "status", "detail")
    assert [foreign.json()[key] for key in same] == [unknown.json()[key] for key in same]
    assert (await two.get("/v1/customers")).json()["items"] == []
    assert await search(two, q="顺丰") == []
    assert (await change(two, made, name="x")).status_code == 404
    assert (
        await one.post("/v1/customers", {"name": "x", "kind": "company", "owner_id": two.id})
    ).status_code == 403
    assert (await one.get(path)).status_code == 200


async def test_marketing_gives_a_customer_to_somebody(system: System) -> None:
    marketing, sales = await system.as_role(Role.MARKETING), await system.staff(Role.SALES)
    made = await a_customer(system)
    assert (await sales.get(f"/v1/customers/{made['id']}")).status_code == 404
    given = await change(marketing, made, owner_id=sales.id)
    assert given.json()["owner_id"] == sales.id
    assert (await sales.get(f"/v1/customers/{made['id']}")).status_code == 200
    unknown = await change(marketing, given.json(), owner_id="00000000-0000-7000-8000-000000000000")
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/body/owner_id")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": " "}, "/body/name"),
        ({"name": "x" * 201}, "/body/name"),
        ({"name": "a\x07b"}, "/body/name"),
        ({"kind": "dog"}, "/body/kind"),
        ({"code": "a code"}, "/body/code"),
        ({"contacts": [{"name": "x", "phone": "ring me"}]}, "/body/contacts/0/phone"),
        ({"contacts": [{"name": "x", "email": "nobody"}]}, "/body/contacts/0/email"),
        ({"contacts": [{"phone": "13812345678"}]}, "/body/contacts/0/name"),
        ({"contacts": [{"name": "x"}] * 51}, "/body/contacts"),
        ({"addresses": [{"country": "CHE"}]}, "/body/addresses/0/country"),
        ({"needs": [""]}, "/body/needs/0"),
        ({"id": "00000000-0000-7000-8000-000000000000"}, "/body/id"),
    ],
)
async def test_a_customer_that_makes_no_sense_is_refused(
    system: System, fields: dict[str, Any], pointer: str
) -> None:
    body = {"name": "顺丰", "kind": "company"} | fields
    answer = await (await system.as_role(Role.MARKETING)).post("/v1/customers", body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_list_is_filtered_by_kind_and_owner(system: System) -> None:
    marketing, sales = await system.as_role(Role.MARKETING), await system.staff(Role.SALES)
    person = await a_customer(system, kind="person", owner_id=sales.id)
    company = await a_customer(system, owner_id=sales.id)
    mine = {"owner_id": sales.id}
    rows = (await marketing.get("/v1/customers", params=mine)).json()["items"]
    assert [row["id"] for row in rows] == [company["id"], person["id"]]
    rows = (await marketing.get("/v1/customers", params=mine | {"kind": "person"})).json()["items"]
    assert [row["id"] for row in rows] == [person["id"]]
    assert all("contacts" not in row for row in rows)
