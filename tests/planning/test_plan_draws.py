"""The intervals of a plan: what moves, what does not, and how long 100,000 draws take."""

import time

import numpy as np
import pytest

from isoflop.fitting.fit import Fit, fit
from isoflop.forecasting.averaging import Ensemble
from isoflop.planning.budget import read_budget
from isoflop.planning.plan import Plan, plan
from isoflop.planning.run_cost import Terms
from isoflop.runs.run import Run
from isoflop.runs.table import Runs

TERMS = Terms(date="2026-11-22")
RNG = np.random.default_rng(0)


def _planned(*amounts: str, **more: object) -> Plan:
    named = {name: more.pop(name) for name in tuple(more) if name in ("tokens_available", "inference_tokens")}
    more.setdefault("terms", TERMS)
    return plan(read_budget(*amounts, **named), layouts=False, **more)  # type: ignore[arg-type]


def _runs(N: np.ndarray, D: np.ndarray, loss: np.ndarray) -> Runs:
    return Runs.from_runs([Run(params=n, tokens=d, loss=x) for n, d, x in zip(N, D, loss, strict=True)])


@pytest.fixture(scope="module")
def fitted() -> Fit:
    """The law of Besiroglu et al. 2024 with 0.5 % of noise on 60 runs, fitted again."""
    N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(5e7, 1e10, 10), np.geomspace(2e9, 2e11, 6)))
    loss = (1.8172 + 482.01 / N**0.3478 + 2085.43 / D**0.3658) * np.exp(0.005 * RNG.standard_normal(N.size))
    return fit("chinchilla", _runs(N, D, loss), replicates=100)


def test_a_hundred_thousand_draws_of_a_whole_plan_take_less_than_a_second() -> None:
    """Processor time, after import and a first plan, so that a busy machine does not decide."""
    _planned("$1M")
    start = time.process_time()
    made = _planned("$1M", draws=100_000)
    assert time.process_time() - start < 1.0
    assert len(made.draws.N) == 100_000


def test_the_same_seed_gives_the_same_plan_and_another_seed_another_interval() -> None:
    one, same, other = (_planned("$1M", seed=seed, draws=2000) for seed in (1, 1, 2))
    assert one.loss == same.loss
    assert one.N.value == other.N.value
    assert one.N.low != other.N.low


def test_utilisation_has_the_published_spread() -> None:
    made = _planned("512xH100, 30d", draws=50_000)
    assert made.utilisation.value == pytest.approx(0.31)
    assert made.utilisation.low == pytest.approx(0.21, abs=0.005)
    assert made.utilisation.high == pytest.approx(0.46, abs=0.01)


def test_with_chips_and_a_deadline_time_is_sure_and_compute_is_not() -> None:
    made = _planned("512xH100, 30d")
    assert made.days.low == made.days.high == pytest.approx(30)
    assert made.flops.low < made.flops.value < made.flops.high
    assert made.flops.high / made.flops.low == pytest.approx(0.46 / 0.21, rel=0.05)


def test_with_compute_given_it_is_the_other_way_round() -> None:
    made = _planned("1e24 FLOP")
    assert made.flops.low == made.flops.high
    assert made.loss.low == made.loss.high  # a published law has no draws
    assert made.days.low < made.days.value < made.days.high


def test_money_that_binds_is_sure_while_hours_follow_the_prices_seen() -> None:
    made = _planned("$1M", draws=20_000)
    paid = next(cost for cost in made.costs if cost.is_budget)
    assert paid.usd.low == pytest.approx(1e6)
    assert paid.usd.high == pytest.approx(1e6)
    seen = made.machine.price("rental").seen
    assert made.device_hours.low == pytest.approx(1e6 / max(seen))
    assert made.device_hours.high == pytest.approx(1e6 / min(seen))


def test_a_utilisation_that_is_given_has_no_spread() -> None:
    made = _planned("512xH100, 30d", terms=Terms(date="2026-11-22", mfu=0.4))
    assert made.utilisation.low == made.utilisation.high == pytest.approx(0.4)


def test_every_draw_keeps_to_the_limits() -> None:
    made = _planned("$1M, 512xH100, 25d", tokens_available="300B", inference_tokens="50B", draws=1000)
    assert made.fits == 1.0
    assert float(np.max(made.draws.days)) <= 25 * (1 + 1e-6)
    assert np.all(np.isfinite(made.draws.loss))


def test_where_compute_is_demanded_the_share_of_draws_that_fit_is_told() -> None:
    made = _planned("1e23 FLOP, 512xH100, 8d")
    assert 0.3 < made.fits < 0.9


def test_each_draw_is_optimal_for_its_own_compute() -> None:
    made = _planned("$1M", draws=500)
    x = np.log(made.draws.N)
    slope = np.polyfit(np.log(made.draws.flops), x, 1)[0]
    assert slope == pytest.approx(0.3658 / (0.3478 + 0.3658), abs=1e-6)


def test_newton_and_the_closed_form_draw_the_same_plans() -> None:
    """Tokens in plenty call up Newton's method and change nothing."""
    closed, newton = (_planned("$1M", draws=500, **more) for more in ({}, {"tokens_available": "1000T"}))
    assert np.allclose(closed.draws.N, newton.draws.N, rtol=2e-3)
    assert np.allclose(closed.draws.loss, newton.draws.loss, rtol=1e-6)


def test_a_fit_brings_the_doubt_of_the_law(fitted: Fit) -> None:
    made = _planned("1e22 FLOP", law=fitted)
    assert made.loss.low < made.loss.value < made.loss.high
    assert made.N.low < made.N.value < made.N.high
    assert made.N.low < 8.9e9 < made.N.high  # the law that made the runs
    assert not any("publishes no draws" in note for note in made.notes)


def test_the_loss_of_a_fitted_plan_is_as_wide_as_its_forecast(fitted: Fit) -> None:
    from isoflop.forecasting.forecast import forecast

    made = _planned("1e22 FLOP", law=fitted, draws=20_000, level=0.9)
    expected = forecast(fitted, N=made.N.value, D=made.D.value, level=0.9)
    assert made.loss.high - made.loss.low == pytest.approx(float(expected.high[0] - expected.low[0]), rel=0.1)


def test_an_average_of_forms_plans_by_the_mean_and_draws_from_each(fitted: Fit) -> None:
    other = fit("chinchilla_one_exponent", fitted.runs, replicates=100)
    both = Ensemble((fitted, other), (0.7, 0.3))
    made, alone = _planned("1e22 FLOP", law=both, draws=4000), _planned("1e22 FLOP", law=fitted, draws=4000)
    assert len(made.draws.N) == 4000
    assert made.N.high / made.N.low > alone.N.high / alone.N.low
    law = made.law
    N = np.geomspace(1e8, 1e12, 4001)
    best = N[np.argmin(law.ln_loss(N, 1e22 / 6 / N))]
    assert made.N.value == pytest.approx(best, rel=0.003)


@pytest.mark.long
def test_a_calibrated_average_plans_the_loss_that_it_forecasts(fitted: Fit) -> None:
    from isoflop.forecasting.averaging import fit_ensemble
    from isoflop.forecasting.forecast import forecast

    average = fit_ensemble(fitted.runs, replicates=50)
    made = _planned("1e24 FLOP", law=average, draws=4000)
    expected = forecast(average, N=made.N.value, D=made.D.value, level=0.8)
    assert made.loss.value == pytest.approx(float(expected.loss[0]), rel=1e-9)
    assert made.loss.low < made.loss.value < made.loss.high
    assert any("times the compute of the largest run" in note for note in made.notes)
    wanted = _planned(law=average, objective="cost", target_loss=made.loss.value, draws=100)
    assert wanted.flops.value == pytest.approx(1e24, rel=0.01)
