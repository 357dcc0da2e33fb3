"""Every executor keeps the promises in the head of isoflop.execute.contract."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from isoflop.execute import (
    Executor,
    Handle,
    Job,
    JobState,
    JobStatus,
    LocalExecutor,
    failure_message,
    log_path,
    log_tail,
)

T = TypeVar("T")
PATIENCE = 60.0  # for clusters on a busy machine; nothing waits so long by design


@pytest.fixture(params=["local", "slurm", pytest.param("ray", marks=pytest.mark.long)])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[int], Executor]]:
    """Opens an executor with so many places."""
    if request.param != "local":
        open_one = request.getfixturevalue(f"open_{request.param}")
        yield lambda places=1: open_one(places=places)
        return
    with contextlib.ExitStack() as stack:
        yield lambda places=1: stack.enter_context(LocalExecutor([(0,)] * places))


def python(folder: Path, code: str, name: str = "job", env: dict[str, str] | None = None) -> Job:
    return Job(name=name, argv=(sys.executable, "-u", "-S", "-c", code), directory=folder / name, env=env or {})


def ended(executor: Executor, handle: Handle, seconds: float = PATIENCE) -> JobStatus:
    return until(lambda: executor.poll(handle), lambda status: status.state.ended, seconds)


def until(look: Callable[[], T], good: Callable[[T], bool], seconds: float = PATIENCE) -> T:
    deadline = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {seconds} s"
        time.sleep(0.01)
    return seen


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc").is_dir() else True


class TestEveryExecutor:
    def test_a_job_that_returns_zero_has_succeeded(self, make, tmp_path):
        executor = make(1)
        assert ended(executor, executor.submit(python(tmp_path, "pass"))) == JobStatus(JobState.SUCCEEDED, 0)

    def test_a_job_runs_in_its_own_folder_with_its_environment_and_its_threads(self, make, tmp_path):
        executor = make(1)
        code = "import os; print(os.getcwd(), os.environ['COLOUR'], os.environ['ISOFLOP_THREADS'])"
        job = python(tmp_path, code, env={"COLOUR": "green"})
        ended(executor, executor.submit(job))
        assert log_tail(job.directory / "log.txt") == f"{job.directory} green 1"

    def test_a_job_is_told_its_own_cores_or_none(self, make, tmp_path):
        executor = make(1)
        job = python(tmp_path, "import os; print(os.environ.get('ISOFLOP_CPUS', 'none'))")
        ended(executor, executor.submit(job))
        pinned = not executor.outlives_coordinator or len(os.sched_getaffinity(0)) == 1
        assert log_tail(job.directory / "log.txt") == ("0" if pinned else "none")

    def test_a_job_is_told_the_process_that_it_must_stop_with(self, make, tmp_path):
        executor = make(1)
        job = python(tmp_path, "import os; print(os.getppid() == int(os.environ['ISOFLOP_PARENT']))")
        ended(executor, executor.submit(job))
        assert log_tail(job.directory / "log.txt") == "True"

    def test_a_failed_job_is_described_by_its_exit_code_its_last_lines_and_where_the_log_is(self, make, tmp_path):
        executor = make(1)
        job = python(tmp_path, "print('\\n'.join(map(str, range(100)))); raise SystemExit('the tank is empty')")
        status = ended(executor, executor.submit(job))
        message = failure_message(job, status, lines=3)
        assert status == JobStatus(JobState.FAILED, 1)
        assert "'job' stopped with exit code 1" in message
        assert "the tank is empty" in message
        assert "\n    99\n" in message
        assert "96" not in message
        assert str(job.directory / "log.txt") in message

    def test_a_job_ended_by_a_signal_is_described_by_the_name_of_the_signal(self, make, tmp_path):
        executor = make(1)
        job = python(tmp_path, "import os; os.kill(os.getpid(), 9)")
        status = ended(executor, executor.submit(job))
        assert status == JobStatus(JobState.FAILED, -9)
        assert "SIGKILL" in failure_message(job, status)

    def test_a_program_that_does_not_exist_is_a_failed_job_and_not_an_exception(self, make, tmp_path):
        executor = make(1)
        job = Job(name="typo", argv=("/no/such/program",), directory=tmp_path)
        status = ended(executor, executor.submit(job))
        assert status.state is JobState.FAILED
        assert "/no/such/program" in failure_message(job, status)

    def test_waiting_jobs_start_in_the_order_of_submission(self, make, tmp_path):
        executor = make(1)
        code = f"open({str(tmp_path / 'order')!r}, 'a').write(NAME)"
        handles = [executor.submit(python(tmp_path, code.replace("NAME", f"'{name}'"), name)) for name in "abcd"]
        assert executor.poll(handles[-1]).state is JobState.WAITING
        for handle in handles:
            assert ended(executor, handle).state is JobState.SUCCEEDED
        assert (tmp_path / "order").read_text() == "abcd"

    def test_never_more_jobs_run_than_there_are_places(self, make, tmp_path):
        executor = make(2)
        code = "import time; print(time.time()); time.sleep(0.5); print(time.time())"
        handles = [executor.submit(python(tmp_path, code, str(i))) for i in range(6)]
        for handle in handles:
            assert ended(executor, handle).state is JobState.SUCCEEDED
        spans = [[float(line) for line in log_tail(log_path(handle.job)).split()[-2:]] for handle in handles]
        most = max(sum(begun <= moment < over for begun, over in spans) for moment, _ in spans)
        assert most == executor.capacity == 2

    def test_cancel_lets_a_job_save_its_work(self, make, tmp_path):
        executor = make(1)
        code = (
            "import signal, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: (open('saved', 'w').close(), sys.exit(0)))\n"
            "print('ready'); time.sleep(60)"
        )
        job = python(tmp_path, code)
        handle = executor.submit(job)
        until(lambda: log_tail(job.directory / "log.txt"), lambda tail: tail == "ready")
        executor.cancel([handle])
        assert (job.directory / "saved").exists()
        assert executor.poll(handle).state is JobState.CANCELLED

    def test_cancel_ends_a_job_that_does_not_listen_when_the_grace_is_over(self, make, tmp_path):
        executor = make(1)
        job = python(
            tmp_path,
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)",
        )
        handle = executor.submit(job)
        until(lambda: log_tail(job.directory / "log.txt"), lambda tail: tail == "deaf")
        begun = time.monotonic()
        executor.cancel([handle], grace_seconds=0.3)
        assert 0.3 <= time.monotonic() - begun < 5
        assert executor.poll(handle) == JobStatus(JobState.CANCELLED, -9)

    def test_a_cancelled_job_takes_what_it_started_with_it(self, make, tmp_path):
        executor = make(1)
        code = (
            "import subprocess, sys\n"
            "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
            "print(child.pid); child.wait()"
        )
        job = python(tmp_path, code)
        handle = executor.submit(job)
        grandchild = int(until(lambda: log_tail(job.directory / "log.txt"), str.isdigit))
        executor.cancel([handle])
        until(lambda: alive(grandchild), lambda living: not living)

    def test_a_job_cancelled_while_it_waits_never_starts(self, make, tmp_path):
        executor = make(1)
        first = executor.submit(python(tmp_path, "import time; time.sleep(0.3)", "first"))
        second = executor.submit(python(tmp_path, "open('started', 'w')", "second"))
        executor.cancel([second])
        assert ended(executor, first).state is JobState.SUCCEEDED
        assert executor.poll(second).state is JobState.CANCELLED
        assert not (tmp_path / "second" / "started").exists()

    def test_cancelling_a_job_that_has_ended_changes_nothing(self, make, tmp_path):
        executor = make(1)
        handle = executor.submit(python(tmp_path, "pass"))
        ended(executor, handle)
        executor.cancel([handle])
        assert executor.poll(handle) == JobStatus(JobState.SUCCEEDED, 0)

    def test_close_leaves_no_process_and_takes_no_more_jobs(self, make, tmp_path):
        executor = make(1)
        job = python(tmp_path, "import os, time; print(os.getpid()); time.sleep(60)")
        executor.submit(job)
        waiting = executor.submit(python(tmp_path, "open('started', 'w')", "waiting"))
        pid = int(until(lambda: log_tail(job.directory / "log.txt"), str.isdigit))
        executor.close()
        assert not alive(pid)
        assert executor.poll(waiting).state is JobState.CANCELLED
        assert not (tmp_path / "waiting" / "started").exists()
        with pytest.raises(ValueError, match="closed"):
            executor.submit(python(tmp_path, "pass", "late"))

    def test_the_tail_of_the_log_is_that_of_the_latest_attempt(self, make, tmp_path):
        executor = make(1)
        ended(executor, executor.submit(python(tmp_path, "print('first')")))
        ended(executor, executor.submit(python(tmp_path, "print('second')")))
        log = tmp_path / "job" / "log.txt"
        assert log_tail(log) == "second"
        assert "first" in log.read_text()
