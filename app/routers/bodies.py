"""What a request's body may be: so large, of this type, and JSON as strict as RFC 8259 allows."""

import json
import re
from collections.abc import Iterable, Mapping
from math import isinf
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEEPEST = 64
"""Levels of nesting; what reads the JSON later would give up at some two hundred."""

_JSON = re.compile(r"application/([a-z0-9.-]+\+)?json\s*(;|$)", re.IGNORECASE)
_CONTAINERS = frozenset({dict, list})
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class BodyLimit:
    """Refuses a body with 413 before it is read, where its length is announced, or else as it grows.

    `larger` are patterns of method and path, with limits of their own.
    """

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[str, int]) -> None:
        self._app, self._limit = app, limit
        self._larger = {re.compile(pattern): most for pattern, most in larger.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        called = f"{scope['method']} {scope['path']}"
        larger = (most for pattern, most in self._larger.items() if pattern.fullmatch(called))
        size, limit = 0, next(larger, self._limit)

        async def receive_within_limit() -> Message:
            nonlocal size
            if _announced(scope) > limit:
                raise HTTPException(413)
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_within_limit, send)


def _announced(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


class StrictRequest(Request):
    """Takes only JSON that can be stored and given back as it came.

    No duplicate names, no NaN or infinity, no NUL, no half characters, no numbers of thousands of digits.
    """

    async def read_json(self) -> None:
        """Read the body ahead. Raises 415 for another type, `RequestValidationError` for what is refused."""
        body = await self.body()
        if not body:
            return
        if not _JSON.match(self.headers.get("content-type", "")):
            raise HTTPException(415)
        try:
            self._json = _read(body)
        except Refused as refused:
            context = {"en": refused.args[0], "zh": refused.args[1]}
            problem = {"type": "refused", "loc": ("body",), "msg": context["en"], "ctx": context}
            raise RequestValidationError([problem]) from None


class Refused(ValueError):
    """Not JSON of the strict kind: why, in English and in Chinese."""


def _read(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        at = error.lineno, error.colno
        raise Refused(
            f"no JSON from line {at[0]}, column {at[1]} on", f"第 {at[0]} 行第 {at[1]} 列起不是 JSON"
        ) from None
    except UnicodeDecodeError:
        raise Refused("the body is not UTF-8", "请求体不是 UTF-8") from None
    except UnicodeEncodeError:
        raise Refused("a string holds half a character", "字符串含有不完整的字符") from None
    except RecursionError:
        raise _too_deep() from None
    except Refused:
        raise
    except ValueError:  # an integer of thousands of digits
        raise Refused("a number is too long", "数字过长") from None
    if "\\u0000" in text and _NUL.search(text):
        raise Refused("a string holds a NUL", "字符串含有 NUL")
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(value):
        raise _too_deep()
    return value


def _too_deep() -> Refused:
    return Refused(f"nested deeper than {DEEPEST} levels", f"嵌套超过 {DEEPEST} 层")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("an object names a member twice", "对象中有重复的成员名")
    return found


def _float(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise Refused("a number is too large", "数字过大")
    return number


def _constant(name: str) -> Any:
    raise Refused(f"{name} is no JSON", f"{name} 不是 JSON")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [child for each in level for child in _inside(each) if type(child) in _CONTAINERS]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()
