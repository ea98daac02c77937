"""Examples of everything that goes in and out, composed of one word for each field."""

from typing import Any

FORMATS = {
    "uuid": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55",
    "date-time": "2026-11-22T00:15:00Z",
    "date": "2026-11-01",
}

PLAIN = {"boolean": False, "integer": 1, "number": 1}

_PERSON = {
    "name": "李**",
    "phone": "139******00",
    "address": {"country": "CN", "city": "成都市", "detail": "***"},
}

WORDS: dict[str, Any] = {
    "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl",
    "AccessKind": "denied",
    "actor_kind": "user",
    "attributes": {"weight_kg": "2.5"},
    "Body_create_token": {
        "grant_type": "password",
        "username": "li.ming",
        "password": "a long pass phrase",
    },
    "AccessRead.data": {"missing": ["customers:read"]},
    "AddressWhole.address": {
        "country": "CN",
        "city": "杭州市",
        "district": "西湖区",
        "detail": "2 号楼 301 室",
    },
    "AddressWhole.kind": "pickup",
    "advice": "请留意冒充客服的来电",
    "cause": "账号被盗用",
    "city": "杭州市",
    "client_id": "partner_a",
    "client_secret": "shown-once-and-never-again",
    "code": "209",
    "CodeRead.code": "in_transit",
    "CodeRead.zh": "运输中",
    "CodeRead.en": "In transit",
    "contact": "95338，privacy@example.com",
    "consents": [{"channel": "sms", "purpose": "care", "given": True, "given_at": "2026-11-01T01:00:00Z"}],
    "correlation_id": "8f2b6c1e4d7a4f0b9c3d5e6f7a8b9c0d",
    "count": 1,
    "country": "CN",
    "CountRead.key": "in_transit",
    "CustomerAddressRead.address": {"country": "CN", "province": "浙江省", "city": "杭州市", "detail": "***"},
    "CustomerAddressRead.kind": "pickup",
    "CustomerRead.code": "QINGHE",
    "CustomerSummary.code": "QINGHE",
    "customer_code": "QINGHE",
    "RfmSummary.currency": "CNY",
    "RfmSummary.definition": "rfm/1",
    "DocumentState": "kept",
    "DocumentKind": "contract",
    "DocumentVersionRead.name": "青禾茶业年度服务合同-20261101-v1",
    "documents": [{"kind": "identity_proof", "project": "身份证复印件", "state": "kept", "latest": 1}],
    "DocumentVersionRead.sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "media_type": "application/pdf",
    "project": "青禾茶业年度服务合同",
    "DepartmentRead.code": "operations",
    "DepartmentRead.name": "运营部",
    "DivisionRead.name": "西湖区",
    "DivisionRead.pinyin": "xi hu qu",
    "DivisionRead.parent_code": "330100",
    "parent": "330100",
    "description": "在公共群里看到客户的收件地址截图",
    "detail": "2 号楼 301 室",
    "district": "西湖区",
    "email": "l***@example.com",
    "evidence": "上门核对营业执照",
    "filter": {"test": "division", "any_of": ["330000"]},
    "freight": "1280.00",
    "PurchaseRead.freight": [{"amount": "1280.00", "currency": "CNY"}],
    "other_currencies": ["CHF"],
    "ProposalRead.changes": {"needs": ["冷链"]},
    "ProposalRead.reason": "与客户电话核对一致",
    "RfmRead.value": 5,
    "RfmRead.name": "杭州青禾茶业有限公司",
    "rule": "customer_service",
    "SegmentRead.name": "浙江 30 天未寄件",
    "FieldVerification.note": "已与仓库主管通话",
    "VerificationRead.name": "杭州青禾茶业有限公司",
    "event_id": "scan-20261122-0815",
    "EventRead.data": {"reason": "carrier_damage"},
    "EventRead.kind": "exception.opened",
    "expires_in": 900,
    "flag": "delivery_time_unknown",
    "flags": ["delivery_time_unknown"],
    "grant_type": "password",
    "harm": "可能遭遇冒名来电",
    "HoldRead.reason": "诉讼保全",
    "idempotency-key": "order-4711",
    "if-match": '"3"',
    "ImportRead.filename": "客户名单.csv",
    "FileColumn.heading": "客户名称",
    "FileColumn.field": "name",
    "ColumnMappingRead.heading": "公司全称",
    "mapping": "erp-2026",
    "mapping_name": "erp-2026",
    "ImportMappingRead.name": "erp-2026",
    "external_system": "erp",
    "ImportRead.total": 1200,
    "ImportRead.read": 1200,
    "ImportRead.created": 1100,
    "ImportRead.updated": 60,
    "ImportRead.skipped": 37,
    "ImportRead.failed": 3,
    "ImportRead.removed": 0,
    "ImportRead.restored": 0,
    "ImportRead.kept": 0,
    "ImportRead.size": 96000,
    "ImportRead.state": "done",
    "ExportRead.columns": ["name", "code", "tier", "city", "owner"],
    "ExportRead.terms": {"kind": "company", "state": None, "tier": "large", "owner_id": None},
    "ExportRead.reason": "年度客户答谢会邀请名单",
    "ExportRead.note": "仅限活动邀请使用",
    "ExportRead.rows": 320,
    "ExportRead.size": 48000,
    "ExportRead.state": "ready",
    "on_match": "update",
    "after": 0,
    "instance": "/v1/shipments",
    "JobRead.done": 40,
    "JobRead.total": 120,
    "Jwk.alg": "ES256",
    "Jwk.kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    "Jwk.x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "Jwk.y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "kinds": ["姓名", "收件地址"],
    "kpi": "on_time",
    "label": "运输中",
    "leg_no": 1,
    "list": "kuaidi100",
    "lists": ["native", "kuaidi100"],
    "location": "成都武侯营业部",
    "measures": "已冻结账号并更换密钥",
    "MenuEntry.code": "operations",
    "MenuEntry.label": "运营",
    "name": "李明",
    "CarrierCodeRead.name": "破损",
    "CarrierSourceRead.name": "快递100",
    "ClientRead.name": "青禾门户",
    "ClientSecret.name": "青禾门户",
    "ContactRead.name": "王**",
    "CustomerRead.name": "杭州青禾茶业有限公司",
    "CustomerSummary.name": "杭州青禾茶业有限公司",
    "needs": ["冷链", "次日达"],
    "not_found": ["SF0000000000000"],
    "identity": "核对预留手机号与身份证后四位",
    "outcome": "已更正联系电话",
    "PrivacyCopy.notes": [{"text": "偏好上午揽收", "created_at": "2026-11-01T01:00:00Z"}],
    "PrivacyCopy.orders": [{"number": "O-2026-000123", "state": "accepted"}],
    "PrivacyCopy.shipments": [{"tracking_no": "SF7444496931331", "status": "delivered"}],
    "note": "已联系收件人，明日再派",
    "OpenException.label": "破损",
    "operation": "GET /v1/customers/{customer_id}",
    "parcels": [{"description": "茶叶", "weight_kg": "2.5", "pieces": 2}],
    "password": "a long pass phrase",
    "phone": "138******00",
    "PointWhole.value": "13800000000",
    "postcode": "310000",
    "province": "浙江省",
    "reason": "carrier_damage",
    "reason_code": "",
    "recipient": _PERSON,
    "reference": "PO-2026-118",
    "refresh_token": "works-once",
    "resolution": "redelivered",
    "role": "operations",
    "ContactRead.role": "物流经理",
    "scope": "customers:read shipments:read",
    "scopes": ["customers:read", "shipments:read"],
    "sender": _PERSON,
    "Service": "inter_city",
    "Severity": "high",
    "ShipmentStatus": "in_transit",
    "slug": "not-found",
    "source": "kuaidi100",
    "CarrierCodeRead.source": "快递100 接口文档 2026-11",
    "CustomerRead.source": "市场调研",
    "CustomerSummary.source": "市场调研",
    "sources": ["native", "kuaidi100"],
    "status_label": "运输中",
    "street": "演示路 8 号",
    "subject_type": "delivery_exception",
    "text": "快递员：李** ***",
    "title_en": "Not found",
    "title_zh": "未找到",
    "token": "works-once",
    "external_id": "KH-20461",
    "ExternalIdRead.system": "erp",
    "ConsentRead.evidence": "签约时勾选，合同第 12 条",
    "NoteRead.text": "旺季前希望提前两周通知排期",
    "GrantRead.reason": "休假代班",
    "TeamRead.code": "east",
    "TeamRead.name": "华东大客户组",
    "TimelineEntry.kind": "customer.transferred",
    "TimelineEntry.label": "转移客户",
    "TimelineEntry.data": {"fields": ["needs"]},
    "TimelineEntry.subject_type": "customer",
    "Facet.value": "company",
    "ContactPointRead.label": "仓库",
    "system": "erp",
    "kind": "customer.transferred",
    "phone_suffix": "0000",
    "tracking_no": "SF7444496931331",
    "tracking_nos": ["SF7444496931331"],
    "ProblemType.status": 404,
    "ProblemType.type": "/problems/not-found",
    "Ratio.value": 0.95,
    "OnTimeRead.value": 0.95,
    "username": "li.ming",
    "value": 0.95,
    "version": 3,
}
"""By field, or by `Model.field` where that one differs."""

_DAMAGE = {
    "source": "kuaidi100",
    "tracking_no": "SF7444496931331",
    "code": "209",
    "occurred_at": "2026-11-22T09:40:00+08:00",
    "text": "包裹破损，正在联系寄件人",
}

BODIES = {
    "push_delivery_exception": _DAMAGE,
    "push_delivery_exceptions": {"items": [_DAMAGE]},
}
"""Where an operation needs another body than its schema's own example."""

NOT_YET = frozenset(
    {
        "closed_at",
        "closed_by",
        "disabled_at",
        "error",
        "errors",
        "finding",
        "head_id",
        "lift_reason",
        "lifted_at",
        "lifted_by",
        "undo_state",
        "next_cursor",
        "problem",
        "refused_on",
        "untold_because",
        "valid_until",
    }
)
"""Fields that are null in an example: what they tell of has not come to pass."""

SERVERS_OWN = frozenset({"cursor"})
"""Parameters that only the server makes values of."""


def add(spec: dict[str, Any]) -> None:
    """Show each parameter, body and good answer by an example."""
    write = _Writer(spec["components"]["schemas"])
    for methods in spec["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] not in SERVERS_OWN:
                    parameter["example"] = write.value(parameter["schema"], "", parameter["name"])
            body = BODIES.get(operation["operationId"])
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content["example"] = body or write.value(content["schema"])
            for status, answer in operation["responses"].items():
                for content in answer.get("content", {}).values() if status[0] == "2" else ():
                    content["example"] = write.value(content["schema"])


class _Writer:
    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def value(self, schema: dict[str, Any], model: str = "", field: str = "") -> Any:
        """The word for just this, else the schema's own example, else what its type suggests."""
        if (exact := f"{model}.{field}") in WORDS:
            return WORDS[exact]
        if "examples" in schema:
            return schema["examples"][0]
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return WORDS[name] if name in WORDS else self.value(self._schemas[name], name)
        if "anyOf" in schema:
            return None if field in NOT_YET else self.value(schema["anyOf"][0], model, field)
        return self._typed(schema, model, field)

    def _typed(self, schema: dict[str, Any], model: str, field: str) -> Any:
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        if field in WORDS and schema["type"] != "boolean":
            return WORDS[field]
        return self._plain(schema, model, field)

    def _plain(self, schema: dict[str, Any], model: str, field: str) -> Any:
        if schema["type"] in PLAIN:
            return PLAIN[schema["type"]]
        if schema["type"] == "array":
            return [self.value(schema["items"], model, field)]
        if "properties" in schema:
            return {name: self.value(each, model, name) for name, each in schema["properties"].items()}
        raise LookupError(f"WORDS has none for {model}.{field}")
