"""The product as it really runs, on data of its own: `crm up --demo` on a free port."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).parent.parent
READY_WITHIN_S = 180
ROOMY = {
    "CRM_STAFF_RATE": "100000",
    "CRM_DISPATCH_RATE": "100000",
    "CRM_PARTNER_RATE": "100000",
    "CRM_LOCKOUT_FAILURES": "1000000",
    "CRM_ACCESS_TOKEN_MINUTES": "1440",
}
"""What lets one caller ask all day and at any speed."""


class NotRunning(Exception):
    """The product did not come up, or is gone; the message ends with what it said."""


@dataclass(frozen=True)
class Server:
    """A running system: where it is, and who may sign in."""

    url: str
    log: Path
    credentials: dict[str, Any]

    def token(self, name: str) -> str:
        """An access token for one of the demo's people or machines."""
        person = name in self.credentials["users"]
        fields = dict(self.credentials["users" if person else "clients"][name])
        return self.sign_in(fields | {"grant_type": "password" if person else "client_credentials"})

    def sign_in(self, fields: dict[str, str]) -> str:
        body = urllib.parse.urlencode(fields).encode()
        return str(self.ask("/v1/auth/token", body=body)["access_token"])

    def ask(self, path: str, token: str = "", body: Any = None) -> Any:
        """A GET, or a POST of the body: bytes are a form, all else is JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None and not isinstance(body, bytes):
            body, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.url + path, body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def faults(self) -> list[str]:
        """What the log calls errors: each a 500, or something that broke in the background."""
        lines = self.log.read_text("utf-8", errors="replace").splitlines()
        return [line for line in lines if '"level": "error"' in line or '"level":"error"' in line]


@contextmanager
def running() -> Iterator[Server]:
    """Start everything and stop it again, with its data."""
    with tempfile.TemporaryDirectory(prefix="crm-contract-") as directory:
        data, port = Path(directory), _a_free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        environment = inherited | ROOMY | {"CRM_DATA_DIR": directory, "CRM_PORT": str(port)}
        command, log = [sys.executable, "-m", "app", "up", "--demo"], data / "up.log"
        with (
            log.open("wb") as output,
            subprocess.Popen(command, cwd=HOUSE, env=environment, stdout=output, stderr=output) as process,
        ):
            try:
                url = f"http://127.0.0.1:{port}"
                _await_ready(url, process, log)
                credentials = json.loads((data / "demo-credentials.json").read_text("utf-8"))
                yield Server(url, log, credentials)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)


def _a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not _is_ready(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotRunning(log.read_text("utf-8")[-2000:])
        time.sleep(0.1)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
