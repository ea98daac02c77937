"""`crm` from a terminal: what a person types works, and what they get wrong is told in a sentence."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import cli, demo, importing
from app.embedded import EmbeddedServer
from app.roles import Role
from tests.servers import PATIENCE_S, a_free_port, crm, is_ready, up
from tests.system import System, a_customer, a_number

ROLES = {role.value for role in Role} - {"dispatch", "partner"}
PASSWORD = "correct horse 电池 staple"


@dataclass
class Terminal:
    """`crm` in this process, on the database of a system: a process of its own takes seconds to start."""

    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    async def run(self, system: System, *command: str, typed: str = "") -> tuple[Any, str]:
        """The exit code and everything that was said."""
        self.patch.setattr(cli, "settings", lambda: system.settings)
        self.patch.setattr(sys, "argv", ["crm", *command])
        self.patch.setattr(sys, "stdin", io.StringIO(typed))
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            await asyncio.to_thread(cli.main)
        out, err = self.capsys.readouterr()
        return ended.value.code, out + err

    async def told(self, system: System, *command: str) -> dict[str, str]:
        code, said = await self.run(system, *command)
        assert code == 0, said
        secret: dict[str, str] = json.loads(said)
        return secret


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


async def sign_in(system: System, **form: str) -> httpx.Response:
    return await system.http.post("/v1/auth/token", data=form)


async def test_without_a_terminal_a_system_of_nobody_says_how_to_make_the_first_user(
    empty_system: System, system: System, terminal: Terminal
) -> None:
    terminal.patch.setenv("CRM_DATABASE_URL", empty_system.settings.database_url)
    assert await terminal.run(empty_system, "user", "add-first") == (
        0,
        "There is no user yet. Make the first one with: crm user add --role admin NAME\n",
    )
    await system.as_role(Role.ADMIN)
    assert await terminal.run(system, "user", "add-first") == (0, "")


async def test_a_user_added_from_the_terminal_signs_in_and_is_disabled_there(
    empty_system: System, terminal: Terminal
) -> None:
    url = empty_system.settings.database_url
    roles = ("--role", "operations", "--role", "auditor")
    added = crm("user", "add", "li.ming", *roles, "--name", "李明", url=url, standard_input=f"{PASSWORD}\n")
    assert "li.ming" in added.stdout
    assert PASSWORD not in added.stdout + added.stderr
    form = {"grant_type": "password", "username": "li.ming", "password": PASSWORD}
    first = await sign_in(empty_system, **form)
    assert first.status_code == 200
    me = {"Authorization": f"Bearer {first.json()['access_token']}"}
    answer = await empty_system.http.get("/v1/me", headers=me)
    assert {role["code"] for role in answer.json()["roles"]} == {"operations", "auditor"}
    assert "li.ming" in (await terminal.run(empty_system, "user", "list"))[1]
    assert (await terminal.run(empty_system, "user", "disable", "li.ming"))[0] == 0
    assert (await empty_system.http.get("/v1/me", headers=me)).status_code == 401
    assert (await sign_in(empty_system, **form)).status_code == 400


async def test_machines_added_from_the_terminal_sign_in_with_the_secret_told_once(
    empty_system: System, terminal: Terminal
) -> None:
    code = (await a_customer(empty_system, code="ZURICH-7"))["code"]
    add = ("client", "add", "顺丰", "--role")
    dispatch = await terminal.told(empty_system, *add, "dispatch", "--source", "native", "--source", "sf")
    partner = await terminal.told(empty_system, *add, "partner", "--customer", code)
    for client in (dispatch, partner):
        assert (await sign_in(empty_system, grant_type="client_credentials", **client)).status_code == 200
    again = await terminal.told(empty_system, "client", "rotate-secret", partner["client_id"])
    assert (await sign_in(empty_system, grant_type="client_credentials", **again)).status_code == 200
    assert (await sign_in(empty_system, grant_type="client_credentials", **partner)).status_code == 401
    _, listed = await terminal.run(empty_system, "client", "list")
    assert dispatch["client_secret"] not in listed
    assert again["client_secret"] not in listed


async def test_a_token_for_somebody_works_and_leaves_a_trace(
    empty_system: System, terminal: Terminal
) -> None:
    somebody = await empty_system.staff(Role.ADMIN)
    username = await empty_system.scalar(
        "SELECT username FROM users WHERE id = :id", id=somebody.principal.id
    )
    _, token = await terminal.run(empty_system, "token", username)
    headers = {"Authorization": f"Bearer {token.strip()}"}
    assert (await empty_system.http.get("/v1/me", headers=headers)).status_code == 200
    assert await empty_system.scalar("SELECT count(*) FROM accesses") == 1


async def test_the_demo_is_made_once_and_fits_the_pinned_shape(empty_system: System, tmp_path: Path) -> None:
    crm("demo", url=empty_system.settings.database_url, CRM_DATA_DIR=str(tmp_path))
    file = tmp_path / "demo-credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600
    credentials = json.loads(file.read_text("utf-8"))
    assert credentials.keys() == {"users", "clients"}
    assert credentials["users"].keys() == ROLES
    assert credentials["clients"].keys() == {"dispatch", "partner_a", "partner_b"}
    for user in credentials["users"].values():
        assert (await sign_in(empty_system, grant_type="password", **user)).status_code == 200
    for client in credentials["clients"].values():
        assert (await sign_in(empty_system, grant_type="client_credentials", **client)).status_code == 200
    sources = "SELECT sources FROM clients WHERE role = 'dispatch'"
    assert set(await empty_system.scalar(sources)) == {"native", "kuaidi100", "sf"}
    fewest = (
        "SELECT min(n) FROM (SELECT count(*) AS n FROM client_customers"
        " JOIN shipments USING (customer_id) GROUP BY client_id) AS counted"
    )
    assert await empty_system.scalar(fewest) >= 10
    here = empty_system.settings.model_copy(update={"data_dir": tmp_path})
    await asyncio.to_thread(demo.fill_once, here, file)
    assert await empty_system.scalar("SELECT count(*) FROM users") == len(ROLES)


def test_the_description_is_written_without_any_system_and_each_time_to_the_same_byte(tmp_path: Path) -> None:
    target = tmp_path / "v1.json"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    command = [sys.executable, "-m", "app", "openapi", str(target)]
    subprocess.run(command, env=bare, check=True)
    assert target.read_bytes() == Path("openapi/v1.json").read_bytes()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("user", "add", "x y", "--role", "admin"), "username"),
        (("user", "add", "short", "--role", "admin"), "password"),
        (("user", "add", "robot", "--role", "dispatch"), "machines"),
        (("user", "add", "who", "--role", "king"), "king"),
        (("user", "disable", "nobody"), "nobody"),
        (("client", "add", "x", "--role", "dispatch", "--source", "unheard-of"), "unheard-of"),
        (("client", "add", "x", "--role", "partner", "--customer", "NOBODY"), "no such customer"),
        (("client", "add", "x", "--role", "partner"), "customers"),
        (("token", "nobody"), "no"),
    ],
)
async def test_a_mistake_is_told_in_a_sentence(
    system: System, terminal: Terminal, command: tuple[str, ...], said: str
) -> None:
    typed = "kurz" if "short" in command else PASSWORD
    code, told = await terminal.run(system, *command, typed=f"{typed}\n")
    assert code != 0
    assert said in told
    assert "Traceback" not in told
    assert typed not in told


@pytest.mark.usefixtures("template")
def test_unsafe_settings_are_refused_by_name_without_their_values() -> None:
    wrong = {
        "CRM_CURSOR_SECRET": "a-short-secret",
        "CRM_SIGNING_KEYS": "not-a-key-at-all",
        "CRM_POOL_SIZE": "none-whatever",
    }
    done = crm("serve", url="postgresql://nowhere/crm", check=False, **wrong)
    assert done.returncode == 1
    for name, value in wrong.items():
        assert name in done.stderr
        assert value not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def kill_all(process: subprocess.Popen[bytes], port: int) -> None:
    """PostgreSQL, the worker and the API, and wait until others are in their places."""
    killed = children(process)
    assert len(killed) == 3
    for each in killed:
        os.kill(each, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while len(children(process) - killed) < 3 or not is_ready(port):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def children(process: subprocess.Popen[bytes]) -> set[int]:
    """The processes that this one has, as Linux tells."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return {int(each) for each in listed.split()}


def signed_in(http: httpx.Client, client: dict[str, str]) -> dict[str, str]:
    answer = http.post("/v1/auth/token", data={"grant_type": "client_credentials", **client})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_whole_system_comes_up_does_its_job_starts_again_what_is_killed_and_stops_cleanly(
    tmp_path: Path,
) -> None:
    """A partner sees the exception that was pushed: real API, real worker, real clock."""
    port = a_free_port()
    with up(tmp_path, port, "--demo") as process, httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
        credentials = json.loads((tmp_path / "data/demo-credentials.json").read_text("utf-8"))
        dispatch = signed_in(http, credentials["clients"]["dispatch"])
        ours, theirs = (signed_in(http, credentials["clients"][name]) for name in ("partner_a", "partner_b"))
        number = a_number()
        made = http.post(
            "/v1/shipments",
            headers=dispatch,
            json={"tracking_no": number, "customer_code": "QINGHE", "service": "tw", "promised_at": soon()},
        )
        assert made.status_code == 201, made.text
        event = {"source": "native", "tracking_no": number, "code": "carrier_damage", "occurred_at": soon()}
        deadline = time.monotonic() + PATIENCE_S
        assert http.post("/v1/delivery-exceptions", headers=dispatch, json=event).status_code == 202
        while not (seen := look_up(http, ours, number)["items"][0]["exception"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert seen["reason"] == "carrier_damage"
        assert look_up(http, theirs, number) == {"items": [], "not_found": [number]}
        kill_all(process, port)
        assert look_up(http, ours, number)["items"][0]["exception"] == seen
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    log = (tmp_path / "up.log").read_text()
    for told in ("crm worker ended", "crm serve ended", "PostgreSQL is gone"):
        assert told in log
    assert not is_ready(port)
    assert not EmbeddedServer(tmp_path / "data").ready
    log = (tmp_path / "up.log").read_text()
    assert "Traceback" not in log
    assert number not in log


def soon() -> str:
    return datetime.now(UTC).isoformat()


def look_up(http: httpx.Client, caller: dict[str, str], number: str) -> dict[str, Any]:
    answer = http.get("/v1/partner/shipments", headers=caller, params={"tracking_no": number})
    body: dict[str, Any] = answer.json()
    return body


async def test_a_file_of_customers_is_taken_in_with_the_errors_beside_it(
    empty_system: System, terminal: Terminal, tmp_path: Path
) -> None:
    """Without a worker the command does the work itself."""
    terminal.patch.setattr(importing, "settings", lambda: empty_system.settings)
    file = tmp_path / "客户.csv"
    file.write_bytes("客户名称,电话\r\n顺丰,13800000000\r\n坏,x\r\n".encode("gb18030"))
    code, said = await terminal.run(empty_system, "import", str(file), "--dry-run")
    assert (code, "read 2, created 1, updated 0, skipped 0, failed 1" in said) == (0, True), said
    assert await empty_system.scalar("SELECT count(*) FROM customers") == 0
    code, said = await terminal.run(empty_system, "import", str(file), "--on-match", "skip")
    assert (code, str(tmp_path / "客户.csv.errors.csv") in said) == (0, True), said
    assert "3,电话," in (tmp_path / "客户.csv.errors.csv").read_text("utf-8-sig")
    assert await empty_system.scalar("SELECT count(*) FROM customers") == 1
    code, said = await terminal.run(empty_system, "import", str(file), "--mapping", "nobody")
    assert (code, "no such mapping" in said) == (1, True), said
