"""What there is, is written down: problem types have their pages, targets their line in `make help`.

Settings, decisions, commands and links are held by test_readme.py; metrics, roles and rights by test_documents.py;
kinds of event and all other words by test_promises_words.py.
"""

import re
import subprocess
from pathlib import Path

from app.errors import CourierError
from app.routers.problem_texts import PLAIN
from app.routers.problem_types import catalogue
from app.routers.problems import STATUS
from tests.system import System

HOUSE = Path(__file__).parent.parent


def kinds_of(error: type[CourierError]) -> set[type[CourierError]]:
    return {error}.union(*(kinds_of(child) for child in error.__subclasses__()))


def test_every_error_there_is_has_a_status_a_slug_and_a_title_in_both_languages() -> None:
    errors = kinds_of(CourierError) - {CourierError}
    assert errors == STATUS.keys()
    for error in errors:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.slug)
        assert error.title.en.isascii()
        assert not error.title.zh.isascii()


async def test_every_type_of_problem_has_its_page(system: System) -> None:
    slugs = {error.slug for error in STATUS} | {slug for slug, _, _ in PLAIN.values()}
    assert catalogue().keys() == slugs
    listed = {entry["type"]: entry for entry in (await system.http.get("/problems")).json()}
    assert listed.keys() == {f"/problems/{slug}" for slug in slugs}
    for place, entry in listed.items():
        assert (await system.http.get(place)).json() == entry
        assert entry["title_en"].isascii()
        assert not entry["title_zh"].isascii()


def test_every_target_of_the_makefile_is_in_make_help() -> None:
    """A file that is made stands behind a pattern or a path; every word alone is for people."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (HOUSE / "Makefile").read_text("utf-8"), re.MULTILINE))
    told = subprocess.run(["make", "help"], cwd=HOUSE, check=True, capture_output=True, text=True).stdout
    assert targets == set(re.findall(r"^make ([\w-]+)", told, re.MULTILINE))
