"""A real Ray whose workers, drivers and head are killed: every job is counted once, and none runs twice at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from deeds import begun, counted_once, deed, pids, until, until_all_end
from kills import (
    ends_counted_once,
    jobs_of_a_killed_command,
    running,
    taken_over,
    wrapper_killed_and_submitted_again,
)

from isoflop.execute import Job, JobState, Resources, log_tail


@pytest.mark.slow
def test_jobs_side_by_side_are_counted_once_each(open_ray, tmp_path):
    executor = open_ray()
    jobs = [deed(tmp_path, str(number), seconds=0.3) for number in range(6)]
    assert until_all_end(executor, [executor.submit(job) for job in jobs]) == {JobState.SUCCEEDED}
    assert counted_once(jobs)
    assert executor.capacity == 4


def test_a_killed_ray_worker_costs_no_more_than_a_restart(open_ray, ray, tmp_path):
    executor = open_ray()
    job, handle = running(executor, tmp_path, seconds=1.5)
    ray.kill([int(parent(pids(job)["wrapper"]))])
    assert ends_counted_once(executor, job, handle)


@pytest.mark.slow
def test_a_killed_wrapper_is_a_failed_job_that_can_be_submitted_again(open_ray, tmp_path):
    wrapper_killed_and_submitted_again(open_ray(vanish_seconds=1.0), tmp_path)


@pytest.mark.slow
def test_the_next_command_takes_over_the_jobs_of_a_killed_one(open_ray, ray, tmp_path):
    options = {"address": ray.address}
    jobs = jobs_of_a_killed_command(tmp_path, "ray", options, count=3, seconds=4.0, prefix=ray.prefix)
    assert taken_over(open_ray(), jobs)


def test_runs_that_share_a_gpu_get_it_by_halves(open_ray, tmp_path):
    executor = open_ray(runs_per_gpu=2)
    code = "import os, time; print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['XLA_PYTHON_CLIENT_MEM_FRACTION'])"
    jobs = [
        Job(
            name=str(i),
            argv=(sys.executable, "-S", "-c", code),
            directory=tmp_path / str(i),
            resources=Resources(gpus=1),
        )
        for i in range(2)
    ]
    assert until_all_end(executor, [executor.submit(job) for job in jobs]) == {JobState.SUCCEEDED}
    assert [log_tail(job.directory / "log.txt") for job in jobs] == ["0 0.450", "0 0.450"]


@pytest.mark.slow
def test_the_end_of_the_head_is_outlived_and_the_jobs_go_on_when_it_is_back(open_ray, ray, tmp_path):
    executor = open_ray()
    jobs = [deed(tmp_path, str(number), seconds=5.0) for number in range(2)]
    handles = [executor.submit(job) for job in jobs]
    until(lambda: executor.poll(handles[0]) and all(map(begun, jobs)))
    ray.kill_head()
    ray.start()
    assert until_all_end(executor, handles, seconds=120) == {JobState.SUCCEEDED}
    assert counted_once(jobs)


def parent(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
