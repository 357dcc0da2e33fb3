"""What to expect of a run not yet made: a loss with a prediction interval and how far past the data it reaches.

The interval joins three spreads: that of each law (every bootstrap replicate predicts the target), that of single runs
around it (residuals, enlarged by sqrt(n/(n − P)) for the parameters they were fitted with), and that between formulas.
It is widened where backtests on the same runs show that it would have been too narrow.
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
from isoflop.forecasting.averaging import Ensemble, fit_ensemble, single
from isoflop.forecasting.draws import NOISE_DRAWS, predictive_log_draws
from isoflop.laws.catalogue import find_form
from isoflop.laws.form import Form
from isoflop.laws.law import check_variables, evaluate
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

FAR = 10.0
"""Extrapolation in compute beyond which the formula itself is in doubt: at 10 times, intervals from one formula that
promise 90 % held 22 to 70 % of public Chinchilla points (measured on the 240 points of Besiroglu et al. 2024)."""
AVERAGE = "average"
"""The name that asks for several forms, weighed by backtests."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """Predicted losses of one or more targets, arrays shaped (targets,).

    variables: symbol -> values, such as N and D. flops: C in FLOP. loss: the weighted geometric mean of the laws'
    values. low, high: prediction interval at ``level``. extrapolation: C over the largest C of the runs. draws:
    predictive draws (targets, draws). by_form: each law's own value, shaped (forms, targets). ensemble: the fits with
    their weights.
    """

    variables: Mapping[str, Array]
    flops: Array
    loss: Array
    low: Array
    high: Array
    level: float
    extrapolation: Array
    draws: Array
    by_form: Array
    ensemble: Ensemble
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def fit(self) -> Fit:
        """The fit with the largest weight."""
        return self.ensemble.leading

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
    runs: Runs | Fit | Ensemble,
    *,
    form: str | Form = AVERAGE,
    level: float = 0.9,
    objective: str | Objective = "log_huber",
    replicates: int = REPLICATES,
    seed: int = 0,
    **targets: ArrayLike,
) -> Forecast:
    """Forecast the loss of runs not yet made: ``forecast(runs, N=70e9, D=1.4e12)``.

    runs: a table of runs, or fits made before. form: "average" weighs several forms by backtests on these runs; a
    name, formula or Form uses that one alone. targets: the form's variables, numbers or arrays that broadcast; of N, D
    and C any two give the third by C = 6ND. level: of the prediction interval. replicates: of the bootstrap. seed: of
    all randomness.

    Raises BadInput for a level outside (0, 1), LawError for missing, unknown or non-positive targets, and whatever
    ``fit`` raises.
    """
    if not 0 < level < 1:
        raise BadInput(f"level = {level} is not allowed: it must lie between 0 and 1, such as 0.9.")
    ensemble = _ensemble(runs, form, objective, replicates, seed)
    variables = complete_targets(ensemble.leading.form, targets)
    by_form = np.stack([evaluate(f.form, f.law.constants, _used(f.form, variables)) for f in ensemble.fits])
    with np.errstate(divide="ignore"):
        centre = np.asarray(ensemble.weights) @ np.log(by_form)
    draws = np.exp(_widened(ensemble, variables, centre, np.random.default_rng([seed, 1])))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=1)
    flops = variables["C"]
    extrapolation = flops / ensemble.runs.flops.max()
    notes = _notes(ensemble, extrapolation)
    return Forecast(variables, flops, np.exp(centre), low, high, level, extrapolation, draws, by_form, ensemble, notes)


def _ensemble(
    runs: Runs | Fit | Ensemble, form: str | Form, objective: str | Objective, replicates: int, seed: int
) -> Ensemble:
    if isinstance(runs, Ensemble):
        return runs
    if isinstance(runs, Fit):
        return single(runs)
    if form == AVERAGE:
        return fit_ensemble(runs, objective=objective, replicates=replicates, seed=seed)
    return single(fit_form(find_form(form), runs, objective=objective, replicates=replicates, seed=seed))


def _widened(ensemble: Ensemble, variables: Mapping[str, Array], centre: Array, rng: np.random.Generator) -> Array:
    """Draws of ln loss from the forms by their weights, shaped (targets, draws), spread about the centre by the
    widening."""
    total = max(len(next(iter(fitted.draws.values()))) for fitted in ensemble.fits) * NOISE_DRAWS
    parts = []
    for fitted, weight in zip(ensemble.fits, ensemble.weights, strict=True):
        drawn = predictive_log_draws(fitted, _used(fitted.form, variables), rng)
        parts.append(drawn[:, rng.integers(0, drawn.shape[1], max(1, round(weight * total)))])
    pooled = np.concatenate(parts, axis=1)
    return np.asarray(centre[:, None] + ensemble.widening * (pooled - centre[:, None]))


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


def _notes(ensemble: Ensemble, extrapolation: Array) -> tuple[str, ...]:
    notes = []
    leading = ensemble.leading
    if not leading.status.converged:
        notes.append(f"The leading fit is doubtful: {leading.status}")
    farthest = float(np.nanmax(extrapolation)) if np.isfinite(extrapolation).any() else np.nan
    if farthest > FAR and len(ensemble.fits) == 1:
        notes.append(
            f"The farthest target has {farthest:.3g} times the compute of the largest run. The interval holds what "
            f"parameters and noise add, not what another formula would say; --form {AVERAGE} adds that."
        )
    elif farthest > FAR:
        notes.append(
            f"The farthest target has {farthest:.3g} times the compute of the largest run, beyond what backtests on "
            "these runs can vouch for."
        )
    return tuple(notes)
