"""Steps, data and compute at any batch size (Kaplan et al. 2020, arXiv:2001.08361, section 5; McCandlish et al. 2018).

    (S/S_min − 1)(E/E_min − 1) = 1,   B_crit = E_min/S_min                                         eq. 5.1
    S_min = S/(1 + B_crit/B),   C_min = C/(1 + B/B_crit)                                           eq. 5.4 and 5.5

S are optimiser steps and E = B S the tokens. S_min steps are needed at a batch far above the critical one, E_min
tokens at one far below. B_crit follows the loss: see the form critical_batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def smallest_steps(steps: ArrayLike, batch: ArrayLike, critical: ArrayLike) -> Array:
    """S_min: the steps that would do at a batch far above the critical one. Arguments broadcast; batches in tokens."""
    return np.asarray(np.asarray(steps, dtype=float) / (1 + np.asarray(critical) / np.asarray(batch)))


def smallest_compute(flops: ArrayLike, batch: ArrayLike, critical: ArrayLike) -> Array:
    """C_min in FLOP: the compute that would do at a batch far below the critical one. Arguments broadcast."""
    return np.asarray(np.asarray(flops, dtype=float) / (1 + np.asarray(batch) / np.asarray(critical)))


def steps_and_tokens(batch: ArrayLike, fewest_steps: ArrayLike, critical: ArrayLike) -> tuple[Array, Array]:
    """Steps and tokens that a batch needs for the loss that ``fewest_steps`` (S_min) reach at a very large one."""
    steps = np.asarray(np.asarray(fewest_steps, dtype=float) * (1 + np.asarray(critical) / np.asarray(batch)))
    return steps, np.asarray(steps * np.asarray(batch))


def compute_exponent(alpha_N: float, alpha_S: float, alpha_B: float) -> float:
    """alpha_C = 1/(1/alpha_S + 1/alpha_B + 1/alpha_N) (eq. 6.4).

    Compute-optimal size then grows as C**(alpha_C/alpha_N), the batch as C**(alpha_C/alpha_B) and steps as
    C**(alpha_C/alpha_S).
    """
    return 1 / (1 / alpha_S + 1 / alpha_B + 1 / alpha_N)
