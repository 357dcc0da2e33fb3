"""How local places divide a machine's cores and GPUs; the GPUs are made-up numbers, no device is touched."""

from __future__ import annotations

import sys

import pytest

from isoflop.errors import ExecutorError
from isoflop.execute import Job, JobState, LocalExecutor, log_tail
from isoflop.execute.options import LocalOptions
from isoflop.execute.places import Place, local_places

CORES = tuple(range(8))


def test_without_gpus_there_is_a_place_for_each_group_of_cores():
    assert local_places(LocalOptions(cores_per_run=3), CORES) == (Place((0, 1, 2)), Place((3, 4, 5)))


def test_places_may_outnumber_the_cores_which_are_then_dealt_out_again():
    places = local_places(LocalOptions(places=3), (4, 5))
    assert [place.cores for place in places] == [(4,), (5,), (4,)]


def test_each_gpu_is_a_place():
    places = local_places(LocalOptions(gpus=(0, 3), cores_per_run=4), CORES)
    assert places == (Place((0, 1, 2, 3), ("0",)), Place((4, 5, 6, 7), ("3",)))


def test_runs_that_share_gpus_are_dealt_round_and_told_their_part_of_the_memory():
    places = local_places(LocalOptions(gpus=(0, 1), runs_per_gpu=3), CORES)
    assert [place.gpus for place in places] == [("0",), ("1",)] * 3
    assert places[0].environment() == {
        "ISOFLOP_CPUS": "0",
        "ISOFLOP_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "0",
        "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.300",
    }


def test_a_run_alone_on_its_gpus_keeps_the_memory_setting_of_the_user():
    (place,) = local_places(LocalOptions(gpus=("GPU-1", "GPU-2", "GPU-3"), gpus_per_run=2), CORES)
    assert place.environment()["CUDA_VISIBLE_DEVICES"] == "GPU-1,GPU-2"
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" not in place.environment()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (LocalOptions(cores_per_run=9), "9 cores, and this process may use 8"),
        (LocalOptions(gpus=(0,), places=2), "2 places are asked for, and 1 GPUs"),
        (LocalOptions(gpus=(0,), gpus_per_run=2), "hold 0"),
        (LocalOptions(gpus=(0, 1), gpus_per_run=2, runs_per_gpu=2), "Give one of the two"),
    ],
)
def test_what_the_machine_does_not_have_is_refused_with_the_numbers(options, said):
    with pytest.raises(ExecutorError, match=said):
        local_places(options, CORES)


def test_gpus_that_nvidia_smi_does_not_list_are_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExecutorError, match="4 GPUs are asked for, and nvidia-smi lists 0"):
        local_places(LocalOptions(gpus=4), CORES)


def test_jobs_at_work_together_never_have_the_same_part_of_a_gpu(tmp_path):
    code = "import os, time; print(os.environ['CUDA_VISIBLE_DEVICES']); time.sleep(0.3)"
    places = local_places(LocalOptions(gpus=(5, 7), runs_per_gpu=2))
    with LocalExecutor(places) as executor:
        jobs = [Job(name="j", argv=(sys.executable, "-S", "-c", code), directory=tmp_path / str(i)) for i in range(4)]
        handles = [executor.submit(job) for job in jobs]
        while not all(executor.poll(handle).state.ended for handle in handles):
            pass
        assert {executor.poll(handle).state for handle in handles} == {JobState.SUCCEEDED}
    assert sorted(log_tail(job.directory / "log.txt") for job in jobs) == ["5", "5", "7", "7"]
