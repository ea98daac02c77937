"""Schemathesis over the whole description, against the product as it really runs, as each kind of caller."""

import argparse
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server import HOUSE, Server, running

HERE = Path(__file__).parent
SPEC = HOUSE / "openapi" / "v1.json"
REPORTS = HERE / "build" / "schemathesis"
NOBODY = "hr"
CALLERS = (NOBODY, "marketing", "sales", "customer_service", "operations", "dispatch", "partner_a", "admin")
"""`NOBODY` may do next to nothing and asks for everything, what needs no token included; the others ask for
what they may. `admin` comes last, for it disables the others."""
SPARES = 8
SHORTEST_S = 3


@dataclass(frozen=True)
class Caller:
    """Somebody to ask as, and what they ask for."""

    name: str
    tokens: list[str]
    operations: list[str]
    weight: int


def fuzz(server: Server, seconds: int, seed: int) -> bool:
    """Whether nothing was found. Says who asked for what as it goes."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    callers = list(_callers(server))
    share = seconds / sum(caller.weight for caller in callers)
    found = [_run(server, each, max(round(each.weight * share), SHORTEST_S), seed) for each in callers]
    asked, taken = set().union(*(each.asked for each in found)), set().union(*(each.taken for each in found))
    every, faults = len(list(_operations())), server.faults()
    for line in faults:
        print("   the server logged a fault:", line[:1000])
    print(
        f"   together {len(asked)} of {every} operations, {len(taken)} of them taken,"
        f" {sum(each.cases for each in found)} cases, {len(faults)} faults in the log"
    )
    if len(taken) < len(asked) / 3:
        print("   That was hollow: fewer than a third of the operations that were asked ever said yes.")
        return False
    return all(each.clean for each in found) and not faults


@dataclass(frozen=True)
class Found:
    """What came of a run: which operations were asked for, and which said yes at least once."""

    clean: bool
    asked: set[str]
    taken: set[str]
    cases: int


def _callers(server: Server) -> Iterator[Caller]:
    everything = dict(_operations())
    for name in CALLERS:
        tokens = [server.token(name)]
        may = set(_claims(tokens[0])["scope"].split())
        allowed = [operation for operation, scopes in everything.items() if scopes and scopes <= may]
        if name == "admin":
            tokens += _spare_admins(server, tokens[0])
        if name == NOBODY:
            yield Caller(name, tokens, list(everything), len(everything) // 4)
        else:
            yield Caller(name, tokens, allowed, len(allowed))


def _operations() -> Iterator[tuple[str, set[str]]]:
    """Each operation, by the name that schemathesis gives it, with the scopes it asks for."""
    spec = json.loads(SPEC.read_text("utf-8"))
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            scopes = {scope for each in operation["security"] for scope in each["oauth2"]}
            yield f"{method.upper()} {path}", scopes


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def _spare_admins(server: Server, token: str) -> Iterator[str]:
    for number in range(SPARES):
        account = {"username": f"zz_admin_{number}", "password": "a pass phrase for a while"}
        server.ask("/v1/users", token, {**account, "name": "备用管理员", "roles": ["admin"]})
        yield server.sign_in({"grant_type": "password", **account})


def _run(server: Server, caller: Caller, seconds: int, seed: int) -> Found:
    report = REPORTS / f"{caller.name}.json"
    report.unlink(missing_ok=True)
    command = [HERE / ".venv/bin/st", "--config-file", HERE / "schemathesis.toml", "--no-color", "run", SPEC]
    options = {"--url": server.url, "--max-time": seconds, "--seed": seed, "--report-json-path": report}
    command += [word for option, value in options.items() for word in (option, value)]
    if not any("{" in name for name in caller.operations):
        command += ["--phases", "examples,coverage,fuzzing"]  # no step leads from one to another
    command += [word for name in caller.operations for word in ("--include-name", name)]
    environment = os.environ | {
        "CRM_URL": server.url,
        "CRM_TOKENS": " ".join(caller.tokens),
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE),
    }
    done = subprocess.run(
        [str(word) for word in command],
        cwd=REPORTS,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if not report.exists():
        raise SystemExit(f"schemathesis did not run:\n{done.stdout}")
    if done.returncode:
        print(done.stdout)
    return _told(caller, json.loads(report.read_text("utf-8")))


def _told(caller: Caller, report: dict[str, Any]) -> Found:
    """What came of it, said in one line."""
    rates = report["valid_rates"]
    taken = {name for name, phases in rates.items() if any(each["accepted"] for each in phases.values())}
    cases, tested = report["test_cases"]["generated"], report["operations"]["tested"]
    print(
        f"   {caller.name:17} {tested:2} operations, {len(taken):2} of them taken, {cases:5} cases,"
        f" {report['test_cases']['unique_failures']} findings, {report['running_time']:.0f} s",
        flush=True,
    )
    asked = set(caller.operations) if tested == len(caller.operations) else set(rates)
    return Found(report["exit_code"] == 0, asked, taken, cases)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with running() as server:
        sys.exit(not fuzz(server, round(given.minutes * 60), given.seed))
