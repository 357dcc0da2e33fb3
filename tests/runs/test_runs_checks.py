"""Each check finds what it is for, and is silent about runs that are in order."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from isoflop.runs import Finding, Run, Runs, check_runs, read_runs


def ladder(**changed: list[Any]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "params": [1e7, 1e7, 3e7, 3e7, 1e8, 1e8],
            "tokens": [2e8, 8e8, 6e8, 3e9, 2e9, 9e9],
            "loss": [4.4, 4.1, 3.9, 3.6, 3.4, 3.1],
        }
    )
    return frame.with_columns(pl.Series(name, values) for name, values in changed.items())


def findings(frame: pl.DataFrame) -> dict[str, Finding]:
    return {finding.kind: finding for finding in check_runs(Runs(frame.with_columns(flops=_flops(frame)), source="x"))}


def _flops(frame: pl.DataFrame) -> pl.Series:
    return frame["flops"] if "flops" in frame.columns else 6.0 * frame["params"] * frame["tokens"]


def test_runs_in_order_have_no_findings() -> None:
    assert findings(ladder()) == {}


@pytest.mark.parametrize(
    ("changed", "kind", "severity", "rows"),
    [
        ({"loss": [4.4, math.nan, 3.9, 3.6, 3.4, 3.1]}, "non_finite", "error", (1,)),
        ({"loss": [4.4, math.inf, 3.9, 3.6, 3.4, None]}, "non_finite", "error", (1, 5)),
        ({"loss": [4.4, 4.1, 3.9, -3.6, 3.4, 3.1]}, "non_positive", "error", (3,)),
        ({"tokens": [0.0, 8e8, 6e8, 3e9, 2e9, 9e9]}, "non_positive", "error", (0,)),
        ({"params": [10.0, 1e7, 3e7, 3e7, 1e8, 1e8]}, "mixed_units", "error", (0,)),
        ({"params": [0.01, 0.01, 0.03, 0.03, 0.1, 0.1]}, "scaled_units", "warning", (0, 1, 2, 3, 4, 5)),
        ({"loss": [80.0, 60.0, 50.0, 37.0, 30.0, 22.0]}, "looks_like_perplexity", "error", (0, 1, 2, 3, 4, 5)),
        ({"loss": [44.0, 4.1, 3.9, 3.6, 3.4, 3.1]}, "high_loss", "warning", (0,)),
        ({"loss": [1.5, 1.4, 1.3, 1.2, 1.1, 1.0]}, "looks_like_bits", "note", ()),
        ({"params": [1e7] * 6}, "single_params", "warning", ()),
        ({"tokens": [1e9] * 6}, "single_tokens", "warning", ()),
        ({"tokens": [2e8, 2.0001e8, 6e8, 6e8, 2e9, 2e9]}, "single_ratio", "warning", ()),
        ({"tokens": [2e8, 2e8, 6e8, 3e9, 2e9, 9e9]}, "replicates", "note", (0, 1)),
        ({"run_id": ["a", "b", "c", "d", "e", "a"]}, "repeated_run_id", "warning", (5,)),
        ({"params_convention": ["total"] * 4 + ["active"] * 2}, "mixed_conventions", "error", (4, 5)),
        ({"loss_unit": ["nats"] * 5 + ["bits"]}, "mixed_conventions", "error", (5,)),
    ],
)
def test_a_fault_is_found_with_its_rows(
    changed: dict[str, list[Any]], kind: str, severity: str, rows: tuple[int, ...]
) -> None:
    found = findings(ladder(**changed))
    assert kind in found
    assert (found[kind].severity, found[kind].rows) == (severity, rows)
    assert found[kind].message
    assert found[kind].remedy


def test_repeated_rows_are_told_from_replicates() -> None:
    found = findings(pl.concat([ladder(), ladder().head(1)]))
    assert found["duplicate_rows"].rows == (6,)
    assert "replicates" not in found


def test_compute_that_contradicts_6nd_is_reported_beyond_the_factor_only() -> None:
    flops = [value * factor for value, factor in zip(_flops(ladder()), [1, 1.2, 1.3, 0.85, 0.5, 1], strict=True)]
    runs = read_runs(ladder(flops=flops))
    kinds = {finding.kind: finding for finding in check_runs(runs)}
    assert kinds["contradicted_flops"].rows == (2, 4)
    assert [f.rows for f in check_runs(runs, flops_factor=1.1) if f.kind == "contradicted_flops"] == [(1, 2, 3, 4)]


def test_runs_counted_by_two_conventions_are_reported() -> None:
    runs = [Run(params=1e7, tokens=2e8, loss=4.4), Run(params=2e7, tokens=8e8, loss=4.0, params_convention="active")]
    assert "mixed_conventions" in {finding.kind for finding in check_runs(Runs.from_runs(runs))}


def test_a_response_that_is_no_loss_is_not_judged_as_one() -> None:
    runs = read_runs(ladder(score=[-1.0, 50.0, 60.0, 70.0, 80.0, 90.0]), target="score")
    assert check_runs(runs) == ()


def test_errors_come_first_and_an_empty_table_is_one() -> None:
    found = check_runs(Runs(ladder(loss=[1.5, -1.0, 1.3, 1.2, 1.1, 1.0]).with_columns(flops=_flops(ladder()))))
    assert [finding.severity for finding in found] == ["error", "note"]
    assert [finding.kind for finding in check_runs(Runs.from_runs([]))] == ["no_runs"]


def test_the_kept_chinchilla_points_have_no_errors(data_dir: Path) -> None:
    runs = read_runs(data_dir / "runs/chinchilla_besiroglu/runs.csv", where="kept_240")
    assert {finding.severity for finding in check_runs(runs)} <= {"note"}


def test_a_million_runs_are_checked_in_seconds() -> None:
    rng = np.random.default_rng(0)
    params, tokens = np.exp(rng.uniform(15, 25, (2, 1_000_000)))
    frame = pl.DataFrame({"params": params, "tokens": tokens, "loss": rng.uniform(2, 5, 1_000_000)})
    runs = read_runs(frame.with_columns(flops=6 * pl.col("params") * pl.col("tokens") * 2, run_id=pl.lit("same")))
    started = time.perf_counter()
    found = check_runs(runs)
    assert time.perf_counter() - started < 10  # 1.5 s alone on two cores; the margin is for a busy machine
    assert {len(f.rows) for f in found if f.kind == "contradicted_flops"} == {1000}
