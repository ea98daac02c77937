"""What everybody may see of a name, a phone number, an address and free text (GB/T 41833, 隐私面单)."""

import re
from typing import Annotated, Any

from pydantic import PlainSerializer

_WIDE = {
    ord(wide): ord(plain)
    for wide, plain in zip("０１２３４５６７８９＋－（）", "0123456789+-()", strict=True)
}
_PHONE = re.compile(
    r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d){8}(?!\d)"  # mobile
    r"|(?<![0-9A-Za-z])\(?0\d{2,3}\)?[- ]?\d{7,8}(?!\d)"  # landline
    r"|\+\d(?:[-. ()]{0,2}\d){6,14}(?!\d)"  # any country's
)
_COURIER = r"快递员|快递小哥|小哥|业务员|派件员|派送员|投递员|揽件员|揽收员|收件员|配送员"
_PARTY = r"联系人|签收人|代收人|收件人|寄件人"
_NOBODY = (
    r"正在|已|将|会|不|无|未|拒|派|电话|手机|签收|本人|他人|家人|同事|邻居|门卫|前台|物业|丰巢|快递柜|驿站"
)
_LATIN = r"[A-ZÀ-Þ][A-Za-zÀ-ÿ.'’-]*(?: [A-ZÀ-Þ][A-Za-zÀ-ÿ.'’-]*){0,3}"
_NAMED = re.compile(
    rf"((?:(?:{_COURIER})(?:姓名)?\s*(?:为|是)?\s*[:：【\[(（]?|(?:{_PARTY})(?:姓名)?\s*(?:为|是)?\s*[:：【\[(（])\s*)"
    rf"(?!{_NOBODY})"
    rf"([\u4e00-\u9fff·]{{2,4}}?(?=[,，;；。:：、)）\]】\s\d]|$|正在|已|电话|手机|联系|签收|派)|{_LATIN}|[A-Za-z]+)"
)
_NAMED_LATIN = re.compile(
    rf"((?i:(?:courier|driver|recipient|consignee|contact)\s*[:：]|signed (?:for )?by:?)\s*)({_LATIN})"
)
_SHOWN_OF_ADDRESS = ("country", "province", "city", "district", "postcode")


def mask_name(name: str | None) -> str | None:
    """All but the first character: 张三丰 -> 张**; a single one is hidden too."""
    if name is None:
        return None
    return name[:1] + "*" * (len(name) - 1) if len(name) > 1 else "*"


def mask_phone(phone: str | None) -> str | None:
    """At least six digits hidden: 13812345678 -> 138******78; a short number is hidden whole."""
    if phone is None:
        return None
    digits = [index for index, character in enumerate(phone) if character.isdigit()]
    shown = set(digits[:3] + digits[-2:]) if len(digits) >= 11 else set(digits[: max(len(digits) - 6, 0)])
    return "".join("*" if c.isdigit() and i not in shown else c for i, c in enumerate(phone))


def mask_email(email: str | None) -> str | None:
    """The domain and one character: z***@example.com; a single one is hidden too."""
    if email is None:
        return None
    local, _, domain = email.partition("@")
    return f"{local[: len(local) > 1]}***@{domain}"


def mask_address(address: dict[str, Any]) -> dict[str, Any]:
    """Country to district and the postcode; street, building and whatever else there is are hidden."""
    return {key: value if key in _SHOWN_OF_ADDRESS or not value else "***" for key, value in address.items()}


def mask_person(person: dict[str, Any]) -> dict[str, Any]:
    """A sender or recipient with name, phone and address masked."""
    return {
        "name": mask_name(person.get("name")),
        "phone": mask_phone(person.get("phone")),
        "address": mask_address(person["address"]) if person.get("address") else None,
    }


def redact(text: str | None) -> str | None:
    """Free text without the phone numbers, and without the names that stand after a courier's title."""
    if text is None:
        return None
    for found in reversed(list(_PHONE.finditer(text.translate(_WIDE)))):
        text = f"{text[: found.start()]}***{text[found.end() :]}"
    for named in (_NAMED, _NAMED_LATIN):
        text = named.sub(lambda match: match[1] + match[2][0] + "**", text)
    return text


def redact_all(value: Any) -> Any:
    """The same for every text inside a JSON value; a number that reads as a phone is hidden as well."""
    if isinstance(value, dict):
        return {key: redact_all(each) for key, each in value.items()}
    if isinstance(value, list):
        return [redact_all(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return value if redact(str(value)) == str(value) else "***"
    return redact(value) if isinstance(value, str) else value


def mask_parcel(parcel: dict[str, Any]) -> dict[str, Any]:
    """A parcel of an order: its destination as every address, its description as free text."""
    masked = {key: redact_all(value) for key, value in parcel.items()}
    if destination := parcel.get("destination"):
        masked["destination"] = mask_address(destination)
    return masked


MaskedName = Annotated[str, PlainSerializer(mask_name, return_type=str)]
MaskedPhone = Annotated[str, PlainSerializer(mask_phone, return_type=str)]
Redacted = Annotated[str, PlainSerializer(redact, return_type=str)]
"""Free text in an answer."""
RedactedObject = Annotated[dict[str, Any], PlainSerializer(redact_all, return_type=dict[str, Any])]
"""What somebody else's system sent along, in an answer."""
