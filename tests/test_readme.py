"""What README.md and docs/ say is so: the tour runs word for word, and what they name exists."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from app.cli import app as crm
from app.database import driver_connection, owner_engine
from app.settings import Settings
from tests.servers import PATIENCE_S, a_free_port, up
from tests.system import System

HOUSE = Path(__file__).parent.parent
README = (HOUSE / "README.md").read_text("utf-8")
OPERATIONS = (HOUSE / "docs" / "operations.md").read_text("utf-8")
SEPARATOR = "\x1e"


def section(title: str) -> str:
    """The text under a heading, down to the next one of its rank."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def blocks(text: str) -> list[tuple[str, str]]:
    """Each fenced `sh` block, with the `text` block that shows what comes out of it."""
    found: list[tuple[str, str]] = []
    for language, content in re.findall(r"^```(sh|text)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language == "sh":
            found.append((content, ""))
        else:
            found[-1] = (found[-1][0], content)
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """`crm up --demo` as `make run` starts it, and the environment that leads the tour to it."""
    directory, port = tmp_path_factory.mktemp("demo"), a_free_port()
    with up(directory, port, "--demo"):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        credentials = directory / "data" / "demo-credentials.json"
        yield inherited | {"URL": f"http://127.0.0.1:{port}", "CREDENTIALS": str(credentials)}


def test_the_tour_runs_and_shows_what_it_says(demo: dict[str, str], tmp_path: Path) -> None:
    tour = blocks(section("Five minutes"))
    assert len(tour) > 5
    script = f"printf '{SEPARATOR}'\n".join(["set -euo pipefail\n", *(commands for commands, _ in tour)])
    file = tmp_path / "tour.sh"
    file.write_text(script, "utf-8")
    done = subprocess.run(
        ["bash", file], cwd=HOUSE, env=demo, check=False, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split(SEPARATOR)[1:]
    for (commands, expected), came in zip(tour, shown, strict=True):
        pattern = re.escape(expected).replace("…", ".*")
        assert re.fullmatch(pattern, came), f"{commands}\ngave\n{came}\nand not\n{expected}"


def test_the_demo_credentials_name_every_role_and_the_three_machines(demo: dict[str, str]) -> None:
    known = json.loads(Path(demo["CREDENTIALS"]).read_text("utf-8"))
    assert {"marketing", "operations", "auditor", "admin"} <= known["users"].keys()
    assert known["clients"].keys() == {"dispatch", "partner_a", "partner_b"}


def test_whatever_the_map_of_the_house_names_exists() -> None:
    rows = re.findall(r"^\| (`.+?) \|", section("The map of the house"), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(named) > 15
    assert [name for name in named if not (HOUSE / name).exists()] == []


def test_the_map_shows_every_room_of_the_house() -> None:
    rooms = [
        path for path in HOUSE.iterdir() if path.is_dir() and not path.name.startswith((".", "_", "build"))
    ]
    shown = section("The map of the house")
    kept = [path.name for path in rooms if any(path.rglob("*.*")) and not path.name.endswith(".egg-info")]
    assert [name for name in kept if f"`{name}/" not in shown] == []


def test_every_make_target_the_readme_names_is_in_make_help() -> None:
    listed = subprocess.run(["make", "help"], cwd=HOUSE, check=True, capture_output=True, text=True).stdout
    targets = set(re.findall(r"^make (\w+)", listed, re.MULTILINE))
    named = set(re.findall(r"\bmake (\w+)", code(README)))
    assert {"run", "test", "lint", "help"} <= named <= targets


def test_every_crm_command_that_is_written_down_exists() -> None:
    text = README + "".join(path.read_text("utf-8") for path in (HOUSE / "docs").rglob("*.md"))
    named = set(re.findall(r"(?<![=\w])crm ([a-z]+)(?: ((?:add|list|disable|rotate)[a-z-]*))?", code(text)))
    assert {("up", ""), ("serve", ""), ("migrate", ""), ("user", "add"), ("client", "add")} <= named
    known = set()
    for name, command in get_command(crm).commands.items():  # type: ignore[attr-defined]
        known |= {(name, "")} | {(name, each) for each in getattr(command, "commands", ())}
    assert named - known == set()


async def test_every_query_in_the_documents_runs(empty_system: System) -> None:
    queries = re.findall(r"^```sql\n(.*?)^```$", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert len(queries) > 4
    owner = owner_engine(empty_system.settings)
    async with owner.begin() as connection:
        for query in queries:
            await (await driver_connection(connection)).execute(query)
    await owner.dispose()


def code(text: str) -> str:
    """What stands in code spans, fences and indented lines, and is no prose."""
    fence, indented, span = r"```.*?```", r"^ {4}.+", r"`[^`]+`"
    prose = re.sub(fence, "", text, flags=re.DOTALL)
    spans = [" ".join(each.split()) for each in re.findall(span, prose)]
    fences = re.findall(fence, text, re.DOTALL)
    return "\n".join([*fences, *spans, *re.findall(indented, prose, re.MULTILINE)])


def test_operations_names_every_setting() -> None:
    variables = [f"CRM_{name.upper()}" for name in Settings.model_fields]
    assert [name for name in variables if f"`{name}`" not in OPERATIONS] == []


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    documents = [HOUSE / "README.md", HOUSE / ".env.example", HOUSE / "compose.yaml", HOUSE / "Dockerfile"]
    text = "".join(path.read_text("utf-8") for path in [*documents, *(HOUSE / "docs").rglob("*.md")])
    known = {f"CRM_{name.upper()}" for name in Settings.model_fields}
    of_the_examples = {"CRM_CLIENT_ID", "CRM_CLIENT_SECRET"}
    assert set(re.findall(r"\bCRM_[A-Z_]*[A-Z]", text)) - known - of_the_examples == set()


def test_every_decision_stands_in_the_list_of_decisions() -> None:
    directory = HOUSE / "docs" / "decisions"
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (directory / "README.md").read_text("utf-8")))
    assert listed == {path.name for path in directory.glob("*.md")} - {"README.md"}


def test_every_link_in_the_documents_leads_somewhere() -> None:
    for document in (HOUSE / "README.md", HOUSE / "CHANGELOG.md", *(HOUSE / "docs").rglob("*.md")):
        links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text("utf-8"))
        assert [link for link in links if not (document.parent / link).exists()] == [], document.name


# --- The image ----------------------------------------------------------------------------------------


def test_the_image_is_made_of_what_dockerignore_lets_in_and_of_nothing_else() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (HOUSE / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    needed = {name for names in copied for name in names.split()}
    rules = (HOUSE / ".dockerignore").read_text("utf-8").splitlines()
    assert rules[1] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == needed
    assert [name for name in needed if not (HOUSE / name).exists()] == []


def test_compose_runs_commands_that_exist_on_settings_that_exist() -> None:
    compose = yaml.safe_load((HOUSE / "compose.yaml").read_text("utf-8"))
    commands = [service["command"] for service in compose["services"].values() if "command" in service]
    assert sorted(commands) == [["crm", "migrate"], ["crm", "worker"]]
    assert 'CMD ["crm", "serve"]' in (HOUSE / "Dockerfile").read_text("utf-8")
    example = (HOUSE / ".env.example").read_text("utf-8")
    asked = set(re.findall(r"\$\{(\w+):", (HOUSE / "compose.yaml").read_text("utf-8")))
    given = set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    required = {f"CRM_{name.upper()}" for name, field in Settings.model_fields.items() if field.is_required()}
    assert asked | required - {"CRM_DATABASE_URL"} <= given
