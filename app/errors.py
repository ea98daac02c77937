"""What can go wrong, as nouns; how it travels over HTTP is `routers/problems.py`'s business alone."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Text:
    """The same sentence in both languages of the house."""

    en: str
    zh: str


class CourierError(Exception):
    """Anything a caller did or met that the system has a name for.

    `pointer` is a JSON pointer to the offending field; `extra` goes into the problem document as it is.
    """

    slug: ClassVar[str]
    title: ClassVar[Text]

    def __init__(self, en: str, zh: str, *, pointer: str | None = None, **extra: object) -> None:
        super().__init__(en)
        self.detail = Text(en, zh)
        self.pointer = pointer
        self.extra = extra


class NotFound(CourierError):
    slug = "not-found"
    title = Text("Not found", "未找到")

    def __init__(self, en: str = "There is no such resource.", zh: str = "没有这个资源。") -> None:
        super().__init__(en, zh)


class Unauthenticated(CourierError):
    slug = "unauthenticated"
    title = Text("Not signed in", "未登录")

    def __init__(self, en: str = "Bring a valid access token.", zh: str = "请携带有效的访问令牌。") -> None:
        super().__init__(en, zh)


class Forbidden(CourierError):
    slug = "forbidden"
    title = Text("Not allowed", "无权操作")


class Conflict(CourierError):
    slug = "conflict"
    title = Text("Conflict", "冲突")


class UnderWay(Conflict):
    """The same request is being handled at this moment; its answer can be had a little later."""

    retry_after = 1


class Duplicate(Conflict):
    """It is there already, or so it seems; `candidates` says who, as far as the caller may know of them."""

    slug = "duplicate"
    title = Text("Possible duplicate", "疑似重复")


class IllegalTransition(Conflict):
    """The state graph has no such move; `allowed` names the moves it has."""

    slug = "illegal-transition"
    title = Text("Illegal move", "状态不允许")


class Invalid(CourierError):
    """Well-formed, but a field's value can't be used."""

    slug = "validation"
    title = Text("Invalid input", "输入无效")


class NoWorkingTime(CourierError):
    """The calendar has too little working time left for what should become due by it."""

    slug = "no-working-time"
    title = Text("No working time in reach", "没有可用的工作时间")

    def __init__(self, pointer: str | None = None) -> None:
        super().__init__(
            "By this calendar that is not reached by the end of 2199: it has no working time in reach.",
            "按此日历到 2199 年底仍无法到期：没有可用的工作时间。",
            pointer=pointer,
        )


class KeyReused(CourierError):
    slug = "idempotency-key-reused"
    title = Text("Idempotency key reused", "幂等键被重复使用")


class Stale(CourierError):
    slug = "stale"
    title = Text("Changed meanwhile", "已被修改")


class PreconditionRequired(CourierError):
    slug = "precondition-required"
    title = Text("Precondition required", "缺少前置条件")


class TooManyRequests(CourierError):
    slug = "too-many-requests"
    title = Text("Too many requests", "请求过多")

    def __init__(self, en: str, zh: str, *, retry_after: int) -> None:
        super().__init__(en, zh)
        self.retry_after = retry_after


class SignInFailed(CourierError):
    """RFC 6749, section 5.2; `error` is one of its codes."""

    slug = "sign-in-failed"
    title = Text("Sign-in failed", "登录失败")

    def __init__(self, error: str, en: str, zh: str) -> None:
        super().__init__(en, zh, error=error)
        self.error = error
