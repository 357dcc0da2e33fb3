"""What becomes of jobs when a scheduler loses, repeats, refuses or does not answer: the rules, on a pretended one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from isoflop.execute import Handle, Job, JobState, JobStatus, Resources, failure_message, log_tail
from isoflop.execute.attempts import Attempt
from isoflop.execute.cluster import ClusterExecutor
from isoflop.execute.options import ClusterOptions
from isoflop.execute.scheduler import Queue, Unreachable
from isoflop.execute.wrap import __file__ as wrap_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the machines of a cluster run Linux")
QUICK = {"refresh_seconds": 0.02, "look_seconds": 0.05, "pulse_seconds": 0.1, "vanish_seconds": 0.5}


class Pretended:
    """Runs wrappers as processes, and does wrong what it is told to."""

    def __init__(self) -> None:
        self.running: dict[str, subprocess.Popen] = {}
        self.batches: list[int] = []
        self.lose = 0  # how many of the next attempts vanish from the records before they start
        self.lies = False  # that nothing is queued
        self.silent = False
        self.forgets_answer = 0  # how many of the next calls start the jobs and then break the connection
        self.refuses = ""
        self.asked = 0

    def start(self, attempts: Sequence[Attempt]) -> Mapping[str, str]:
        self._speak()
        self.batches.append(len(attempts))
        if self.refuses:
            return {attempt.token: self.refuses for attempt in attempts}
        for attempt in attempts:
            if self.lose:
                self.lose -= 1
                continue
            command = [sys.executable, "-I", "-S", wrap_file, str(attempt.job.directory), attempt.token]
            self.running[attempt.token] = subprocess.Popen(command)
        if self.forgets_answer:
            self.forgets_answer -= 1
            raise Unreachable("waits for the pretended scheduler")
        return {}

    def queued(self) -> Queue:
        self._speak()
        living = [token for token, process in self.running.items() if process.poll() is None]
        return Queue(frozenset(() if self.lies else living), cpus=8, gpus=2)

    def stop(self, tokens: Sequence[str]) -> None:
        self._speak()
        for token in set(tokens) & self.running.keys():
            self.running[token].terminate()

    def close(self) -> None:
        pass

    def _speak(self) -> None:
        self.asked += 1
        if self.silent:
            raise Unreachable("waits for the pretended scheduler")


@pytest.fixture
def scheduler() -> Iterator[Pretended]:
    pretended = Pretended()
    yield pretended
    for process in pretended.running.values():
        process.kill()
        process.wait()


@pytest.fixture
def opened(scheduler: Pretended) -> Iterator[Callable[..., ClusterExecutor]]:
    made: list[ClusterExecutor] = []

    def open_one(**options: object) -> ClusterExecutor:
        made.append(ClusterExecutor(scheduler, ClusterOptions(**(QUICK | options))))
        return made[-1]

    yield open_one
    scheduler.silent = False
    for executor in made:
        executor.close()


def job(folder: Path, code: str, name: str = "job", **more: object) -> Job:
    return Job(name=name, argv=(sys.executable, "-u", "-S", "-c", code), directory=folder / name, **more)


def ended(executor: ClusterExecutor, handle: Handle) -> JobStatus:
    return until(executor, handle, lambda status: status.state.ended)


def until(executor: ClusterExecutor, handle: Handle, good: Callable[[JobStatus], bool]) -> JobStatus:
    deadline = time.monotonic() + 20
    while not good(status := executor.poll(handle)):
        assert time.monotonic() < deadline, status
        time.sleep(0.01)
    return status


def starts(folder: Path) -> int:
    return sum(1 for path in (folder / ".attempts").glob("*.started") for _ in path.read_text().splitlines())


SAVES = (
    "import pathlib, signal, sys, time\n"
    "if pathlib.Path('saved').exists(): sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, lambda *_: (open('saved', 'w').close(), sys.exit(143)))\n"
    "print('ready'); time.sleep(60)"
)


def test_a_record_lost_before_the_start_is_handed_over_again(scheduler, opened, tmp_path):
    scheduler.lose = 2
    executor = opened()
    assert ended(executor, executor.submit(job(tmp_path, "pass"))) == JobStatus(JobState.SUCCEEDED, 0)
    assert scheduler.batches == [1, 1, 1]


def test_a_job_that_is_lost_more_often_than_restarts_allow_has_failed(scheduler, opened, tmp_path):
    scheduler.lose = 10
    executor = opened(restarts=2, vanish_seconds=0.1)
    status = ended(executor, executor.submit(job(tmp_path, "pass")))
    assert status.state is JobState.FAILED
    assert "handed over 3 times" in status.detail


def test_a_lost_answer_never_makes_a_job_run_twice(scheduler, opened, tmp_path):
    scheduler.forgets_answer = 2
    executor = opened()
    code = "import time; time.sleep(0.3); open('ran', 'a').write('x')"
    assert ended(executor, executor.submit(job(tmp_path, code))).state is JobState.SUCCEEDED
    for process in scheduler.running.values():
        process.wait(20)
    assert (tmp_path / "job" / "ran").read_text() == "x"


def test_a_job_that_vanished_after_its_start_has_failed_and_says_where_it_was(scheduler, opened, tmp_path):
    executor = opened()
    handle = executor.submit(job(tmp_path, SAVES))
    until(executor, handle, lambda status: status.state is JobState.RUNNING)
    for process in scheduler.running.values():
        process.kill()
    status = ended(executor, handle)
    assert status.state is JobState.FAILED
    assert "vanished" in failure_message(handle.job, status)
    assert "(process " in status.detail


def test_a_running_job_that_the_scheduler_denies_is_believed_by_its_pulse(scheduler, opened, tmp_path):
    scheduler.lies = True
    executor = opened(vanish_seconds=2.0)
    handle = executor.submit(job(tmp_path, "import time; time.sleep(3)"))
    assert ended(executor, handle) == JobStatus(JobState.SUCCEEDED, 0)
    assert starts(tmp_path / "job") == 1


def test_nobody_is_given_up_while_the_scheduler_does_not_answer(scheduler, opened, tmp_path):
    executor = opened(vanish_seconds=0.2)
    running = executor.submit(job(tmp_path, "import time; time.sleep(1)", "running"))
    until(executor, running, lambda status: status.state is JobState.RUNNING)
    scheduler.silent = True
    late = executor.submit(job(tmp_path, "pass", "late"))
    assert ended(executor, running) == JobStatus(JobState.SUCCEEDED, 0)
    status = until(executor, late, lambda status: bool(status.detail))
    assert "waits for the pretended scheduler" in status.detail
    scheduler.silent = False
    assert ended(executor, late) == JobStatus(JobState.SUCCEEDED, 0)


def test_a_silent_scheduler_does_not_use_up_the_restarts(scheduler, opened, tmp_path):
    scheduler.silent = True
    executor = opened(restarts=2)
    handle = executor.submit(job(tmp_path, "pass"))
    asked = scheduler.asked
    until(executor, handle, lambda _: scheduler.asked > asked + 3)
    scheduler.silent = False
    assert ended(executor, handle) == JobStatus(JobState.SUCCEEDED, 0)


def test_a_refused_job_has_failed_with_the_words_of_the_scheduler(scheduler, opened, tmp_path):
    scheduler.refuses = "was refused (invalid partition: 'gpus')"
    executor = opened()
    status = ended(executor, executor.submit(job(tmp_path, "pass")))
    assert status == JobStatus(JobState.FAILED, None, "was refused (invalid partition: 'gpus')")


def test_an_interrupted_job_goes_on_by_itself(scheduler, opened, tmp_path):
    executor = opened()
    handle = executor.submit(job(tmp_path, SAVES))
    while log_tail(tmp_path / "job" / "log.txt") != "ready":
        time.sleep(0.01)
        executor.poll(handle)
    next(iter(scheduler.running.values())).terminate()
    assert ended(executor, handle) == JobStatus(JobState.SUCCEEDED, 0)
    assert (tmp_path / "job" / "saved").exists()


def test_a_job_that_fails_by_itself_is_not_repeated(scheduler, opened, tmp_path):
    executor = opened()
    assert ended(executor, executor.submit(job(tmp_path, "raise SystemExit(3)"))) == JobStatus(JobState.FAILED, 3)
    assert scheduler.batches == [1]


def test_the_next_coordinator_takes_over_what_the_last_one_left(scheduler, opened, tmp_path):
    code = "import time; time.sleep(1); open('ran', 'a').write('x')"
    first = opened()
    handle = first.submit(job(tmp_path, code))
    until(first, handle, lambda status: status.state is JobState.RUNNING)
    second = opened()
    assert ended(second, second.submit(job(tmp_path, code))) == JobStatus(JobState.SUCCEEDED, 0)
    assert (tmp_path / "job" / "ran").read_text() == "x"
    assert scheduler.batches == [1]


def test_what_the_last_coordinator_left_and_nobody_knows_any_more_is_handed_over_at_once(scheduler, opened, tmp_path):
    scheduler.lose = 1
    first = opened()
    first.submit(job(tmp_path, "pass"))
    while not scheduler.batches:
        time.sleep(0.01)
    second = opened(vanish_seconds=1000.0)
    assert ended(second, second.submit(job(tmp_path, "pass"))) == JobStatus(JobState.SUCCEEDED, 0)


def test_a_coordinator_whose_job_another_one_replaced_is_told_so(scheduler, opened, tmp_path):
    first, second = opened(), opened()
    old = first.submit(job(tmp_path, SAVES))
    until(first, old, lambda status: status.state is JobState.RUNNING)
    new = second.submit(job(tmp_path, "print('other')"))
    assert ended(second, new) == JobStatus(JobState.SUCCEEDED, 0)
    assert "another command" in ended(first, old).detail


def test_jobs_are_handed_over_together_and_without_places_all_at_once(scheduler, opened, tmp_path):
    executor = opened(refresh_seconds=0.3)
    handles = [executor.submit(job(tmp_path, "pass", str(i))) for i in range(9)]
    assert {ended(executor, handle).state for handle in handles} == {JobState.SUCCEEDED}
    assert len(scheduler.batches) <= 2
    assert sum(scheduler.batches) == 9


def test_the_capacity_is_what_the_cluster_holds_of_such_jobs(scheduler, opened, tmp_path):
    executor = opened()
    handle = executor.submit(job(tmp_path, SAVES, resources=Resources(cpus=2, gpus=1)))
    until(executor, handle, lambda status: status.state is JobState.RUNNING)
    assert executor.capacity == 2
    assert opened(places=5).capacity == 5


def test_cancel_works_while_the_scheduler_is_silent(scheduler, opened, tmp_path):
    executor = opened()
    handle = executor.submit(job(tmp_path, SAVES))
    while log_tail(tmp_path / "job" / "log.txt") != "ready":
        time.sleep(0.01)
        executor.poll(handle)
    scheduler.silent = True
    executor.cancel([handle])
    assert executor.poll(handle) == JobStatus(JobState.CANCELLED, 143)
    assert (tmp_path / "job" / "saved").exists()


def test_polls_between_two_looks_cost_less_than_ten_microseconds_each(scheduler, opened, tmp_path):
    executor = opened(refresh_seconds=5.0)
    handles = [executor.submit(job(tmp_path, "pass", str(i))) for i in range(20)]
    executor.poll(handles[0])
    begun = time.process_time()
    for _ in range(500):
        for handle in handles:
            executor.poll(handle)
    assert time.process_time() - begun < 10_000 * 10e-6
