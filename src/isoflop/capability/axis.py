"""What a column means as a measure of skill: the laws of this room read an x that grows with skill.

log      x = log10 of the column: compute, parameters, tokens
loss     x = minus the column: a loss or bits per byte, which falls as skill grows
linear   x = the column: a date, a principal component, a score
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import BadInput

Array = NDArray[np.float64]

SCALES = ("auto", "log", "loss", "linear")
LOSSES = frozenset({"loss", "nll", "bpb", "ce", "entropy", "xent"})
WIDE = 30.0
"""A column of positive numbers whose largest is this many times its smallest is read on a logarithmic scale."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A column and how it is read; ``scale`` is one of SCALES but auto."""

    column: str
    scale: str

    def skill(self, values: ArrayLike) -> Array:
        """x of the column's values, any shape, NaN kept. Raises BadInput for what has no logarithm."""
        array = np.asarray(values, dtype=float)
        if self.scale != "log":
            return -array if self.scale == "loss" else array
        if (array <= 0).any():
            raise BadInput(
                f"Column '{self.column}' is read on a logarithmic scale and holds {np.nanmin(array):g}. Numbers above "
                f"zero are allowed. Correct it, leave the row out with --where, or give --scale linear."
            )
        return np.asarray(np.log10(array))

    def column_values(self, x: ArrayLike) -> Array:
        """The column's own values at x."""
        array = np.asarray(x, dtype=float)
        return np.asarray(10**array if self.scale == "log" else -array if self.scale == "loss" else array)


def read_axis(column: str, values: ArrayLike, scale: str = "auto") -> Axis:
    """The axis that a column is, guessed from its name and range where ``scale`` is auto.

    Raises BadInput for an unknown scale.
    """
    if scale not in SCALES:
        raise BadInput(f"Unknown scale '{scale}' for column '{column}'. Allowed: {', '.join(SCALES)}.")
    if scale != "auto":
        return Axis(column, scale)
    if LOSSES & set(re.split(r"[^a-z]+", column.casefold())):
        return Axis(column, "loss")
    array = np.asarray(values, dtype=float)
    known = array[np.isfinite(array)]
    wide = len(known) > 0 and known.min() > 0 and known.max() > WIDE * known.min()
    return Axis(column, "log" if wide else "linear")
