"""What to expect of a run not yet made: a loss with a prediction interval and how far past the data it reaches.

One formula alone says what its bootstrap and its residuals say. The average says what several formulas say together,
each with the surface that its residuals show, and is as wide as backtests on the same runs require. Its variance, in
ln loss, has four parts: noise (seed and evaluation, what differs between runs of one N and D), parameters, form, and
extrapolation (the surface's doubt, and the share of the promised improvement that backtests found wrong).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.errors import BadInput
from isoflop.fitting.fit import REPLICATES, Fit
from isoflop.fitting.fit import fit as fit_form
from isoflop.fitting.objectives import Objective
from isoflop.forecasting.averaging import Ensemble, fit_ensemble, single
from isoflop.forecasting.backtest import robust_variance, say_with_reach
from isoflop.forecasting.calibration import Calibration
from isoflop.forecasting.discrepancy import Surface
from isoflop.forecasting.draws import law_draws, predictive_log_draws, residual_noise
from isoflop.laws.catalogue import FORMS, find_form
from isoflop.laws.form import Form
from isoflop.laws.law import check_variables, evaluate
from isoflop.runs.table import Runs
from isoflop.units import format_ratio

Array = NDArray[np.float64]

FAR = 10.0
"""Extrapolation in compute beyond which the formula itself is in doubt: at 10 times, intervals from one formula that
promise 90 % held 22 to 70 % of public Chinchilla points (measured on the 240 points of Besiroglu et al. 2024)."""
AVERAGE = "average"
"""The name that asks for several forms, weighed by backtests."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """Predicted losses of one or more targets, arrays shaped (targets,).

    variables: symbol -> values, such as N and D. flops: C in FLOP. loss: the weighted geometric mean of what the forms
    say. low, high: prediction interval at ``level``. extrapolation: C over the largest C of the runs. draws:
    predictive draws (targets, draws). by_form: what each form says, shaped (forms, targets). ensemble: the fits with
    their weights. parts: standard deviations of ln loss by cause, each (targets,): noise, parameters, form,
    extrapolation; their squares add up to the variance but for the tails. own_variance: of ln loss by form and surface,
    before calibration, and reach: the fall of ln loss that is forecast beyond the largest compute of the runs, each
    (targets,); None for one fit taken at its word.
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
    parts: Mapping[str, Array] = field(default_factory=dict)
    own_variance: Array | None = None
    reach: Array | None = None

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
    assumed = _assumed(ensemble, targets)
    variables = complete_targets(ensemble.leading.form, {**targets, **assumed})
    extrapolation = variables["C"] / ensemble.runs.flops.max()
    rng = np.random.default_rng([seed, 1])
    spoken = (
        _alone(ensemble, variables, rng)
        if ensemble.calibration is None
        else _together(ensemble, ensemble.calibration, variables, extrapolation, rng)
    )
    draws = np.exp(spoken.draws)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return Forecast(
        variables,
        variables["C"],
        np.exp(spoken.centre),
        low,
        high,
        level,
        extrapolation,
        draws,
        np.exp(spoken.by_form),
        ensemble,
        (*_notes(ensemble, extrapolation), *(_DISTINCT for _ in assumed)),
        spoken.parts,
        spoken.own,
        spoken.reach,
    )


_DISTINCT = "The target's distinct tokens U are not given; all of its tokens are taken to be distinct."


def _assumed(ensemble: Ensemble, targets: Mapping[str, ArrayLike]) -> dict[str, ArrayLike]:
    """U = D for an average that needs U where the target gives N, D and C but for one, and no U."""
    if ensemble.calibration is None or "U" in targets or "U" not in ensemble.leading.form.inputs:
        return {}
    known = complete_targets(FORMS["chinchilla"], targets)
    return {"U": known["D"]}


@dataclass(frozen=True, eq=False)
class _Spoken:
    """In ln loss: centre (targets,), by_form (forms, targets), draws (targets, draws), parts, own variance, reach."""

    centre: Array
    by_form: Array
    draws: Array
    parts: Mapping[str, Array]
    own: Array | None = None
    reach: Array | None = None


MOST_DRAWS, LEAST_DRAWS = 10_000, 1_000
"""Predictive draws of a target, fewer where there are many targets: together at most 20 million."""


def _together(
    ensemble: Ensemble, calibration: Calibration, variables: Mapping[str, Array], ratio: Array, rng: np.random.Generator
) -> _Spoken:
    """All forms with their surfaces, as wide as backtests require."""
    surface = Surface(ensemble.runs)
    weights = np.asarray(ensemble.weights)
    said = [say_with_reach(fitted, _with_sizes(fitted.form, variables), ratio, surface) for fitted in ensemble.fits]
    by_form = np.stack([each.mean for each, _ in said])
    centre = weights @ by_form
    variances = {
        "form": weights @ np.square(by_form - centre),
        "surface": weights @ np.stack([each.surface for each, _ in said]),
    }
    reach = weights @ np.stack([far for _, far in said])
    count = int(np.clip(2e7 / len(centre), LEAST_DRAWS, MOST_DRAWS))
    own = np.sum(list(variances.values()), axis=0)
    noise = _noise([each.noise for each, _ in said], weights, (len(centre), count), rng)
    parameters = np.sqrt(weights @ np.stack([robust_variance(each.draws) for each, _ in said]))
    known = noise + parameters[:, None] * rng.standard_normal(noise.shape)
    draws = centre[:, None] + known + calibration.draw(own, reach, count, rng)
    parts = {
        "noise": np.full(len(centre), noise.std()),
        "parameters": parameters,
        **_parts(variances, reach, calibration),
    }
    return _Spoken(centre, by_form, draws, parts, own, reach)


def _noise(of_forms: list[Array], weights: Array, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Residual draws of the forms in proportion to their weights."""
    found = np.empty(shape)
    for row in found:
        taken = rng.multinomial(shape[1], weights)
        row[:] = rng.permutation(
            np.concatenate([rng.choice(each, many) for each, many in zip(of_forms, taken, strict=True)])
        )
    return found


def _parts(variances: Mapping[str, Array], reach: Array, calibration: Calibration) -> dict[str, Array]:
    wider = calibration.mean_square_widening
    drift = calibration.mean_square_drift * np.square(reach)
    return {
        "form": np.sqrt(wider * variances["form"]),
        "extrapolation": np.sqrt(wider * variances["surface"] + drift),
    }


def _with_sizes(form: Form, variables: Mapping[str, Array]) -> dict[str, Array]:
    """The form's variables, with N and D where they are known: a surface is a function of those."""
    return {name: values for name, values in variables.items() if name in form.inputs or name in ("N", "D", "U")}


def _alone(ensemble: Ensemble, variables: Mapping[str, Array], rng: np.random.Generator) -> _Spoken:
    """One fit at its word: its law, its replicates and its residuals."""
    fitted = ensemble.leading
    used = _used(fitted.form, variables)
    with np.errstate(divide="ignore"):
        centre = np.log(evaluate(fitted.form, fitted.law.constants, used))
    law, noise = np.log(law_draws(fitted, used)), residual_noise(fitted)
    parts = {"noise": np.full(len(centre), noise.std()), "parameters": np.sqrt(robust_variance(law))}
    return _Spoken(centre, centre[None, :], predictive_log_draws(fitted, used, rng), parts)


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
        remedy = (
            f"; --form {AVERAGE} adds that."
            if ensemble.calibration is None
            else f": {len(ensemble.runs)} runs carry one formula only. Train more runs that differ in size and data."
        )
        notes.append(
            f"The farthest target has {format_ratio(farthest)} times the compute of the largest run. The interval "
            f"holds what parameters and noise add, not what another formula would say{remedy}"
        )
    elif farthest > FAR:
        notes.append(
            f"The farthest target has {format_ratio(farthest)} times the compute of the largest run, beyond what "
            "backtests on these runs can vouch for."
        )
    return tuple(notes)
