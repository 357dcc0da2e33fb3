"""How the share of right answers rises with how often a concept was seen: from guessing to a ceiling in ln(count).

    line      acc = g + (u - g) clip(1/2 + 0.8 (x - m)/r, 0, 1)        x = ln(count)
    sigmoid   acc = g + (u - g) / (1 + exp(-2 ln(9) (x - m)/r))

Both have the same two parameters: m, where half of the way is done, and r, the e-folds of count from 10 % to 90 % of
it. g is the score of guessing, u the ceiling. The line is what Udandarao et al. 2024 (arXiv:2404.04125) found: equal
gains take equal factors of count; in log-log plots of corpora it goes back to Banko & Brill 2001. It cannot hold to
either end, where the sigmoid bends.

Counts of right answers are binomial, so the fit is by likelihood, and its doubt is the whole posterior on a grid (flat
in m and in ln r): a line cut off at both ends has no curvature to read errors from. Scatter beyond the binomial widens
it (quasi-likelihood: McCullagh & Nelder 1989, section 4.5).

Advice. Ask about concepts on both sides of the rise. Where no count reaches the middle, the needed count is a guess
about a part of the curve that was not seen; the notes say so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, expit, logit, softmax

from isoflop.errors import BadInput

Array = NDArray[np.float64]

Shape = Literal["line", "sigmoid"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
LEAST_COUNTS = 3
"""Different counts without which neither the place nor the width of a rise can be told."""
TO_TENTHS = 2 * float(np.log(9))
"""e-folds of odds from 10 % to 90 %."""
LAPSE = 0.005
"""Least chance of either outcome in the likelihood: one slip in two hundred must not refute a law (chosen)."""
GRID = 40
ZOOMS = 3
KEPT = 12.0
"""Log-likelihood below the best at which the grid is cut before it is laid anew."""
BEYOND = 3.0
"""The middle may lie this many ranges of ln(count) outside of the counts seen."""
NARROWEST = 0.1
"""Least r, in e-folds."""
MOST_BINS = 64
DRAWS = 2_000
CEILINGS = 24


@dataclass(frozen=True, slots=True)
class Exposure:
    """Right answers by count, equal or neighbouring counts together; counts rise.

    count, right, asked: (bins,). unseen: right and asked of concepts that were never seen. scatter: whether the shares
    come without the number of questions behind them, so that their scatter is all that tells their error.
    """

    count: Array
    right: Array
    asked: Array
    unseen: tuple[float, float]
    scatter: bool

    @property
    def share(self) -> Array:
        """right over asked."""
        return np.asarray(self.right / self.asked)

    def interval(self, level: float = 0.9) -> tuple[Array, Array]:
        """Jeffreys' interval of each share: Beta(right + 1/2, wrong + 1/2) (Brown, Cai & DasGupta 2001, 4.3)."""
        a, b = self.right + 0.5, self.asked - self.right + 0.5
        low, high = betaincinv(a, b, (1 - level) / 2), betaincinv(a, b, (1 + level) / 2)
        return np.where(self.right == 0, 0.0, low), np.where(self.right == self.asked, 1.0, high)

    def take(self, rows: Array | NDArray[np.bool_] | slice) -> Exposure:
        """Some of the bins."""
        return Exposure(self.count[rows], self.right[rows], self.asked[rows], self.unseen, self.scatter)


@dataclass(frozen=True, slots=True)
class FrequencyLaw:
    """A fitted rise. middle: the count of half the way; rise: the factor of count from 10 % to 90 % of it.

    chance, ceiling: g and u. draws: (draws, 3) of (m, r, u) by the posterior. log_likelihood: without the binomial
    coefficients. dispersion: variance of the counts over the binomial one. notes: what makes it doubtful.
    """

    shape: Shape
    middle: float
    rise: float
    chance: float
    ceiling: float
    draws: Array
    log_likelihood: float
    dispersion: float
    notes: tuple[str, ...]

    def __call__(self, count: ArrayLike) -> Array:
        """The share of right answers at a count, any shape; ``chance`` at 0."""
        return self._at(count, np.log(self.middle), np.log(self.rise), self.ceiling)

    def interval(self, count: ArrayLike, level: float = 0.9) -> tuple[Array, Array]:
        """Low and high of that share at counts (K,), by the posterior."""
        m, r, u = (column[:, None] for column in self.draws.T)
        low, high = np.quantile(
            self._at(np.asarray(count, dtype=float)[None, :], m, r, u), [(1 - level) / 2, (1 + level) / 2], axis=0
        )
        return low, high

    def needed(self, accuracy: float, level: float = 0.9) -> tuple[float, float, float]:
        """The count at which the share is ``accuracy``, with its interval; inf where the ceiling may be too low.

        Raises BadInput for an accuracy that is not between chance and the ceiling.
        """
        if not self.chance < accuracy < self.ceiling:
            raise BadInput(
                f"An accuracy of {accuracy:g} is never met: this law goes from {self.chance:g} to {self.ceiling:g}. "
                "Ask for one between."
            )
        best = _inverse(self.shape, accuracy, np.log(self.middle), np.log(self.rise), self.chance, self.ceiling)
        drawn = np.sort(self.needed_draws(accuracy))
        ends = drawn[[round(q * (len(drawn) - 1)) for q in ((1 - level) / 2, (1 + level) / 2)]]
        low, high = np.exp(np.minimum(ends, 600.0))
        return float(np.exp(best)), float(low), float(high) if np.isfinite(ends[1]) else np.inf

    def needed_draws(self, accuracy: float) -> Array:
        """ln of that count by the posterior, (draws,)."""
        m, r, u = self.draws.T
        return np.asarray(_inverse(self.shape, accuracy, m, r, self.chance, u))

    def _at(self, count: ArrayLike, m: ArrayLike, r: ArrayLike, u: ArrayLike) -> Array:
        seen = np.asarray(count, dtype=float)
        x = np.log(np.where(seen > 0, seen, 1.0))
        return np.asarray(np.where(seen > 0, _curve(self.shape, x, m, r, self.chance, u), self.chance))


def fit_frequency(
    exposure: Exposure, *, chance: float = 0.0, ceiling: float | None = 1.0, shape: Shape = "sigmoid", seed: int = 0
) -> FrequencyLaw:
    """The likeliest rise and the draws of its posterior. ceiling: None fits it.

    Raises BadInput for fewer than three different counts, chance outside [0, 1), or a ceiling not above it.
    """
    _refuse(exposure, chance, ceiling, shape)
    tops = np.linspace(chance, 1, CEILINGS + 1)[1:] if ceiling is None else np.array([ceiling])
    x = np.log(exposure.count)
    box = _box(x)
    for _ in range(ZOOMS):
        grid, log_likelihood = _scored(exposure, x, box, chance, tops, shape)
        best = grid[log_likelihood.argmax()]
        dispersion = _dispersion(exposure, _curve(shape, x, best[0], best[1], chance, best[2]), 2 + (ceiling is None))
        kept = grid[log_likelihood > log_likelihood.max() - KEPT * dispersion]
        box = _around(box, kept)
    drawn = _drawn(np.random.default_rng(seed), grid, log_likelihood / dispersion, box)
    m, r, u = (float(v) for v in best)
    law = FrequencyLaw(
        shape, float(np.exp(m)), float(np.exp(r)), chance, u, drawn, float(log_likelihood.max()), dispersion, ()
    )
    return replace(law, notes=_notes(law, exposure))


def log_likelihood(law: FrequencyLaw, exposure: Exposure) -> float:
    """Of bins under a law, without the binomial coefficients."""
    p = np.clip(law(exposure.count), LAPSE, 1 - LAPSE)
    return float(exposure.right @ np.log(p) + (exposure.asked - exposure.right) @ np.log1p(-p))


def _curve(shape: str, x: ArrayLike, m: ArrayLike, r: ArrayLike, g: float, u: ArrayLike) -> Array:
    way = (np.asarray(x, dtype=float) - np.asarray(m, dtype=float)) / np.asarray(r, dtype=float)
    done = np.clip(0.5 + 0.8 * way, 0, 1) if shape == "line" else expit(TO_TENTHS * way)
    return np.asarray(g + (np.asarray(u) - g) * done)


def _inverse(shape: str, accuracy: float, m: ArrayLike, r: ArrayLike, g: float, u: ArrayLike) -> Array:
    """ln count, inf where u is not above the accuracy."""
    done = (accuracy - g) / (np.asarray(u, dtype=float) - g)
    inside = np.clip(done, 1e-12, 1 - 1e-12)
    way = (inside - 0.5) / 0.8 if shape == "line" else logit(inside) / TO_TENTHS
    return np.asarray(np.where(done < 1, np.asarray(m) + np.asarray(r) * way, np.inf))


Box = tuple[tuple[float, float], tuple[float, float]]


def _box(x: Array) -> Box:
    """Of m and ln r, wide around the counts seen."""
    span = float(np.ptp(x))
    return (x[0] - BEYOND * span, x[-1] + BEYOND * span), (np.log(NARROWEST), np.log(10 * span + NARROWEST))


def _around(box: Box, kept: Array) -> Box:
    """The grid's next box: what was kept and a step beside, inside the last box."""
    columns = (kept[:, 0], np.log(kept[:, 1]))
    steps = [(high - low) / GRID for low, high in box]
    near = [
        (max(low, c.min() - step), min(high, c.max() + step))
        for (low, high), c, step in zip(box, columns, steps, strict=True)
    ]
    return near[0], near[1]


def _scored(
    exposure: Exposure, x: Array, box: Box, chance: float, tops: Array, shape: str
) -> tuple[Array, NDArray[np.float64]]:
    """Points (P, 3) of (m, r, u) and the log-likelihood of each, (P,)."""
    axes = [low + (high - low) * (np.arange(GRID) + 0.5) / GRID for low, high in box]
    m, ln_r, u = (part.ravel() for part in np.meshgrid(*axes, tops, indexing="ij"))
    points = np.stack([m, np.exp(ln_r), u], axis=1)
    p = _curve(shape, x[None, :], points[:, :1], points[:, 1:2], chance, points[:, 2:])
    p = np.clip(p, LAPSE, 1 - LAPSE)
    return points, np.log(p) @ exposure.right + np.log1p(-p) @ (exposure.asked - exposure.right)


def _drawn(rng: np.random.Generator, points: Array, log_likelihood: Array, box: Box) -> Array:
    """(draws, 3); spread over the cells of the grid, so that a coarse one shows no steps."""
    rows = rng.choice(len(points), size=DRAWS, p=softmax(log_likelihood))
    drawn = points[rows].copy()
    cells = [(high - low) / GRID for low, high in box]
    drawn[:, 0] += rng.uniform(-0.5, 0.5, DRAWS) * cells[0]
    drawn[:, 1] *= np.exp(rng.uniform(-0.5, 0.5, DRAWS) * cells[1])
    return drawn


def _dispersion(exposure: Exposure, p: Array, parameters: int) -> float:
    """Pearson's chi-squared over its degrees of freedom; at least 1 where the number of questions is known."""
    free = len(p) - parameters
    if free < 2:
        return 1.0
    p = np.clip(p, LAPSE, 1 - LAPSE)
    chi = float(np.sum((exposure.right - exposure.asked * p) ** 2 / (exposure.asked * p * (1 - p)))) / free
    return max(chi, 1e-4) if exposure.scatter else max(chi, 1.0)


def _notes(law: FrequencyLaw, exposure: Exposure) -> tuple[str, ...]:
    notes = []
    first, last = float(exposure.count[0]), float(exposure.count[-1])
    if not first <= law.middle <= last:
        notes.append(
            f"Half of the way lies at a count of {law.middle:.3g}, outside of those seen ({first:g} to {last:g}): its "
            "place is a guess. Ask about concepts seen "
            f"{'more' if law.middle > last else 'less'} often."
        )
    if law.dispersion > 2:
        notes.append(f"The answers scatter {law.dispersion:.1f} times as much as chance alone would have them.")
    right, asked = exposure.unseen
    if asked > 0 and right / asked > law.chance + 3 * np.sqrt(max(law.chance * (1 - law.chance), LAPSE) / asked):
        notes.append(
            f"Concepts never seen are right in {right / asked:.0%} of {asked:g} answers, above the chance of "
            f"{law.chance:.0%}: they are guessed better than that, or were seen in other words. Give --chance."
        )
    return tuple(notes)


def _refuse(exposure: Exposure, chance: float, ceiling: float | None, shape: str) -> None:
    if shape not in SHAPES:
        raise BadInput(f"Unknown shape '{shape}' of a law of frequency. Known: {', '.join(SHAPES)}.")
    if not 0 <= chance < 1:
        raise BadInput(f"The chance level lies from 0 up to 1 (exclusive); given: {chance:g}.")
    if ceiling is not None and not chance < ceiling <= 1:
        raise BadInput(f"The ceiling lies above the chance level ({chance:g}) and at most at 1; given: {ceiling:g}.")
    if len(exposure.count) < LEAST_COUNTS:
        said = f"{len(exposure.count)} ({', '.join(f'{c:g}' for c in exposure.count)})"
        raise BadInput(
            f"A rise with frequency needs at least {LEAST_COUNTS} different counts above zero; given: {said}. Ask "
            "about concepts that were seen more, and less, often."
        )
