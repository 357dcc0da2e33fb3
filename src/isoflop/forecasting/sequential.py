"""Tests that may be looked at after every block of a run, and still raise a false alarm with a stated chance at most.

Both give an e-process: a number that starts at 1 and whose mean under the hypothesis "nothing is wrong" stays at most
1, so that the chance of its ever passing 1/α is at most α, however often one looks (Ville 1939; Ramdas et al. 2023,
"Game-theoretic statistics and safe anytime-valid inference").

**A change** (``change_evidence``). Residuals of the run about its expected course are

    r = X β + Δ·1[from τ on] + noise,

with β unknown (level, slope in ln tokens, size of the annealing), noise an AR(1) process of unknown size σ and
correlation φ, and Δ > 0 at an unknown block τ under the alternative. β and σ are removed by invariance (the right-Haar
prior, with which the Bayes factor is an e-process for any β and σ; Pérez-Ortiz et al. 2022). φ is handled by universal
inference (Wasserman, Ramdas & Balakrishnan 2020): the alternative averages over φ, the hypothesis may choose the φ that
suits it best. The start τ is averaged over the planned blocks.

**A level** (``level_evidence``). The deviation u of the run at its end from its forecast has a known prior spread: the
predictive standard deviation of the forecast. Against "u ~ N(0, s²)" stands "u lies above zero with four times that
spread" (and below zero, as a second test). What the schedule and the slope add is integrated out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, stdtr

Array = NDArray[np.float64]

CORRELATIONS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 0.95)
"""Of neighbouring blocks; the hypothesis may have any of these."""
SIZES = (1.0, 3.0, 10.0)
"""Prior standard deviations of a change, in those of the noise of a block (chosen)."""
FIRST = 8
"""Blocks before which no change can be told."""
LASTS = 3
"""Blocks in a row in which the evidence for a change must stand. Waiting only takes alarms away, so the stated chance
holds; and one wild block is no change: with noise of Student's t with 3 degrees of freedom 12 % of 60 simulated runs
rang without it."""
BROAD = 4.0
"""Prior spread of a level under the alternative, in that of the forecast (chosen)."""


def change_evidence(residuals: Array, design: Array, planned: int) -> Array:
    """ln of the evidence for an upward change of level after each block, (blocks,); zero for the first blocks. It is
    the smallest of the e-process over the last LASTS blocks.

    residuals: of the blocks so far, (blocks,). design: their regressors, (blocks, k). planned: blocks of the whole run,
    over which the start of a change is spread.
    """
    count = len(residuals)
    process = np.zeros(count)
    if count < FIRST:
        return process
    steps = np.tril(np.ones((count, count)))
    y, X, S = (_whiten(each) for each in (residuals[:, None], design, steps))
    for blocks in range(FIRST, count + 1):
        columns = _independent(design[:blocks])
        plain, gain = _evidence(y[:, :blocks, 0], X[:, :blocks, columns], S[:, :blocks, 1:blocks], planned)
        process[blocks - 1] = logsumexp(plain + gain) - np.log(len(CORRELATIONS)) - plain.max()
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(LASTS - 1), process]), LASTS)
    return np.asarray(windows.min(axis=1))


def _whiten(columns: Array) -> Array:
    """Columns (blocks, k) as they are under each correlation once it is taken away, (correlations, blocks, k)."""
    phi = np.array(CORRELATIONS)[:, None, None]
    white = columns - phi * np.concatenate([np.zeros((1, columns.shape[1])), columns[:-1]])
    white[:, :1] = np.sqrt(1 - phi**2) * columns[:1]
    return np.asarray(white)


def _independent(design: Array) -> list[int]:
    """Columns that add something to those before them, so far."""
    chosen: list[int] = []
    for column in range(design.shape[1]):
        if np.linalg.matrix_rank(design[:, [*chosen, column]]) > len(chosen):
            chosen.append(column)
    return chosen


def _evidence(y: Array, X: Array, steps: Array, planned: int) -> tuple[Array, Array]:
    """Per correlation: ln of the invariant likelihood without a change, and ln of the mean likelihood ratio with
    one."""
    basis, triangle = np.linalg.qr(X)
    y = y - np.einsum("fnk,fk->fn", basis, np.einsum("fnk,fn->fk", basis, y))
    z = steps - basis @ (basis.transpose(0, 2, 1) @ steps)
    degrees = y.shape[1] - X.shape[2]
    total = np.einsum("fn,fn->f", y, y) + 1e-300
    volume = np.log(np.abs(np.diagonal(triangle, axis1=1, axis2=2))).sum(axis=1)
    plain = 0.5 * np.log1p(-np.square(CORRELATIONS)) - volume - 0.5 * degrees * np.log(total)
    size, together = np.einsum("fnt,fnt->ft", z, z), np.einsum("fnt,fn->ft", z, y)
    ratios = _one_sided(size[None], together[None], total[None, :, None], degrees, np.array(SIZES)[:, None, None])
    share = 1 / max(planned, y.shape[1])
    by_start = logsumexp(ratios, axis=(0, 2)) - np.log(len(SIZES)) + np.log(share)
    without = max(1 - share * steps.shape[2], 1e-300)
    return np.asarray(plain), np.asarray(np.logaddexp(by_start, np.log(without)))


def _one_sided(size: Array, together: Array, total: Array, degrees: int, k: Array) -> Array:
    """ln Bayes factor of Δ ~ N(0, k²σ²) kept to Δ > 0 against Δ = 0, with σ integrated out."""
    grown = 1 + k**2 * size
    left = np.maximum(total - k**2 * together**2 / grown, 1e-12 * total)
    both = -0.5 * np.log(grown) + 0.5 * degrees * (np.log(total) - np.log(left))
    spread = np.sqrt(left / degrees * k**2 / grown)
    return np.asarray(both + np.log(2 * np.maximum(stdtr(degrees, k**2 * together / grown / spread), 1e-300)))


def level_evidence(estimate: float, variance: float, spread: float) -> tuple[float, float]:
    """ln of the e-values that a run ends above, and below, its forecast. estimate: of its deviation in ln loss, with
    its variance. spread: the predictive standard deviation of the forecast."""
    narrow, broad = variance + spread**2, variance + (BROAD * spread) ** 2
    two_sided = 0.5 * np.log(narrow / broad) + 0.5 * estimate**2 * (1 / narrow - 1 / broad)
    tilt = estimate * BROAD * spread / np.sqrt(variance * broad) if variance > 0 else np.inf * np.sign(estimate)
    return tuple(float(two_sided + np.log(2 * max(float(ndtr(side)), 1e-300))) for side in (tilt, -tilt))  # type: ignore[return-value]


def deviation(residuals: Array, nuisance: Array, noise: float, phi: float) -> tuple[float, float]:
    """The run's deviation at its end and its variance, by generalised least squares.

    nuisance: columns with the prior standard deviation of each absorbed, (blocks, k). noise: standard deviation of a
    block about its course. phi: correlation of neighbouring blocks.
    """
    count = len(residuals)
    lags = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    covariance = noise**2 * phi**lags + nuisance @ nuisance.T + 1e-14 * np.eye(count)
    solved = np.linalg.solve(covariance, np.stack([np.ones(count), residuals], axis=1))
    variance = 1 / float(solved[:, 0].sum())
    return variance * float(solved[:, 1].sum()), variance


def block_noise(residuals: Array, design: Array) -> tuple[float, float]:
    """Standard deviation of a block about its course, and the correlation of neighbours, bounded to 0 to 0.95."""
    basis: Array = np.linalg.qr(design[:, _independent(design)])[0]
    left: Array = residuals - basis @ (basis.T @ residuals)
    degrees = max(len(left) - basis.shape[1], 1)
    noise = float(np.sqrt(left @ left / degrees))
    together = float(left[1:] @ left[:-1]) / max(float(left @ left), 1e-300)
    return max(noise, 1e-6), float(np.clip(together + (1 + 3 * together) / max(len(left), 1), 0.0, 0.95))
