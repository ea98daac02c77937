"""What everybody may see of a name, a phone number, an address and free text (GB/T 41833, 隐私面单)."""

import re
from typing import Any

_PHONE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d){8}(?!\d)")
_LANDLINE = re.compile(r"(?<![0-9A-Za-z])0\d{2,3}-?\d{7,8}(?!\d)")
_COURIER = re.compile(
    r"((?:快递员|快递小哥|小哥|业务员|派件员|派送员|揽件员|揽收员|收件员|配送员|联系人|签收人|代收人|收件人|寄件人)"
    r"(?:姓名)?\s*(?:为|是)?\s*[:：【\[(（]?\s*)([\u4e00-\u9fff·]{2,4}|[A-Za-z]+)(?=[,，;；。:：、)）\]】\s\d]|$)"
)


def mask_name(name: str | None) -> str | None:
    """All but the first character: 张三丰 -> 张**."""
    return None if name is None else name[:1] + "*" * max(len(name) - 1, 1)


def mask_phone(phone: str | None) -> str | None:
    """At least six digits hidden: 13812345678 -> 138******78; a short number is hidden whole."""
    if phone is None:
        return None
    digits = [index for index, character in enumerate(phone) if character.isdigit()]
    shown = set(digits[:3] + digits[-2:]) if len(digits) >= 11 else set(digits[: max(len(digits) - 6, 0)])
    return "".join("*" if c.isdigit() and i not in shown else c for i, c in enumerate(phone))


def mask_email(email: str | None) -> str | None:
    """The domain and one character: z***@example.com."""
    if email is None:
        return None
    local, _, domain = email.partition("@")
    return f"{local[:1]}***@{domain}"


def mask_address(address: dict[str, Any]) -> dict[str, Any]:
    """Country to district; street and building are hidden."""
    hidden = {key: "***" for key in ("street", "detail") if address.get(key)}
    return {**address, **hidden}


def mask_person(person: dict[str, Any]) -> dict[str, Any]:
    """A sender or recipient with name, phone and address masked."""
    return {
        "name": mask_name(person.get("name")),
        "phone": mask_phone(person.get("phone")),
        "address": mask_address(person["address"]) if person.get("address") else None,
    }


def redact(text: str | None) -> str | None:
    """Free text of a scan without the phone numbers and names that couriers leave in it."""
    if text is None:
        return None
    text = _LANDLINE.sub("***", _PHONE.sub("***", text))
    return _COURIER.sub(lambda match: match[1] + match[2][0] + "**", text)
