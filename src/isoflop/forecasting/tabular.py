"""Forecasts from tables of any variables: MoE, vocabularies, mixtures, learning rates, groups of runs.

    forecast_table(table, asked, target="loss", group="group")

finds out what the columns stand for, chooses laws by how they extrapolate towards the asked rows, and forecasts those
with prediction intervals. The interval joins the spread of bootstrap replicates of every chosen law with the errors
that their average made on held-out rows, taken with both signs: those hold seed noise, the choice of formula and the
reach of the extrapolation together, as far as the runs can show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import BadInput, LawError, did_you_mean
from isoflop.fitting.objectives import Objective, find_objective
from isoflop.forecasting.folds import make_folds, reaches_beyond
from isoflop.forecasting.search import Choice, Mode, Rows, Trial, search
from isoflop.forecasting.trials import STARTS
from isoflop.forecasting.variables import find_parts, rows_of
from isoflop.laws.catalogue import FORMS, find_form
from isoflop.laws.catalogue.tabular import Shape, shapes
from isoflop.laws.form import Form
from isoflop.laws.roles import Part
from isoflop.runs.tabular import Table

Array = NDArray[np.float64]

AUTO = "auto"
"""The name that asks for a search."""
REPLICATES = 60
NOISE_DRAWS = 40
"""Draws of the held-out errors around each replicate."""
UNTESTED = 3.0
"""Factor on the held-out errors where the asked rows lie beyond the table and no end of it could be held out (chosen:
on two public tables of that kind 24 and 50 % of the rows lay inside intervals for 90 % without it)."""
OWN_SHARES = 2
"""Shares of a mixture that are tried as the one a target depends on most; held-out rows choose between them."""
WILD = 4.0
"""Replicates further from their median than this many interquartile ranges are drawn in to there: a refit that ran
away tells of the solver, not of the law."""


@dataclass(frozen=True, eq=False)
class TableForecast:
    """Forecast rows, arrays shaped (rows,). choice: the laws and their held-out errors. rows: what was asked about.
    fitted_rows: how many rows were fitted. extrapolation: for each variable that is beyond the runs somewhere, how
    many times its largest value. notes: what a reader must know."""

    target: str
    rows: Rows
    value: Array
    low: Array
    high: Array
    level: float
    choice: Choice
    fitted_rows: int
    extrapolation: Mapping[str, Array]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, slots=True)
class TableScores:
    """Against measured values. r2: 1 − SS_res/SS_tot over all rows; by_group: the same for each group."""

    n_targets: int
    r2: float
    by_group: Mapping[str, float]
    rmse: float
    median_abs_rel_error: float
    bias: float
    coverage: float
    level: float


def forecast_table(
    table: Table,
    asked: Table | None,
    *,
    target: str,
    group: str | None = None,
    form: str | Form = AUTO,
    variables: Mapping[str, str] | None = None,
    objective: str | Objective | None = None,
    level: float = 0.9,
    replicates: int = REPLICATES,
    starts: int = STARTS,
    seed: int = 0,
) -> TableForecast:
    """Forecast a target column for the asked rows from the rows of a table.

    asked: rows to forecast; None forecasts the table's own rows. group: column of separate experiments. form: "auto"
    searches; else a form of the catalogue by name, a formula in the variables' symbols, or a Form. variables:
    {symbol: column}; where none are named they are found among the number columns. objective: None lets the search
    choose. level: of the prediction interval.

    Raises BadInput, RunsError and LawError for what cannot be used, FitFailure when nothing can be fitted.
    """
    if not 0 < level < 1:
        raise BadInput(f"level = {level} is not allowed: it must lie between 0 and 1, such as 0.9.")
    named = variables or _named_by(form, table)
    parts, notes = find_parts(table, asked, target, group, named)
    seen = rows_of(table, parts, group)
    wanted = seen if asked is None else rows_of(asked, parts, group)
    measured = table.numbers(target)
    folds = make_folds(seen.variables, parts, None if asked is None else wanted.variables, seed=seed)
    modes, mode_notes = _modes(seen, wanted)
    if form == AUTO:
        shapes_of = {mode: _found_shapes(_parts_for(mode, seen), seen, measured) for mode in modes}
    else:
        shapes_of = dict.fromkeys(modes, (custom_shape(form, parts),))
    chosen = search(
        seen,
        measured,
        shapes_of,
        folds,
        objectives=_objectives(objective, measured, target),
        beyond=asked is not None,
        starts=starts,
        seed=seed,
    )
    value = chosen.predict(wanted)
    low, high = _interval(chosen, seen, measured, wanted, value, level, replicates, seed)
    return TableForecast(
        target=target,
        rows=wanted,
        value=value,
        low=low,
        high=high,
        level=level,
        choice=chosen,
        fitted_rows=len(measured),
        extrapolation=_extrapolation(seen, wanted),
        notes=(*notes, *mode_notes, *_said(chosen, measured), *_unheld(chosen, seen, wanted)),
    )


def score_table(made: TableForecast, measured: Array) -> TableScores:
    """Score a forecast against measured values (rows,), NaN where a row has none."""
    known = np.isfinite(measured)
    seen, value = measured[known], made.value[known]
    groups = made.rows.groups[known]
    relative = value / seen - 1
    inside = (made.low[known] <= seen) & (seen <= made.high[known])
    return TableScores(
        n_targets=int(known.sum()),
        r2=r_squared(seen, value),
        by_group={label: r_squared(seen[groups == label], value[groups == label]) for label in dict.fromkeys(groups)},
        rmse=float(np.sqrt(np.mean((value - seen) ** 2))),
        median_abs_rel_error=float(np.median(np.abs(relative))),
        bias=float(np.median(relative)),
        coverage=float(np.mean(inside)),
        level=made.level,
    )


def r_squared(measured: Array, predicted: Array) -> float:
    """1 − SS_res/SS_tot; NaN where all measured values are equal."""
    total = float(np.sum((measured - measured.mean()) ** 2)) if len(measured) else 0.0
    return 1 - float(np.sum((measured - predicted) ** 2)) / total if total > 0 else float("nan")


# what is tried


def _modes(seen: Rows, wanted: Rows) -> tuple[tuple[Mode, ...], tuple[str, ...]]:
    unseen = sorted(set(wanted.labels) - set(seen.labels))
    if len(seen.labels) == 1 and not unseen:
        return ("pooled",), ()
    if unseen:
        return ("pooled",), (f"The group {', '.join(unseen)} has no row to be fitted on, so groups are ignored.",)
    return ("separate", "shared", "pooled"), ()


def _parts_for(mode: Mode, seen: Rows) -> tuple[Part, ...]:
    """For laws of one group each, the variables that vary inside some group."""
    if mode == "pooled":
        return seen.parts

    def varies(values: Array) -> bool:
        return any(len(np.unique(values[seen.groups == label])) > 1 for label in seen.labels)

    return tuple(part for part in seen.parts if varies(seen.variables[part.symbol]))


def _found_shapes(parts: tuple[Part, ...], seen: Rows, measured: Array) -> tuple[Shape, ...]:
    return shapes(parts, _own_shares(parts, seen, measured)) if parts else ()


def _objectives(wanted: str | Objective | None, measured: Array, target: str) -> tuple[Objective, ...] | None:
    if wanted is None or wanted == AUTO:
        return None
    objective = find_objective(wanted)
    if objective.space == "log" and measured.min() <= 0:
        raise BadInput(
            f"{objective.name} takes the logarithm of {target}, which reaches {measured.min():.4g}. Allowed there: "
            "least_squares. Give that, or leave the objective out."
        )
    return (objective,)


def _own_shares(parts: tuple[Part, ...], seen: Rows, measured: Array) -> tuple[str, ...]:
    """The shares with the strongest rank correlation with the target (Spearman 1904) beside what the groups explain."""
    within = measured.astype(float).copy()
    for label in seen.labels:
        within[seen.groups == label] -= within[seen.groups == label].mean()
    strength = {
        p.symbol: abs(np.corrcoef(_ranks(seen.variables[p.symbol]), _ranks(within))[0, 1])
        for p in parts
        if p.role == "share"
    }
    return tuple(sorted(strength, key=lambda symbol: -strength[symbol])[:OWN_SHARES])


def _ranks(values: Array) -> Array:
    """Ranks of values (n,), equal values sharing theirs."""
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=float).ravel()


def _named_by(form: str | Form, table: Table) -> dict[str, str] | None:
    """The columns that a form of the catalogue expects, where the table has them all."""
    known = FORMS.get(form) if isinstance(form, str) else form
    if known is None or not all(column in table.frame.columns for column in known.columns.values()):
        return None
    return known.columns


def custom_shape(form: str | Form, parts: tuple[Part, ...]) -> Shape:
    """A form of the caller's as a shape of these variables: a name of the catalogue, a formula or a Form.

    Raises LawError for an unknown name and where it names a variable that the table lacks, FormulaError for a
    malformed formula.
    """
    known = {part.symbol for part in parts}
    variables = tuple(part.variable for part in parts)
    if isinstance(form, str) and (form in FORMS or form.isidentifier()):
        form = find_form(form)
    if isinstance(form, str):
        again = Form(form, variables=variables)
        name, missing = form, [symbol for symbol in again.inputs if symbol not in known]
    else:
        missing = [symbol for symbol in form.inputs if symbol not in known]
        again = form if missing else Form(form.formula, form.name, form.parameters, variables)
        name = form.formula if form.name == "custom" else form.name
    if missing:
        raise LawError(
            f"'{again.formula}' needs {missing[0]}, but the variables are {', '.join(sorted(known))}."
            f"{did_you_mean(missing[0], known)} Name its column with --variable {missing[0]}=COLUMN."
        )
    return Shape(name, again.formula, again.parameters, offset=False)


# intervals


def _interval(
    chosen: Choice,
    seen: Rows,
    measured: Array,
    wanted: Rows,
    value: Array,
    level: float,
    replicates: int,
    seed: int,
) -> tuple[Array, Array]:
    """Prediction interval (rows,), (rows,) at the level."""
    rng = np.random.default_rng([seed, 1])
    errors = chosen.errors if len(chosen.errors) else measured - chosen.predict(seen)
    errors = errors[np.isfinite(errors)]
    untested = reaches_beyond(chosen.folds, seen.variables, wanted.variables)
    noise = np.concatenate([errors, -errors]) * (UNTESTED if untested else 1.0)
    laws = np.concatenate([_replicates(trial, wanted, replicates, rng) for trial in chosen.members])
    laws = np.where(np.isfinite(laws), laws, value)
    low, middle, high = np.quantile(laws, [0.25, 0.5, 0.75], axis=0)
    spread = np.clip(laws - middle, -WILD * (high - low), WILD * (high - low))
    draws = np.repeat(value + spread, NOISE_DRAWS, axis=0)
    draws = draws + rng.choice(noise, draws.shape)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _replicates(trial: Trial, wanted: Rows, count: int, rng: np.random.Generator) -> Array:
    """Predictions of bootstrap replicates, (count, rows); the estimate itself where count is zero."""
    if count == 0:
        return trial.predict(wanted)[None, :]
    variables = {**wanted.variables, **(wanted.marks(trial.labels) if trial.mode == "shared" else {})}
    if trial.mode != "separate":
        fitted = trial.fits[""]
        return fitted.predict(variables, fitted.replicates(count, rng))
    result = np.full((count, len(wanted.groups)), np.nan)
    for label, fitted in trial.fits.items():
        mine = wanted.groups == label
        if mine.any():
            own = {name: values[mine] for name, values in variables.items()}
            result[:, mine] = fitted.predict(own, fitted.replicates(count, rng))
    return result


# what is said


def _extrapolation(seen: Rows, wanted: Rows) -> dict[str, Array]:
    reach = {name: wanted.variables[name] / values.max() for name, values in seen.variables.items()}
    return {name: ratio for name, ratio in reach.items() if (ratio > 1.001).any()}


def _said(chosen: Choice, measured: Array) -> tuple[str, ...]:
    notes = []
    if measured.min() <= 0:
        notes.append(
            f"The target reaches {measured.min():.4g}, so residuals of the target itself are minimised, not of its "
            "logarithm."
        )
    if chosen.folds:
        held = "; ".join(fold.why for fold in chosen.folds)
        notes.append(
            f"{len(chosen.trials)} candidates were scored on held-out rows ({held}); the average of "
            f"{len(chosen.members)} has an error of {chosen.score:.4g} there."
        )
    else:
        notes.append("Too few rows to hold any out: the law was not tested, and the interval shows its residuals only.")
    return tuple(notes)


def _unheld(chosen: Choice, seen: Rows, wanted: Rows) -> tuple[str, ...]:
    if not reaches_beyond(chosen.folds, seen.variables, wanted.variables):
        return ()
    said = (
        "Most asked rows lie beyond the table along a variable with too few levels to hold an end out: how the laws "
        f"extrapolate is not known, and the interval is {UNTESTED:g} times what rows inside the table show. Add rows "
        "with other values."
    )
    return (said,)
