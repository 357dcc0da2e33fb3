"""Which law describes a table: every shape that the roles of its variables allow, judged by how it extrapolates.

A trial is a shape, an objective and a way to treat groups:

    separate   each group is fitted on its own
    shared     one body for all groups, each with its own offset and factor
    pooled     groups are ignored

Where the question lies beyond the table, the best trials are tried again on the rows with the lower losses alone, as
the laws see them: tiny or barely trained models are often in another regime, and a law reaches further without them.

Trials are scored on splits that resemble the question (``forecasting.folds``). The best few are averaged, as many as
predict the held-out rows about as well as the best; the average is their median, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitFailure
from isoflop.fitting.objectives import Objective
from isoflop.forecasting.folds import Fold
from isoflop.forecasting.trials import STARTS, Fitted, Response, fit_table
from isoflop.laws.catalogue.tabular import Shape
from isoflop.laws.roles import Part

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Mode = Literal["separate", "shared", "pooled"]

AVERAGED = (1, 3, 5)
"""Numbers of trials that are tried as an average."""
NEARLY = 1.15
"""A larger average is taken unless its score is worse by more than this factor: the best of many trials on a few
held-out rows is partly luck, and the median of five seldom is."""
WITHIN = 1.5
"""Trials whose score is worse than the best by more than this factor are averaged with nothing."""
ALIKE = 0.1
"""Two trials whose held-out predictions differ by less than this share of their error count as one."""
NEAREST = (0.75, 0.5)
"""Shares of the rows, those with the lowest fitted losses, on which the best trials are tried again."""
FINALISTS = 6
"""Trials, and at least a third of all, that are tried with further objectives."""
PARSIMONY = 0.01
"""What each parameter of a shape adds to its score, as a share of it (chosen): of two alike the simpler is taken."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table as a search sees them. variables: symbol -> values (n,). groups: label of each row."""

    variables: Mapping[str, Array]
    parts: tuple[Part, ...]
    groups: NDArray[np.object_]

    @property
    def labels(self) -> tuple[str, ...]:
        """The groups, in order of appearance."""
        return tuple(dict.fromkeys(self.groups.tolist()))

    def take(self, mask: Mask) -> Rows:
        return Rows({name: values[mask] for name, values in self.variables.items()}, self.parts, self.groups[mask])

    def marks(self, labels: Sequence[str]) -> dict[str, Array]:
        """Variables that are 1 in their group and 0 elsewhere: in_1, in_2 and so on."""
        return {f"in_{i + 1}": (self.groups == label).astype(float) for i, label in enumerate(labels)}


@dataclass(frozen=True, eq=False)
class Trial:
    """One way to predict. fits: by group, or under "" for all. share: of the rows, from the lowest loss, that were
    fitted. held: predictions of each fold's held-out rows. score: geometric mean over the folds of the error in
    held-out rows, in units of the target; lower is better."""

    shape: Shape
    mode: Mode
    objective: Objective
    labels: tuple[str, ...]
    fits: Mapping[str, Fitted]
    share: float = 1.0
    held: tuple[Array, ...] = ()
    score: float = np.inf

    @property
    def name(self) -> str:
        words = [self.shape.name]
        words += [self.mode] if len(self.labels) > 1 else []
        words += [f"lower {self.share:.0%}"] if self.share < 1 else []
        return ", ".join(words)

    @property
    def size(self) -> int:
        """Parameters of all its fits."""
        return sum(len(fitted.form.parameters) for fitted in self.fits.values())

    def predict(self, rows: Rows, fold: int | None = None) -> Array:
        """The target for each row, NaN in a group that was not fitted. fold: from that fold's constants."""
        variables = {**rows.variables, **(rows.marks(self.labels) if self.mode == "shared" else {})}
        if self.mode != "separate":
            return _predicted(self.fits[""], variables, fold)
        result = np.full(len(rows.groups), np.nan)
        for label, fitted in self.fits.items():
            mine = rows.groups == label
            if mine.any():
                result[mine] = _predicted(fitted, {n: v[mine] for n, v in variables.items()}, fold)
        return result


def _predicted(fitted: Fitted, variables: Mapping[str, Array], fold: int | None) -> Array:
    working = None if fold is None else fitted.folds[[fold]]
    return np.asarray(fitted.predict(variables, working)[0])


@dataclass(frozen=True, eq=False)
class Choice:
    """members: the trials whose median, row by row, is the forecast. trials: all, best first. score: of the average.
    errors: target − prediction of every member on the held-out rows of every fold, in one array: those of the average
    are smaller, but the members were picked for being small there, which the next rows do not know."""

    members: tuple[Trial, ...]
    trials: tuple[Trial, ...]
    folds: tuple[Fold, ...]
    score: float
    errors: Array

    def predict(self, rows: Rows) -> Array:
        return pooled([trial.predict(rows) for trial in self.members])


def pooled(predictions: Sequence[Array]) -> Array:
    """The median of predictions, each (n,), which one wild member cannot move; those that are not finite are left out.
    NaN where none is finite."""
    stacked = np.stack(predictions)
    usable = np.where(np.isfinite(stacked), stacked, np.nan)
    result = np.full(stacked.shape[1], np.nan)
    known = np.isfinite(usable).any(axis=0)
    result[known] = np.nanmedian(usable[:, known], axis=0)
    return result


def search(
    rows: Rows,
    target: Array,
    shapes_of: Mapping[Mode, Sequence[Shape]],
    folds: Sequence[Fold],
    *,
    objectives: Sequence[Objective] | None = None,
    beyond: bool = True,
    starts: int = STARTS,
    seed: int = 0,
) -> Choice:
    """Try every shape in every mode with every objective, and choose the members of an average.

    rows, target: what was seen. shapes_of: the shapes for each mode. folds: see ``make_folds``; without any, the
    simplest shape is taken. beyond: whether the question may lie beyond the table. Raises FitFailure when nothing
    could be fitted.
    """
    first, *others = objectives or Response.of(target).objectives
    bench = _Bench(rows, target, tuple(folds), starts, seed)
    found = (bench.run(shape, mode, first) for mode, shapes in shapes_of.items() for shape in shapes)
    trials = sorted((trial for trial in found if trial is not None), key=lambda trial: trial.score)
    promising = trials[: max(FINALISTS, len(trials) // 3)]
    again = (bench.run(trial.shape, trial.mode, other) for other in others for trial in promising)
    trials += [trial for trial in again if trial is not None]
    best = sorted(trials, key=lambda trial: trial.score)[:FINALISTS]
    best = best if beyond and any(fold.end for fold in folds) else []  # inside it every row is near the question
    nearest = (bench.run(t.shape, t.mode, t.objective, share, t.predict(rows)) for t in best for share in NEAREST)
    trials += [trial for trial in nearest if trial is not None]
    if not trials:
        raise FitFailure(f"No law could be fitted to {len(target)} rows. Give more rows, or a formula with --form.")
    ranked = tuple(sorted(trials, key=lambda trial: (trial.score, trial.size)))
    return _average(ranked, tuple(folds), target)


@dataclass(frozen=True, eq=False)
class _Bench:
    """What all trials share."""

    rows: Rows
    target: Array
    folds: tuple[Fold, ...]
    starts: int
    seed: int

    def run(
        self, shape: Shape, mode: Mode, objective: Objective, share: float = 1.0, fitted: Array | None = None
    ) -> Trial | None:
        """None where a group has too few rows for the shape or nothing finite comes out. fitted: losses by which the
        lower share of the rows, in each group, is found."""
        labels = self.rows.labels
        kept = np.ones(len(self.target), dtype=bool) if fitted is None else self._lower(fitted, share)
        try:
            if mode == "separate":
                fits = {label: self._fit(shape, mode, objective, kept, label) for label in labels}
            else:
                fits = {"": self._fit(shape, mode, objective, kept)}
        except (FitFailure, np.linalg.LinAlgError):
            return None
        trial = Trial(shape, mode, objective, labels, fits, share)
        held = tuple(trial.predict(self.rows.take(fold.held), i) for i, fold in enumerate(self.folds))
        score = _score(held, [self.target[fold.held] for fold in self.folds], self.folds) * (1 + PARSIMONY * shape.size)
        return replace(trial, held=held, score=score)

    def _lower(self, fitted: Array, share: float) -> Mask:
        kept = np.zeros(len(fitted), dtype=bool)
        for label in self.rows.labels:
            mine = self.rows.groups == label
            kept[mine] = fitted[mine] <= np.quantile(fitted[mine], share)
        return kept

    def _fit(self, shape: Shape, mode: Mode, objective: Objective, kept: Mask, label: str = "") -> Fitted:
        mine = self.rows.groups == label if label else np.ones(len(self.target), dtype=bool)
        rows, kept = self.rows.take(mine), kept[mine]
        marks = rows.marks(self.rows.labels) if mode == "shared" else {}
        form = shape.shared_form(rows.parts, tuple(marks)) if marks else shape.form(rows.parts)
        masks = tuple(fold.fitted[mine] for fold in self.folds)
        _enough(len(form.parameters), [mask & kept for mask in (*masks, kept)])
        return fit_table(
            form,
            {**rows.variables, **marks},
            Response.of(self.target[mine]),
            objective,
            masks,
            kept=kept,
            starts=self.starts,
            seed=self.seed,
        )


def _enough(parameters: int, masks: Sequence[Mask]) -> None:
    fewest = min(int(mask.sum()) for mask in masks)
    if fewest < parameters + 1:
        raise FitFailure(f"{fewest} rows for {parameters} parameters.")


def _score(held: Sequence[Array], measured: Sequence[Array], folds: Sequence[Fold]) -> float:
    """Geometric mean over splits of the geometric mean of rms and mean absolute error.

    Ends of the table reach differently far, so their errors differ in size; a geometric mean lets each have its say.
    Parts of one split by cells are alike and count as one. The mean absolute error beside the rms keeps single odd
    rows, which no law predicts, from deciding. Infinite where a prediction is not finite, zero without folds.
    """
    errors = [predicted - seen for predicted, seen in zip(held, measured, strict=True)]
    ends = [error for error, fold in zip(errors, folds, strict=True) if fold.end]
    cells = [error for error, fold in zip(errors, folds, strict=True) if not fold.end]
    splits = [*ends, np.concatenate(cells)] if cells else ends
    if not all(np.isfinite(error).all() for error in splits):
        return float("inf")
    sizes = [size for error in splits for size in (np.sqrt(np.mean(error**2)), np.mean(np.abs(error)))]
    return float(np.exp(np.mean(np.log(np.maximum(sizes, 1e-12))))) if sizes else 0.0


def _average(ranked: tuple[Trial, ...], folds: tuple[Fold, ...], target: Array) -> Choice:
    measured = [target[fold.held] for fold in folds]
    usable = [trial for trial in ranked if trial.score <= WITHIN * ranked[0].score] or list(ranked[:1])
    members, score = tuple(usable[:1]), usable[0].score
    best = score
    for count in AVERAGED[1:] if folds else ():
        chosen = _different(usable, count)
        if len(chosen) == len(members):
            break
        held = [pooled([trial.held[i] for trial in chosen]) for i in range(len(folds))]
        found = _score(held, measured, folds)
        if found <= min(best, score) * NEARLY:
            members, score, best = chosen, found, min(best, found)
    errors = [m - trial.held[i] for i, m in enumerate(measured) for trial in members]
    return Choice(members, ranked, folds, score, np.concatenate(errors) if errors else np.zeros(0))


def _different(trials: Sequence[Trial], count: int) -> tuple[Trial, ...]:
    """The best trials that say different things: shapes nest, and then two trials are one law under two names."""
    chosen: list[Trial] = []
    for trial in trials:
        if len(chosen) == count:
            break
        if all(_apart(trial, other) for other in chosen):
            chosen.append(trial)
    return tuple(chosen)


def _apart(one: Trial, other: Trial) -> bool:
    if (one.shape.name, one.mode, one.share) == (other.shape.name, other.mode, other.share):
        return False
    gap = np.concatenate(one.held) - np.concatenate(other.held)
    return float(np.sqrt(np.mean(gap**2))) > ALIKE * other.score
