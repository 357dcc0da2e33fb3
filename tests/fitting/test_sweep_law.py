"""The law of the best rate and batch is found where it is known, and doubted where it cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from isoflop.errors import BadInput, FitFailure, RunsError
from isoflop.fitting.sweep_cells import sweep_cells
from isoflop.fitting.sweep_law import sweep_law
from isoflop.runs.table import Runs

P, Q, R = -0.4, 0.25, 0.5
CURVES = np.array([[0.10, -0.04], [-0.04, 0.06]])


def best(params: float, tokens: float) -> np.ndarray:
    """ln lr* and ln batch* of the made-up truth."""
    return np.array([np.log(3.0) + P * np.log(params) + Q * np.log(tokens), np.log(8.0) + R * np.log(tokens)])


def surface(
    noise: float,
    seed: int = 0,
    sizes: tuple[float, ...] = (1e6, 4e6, 1.6e7),
    data: tuple[float, ...] = (2e8, 8e8, 3.2e9),
    batches: tuple[float, ...] = (-1.4, -0.7, 0.0, 0.7, 1.4),
    shift: float = 0.0,
) -> Runs:
    """A sweep of 7 rates and some batches round a centre that misses the best of each cell by a random factor."""
    generator, rows = np.random.default_rng(seed), []
    for params in sizes:
        for tokens in data:
            centre = best(params, tokens) + generator.uniform(-0.5, 0.5, 2) * (1, len(batches) > 1) + (shift, 0)
            for rate in np.linspace(-2, 2, 7):
                for batch in batches:
                    z = centre + np.array([rate, batch]) - best(params, tokens)
                    loss = 2 + 400 / params**0.4 + 0.5 * z @ CURVES @ z + noise * generator.standard_normal()
                    lr, size = np.exp(centre + np.array([rate, batch]))
                    rows.append((params, tokens * (1 + generator.uniform(-0.003, 0.003)), lr, size, loss))
    frame = pl.DataFrame(rows, schema=["params", "tokens", "lr", "batch_tokens", "loss"], orient="row")
    return Runs(frame.with_columns(flops=6 * pl.col("params") * pl.col("tokens")))


def test_without_noise_every_constant_is_found() -> None:
    found = sweep_law(surface(1e-9), kind="params_tokens", reach=100)
    assert found.lr.exponents["N"].value == pytest.approx(P, abs=1e-3)
    assert found.lr.exponents["D"].value == pytest.approx(Q, abs=1e-3)
    assert found.batch_tokens is not None
    assert found.batch_tokens.exponents["D"].value == pytest.approx(R, abs=1e-3)
    assert found.lr.at(1e9, 2e10).value == pytest.approx(np.exp(best(1e9, 2e10)[0]), rel=0.02)
    np.testing.assert_allclose(found.cells.used[0].curvature, CURVES, rtol=1e-4)


def test_the_laws_are_chosen_by_what_they_foretell() -> None:
    found = sweep_law(surface(0.005))
    assert found.lr.kind == "params_tokens"
    assert found.batch_tokens is not None
    assert found.batch_tokens.kind == "tokens"
    assert found.lr.status == "identified"
    assert min(found.lr.tried, key=lambda name: found.lr.tried[name]) == "params_tokens"


def test_a_rate_that_does_not_change_is_called_constant() -> None:
    runs = surface(0.005)
    logs = best(1.0, 1.0)[0] - np.array([best(n, d)[0] for n, d in zip(runs.params, runs.tokens, strict=True)])
    moved = runs.frame.with_columns(lr=pl.Series(runs.column("lr") * np.exp(logs)))
    found = sweep_law(replace(runs, frame=moved)).lr
    assert found.kind == "constant"
    assert found.coefficient.low < 3.0 < found.coefficient.high


def test_intervals_hold_what_they_promise() -> None:
    inside = []
    for seed in range(100):
        found = sweep_law(surface(0.01, seed), kind="params_tokens", reach=100)
        at = found.lr.at(1e8, 2e10)
        assert found.batch_tokens is not None
        truths = [
            (found.lr.exponents["N"], P),
            (found.lr.exponents["D"], Q),
            (found.batch_tokens.exponents["D"], R),
            (at, np.exp(best(1e8, 2e10)[0])),
        ]
        inside.append([estimate.low <= truth <= estimate.high for estimate, truth in truths])
    covered = np.mean(inside, axis=0)
    assert (covered > 0.84).all(), covered
    assert (covered < 0.99).all(), covered


def test_a_sweep_of_the_rate_alone_gives_the_law_of_the_rate_alone() -> None:
    found = sweep_law(surface(0.002, batches=(0.0,)))
    assert found.batch_tokens is None
    assert all(np.isnan(cell.batch_tokens) for cell in found.cells.used)


def test_a_lowest_point_outside_the_runs_is_refused_and_says_where_to_train() -> None:
    cells = sweep_cells(surface(1e-6, sizes=(1e6,), shift=2.6), reach=100)
    assert not cells.used
    assert all("train smaller ones" in cell.refused for cell in cells.refused)
    with pytest.raises(FitFailure, match="a law needs two"):
        sweep_law(surface(1e-6, sizes=(1e6,), shift=2.6), reach=100)


def test_noise_that_drowns_the_bowl_is_not_taken_for_a_best_rate() -> None:
    flat = [len(sweep_cells(surface(3.0, seed), reach=100).used) for seed in range(20)]
    assert np.mean(flat) < 0.15 * 9


def test_missing_the_best_rate_by_two_costs_what_the_surface_says() -> None:
    cell = sweep_cells(surface(1e-9), reach=100).used[0]
    assert cell.cost_of(2.0) == pytest.approx(0.5 * 0.10 * np.log(2) ** 2, rel=1e-3)


def test_diverged_runs_are_left_out_and_counted() -> None:
    runs = surface(1e-6)
    loss = runs.loss.copy()
    loss[[6, 40]] = np.nan
    found = sweep_law(replace(runs, frame=runs.frame.with_columns(loss=pl.Series(loss))))
    assert found.cells.left_out == (6, 40)
    assert "2 runs were left out" in found.notes[-1]


def test_few_settings_give_a_doubtful_law() -> None:
    found = sweep_law(surface(0.002, sizes=(1e6,), data=(2e8, 8e8)), kind="tokens").lr
    assert found.status == "doubtful"
    assert "nothing is left to check" in found.notes[0]


def test_a_law_of_what_did_not_vary_is_refused() -> None:
    with pytest.raises(FitFailure, match="must vary"):
        sweep_law(surface(0.002, sizes=(1e6,)), kind="params")


def test_the_law_is_one_of_the_catalogue() -> None:
    found = sweep_law(surface(0.002))
    law = found.lr.law()
    assert law is not None
    assert float(law(N=1e8, D=1e10)) == pytest.approx(found.lr.at(1e8, 1e10).value)
    assert found.batch_tokens is not None
    assert found.batch_tokens.law() is not None


def test_a_table_without_a_sweep_is_refused_by_what_it_lacks() -> None:
    runs = surface(0.01)
    with pytest.raises(RunsError, match="no column lr"):
        sweep_law(replace(runs, frame=runs.frame.drop("lr")))
    with pytest.raises(RunsError, match="swept enough"):
        sweep_law(replace(runs, frame=runs.frame.with_columns(lr=pl.lit(1e-3))))
    with pytest.raises(BadInput, match="Known: constant"):
        sweep_law(runs, kind="shape")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="reach"):
        sweep_law(runs, reach=1.0)
