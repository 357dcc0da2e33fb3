"""Which shape a rise has, and how the count that it takes moves with the size of the model.

Shapes are compared by what they foretell: every bin from the others (the log-likelihood of what was held out), and
frequent concepts from rarer ones (rolling origin; mean error in points beside that of repeating the last share).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from isoflop.capability.frequency import (
    LEAST_COUNTS,
    SHAPES,
    Exposure,
    FrequencyLaw,
    Shape,
    fit_frequency,
    log_likelihood,
)
from isoflop.errors import BadInput

Array = NDArray[np.float64]

FOLDS = 8
CUTS = (0.5, 0.6, 0.7, 0.8)
"""Share of the bins, rarest first, from which the rest was foretold."""
LEAST_SIZES = 3


@dataclass(frozen=True, slots=True)
class Shapes:
    """laws, held_out, ahead: by shape. held_out: log-likelihood of bins foretold from the others, over the dispersion;
    ahead: mean error in points of more frequent bins foretold from rarer ones; naive: of repeating the last share.
    NaN where there are too few bins.
    """

    laws: Mapping[str, FrequencyLaw]
    held_out: Mapping[str, float]
    ahead: Mapping[str, float]
    naive: float


def compare_shapes(exposure: Exposure, *, chance: float = 0.0, ceiling: float | None = 1.0, seed: int = 0) -> Shapes:
    """Both shapes fitted and compared. Raises BadInput as ``fit_frequency`` does."""
    laws: dict[str, FrequencyLaw] = {
        s: fit_frequency(exposure, chance=chance, ceiling=ceiling, shape=s, seed=seed) for s in SHAPES
    }
    noise = min(law.dispersion for law in laws.values())
    held: dict[str, float] = {s: _held_out(exposure, s, chance, ceiling) / noise for s in SHAPES}
    ahead: dict[str, float] = {s: _ahead(exposure, s, chance, ceiling) for s in SHAPES}
    return Shapes(laws, held, ahead, _ahead(exposure, None, chance, ceiling))


def best_shape(several: Sequence[Shapes]) -> str:
    """The shape that is best over several groups together, so that their constants can be compared."""
    told = np.isfinite([value for one in several for value in one.held_out.values()]).all()
    score = {
        name: sum(one.held_out[name] if told else one.laws[name].log_likelihood for one in several) for name in SHAPES
    }
    return max(score, key=lambda name: score[name])


def _held_out(exposure: Exposure, shape: Shape, chance: float, ceiling: float | None) -> float:
    bins = len(exposure.count)
    folds = min(FOLDS, bins)
    if bins - int(np.ceil(bins / folds)) < LEAST_COUNTS:
        return float("nan")
    total = 0.0
    for fold in range(folds):
        out = np.arange(bins) % folds == fold
        law = fit_frequency(exposure.take(~out), chance=chance, ceiling=ceiling, shape=shape)
        total += log_likelihood(law, exposure.take(out))
    return total


def _ahead(exposure: Exposure, shape: Shape | None, chance: float, ceiling: float | None) -> float:
    """Without a shape, the last share is repeated."""
    bins, misses = len(exposure.count), []
    for cut in CUTS:
        rows = max(LEAST_COUNTS, round(cut * bins))
        if rows >= bins:
            continue
        known, later = exposure.take(slice(0, rows)), exposure.take(slice(rows, None))
        if shape is None:
            foretold = np.full(bins - rows, known.share[-1])
        else:
            law = fit_frequency(known, chance=chance, ceiling=ceiling, shape=shape)
            foretold = law(later.count)
        misses.append(np.abs(foretold - later.share))
    return 100 * float(np.concatenate(misses).mean()) if misses else float("nan")


@dataclass(frozen=True, slots=True)
class NeedBySize:
    """How the needed count moves with size: count ∝ N**exponent, with its interval at ``level``.

    foretold, found: the largest size's needed count from the smaller ones, and as it was (NaN with too few sizes).
    """

    exponent: float
    low: float
    high: float
    level: float
    foretold: float
    found: float

    @property
    def per_doubling(self) -> float:
        """Change of the needed count, as a share, for twice the size."""
        return float(2**self.exponent - 1)


def need_by_size(sizes: ArrayLike, laws: Sequence[FrequencyLaw], accuracy: float, *, level: float = 0.9) -> NeedBySize:
    """ln(needed count) as a line in ln N. sizes: (models,), laws: one each.

    The interval joins the doubt of every law with the sizes' own scatter about the line. Raises BadInput for fewer than
    three sizes, or an accuracy that some law never meets.
    """
    n = np.log(np.asarray(sizes, dtype=float))
    if len(np.unique(n)) < LEAST_SIZES or not np.isfinite(n).all():
        raise BadInput(f"How the needed count moves with size takes at least {LEAST_SIZES} sizes; given: {len(n)}.")
    order = np.argsort(n)
    n, laws = n[order], [laws[i] for i in order]
    best = np.log([law.needed(accuracy)[0] for law in laws])
    drawn = np.stack([law.needed_draws(accuracy) for law in laws])
    drawn = np.where(np.isfinite(drawn), drawn, best[:, None])
    centred = (n - n.mean()) / np.sum((n - n.mean()) ** 2)
    exponent = float(centred @ best)
    left = best - best.mean() - exponent * (n - n.mean())
    own = np.sum((drawn.var(axis=1)) * centred**2)
    between = float(left @ left) / (len(n) - 2) * np.sum(centred**2)
    reach = float(student.ppf((1 + level) / 2, max(len(n) - 2, 1)) * np.sqrt(max(own, between)))
    foretold = np.nan
    if len(n) > LEAST_SIZES:
        foretold = float(np.exp(np.polyval(np.polyfit(n[:-1], best[:-1], 1), n[-1])))
    return NeedBySize(exponent, exponent - reach, exponent + reach, level, foretold, float(np.exp(best[-1])))
