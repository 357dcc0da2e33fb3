"""A run and a table of runs as values."""

import json
import math

import numpy as np
import pytest

from isoflop.errors import RunsError
from isoflop.runs import Run, Runs


def run(**known: object) -> Run:
    return Run(**({"params": 1e8, "tokens": 2e9, "loss": 3.0} | known))  # type: ignore[arg-type]


def test_a_run_without_stated_compute_has_6nd() -> None:
    assert run().compute == 6 * 1e8 * 2e9
    assert run(flops=5e18).compute == 5e18


def test_a_run_is_one_line_of_json_with_the_canonical_names() -> None:
    line = json.dumps(run(trunk="a", seed=1, extra={"warm": True}).to_dict())
    assert json.loads(line) == {
        "params": 1e8, "tokens": 2e9, "loss": 3.0, "seed": 1, "trunk": "a", "params_convention": "total", "warm": True,
    }  # fmt: skip


def test_a_diverged_run_has_no_loss() -> None:
    assert math.isnan(Run.from_dict({"params": 1, "tokens": 2, "loss": None, "status": "diverged"}).loss)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"params": 1.0, "tokens": 2.0}, "lacks loss"),
        ({"params": "1B", "tokens": 2.0, "loss": 3.0}, "params of a run is '1B'"),
        ({"params": 1.0, "tokens": 2.0, "loss": 3.0, "seed": 1.5}, "whole number"),
        ({"params": 1.0, "tokens": 2.0, "loss": 3.0, "params_convention": "totl"}, "Did you mean 'total'"),
    ],
)
def test_a_record_that_is_no_run_is_refused(record: dict[str, object], message: str) -> None:
    with pytest.raises(RunsError, match=message):
        Run.from_dict(record)


def test_an_extra_column_cannot_take_the_name_of_a_field() -> None:
    with pytest.raises(RunsError, match="lr"):
        run(extra={"lr": 1})


def test_runs_of_one_trunk_are_one_cluster_and_others_are_alone() -> None:
    table = Runs.from_runs([run(trunk="b"), run(), run(trunk="a"), run(trunk="b"), run()])
    assert table.clusters.tolist() == [0, 1, 2, 0, 3]
    assert Runs.from_runs([run(), run()]).clusters.tolist() == [0, 1]


def test_rows_are_taken_by_mask_or_by_index_with_repeats() -> None:
    table = Runs.from_runs([run(loss=float(i)) for i in (1, 2, 3)])
    assert table.take(np.array([True, False, True])).loss.tolist() == [1, 3]
    assert table.take([2, 2, 0]).loss.tolist() == [3, 3, 1]
    with pytest.raises(RunsError, match="mask of shape"):
        table.take([True, False])


def test_a_column_that_no_run_knows_is_absent_and_asking_for_it_teaches() -> None:
    table = Runs.from_runs([run(seed=1), run()])
    assert table.has("seed")
    assert not table.has("lr")
    assert table.column("seed").tolist()[0] == 1.0
    with pytest.raises(RunsError, match=r"Unknown column 'los' .*Did you mean 'loss'"):
        table.column("los")


def test_tables_are_equal_when_their_values_and_conventions_are() -> None:
    assert Runs.from_runs([run()], source="a") == Runs.from_runs([run()], source="b")
    assert Runs.from_runs([run()]) != Runs.from_runs([run(loss=2.0)])
    assert Runs.from_runs([run()]) != Runs.from_runs([run(params_convention="active")])


def test_no_runs_are_a_table_without_rows() -> None:
    assert len(Runs.from_runs([])) == 0
    assert Runs.from_runs([]).flops.shape == (0,)
