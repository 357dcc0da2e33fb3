"""How the best learning rate and the best batch change with size and data: power laws through the cells of a sweep.

    ln lr*(N, D)    = ln k + p ln N + q ln D        Step Law: Li et al. 2025, arXiv:2503.04715
    ln lr*(C)       = ln k + q ln C                 DeepSeek LLM 2024, arXiv:2401.02954
    ln lr*          = ln k                          what a transfer rule such as muP promises for the width

and likewise for the batch. The cells' lowest points have errors of their own and, since no law is exact, scatter about
it as well: a random-effects regression with weights 1/(var_i + tau²), tau² by the method of moments (DerSimonian &
Laird 1986, with covariates: Thompson & Sharp 1999, eq. 6), and intervals by Student's t with the covariance scaled to
the weighted residuals (Knapp & Hartung 2003), which keeps its promise with few cells.

Which of the laws: the one that foretells best each cell that is left out, unless one with fewer constants is within
one standard error of it (Breiman et al. 1984, section 3.4.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from isoflop.errors import BadInput, FitFailure
from isoflop.fitting.fit import Estimate
from isoflop.fitting.sweep_cells import AXES, REACH, Cell, Cells, sweep_cells
from isoflop.laws.catalogue import FORMS
from isoflop.laws.law import Law
from isoflop.runs.table import Runs

Array = NDArray[np.float64]
Kind = Literal["constant", "params", "tokens", "params_tokens", "flops"]

KINDS: dict[str, tuple[str, ...]] = {
    "constant": (),
    "params": ("N",),
    "tokens": ("D",),
    "flops": ("C",),
    "params_tokens": ("N", "D"),
}
"""The laws that are tried, fewest constants first: the variables of each."""
SYMBOLS = {"lr": "lr*", "batch_tokens": "B*"}
LEAST_SPAN = 2.0
"""Largest over smallest value of a variable below which no exponent of it is tried (chosen)."""


@dataclass(frozen=True, eq=False)
class SweepLaw:
    """The best rate, or batch, as a power law.

    what: ``lr`` or ``batch_tokens``. kind: which law. coefficient, exponents: with intervals at ``level``; they are so
    correlated that only ``at`` should be used to predict. scatter: tau, of the cells about the law, in ln. left_out:
    root mean square error, in ln, of cells left out. tried: that error of every law that could be tried. covariance:
    of (ln k, exponents). status: ``identified``, or ``doubtful`` with the reasons in ``notes``. span: smallest and
    largest value of N and of D among the cells.
    """

    what: str
    kind: str
    coefficient: Estimate
    exponents: Mapping[str, Estimate]
    covariance: Array
    freedom: int
    scatter: float
    left_out: float
    tried: Mapping[str, float]
    span: Mapping[str, tuple[float, float]]
    level: float
    status: Literal["identified", "doubtful"]
    notes: tuple[str, ...]

    def at(self, params: float, tokens: float) -> Estimate:
        """The best value for a run of N = params and D = tokens, with the interval for one more cell."""
        row = _row(tuple(self.exponents), params, tokens)
        line = np.array([np.log(self.coefficient.value), *(e.value for e in self.exponents.values())])
        error = float(np.sqrt(row @ self.covariance @ row + self.scatter**2))
        middle, reach = float(row @ line), _quantile(self.level, self.freedom) * error
        return Estimate(*(float(np.exp(middle + sign * reach)) for sign in (0, -1, 1)))

    @property
    def formula(self) -> str:
        """As a line of text."""
        powers = [f"{symbol}^{estimate.value:.3f}" for symbol, estimate in self.exponents.items()]
        return f"{SYMBOLS[self.what]} = {' '.join([f'{self.coefficient.value:.4g}', *powers])}"

    def law(self) -> Law | None:
        """As a law of the catalogue (lr_size_data, lr_compute, batch_data, batch_compute); None where it has none."""
        k, powers = self.coefficient.value, {name: estimate.value for name, estimate in self.exponents.items()}
        if self.kind == "flops":
            form = FORMS["lr_compute" if self.what == "lr" else "batch_compute"]
            return Law(form, {"k": k, "q": powers["C"]}, params_convention="total")
        if self.what == "lr":
            return Law(FORMS["lr_size_data"], {"k": k, "p": powers.get("N", 0.0), "q": powers.get("D", 0.0)})
        return None if "N" in powers else Law(FORMS["batch_data"], {"k": k, "q": powers.get("D", 0.0)})


@dataclass(frozen=True, eq=False)
class Sweep:
    """lr, batch_tokens: the chosen laws; the batch None where it was not swept. cells: what they go through."""

    lr: SweepLaw
    batch_tokens: SweepLaw | None
    cells: Cells
    notes: tuple[str, ...]


def sweep_law(runs: Runs, *, kind: Kind | None = None, reach: float = REACH, level: float = 0.9) -> Sweep:
    """Find the best learning rate and batch of every size and amount of data in ``runs``, and the laws through them.

    runs: columns params, tokens, lr, loss, and batch_tokens where it was swept. kind: the law, for both; by default
    chosen for each. reach: factor from a cell's lowest run beyond which runs are left out. level: of the intervals.

    Cells without an interior lowest point are refused by name and the others used. Raises RunsError for a table
    without a sweep, BadInput for arguments out of range, FitFailure where fewer than two cells have a lowest point.
    """
    if not 0 < level < 1 or not reach > 1:
        raise BadInput(f"level = {level}, reach = {reach}: level must lie between 0 and 1, and reach be above 1.")
    if kind is not None and kind not in KINDS:
        raise BadInput(f"Unknown law {kind!r}. Known: {', '.join(KINDS)}.")
    cells = sweep_cells(runs, reach)
    if len(cells.used) < 2:
        why = " ".join(f"{_named(cell)}: {cell.refused}." for cell in cells.refused[:5])
        raise FitFailure(
            f"{len(cells.used)} of {len(cells.used) + len(cells.refused)} settings of size and data have a best "
            f"learning rate inside their runs; a law needs two. {why}"
        )
    with_batch = [cell for cell in cells.used if np.isfinite(cell.batch_tokens)]
    lr = _chosen("lr", cells.used, kind, level)
    batch = _chosen("batch_tokens", with_batch, kind, level) if len(with_batch) >= 2 else None
    return Sweep(lr, batch, cells, _notes(cells))


def _chosen(what: str, cells: Sequence[Cell], kind: str | None, level: float) -> SweepLaw:
    axis = AXES.index(what)
    y = np.log([cell.lr if axis == 0 else cell.batch_tokens for cell in cells])
    variance = np.array([cell.covariance[axis, axis] for cell in cells])
    possible = [name for name in KINDS if _possible(KINDS[name], cells)]
    errors = {name: _errors_left_out(_design(KINDS[name], cells), y, variance) for name in possible}
    tried = {name: float(np.sqrt(np.mean(each**2))) for name, each in errors.items() if len(each)}
    if kind is not None and kind not in possible:
        raise FitFailure(
            f"A law of {kind} cannot be laid through {len(cells)} best values of {what}: it has "
            f"{len(KINDS[kind]) + 1} constants, and its variables must vary by a factor of {LEAST_SPAN:g} or more."
        )
    name = kind or (_simplest({k: errors[k] for k in tried}) if tried else "constant")
    return _law(what, name, cells, y, variance, tried, level)


def _possible(symbols: tuple[str, ...], cells: Sequence[Cell]) -> bool:
    design = _design(symbols, cells)
    spread = np.ptp(design[:, 1:], axis=0) >= np.log(LEAST_SPAN)
    return len(cells) > len(symbols) and bool(spread.all()) and np.linalg.matrix_rank(design) == design.shape[1]


def _simplest(errors: Mapping[str, Array]) -> str:
    """The first law, fewest constants first, whose squared error is within one standard error of the best law's."""
    mean = {name: float(np.mean(each**2)) for name, each in errors.items()}
    best = min(mean, key=lambda name: mean[name])
    allowed = mean[best] + float(np.std(errors[best] ** 2, ddof=1) / np.sqrt(len(errors[best])))
    ordered = [name for name in mean if len(KINDS[name]) < len(KINDS[best]) and mean[name] <= allowed]
    return min(ordered, key=lambda name: (len(KINDS[name]), mean[name]), default=best)


def _errors_left_out(design: Array, y: Array, variance: Array) -> Array:
    """ln foretold − ln found of each cell by the law through the others, (cells,); empty where they are too few."""
    count, constants = design.shape
    if count <= constants + 1:
        return np.empty(0)
    errors = np.full(count, np.nan)
    for i in range(count):
        rest = np.arange(count) != i
        if np.linalg.matrix_rank(design[rest]) == constants:
            errors[i] = design[i] @ _regress(design[rest], y[rest], variance[rest])[0] - y[i]
    return errors if np.isfinite(errors).all() else np.empty(0)


def _regress(design: Array, y: Array, variance: Array) -> tuple[Array, Array, float]:
    """Random-effects regression: (coefficients, their covariance by Knapp & Hartung, tau)."""
    count, constants = design.shape
    weight = 1 / variance
    normal = design.T @ (weight[:, None] * design)
    fixed = np.linalg.solve(normal, design.T @ (weight * y))
    heterogeneity = float(np.sum(weight * (y - design @ fixed) ** 2))
    squared = design.T @ (weight[:, None] ** 2 * design)
    scale = float(weight.sum() - np.trace(np.linalg.solve(normal, squared)))
    tau2 = max(0.0, (heterogeneity - (count - constants)) / scale) if scale > 0 else 0.0
    weight = 1 / (variance + tau2)
    covariance: Array = np.asarray(np.linalg.inv(design.T @ (weight[:, None] * design)), dtype=float)
    line = covariance @ design.T @ (weight * y)
    if count > constants:
        misfit = float(np.sum(weight * (y - design @ line) ** 2)) / (count - constants)
        covariance = covariance * max(1.0, misfit)
    return line, covariance, float(np.sqrt(tau2))


def _law(
    what: str, name: str, cells: Sequence[Cell], y: Array, variance: Array, tried: Mapping[str, float], level: float
) -> SweepLaw:
    symbols = KINDS[name]
    line, covariance, scatter = _regress(_design(symbols, cells), y, variance)
    freedom = len(cells) - len(line)
    reach = _quantile(level, freedom) * np.sqrt(np.diag(covariance))
    bounds = [Estimate(float(b), float(b - r), float(b + r)) for b, r in zip(line, reach, strict=True)]
    notes = _doubts(what, name, cells, tried, freedom, scatter)
    return SweepLaw(
        what=what,
        kind=name,
        coefficient=Estimate(*(float(np.exp(v)) for v in (bounds[0].value, bounds[0].low, bounds[0].high))),
        exponents=dict(zip(symbols, bounds[1:], strict=True)),
        covariance=covariance,
        freedom=freedom,
        scatter=scatter,
        left_out=tried.get(name, np.nan),
        tried=tried,
        span={
            "N": (min(cell.params for cell in cells), max(cell.params for cell in cells)),
            "D": (min(cell.tokens for cell in cells), max(cell.tokens for cell in cells)),
        },
        level=level,
        status="doubtful" if notes else "identified",
        notes=notes,
    )


def _doubts(
    what: str, name: str, cells: Sequence[Cell], tried: Mapping[str, float], freedom: int, scatter: float
) -> tuple[str, ...]:
    notes = []
    if freedom < 2:
        notes.append(
            f"{len(cells)} best values of {what} carry {len(cells) - freedom} constants: nothing is left to check the "
            f"law by. Sweep more sizes or amounts of data."
        )
    if name not in tried:
        notes.append(f"No value of {what} could be left out to judge the law of {name}; it was not chosen by the data.")
    if scatter > np.log(2):
        notes.append(f"The best {what} scatters about the law by a factor of {np.exp(scatter):.2g}.")
    return tuple(notes)


def _design(symbols: tuple[str, ...], cells: Sequence[Cell]) -> Array:
    return np.stack([_row(symbols, cell.params, cell.tokens) for cell in cells])


def _row(symbols: tuple[str, ...], params: float, tokens: float) -> Array:
    """1 and the logarithm of each variable; C is 6ND."""
    logs = {"N": np.log(params), "D": np.log(tokens), "C": np.log(6 * params * tokens)}
    return np.array([1.0, *(logs[symbol] for symbol in symbols)])


def _quantile(level: float, freedom: int) -> float:
    """Of Student's t; of the normal law where there is no freedom, as the notes then say."""
    return float(stats.t.ppf((1 + level) / 2, freedom) if freedom else stats.norm.ppf((1 + level) / 2))


def _named(cell: Cell) -> str:
    return f"N = {cell.params:.3g}, D = {cell.tokens:.3g}"


def _notes(cells: Cells) -> tuple[str, ...]:
    notes = [f"No best value at {_named(cell)}: {cell.refused}." for cell in cells.refused]
    if cells.left_out:
        notes.append(
            f"{len(cells.left_out)} runs were left out: without a finite loss, or in a setting swept too little."
        )
    return tuple(notes)
