"""The backtest a user asks for: nothing above a cut is known below it, and scores are what they say."""

import itertools

import numpy as np
import polars as pl
import pytest

from isoflop import Law, Runs
from isoflop.errors import BadInput, RunsError
from isoflop.forecasting.history import ISOFLOP, USUAL, USUAL_NOISY, backtest, by_ratio, methods, record
from isoflop.forecasting.scores import continuous_ranked_probability_score
from isoflop.laws import FORMS
from isoflop.laws.law import evaluate

COUPLED = Law(FORMS["coupled"], {"E": 0.4, "A": 40.0, "alpha": 0.39, "B": 140.0, "beta": 0.42, "kappa": 0.47})


def ladder(seed: int = 0, noise: float = 0.002) -> Runs:
    rng = np.random.default_rng(seed)
    N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 2e9, 7), np.geomspace(5e8, 4e10, 6)))
    loss = evaluate(COUPLED.form, COUPLED.constants, {"N": N, "D": D}) * np.exp(rng.normal(0, noise, len(N)))
    return Runs(pl.DataFrame({"params": N, "tokens": D, "loss": loss, "flops": 6 * N * D}))


@pytest.mark.long
def test_every_target_has_more_compute_than_any_run_it_is_forecast_from() -> None:
    runs = ladder()
    for trial in backtest(runs, cuts=(0.6, 0.8), usual=False):
        assert trial.n_fitted == np.sum(runs.flops <= trial.flops)
        assert (trial.ratio > 1).all()
        assert sorted(trial.measured) == sorted(runs.loss[runs.flops > trial.flops])


@pytest.mark.slow
def test_where_the_usual_form_is_wrong_the_average_errs_less_and_holds_more() -> None:
    trials = [trial for seed in range(3) for trial in backtest(ladder(seed), cuts=(0.5, 0.7))]
    found = {name: record(own) for name, own in methods(trials).items()}
    ours, usual, noisy = found[ISOFLOP], found[USUAL], found[USUAL_NOISY]
    assert ours is not None
    assert usual is not None
    assert noisy is not None
    assert ours.error < 0.5 * usual.error
    assert ours.coverage[0.9] >= 0.8 > usual.coverage[0.9]
    assert ours.interval_score < noisy.interval_score
    assert usual.error == noisy.error


def test_groups_by_extrapolation_part_the_targets() -> None:
    own = methods(backtest(ladder(), cuts=(0.5,), usual=False))[ISOFLOP]
    groups, whole = by_ratio(own), record(own)
    assert whole is not None
    assert sum(group.n_targets for group in groups) == whole.n_targets == len(own[0].loss)
    assert all(low.ratio[1] <= high.ratio[0] for low, high in itertools.pairwise(groups))


def test_cuts_out_of_range_and_tables_without_a_cut_are_refused() -> None:
    with pytest.raises(BadInput, match=r"cuts = \[1\.2\]"):
        backtest(ladder(), cuts=(1.2,))
    with pytest.raises(RunsError, match="leave no cut"):
        backtest(ladder().take(np.arange(5)))


def test_the_probability_score_of_normal_draws_is_the_known_one() -> None:
    """Gneiting & Raftery 2007: for a standard normal and y = 0 it is (sqrt 2 − 1)/sqrt π = 0.2337."""
    draws = np.random.default_rng(0).standard_normal((3, 200_000))
    scores = continuous_ranked_probability_score(draws, np.array([0.0, 0.0, 10.0]))
    assert scores[:2] == pytest.approx([0.23370] * 2, abs=0.003)
    assert scores[2] == pytest.approx(10 - 1 / np.sqrt(np.pi), abs=0.01)
