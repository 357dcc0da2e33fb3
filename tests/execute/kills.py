"""What is done to jobs and commands alike on every cluster: begun, killed, and looked at afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deeds import begun, counted_once, deed, pids, until, until_all_end

from isoflop.execute import Executor, Handle, Job, JobState

COORDINATOR = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from deeds import deed
from isoflop.execute import open_executor
folder, kind, options, count, seconds = Path(sys.argv[2]), sys.argv[3], *map(json.loads, sys.argv[4:7])
executor = open_executor(kind, options, folder=folder / "notes")
handles = [executor.submit(deed(folder, str(number), seconds=seconds)) for number in range(count)]
while True:
    print([executor.poll(handle).state.value for handle in handles], flush=True)
    time.sleep(0.02)
"""
QUICK_LOOKS = {"refresh_seconds": 0.05, "look_seconds": 0.1}


def running(executor: Executor, folder: Path, *, seconds: float) -> tuple[Job, Handle]:
    """A job that has done a step and is known to run."""
    job = deed(folder, "a", seconds=seconds)
    handle = executor.submit(job)
    until(lambda: begun(job) and executor.poll(handle).state is JobState.RUNNING)
    return job, handle


def ends_counted_once(executor: Executor, job: Job, handle: Handle) -> bool:
    assert until_all_end(executor, [handle]) == {JobState.SUCCEEDED}
    return counted_once([job])


def attempts(job: Job) -> int:
    return len(list((job.directory / ".attempts").glob("*.json")))


def wrapper_killed_and_submitted_again(executor: Executor, folder: Path) -> str:
    """What the executor said of a job whose wrapper was killed; that it can be submitted again is asserted."""
    job, handle = running(executor, folder, seconds=1.5)
    os.kill(pids(job)["wrapper"], 9)
    assert until_all_end(executor, [handle]) == {JobState.FAILED}
    said = executor.poll(handle).detail
    assert ends_counted_once(executor, job, executor.submit(job))
    return said


def jobs_of_a_killed_command(
    folder: Path, kind: str, options: Mapping[str, object], *, count: int, seconds: float, prefix: Sequence[str] = ()
) -> list[Job]:
    """Jobs that another command submitted, which was killed when the first of them had begun."""
    jobs = [deed(folder, str(number), seconds=seconds) for number in range(count)]
    told = [str(folder), kind, *map(json.dumps, (QUICK_LOOKS | dict(options), count, seconds))]
    command = [*prefix, sys.executable, "-c", COORDINATOR, str(Path(__file__).parent), *told]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as coordinator:
        until(lambda: any(map(begun, jobs)))
        coordinator.kill()
    return jobs


def taken_over(executor: Executor, jobs: Sequence[Job]) -> bool:
    """Whether the jobs, submitted again, end well, each in the attempt that the killed command began."""
    assert until_all_end(executor, [executor.submit(job) for job in jobs]) == {JobState.SUCCEEDED}
    assert counted_once(jobs)
    return all(attempts(job) == 1 for job in jobs)
