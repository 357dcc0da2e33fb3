"""Is a rise sudden or gradual? Two families of curves, told apart by tests that simulate each of them.

    score = a + b x + h R((x - m) / w)

gradual: R a logistic whose 10-90 % rise takes at least ``GRADUAL`` of the range of x; sudden: R such a logistic, or a
straight ramp from 0 to 1, that takes at most ``SUDDEN`` of it. Both have five parameters, a, b, h, m and w, so their
difference in BIC is n ln(RSS gradual / RSS sudden). Neither contains the other: each is tested as the truth by
simulating it, residuals kept in place with random signs (wild bootstrap: Wu 1986; Cox 1961 for tests of separate
families), so a scatter that differs between the floor and the rise makes no false alarm.

Advice. The two widths are choices, in units of the range of x that the models span. A rise between them is neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from isoflop.errors import BadInput

Array = NDArray[np.float64]

GRADUAL, SUDDEN = 1 / 3, 1 / 8
TEN_TO_NINETY = 2 * np.log(9)
"""Width from 10 to 90 % of a logistic, in units of its scale."""
MIDDLES = np.linspace(0.02, 1.3, 65)
"""Of the rise; past 1 it begins where the models end, so the curve is convex throughout."""
GRADUAL_WIDTHS = (GRADUAL, 0.45, 0.6, 0.8, 1.1)
SUDDEN_WIDTHS = (0.01, 0.04, 0.08, SUDDEN)
LEAST_MODELS = 8
REPLICATES = 199
PARAMETERS = 5
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Jump:
    """How sudden the rise of one metric is.

    kind: sudden; gradual; steady where a straight line does as well (BIC); open where both can be refused or neither.
    bic: of gradual minus sudden; above zero for sudden. p_gradual, p_sudden: of each family, were it the truth.
    middle, low, high: where the rise lies by the sudden curve, in x, with its 90 % interval, taken out to the models
    around it. width: of the better curve's rise, in x. size: of the rise alone. models: rows.
    """

    kind: str
    bic: float
    p_gradual: float
    p_sudden: float
    middle: float
    low: float
    high: float
    width: float
    size: float
    models: int


def find_jump(
    x: ArrayLike, score: ArrayLike, *, replicates: int = REPLICATES, size: float = 0.05, seed: int = 0
) -> Jump:
    """Compare a sudden with a gradual rise of scores, (rows,), along x, (rows,), which may be in any order.

    size: of each test. Raises BadInput for fewer than 8 rows or x that is all alike.
    """
    at, seen = np.asarray(x, dtype=float), np.asarray(score, dtype=float)
    if at.shape != seen.shape or at.ndim != 1 or len(at) < LEAST_MODELS or np.ptp(at) == 0:
        raise BadInput(
            f"A jump is looked for in at least {LEAST_MODELS} models at different x, each with a score; given: "
            f"{at.shape} and {seen.shape}. Add models."
        )
    order = np.argsort(at, kind="stable")
    z = (at[order] - at.min()) / np.ptp(at)
    y = seen[order]
    gradual, sudden = _curves(z, "gradual"), _curves(z, "sudden")
    smooth, sharp = gradual.fit(y), sudden.fit(y)
    statistic = _statistic(smooth.rss, sharp.rss, y)
    rng = np.random.default_rng(seed)
    scores = _simulated(rng, smooth, replicates)
    drawn = _statistics(gradual.best(scores)[0], sudden.best(scores)[0], scores)
    p_gradual = float((1 + (drawn >= statistic).sum()) / (replicates + 1))
    scores = _simulated(rng, sharp, replicates)
    rss, chosen = sudden.best(scores)
    drawn = _statistics(gradual.best(scores)[0], rss, scores)
    p_sudden, middles = float((1 + (drawn <= statistic).sum()) / (replicates + 1)), sudden.middles[chosen]
    low, high = _between_models(z, middles)
    best = sharp if statistic > 0 else smooth
    unit = float(np.ptp(at))
    return Jump(
        "steady" if _line_does(z, y, best) else _kind(p_gradual, p_sudden, size),
        float(statistic),
        p_gradual,
        p_sudden,
        float(at.min() + unit * sharp.middle),
        float(at.min() + unit * low),
        float(at.min() + unit * high),
        unit * best.width,
        best.height,
        len(y),
    )


def _kind(p_gradual: float, p_sudden: float, size: float) -> str:
    if p_gradual <= size < p_sudden:
        return "sudden"
    return "gradual" if p_sudden <= size < p_gradual else "open"


def _line_does(z: Array, y: Array, best: _Fit) -> bool:
    """Whether h, m and w explain less than BIC asks of three parameters."""
    left = y - np.polyval(np.polyfit(z, y, 1), z)
    return bool(_statistic(float(left @ left), best.rss, y) < (PARAMETERS - 2) * np.log(len(y)))


def _between_models(z: Array, middles: Array) -> tuple[float, float]:
    """The 90 % interval of drawn middles, half a step of their grid wider, out to the models next to its ends: where
    between two models a step lies cannot be seen."""
    half = (MIDDLES[1] - MIDDLES[0]) / 2
    low, high = np.quantile(middles, (0.05, 0.95))
    return float(z[z <= low - half].max(initial=0.0)), float(z[z >= high + half].min(initial=1.0))


@dataclass(frozen=True, slots=True)
class _Fit:
    values: Array
    left: Array
    rss: float
    middle: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    """A family on a grid of middles and widths: orthonormal designs (G, rows, 3), the rise R (G, rows)."""

    designs: Array
    rises: Array
    middles: Array
    widths: Array

    def rss(self, scores: Array) -> Array:
        """Of each grid point, (G, K), for scores (rows, K)."""
        kept = np.einsum("gnk,nb->gkb", self.designs, scores, optimize=True)
        return np.asarray(np.maximum((scores**2).sum(axis=0) - (kept**2).sum(axis=1), 0.0))

    def best(self, scores: Array) -> tuple[Array, NDArray[np.intp]]:
        rss = self.rss(scores - scores.mean(axis=0))
        chosen = rss.argmin(axis=0)
        return rss[chosen, np.arange(scores.shape[1])], chosen

    def fit(self, y: Array) -> _Fit:
        _, chosen = self.best(y[:, None])
        g = int(chosen[0])
        q = self.designs[g]
        values = q @ (q.T @ y)
        left = y - values
        z = np.linspace(0, 1, len(y))
        design = np.column_stack([np.ones(len(y)), z, self.rises[g]])
        height = float(np.linalg.lstsq(design, values, rcond=None)[0][2] * np.ptp(self.rises[g]))
        return _Fit(values, left, float(left @ left), float(self.middles[g]), float(self.widths[g]), height)


def _curves(z: Array, family: str) -> _Curves:
    return _laid_out(tuple(z.tolist()), family)


@lru_cache(maxsize=8)
def _laid_out(places: tuple[float, ...], family: str) -> _Curves:
    z = np.array(places)
    widths = GRADUAL_WIDTHS if family == "gradual" else SUDDEN_WIDTHS
    middles = MIDDLES if family == "gradual" else MIDDLES[MIDDLES <= 0.99]
    m, w = (grid.ravel() for grid in np.meshgrid(middles, widths, indexing="ij"))
    scaled = (z[None, :] - m[:, None]) / w[:, None]
    rises = expit(TEN_TO_NINETY * scaled)
    if family == "sudden":
        m, w, rises = np.tile(m, 2), np.tile(w, 2), np.concatenate([rises, np.clip(scaled + 0.5, 0, 1)])
    told = np.ptp(rises, axis=1) > 0
    m, w, rises = m[told], w[told], rises[told]
    base = np.broadcast_to(np.column_stack([np.ones_like(z), z]), (len(m), len(z), 2))
    designs, _ = np.linalg.qr(np.concatenate([base, rises[:, :, None]], axis=2))
    return _Curves(designs, rises, m, w)


def _statistic(smooth: float, sharp: float, y: Array) -> float:
    floor = TINY * float(np.var(y) * len(y) + TINY)
    return float(len(y) * np.log((smooth + floor) / (sharp + floor)))


def _simulated(rng: np.random.Generator, truth: _Fit, replicates: int) -> Array:
    """(rows, K): the curve with its residuals, signs drawn anew, enlarged for the parameters that took their part."""
    n = len(truth.values)
    enlarged = truth.left * np.sqrt(n / max(1, n - PARAMETERS))
    return np.asarray(truth.values[:, None] + enlarged[:, None] * rng.choice((-1.0, 1.0), size=(n, replicates)))


def _statistics(smooth: Array, sharp: Array, scores: Array) -> Array:
    floor = TINY * (scores.var(axis=0) * len(scores) + TINY)
    return np.asarray(len(scores) * np.log((smooth + floor) / (sharp + floor)))
