"""What to expect of a run not yet made."""

from pathlib import Path

import numpy as np
import pytest

from isoflop import Runs, find_law, fit, forecast, read_runs, score
from isoflop.errors import BadInput, LawError
from isoflop.forecasting.scores import interval_score
from isoflop.laws.law import evaluate

TRUTH = find_law("besiroglu2024")


def ladder(seed: int, noise: float = 0.005) -> Runs:
    import polars as pl

    rng = np.random.default_rng(seed)
    N, D = (a.ravel() for a in np.meshgrid(np.geomspace(3e7, 3e9, 7), np.geomspace(1e9, 6e10, 6)))
    loss = evaluate(TRUTH.form, TRUTH.constants, {"N": N, "D": D}) * np.exp(rng.normal(0, noise, len(N)))
    return Runs(pl.DataFrame({"params": N, "tokens": D, "loss": loss, "flops": 6 * N * D}))


def test_prediction_intervals_hold_new_runs_about_nine_times_in_ten_when_the_form_is_right() -> None:
    held = []
    for seed in range(40):
        made = forecast(
            ladder(seed), form="chinchilla", N=[6e9, 1e10, 2e10], D=[1e11, 2e11, 4e11], replicates=150, seed=seed
        )
        noise = np.exp(np.random.default_rng(10_000 + seed).normal(0, 0.005, 3))
        new = TRUTH(N=[6e9, 1e10, 2e10], D=[1e11, 2e11, 4e11]) * noise
        held += list((made.low <= new) & (new <= made.high))
    assert 0.78 <= np.mean(held) <= 0.99


def test_chinchilla_70b_is_forecast_from_the_240_points(data_dir: Path) -> None:
    runs = read_runs(data_dir / "runs" / "chinchilla_besiroglu" / "runs.csv", where="kept_240")
    made = forecast(runs, form="chinchilla", N=70e9, D=1.4e12)
    assert made.loss[0] == pytest.approx(1.97337, abs=1e-4)
    assert made.low[0] < 1.9734 < made.high[0]
    assert made.extrapolation[0] == pytest.approx(45.4, abs=0.1)
    assert "times the compute" in made.notes[-1]


def test_any_two_of_size_data_and_compute_give_the_third() -> None:
    fitted = fit("chinchilla", ladder(0), replicates=30)
    by_nd, by_nc, by_dc = (
        forecast(fitted, **target)
        for target in ({"N": 1e9, "D": 2e10}, {"N": 1e9, "C": 1.2e20}, {"D": 2e10, "C": 1.2e20})
    )
    assert by_nd.loss == pytest.approx(by_nc.loss)
    assert by_nd.loss == pytest.approx(by_dc.loss)
    assert by_nd.flops[0] == pytest.approx(1.2e20)
    with pytest.raises(BadInput, match="contradict C = 6ND"):
        forecast(fitted, N=1e9, D=2e10, C=1e20)


def test_a_higher_level_widens_the_interval_and_quantiles_are_ordered() -> None:
    fitted = fit("chinchilla", ladder(1), replicates=100)
    narrow, wide = forecast(fitted, N=1e10, D=1e11, level=0.5), forecast(fitted, N=1e10, D=1e11, level=0.95)
    assert wide.low[0] < narrow.low[0] < narrow.high[0] < wide.high[0]
    assert wide.quantile(0.025)[0] == pytest.approx(wide.low[0])


def test_the_interval_widens_with_distance() -> None:
    made = forecast(ladder(2), form="chinchilla", N=[1e9, 1e11, 1e13], D=[2e10, 2e12, 2e14])
    width = (made.high - made.low) / made.loss
    assert width[0] < width[1] < width[2]


def test_a_target_needs_every_variable_and_positive_ones() -> None:
    fitted = fit("chinchilla", ladder(0), replicates=10)
    with pytest.raises(LawError, match="also needs D"):
        forecast(fitted, N=1e9)
    with pytest.raises(LawError, match="must be finite and positive"):
        forecast(fitted, N=1e9, D=0.0)
    with pytest.raises(LawError, match="Unknown variable 'T'"):
        forecast(fitted, N=1e9, D=1e9, T=1.0)
    with pytest.raises(BadInput, match="different lengths"):
        forecast(fitted, N=[1e9, 2e9], D=[1e9, 1e9, 1e9])
    with pytest.raises(BadInput, match=r"level = 1\.5"):
        forecast(fitted, N=1e9, D=1e9, level=1.5)


def test_the_interval_score_is_the_width_plus_the_penalty_for_missing() -> None:
    low, high, measured = np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.0, 2.0]), np.array([1.5, 2.5, 0.5])
    assert interval_score(low, high, measured, 0.9) == pytest.approx([1.0, 1.0 + 20 * 0.5, 1.0 + 20 * 0.5])


def test_scores_count_what_was_inside() -> None:
    made = forecast(ladder(0), form="chinchilla", N=[1e9, 1e9], D=[2e10, 2e10], replicates=50)
    scores = score(made, np.array([made.loss[0], made.high[0] * 1.1]))
    assert scores.coverage == 0.5
    assert scores.n_targets == 2
    assert scores.median_abs_rel_error == pytest.approx(0.5 * abs(made.loss[1] / (made.high[0] * 1.1) - 1))
