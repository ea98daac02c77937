"""The worker dies again and again inside its relay; and what the broken variants make of that."""

from collections import Counter

from faults.load import loaded
from faults.process import PLACES
from faults.proxy import Proxy, is_commit
from faults.report import Outcome, say, settle
from faults.stage import Stage
from faults.system import Running, running, until

CHANCE = 0.15
"""Of a SIGKILL at each of the `PLACES`."""
LOSSES = 10


async def deaths(stage: Stage, how_many: int, seed: int, broken: str = "") -> Outcome:
    """Let the worker be killed so often between claim and mark, then let another one work undisturbed."""
    variant = ("--broken", broken) if broken else ()
    outcome = Outcome(f"broken: {broken}" if broken else f"worker killed {how_many} times inside the relay")
    dying = {"worker": ("--dying", str(CHANCE), *variant)}
    async with (
        running(stage, broken or "deaths", workers=dying) as system,
        loaded(system.base_url, stage.tokens, seed) as clients,
    ):
        await until(lambda: died(system, how_many), within=30 + 5 * how_many)
        await system.processes["worker"].stop()
        async with system.process("calm", "worker", *variant):
            await settle(outcome, system, clients)
        outcome.notes.append(f"killed: {dict(places_of_death(system))}")
    if broken:
        _must_fail(outcome, broken)
    return outcome


async def no_idempotency(stage: Stage, seed: int) -> Outcome:
    """An API that ignores keys and event ids, and whose database's answers to COMMIT are lost a few times."""
    outcome = Outcome("broken: no_idempotency")
    async with (
        Proxy(stage.reach, is_commit) as way,
        running(
            stage, "no_idempotency", api=("--broken", "no_idempotency"), ways={"api": way.port}
        ) as system,
        loaded(system.base_url, stage.tokens, seed) as clients,
    ):

        async def lost() -> bool:
            return way.lost >= LOSSES

        way.lose_replies(LOSSES)
        await until(lost, within=60)
        await settle(outcome, system, clients)
    _must_fail(outcome, "no_idempotency")
    return outcome


async def died(system: Running, how_many: int) -> bool:
    """So often, and at every place."""
    places = places_of_death(system)
    return places.total() >= how_many and len(places) == len(PLACES)


def places_of_death(system: Running) -> Counter[str]:
    """How often the worker was killed where, so far."""
    lines = system.processes["worker"].log.read_text().splitlines()
    return Counter(line.removeprefix("died: ") for line in lines if line.startswith("died: "))


def _must_fail(outcome: Outcome, variant: str) -> None:
    """A broken variant that nobody notices is a count that can't be trusted."""
    found = outcome.balance
    lost, doubled = found.lost + found.effects_lost, found.doubled + found.effects_doubled
    told = f"lost {lost} / doubled {doubled}"
    seen = lost if variant == "mark_first" else doubled
    outcome.violations = [] if seen else [f"{told}: the count does not notice what is broken"]
    outcome.notes.append(f"{told}, as it must" if seen else told)
    say(f"broken variant {variant}: {told}, {'as it must' if seen else 'AND MUST NOT'}")
