"""What to expect of a run not yet made: a loss with a prediction interval and how far past the data it reaches.

The interval joins two spreads: that of the law (every bootstrap replicate predicts the target) and that of single
runs around the law (residuals, enlarged by sqrt(n/(n − P)) for the parameters they were fitted with). What the choice
of formula adds is not in it; ``notes`` say so when the target lies far outside the runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.errors import BadInput
from isoflop.fitting.fit import REPLICATES, Fit
from isoflop.fitting.fit import fit as fit_form
from isoflop.fitting.objectives import Objective
from isoflop.laws.form import Form
from isoflop.laws.law import check_variables, evaluate
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

FAR = 10.0
"""Extrapolation in compute beyond which the formula itself is in doubt: at 10 times, intervals from one formula that
promise 90 % held 22 to 70 % of public Chinchilla points (measured on the 240 points of Besiroglu et al. 2024)."""
NOISE_DRAWS = 25
"""Residual draws per bootstrap replicate."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """Predicted losses of one or more targets, arrays shaped (targets,).

    variables: symbol -> values, such as N and D. flops: C in FLOP. loss: the law's value. low, high: prediction
    interval at ``level``. extrapolation: C over the largest C of the runs. draws: predictive draws (targets, draws).
    """

    variables: Mapping[str, Array]
    flops: Array
    loss: Array
    low: Array
    high: Array
    level: float
    extrapolation: Array
    draws: Array
    fit: Fit
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def params(self) -> Array:
        """N, NaN where the form has none and none was given."""
        return self.variables.get("N", np.full(len(self), np.nan))

    @property
    def tokens(self) -> Array:
        """D, NaN where the form has none and none was given."""
        return self.variables.get("D", np.full(len(self), np.nan))

    def quantile(self, probability: float) -> Array:
        """Quantile of the predictive distribution, shaped (targets,)."""
        return np.asarray(np.quantile(self.draws, probability, axis=1))


def forecast(
    runs: Runs | Fit,
    *,
    form: str | Form = "chinchilla",
    level: float = 0.9,
    objective: str | Objective = "log_huber",
    replicates: int = REPLICATES,
    seed: int = 0,
    **targets: ArrayLike,
) -> Forecast:
    """Forecast the loss of runs not yet made: ``forecast(runs, N=70e9, D=1.4e12)``.

    runs: a table of runs, to which ``form`` is fitted, or a fit. targets: the form's variables, numbers or arrays that
    broadcast; of N, D and C any two give the third by C = 6ND. level: of the prediction interval. replicates: of the
    bootstrap. seed: of all randomness.

    Raises BadInput for a level outside (0, 1), LawError for missing, unknown or non-positive targets, and whatever
    ``fit`` raises.
    """
    if not 0 < level < 1:
        raise BadInput(f"level = {level} is not allowed: it must lie between 0 and 1, such as 0.9.")
    fitted = (
        runs if isinstance(runs, Fit) else fit_form(form, runs, objective=objective, replicates=replicates, seed=seed)
    )
    variables = complete_targets(fitted.form, targets)
    rng = np.random.default_rng([seed, 1])
    law = np.log(evaluate(fitted.form, fitted.law.constants, _used(fitted.form, variables)))
    draws = np.exp(_predictive_log_draws(fitted, variables, rng))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=1)
    flops = variables["C"]
    extrapolation = flops / fitted.runs.flops.max()
    return Forecast(
        variables, flops, np.exp(law), low, high, level, extrapolation, draws, fitted, _notes(fitted, extrapolation)
    )


def complete_targets(form: Form, targets: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """The form's variables as arrays (targets,), with C = 6ND completed from any two of N, D and C.

    Raises LawError for missing, unknown or non-positive values, BadInput when N, D and C contradict 6ND or the
    lengths do not match.
    """
    given = {name: np.atleast_1d(np.asarray(value, dtype=float)) for name, value in targets.items()}
    try:
        shape = np.broadcast_shapes(*(value.shape for value in given.values()))
    except ValueError:
        lengths = ", ".join(f"{name}: {len(value)}" for name, value in given.items())
        raise BadInput(f"The targets have different lengths ({lengths}). Give one number or one per target.") from None
    if {"N", "D", "C"} <= given.keys() and not np.allclose(given["C"], FLOPS_PER_PARAM_TOKEN * given["N"] * given["D"]):
        raise BadInput("The target gives N, D and C that contradict C = 6ND. Give two of them.")
    known = (*form.inputs, *(name for name in ("N", "D", "C") if name not in form.inputs))
    allowed = {name: value for name, value in given.items() if name in known}
    if {"N", "C"} <= allowed.keys():
        allowed.setdefault("D", allowed["C"] / (FLOPS_PER_PARAM_TOKEN * allowed["N"]))
    elif {"D", "C"} <= allowed.keys():
        allowed.setdefault("N", allowed["C"] / (FLOPS_PER_PARAM_TOKEN * allowed["D"]))
    if {"N", "D"} <= allowed.keys():
        allowed.setdefault("C", FLOPS_PER_PARAM_TOKEN * allowed["N"] * allowed["D"])
    unknown = {name: value for name, value in given.items() if name not in known}
    checked = check_variables(form, {**_used(form, allowed), **unknown})
    values = {**allowed, **checked}
    full = {name: np.broadcast_to(value, shape).astype(float) for name, value in values.items()}
    return {**full, "C": full.get("C", np.full(shape, np.nan))}


def _used(form: Form, values: Mapping[str, Array]) -> dict[str, Array]:
    return {name: values[name] for name in form.inputs if name in values}


def law_draws(fitted: Fit, variables: Mapping[str, ArrayLike]) -> Array:
    """The law's loss under every bootstrap replicate, shaped (targets, replicates)."""
    constants = {name: draw[None, :] for name, draw in fitted.draws.items()}
    columns = {name: np.atleast_1d(np.asarray(variables[name], dtype=float))[:, None] for name in fitted.form.inputs}
    return evaluate(fitted.form, constants, columns)


def residual_noise(fitted: Fit) -> Array:
    """Residuals in ln loss, centred by their median and enlarged for the parameters that were fitted to them.

    The factor sqrt(n/(n − P)) makes a least-squares residual variance unbiased; with n ≤ P + 1 it stops at that of
    one degree of freedom.
    """
    count, fitted_with = len(fitted.residuals), len(fitted.form.parameters)
    enlarged = np.sqrt(count / max(count - fitted_with, 1))
    return np.asarray((fitted.residuals - np.median(fitted.residuals)) * enlarged)


def _predictive_log_draws(fitted: Fit, variables: Mapping[str, Array], rng: np.random.Generator) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        law = np.log(law_draws(fitted, variables))
    noise = rng.choice(residual_noise(fitted), (len(law), law.shape[1] * NOISE_DRAWS))
    return np.asarray(np.repeat(law, NOISE_DRAWS, axis=1) + noise)


def _notes(fitted: Fit, extrapolation: Array) -> tuple[str, ...]:
    notes = []
    if not fitted.status.converged:
        notes.append(f"The fit is doubtful: {fitted.status}")
    farthest = float(np.nanmax(extrapolation)) if np.isfinite(extrapolation).any() else np.nan
    if farthest > FAR:
        notes.append(
            f"The farthest target has {farthest:.3g} times the compute of the largest run. The interval holds what "
            "parameters and noise add, not what another formula would say; compare with --form coupled."
        )
    return tuple(notes)
