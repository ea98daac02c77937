"""What `make contract` does: the description is sound, breaks nobody, makes clients, and is true."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from fuzz import fuzz
from server import HOUSE, NotRunning, Server, running

HERE = Path(__file__).parent
BUILD = HERE / "build"
SPEC = HOUSE / "openapi" / "v1.json"
RELEASED = HOUSE / "openapi" / "released" / "v1.json"
VENV, MODULES = HERE / ".venv" / "bin", HERE / "node_modules" / ".bin"
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "SCARF_ANALYTICS": "false"}
BEFORE: dict[str, list[str | Path]] = {
    "Redocly lint": [MODULES / "redocly", "lint", "--config", HERE / "redocly.yaml", SPEC],
    "Spectral lint": [
        MODULES / "spectral",
        *("lint", "--ruleset", HERE / "spectral.yaml", "--fail-severity", "hint", SPEC),
    ],
    "Redocly diff against the released one": [
        MODULES / "redocly",
        *("diff", "--config", HERE / "redocly.yaml", "--fail-on", "major", RELEASED, SPEC),
    ],
    "TypeScript types": [
        MODULES / "openapi-typescript",
        *(SPEC, "--default-non-nullable", "false", "--output", BUILD / "v1.d.ts"),
    ],
    "tsc --strict on the tour": [MODULES / "tsc", "--project", HERE / "typescript"],
    "Python client": [
        VENV / "openapi-python-client",
        *("generate", "--path", SPEC, "--output-path", BUILD / "courier_crm_client"),
        *("--config", HERE / "python" / "client.yaml", "--meta", "none", "--overwrite", "--fail-on-warning"),
    ],
}
TOURS: dict[str, list[str | Path]] = {
    "TypeScript tour of a running server": [VENV / "node", HERE / "typescript" / "tour.ts"],
    "Python tour of a running server": [VENV / "python", HERE / "python" / "tour.py"],
}


class Red(Exception):
    """A step failed."""


def main() -> None:
    BUILD.mkdir(exist_ok=True)
    for name, command in BEFORE.items():
        _step(name, command)
    print("The product starts ...", flush=True)
    with running() as server:
        for name, command in TOURS.items():
            _step(name, command, **_about(server))
        seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
        print(f"Schemathesis, {seconds} s:", flush=True)
        if not fuzz(server, seconds, seed=int(os.environ.get("SEED", "1"))):
            raise Red("Schemathesis")


def _about(server: Server) -> dict[str, str]:
    return {
        "CRM_URL": server.url,
        "CRM_CREDENTIALS": json.dumps(server.credentials),
        "PYTHONPATH": str(BUILD),
    }


def _step(name: str, command: list[str | Path], **environment: str) -> None:
    """Run it where no redocly.yaml lies: openapi-typescript would read it, and knows fewer rules than Redocly."""
    path, started = {"PATH": f"{VENV}:{os.environ['PATH']}"}, time.monotonic()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=BUILD,
        env=os.environ | QUIET | path | environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        print(f"{name}: RED\n{done.stdout}")
        raise Red(name)
    print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (Red, NotRunning) as failed:
        sys.exit(f"The contract is broken: {failed}")
    print("The contract holds.")
