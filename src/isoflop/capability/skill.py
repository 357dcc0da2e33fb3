"""From loss, or compute, to the score on a task: curves that start at chance and end at a ceiling.

    sigmoid       acc = g + (u - g) / (1 + exp(-s (x - m)))      Srivastava et al. 2022; Bhagia et al. 2024
                                                                 (arXiv:2412.04403, equation 2), u fitted
    logistic      the same with u = 1                            Ruan et al. 2024 (arXiv:2405.10938, equation 4)
    exponential   acc = g + k exp(s x), at most 1                Gadre et al. 2024 (arXiv:2403.08540, equation 5),
                                                                 error = ε - k exp(-γ L), with ε = 1 - g

x grows with skill: minus the loss, the logarithm of compute, or a principal component. g is the chance level, given,
since the curve near chance is flat and says little of it.

Advice. A task that is still at chance in every run foretells nothing; fits say so rather than guess. Accuracy is a
summary of a summary: where log-probabilities of the right answers are to be had, fit those first and this last.
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

FORMS = ("sigmoid", "logistic", "exponential")
LEAST_ROWS = 5
TOP = 1.02
"""A fitted ceiling may lie this far above 1, so that a task near its end is not bent by the bound."""


@dataclass(frozen=True, slots=True)
class SkillLaw:
    """A fitted curve. parameters: by name; chance: g; sd: scatter of the scores about it; rows: points fitted."""

    form: str
    parameters: Mapping[str, float]
    chance: float
    sd: float
    rows: int

    def __call__(self, x: ArrayLike) -> Array:
        """The score at x, any shape."""
        p, at = self.parameters, np.asarray(x, dtype=float)
        if self.form == "exponential":
            return np.asarray(np.minimum(self.chance + np.exp(np.minimum(p["s"] * at + p["ln_k"], 1.0)), 1.0))
        top = p.get("u", 1.0)
        return np.asarray(np.minimum(self.chance + (top - self.chance) * expit(p["s"] * (at - p["m"])), 1.0))


def fit_skill(x: ArrayLike, score: ArrayLike, *, chance: float = 0.0, form: str = "sigmoid") -> SkillLaw:
    """Least squares of scores on x.

    x, score: (rows,); scores are shares between 0 and 1; x grows with skill. chance: the score of guessing. Raises
    BadInput for fewer than 5 rows, x that is all alike, percentages, and an unknown form.
    """
    at, seen = _table(x, score, chance)
    if form not in FORMS:
        raise BadInput(f"Unknown form '{form}' of a skill law. Known: {', '.join(FORMS)}.")
    origin, scale = float(np.median(at)), float(np.ptp(at))
    z = (at - origin) / scale
    theta, residual = _descend(form, z, seen, chance)
    sd = float(np.sqrt(residual @ residual / max(1, len(z) - len(theta))))
    return SkillLaw(form, _in_units(form, theta, origin, scale), chance, sd, len(z))


def refit(law: SkillLaw, x: Array, score: Array) -> SkillLaw:
    """The law again on like rows, sought from where it stands: a third of the time of ``fit_skill``."""
    origin, scale = float(np.median(x)), float(np.ptp(x))
    z, p = (x - origin) / scale, law.parameters
    start = [p["ln_k"] + p["s"] * origin] if law.form == "exponential" else [(p["m"] - origin) / scale]
    start += [p["s"] * scale, *([p["u"]] if law.form == "sigmoid" else [])]
    theta, residual = _descend(law.form, z, score, law.chance, (np.array(start),))
    sd = float(np.sqrt(residual @ residual / max(1, len(z) - len(theta))))
    return SkillLaw(law.form, _in_units(law.form, theta, origin, scale), law.chance, sd, len(z))


def _descend(form: str, z: Array, score: Array, chance: float, starts: tuple[Array, ...] = ()) -> tuple[Array, Array]:
    """The best of several starts."""

    def residual(theta: Array) -> Array:
        return np.asarray(_curve(form, theta, z, chance) - score)

    low, high = _bounds(form, chance)
    fits = [
        least_squares(residual, np.clip(s, low, high), bounds=(low, high))
        for s in starts or _starts(form, score, chance)
    ]
    best = min(fits, key=lambda fit: float(fit.cost))
    return np.asarray(best.x), np.asarray(best.fun)


def _curve(form: str, theta: Array, z: Array, chance: float) -> Array:
    if form == "exponential":
        return np.asarray(chance + np.exp(np.minimum(theta[0] + theta[1] * z, 1.0)))
    top = theta[2] if form == "sigmoid" else 1.0
    return np.asarray(chance + (top - chance) * expit(theta[1] * (z - theta[0])))


def _bounds(form: str, chance: float) -> tuple[Array, Array]:
    if form == "exponential":
        return np.array([-15.0, 0.0]), np.array([1.0, 40.0])
    low, high = [-3.0, 0.0], [8.0, 60.0]
    if form == "sigmoid":
        low, high = [*low, chance + 0.02], [*high, TOP]
    return np.array(low), np.array(high)


def _starts(form: str, score: Array, chance: float) -> tuple[Array, ...]:
    gain = max(float(score.max()) - chance, 0.02)
    if form == "exponential":
        return tuple(np.array([np.log(gain) - s / 2, s]) for s in (1.0, 4.0))
    starts = [np.array([m, s]) for m, s in ((0.0, 4.0), (0.5, 8.0), (1.5, 4.0))]
    if form == "logistic":
        return tuple(starts)
    return tuple(np.array([*s, top]) for s, top in zip(starts, (min(chance + 1.1 * gain, 1.0), 1.0, 1.0), strict=True))


def _in_units(form: str, theta: Array, origin: float, scale: float) -> dict[str, float]:
    if form == "exponential":
        slope = float(theta[1]) / scale
        return {"ln_k": float(theta[0]) - slope * origin, "s": slope}
    named = {"m": origin + scale * float(theta[0]), "s": float(theta[1]) / scale}
    return named | ({"u": float(theta[2])} if form == "sigmoid" else {})


def _table(x: ArrayLike, score: ArrayLike, chance: float) -> tuple[Array, Array]:
    at, seen = np.asarray(x, dtype=float), np.asarray(score, dtype=float)
    if at.shape != seen.shape or at.ndim != 1:
        raise BadInput(f"x and the scores are columns of one length; given: {at.shape} and {seen.shape}.")
    kept = np.isfinite(at) & np.isfinite(seen)
    at, seen = at[kept], seen[kept]
    if len(at) < LEAST_ROWS or np.ptp(at) == 0:
        raise BadInput(
            f"A skill law needs at least {LEAST_ROWS} rows at different x; given: {len(at)} rows with both x and score."
        )
    if seen.min() < 0 or seen.max() > 1:
        hint = " Divide percentages by 100." if 1 < seen.max() <= 100 and seen.min() >= 0 else ""
        raise BadInput(f"Scores lie between 0 and 1; given: {seen.min():g} to {seen.max():g}.{hint}")
    if not 0 <= chance < 1:
        raise BadInput(f"The chance level lies from 0 up to 1 (exclusive); given: {chance:g}.")
    return at, seen
