"""Somewhere to run a job: one contract, and the places that keep it."""

from isoflop.execute.contract import (
    Executor,
    Handle,
    Job,
    JobState,
    JobStatus,
    Resources,
    failure_message,
    log_path,
    log_tail,
)
from isoflop.execute.cores import available_cores
from isoflop.execute.local import LocalExecutor, one_slot_per_core
from isoflop.execute.opening import EXECUTORS, open_executor

__all__ = [
    "EXECUTORS",
    "Executor",
    "Handle",
    "Job",
    "JobState",
    "JobStatus",
    "LocalExecutor",
    "Resources",
    "available_cores",
    "failure_message",
    "log_path",
    "log_tail",
    "one_slot_per_core",
    "open_executor",
]
