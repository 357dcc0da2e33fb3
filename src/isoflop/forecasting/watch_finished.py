"""Is it petering out? Whether the newest and the largest finished runs fall off the law of the others.

A law is fitted to the runs without the ones in question and forecasts these. If the world went on as before, their mean
excess in ln loss is a draw from the forecast's own distribution. The law's error is common to runs forecast together,
so their predictive draws are joined rank by rank, as if errors were wholly shared: the largest spread that a mean of
them can have, which makes the p-value err on the safe side. Beside it stands what could have been seen: the smallest
fall-off that such a test finds four times in five.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import RunsError
from isoflop.fitting.fit import Estimate
from isoflop.forecasting.forecast import forecast
from isoflop.runs.table import Runs

Array = NDArray[np.float64]
Verdict = Literal["on the law", "falls off", "below the law"]

SHARE = 0.15
"""Of the runs that are put to the test, at least one and at most MOST (chosen)."""
MOST = 40
FEWEST_LEFT = 6
"""Runs that must be left for the law."""
POWER = 0.8
ALPHA = 0.05


@dataclass(frozen=True, eq=False)
class FallOff:
    """One group of runs beside the law of the others.

    what: "largest" or "newest". rows: of the table. excess: their mean of measured over forecast − 1, with the 90 %
    interval that the forecast leaves it. p: chance of an excess at least as high if nothing had changed. detectable:
    the excess that would have been found with a power of 80 %. extrapolation: their largest compute over that of the
    law's runs. measured, foretold: per run. threshold: of p, after both groups share α.
    """

    what: str
    rows: tuple[int, ...]
    excess: Estimate
    p: float
    p_below: float
    detectable: float
    extrapolation: float
    measured: Array
    foretold: Array
    threshold: float
    n_law: int

    @property
    def verdict(self) -> Verdict:
        """falls off where p is below the threshold; below the law where the runs are better by as much."""
        if self.p <= self.threshold:
            return "falls off"
        return "below the law" if self.p_below <= self.threshold else "on the law"

    @property
    def sentence(self) -> str:
        """The finding with its numbers."""
        count = len(self.rows)
        said = {
            "falls off": f"{'fall' if count > 1 else 'falls'} off the law of the other {self.n_law}",
            "below the law": f"{'are' if count > 1 else 'is'} better than the law of the other {self.n_law}",
            "on the law": f"{'lie' if count > 1 else 'lies'} on the law of the other {self.n_law}",
        }[self.verdict]
        runs = f"The {count} {self.what} runs" if count > 1 else f"The {self.what} run"
        return (
            f"{runs} {said}: {self.excess.value:+.2%} [{self.excess.low:+.2%}, {self.excess.high:+.2%}] beside the "
            f"forecast, p = {self.p:.2g}. A fall-off of {self.detectable:.2%} or more would have been found four times "
            "in five."
        )


def watch_finished(
    runs: Runs, *, newest_by: str | None = None, share: float = SHARE, alpha: float = ALPHA, seed: int = 0
) -> tuple[FallOff, ...]:
    """Test the largest runs by compute, and the newest by a column of times or numbers, against the law of the others.

    newest_by: a column that grows with time; without one only the largest are tested. share: of the runs in a group;
    runs with equal compute, or an equal time, stay together. alpha: chance of any false alarm, shared by the groups.
    seed: of all randomness. Raises RunsError when too few runs are left for a law or the column is not there.
    """
    if not (0 < share < 0.9 and 0 < alpha < 0.5):
        raise RunsError(f"share = {share}, alpha = {alpha}: allowed are 0 to 0.9 and 0 to 0.5. Try 0.15 and 0.05.")
    groups: list[tuple[str, NDArray[np.int64]]] = [("largest", _last(runs.flops, share))]
    if newest_by is not None:
        groups.append(("newest", _last(_times(runs, newest_by), share)))
    return tuple(_test(runs, what, rows, alpha / len(groups), seed) for what, rows in groups)


def _times(runs: Runs, column: str) -> Array:
    """Numbers as they are; anything else by its order as text, which is that of time for ISO dates."""
    values = runs.column(column)
    if values.dtype == np.float64:
        return np.nan_to_num(values.astype(np.float64), nan=-np.inf)
    return np.unique([str(value) for value in values], return_inverse=True)[1].astype(float)


def _last(values: Array, share: float) -> NDArray[np.int64]:
    """Rows of the largest values: a share of all, without cutting through equal ones, unless that takes too many."""
    count = int(np.clip(round(share * len(values)), 1, MOST))
    edge = float(np.sort(values)[-count])
    rows = np.flatnonzero(values >= edge)
    beyond = np.flatnonzero(values > edge)
    return rows if len(rows) <= max(MOST, 2 * count) or not len(beyond) else beyond


def _test(runs: Runs, what: str, rows: NDArray[np.int64], threshold: float, seed: int) -> FallOff:
    kept = np.ones(len(runs), dtype=bool)
    kept[rows] = False
    if kept.sum() < FEWEST_LEFT:
        raise RunsError(
            f"Without the {len(rows)} {what} of {len(runs)} runs only {int(kept.sum())} are left; a law needs at least "
            f"{FEWEST_LEFT}. Add runs, or take a smaller share."
        )
    others, tested = runs.take(kept), runs.take(rows)
    made = forecast(others, N=tested.params, D=tested.tokens, seed=seed)
    draws = np.sort(np.log(made.draws), axis=1).mean(axis=0)
    found = float(np.mean(np.log(tested.loss)))
    centre = float(np.mean(np.log(made.loss)))
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
    critical = float(np.quantile(draws, 1 - threshold)) - middle
    detectable = critical + float(middle - np.quantile(draws, 1 - POWER))
    return FallOff(
        what=what,
        rows=tuple(int(row) for row in rows),
        excess=Estimate(*(float(np.expm1(found - at)) for at in (centre, high, low))),
        p=_tail(draws >= found),
        p_below=_tail(draws <= found),
        detectable=float(np.expm1(detectable)),
        extrapolation=float(tested.flops.max() / others.flops.max()),
        measured=tested.loss,
        foretold=made.loss,
        threshold=threshold,
        n_law=len(others),
    )


def _tail(hits: NDArray[np.bool_]) -> float:
    return float((hits.sum() + 1) / (len(hits) + 1))
