"""Intervals are as wide as backtests require."""

import numpy as np
import pytest

from isoflop.forecasting.calibration import Missed, Prior, calibrate, prior

BELIEF = Prior((0.0, 0.5), (-2.5, 0.7), 5.0)
RNG = np.random.default_rng


def origins(widening: float, drift: float, count: int = 5, runs: int = 8, seed: int = 0) -> list[Missed]:
    rng = RNG(seed)
    found = []
    for _ in range(count):
        own, reach = np.full(runs, 0.01**2), rng.uniform(0, 0.4, runs)
        scale = np.sqrt(widening**2 * own + drift**2 * reach**2)
        found.append(Missed(scale * rng.standard_t(5, runs), np.zeros(runs), own, reach))
    return found


def test_without_backtests_the_prior_stands() -> None:
    found = calibrate([], BELIEF)
    assert np.log(found.widening) @ found.shares == pytest.approx(0.0, abs=1e-9)
    assert np.log(found.drift) @ found.shares == pytest.approx(-2.5, abs=1e-9)


def test_errors_larger_than_foretold_widen_and_smaller_ones_narrow() -> None:
    plain = calibrate([], BELIEF).mean_widening
    wide, narrow = (calibrate(origins(w, 0.0), BELIEF).mean_widening for w in (4.0, 0.2))
    assert narrow < 0.8 * plain < 1.5 * plain < wide


def test_errors_that_grow_with_the_promised_improvement_are_told_from_those_that_do_not() -> None:
    drifting, steady = (calibrate(origins(1.0, c, count=12), BELIEF) for c in (0.25, 0.0))
    assert drifting.mean_drift > 2 * steady.mean_drift
    assert drifting.mean_widening < 2 * steady.mean_widening


def test_more_backtests_leave_less_doubt() -> None:
    def spread(count: int) -> float:
        found = calibrate(origins(2.0, 0.1, count=count), BELIEF)
        logs = np.log(found.widening)
        return float(np.sqrt(found.shares @ (logs - found.shares @ logs) ** 2))

    assert spread(20) < spread(3) < 0.5


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_intervals_hold_as_often_as_they_say_when_worlds_come_from_the_prior(level: float) -> None:
    rng, held = RNG(7), []
    for world in range(400):
        w, c = np.exp(rng.normal(*BELIEF.log_widening)), np.exp(rng.normal(*BELIEF.log_drift))
        found = calibrate(origins(w, c, seed=world), BELIEF)
        own, reach = 0.01**2, 0.5
        truth = np.sqrt(w**2 * own + c**2 * reach**2) * rng.standard_t(5)
        draws = found.draw(np.array([own]), np.array([reach]), 2000, rng)[0]
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        held.append(low <= truth <= high)
    assert abs(np.mean(held) - level) < 3.5 * np.sqrt(level * (1 - level) / 400)


def test_errors_that_noise_explains_do_not_widen_the_forecasts_own_doubt() -> None:
    rng = RNG(3)
    noisy = [Missed(rng.normal(0, 0.05, 8), np.full(8, 0.05**2), np.full(8, 0.01**2), np.zeros(8)) for _ in range(8)]
    unexplained = [Missed(each.errors, np.zeros(8), each.own, each.reach) for each in noisy]
    assert calibrate(noisy, BELIEF).mean_widening < 1.5 < 2.5 < calibrate(unexplained, BELIEF).mean_widening


def test_runs_that_could_not_be_forecast_say_nothing() -> None:
    nothing = np.full(4, np.nan)
    assert (
        calibrate([Missed(nothing, nothing, nothing, nothing)], BELIEF).mean_widening
        == calibrate([], BELIEF).mean_widening
    )


def test_the_prior_that_ships_is_read_from_facts() -> None:
    found = prior()
    assert found.freedom > 2
    assert found.log_widening[1] > 0
    assert found.log_drift[1] > 0
