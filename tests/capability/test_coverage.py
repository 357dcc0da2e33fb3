"""Coverage: the published beta-binomial values, recovery of a known spread, and forecasts that hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from isoflop.capability.attempts import pass_at_k
from isoflop.capability.coverage import Population, PowerOfAttempts, fit_population, fit_power_of_attempts
from isoflop.capability.extrapolate import forecast_coverage
from isoflop.errors import BadInput

K = np.array([10.0, 100.0, 1_000.0, 10_000.0])


def test_failures_of_a_beta_spread_have_their_closed_form_and_their_tail() -> None:
    spread = Population(0.3, 12.0, 0.0, 0.0)
    assert 1 - spread.coverage(K) == pytest.approx([0.830398, 0.507664, 0.262075, 0.131760], abs=5e-7)
    assert spread.tail(K[1:]) == pytest.approx([0.524728, 0.262987, 0.131806], abs=5e-7)


def test_the_published_spread_of_a_12b_model_foretells_its_pass_at_1000() -> None:
    assert float(Population(0.2955, 12.37, 0.0, 0.0).coverage(1_000)) == pytest.approx(0.7302, abs=5e-5)


def test_the_exponentiated_power_law_has_its_published_values() -> None:
    law = PowerOfAttempts(2.0, 0.5, 0.0)
    assert law.coverage([1, 10, 100, 1000]) == pytest.approx([0.13534, 0.53129, 0.81873, 0.93871], abs=5e-6)
    again = fit_power_of_attempts([1, 10, 100, 1000], law.coverage([1, 10, 100, 1000]))
    assert (again.scale, again.slope) == pytest.approx((2.0, 0.5))


def test_the_tail_index_is_not_the_slope_of_the_exponentiated_power_law() -> None:
    spread = Population(0.2955, 12.37, 0.0, 0.0)
    slope = fit_power_of_attempts(np.geomspace(1, 1e4, 30), spread.coverage(np.geomspace(1, 1e4, 30))).slope
    assert slope > 1.2 * spread.a


def test_a_known_spread_is_recovered() -> None:
    rng = np.random.default_rng(0)
    found = fit_population(2_000, rng.binomial(2_000, rng.beta(0.3, 12, 3_000)))
    assert found.a == pytest.approx(0.3, rel=0.06)
    assert found.b == pytest.approx(12, rel=0.12)


def test_problems_that_cannot_be_solved_are_told_from_hard_ones_by_many_attempts() -> None:
    rng = np.random.default_rng(1)
    p = np.where(rng.random(1_000) < 0.3, 0.0, rng.beta(1.0, 5.0, 1_000))
    successes = rng.binomial(1_000, p)
    plain, with_never = fit_population(1_000, successes), fit_population(1_000, successes, never=True)
    assert with_never.never == pytest.approx(0.3, abs=0.04)
    assert with_never.a == pytest.approx(1.0, rel=0.15)
    assert with_never.log_likelihood > plain.log_likelihood + 10


def test_intervals_of_ten_thousand_attempts_foretold_from_a_hundred_hold() -> None:
    rng, held, errors = np.random.default_rng(3), 0, []
    for trial in range(24):
        p = rng.beta(0.3, 12, 128) if trial % 2 else 1 / (1 + np.exp(-rng.normal(-4, 2.5, 128)))
        forecast = forecast_coverage(100, rng.binomial(100, p), [1e4], draws=200, seed=trial)
        truth = float((1 - (1 - p) ** 1e4).mean())
        held += bool(forecast.low[0] <= truth <= forecast.high[0])
        errors.append(abs(forecast.mean[0] - truth))
    assert held >= 19
    assert np.median(errors) < 0.06


def test_a_forecast_of_the_attempts_already_made_is_what_was_measured() -> None:
    rng = np.random.default_rng(4)
    successes = rng.binomial(200, rng.beta(0.5, 5, 200))
    forecast = forecast_coverage(200, successes, [1, 10], draws=200)
    measured = [float(pass_at_k(200, successes, k).mean()) for k in (1, 10)]
    assert forecast.mean == pytest.approx(measured, abs=0.012)


def test_new_problems_are_less_certain_than_those_that_were_tried() -> None:
    rng = np.random.default_rng(5)
    successes = rng.binomial(100, rng.beta(0.3, 5, 60))
    same, new = (forecast_coverage(100, successes, [100], new_problems=kind) for kind in (False, True))
    assert new.high[0] - new.low[0] > 1.5 * (same.high[0] - same.low[0])


def test_a_forecast_says_how_far_it_reaches_and_what_was_never_solved() -> None:
    successes = [0] * 20 + [1, 2, 5, 9]
    forecast = forecast_coverage(100, successes, [1e4], draws=100)
    assert forecast.notes[0].startswith("The largest k is 100 times the attempts made")
    assert any(note.startswith("83% of the problems were never solved") for note in forecast.notes)
    assert sum(forecast.weights.values()) == pytest.approx(1)


def test_what_leaves_the_spread_open_is_refused() -> None:
    with pytest.raises(BadInput, match="No attempt of 1000 succeeded"):
        forecast_coverage(100, [0] * 10, [10])
    with pytest.raises(BadInput, match="Every attempt"):
        fit_population(100, [100] * 10)
    with pytest.raises(BadInput, match="at least 5 problems"):
        fit_population(100, [1, 2, 3])
    with pytest.raises(BadInput, match="at least 1"):
        forecast_coverage(100, [1, 2, 3, 4, 5], [0.5])
    with pytest.raises(BadInput, match="three values of coverage"):
        fit_power_of_attempts([1, 2, 3], [0.0, 0.5, 1.0])


@pytest.mark.parametrize("deviation", [2.5, 3.0])
def test_intervals_hold_for_log_normal_chances_which_no_family_of_the_average_has(deviation: float) -> None:
    rng, held = np.random.default_rng(6), 0
    for trial in range(7):
        p = np.minimum(1, np.exp(rng.normal(-4, deviation, 128)))
        forecast = forecast_coverage(100, rng.binomial(100, p), [1e4], draws=200, seed=trial)
        held += bool(forecast.low[0] <= float((1 - (1 - p) ** 1e4).mean()) <= forecast.high[0])
    assert held >= 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_row_of_the_page_s_study_of_coverage_is_computed() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs/capability.md").read_text(encoding="utf-8")
    printed = subprocess.run(
        [sys.executable, str(root / "benchmarks/coverage_study.py")], capture_output=True, text=True, check=True
    ).stdout
    assert len(printed.splitlines()) == 13
    for row in printed.splitlines():
        assert row in page
