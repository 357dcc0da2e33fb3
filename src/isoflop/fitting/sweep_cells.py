"""The best learning rate and batch at one size and one amount of data, from a sweep of both.

Near its lowest point the loss is a bowl in ln lr and ln batch:

    L = L_0 + 1/2 (z - z*)' H (z - z*),    z = (ln lr, ln batch)

as the sweeps of Li et al. 2025 (arXiv:2503.04715, section 3) and DeepSeek LLM 2024 (arXiv:2401.02954, figure 2) show.
The bowl is laid through the runs by least squares; its lowest point z* = -H⁻¹ g has, to first order, the covariance
J V J' with V that of the coefficients, whose noise is the deviation from the bowls of all cells together. A sweep of
the rate at one batch is the same with one axis.

A cell has no best rate where the bowl is no bowl, where its lowest point lies outside the runs, or where its curvature
is not twice its own error: then the lowest point could be anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import RunsError
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

SAME_TOKENS = 0.02
"""Runs whose D differ by at most this share are of one cell: D is a whole number of steps (chosen)."""
REACH = 8.0
"""Runs whose rate or batch is more than this factor from that of the cell's lowest run are left out: far from the
bottom the loss rises faster than a parabola on the side of large rates, and slower on the other (chosen)."""
STEEP = 2.0
"""Curvature over its own standard error below which a bowl is no evidence of a lowest point (chosen)."""
AXES = ("lr", "batch_tokens")


@dataclass(frozen=True, eq=False)
class Cell:
    """A sweep at one size and one amount of data.

    params, tokens: N, and the geometric mean of D. rows: of the table, those within reach. lr, batch_tokens: at the
    lowest point; NaN where there is none, and the batch NaN where it was not swept. loss: at the lowest point.
    curvature: H in nats/token, (axes, axes). covariance: of (ln lr*, ln batch*), (axes, axes). refused: why the cell
    has no lowest point; empty where it has one.
    """

    params: float
    tokens: float
    rows: tuple[int, ...]
    lr: float
    batch_tokens: float
    loss: float
    curvature: Array
    covariance: Array
    refused: str = ""

    def cost_of(self, factor: float) -> float:
        """What a rate off by ``factor`` costs in nats/token when the batch is the best: 1/2 H_11 (ln factor)²."""
        return float(0.5 * self.curvature[0, 0] * np.log(factor) ** 2)


@dataclass(frozen=True, eq=False)
class Cells:
    """Every cell of a sweep. used: those with a lowest point. noise: standard deviation of a run from its cell's bowl,
    in nats/token, on ``freedom`` degrees. left_out: rows without a finite loss, or in a cell too small to judge."""

    used: tuple[Cell, ...]
    refused: tuple[Cell, ...]
    noise: float
    freedom: int
    left_out: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Bowl:
    rows: NDArray[np.int64]
    axes: tuple[int, ...]
    centre: Array
    away: Array
    coefficients: Array
    inverse: Array
    squares: float
    freedom: int


def sweep_cells(runs: Runs, reach: float = REACH) -> Cells:
    """Lay a bowl through every cell of ``runs`` (columns params, tokens, lr, loss; batch_tokens if it was swept).

    Raises RunsError for a table without learning rates, or where no cell has runs enough for a bowl: 4 rates at one
    batch, or 7 runs with 3 rates and 3 batches.
    """
    points = _points(runs)
    finite = np.isfinite(runs.loss) & np.isfinite(points).all(axis=1)
    groups = [rows[finite[rows]] for rows in _groups(runs)]
    near = [(rows, _near(points, runs.loss, rows, reach)) for rows in groups if len(rows)]
    bowls = [(rows, _bowl(points, runs.loss, rows)) for _, rows in near]
    fitted = [bowl for _, bowl in bowls if bowl is not None]
    small = [int(row) for rows, bowl in bowls if bowl is None for row in rows]
    if not fitted:
        raise RunsError(
            f"None of the {len(groups)} settings of size and data in {runs.source} has been swept enough for a lowest "
            f"point. Each needs 4 learning rates at one batch, or 7 runs with 3 learning rates and 3 batches. Train "
            f"more, or check the columns lr and batch_tokens."
        )
    freedom = sum(bowl.freedom for bowl in fitted)
    variance = sum(bowl.squares for bowl in fitted) / freedom
    cells = [_cell(runs, bowl, variance) for bowl in fitted]
    left_out = tuple(sorted([*(int(row) for row in np.flatnonzero(~finite)), *small]))
    used = tuple(cell for cell in cells if not cell.refused)
    refused = tuple(cell for cell in cells if cell.refused)
    return Cells(used, refused, float(np.sqrt(variance)), freedom, left_out)


def _points(runs: Runs) -> Array:
    """ln lr and ln batch, (runs, 2); a batch that is not known counts as one that is the same for all."""
    if "lr" not in runs.frame.columns:
        raise RunsError(
            f"{runs.source} has no column lr (peak learning rate). A sweep is judged by it. Name it with --column "
            f"THEIRS=lr."
        )
    rate = np.asarray(runs.column("lr"), dtype=float)
    batch = runs.column("batch_tokens") if "batch_tokens" in runs.frame.columns else np.ones(len(runs))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(np.stack([rate, np.asarray(batch, dtype=float)], axis=1)))


def _groups(runs: Runs) -> list[NDArray[np.int64]]:
    """Rows of each size and amount of data, sizes and then data ascending."""
    groups: list[NDArray[np.int64]] = []
    for size in np.unique(runs.params):
        rows = np.flatnonzero(runs.params == size)
        rows = rows[np.argsort(runs.tokens[rows], kind="stable")]
        steps = np.flatnonzero(np.diff(np.log(runs.tokens[rows])) > SAME_TOKENS) + 1
        groups += np.split(rows, steps)
    return groups


def _near(points: Array, loss: Array, rows: NDArray[np.int64], reach: float) -> NDArray[np.int64]:
    lowest = rows[np.argmin(loss[rows])]
    return np.asarray(rows[(np.abs(points[rows] - points[lowest]) <= np.log(reach) + 1e-9).all(axis=1)])


def _bowl(points: Array, loss: Array, rows: NDArray[np.int64]) -> _Bowl | None:
    """Least squares through the rows; None where they cannot carry a bowl with a degree of freedom to spare."""
    distinct = [len(np.unique(np.round(points[rows, axis], 6))) for axis in (0, 1)]
    axes = tuple(axis for axis in (0, 1) if distinct[axis] > 1)
    if 0 not in axes or any(distinct[axis] < 3 for axis in axes):
        return None
    centre: Array = np.asarray(points[rows][:, axes].mean(axis=0))
    away = points[rows][:, axes] - centre
    design = _design(away)
    if len(rows) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    inverse: Array = np.asarray(np.linalg.inv(design.T @ design), dtype=float)
    coefficients: Array = inverse @ design.T @ loss[rows]
    squares = float(np.sum((loss[rows] - design @ coefficients) ** 2))
    return _Bowl(rows, axes, centre, away, coefficients, inverse, squares, len(rows) - design.shape[1])


def _design(away: Array) -> Array:
    """Columns 1, z, z²/2 and, with two axes, z_1 z_2: so the coefficients are L_0, g and the entries of H."""
    linear, square = away, 0.5 * away**2
    cross = [away[:, 0] * away[:, 1]] if away.shape[1] == 2 else []
    return np.column_stack([np.ones(len(away)), linear, square, *cross])


def _cell(runs: Runs, bowl: _Bowl, variance: float) -> Cell:
    count = len(bowl.axes)
    gradient, hessian = bowl.coefficients[1 : 1 + count], _hessian(bowl.coefficients, count)
    refused = _why_no_bottom(bowl, hessian, variance)
    lowest: Array = np.asarray(-np.linalg.pinv(hessian) @ gradient)
    outside = _why_outside(bowl, lowest) if not refused else ""
    refused = refused or outside
    # dz* = -H^-1 (dg + dH z*): one column a coefficient
    slope = np.concatenate([np.zeros((count, 1)), np.eye(count), _hessian_slope(lowest)], axis=1)
    jacobian = -np.linalg.pinv(hessian) @ slope
    covariance = variance * jacobian @ bowl.inverse @ jacobian.T
    best = np.exp(bowl.centre + lowest) if not refused else np.full(count, np.nan)
    return Cell(
        params=float(runs.params[bowl.rows[0]]),
        tokens=float(np.exp(np.log(runs.tokens[bowl.rows]).mean())),
        rows=tuple(int(row) for row in bowl.rows),
        lr=float(best[0]),
        batch_tokens=float(best[1]) if count == 2 else np.nan,
        loss=np.nan if refused else float(bowl.coefficients[0] + gradient @ lowest / 2),
        curvature=hessian,
        covariance=covariance,
        refused=refused,
    )


def _hessian(coefficients: Array, count: int) -> Array:
    square = coefficients[1 + count : 1 + 2 * count]
    hessian = np.diag(square)
    if count == 2:
        hessian[0, 1] = hessian[1, 0] = coefficients[5]
    return hessian


def _hessian_slope(at: Array) -> Array:
    """How H z changes with each entry of H, at ``at``: (axes, entries)."""
    if len(at) == 1:
        return at[:, None]
    return np.array([[at[0], 0.0, at[1]], [0.0, at[1], at[0]]])


def _why_no_bottom(bowl: _Bowl, hessian: Array, variance: float) -> str:
    values, vectors = np.linalg.eigh(hessian)
    if values[0] <= 0:
        return "the loss has no lowest point in it: along some direction it falls on both sides"
    along = vectors[:, 0]
    entries = along**2 if len(along) == 1 else np.array([along[0] ** 2, along[1] ** 2, 2 * along[0] * along[1]])
    part = bowl.inverse[1 + len(along) :, 1 + len(along) :]
    error = float(np.sqrt(variance * entries @ part @ entries))
    if values[0] < STEEP * error:
        return (
            f"its flattest curvature, {values[0]:.2g} nats, is less than {STEEP:g} times its error {error:.2g}: the "
            f"lowest point could be anywhere"
        )
    return ""


def _why_outside(bowl: _Bowl, lowest: Array) -> str:
    for name, at, away, centre in zip(AXES, lowest, bowl.away.T, bowl.centre, strict=False):
        if not away.min() < at < away.max():
            low, high, best = np.exp(centre + np.array([away.min(), away.max(), np.clip(at, -50, 50)]))
            side = "smaller" if at <= away.min() else "larger"
            return f"its best {name} would be {best:.3g}, but the runs span {low:.3g} to {high:.3g}: train {side} ones"
    return ""
