"""Where a score leaves its floor: the loss, or the compute, at which a skill begins to show.

    score = floor + h clip((x - t) / w, 0, 1)

flat up to the threshold t, rising over w, flat again; t is what Du et al. 2024 (arXiv:2403.15796) read off by eye as
the loss above which a task stays at chance. Least squares over a grid of t and w; the interval redraws the residuals'
signs (wild bootstrap, Wu 1986) and is taken half a step of the grid wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.capability.jump import LEAST_MODELS
from isoflop.errors import BadInput

Array = NDArray[np.float64]

STARTS = np.linspace(0.0, 0.98, 99)
WIDTHS = (0.01, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5)
PARAMETERS = 4
REPLICATES = 300


@dataclass(frozen=True, slots=True)
class Onset:
    """threshold: in x, with its interval at ``level``; floor: the score below it; rise: of the score past it, to the
    last model."""

    threshold: float
    low: float
    high: float
    level: float
    floor: float
    rise: float


def find_onset(
    x: ArrayLike, score: ArrayLike, *, level: float = 0.9, replicates: int = REPLICATES, seed: int = 0
) -> Onset:
    """The threshold of scores, (rows,), along x, (rows,), that grows with skill. Raises BadInput for fewer than 8
    models or x that is all alike."""
    at, seen = np.asarray(x, dtype=float), np.asarray(score, dtype=float)
    if at.shape != seen.shape or at.ndim != 1 or len(at) < LEAST_MODELS or np.ptp(at) == 0:
        raise BadInput(
            f"A threshold is looked for in at least {LEAST_MODELS} models at different x, each with a score; given: "
            f"{at.shape} and {seen.shape}. Add models."
        )
    order = np.argsort(at, kind="stable")
    z, y = (at[order] - at.min()) / np.ptp(at), seen[order]
    starts, unit_rise, height = _ramps(z)
    chosen = int(_explained(unit_rise, y[:, None]).argmax(axis=0)[0])
    mean, gain = float(y.mean()), float(unit_rise[chosen] @ y)
    values = mean + gain * unit_rise[chosen]
    rng = np.random.default_rng(seed)
    enlarged = (y - values) * np.sqrt(len(y) / max(1, len(y) - PARAMETERS))
    drawn = values[:, None] + enlarged[:, None] * rng.choice((-1.0, 1.0), size=(len(y), replicates))
    half = (STARTS[1] - STARTS[0]) / 2
    thresholds = starts[_explained(unit_rise, drawn).argmax(axis=0)]
    low, high = np.quantile(thresholds, [(1 - level) / 2, (1 + level) / 2])
    place = at.min() + np.ptp(at) * np.array([starts[chosen], max(low - half, 0.0), min(high + half, 1.0)])
    rise = gain * float(height[chosen])
    return Onset(float(place[0]), float(place[1]), float(place[2]), level, float(values[0]), rise)


def _ramps(z: Array) -> tuple[Array, Array, Array]:
    """Starts (G,), ramps less their mean and of length 1 (G, rows), and how far each rises over the models (G,)."""
    t, w = (grid.ravel() for grid in np.meshgrid(STARTS, WIDTHS, indexing="ij"))
    ramps = np.clip((z[None, :] - t[:, None]) / w[:, None], 0, 1)
    told = np.ptp(ramps, axis=1) > 0
    t, ramps = t[told], ramps[told]
    centred = ramps - ramps.mean(axis=1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    return t, centred, np.asarray(np.ptp(centred, axis=1))


def _explained(unit_rise: Array, scores: Array) -> Array:
    """Sum of squares that each ramp explains, (G, K); a ramp that would fall explains none."""
    return np.asarray(np.maximum(unit_rise @ scores, 0.0) ** 2)
