"""What problem documents say where the error itself brings no words, in both languages."""

from app import errors
from app.errors import Text

PLAIN: dict[int, tuple[str, Text, Text]] = {
    400: (
        "bad-request",
        Text("Bad request", "请求无效"),
        Text("The body can't be read.", "无法读取请求体。"),
    ),
    404: ("not-found", errors.NotFound.title, Text("There is no such resource.", "没有这个资源。")),
    405: (
        "method-not-allowed",
        Text("Method not allowed", "方法不允许"),
        Text("See Allow.", "见 Allow 头。"),
    ),
    413: (
        "too-large",
        Text("Body too large", "请求体过大"),
        Text("Send at most 1 MiB at once; split the batch.", "单次最多 1 MiB，请拆分批次。"),
    ),
    415: (
        "unsupported-media-type",
        Text("Unsupported media type", "不支持的类型"),
        Text("Send JSON.", "请发送 JSON。"),
    ),
    500: (
        "internal",
        Text("Internal error", "内部错误"),
        Text(
            "It is our fault and was logged; quote the trace_id.", "这是我们的错误，已记录；请提供 trace_id。"
        ),
    ),
    503: (
        "unavailable",
        Text("Temporarily unavailable", "暂时不可用"),
        Text(
            "Nothing was changed, or the outcome is unknown: repeat with the same Idempotency-Key.",
            "未作更改或结果未知：请携带相同的 Idempotency-Key 重试。",
        ),
    ),
}

VALIDATION = Text("The request has {count} invalid field(s).", "请求中有 {count} 个字段无效。")

CHINESE: dict[str, str] = {
    "missing": "缺少必填字段",
    "extra_forbidden": "不认识的字段",
    "string_type": "应为字符串",
    "string_too_short": "长度至少为 {min_length}",
    "string_too_long": "长度最多为 {max_length}",
    "string_pattern_mismatch": "格式应为 {pattern}",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_parsing_size": "整数过大",
    "int_from_float": "应为整数",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "decimal_type": "应为数字",
    "bool_type": "应为布尔值",
    "bool_parsing": "应为布尔值",
    "list_type": "应为数组",
    "dict_type": "应为对象",
    "model_attributes_type": "应为对象",
    "model_type": "应为对象",
    "refused": "{zh}",
    "too_long": "最多 {max_length} 项",
    "too_short": "至少 {min_length} 项",
    "enum": "应为以下之一：{expected}",
    "literal_error": "应为以下之一：{expected}",
    "uuid_parsing": "应为 UUID",
    "uuid_type": "应为 UUID",
    "datetime_parsing": "应为带时区偏移的 RFC 3339 时间",
    "datetime_from_date_parsing": "应为带时区偏移的 RFC 3339 时间",
    "datetime_type": "应为带时区偏移的 RFC 3339 时间",
    "timezone_aware": "时间必须带时区偏移",
    "date_type": "应为日期",
    "date_parsing": "应为日期",
    "date_from_datetime_inexact": "应为日期，不带时间",
    "date_from_datetime_parsing": "应为日期",
    "greater_than_equal": "不得小于 {ge}",
    "less_than_equal": "不得大于 {le}",
    "value_error": "值无效：{error}",
}
