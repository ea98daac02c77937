"""Divisions of China: an address is brought to full names and a code, or left as it was written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.division import DivisionLevel
from app.roles import Role
from app.services import divisions
from tests.system import System, a_customer

HANGZHOU = {"province": "浙江省", "city": "杭州市", "district": "西湖区"}
BEIJING = {"province": "北京市", "city": "北京市"}

COUNTIES = sorted(code for code, place in divisions.places().items() if place.level is DivisionLevel.COUNTY)


def normalised(**address: str) -> tuple[dict[str, Any], str | None]:
    return divisions.normalised({"country": "CN", **address})


@pytest.mark.parametrize(
    ("written", "expected", "code"),
    [
        ({"province": "浙江", "city": "杭州", "district": "西湖"}, HANGZHOU, "330106"),
        ({"detail": "浙江省杭州市西湖区龙井路1号"}, HANGZHOU | {"detail": "龙井路1号"}, "330106"),
        ({"street": "杭州西湖区龙井路1号"}, HANGZHOU | {"street": "龙井路1号"}, "330106"),
        ({"city": "杭州", "street": "西湖区龙井路"}, HANGZHOU | {"street": "龙井路"}, "330106"),
        ({"city": "北京", "district": "朝阳区"}, BEIJING | {"district": "朝阳区"}, "110105"),
        (
            {"province": "北京市", "city": "市辖区", "district": "朝阳"},
            BEIJING | {"district": "朝阳区"},
            "110105",
        ),
        (
            {"detail": "北京市北京市朝阳区建国路"},
            BEIJING | {"district": "朝阳区", "detail": "建国路"},
            "110105",
        ),
        (
            {"city": "长春", "district": "朝阳区"},
            {"province": "吉林省", "city": "长春市", "district": "朝阳区"},
            "220104",
        ),
        (
            {"street": "吉林市昌邑区解放路"},
            {"province": "吉林省", "city": "吉林市", "district": "昌邑区", "street": "解放路"},
            "220202",
        ),
        ({"province": "湖北", "city": "仙桃"}, {"province": "湖北省", "city": "仙桃市"}, "429004"),
        ({"province": "湖北", "district": "仙桃市"}, {"province": "湖北省", "city": "仙桃市"}, "429004"),
        ({"city": "昆山市"}, {"province": "江苏省", "city": "苏州市", "district": "昆山市"}, "320583"),
        (
            {"city": "东莞", "district": "虎门镇"},
            {"province": "广东省", "city": "东莞市", "district": "虎门镇"},
            "441900",
        ),
        ({"city": "襄樊市"}, {"province": "湖北省", "city": "襄阳市"}, "420600"),
        ({"city": "杭州", "district": "下城区"}, HANGZHOU | {"district": "拱墅区"}, "330105"),
        (
            {"city": "广州", "district": "越秀"},
            {"province": "广东省", "city": "广州市", "district": "越秀区"},
            "440104",
        ),
        ({"city": "伊犁"}, {"province": "新疆维吾尔自治区", "city": "伊犁哈萨克自治州"}, "654000"),
    ],
)
def test_what_is_sure_gets_its_full_names_and_its_code(
    written: dict[str, str], expected: dict[str, str], code: str
) -> None:
    assert normalised(**written) == ({"country": "CN"} | expected, code)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ({"district": "朝阳区"}, None),
        ({"street": "朝阳区建国路"}, None),
        ({"province": "浙江", "city": "北京"}, None),
        ({"city": "某市", "district": "西湖区"}, None),
        ({"detail": "Bahnhofstrasse 1"}, None),
        ({}, None),
        ({"province": "江苏省", "street": "鼓楼区中山路1号"}, "320000"),
        ({"province": "浙江省", "city": "杭州市", "district": "高新区"}, "330100"),
        ({"province": "浙江省", "city": "杭州市", "district": "江干区"}, "330100"),
        ({"province": "江苏省", "city": "昆山市", "district": "玉山镇"}, "320583"),
        ({"province": "上海市", "city": "上海市", "street": "南京路100号"}, "310000"),
        ({"province": "广东省", "city": "深圳市", "street": "南山科技园"}, "440300"),
        ({"province": "浙江省", "city": "杭州市", "street": "上海市场路1号"}, "330100"),
    ],
)
def test_what_is_not_sure_stays_as_it_was_written(written: dict[str, str], code: str | None) -> None:
    assert normalised(**written) == ({"country": "CN"} | written, code)


def test_another_country_is_left_alone() -> None:
    zurich = {"country": "CH", "city": "Zürich", "street": "杭州市西湖区"}
    assert divisions.normalised(zurich) == (zurich, None)


def line_of(code: str) -> list[divisions.Place]:
    place = divisions.places()[code]
    return [*(line_of(place.parent) if place.parent else ()), place]


@given(st.sampled_from(COUNTIES))
def test_every_county_is_found_by_its_full_names_in_fields_and_in_a_line(code: str) -> None:
    names = [place.name for place in line_of(code)]
    for address in (
        {"detail": "".join(names) + "人民路1号"},
        {"province": names[0], "city": names[-2], "district": names[-1]}
        if len(names) > 2 or line_of(code)[0].code in divisions.MUNICIPALITIES
        else {"province": names[0], "district": names[-1]},
    ):
        found, at = normalised(**address)
        assert at == code, (address, found)
        assert normalised(**found)[1] == code


WORDS = [
    *(place.name for place in divisions.places().values()),
    "市辖区",
    "龙井路 1 号",
    "朝阳",
    "吉林",
    "某市",
]


@given(st.dictionaries(st.sampled_from([*divisions.FIELDS, *divisions.LINES]), st.sampled_from(WORDS)))
def test_whatever_is_written_is_never_lost_and_to_normalise_again_changes_nothing(
    address: dict[str, str],
) -> None:
    found, code = normalised(**address)
    assert normalised(**found) == (found, code)
    if code is None:
        assert found == {"country": "CN"} | address
    else:
        assert code in divisions.places()
        assert all(
            address[line].endswith(found.get(line, "")) for line in address.keys() & {*divisions.LINES}
        )


def test_every_division_lies_in_one_that_there_is_and_every_former_one_has_become_one() -> None:
    today = divisions.places()
    assert len([place for place in today.values() if place.level is DivisionLevel.PROVINCE]) == 34
    assert len(today) > 3200
    for row in divisions.rows():
        assert row["parent_code"] is None or row["parent_code"] in today
        assert row["now"] is None or row["now"] in today
        assert row["pinyin"].isascii()
        assert len(row["pinyin"].split()) == len(row["name"])


async def test_a_picker_goes_down_level_by_level(system: System) -> None:
    hr = await system.as_role(Role.HR)
    provinces = (await hr.get("/v1/divisions")).json()
    assert len(provinces) == 34
    below = (await hr.get("/v1/divisions", params={"parent": "330100"})).json()
    lake = next(row for row in below if row["code"] == "330106")
    assert (lake["name"], lake["pinyin"], lake["level"]) == ("西湖区", "xi hu qu", "county")
    assert "江干区" not in {row["name"] for row in below}
    assert (await hr.get("/v1/divisions", params={"parent": "999999"})).json() == []
    wrong = await hr.get("/v1/divisions", params={"parent": "杭州"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/query/parent")


async def test_a_customers_address_is_kept_with_its_division(system: System) -> None:
    made = await a_customer(
        system,
        addresses=[
            {"detail": "浙江省杭州市西湖区龙井路1号"},
            {"city": "朝阳"},
            {"country": "CH", "city": "Zürich", "street": "Bahnhofstrasse"},
            {"district": "朝阳区"},
        ],
    )
    codes = [address["division_code"] for address in made["addresses"]]
    assert codes == ["330106", "211300", None, None]
    assert made["addresses"][0]["address"] == {"country": "CN", **HANGZHOU, "detail": "***"}
    assert made["addresses"][3]["address"] == {"country": "CN", "district": "朝阳区"}
