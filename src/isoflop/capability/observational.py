"""What many benchmarks of many models have in common: a few capabilities, each log-linear in compute.

    E_m  =  M x N benchmarks of models  ≈  rank-1 where missing, then its principal components S_m       (PCA)
    σ⁻¹(score)  =  α + β S_1                                                                             (skill)
    S_1  =  ν_f + θ_f log10 C                                                   within a family f of models

f-equivalent FLOPs of a model: the compute at which family f would have its S_1. Source: Ruan, Maddison & Hashimoto 2024
(arXiv:2405.10938, equations 3 to 6). Missing scores are imputed by a rank-1 fit of what is there, repeated until it
settles (their appendix C).

Advice. State the preprocessing: standardised or raw, and which models, move the share of the first component by nine
points on the same table. Components of a dozen benchmarks are not skills of the mind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.special import expit

from isoflop.errors import BadInput

Array = NDArray[np.float64]

LEAST_MODELS, LEAST_BENCHMARKS = 8, 2
LEAST_FAMILY = 3
"""Models of a family from which its own line in compute is drawn."""
PULL = 0.02
"""Ridge on the standardised weights: a task that no earlier model can do has no finite fit otherwise."""
ROUNDS, SETTLED = 10_000, 1e-9


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Components of benchmarks. benchmarks: (B,) names; mean, scale: (B,), what was subtracted and divided by;
    directions: (components, B); explained: (components,) share of the variance of each; scores: (models, components),
    the first growing with the benchmarks. imputed: cells that were missing. standardised: whether scale is their sd."""

    benchmarks: tuple[str, ...]
    mean: Array
    scale: Array
    directions: Array
    explained: Array
    scores: Array
    imputed: int
    standardised: bool

    def of(self, table: ArrayLike) -> Array:
        """Components, (models, components), of other models' benchmarks, (models, B). A missing score is filled from
        the first component of those that are there. Raises BadInput for a model without any."""
        seen = (_benchmarks(table, len(self.benchmarks)) - self.mean) / self.scale
        first = self.directions[0]
        known = np.isfinite(seen)
        if not known.any(axis=1).all():
            raise BadInput("A model without any benchmark has no place among the components. Leave it out.")
        weight = (known * first**2).sum(axis=1)
        along = np.where(known, seen, 0.0) @ first / np.where(weight > 0, weight, 1.0)
        filled = np.where(known, seen, along[:, None] * first)
        return np.asarray(filled @ self.directions.T)


def find_capabilities(table: ArrayLike, benchmarks: tuple[str, ...], *, standardise: bool = True) -> Capabilities:
    """Principal components of benchmarks, (models, B), NaN where missing.

    Raises BadInput for fewer than 8 models or 2 benchmarks, a benchmark that is the same for all, a model or a
    benchmark without any score.
    """
    seen = _benchmarks(table, len(benchmarks))
    known = np.isfinite(seen)
    if seen.shape[0] < LEAST_MODELS or seen.shape[1] < LEAST_BENCHMARKS:
        raise BadInput(
            f"Components need at least {LEAST_MODELS} models and {LEAST_BENCHMARKS} benchmarks; given: "
            f"{seen.shape[0]} and {seen.shape[1]}."
        )
    for axis, what in ((1, "Model"), (0, "Benchmark")):
        if not known.any(axis=axis).all():
            place = int(np.flatnonzero(~known.any(axis=axis))[0])
            name = benchmarks[place] if axis == 0 else f"in row {place + 1}"
            raise BadInput(f"{what} {name} has no score at all. Leave it out.")
    if not (ranges := np.nanmax(seen, axis=0) - np.nanmin(seen, axis=0)).all():
        raise BadInput(f"Benchmark {benchmarks[int(ranges.argmin())]} is the same for all models. Leave it out.")
    filled = _imputed(seen, known, standardise)
    mean = filled.mean(axis=0)
    spread = filled.std(axis=0)
    scale = spread if standardise else np.ones_like(spread)
    centred = (filled - mean) / scale
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions * np.where(directions.sum(axis=1) < 0, -1.0, 1.0)[:, None]
    return Capabilities(
        benchmarks,
        mean,
        scale,
        directions,
        values**2 / (values**2).sum(),
        centred @ directions.T,
        int((~known).sum()),
        standardise,
    )


def _imputed(seen: Array, known: NDArray[np.bool_], standardise: bool) -> Array:
    """Missing cells replaced by the first component of the rest, again and again until they stay."""
    filled = np.where(known, seen, np.nanmean(seen, axis=0))
    for _ in range(ROUNDS if not known.all() else 0):
        mean = filled.mean(axis=0)
        scale = filled.std(axis=0) if standardise else np.ones(filled.shape[1])
        scale = np.where(scale > 0, scale, 1.0)
        u, values, v = np.linalg.svd((filled - mean) / scale, full_matrices=False)
        guess = mean + scale * (values[0] * np.outer(u[:, 0], v[0]))
        moved = float(np.abs(np.where(known, 0.0, guess - filled)).max())
        filled = np.where(known, seen, guess)
        if moved < SETTLED * float(np.abs(filled).max()):
            break
    return np.asarray(filled)


@dataclass(frozen=True, slots=True)
class FamilyLine:
    """S_1 = intercept + slope log10 C of one family. models: fitted; sd: scatter of S_1 about it."""

    family: str
    intercept: float
    slope: float
    sd: float
    models: int

    def equivalent_flops(self, capability: ArrayLike) -> Array:
        """The compute at which this family would have the first component ``capability``, in the unit of C."""
        return np.asarray(10 ** ((np.asarray(capability, dtype=float) - self.intercept) / self.slope))


def family_lines(
    capability: ArrayLike, flops: ArrayLike, families: ArrayLike
) -> tuple[Mapping[str, FamilyLine], tuple[str, ...]]:
    """A line for each family of at least three models at different compute, and the names of the others.

    capability, flops: (models,), the latter NaN or above zero; families: (models,) names.
    """
    s, c, names = np.asarray(capability, dtype=float), np.asarray(flops, dtype=float), np.asarray(families, dtype=str)
    if not (s.shape == c.shape == names.shape) or s.ndim != 1:
        raise BadInput(f"Columns of one length are needed; given: {s.shape}, {c.shape} and {names.shape}.")
    if (c <= 0).any():
        raise BadInput(f"Compute is above zero; given: {np.nanmin(c):g}. Leave out what is not known.")
    lines: dict[str, FamilyLine] = {}
    others = []
    for family in dict.fromkeys(names.tolist()):
        rows = (names == family) & np.isfinite(c) & np.isfinite(s)
        log_c = np.log10(c[rows])
        if rows.sum() < LEAST_FAMILY or np.ptp(log_c) == 0:
            others.append(family)
            continue
        slope, intercept = np.polyfit(log_c, s[rows], 1)
        left = s[rows] - intercept - slope * log_c
        sd = float(np.sqrt(left @ left / max(1, len(log_c) - 2)))
        lines[family] = FamilyLine(family, float(intercept), float(slope), sd, int(rows.sum()))
    return lines, tuple(others)


@dataclass(frozen=True, slots=True)
class Observed:
    """A task foretold from other benchmarks, for the models past a cutoff of compute.

    weights: of the components, and intercept, on the scale σ⁻¹. predicted, measured: (test,). errors: mean absolute, in
    points of 100, over those models: of the components; of log compute in their place; of repeating the mean score of
    the three largest earlier models. train, test: models; unknown: of the former, those whose compute is not told.
    """

    weights: Array
    intercept: float
    predicted: Array
    measured: Array
    train: int
    test: int
    unknown: int
    error: float
    compute_error: float
    naive_error: float


def backtest_observational(
    benchmarks: ArrayLike,
    names: tuple[str, ...],
    score: ArrayLike,
    flops: ArrayLike,
    cutoff: float,
    *,
    chance: float = 0.0,
    components: int = 3,
    standardise: bool = True,
) -> Observed:
    """Fit a task's score to components found on models below ``cutoff`` FLOPs, and foretell those from there on.

    benchmarks: (models, B), without the task itself; score, flops: (models,). Models whose compute is not told count as
    earlier ones, as in Ruan et al.; the laws in compute cannot use them. Raises BadInput where a side of the cutoff is
    too small, or there are fewer benchmarks than components.
    """
    table, seen, c = _benchmarks(benchmarks, len(names)), np.asarray(score, dtype=float), np.asarray(flops, dtype=float)
    known = np.isfinite(seen) & np.isfinite(table).any(axis=1)
    late = known & (c >= cutoff)
    early = known & ~late
    told = early & np.isfinite(c)
    if told.sum() < LEAST_MODELS or not late.any() or not 1 <= components <= len(names):
        raise BadInput(
            f"A backtest needs at least {LEAST_MODELS} models below the cutoff, one from it on, and a benchmark a "
            f"component; given: {int(told.sum())}, {int(late.sum())}, and {len(names)} benchmarks for {components}."
        )
    found = find_capabilities(table[early], names, standardise=standardise)
    measured = seen[late]
    fitted = _fit_logit(found.scores[:, :components], seen[early], chance)
    predicted = _score(fitted, found.of(table[late])[:, :components], chance)
    log_c = np.log10(np.where(np.isfinite(c), c, cutoff))[:, None]
    compute = _fit_logit(log_c[told], seen[told], chance)
    largest = seen[told][np.argsort(c[told], kind="stable")[-3:]].mean()
    return Observed(
        fitted[1:],
        float(fitted[0]),
        predicted,
        measured,
        int(early.sum()),
        int(late.sum()),
        int(early.sum() - told.sum()),
        _points(predicted - measured),
        _points(_score(compute, log_c[late], chance) - measured),
        _points(largest - measured),
    )


def _fit_logit(features: Array, score: Array, chance: float) -> Array:
    """Least squares of score = g + (1 - g) σ(α + features β): α on features as given, then β. (1 + features,)."""
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-12)
    design = np.column_stack([np.ones(len(features)), (features - mean) / scale])

    def residual(theta: Array) -> Array:
        return np.concatenate([chance + (1 - chance) * expit(design @ theta) - score, PULL * theta[1:]])

    share = np.clip((score - chance) / (1 - chance), 0.02, 0.98)
    start = np.linalg.lstsq(design, np.log(share / (1 - share)), rcond=None)[0]
    theta = least_squares(residual, start).x
    weights = theta[1:] / scale
    return np.concatenate([[theta[0] - weights @ mean], weights])


def _score(theta: Array, features: Array, chance: float) -> Array:
    return np.asarray(chance + (1 - chance) * expit(theta[0] + features @ theta[1:]))


def _points(misses: Array) -> float:
    return 100 * float(np.abs(misses).mean())


def _benchmarks(table: ArrayLike, columns: int) -> Array:
    seen = np.asarray(table, dtype=float)
    if seen.ndim != 2 or seen.shape[1] != columns:
        raise BadInput(f"Benchmarks are shaped (models, {columns}); given: {seen.shape}.")
    if np.nanmax(np.abs(seen), initial=0.0) > 1.5:
        raise BadInput(f"Benchmarks are shares; given: {np.nanmax(np.abs(seen)):g}. Divide percentages by 100.")
    return seen
