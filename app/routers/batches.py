"""Batches: every item read, applied and answered on its own."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, CourierError
from app.routers.problems import document, validation_problem

Item = TypeVar("Item", bound=BaseModel)


def place(index: int) -> tuple[str, str, int]:
    """Where an item of a batch stands in the request."""
    return "body", "items", index


def read(request: Request, raw: Any, index: int, schema: type[Item]) -> Item | dict[str, Any]:
    """The item, or the problem with it."""
    try:
        return schema.model_validate(raw)
    except ValidationError as error:
        return validation_problem(error, request, place(index))


def problem(request: Request, error: CourierError, index: int) -> dict[str, Any]:
    """The problem document of one item; its pointers lead into the batch."""
    body = document(error, request)
    for field in body.get("errors", []):
        field["pointer"] = field["pointer"].replace("/body/", f"/body/items/{index}/", 1)
    return body


async def answer_each(
    request: Request,
    session: AsyncSession,
    items: Sequence[Any],
    schema: type[Item],
    apply: Callable[[Item], Awaitable[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """Apply each item in a savepoint of its own; one that is refused changes nothing and stops nobody."""
    results = []
    for index, raw in enumerate(items):
        item = read(request, raw, index, schema)
        if isinstance(item, dict):
            results.append({"index": index, "result": "rejected", "problem": item})
            continue
        try:
            async with session.begin_nested():
                results.append({"index": index, **await apply(item)})
        except CourierError as error:
            results.append({"index": index, "result": "rejected", "problem": problem(request, error, index)})
        except IntegrityError:
            clash = Conflict("It contradicts what is stored.", "与已有数据冲突。")
            results.append({"index": index, "result": "rejected", "problem": problem(request, clash, index)})
    return results
