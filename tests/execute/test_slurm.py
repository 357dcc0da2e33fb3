"""A real Slurm that is killed, limits, requeues and refuses: every job is counted once, and none runs twice at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deeds import counted_once, deed, until, until_all_end
from kills import (
    attempts,
    ends_counted_once,
    jobs_of_a_killed_command,
    running,
    taken_over,
    wrapper_killed_and_submitted_again,
)
from real_clusters import SlurmHere, started

from isoflop.errors import ExecutorError
from isoflop.execute import Executor, Handle, JobState, JobStatus, Resources, open_executor
from isoflop.execute.options import SlurmOptions
from isoflop.execute.slurm import SlurmScheduler, cluster_size


@pytest.fixture
def slurm() -> Iterator[SlurmHere]:
    """A Slurm for each test, since one that lost its records drains its machine ("Duplicate jobid")."""
    yield from started(SlurmHere)


def test_jobs_that_wait_together_are_one_array(open_slurm, tmp_path):
    executor = open_slurm(refresh_seconds=0.5)
    jobs = [deed(tmp_path, str(number), seconds=0.0) for number in range(12)]
    until_all_end(executor, [executor.submit(job) for job in jobs])
    assert counted_once(jobs)
    assert len(list((tmp_path / "notes" / "slurm").glob("*.jsonl"))) <= 2


def test_a_controller_killed_just_after_a_submission_costs_no_job_and_repeats_none(open_slurm, slurm, tmp_path):
    executor = open_slurm()
    jobs = [deed(tmp_path, str(number), seconds=1.0) for number in range(3)]
    handles = [executor.submit(job) for job in jobs]
    until(lambda: list((tmp_path / "notes" / "slurm").glob("*.jsonl")))
    slurm.kill_controller()
    slurm.start_controller()
    until_all_end(executor, handles, meanwhile=slurm.resume)
    aborted = [job for job, handle in zip(jobs, handles, strict=True) if not succeeded(executor, handle)]
    again = [executor.submit(job) for job in aborted]  # a campaign does so: a new controller ends what it does not know
    assert not again or until_all_end(executor, again, meanwhile=slurm.resume) == {JobState.SUCCEEDED}
    assert counted_once(jobs)


def succeeded(executor: Executor, handle: Handle) -> bool:
    """Whether the job did; a job that failed must have been ended together with its wrapper, by force."""
    status = executor.poll(handle)
    assert status.state is JobState.SUCCEEDED or "vanished" in status.detail, status
    return status.state is JobState.SUCCEEDED


@pytest.mark.slow
def test_running_jobs_are_followed_while_the_controller_is_dead(open_slurm, slurm, tmp_path):
    executor = open_slurm()
    job, handle = running(executor, tmp_path, seconds=2.0)
    slurm.kill_controller()
    try:
        assert ends_counted_once(executor, job, handle)
    finally:
        slurm.start_controller()


@pytest.mark.slow
def test_a_job_outlives_the_daemon_of_its_machine(open_slurm, slurm, tmp_path):
    executor = open_slurm()
    job, handle = running(executor, tmp_path, seconds=1.0)
    slurm.kill_daemon()
    slurm.start_daemon()
    assert ends_counted_once(executor, job, handle)


@pytest.mark.slow
def test_a_job_that_slurm_asks_to_stop_saves_and_goes_on(open_slurm, slurm, tmp_path):
    executor = open_slurm()
    job, handle = running(executor, tmp_path, seconds=2.0)
    slurm.say("scancel", "--batch", "--signal=TERM", first_number(slurm))  # what --signal does before the time limit
    assert ends_counted_once(executor, job, handle)
    assert attempts(job) == 2


@pytest.mark.slow
def test_a_job_that_slurm_requeues_goes_on_and_is_counted_once(open_slurm, slurm, tmp_path):
    executor = open_slurm()
    job, handle = running(executor, tmp_path, seconds=2.0)
    slurm.say("scontrol", "requeue", first_number(slurm))
    assert ends_counted_once(executor, job, handle)


@pytest.mark.slow
def test_a_killed_wrapper_is_a_failed_job_that_can_be_submitted_again(open_slurm, tmp_path):
    assert "vanished" in wrapper_killed_and_submitted_again(open_slurm(vanish_seconds=1.0), tmp_path)


def test_the_next_command_takes_over_the_jobs_of_a_killed_one(open_slurm, tmp_path):
    jobs = jobs_of_a_killed_command(tmp_path, "slurm", {}, count=6, seconds=1.5)
    assert taken_over(open_slurm(), jobs)


def test_a_partition_that_does_not_exist_is_told_in_slurms_words(open_slurm, tmp_path):
    executor = open_slurm(partition="no-such")
    handle = executor.submit(deed(tmp_path, "a"))
    assert until_all_end(executor, [handle]) == {JobState.FAILED}
    assert "invalid partition specified: no-such" in executor.poll(handle).detail


def test_the_capacity_is_that_of_the_partition(open_slurm, tmp_path):
    executor = open_slurm()
    handle = executor.submit(deed(tmp_path, "a", seconds=0.3, resources=Resources(cpus=2)))
    until_all_end(executor, [handle])
    assert executor.capacity == 4
    assert open_slurm(places=7).capacity == 7


def test_resources_and_options_reach_sbatch(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: name)
    options = SlurmOptions(partition="gpu", account="me", sbatch=("--constraint=a100",), setup=("module load cuda",))
    scheduler = SlurmScheduler(options, tmp_path)
    need = Resources(cpus=8, gpus=2, memory_mb=2000, seconds=3601)
    flags = list(scheduler._flags("isoflop-x", need))
    assert {
        "--partition=gpu", "--account=me", "--constraint=a100", "--cpus-per-task=8", "--gres=gpu:2", "--mem=2000M",
        "--time=61", "--signal=B:TERM@120", "--requeue",
    } <= set(flags)  # fmt: skip
    assert "--signal=B:TERM@30" in scheduler._flags("isoflop-x", Resources(seconds=60))
    assert scheduler._script(tmp_path / "t").splitlines()[1] == "module load cuda"


def test_the_size_of_a_cluster_counts_gpus_of_any_kind():
    listing = "0/64/0/64|2|gpu:a100:4(S:0-1)\n8/8/0/16|1|gpu:2,shard:8\n0/128/0/128|4|(null)\n"
    assert cluster_size(listing) == (208.0, 10.0)


def test_a_machine_without_slurm_is_told_where_to_go(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExecutorError, match=r"no sbatch.*login node"):
        open_executor("slurm", folder=tmp_path)


@pytest.mark.slow
def test_a_job_longer_than_its_time_limit_is_done_in_several_parts(open_slurm: object, tmp_path: Path) -> None:
    executor: Executor = open_slurm(warning_seconds=30)  # type: ignore[operator]
    job = deed(tmp_path, "a", seconds=75.0, resources=Resources(seconds=60))
    handle = executor.submit(job)
    begun_at = time.monotonic()
    while not executor.poll(handle).state.ended:
        assert time.monotonic() - begun_at < 280
        time.sleep(0.2)
    assert executor.poll(handle) == JobStatus(JobState.SUCCEEDED, 0)
    assert counted_once([job])
    assert attempts(job) >= 2


def first_number(slurm: SlurmHere) -> str:
    """The number that Slurm gave the first job of its queue."""
    return slurm.say("squeue", "-h", "--array", "-o", "%i").split()[0]
