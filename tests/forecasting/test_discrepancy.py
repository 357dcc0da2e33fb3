"""The surface of residuals: learned where they agree, absent where they are noise."""

import numpy as np
import polars as pl
import pytest

from isoflop import Runs
from isoflop.forecasting.discrepancy import LARGEST, Surface, drawn_in, repeats_tokens

RNG = np.random.default_rng


def table(count: int, seed: int = 0, repeats: float = 0.0) -> Runs:
    rng = RNG(seed)
    N, D = 10 ** rng.uniform(7, 9, count), 10 ** rng.uniform(9, 11, count)
    columns = {"params": N, "tokens": D, "loss": np.full(count, 3.0), "flops": 6 * N * D}
    return Runs(pl.DataFrame(columns | ({"unique_tokens": D / repeats} if repeats else {})))


def wave(N: np.ndarray, D: np.ndarray) -> np.ndarray:
    return 0.02 * np.sin(np.log(N) / 3) + 0.01 * np.cos(np.log(D) / 4)


def test_a_smooth_fault_is_learned_and_carried_a_little_past_the_data() -> None:
    runs = table(120)
    rng = RNG(1)
    residuals = wave(runs.params, runs.tokens) + rng.normal(0, 0.002, len(runs))
    at = {"N": np.array([1e8, 1.5e9]), "D": np.array([1e10, 1.5e11])}  # within, and 2.3 times the compute
    surface = Surface(runs)
    found = surface.learn(residuals[surface.rows], at)
    assert found.of(residuals[surface.rows]) == pytest.approx(wave(at["N"], at["D"]), abs=0.003)
    assert np.sqrt(found.noise) == pytest.approx(0.002, rel=0.3)


def test_noise_alone_moves_a_forecast_by_less_than_its_own_standard_error() -> None:
    moved = []
    for seed in range(40):
        runs = table(60, seed)
        residuals = RNG([seed, 1]).normal(0, 0.01, len(runs))
        found = Surface(runs).learn(residuals, {"N": np.array([2e9]), "D": np.array([2e11])})
        moved.append(found.of(residuals)[0])
    assert np.std(moved) < 0.01 / 2


def test_doubt_grows_with_the_distance_from_the_runs() -> None:
    runs = table(80)
    residuals = wave(runs.params, runs.tokens) + RNG(2).normal(0, 0.002, len(runs))
    far = np.array([1.0, 1e3, 1e5, 1e7])
    found = Surface(runs).learn(residuals, {"N": 1e8 * np.sqrt(far), "D": 1e10 * np.sqrt(far)})
    assert (np.diff(found.variance) > 0).all()


def test_one_outlier_bends_no_surface() -> None:
    runs = table(60)
    residuals = RNG(3).normal(0, 0.002, len(runs))
    spoilt = residuals.copy()
    spoilt[7] = 5.0
    assert np.abs(drawn_in(spoilt)).max() < 0.02
    at = {"N": np.array([2e9]), "D": np.array([2e11])}
    clean, bent = (Surface(runs).learn(r, at).of(r)[0] for r in (residuals, spoilt))
    assert abs(bent - clean) < 0.004


def test_of_many_runs_those_with_the_most_compute_are_used() -> None:
    runs = table(2000)
    rows = Surface(runs).rows
    assert len(rows) == LARGEST
    assert runs.flops[rows].min() >= np.sort(runs.flops)[-LARGEST]


def test_fewer_runs_than_six_show_no_surface() -> None:
    runs = table(5)
    found = Surface(runs).learn(np.full(5, 0.1), {"N": np.array([1e8]), "D": np.array([1e10])})
    assert found.of(np.full(5, 0.1))[0] == found.variance[0] == 0


def test_how_often_tokens_were_repeated_is_an_axis_of_its_own() -> None:
    assert not repeats_tokens(table(20))
    assert not repeats_tokens(table(20, repeats=1.0))
    repeated = table(60, repeats=1.0)
    times = np.exp(RNG(5).uniform(0, 5, 60))
    repeated = Runs(repeated.frame.with_columns(unique_tokens=pl.col("tokens") / pl.Series(times)))
    assert repeats_tokens(repeated)
    residuals = 0.01 * np.log(times)
    surface = Surface(repeated)
    at = {"N": np.full(2, 1e8), "D": np.full(2, 1e10), "U": np.array([1e10, 1e8])}
    once, hundred = surface.learn(residuals, at).of(residuals)
    assert hundred - once == pytest.approx(0.01 * np.log(100), rel=0.2)
