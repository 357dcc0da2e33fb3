"""Somewhere to run a job: one contract, and the places that keep it."""

from isoflop.execute.contract import Executor, Handle, Job, JobState, JobStatus, failure_message, log_path, log_tail
from isoflop.execute.cores import available_cores
from isoflop.execute.local import LocalExecutor, one_slot_per_core

__all__ = [
    "Executor",
    "Handle",
    "Job",
    "JobState",
    "JobStatus",
    "LocalExecutor",
    "available_cores",
    "failure_message",
    "log_path",
    "log_tail",
    "one_slot_per_core",
]
