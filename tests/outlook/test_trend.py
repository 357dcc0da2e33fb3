"""A trend recovers what made it: growth, breaks and their dates; its intervals hold what they promise."""

import time

import numpy as np
import pytest

from isoflop.errors import BadInput
from isoflop.outlook.backtests import try_on_the_past
from isoflop.outlook.breaks import find_breaks
from isoflop.outlook.piecewise import fit_bent
from isoflop.outlook.series import Series, made_series
from isoflop.outlook.trend import measure_growth


def _line(rng: np.random.Generator, rows: int = 60, slope: float = 0.6, sd: float = 0.4) -> Series:
    years = rng.uniform(2010, 2025, rows)
    return made_series(years, 10 ** (slope * (years - 2010) + rng.normal(0, sd, rows)))


def _bent(rng: np.random.Generator, date: float = 2018.0, rows: int = 80, sd: float = 0.3) -> Series:
    years = rng.uniform(2005, 2025, rows)
    return made_series(
        years, 10 ** (0.8 * (np.minimum(years, date) - 2005) + 0.1 * (years - date).clip(0) + rng.normal(0, sd, rows))
    )


def test_a_trend_that_stopped_is_found_and_dated() -> None:
    hits = covered = 0
    for seed in range(20):
        found = find_breaks(_bent(np.random.default_rng(seed)), draws=99, seed=seed)
        hits += len(found.breaks) == 1
        covered += bool(found.breaks) and found.breaks[0].low <= 2018 <= found.breaks[0].high
    assert hits >= 17
    assert covered >= 16


def test_growth_on_both_sides_of_the_break_is_covered() -> None:
    covered = 0
    for seed in range(40):
        found = find_breaks(_bent(np.random.default_rng(seed)), 1, draws=49)
        before, after = found.bent.stretches(0.9)
        covered += (before.low < 10**0.8 < before.high) + (after.low < 10**0.1 < after.high)
    assert 0.8 < covered / 80 < 0.98


def test_a_straight_line_seldom_shows_a_break() -> None:
    alarms = sum(bool(find_breaks(_line(np.random.default_rng(s)), draws=79, seed=s).breaks) for s in range(40))
    assert alarms <= 5


def test_neighbours_that_resemble_each_other_are_no_break() -> None:
    """Errors with a memory of 0.5: the plain F-test calls most of these broken."""
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        years, error = np.linspace(2005, 2025, 80), np.zeros(80)
        for i in range(1, 80):
            error[i] = 0.5 * error[i - 1] + rng.normal(0, 0.2)
        alarms += bool(find_breaks(made_series(years, 10 ** (0.4 * (years - 2005) + error)), draws=99).breaks)
    assert alarms <= 12


def test_as_many_breaks_as_asked_for_and_no_more_than_fit() -> None:
    series = _line(np.random.default_rng(3))
    assert len(find_breaks(series, 2, draws=49).breaks) == 2
    assert len(find_breaks(series, 0).breaks) == 0
    with pytest.raises(BadInput, match="give 0 to 4"):
        find_breaks(series, 7)
    with pytest.raises(BadInput, match="leave room for 0 breaks, not 1"):
        find_breaks(series.take(np.arange(12)), 1)


def test_the_interval_of_growth_covers_the_truth() -> None:
    covered = 0
    for seed in range(200):
        stretch = fit_bent(_line(np.random.default_rng(seed), 30)).stretches(0.9)[0]
        covered += stretch.low < 10**0.6 < stretch.high
    assert 0.85 < covered / 200 < 0.95


def test_the_date_of_a_value_is_covered_and_dates_and_values_agree() -> None:
    covered = 0
    for seed in range(30):
        made = measure_growth(_line(np.random.default_rng(seed), 40), breaks=0, level=0.8)
        found = made.until(10 ** (0.6 * 20), draws=2000)
        covered += found.low <= 2030 <= found.high
    assert covered / 30 > 0.7
    value = made.at([2030.0])[0]
    assert made.until(value.value).year == pytest.approx(2030, abs=0.05)
    assert value.row_low < value.low < value.value < value.high < value.row_high


def test_a_falling_line_is_asked_for_what_lies_ahead_only() -> None:
    years = np.linspace(2010, 2020, 30)
    made = measure_growth(made_series(years, 10 ** (5 - 0.3 * (years - 2010)) * np.tile([0.95, 1.05], 15)))
    with pytest.raises(BadInput, match=r"×0.5.. a year .* away from 1e\+09"):
        made.until(1e9)
    assert made.until(1.0).year == pytest.approx(2010 + 5 / 0.3, abs=0.5)
    with pytest.raises(BadInput, match="positive"):
        made.until(0.0)


def test_a_line_that_may_be_flat_may_never_get_there() -> None:
    rng = np.random.default_rng(0)
    years = np.linspace(2015, 2025, 20)
    made = measure_growth(made_series(years, 10 ** (0.02 * (years - 2015) + rng.normal(0, 0.3, 20))), breaks=0)
    found = made.until(1e6)
    assert 0.5 < found.ever < 0.99
    assert found.high == np.inf


def test_the_past_is_forecast_from_what_came_before_alone() -> None:
    series = _line(np.random.default_rng(5))
    last: list[float] = []

    def fit(known: Series):  # type: ignore[no-untyped-def]
        last.append(float(known.years.max()))
        return fit_bent(known)

    tried = try_on_the_past(series, fit, 0.9)
    assert last == sorted(last)
    assert last[-1] < series.years[-1]
    assert tried.scores[-1].trend < tried.scores[-1].last_value


def test_a_trend_that_broke_lately_widens_its_intervals_and_says_so() -> None:
    years = np.linspace(2005, 2025, 60)
    noise = np.random.default_rng(0).normal(0, 0.02, 60)
    made = measure_growth(made_series(years, 10 ** (np.minimum(years, 2019) - 2005 + noise)), breaks=0)
    assert made.tried.wider > 2
    assert "times as wide" in made.notes[0]


def test_one_row_cannot_carry_the_trend_unseen() -> None:
    series = _line(np.random.default_rng(8), 20, sd=0.05)
    values = series.values.copy()
    values[-1] *= 1e4
    made = measure_growth(made_series(series.years, values), breaks=0)
    assert made.held.culprit == series.years[-1]
    assert made.held.low < 10**0.63 < made.overall.factor


def test_too_few_rows_to_be_tried_are_said_to_be_untested() -> None:
    made = measure_growth(made_series([2020, 2021, 2022, 2023], [1, 2, 4.1, 8]))
    assert made.tried.scores == ()
    assert "untested" in made.notes[0]


@pytest.mark.slow
def test_a_thousand_rows_take_seconds() -> None:
    began = time.process_time()
    measure_growth(_line(np.random.default_rng(0), 1000))
    assert time.process_time() - began < 6


@pytest.mark.parametrize("rows", [3, 5, 40])
def test_an_exact_law_has_no_break_and_no_spread(rows: int) -> None:
    years = np.linspace(2010, 2025, rows)
    made = measure_growth(made_series(years, 2.0 ** (years - 2010)))
    assert made.bends.breaks == ()
    assert made.at([2030.0])[0].row_high == pytest.approx(2.0**20)
    assert made.until(2.0**20).high == pytest.approx(2030)
