"""Rows become customers as anybody would enter them, or problems that say which cell and why."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from app.schemas.import_file import ImportedCustomer, Problem, problem
from app.services.imports.files import Record

_SEPARATORS = re.compile(r"[;；、,，\n]+")
_NUMBERS = re.compile(r"[;；、/,，\n]+")
_KINDS = {"公司": "company", "企业": "company", "单位": "company", "个人": "person", "散客": "person"}
_MACHINE_READ = frozenset(
    {"phone", "email", "code", "country", "tier", "external_id", "external_system", "owner"}
)
"""Full-width letters and digits become plain ones."""
_WHOLE = ("name", "code", "tier", "source", "owner", "external_system", "external_id")
_OF_CONTACT = {"contact_name": "name", "contact_role": "role", "email": "email"}
_OF_ADDRESS = {
    "address_kind": "kind",
    **{each: each for each in ("country", "province", "city", "district", "street", "detail", "postcode")},
}
_FIELDS: dict[tuple[str, ...], str] = {
    **{("contacts", inner): name for name, inner in _OF_CONTACT.items()},
    ("contacts", "phone"): "phone",
    **{("addresses", inner): name for name, inner in _OF_ADDRESS.items()},
}


@dataclass(slots=True)
class Draft:
    """A row on its way; `customer` is there unless there are `problems`."""

    line: int
    customer: ImportedCustomer | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def body(self) -> ImportedCustomer:
        """The customer of a row that has no problem."""
        if self.customer is None:
            raise LookupError("a row with problems holds no customer")
        return self.customer

    @property
    def keys(self) -> list[str]:
        """What makes the customer known: its code, its id at another system."""
        if self.customer is None:
            return []
        body = self.customer
        found = [f"code:{body.code}"] if body.code else []
        return [*found, f"id:{body.external_system}:{body.external_id}"] if body.external_id else found


@dataclass(frozen=True)
class Reader:
    """How the rows of one file are read."""

    fields: tuple[str | None, ...]
    kind: str
    external_system: str | None

    def draft(self, record: Record) -> Draft:
        wrong = record.problem or (_NUL if "\x00" in "".join(record.cells) else None)
        if wrong is not None:
            return Draft(record.line, None, [wrong])
        cells = {
            name: text
            for name, cell in zip(self.fields, record.cells, strict=True)
            if name and (text := _clean(name, cell))
        }
        try:
            return Draft(record.line, ImportedCustomer.model_validate(self._body(cells)))
        except ValidationError as error:
            return Draft(record.line, None, [_problem_of(each) for each in error.errors()[:20]])

    def _body(self, cells: dict[str, str]) -> dict[str, Any]:
        kind = cells.get("kind", self.kind)
        body: dict[str, Any] = {name: cells[name] for name in _WHOLE if name in cells}
        body["kind"] = _KINDS.get(kind, kind)
        if "needs" in cells:
            body["needs"] = list(filter(None, map(str.strip, _SEPARATORS.split(cells["needs"]))))
        if "external_id" in cells:
            body.setdefault("external_system", self.external_system)
        if contact := _contact(cells):
            body["contacts"] = [{"name": cells.get("name", "-"), **contact}]
        if address := {inner: cells[name] for name, inner in _OF_ADDRESS.items() if name in cells}:
            body["addresses"] = [address]
        return body


_NUL = problem(None, "the row holds a NUL, which can't be stored; take it out", "该行含有空字符，请删除")


def _clean(name: str, cell: str) -> str:
    return (unicodedata.normalize("NFKC", cell) if name in _MACHINE_READ else cell).strip()


def _contact(cells: dict[str, str]) -> dict[str, Any]:
    """The person of a row; of several numbers the first is the person's main one."""
    contact: dict[str, Any] = {inner: cells[name] for name, inner in _OF_CONTACT.items() if name in cells}
    numbers = list(filter(None, map(str.strip, _NUMBERS.split(cells.get("phone", "")))))
    points = [{"kind": "phone", "value": number} for number in numbers[1:]]
    if "wechat" in cells:
        points.append({"kind": "wechat", "value": cells["wechat"]})
    if numbers:
        contact["phone"] = numbers[0]
    return contact | {"points": points} if points else contact


def _problem_of(error: Any) -> Problem:
    """Without what stands in the cell: the file of errors is no place for people's data."""
    place = [step for step in error["loc"] if isinstance(step, str)]
    name = _FIELDS.get(tuple(place[:2])) or (place[0] if place else None)
    if place[:2] == ["contacts", "points"]:
        name = "phone" if "phone" in str(error["msg"]) else "wechat"
    if name in _HINTS and error["type"] in {"string_pattern_mismatch", "enum"}:
        return problem(name, *_HINTS[name])
    told = {key: value for key, value in error.get("ctx", {}).items() if isinstance(value, str | int)}
    return {"field": name, "type": error["type"], "msg": error["msg"], "ctx": told}


_HINTS = {
    "kind": ("write company or person", "请填写 公司 或 个人"),
    "phone": (
        "write the number as 13800000000, 0571-88888888 or +41 44 123 45 67; several with ; between",
        "电话应写作 13800000000、0571-88888888 或 +41 44 123 45 67；多个号码以分号分隔",
    ),
    "email": ("write the address as li.ming@example.com", "邮箱应写作 li.ming@example.com"),
    "country": ("write two capital letters, such as CN", "请填写两位大写国家代码，例如 CN"),
    "code": ("write letters, digits and _ . : / - only", "只能使用字母、数字及 _ . : / -"),
    "external_system": ("write letters, digits and _ . : / - only", "只能使用字母、数字及 _ . : / -"),
}
"""What to do, where a pattern would say it to machines only."""
