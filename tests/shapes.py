"""The one shape that every error has."""

import httpx

from app.routers.problem_types import catalogue

MEMBERS = {"type", "title", "status", "detail", "instance", "trace_id"}

MORE: dict[str, set[str]] = {
    "validation": {"errors"},
    "conflict": {"errors", "constraint"},
    "illegal-transition": {"current", "allowed"},
    "forbidden": {"missing_scopes", "errors"},
    "sign-in-failed": {"error"},
}
"""What a problem of a type may tell besides; the others tell nothing more."""

HEADERS = {401: "www-authenticate", 405: "allow", 429: "retry-after", 503: "retry-after"}


def faults(answer: httpx.Response, status: int, slug: str | None = None) -> list[str]:
    """What is wrong with the answer, if it should be this problem, or any with this status."""
    if answer.status_code != status or answer.headers["content-type"] != "application/problem+json":
        return [f"{answer.status_code} {answer.headers['content-type']} {answer.text}"]
    body = answer.json()
    slug = slug or body["type"].removeprefix("/problems/")
    entry = catalogue()[slug]
    title = entry.title_en if answer.headers["content-language"] == "en" else entry.title_zh
    expected = {
        "type": entry.type,
        "title": title,
        "status": entry.status,
        "instance": answer.request.url.path,
        "trace_id": answer.headers["x-request-id"],
    }
    found = [f"{name} is {body.get(name)}" for name, value in expected.items() if body.get(name) != value]
    found += [f"says {name}" for name in body.keys() - MEMBERS - MORE.get(slug, set())]
    found += [] if body.get("detail") else ["no detail"]
    found += [] if answer.headers.get("cache-control") == "no-store" else ["may be cached"]
    found += [] if HEADERS.get(status, "content-type") in answer.headers else [f"no {HEADERS[status]}"]
    return found
