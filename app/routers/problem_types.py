"""Where the `type` of a problem document leads: what it means and what to do."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from app.errors import CourierError, NotFound
from app.routers.problem_texts import PLAIN
from app.routers.problems import STATUS

router = APIRouter()


class ProblemType(BaseModel):
    type: str
    status: int
    title_en: str
    title_zh: str


def catalogue() -> dict[str, ProblemType]:
    """Every problem type that the API answers with, by its slug."""
    found = {slug: _entry(slug, status, title.en, title.zh) for status, (slug, title, _) in PLAIN.items()}
    named: list[tuple[type[CourierError], int]] = sorted(STATUS.items(), key=lambda item: item[1])
    return found | {
        error.slug: _entry(error.slug, status, error.title.en, error.title.zh) for error, status in named
    }


def _entry(slug: str, status: int, en: str, zh: str) -> ProblemType:
    return ProblemType(type=f"/problems/{slug}", status=status, title_en=en, title_zh=zh)


@router.get("/problems", summary="List problem types", tags=["problems"])
async def list_problem_types() -> list[ProblemType]:
    """The `type` of every problem document is one of these."""
    return sorted(catalogue().values(), key=lambda entry: entry.status)


@router.get("/problems/{slug}", summary="Read a problem type", tags=["problems"], responses={404: {}})
async def get_problem_type(slug: Annotated[str, Path(max_length=64)]) -> ProblemType:
    """What the slug of a problem's `type` stands for."""
    entry = catalogue().get(slug)
    if entry is None:
        raise NotFound
    return entry
