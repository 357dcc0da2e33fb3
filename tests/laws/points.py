"""For any form: constants from the middle of its plausible ranges, and points from the usual range of its variables."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop import Runs
from isoflop.laws import Form
from isoflop.laws.form import Parameter, Variable
from isoflop.laws.law import evaluate

Array = NDArray[np.float64]
ABOVE_ZERO = 10.0
"""Added to the floor of forms whose loss is negative (normalised by a unigram model): a fit takes logarithms."""


def middle(parameter: Parameter) -> float:
    """The geometric mean of a positive range, else the middle."""
    if parameter.kind in ("scale", "exponent") and parameter.low > 0:
        return float(np.sqrt(parameter.low * parameter.high))
    return 0.5 * (parameter.low + parameter.high)


def typical_constants(form: Form) -> dict[str, float]:
    return {parameter.symbol: middle(parameter) for parameter in form.parameters}


def typical_points(variables: tuple[Variable, ...], count: int, seed: int = 0) -> dict[str, Array]:
    """Log-uniform draws, shaped (count,) each; with N and D, C is 6ND."""
    rng = np.random.default_rng(seed)
    drawn = {v.symbol: np.exp(rng.uniform(np.log(v.low), np.log(v.high), count)) for v in variables}
    if {"N", "D", "C"} <= drawn.keys():
        drawn["C"] = 6 * drawn["N"] * drawn["D"]
    return drawn


def typical_runs(form: Form, constants: dict[str, float], count: int = 200) -> Runs:
    """Noise-free runs on the form; the output stands in the column loss."""
    points = typical_points(form.variables, count)
    columns = {"params": np.ones(count), "tokens": np.ones(count), "flops": np.full(count, 6.0)}
    columns |= {variable.column: points[variable.symbol] for variable in form.variables}
    return Runs(pl.DataFrame({**columns, "loss": evaluate(form, constants, points)}))
