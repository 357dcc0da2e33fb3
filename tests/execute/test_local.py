"""What only local processes promise: pinning, Ctrl-C, and speed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isoflop.execute import Job, JobState, LocalExecutor, log_tail
from isoflop.execute.contract import LOG_MARK


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes to cores")
def test_a_job_is_born_on_the_cores_of_its_slot_and_the_executor_stays_free(tmp_path):
    before = os.sched_getaffinity(0)
    core = max(before)
    job = Job(name="j", argv=(sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"), directory=tmp_path)
    with LocalExecutor([(core,)]) as executor:
        handle = executor.submit(job)
        while not executor.poll(handle).state.ended:
            time.sleep(0.01)
    assert log_tail(tmp_path / "log.txt") == f"{{{core}}}"
    assert os.sched_getaffinity(0) == before


@pytest.mark.slow
def test_two_hundred_empty_jobs_take_less_than_ten_milliseconds_of_the_executor_each(tmp_path):
    with LocalExecutor([(0,)] * 2) as executor:
        begun = time.process_time()
        handles = [executor.submit(Job(name="n", argv=("/bin/true",), directory=tmp_path)) for _ in range(200)]
        while not all(executor.poll(handle).state.ended for handle in handles):
            time.sleep(0.005)
        assert time.process_time() - begun < 200 * 0.010
        assert {executor.poll(handle).state for handle in handles} == {JobState.SUCCEEDED}


CTRL_C = """
import sys, time
from pathlib import Path
from isoflop.execute import Job, LocalExecutor
job = Job(name="j", directory=Path(sys.argv[1]), argv=(sys.executable, "-u", "-c",
    "import signal, sys, time; "
    "signal.signal(signal.SIGINT, lambda *_: print('SIGINT')); "
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit('SIGTERM')); "
    "print('ready'); time.sleep(60)"))
with LocalExecutor([(0,)]) as executor:
    handle = executor.submit(job)
    while True:
        executor.poll(handle)
        time.sleep(0.01)
"""


def test_ctrl_c_in_the_terminal_reaches_the_coordinator_which_asks_the_job_to_stop(tmp_path: Path):
    coordinator = subprocess.Popen(
        [sys.executable, "-c", CTRL_C, str(tmp_path)], process_group=0, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while log_tail(tmp_path / "log.txt") != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(coordinator.pid, signal.SIGINT)  # what the terminal sends to the foreground group
    coordinator.wait(timeout=10)
    assert log_tail(tmp_path / "log.txt") == "ready\nSIGTERM"


def test_the_tail_of_a_log_longer_than_what_is_read_is_its_last_lines(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text(f"{LOG_MARK}now ===\n" + "".join(f"line {number}\n" for number in range(20_000)))
    assert log_tail(log, lines=2) == "line 19998\nline 19999"


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system tells nobody at once that a process has ended")
def test_a_pause_ends_when_a_job_does_and_lasts_as_long_as_told_when_none_does(tmp_path):
    with LocalExecutor([(0,)]) as executor:
        long = executor.submit(Job(name="long", argv=("/bin/sleep", "60"), directory=tmp_path / "long"))
        executor.pause(0.05)
        assert executor.poll(long).state is JobState.RUNNING
        executor.cancel([long])
        short = executor.submit(Job(name="short", argv=("/bin/sleep", "0.2"), directory=tmp_path / "short"))
        executor.pause(120.0)  # longer than the time a test may take
        assert executor.poll(short).state is JobState.SUCCEEDED
        before = set(os.listdir("/proc/self/fd"))
        again = executor.submit(Job(name="again", argv=("/bin/true",), directory=tmp_path / "again"))
        while not executor.poll(again).state.ended:
            executor.pause(1.0)
        assert len(os.listdir("/proc/self/fd")) == len(before)
