"""Names, phones and places that nobody may ever read whole, planted wherever a person can be written in."""

import json
from typing import Any

PHONE = "13987654321"
WIDE_PHONE = "１３９８７６５４３２１"
NAME = "金丝雀甲"
ROOM = "丙幢1702室"
STREET = "金丝雀路"
MAIL = "jinsique@example.com"
CANARIES = (PHONE, WIDE_PHONE, NAME, ROOM, STREET, MAIL, "139 8765 4321")
PERSON: dict[str, Any] = {
    "name": NAME,
    "phone": PHONE,
    "address": {"city": "杭州市", "street": STREET, "detail": ROOM},
}
TEXT = f"快递员：{NAME}，电话 {PHONE}／{WIDE_PHONE}／+86 139 8765 4321"


def assert_no_canary(text: str, where: str) -> None:
    for canary in CANARIES:
        assert canary not in text, (where, canary)
        assert json.dumps(canary).strip('"') not in text, (where, canary)
