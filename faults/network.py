"""Connections cut, delayed, slowed, black-holed, and answers lost, on each of the three ways there are."""

import asyncio
import random
from contextlib import AsyncExitStack

from app.roles import Role
from faults.kills import recover
from faults.load import Clients, loaded
from faults.proxy import Proxy, Stream, is_commit, is_post
from faults.report import Outcome, Recovery, settle
from faults.stage import Stage
from faults.system import Running, running, until

WAYS = ("api", "worker", "client")
"""From the API to PostgreSQL, from the worker to PostgreSQL, from clients to the API."""
FAULTS = ("cut", "delay", "throttle", "black_hole", "lose")
SECONDS = 1.0
LOSSES = 5
LOOK_UP = "/v1/partner/shipments?tracking_no=NOBODY"
BOUND_S = 20.0
"""Within which a request is answered whose database is out of reach."""


async def network(stage: Stage, rounds: int, seed: int) -> Outcome:
    """Each fault on each way, so many times, in random order; then the database out of reach for long."""
    chance = random.Random(seed)
    outcome = Outcome(f"network, {rounds} x {len(FAULTS)} faults on {len(WAYS)} ways")
    async with AsyncExitStack() as stack:
        proxies = {
            way: await stack.enter_async_context(Proxy(stage.reach, is_commit)) for way in ("api", "worker")
        }
        ports = {way: proxy.port for way, proxy in proxies.items()}
        system = await stack.enter_async_context(running(stage, "network", ways=ports))

        async def reach_api() -> Stream:
            return await asyncio.open_connection("127.0.0.1", system.port)

        proxies["client"] = await stack.enter_async_context(Proxy(reach_api, is_post))
        address = f"http://127.0.0.1:{proxies['client'].port}"
        clients = await stack.enter_async_context(loaded(address, stage.tokens, seed))
        for way, fault in _drawn(chance, rounds):
            outcome.recoveries.append(await _break(system, clients, proxies[way], way, fault))
        clients.ledger.slowest_s = 0.0
        outcome.recoveries.append(await _out_of_reach(outcome, system, clients, proxies["api"]))
        await settle(outcome, system, clients)
        lost = ", ".join(f"{proxy.lost} on the way from the {way}" for way, proxy in proxies.items())
        outcome.notes.append(f"answers lost: {lost}; {clients.ledger.replayed} answers given again")
    return outcome


def _drawn(chance: random.Random, rounds: int) -> list[tuple[str, str]]:
    drawn = [(way, fault) for way in WAYS for fault in FAULTS] * rounds
    chance.shuffle(drawn)
    return drawn


async def _break(system: Running, clients: Clients, proxy: Proxy, way: str, fault: str) -> Recovery:
    lost = proxy.lost
    if fault == "cut":
        proxy.cut()
    elif fault == "delay":
        proxy.delay_s = 0.1
    elif fault == "throttle":
        proxy.bytes_per_s = 20_000
    elif fault == "black_hole":
        proxy.black_hole()
    else:
        proxy.lose_replies(LOSSES)

    async def all_lost() -> bool:
        return proxy.lost >= lost + LOSSES

    await (until(all_lost, within=30) if fault == "lose" else asyncio.sleep(SECONDS * (fault != "cut")))
    proxy.restore()
    return await recover(system, clients, f"{fault}: {way}")


async def _out_of_reach(outcome: Outcome, system: Running, clients: Clients, proxy: Proxy) -> Recovery:
    """Nothing reaches PostgreSQL and nothing says so: every request is answered all the same, with 503."""
    refused = clients.ledger.answers[503]
    proxy.black_hole()
    asking = [asyncio.create_task(clients.insist(Role.PARTNER, LOOK_UP)) for _ in range(3)]
    await asyncio.sleep(BOUND_S + 3)
    slowest = clients.longest_s
    outcome.notes.append(f"database out of reach: 503 after {slowest:.1f} s at most")
    if clients.ledger.answers[503] == refused or slowest > BOUND_S:
        outcome.violations.append(f"no 503 within {BOUND_S:g} s from an API whose database is out of reach")
    proxy.restore()
    recovery = await recover(system, clients, "out of reach: api")
    await asyncio.gather(*asking)
    return recovery
