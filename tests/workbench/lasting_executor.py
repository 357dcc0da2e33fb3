"""An executor whose jobs outlive it, as those of a cluster do: processes in sessions of their own, which it forgets."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from isoflop.execute import Handle, Job, JobState, JobStatus, log_path


class LastingExecutor:
    """``die`` is what happens to its jobs when a coordinator is killed: nothing."""

    capacity = 4
    outlives_coordinator = True

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.submitted: list[str] = []

    def submit(self, job: Job) -> Handle:
        with log_path(job).open("ab") as log:
            process = subprocess.Popen(
                job.argv, cwd=job.directory, env={**os.environ, "FAKE_ALONE": "1"}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        self.submitted.append(job.name)
        return Handle(job, str(len(self.processes) - 1))

    def poll(self, handle: Handle) -> JobStatus:
        code = self.processes[int(handle.token)].poll()
        if code is None:
            return JobStatus(JobState.RUNNING)
        return JobStatus(JobState.SUCCEEDED if code == 0 else JobState.FAILED, code)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def cancel(self, handles: Sequence[Handle], grace_seconds: float = 20.0) -> None:
        for process in [self.processes[int(handle.token)] for handle in handles]:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
                process.wait(grace_seconds)

    def close(self) -> None:
        self.cancel([Handle(Job(name="", argv=(), directory=Path()), str(i)) for i in range(len(self.processes))])

    def die(self) -> None:
        """Forget the jobs; they go on."""
        self.processes.clear()

    def wait_until_started(self, folder: Path) -> None:
        deadline = time.monotonic() + 10
        while not (folder / "progress.jsonl").exists() or not (folder / "progress.jsonl").stat().st_size:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
