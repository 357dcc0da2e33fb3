"""M4 of Alabdulmohsin et al. 2022 (arXiv:2209.06640): a law that gives the loss only by solving an equation.

    (L − E)/(L_0 − L)**alpha = beta x**(−c)

L falls from a guess L_0 to a floor E. The left side rises with L from 0 to infinity, so there is one solution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import LawError

HALVINGS = 60
"""Halvings of the interval from E to L_0; after 52 a double has no more digits."""


def sigmoidal_loss(x: ArrayLike, *, E: float, L_0: float, alpha: float, beta: float, c: float) -> NDArray[np.float64]:
    """The loss at x (size, data or compute), in the unit of E and L_0; shaped like x.

    Raises LawError unless E < L_0, alpha ≥ 0 and beta, c and every x are positive.
    """
    amount = np.asarray(x, dtype=float)
    if not (L_0 > E and alpha >= 0 and beta > 0 and c > 0 and np.all(amount > 0)):
        raise LawError(
            f"E = {E:g}, L_0 = {L_0:g}, alpha = {alpha:g}, beta = {beta:g}, c = {c:g}: M4 needs E below L_0, alpha of "
            "0 or more, and positive beta, c and x."
        )
    right = np.log(beta) - c * np.log(amount)
    low, high = np.full(amount.shape, float(E)), np.full(amount.shape, float(L_0))
    with np.errstate(divide="ignore"):
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            above = np.log(middle - E) - alpha * np.log(L_0 - middle) > right
            low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray(0.5 * (low + high))
