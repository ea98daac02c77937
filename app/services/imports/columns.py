"""Which column holds what: by a mapping, or by headings as people write them."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from app.models.import_file import ImportField
from app.services.contents import refusal

ALIASES: dict[ImportField, str] = {
    ImportField.NAME: "客户名称 客户名 客户 公司名称 公司 企业名称 单位名称 名称 name customer company",
    ImportField.KIND: "客户类型 类型 kind type",
    ImportField.CODE: "客户代码 客户编码 客户编号 月结账号 code customer_code",
    ImportField.TIER: "客户等级 等级 级别 tier level",
    ImportField.SOURCE: "客户来源 来源 source",
    ImportField.NEEDS: "需求 业务需求 客户需求 needs",
    ImportField.OWNER: "负责人 归属人 业务员 客户经理 owner",
    ImportField.CONTACT_NAME: "联系人 联系人姓名 姓名 contact contact_name",
    ImportField.CONTACT_ROLE: "职务 职位 联系人职务 role contact_role title",
    ImportField.PHONE: "电话 联系电话 手机 手机号 手机号码 电话号码 phone mobile contact_phone tel",
    ImportField.EMAIL: "邮箱 电子邮箱 电子邮件 email e-mail contact_email",
    ImportField.WECHAT: "微信 微信号 wechat",
    ImportField.ADDRESS_KIND: "地址类型 address_kind",
    ImportField.COUNTRY: "国家 国家代码 country",
    ImportField.PROVINCE: "省 省份 province",
    ImportField.CITY: "市 城市 city",
    ImportField.DISTRICT: "区 区县 县 district",
    ImportField.STREET: "街道 乡镇 street",
    ImportField.DETAIL: "地址 详细地址 address detail",
    ImportField.POSTCODE: "邮编 邮政编码 postcode zip",
    ImportField.EXTERNAL_SYSTEM: "外部系统 来源系统 external_system system",
    ImportField.EXTERNAL_ID: "外部编号 外部id 外部系统编号 external_id",
}


def _plain(heading: str) -> str:
    """Without what people add around a heading: case, blanks, stars, what stands in brackets."""
    text = unicodedata.normalize("NFKC", heading).strip().lower().replace(" ", "_")
    return re.sub(r"[*:_]+$|^[*_]+|\(.*?\)", "", text)


_KNOWN = {_plain(word): field for field, words in ALIASES.items() for word in words.split()}


def read(headings: list[str], mapping: Mapping[str, str]) -> list[dict[str, Any]]:
    """The columns with their fields. Raises `Invalid` where none holds the name, or two hold the same."""
    named = {_plain(heading): field for heading, field in mapping.items()}
    taken = set(mapping.values())
    fields = [named.get(_plain(each)) or _known(each, taken) for each in headings]
    found = [field for field in fields if field]
    if twice := sorted({field for field in found if found.count(field) > 1}):
        raise refusal(
            f"Several columns hold the same: {', '.join(twice)}; rename one, or send a mapping.",
            f"多个列对应同一内容：{'、'.join(twice)}；请改名或指定映射。",
        )
    if ImportField.NAME not in found:
        raise refusal(
            "No column holds the customer's name; head it 客户名称 or name, or send a mapping.",
            "没有客户名称列；请将列标题写为“客户名称”，或指定映射。",
        )
    return [
        {"heading": heading[:200], "field": field} for heading, field in zip(headings, fields, strict=True)
    ]


def _known(heading: str, taken: set[str]) -> str | None:
    field = _KNOWN.get(_plain(heading))
    return None if field is None or field in taken else field.value
