"""Weighted parabolas through one isoFLOP profile, for many replicates at once, and their lowest points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.units import format_count

Array = NDArray[np.float64]

COEFFICIENTS = 3


@dataclass(frozen=True)
class Parabolas:
    """y = value + curvature/2 · (x − vertex)², one per replicate; each field shaped (replicates,).

    Without curvature the vertex is infinite or NaN.
    """

    vertex: Array
    value: Array
    curvature: Array


def parabolas(x: Array, y: Array, weights: Array) -> Parabolas:
    """Least-squares parabolas through points x, y (n,) with weights (replicates, n).

    Three distinct x are needed. x is centred first: ln D is about 23, and its square would spoil the arithmetic.
    """
    middle = x.mean()
    away = x - middle
    design = np.stack([np.ones_like(away), away, away**2])
    normal = np.einsum("pn,rn,qn->rpq", design, weights, design)
    moment = np.einsum("pn,rn,n->rp", design, weights, y)
    constant, slope, square = np.linalg.solve(normal, moment[:, :, None])[:, :, 0].T
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = -slope / (2 * square)
        return Parabolas(middle + offset, constant + slope * offset / 2, 2 * square)


def interior(x: Array, found: Parabolas) -> NDArray[np.bool_]:
    """Whether each parabola is a valley whose lowest point lies between the first and the last x, (replicates,)."""
    return np.asarray((found.curvature > 0) & (found.vertex > x.min()) & (found.vertex < x.max()))


def why_not_interior(x: Array, found: Parabolas, symbol: str) -> str:
    """Why the first of the parabolas has no interior lowest point; empty where it has one. x: ln N or ln D."""
    if bool(interior(x, found)[0]):
        return ""
    reach = f"its runs span {symbol} = {format_count(float(np.exp(x.min())))} to {format_count(float(np.exp(x.max())))}"
    if not found.curvature[0] > 0:
        return f"the parabola through its {len(x)} runs has no lowest point; {reach}"
    lowest = float(np.exp(np.clip(found.vertex[0], -600, 600)))
    return f"the lowest point would lie at {symbol} = {format_count(lowest)}, but {reach}"
