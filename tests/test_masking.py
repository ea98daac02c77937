"""What everybody sees of names, phones, addresses and free text: never the whole, whoever asks, wherever it stands."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.roles import Role
from app.schemas.masking import (
    mask_address,
    mask_email,
    mask_name,
    mask_person,
    mask_phone,
    redact,
    redact_all,
)
from tests.canaries import NAME, PHONE, ROOM, assert_no_canary
from tests.system import System
from tests.world import World

# Names


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张三丰", "张**"),
        ("欧阳娜娜", "欧***"),
        ("张", "*"),
        ("", "*"),
        ("Jürg Zürich", "J**********"),
        ("买买提·吐尔逊", "买******"),
        (None, None),
    ],
)
def test_of_a_name_the_first_character_is_shown(name: str | None, masked: str | None) -> None:
    assert mask_name(name) == masked


@given(st.text(min_size=1, max_size=40))
def test_at_least_one_character_of_any_name_is_hidden(name: str) -> None:
    masked = mask_name(name)
    assert masked is not None
    assert masked.endswith("*")
    assert masked.rstrip("*") in {"", name[:1].rstrip("*")}


# Phones


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812345678", "138******78"),
        ("+86 138 1234 5678", "+86 1** **** **78"),
        ("０１３８１２３４５６７８", "０１３*******７８"),
        ("0571-88888888", "057*-******88"),
        ("88888888", "88******"),
        ("1234567", "1******"),
        ("95338", "*****"),
        ("110", "***"),
        ("+41 44 668 18 00", "+41 4* *** ** 00"),
        ("ext", "ext"),
        (None, None),
    ],
)
def test_of_a_phone_at_least_six_digits_are_hidden(phone: str | None, masked: str | None) -> None:
    assert mask_phone(phone) == masked


@given(st.text(st.sampled_from("0123456789０１９+-() .٣"), max_size=40))
def test_six_digits_of_any_phone_are_hidden_or_all_it_has(phone: str) -> None:
    masked = mask_phone(phone)
    assert masked is not None
    digits = sum(character.isdigit() for character in phone)
    assert digits - sum(character.isdigit() for character in masked) >= min(digits, 6)


# Addresses and mail


def test_an_address_ends_at_the_district() -> None:
    address = {
        "country": "CN",
        "city": "杭州市",
        "district": "西湖区",
        "street": "文三路 90 号",
        "detail": "8-1702",
    }
    assert mask_address(address) == {
        "country": "CN",
        "city": "杭州市",
        "district": "西湖区",
        "street": "***",
        "detail": "***",
    }


@given(
    st.dictionaries(
        st.sampled_from(["country", "province", "city", "district", "street", "detail", "postcode", "room"]),
        st.just("1702"),
    )
)
def test_what_is_no_part_above_the_street_never_passes(address: dict[str, Any]) -> None:
    passed = {key for key, value in mask_address(address).items() if value == "1702"}
    assert passed <= {"country", "province", "city", "district", "postcode"}


@pytest.mark.parametrize(
    ("email", "masked"),
    [("zhang@example.com", "z***@example.com"), ("z@example.com", "***@example.com"), (None, None)],
)
def test_of_a_mail_address_the_domain_is_shown(email: str | None, masked: str | None) -> None:
    assert mask_email(email) == masked


def test_a_person_has_nothing_but_masked_name_phone_and_address() -> None:
    person = {"name": "张三", "phone": "13812345678", "id_number": "330106199001011234"}
    assert mask_person(person) == {"name": "张*", "phone": "138******78", "address": None}
    assert mask_person({}) == {"name": None, "phone": None, "address": None}


# Free text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("快递员：张三，联系电话：13000000000", "快递员：张**，联系电话：***"),
        (
            "【杭州市】派件员【李四】电话：139-1234-5678 正在派送",
            "【杭州市】派件员【李**】电话：*** 正在派送",
        ),
        ("派送员王二小 正在派件", "派送员王** 正在派件"),
        ("快递员张三正在派送", "快递员张**正在派送"),
        ("快递小哥李雷电话１３９８７６５４３２１", "快递小哥李**电话***"),
        ("投递员:赵六", "投递员:赵**"),
        ("已签收,签收人是:李雷", "已签收,签收人是:李**"),
        ("寄件人(欧阳娜娜)", "寄件人(欧**)"),
        ("业务员 Jürg", "业务员 J**"),
        ("Courier: John Smith, +41 44 668 18 00", "Courier: J**, ***"),
        ("Signed for by J. Müller", "Signed for by J**"),
        ("请拨打 +86 138 1234 5678", "请拨打 ***"),
        ("电话0571-88888888转8001", "电话***转8001"),
        ("电话(010)88888888", "电话***"),
        ("電話 +852 9123 4567", "電話 ***"),
    ],
)
def test_phones_and_couriers_names_are_taken_out_of_free_text(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "快件已到达【上海分拨中心】",
        "您的快件已由快递驿站代收，感谢您使用京东物流",
        "客服电话：95338",
        "运单 SF7444496931331 已揽收",
        "订单 202611210000123456 已发出",
        "2026-11-21 10:34:33 Zürich, Departed Facility",
        "快递员正在派送",
        "Out for delivery with courier",
        "重量 12.5 kg，共 3 件",
        "",
        None,
    ],
)
def test_free_text_that_tells_of_nobody_stays_as_it_is(text: str | None) -> None:
    assert redact(text) == text


@given(
    before=st.text(st.characters(exclude_categories=["N", "C"]), max_size=20),
    number=st.from_regex(r"\A1[3-9][0-9]{9}\Z"),
    after=st.text(st.characters(exclude_categories=["N", "C"]), max_size=20),
    wide=st.booleans(),
)
def test_no_mobile_number_gets_through_whatever_stands_around_it(
    before: str, number: str, after: str, *, wide: bool
) -> None:
    written = "".join(chr(ord(digit) + 0xFEE0) for digit in number) if wide else number
    kept = redact(f"{before}{written}{after}") or ""
    assert written[-8:] not in kept


def test_what_hangs_together_is_redacted_to_the_last_leaf() -> None:
    given_ = {"a": ["电话 13812345678", {"b": "13812345678", "n": 13812345678}], "c": 1, "d": None, "e": True}
    told = {"a": ["电话 ***", {"b": "***", "n": "***"}], "c": 1, "d": None, "e": True}
    assert redact_all(given_) == told


# What the API answers; every operation's answers are looked through in `test_promises_answers.py`


def test_what_is_not_masked_would_be_found() -> None:
    with pytest.raises(AssertionError):
        assert_no_canary(json.dumps({"phone": PHONE}), "here")
    with pytest.raises(AssertionError):
        assert_no_canary(json.dumps({"name": NAME}, ensure_ascii=True), "here")


def opened(cursor: str) -> str:
    """A cursor as far as anybody without the key can read it."""
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode(errors="replace")


async def test_a_search_for_a_person_answers_with_a_mask(empty_system: System) -> None:
    world = World(empty_system)
    for _ in range(2):
        await world.customer_id()
    marketing = await empty_system.as_role(Role.MARKETING)
    for terms in ({"q": NAME}, {"phone": PHONE}, {"q": NAME, "limit": 1}):
        answer = await marketing.post("/v1/customers/search", terms)
        assert [item["name"] for item in answer.json()["items"]][:1] == ["金***"]
        assert_no_canary(answer.text, "search")
        if cursor := answer.json()["next_cursor"]:
            assert_no_canary(opened(cursor), "search")


async def test_no_problem_repeats_what_was_sent(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    bodies: list[dict[str, Any]] = [
        {"name": NAME, "kind": NAME},
        {"name": NAME, "kind": "person", "contacts": [{"name": NAME, "phone": f"电话{PHONE}"}]},
        {"name": NAME, "kind": "person", "contacts": [{"name": NAME, "email": PHONE}]},
        {"name": NAME, "kind": "person", "addresses": [{"detail": ROOM, "country": PHONE}]},
        {"name": NAME, "kind": "person", "code": f"{PHONE}!"},
    ]
    for body in bodies:
        for language in ("zh", "en"):
            answer = await marketing.post("/v1/customers", body, headers={"Accept-Language": language})
            assert answer.status_code == 422
            assert_no_canary(answer.text, "a problem")


async def test_a_companys_name_is_no_persons(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    answer = await marketing.post("/v1/customers", {"name": "顺丰测试有限公司", "kind": "company"})
    assert answer.json()["name"] == "顺丰测试有限公司"
