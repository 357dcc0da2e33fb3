"""Averaging over forms: weights and widths come from forecasts that could be checked."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop import Law, Runs, find_law, forecast, read_runs
from isoflop.forecasting.averaging import AVERAGED, Ensemble, default_forms, fit_ensemble, form_weights, missed
from isoflop.forecasting.backtest import Origin, rolling_origin
from isoflop.laws import FORMS
from isoflop.laws.law import evaluate

ADDITIVE = find_law("besiroglu2024")
COUPLED = Law(FORMS["coupled"], {"E": 0.4, "A": 40.0, "alpha": 0.39, "B": 140.0, "beta": 0.42, "kappa": 0.47})


def ladder(law: Law, seed: int, noise: float = 0.003, sizes: int = 7, lengths: int = 6) -> Runs:
    rng = np.random.default_rng(seed)
    N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 2e9, sizes), np.geomspace(5e8, 4e10, lengths)))
    loss = evaluate(law.form, law.constants, {"N": N, "D": D}) * np.exp(rng.normal(0, noise, len(N)))
    return Runs(pl.DataFrame({"params": N, "tokens": D, "loss": loss, "flops": 6 * N * D}))


def origin(errors: list[list[float]]) -> Origin:
    values = np.array(errors)
    nothing = np.zeros_like(values)
    rows = np.arange(values.shape[1])
    return Origin(1e20, rows, rows + 2.0, values, nothing, nothing, np.zeros(len(values)), nothing)


def test_a_form_that_forecast_better_weighs_more_and_no_evidence_weighs_equally() -> None:
    assert form_weights([], 3) == pytest.approx([1 / 3] * 3)
    weights = form_weights([origin([[0.01, 0.01], [0.001, 0.001]])] * 4, 2)
    assert weights.sum() == pytest.approx(1)
    assert weights[1] > 0.8


def test_weights_approach_the_evidence_as_origins_grow() -> None:
    few, many = (form_weights([origin([[0.02], [0.01]])] * m, 2)[1] for m in (1, 20))
    assert 0.5 < few < many < 0.81


def test_a_form_that_could_not_be_fitted_is_charged_the_worst_error_there() -> None:
    nan = float("nan")
    weights = form_weights([origin([[0.02], [nan], [0.01]])] * 5, 3)
    assert weights[1] == pytest.approx(weights[0])
    assert weights[2] > weights[1]


def test_the_forms_disagreement_at_an_origin_counts_as_variance_there() -> None:
    found = missed(origin([[0.03, 0.01], [0.01, 0.01]]), np.array([0.5, 0.5]))
    assert found.errors == pytest.approx([0.02, 0.01])
    assert found.own == pytest.approx([1e-4, 0.0])
    assert found.known == pytest.approx([0.0, 0.0])


def test_backtests_never_fit_what_they_forecast() -> None:
    runs = ladder(ADDITIVE, 0)
    for found in rolling_origin(runs, [FORMS["chinchilla"]]):
        assert (runs.flops[found.rows] > found.flops).all()
        assert (runs.flops[np.setdiff1d(np.arange(len(runs)), found.rows)] <= found.flops).all()


def test_of_very_many_runs_above_a_cut_the_cheapest_the_dearest_and_some_between_are_forecast() -> None:
    runs = ladder(ADDITIVE, 0, sizes=60, lengths=50)
    [found, *_] = rolling_origin(runs, [FORMS["chinchilla_one_exponent"]], kriging=False)
    above = runs.flops[runs.flops > found.flops]
    assert len(found.rows) == 1_000 < len(above)
    assert len(np.unique(found.rows)) == 1_000
    assert {runs.flops[found.rows].min(), runs.flops[found.rows].max()} == {above.min(), above.max()}


def test_the_coupled_law_is_found_out_by_its_forecasts() -> None:
    ensemble = fit_ensemble(ladder(COUPLED, 1), replicates=50)
    weights = {f.form.name: w for f, w in zip(ensemble.fits, ensemble.weights, strict=True)}
    assert weights["q_family"] == max(weights.values())


@pytest.mark.slow
@pytest.mark.parametrize("law", [ADDITIVE, COUPLED], ids=["additive", "coupled"])
def test_averaging_holds_new_runs_under_either_truth_where_one_form_fails_under_the_other(law: Law) -> None:
    held = {"average": 0, "chinchilla": 0}
    for seed in range(5):
        runs = ladder(law, seed)
        truth = law(N=2e10, D=4e11)
        for form in held:
            made = forecast(runs, form=form, N=2e10, D=4e11, replicates=60, seed=seed)
            held[form] += bool(made.low[0] <= truth <= made.high[0])
    assert held["average"] >= 4
    if law is COUPLED:
        assert held["chinchilla"] <= 2


def test_a_form_with_more_parameters_than_the_runs_can_carry_is_left_out() -> None:
    seven = ladder(ADDITIVE, 0).take(np.array([0, 6, 12, 18, 24, 30, 41]))
    names = {fitted.form.name for fitted in fit_ensemble(seven, replicates=20).fits}
    assert "chinchilla" in names
    assert "q_family" not in names
    three = seven.take(np.arange(3))
    made = forecast(three, form="average", N=1e10, D=1e11, replicates=20)
    assert len(made.ensemble.fits) == 1
    assert "too few runs" in made.notes[0]
    assert any("3 runs carry one formula only" in note for note in made.notes)


def test_the_average_lies_between_what_its_forms_say() -> None:
    made = forecast(ladder(COUPLED, 2), form="average", N=[1e10, 1e11], D=[2e11, 2e12], replicates=40)
    assert isinstance(made.ensemble, Ensemble)
    assert (made.by_form.min(axis=0) <= made.loss * (1 + 1e-12)).all()
    assert (made.loss <= made.by_form.max(axis=0) * (1 + 1e-12)).all()
    assert sum(made.ensemble.weights) == pytest.approx(1)


def test_a_form_that_does_not_describe_its_own_runs_is_left_out(data_dir: Path) -> None:
    """Kaplan's joint law has residuals 2.6 times the additive law's on the 240 Chinchilla points."""
    runs = read_runs(data_dir / "runs" / "chinchilla_besiroglu" / "runs.csv", where="kept_240")
    ensemble = fit_ensemble(runs, [FORMS["chinchilla"], FORMS["kaplan_nd"]], replicates=20)
    assert [fitted.form.name for fitted in ensemble.fits] == ["chinchilla"]


def test_repeated_tokens_call_for_the_laws_of_repeated_data() -> None:
    runs = ladder(ADDITIVE, 0)
    assert [form.name for form in default_forms(runs)] == list(AVERAGED)
    repeated = Runs(runs.frame.with_columns(unique_tokens=pl.col("tokens") / 8))
    assert "U" in {symbol for form in default_forms(repeated) for symbol in form.inputs}
    once = Runs(runs.frame.with_columns(unique_tokens=pl.col("tokens")))
    assert default_forms(once) == default_forms(runs)
