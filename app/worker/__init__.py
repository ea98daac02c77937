"""Background work: relay events to their consumers, run jobs, sweep, and show that it is alive."""

from app.services.reactions import CONSUMERS
from app.worker.chores import (
    apply_retention,
    compare_contracts,
    end_waits,
    find_handlers,
    housekeeping,
    open_tasks,
    seal_audit,
    snapshot_segments,
    sweep_clocks,
    sweep_silence,
)
from app.worker.jobs import STEPS, run_job
from app.worker.loops import Worker, main
from app.worker.outbox import MAX_ATTEMPTS, drain, relay

__all__ = [
    "CONSUMERS",
    "MAX_ATTEMPTS",
    "STEPS",
    "Worker",
    "apply_retention",
    "compare_contracts",
    "drain",
    "end_waits",
    "find_handlers",
    "housekeeping",
    "main",
    "open_tasks",
    "relay",
    "run_job",
    "seal_audit",
    "snapshot_segments",
    "sweep_clocks",
    "sweep_silence",
]
