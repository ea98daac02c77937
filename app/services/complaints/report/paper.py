"""Sets a report as a PDF: the same content gives the same bytes, and nothing is fetched from anywhere."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import resources
from math import ceil
from typing import Any

from app.clock import ZONE
from app.models.clock import Verdict

HOUSE = "投诉处理档案"
EVENTS, DUES = 6, 5
"""Marks that the picture has room for, on either side of the line."""
TICKS = 10
_YES = {True: "是", False: "否", None: "—"}


def typeset(report: Mapping[str, Any]) -> bytes:
    """The PDF of a report, in a tenth of a second of one core.

    It has `number`, `version`, `sha256`, `content`, and, if it is confirmed, `confirmed_at` and `confirmed_by`.
    """
    import typst  # noqa: PLC0415  # 40 MB that nobody needs who prints nothing

    template = resources.files("app.services.complaints.report").joinpath("paper.typ").read_bytes()
    data = json.dumps(_paper(report), ensure_ascii=False)
    with resources.as_file(resources.files("app.reference").joinpath("fonts")) as folder:
        fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)]
        )
    made_at = int(_instant(report["content"]["composed_at"]).timestamp())
    pdf = typst.compile(template, font_paths=fonts, sys_inputs={"data": data}, timestamp=made_at)
    return bytes(pdf)


def _paper(report: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that is printed, in words."""
    content = report["content"]
    confirmed_at = report.get("confirmed_at")
    return {
        "title": "客户投诉处理报告",
        "house": HOUSE,
        "number": report["number"],
        "version": str(report["version"]),
        "sha256": report["sha256"],
        "draft": confirmed_at is None,
        "composed": _when(content["composed_at"]),
        "confirmed_at": _when(confirmed_at),
        "confirmed_by": report.get("confirmed_by") or "尚未确认",
        "registration": _registration(content),
        "consignments": [_consignment(each) for each in content["consignments"]],
        "timeline": _picture(content),
        "clocks": [_clock(each) for each in content["clocks"]],
        "answers": [_answer(each) for each in content["answers"]],
        "call_backs": [_call_back(each) for each in content["call_backs"]],
        "closing": content["closing"] and _closing(content["closing"]),
        "events": [(_when(each["at"]), each["event"]["zh"]) for each in content["timeline"]],
    }


def _registration(content: Mapping[str, Any]) -> list[tuple[str, ...]]:
    case, who, handling = content["complaint"], content["complaint"]["complainant"], content["handling"]
    return [
        ("投诉编号", case["number"], "受理轮次", f"第 {case['cycle']} 轮"),
        ("投诉类别", case["category"]["zh"], "严重程度", case["severity"]["zh"]),
        ("受理渠道", case["channel"]["zh"], "受理时间", _when(case["received_at"])),
        ("投诉人", who["name"], "联系电话", who["phone"] or "—"),
        ("投诉人身份", who["role"]["zh"], "有权索赔", _YES[who["has_authority"]]),
        ("客户", case["customer"] or "—", "诉求", case["remedy_sought"]),
        ("处理人", handling["handler"] or "—", "处理班组", handling["team"] or "—"),
        ("投诉内容", case["description"]),
    ]


def _consignment(consignment: Mapping[str, Any]) -> list[str]:
    ends = [consignment["origin"], consignment["destination"]]
    return [
        consignment["tracking_no"],
        _word(consignment["service"]),
        _word(consignment["status"]),
        " → ".join(each or "—" for each in ends) if any(ends) else "—",
        _when(consignment["promised_at"]),
        _when(consignment["delivered_at"]),
    ]


def _clock(clock: Mapping[str, Any]) -> list[str]:
    return [
        clock["kind"]["zh"],
        clock["metric"]["zh"],
        _when(clock["due_at"]),
        _when(clock["stopped_at"]),
        clock["verdict"]["zh"],
    ]


def _answer(answer: Mapping[str, Any]) -> dict[str, Any]:
    facts = [
        ("告知时间", _when(answer["told_at"]), "告知渠道", answer["channel"]["zh"]),
        ("责任方", answer["liable_party"]["zh"], "根本原因", answer["root_cause"]["zh"]),
        ("答复人", answer["answered_by"] or "—", "答复次序", f"第 {answer['number']} 次"),
    ]
    return {"facts": facts} | {name: answer[name] for name in ("finding", "remedy", "text")}


def _call_back(made: Mapping[str, Any]) -> list[str]:
    accepted = {True: "认可", False: "不认可", None: "—"}[made["accepted"]]
    return [
        _when(made["attempted_at"]),
        made["method"]["zh"],
        _YES[made["reached"]],
        accepted,
        made["note"] or "",
    ]


def _closing(closing: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            "申请时间",
            _when(closing["requested_at"]),
            "内部途径",
            "已穷尽" if closing["means_exhausted"] else "未穷尽",
        ),
        ("申诉权告知", "已告知客户可向邮政管理部门申诉（12305）" if closing["told_of_appeal"] else "未告知"),
        ("理由", closing["reason"]),
    ]


def _picture(content: Mapping[str, Any]) -> dict[str, Any]:
    """Marks and ticks, each with its place between the first instant and the last, from 0 to 1."""
    events, dues = _events(content), _dues(content)
    instants = [_instant(each["when"]) for each in (*events, *dues)]
    first, last = min(instants), max(instants)
    whole = max(last - first, timedelta(hours=1))
    for each in (*events, *dues):
        each["at"] = (_instant(each["when"]) - first) / whole
        each["when"] = _when(each["when"], short=True)
    return {"events": events, "dues": dues, "ticks": _ticks(first, whole)}


def _events(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What everybody asks for: came in, acknowledged, assigned, answered, called back; the latest, if they are many."""
    case = content["complaint"]
    found = [_mark("受理", case["received_at"]), _mark("确认", case["acknowledged_at"])]
    found += [
        _mark("分派", each["at"])
        for each in content["timeline"]
        if each["event"]["code"] == "complaint.assigned"
    ][:1]
    late = Verdict.BREACHED in {
        each["verdict"]["code"] for each in content["clocks"] if each["metric"]["code"] == "resolution"
    }
    found += [_mark("答复", each["told_at"], "bad" if late else "good") for each in content["answers"]]
    tone = {True: "good", False: "bad", None: "plain"}
    found += [
        _mark(f"{each['method']['zh']}回访", each["attempted_at"], tone[each["accepted"]])
        for each in content["call_backs"]
    ]
    ordered = sorted((each for each in found if each["when"]), key=lambda each: _instant(each["when"]))
    return ordered if len(ordered) <= EVENTS else [ordered[0], *ordered[1 - EVENTS :]]


def _dues(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    tones = {Verdict.MET: "good", Verdict.BREACHED: "bad"}
    found = [
        _mark(
            f"{each['kind']['zh']}·{each['metric']['zh']}",
            each["due_at"],
            tones.get(each["verdict"]["code"], "due"),
        )
        for each in content["clocks"]
        if each["due_at"]
    ]
    return sorted(found, key=lambda each: _instant(each["when"]))[-DUES:]


def _mark(label: str, when: str | None, tone: str = "plain") -> dict[str, Any]:
    return {"label": label, "when": when, "tone": tone}


def _ticks(first: datetime, whole: timedelta) -> list[dict[str, Any]]:
    """The beginnings of days, in Shanghai, as far apart as leaves room to read them."""
    days = whole // timedelta(days=1) + 1
    apart = max(ceil(days / TICKS), 1)
    midnight = first.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    found = [midnight + timedelta(days=each) for each in range(1, days + 1, apart)]
    return [
        {"at": (each - first) / whole, "label": f"{each.month}/{each.day}"}
        for each in found
        if 0 <= (each - first) / whole <= 1
    ]


def _word(term: Mapping[str, str] | None) -> str:
    return "—" if term is None else term["zh"]


def _when(instant: str | None, *, short: bool = False) -> str:
    if instant is None:
        return "—"
    return _instant(instant).astimezone(ZONE).strftime("%m-%d %H:%M" if short else "%Y-%m-%d %H:%M")


def _instant(text: Any) -> datetime:
    return text if isinstance(text, datetime) else datetime.fromisoformat(text)
