"""Growth of anything: a series in, its trend out, with breaks, intervals, and what its forecasts were worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import BadInput
from isoflop.outlook.backtests import Tried, try_on_the_past
from isoflop.outlook.breaks import ALPHA, MOST, Bends, best_break, bic_of, candidates, find_breaks
from isoflop.outlook.dates import written
from isoflop.outlook.growth import running_rank
from isoflop.outlook.piecewise import Bent, Stretch, fit_bent
from isoflop.outlook.series import Series

Array = NDArray[np.float64]

DRAWS = 100_000
RESAMPLES = 1000
FAR = 10.0
"""Years past the last row beyond which a forecast carries a warning."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """A value at a date: the line's, an interval of the line, and one of a row about it; both as wide as tried."""

    year: float
    value: float
    low: float
    high: float
    row_low: float
    row_high: float
    level: float


@dataclass(frozen=True, slots=True)
class Reached:
    """When the line reaches a value: quantiles over draws (inf: never), and the share of draws in which it does."""

    value: float
    year: float
    low: float
    high: float
    level: float
    ever: float


@dataclass(frozen=True, slots=True)
class Held:
    """How the growth factor moves when any one row is taken out; culprit: the date whose row moves it most."""

    low: float
    high: float
    culprit: float
    culprit_value: float


@dataclass(frozen=True, slots=True, eq=False)
class GrowthTrend:
    """All that is known about a trend. overall: one line through all; stretches: with the breaks found.

    resampled: the overall factor's interval when rows are drawn again, which asks for no normal errors.
    """

    series: Series
    bends: Bends
    overall: Stretch
    resampled: tuple[float, float]
    stretches: tuple[Stretch, ...]
    tried: Tried
    held: Held
    level: float
    notes: tuple[str, ...]

    @property
    def bent(self) -> Bent:
        return self.bends.bent

    def at(self, years: ArrayLike) -> tuple[Ahead, ...]:
        """Values at dates."""
        x = np.atleast_1d(np.asarray(years, dtype=float))
        middle = self.bent.log10_at(x)
        half = self.bent.student(self.level) * self.tried.wider
        line, row = (half * self.bent.deviation(x, of_row=which) for which in (False, True))
        columns = np.stack([x, *(10**c for c in (middle, middle - line, middle + line, middle - row, middle + row))])
        return tuple(_ahead(column, self.level) for column in columns.T)

    def until(self, value: float, *, draws: int = DRAWS, seed: int = 0) -> Reached:
        """When the line reaches a value, if the last stretch goes on. Raises BadInput for one behind its start."""
        if not (np.isfinite(value) and value > 0):
            raise BadInput(f"A trend of growth never reaches {value:g}: give a positive value.")
        self._refuse_behind(value)
        years = reached(self.bent, value, np.random.default_rng(seed), draws, wider=self.tried.wider)
        tail = (1 - self.level) / 2
        low, middle, high = np.quantile(years, [tail, 0.5, 1 - tail], method="inverted_cdf")
        return Reached(value, float(middle), float(low), float(high), self.level, float(np.isfinite(years).mean()))

    def _refuse_behind(self, value: float) -> None:
        last = self.stretches[-1]
        start = float(self.bent.log10_at(last.start))
        if (np.log10(value) - start) * self.bent.slope < 0:
            raise BadInput(
                f"The line goes ×{last.factor:.3g} a year from {10**start:.3g} in {written(last.start)} on, away from "
                f"{value:g}, which lies behind it. Give a value ahead, or fit earlier rows with --before."
            )


def _ahead(column: Array, level: float) -> Ahead:
    year, value, low, high, row_low, row_high = (float(c) for c in column)
    return Ahead(year, value, low, high, row_low, row_high, level)


def reached(bent: Bent, value: float, rng: np.random.Generator, draws: int, *, wider: float = 1.0) -> Array:
    """Draws of the year in which the last stretch's line reaches a value; inf where it runs the other way."""
    level, slope = bent.drawn(rng, draws, wider=wider)
    gap = np.log10(value) - level
    past = bent.slope * (np.log10(value) - bent.log10_at(bent.years.max())) < 0
    toward = np.sign(slope) == (np.sign(bent.slope) if past else np.sign(gap))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(toward & (slope != 0), bent.years.max() + gap / slope, np.inf))


def measure_growth(
    series: Series,
    *,
    breaks: int | None = None,
    level: float = 0.9,
    top: int | None = None,
    whole: Series | None = None,
    seed: int = 0,
) -> GrowthTrend:
    """Trend of a series. breaks: how many, by default those that chance does not explain.

    top, whole: the running top that chose the rows and the series it chose from, so that taking out a row lets others
    in. Raises BadInput for too few rows, too many breaks, or a level outside 0 to 1.
    """
    if not 0 < level < 1:
        raise BadInput(f"The level {level:g} must lie between 0 and 1: 0.9 for 90 %.")
    bends = find_breaks(series, breaks, level=level, seed=seed)
    plain = fit_bent(series)
    tried = try_on_the_past(series, lambda known: _fit_anew(known, breaks), level)
    return GrowthTrend(
        series,
        bends,
        plain.stretches(level)[0],
        resampled_factor(series, level, np.random.default_rng(seed)),
        bends.bent.stretches(level),
        tried,
        held_without_a_row(series, top, whole),
        level,
        _notes(bends, tried, series),
    )


def resampled_factor(
    series: Series, level: float, rng: np.random.Generator, draws: int = RESAMPLES
) -> tuple[float, float]:
    """Central interval of the growth factor over rows drawn again with replacement."""
    rows = rng.integers(len(series), size=(draws, len(series)))
    x, y = series.years[rows], np.log10(series.values)[rows]
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    spread = np.einsum("ij,ij->i", x, x)
    slopes = np.einsum("ij,ij->i", x, y)[spread > 0] / spread[spread > 0]
    low, high = 10 ** np.quantile(slopes, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def held_without_a_row(series: Series, top: int | None, whole: Series | None) -> Held:
    """Growth factors of one line with each row left out in turn; with ``top``, the running top is taken anew."""
    pool = series if whole is None or top is None else whole
    span = (series.years[0], series.years[-1])
    inside = np.flatnonzero((pool.years >= span[0]) & (pool.years <= span[1]))
    if top is not None:
        inside = inside[running_rank(pool.years, pool.values, top)[inside]]
    factors = []
    for row in inside:
        rest = pool.take(np.delete(np.arange(len(pool)), row))
        kept = rest if top is None else rest.take(running_rank(rest.years, rest.values, top))
        factors.append(_factor(kept.years, kept.values, span))
    middle = _factor(series.years, series.values, span)
    worst = int(inside[int(np.argmax(np.abs(np.log(np.array(factors) / middle))))])
    return Held(min(factors), max(factors), float(pool.years[worst]), float(pool.values[worst]))


def _factor(years: Array, values: Array, span: tuple[float, float]) -> float:
    inside = (years >= span[0]) & (years <= span[1])
    x, y = years[inside] - years[inside].mean(), np.log10(values[inside])
    return float(10 ** (x @ y / max(float(x @ x), 1e-300)))


def _fit_anew(known: Series, wanted: int | None) -> Bent:
    """The same kind of trend on fewer rows: as many breaks as wanted and possible, else as many as lower the BIC."""
    dates, bent = list[float](), fit_bent(known)
    for _ in range(MOST if wanted is None else wanted):
        choices = candidates(known, dates)
        if not len(choices):
            break
        dates = sorted([*dates, best_break(known, dates, choices)[0]])
        more = fit_bent(known, dates)
        if wanted is None and bic_of(more) >= bic_of(bent):
            break
        bent = more
    return bent


def _notes(bends: Bends, tried: Tried, series: Series) -> tuple[str, ...]:
    notes = list[str]()
    if tried.rows == 0:
        notes.append(f"{len(series)} rows are too few to try the trend on its own past: its intervals are untested.")
    elif tried.wider > 1:
        notes.append(
            f"Intervals of forecasts are {tried.wider:.2f} times as wide as the formulas give: so wide they would have "
            f"held {tried.level:.0%} of the rows that came later."
        )
    for score in tried.scores:
        if score.trend > min(score.last_value, score.last_growth):
            notes.append(
                f"{score.start:g} to {score.end:g} years ahead the trend was no better than the naive forecasts "
                f"({score.trend:.2f} against {min(score.last_value, score.last_growth):.2f} orders of magnitude)."
            )
    if any(b.p_value >= ALPHA for b in bends.breaks):
        notes.append("A break was asked for that chance explains as well: see its p-value.")
    return tuple(notes)
