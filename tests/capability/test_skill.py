"""Skill laws: the published curve of MMLU, recovery of a known one, and forecasts scored on public runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.capability.skill import FORMS, fit_skill
from isoflop.capability.skill_forecast import forecast_skill
from isoflop.errors import BadInput

CHANCE = {"hellaswag": 0.25, "piqa": 0.5, "coqa": 0.0, "lambada_openai": 0.0}


def test_mmlu_against_compute_has_the_published_curve(data_dir: Path) -> None:
    table = pl.read_csv(data_dir / "econ/curated/mmlu_vs_compute.csv")
    x, score = np.log10(table["C"].to_numpy()), table["acc"].to_numpy()
    law = fit_skill(x, score, chance=0.25)
    assert law.parameters["u"] == pytest.approx(0.864, abs=5e-4)
    assert law.parameters["s"] == pytest.approx(1.47, abs=5e-3)
    assert law.parameters["m"] == pytest.approx(23.22, abs=5e-3)
    assert 1 - np.var(score - law(x)) / np.var(score) == pytest.approx(0.74, abs=5e-3)
    assert law.sd > 0.08  # compute alone leaves eight points open


@pytest.mark.parametrize("form", FORMS)
def test_a_known_curve_is_recovered(form: str) -> None:
    x = np.linspace(-4.0, -2.0, 40)
    truth = {
        "sigmoid": 0.25 + 0.6 / (1 + np.exp(-4 * (x + 2.8))),
        "logistic": 0.25 + 0.75 / (1 + np.exp(-4 * (x + 2.8))),
        "exponential": 0.25 + 2.0 * np.exp(0.8 * x),
    }[form]
    noisy = truth + np.random.default_rng(0).normal(0, 0.005, 40)
    law = fit_skill(x, noisy, chance=0.25, form=form)
    assert law(x) == pytest.approx(truth, abs=0.008)
    assert law.sd == pytest.approx(0.005, rel=0.4)


def test_scores_past_the_runs_are_foretold_better_than_by_repeating_the_last(data_dir: Path) -> None:
    folder = data_dir / "runs/gadre_overtraining"
    table = pl.read_csv(folder / "runs.csv").join(pl.read_csv(folder / "downstream_accuracy.csv"), on="name")
    flops = 6 * table["N"].cast(float).to_numpy() * table["tokens"].cast(float).to_numpy()
    x, large = -table["loss_c4_val"].to_numpy(), flops > 2e20
    errors, naive, held = [], [], []
    for task, chance in CHANCE.items():
        score = table[task].to_numpy()
        forecast = forecast_skill(x[~large], score[~large], x[large], chance=chance)
        errors.append(float(np.abs(forecast.mean - score[large]).mean()))
        naive.append(float(np.abs(np.sort(score[~large])[-3:].mean() - score[large]).mean()))
        held.append(float(((forecast.low <= score[large]) & (score[large] <= forecast.high)).mean()))
    assert np.mean(errors) < 0.65 * np.mean(naive)
    assert np.mean(held) > 0.7


@pytest.mark.slow
def test_an_interval_holds_what_it_promises_when_the_curve_is_of_the_forms() -> None:
    rng, held = np.random.default_rng(1), 0
    for trial in range(16):
        x = np.sort(rng.uniform(0, 6, 30))
        middle, slope = rng.uniform(3, 6), rng.uniform(0.8, 2)
        score = 0.25 + 0.7 / (1 + np.exp(-slope * (x - middle))) + rng.normal(0, 0.015, 30)
        forecast = forecast_skill(x, np.clip(score, 0, 1), [7.0], chance=0.25, seed=trial)
        truth = 0.25 + 0.7 / (1 + np.exp(-slope * (7 - middle))) + rng.normal(0, 0.015)
        held += bool(forecast.low[0] <= truth <= forecast.high[0])
    assert held >= 12


def test_a_task_still_at_chance_is_called_so() -> None:
    x = np.linspace(0, 1, 20)
    score = 0.25 + np.random.default_rng(2).normal(0, 0.01, 20)
    forecast = forecast_skill(x, score, [1.5], chance=0.25)
    assert "hardly above chance" in forecast.notes[0]
    assert "reaches past the rows by 50%" in forecast.notes[1]


def test_rows_without_a_score_are_left_out_and_their_order_does_not_matter() -> None:
    x = np.linspace(0, 1, 20)
    score = 0.2 + 0.5 * x
    whole = forecast_skill(x, score, [1.2])
    shuffled = np.random.default_rng(3).permutation(21)
    mixed = forecast_skill(np.append(x, 0.5)[shuffled], np.append(score, np.nan)[shuffled], [1.2])
    assert mixed.mean == pytest.approx(whole.mean)


def test_bad_tables_are_refused_with_what_to_do() -> None:
    x = np.arange(8.0)
    with pytest.raises(BadInput, match="Divide percentages by 100"):
        fit_skill(x, 10 * x)
    with pytest.raises(BadInput, match="at least 5 rows"):
        fit_skill([1, 2, 3], [0.1, 0.2, 0.3])
    with pytest.raises(BadInput, match="at least 8 rows"):
        forecast_skill(x[:7], x[:7] / 10, [9])
    with pytest.raises(BadInput, match="one length"):
        fit_skill(x, x[:5])
    with pytest.raises(BadInput, match="Unknown form 'line'"):
        fit_skill(x, x / 10, form="line")
    with pytest.raises(BadInput, match="chance level"):
        fit_skill(x, x / 10, chance=1.0)
