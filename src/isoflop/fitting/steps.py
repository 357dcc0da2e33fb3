"""One damped Gauss–Newton step for many problems at once, and what the damping learns from it.

The step minimises a quadratic model within a box in which no parameter moves further than LARGEST_STEP. A parameter
whose unhindered step leaves the box goes to its wall, and the others are solved for again with it there.
Shortening the whole step instead would let one parameter without effect (an A that has all but vanished) hold back
all the others: of the 4,500 starts of Hoffmann et al.'s grid 61 % then reach the optimum, with the box 97 % (measured).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.bool_] | NDArray[np.int64]

LARGEST_STEP = 4.0
"""Longest step of one working parameter: e⁴ in a scale, 4 in an exponent or in nats."""
SMALLEST_DAMPING, LARGEST_DAMPING = 1e-9, 1e9
_TINY = 1e-300


@dataclass(frozen=True)
class State:
    """Where each problem stands: its objective (b,) and one product J·[c J, w J, ψ]ᵀ, shaped (b, P, 2P + 1)."""

    total: Array
    products: Array

    @property
    def newton(self) -> Array:
        """H = Σ w ρ'' J Jᵀ, (b, P, P)."""
        return self.products[:, :, : self.products.shape[1]]

    @property
    def majorant(self) -> Array:
        """G = Σ w (ψ/r) J Jᵀ, (b, P, P)."""
        return self.products[:, :, self.products.shape[1] : -1]

    @property
    def gradient(self) -> Array:
        """Σ w ψ J, (b, P)."""
        return self.products[:, :, -1]

    def take(self, rows: Rows) -> State:
        return State(self.total[rows], self.products[rows])

    def join(self, other: State) -> State:
        return State(np.concatenate([self.total, other.total]), np.concatenate([self.products, other.products]))

    def choose(self, better: NDArray[np.bool_], other: State) -> State:
        """``other`` in the rows that are better, this state elsewhere."""
        return State(
            np.where(better, other.total, self.total),
            np.where(better[:, None, None], other.products, self.products),
        )

    def replace(self, rows: Rows, other: State) -> State:
        """``other``, one row for each of ``rows``, in their place."""
        total, products = self.total.copy(), self.products.copy()
        total[rows], products[rows] = other.total, other.products
        return State(total, products)


@dataclass(frozen=True, slots=True)
class Step:
    """move: (b, P). decrease: of the objective, as the model predicts it, (b,)."""

    move: Array
    decrease: Array


def damped_step(state: State, damping: Array, free: NDArray[np.bool_]) -> Step:
    """Minimise each problem's quadratic model over the parameters that are free, (b, P), within LARGEST_STEP."""
    matrix = state.newton + damping[:, None, None] * state.majorant
    diagonal = np.maximum(_diagonal(state.majorant), 1e-30)
    _diagonal(matrix)[...] += diagonal * (1e-12 + 1e-9 * np.minimum(damping, 1.0)[:, None])
    gradient = state.gradient
    unusable = ~np.isfinite(matrix.sum(axis=(1, 2)) + gradient.sum(axis=1))
    if unusable.any():
        matrix[unusable] = np.eye(matrix.shape[1])
        gradient = np.where(unusable[:, None], 0.0, gradient)
    move = -_solve_free(matrix, gradient, free)
    decrease = -0.5 * np.einsum("bp,bp->b", move, gradient)
    far = np.flatnonzero(np.abs(move).max(axis=1) > LARGEST_STEP)
    if len(far):
        move[far] = shorter = _within(matrix[far], gradient[far], move[far], free[far])
        curved = np.einsum("bp,bpq,bq->b", shorter, matrix[far], shorter)
        decrease[far] = -np.einsum("bp,bp->b", shorter, gradient[far]) - 0.5 * curved
    return Step(move, decrease)


def _within(matrix: Array, gradient: Array, move: Array, free: NDArray[np.bool_]) -> Array:
    """Parameters that leave the box go to its wall; the others are solved for again with them there."""
    inside = np.abs(move) <= LARGEST_STEP
    at_wall = np.where(inside, 0.0, np.clip(move, -LARGEST_STEP, LARGEST_STEP))
    again = -_solve_free(matrix, gradient + np.einsum("bpq,bq->bp", matrix, at_wall), free & inside)
    return np.asarray(np.clip(again + at_wall, -LARGEST_STEP, LARGEST_STEP))


def _solve_free(matrix: Array, right: Array, free: NDArray[np.bool_]) -> Array:
    """Solve for the free parameters, with zero for the others."""
    if not free.all():
        matrix = np.where(free[:, :, None] & free[:, None, :], matrix, 0.0)
        _diagonal(matrix)[...] += ~free
        right = np.where(free, right, 0.0)
    return solve_definite(matrix, right)


def next_damping(damping: Array, gain: Array) -> Array:
    """Damping for the next step from the gain: the decrease found over the decrease predicted.

    A step that raised the objective (gain ≤ 0) was too long; one that kept its promise allows a longer one; between
    them the damping stays, which spares the rejected step that follows every careless lengthening (Moré 1978). The
    factors were chosen by evaluations needed on that grid and on 200 seeds of the default starts.
    """
    factor = np.select([gain > 0.75, gain > 0.25, gain > 0], [1 / 4, 1.0, 2.0], 6.0)
    return np.asarray(np.clip(damping * factor, SMALLEST_DAMPING, LARGEST_DAMPING))


def solve_definite(matrix: Array, right: Array) -> Array:
    """Solve symmetric positive semi-definite systems (b, P, P) x = (b, P); singular ones get the eigenvalue cut."""
    scale = 1 / np.sqrt(np.maximum(_diagonal(matrix), _TINY))
    scaled = matrix * scale[:, :, None] * scale[:, None, :]
    try:
        solved = np.asarray(np.linalg.solve(scaled, (right * scale)[:, :, None])[:, :, 0], dtype=np.float64)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(scaled)
        inner = np.einsum("bpk,bp->bk", vectors, right * scale) / np.maximum(values, 1e-12)
        solved = np.einsum("bpk,bk->bp", vectors, inner)
    return np.asarray(solved * scale)


def _diagonal(matrix: Array) -> Array:
    """A view of the diagonals (b, P)."""
    view: Array = np.einsum("bpp->bp", matrix)
    return view
