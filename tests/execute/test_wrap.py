"""The wrapper decides what runs: at most one job in a folder, and only the attempt that counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isoflop.execute import Job, Resources, log_tail
from isoflop.execute.attempts import Attempt, Ended, Pace, find_attempt, nothing_runs, order_attempt
from isoflop.execute.wrap import __file__ as wrap_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the machines of a cluster run Linux")
QUICK = Pace(look_seconds=0.05, pulse_seconds=0.1, grace_seconds=5.0)
SAVES = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(143)))\n"
    "print('ready'); time.sleep(60)"
)
COUNTS = "print('r' + 'an', flush=True)"


def job(folder: Path, code: str, **more: object) -> Job:
    return Job(name="job", argv=(sys.executable, "-u", "-S", "-c", code), directory=folder, **more)


def wrapper(attempt: Attempt) -> subprocess.Popen:
    command = [sys.executable, "-I", "-S", wrap_file, str(attempt.job.directory), attempt.token]
    return subprocess.Popen(command)


def wait(good, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def said(folder: Path) -> str:
    return log_tail(folder / "log.txt")


def test_an_attempt_leaves_a_start_and_an_end(tmp_path):
    attempt = order_attempt(job(tmp_path, "raise SystemExit(7)"), QUICK)
    assert (attempt.started, attempt.ended()) == (False, None)
    wrapper(attempt).wait(20)
    assert attempt.ended() == Ended("ended", 7, "")
    assert attempt.where().startswith(os.uname().nodename)


def test_a_wrapper_whose_attempt_no_longer_counts_runs_nothing(tmp_path):
    old = order_attempt(job(tmp_path, COUNTS), QUICK)
    order_attempt(job(tmp_path, COUNTS), QUICK)
    wrapper(old).wait(20)
    assert old.ended() == Ended("superseded", None, "")
    assert said(tmp_path) == ""


def test_an_attempt_that_ended_is_not_run_again_when_a_scheduler_repeats_it(tmp_path):
    attempt = order_attempt(job(tmp_path, COUNTS), QUICK)
    for _ in range(3):
        wrapper(attempt).wait(20)
    assert (tmp_path / "log.txt").read_text().count("ran") == 1


def test_two_copies_of_one_attempt_run_it_once(tmp_path):
    attempt = order_attempt(job(tmp_path, f"import time; time.sleep(0.3); {COUNTS}"), QUICK)
    for copy in [wrapper(attempt), wrapper(attempt)]:
        copy.wait(20)
    assert (tmp_path / "log.txt").read_text().count("ran") == 1


def test_an_attempt_cancelled_before_its_start_runs_nothing(tmp_path):
    attempt = order_attempt(job(tmp_path, COUNTS), QUICK)
    attempt.cancel(1.0)
    wrapper(attempt).wait(20)
    assert attempt.ended() == Ended("cancelled", None, "")
    assert said(tmp_path) == ""


def test_a_newer_attempt_waits_until_the_older_one_has_saved(tmp_path):
    old = order_attempt(job(tmp_path, SAVES), QUICK)
    older = wrapper(old)
    wait(lambda: said(tmp_path) == "ready")
    new = order_attempt(job(tmp_path, COUNTS), QUICK)
    wrapper(new).wait(20)
    older.wait(20)
    assert old.ended() == Ended("superseded", 143, "")
    text = (tmp_path / "log.txt").read_text()
    assert text.index("saved") < text.index("ran")


def test_a_signal_of_the_scheduler_lets_the_job_save_and_the_same_attempt_may_go_on(tmp_path):
    code = "import pathlib, sys\nif pathlib.Path('again').exists(): sys.exit(0)\nopen('again', 'w')\n" + SAVES
    attempt = order_attempt(job(tmp_path, code), QUICK)
    first = wrapper(attempt)
    wait(lambda: said(tmp_path) == "ready")
    first.send_signal(signal.SIGTERM)
    first.wait(20)
    assert attempt.ended() == Ended("interrupted", 143, "")
    assert said(tmp_path) == "ready\nsaved"
    wrapper(attempt).wait(20)
    assert attempt.ended() == Ended("ended", 0, "")


def test_a_deaf_job_is_ended_when_the_patience_of_the_order_is_over(tmp_path):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    attempt = order_attempt(job(tmp_path, deaf), Pace(look_seconds=0.05, pulse_seconds=0.1, grace_seconds=0.2))
    process = wrapper(attempt)
    wait(lambda: said(tmp_path) == "deaf")
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert attempt.ended() == Ended("interrupted", -9, "")


def test_a_killed_wrapper_leaves_no_marker_and_its_job_saves_before_the_folder_is_free(tmp_path):
    slow = SAVES.replace("(print('saved')", "(time.sleep(0.5), print('saved')")
    attempt = order_attempt(job(tmp_path, slow), QUICK)
    process = wrapper(attempt)
    wait(lambda: said(tmp_path) == "ready")
    process.kill()
    process.wait()
    assert not nothing_runs(tmp_path)
    wait(lambda: nothing_runs(tmp_path))
    assert attempt.ended() is None
    assert said(tmp_path) == "ready\nsaved"


def test_a_deaf_job_whose_wrapper_was_killed_is_ended_by_the_next_attempt_when_its_patience_is_over(tmp_path):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    process = wrapper(order_attempt(job(tmp_path, deaf), QUICK))
    wait(lambda: said(tmp_path) == "deaf")
    process.kill()
    process.wait()
    attempt = order_attempt(job(tmp_path, COUNTS), Pace(look_seconds=0.05, pulse_seconds=0.1, grace_seconds=0.5))
    assert not nothing_runs(tmp_path)
    wrapper(attempt).wait(20)
    assert attempt.ended() == Ended("ended", 0, "")
    assert said(tmp_path) == "ran"


def test_a_wrapper_stops_with_the_process_that_started_it(tmp_path):
    attempt = order_attempt(job(tmp_path, SAVES), QUICK)
    command = [sys.executable, "-I", "-S", wrap_file, str(tmp_path), attempt.token]
    code = f"import subprocess, time; subprocess.Popen({command}); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-S", "-c", code])
    wait(lambda: said(tmp_path) == "ready")
    parent.kill()
    parent.wait()
    wait(lambda: attempt.ended() is not None)
    assert attempt.ended() == Ended("interrupted", 143, "")


def test_the_pulse_moves_while_the_wrapper_lives(tmp_path):
    attempt = order_attempt(job(tmp_path, SAVES), QUICK)
    process = wrapper(attempt)
    wait(lambda: said(tmp_path) == "ready")
    first = attempt.pulse()
    wait(lambda: attempt.pulse() != first)
    process.terminate()
    process.wait(20)
    last = attempt.pulse()
    time.sleep(0.3)
    assert attempt.pulse() == last


def test_the_same_job_is_found_again_until_it_ends_and_another_command_is_not(tmp_path):
    mine = job(tmp_path, COUNTS)
    attempt = order_attempt(mine, QUICK)
    assert find_attempt(mine) == attempt
    assert find_attempt(job(tmp_path, "pass")) is None
    assert find_attempt(job(tmp_path, COUNTS, env={"A": "b"})) is None
    wrapper(attempt).wait(20)
    assert find_attempt(mine) is None


def test_a_job_that_was_pinned_by_its_scheduler_is_told_its_cores(tmp_path):
    core = min(os.sched_getaffinity(0))
    show = "import os; print(os.environ.get('ISOFLOP_CPUS'), os.environ['ISOFLOP_THREADS'])"
    attempt = order_attempt(job(tmp_path, show, resources=Resources(cpus=1)), QUICK)
    command = [sys.executable, "-I", "-S", wrap_file, str(tmp_path), attempt.token]
    subprocess.run(command, preexec_fn=lambda: os.sched_setaffinity(0, {core}), check=True)
    assert said(tmp_path) == f"{core} 1"


def test_a_line_of_a_list_names_the_attempt(tmp_path):
    attempts = [order_attempt(job(tmp_path / name, f"print({name!r})"), QUICK) for name in "ab"]
    listing = tmp_path / "tasks.jsonl"
    listing.write_text("\n".join(json.dumps([str(a.job.directory), a.token]) for a in attempts))
    subprocess.run([sys.executable, "-I", "-S", wrap_file, "--line", "1", str(listing)], check=True)
    assert (said(tmp_path / "a"), said(tmp_path / "b")) == ("", "b")
