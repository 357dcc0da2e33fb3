"""Executors by name, with options as they stand in a ladder file."""

from __future__ import annotations

import importlib.util

import pytest

from isoflop.errors import ExecutorError, MissingExtra
from isoflop.execute import LocalExecutor, open_executor
from isoflop.execute.options import LocalOptions, RayOptions, SlurmOptions, read_options


def test_local_has_a_place_for_each_one_asked_for(tmp_path):
    with open_executor("local", {"places": 3}, folder=tmp_path) as executor:
        assert isinstance(executor, LocalExecutor)
        assert (executor.capacity, executor.outlives_coordinator) == (3, False)


def test_an_unknown_executor_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ExecutorError, match=r"Unknown executor 'slrum'.*local, ray, slurm.*Did you mean 'slurm'"):
        open_executor("slrum", folder=tmp_path)


def test_an_unknown_option_is_refused_by_name(tmp_path):
    with pytest.raises(ExecutorError, match=r"Unknown option 'gpu' of the executor 'local'.*Did you mean 'gpus'"):
        open_executor("local", {"gpu": 1}, folder=tmp_path)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (LocalOptions, {"places": "two"}, "'two', a str. It must be a whole number"),
        (LocalOptions, {"places": 0}, "is 0. It must be above 0"),
        (LocalOptions, {"gpus": [0.5]}, "a whole number or a list, each item a whole number or text"),
        (LocalOptions, {"places": True}, "a bool"),
        (RayOptions, {"resources": "a100"}, "a table"),
        (SlurmOptions, {"sbatch": "--qos=x"}, "a list, each item text"),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused_with_what_it_must_be(kind, given, said):
    with pytest.raises(ExecutorError) as caught:
        read_options(kind, given, "here")
    assert said in str(caught.value)


def test_options_are_taken_as_toml_gives_them():
    options = read_options(SlurmOptions, {"sbatch": ["--qos=x"], "vanish_seconds": 30, "restarts": 0}, "slurm")
    assert options == SlurmOptions(sbatch=("--qos=x",), vanish_seconds=30, restarts=0)


def test_the_time_to_save_is_as_long_as_slurms_warning():
    assert SlurmOptions(warning_seconds=300).pace.grace_seconds == 290
    assert SlurmOptions(warning_seconds=20).pace.grace_seconds == 30


def test_without_ray_the_extra_to_install_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"isoflop\[ray\]"):
        open_executor("ray", folder=tmp_path)
