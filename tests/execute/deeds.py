"""A job for kill tests: it counts its steps, saves when asked, notes when it meets itself, and is counted once.

steps       a character for each step of 0.05 s that is done and saved
begun       "pid wrapper-pid" of each process that began
counted     a line each time the job was found complete for the first time
overlap     exists when two of them worked in the folder at once
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from isoflop.execute import Executor, Handle, Job, JobState

STEP_SECONDS = 0.05
WORK = f"""
import fcntl, os, signal, sys, time
steps = int(sys.argv[1])
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
lock = open("deed.lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    open("overlap", "w").close()
with open("begun", "a") as file:
    file.write(f"{{os.getpid()}} {{os.getppid()}}\\n")
if os.path.exists("counted"):
    sys.exit(0)
done = os.path.getsize("steps") if os.path.exists("steps") else 0
while done < steps and not asked:
    time.sleep({STEP_SECONDS})
    with open("steps", "a") as file:
        file.write(".")
    done += 1
if done < steps:
    sys.exit(143)
with open("counted", "a") as file:
    file.write("once\\n")
"""


def deed(folder: Path, name: str, seconds: float = 0.5, **more: Any) -> Job:
    argv = (sys.executable, "-S", "-c", WORK, str(round(seconds / STEP_SECONDS)))
    return Job(name=name, argv=argv, directory=folder / "deeds" / name, **more)


def begun(job: Job) -> bool:
    """Whether a process of the job began and has done a step."""
    return (job.directory / "steps").exists()


def pids(job: Job) -> dict[str, int]:
    worker, wrapper = (job.directory / "begun").read_text().splitlines()[-1].split()
    return {"worker": int(worker), "wrapper": int(wrapper)}


def counted_once(jobs: Iterable[Job]) -> bool:
    """Whether every job was completed exactly once and no two processes were at one job at the same time."""
    folders = [job.directory for job in jobs]
    assert not [folder for folder in folders if (folder / "overlap").exists()]
    assert {(folder / "counted").read_text() for folder in folders} == {"once\n"}
    return True


def until(good: Callable[[], Any], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_all_end(
    executor: Executor, handles: Sequence[Handle], seconds: float = 40.0, meanwhile: Callable[[], None] | None = None
) -> set[JobState]:
    """Follow the jobs to their ends; ``meanwhile`` is called between the looks."""

    def all_ended() -> bool:
        if meanwhile:
            meanwhile()
        return all(executor.poll(handle).state.ended for handle in handles)

    until(all_ended, seconds)
    return {executor.poll(handle).state for handle in handles}
