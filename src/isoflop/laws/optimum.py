"""The compute-optimal split: the N and D that minimise the loss when 6ND = C.

A form that depends on N and D only through one sum of two monomials, a·N**p + b·D**q, has the closed solution of
Hoffmann et al. 2022 (eq. 4): the two terms' elasticities are equal. That covers the additive law, the coupled law and
Kaplan's joint law, whatever is wrapped around the sum. Any other form is minimised over ln N on a grid that zooms in,
and the last digits come from where its derivative changes sign: a minimum is flat, so the loss itself tells ln N no
better than to 1e-7.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.errors import LawError
from isoflop.laws.algebra import symbol_of, to_sympy
from isoflop.laws.form import LOSS, Form
from isoflop.laws.law import evaluate

Array = NDArray[np.float64]

GRID = 65
ZOOMS = 9
"""Nine zooms by a factor of 16 or more each narrow ln N as far as the loss tells."""
NEAR, HALVINGS = 1e-3, 45
"""Of ln N: how far to each side of the grid's answer the derivative is asked, and how often that is halved."""
FIRST_GRID, FIRST_ELEMENTS = 1025, 4_000_000
"""Points of the first grid, fewer where there are many budgets or draws: a law with a kink, such as where repetition
begins, can have two valleys, and a coarse grid picks the wrong one."""


@dataclass(frozen=True)
class Split:
    """Compute-optimal parameters, tokens and loss; arrays that broadcast over constants and budgets."""

    N_opt: Array
    D_opt: Array
    loss: Array


def optimal_split(
    form: Form, constants: Mapping[str, ArrayLike], flops: ArrayLike, others: Mapping[str, ArrayLike] | None = None
) -> Split:
    """Minimise the loss over N with D = C/(6N), for budgets ``flops`` in FLOP.

    constants and flops broadcast. others: values of further variables, such as U; without U each token is a fresh one,
    U = D. A result is NaN where the constants allow no interior optimum. Raises LawError when the form has not both N
    and D, or uses C itself.
    """
    require_split(form)
    budget = np.asarray(flops, dtype=float)
    arrays = {name: np.asarray(value, dtype=float) for name, value in constants.items()}
    closed = closed_form(form)
    extra = {name: np.asarray(value, dtype=float) for name, value in (others or {}).items()}
    N = closed(arrays, budget) if closed is not None else _polished(form, arrays, budget, extra)
    D = budget / (FLOPS_PER_PARAM_TOKEN * N)
    return Split(N, D, evaluate(form, arrays, _spent(N, D, extra)))


def _spent(N: Array, D: Array, others: Mapping[str, Array]) -> dict[str, Array]:
    return {"N": N, "D": D, "U": D, **others}


def require_split(form: Form) -> None:
    """Raise LawError unless the form gives a loss that depends on N and D."""
    if form.output != LOSS:
        raise LawError(
            f"'{form.formula}' cannot split a budget: it gives {form.output.meaning}, not a loss. "
            "Choose a form of the loss, such as chinchilla or coupled."
        )
    if not {"N", "D"} <= set(form.inputs) or "C" in form.inputs:
        raise LawError(
            f"'{form.formula}' cannot split a budget: it depends on {', '.join(form.inputs)}. "
            "Choose a form of N and D, such as chinchilla or coupled."
        )


def has_closed_optimum(form: Form) -> bool:
    """Whether the optimum comes from a formula rather than a search."""
    return closed_form(form) is not None


@functools.lru_cache(maxsize=256)
def closed_form(form: Form) -> Callable[[Mapping[str, Array], Array], Array] | None:
    """N_opt(constants, C) where the form allows one, else None."""
    if set(form.inputs) != {"N", "D"}:
        return None
    N, D = symbol_of(form, "N"), symbol_of(form, "D")
    terms = _two_terms(to_sympy(form), N, D)
    if terms is None:
        return None
    C = sp.Symbol("C", positive=True)
    (a, p), (b, q) = (_monomial(term.subs(D, C / (6 * N)), N) for term in terms)
    arguments = ([symbol_of(form, name) for name in form.symbols], C)
    parts = sp.lambdify(arguments, [a, p, b, q], modules=["numpy"])

    def solve(constants: Mapping[str, Array], flops: Array) -> Array:
        """d/dN (a N**p + b N**q) = 0, a minimum where p and q differ in sign and a, b > 0."""
        with np.errstate(all="ignore"):
            a, p, b, q = (np.asarray(part) for part in parts([constants[name] for name in form.symbols], flops))
            N_opt = np.exp((np.log(-b * q) - np.log(a * p)) / (p - q)) if np.all(a * p > 0) else _signed(a, p, b, q)
            return np.where((p * q < 0) & (a > 0) & (b > 0), N_opt, np.nan)

    return solve


def _signed(a: Array, p: Array, b: Array, q: Array) -> Array:
    return np.asarray((-b * q / (a * p)) ** (1 / (p - q)))


def _two_terms(expression: sp.Expr, N: sp.Symbol, D: sp.Symbol) -> tuple[sp.Expr, sp.Expr] | None:
    """Peel what is wrapped monotonically around a sum of two monomials in N and D."""
    here = expression
    while True:
        depends = [part for part in here.args if part.free_symbols & {N, D}]
        if isinstance(here, sp.Add) and len(depends) == 2:
            return (depends[0], depends[1]) if all(_is_monomial(part, N, D) for part in depends) else None
        if isinstance(here, sp.Pow) and depends != [here.base]:
            return None
        if not isinstance(here, (sp.Add, sp.Mul, sp.Pow, sp.exp, sp.log)) or len(depends) != 1:
            return None
        here = depends[0]


def _is_monomial(term: sp.Expr, N: sp.Symbol, D: sp.Symbol) -> bool:
    return not any(_power(term, v).free_symbols & {N, D} for v in (N, D))


def _power(term: sp.Expr, variable: sp.Symbol) -> Any:
    """d ln term / d ln variable; ``simplify``, which imports a quarter second of SymPy, only where it is needed."""
    power = variable * sp.diff(term, variable) / term
    return sp.simplify(power) if power.free_symbols & {variable} else power


def _monomial(term: sp.Expr, N: sp.Symbol) -> tuple[Any, Any]:
    """(coefficient, power) of a·N**p."""
    power = _power(term, N)
    coefficient = sp.powsimp(sp.expand_power_base(term / N**power, force=True), force=True)
    return (sp.simplify(coefficient) if coefficient.has(N) else coefficient).subs(N, 1), power


def _polished(form: Form, constants: Mapping[str, Array], flops: Array, others: Mapping[str, Array]) -> Array:
    """The grid's answer, moved to where the derivative along the budget turns from negative to positive near it.

    At a kink the derivative jumps and the kink is the answer. Where it does not change sign nearby the grid's stays.
    """
    found = _zoom(form, constants, flops, others)
    slope = _slope_along(form, "U" in form.inputs and "U" not in others)

    def rises(x: Array) -> Array:
        N = np.exp(x)
        values = _spent(N, flops / (FLOPS_PER_PARAM_TOKEN * N), others)
        with np.errstate(all="ignore"):
            given = slope([constants[name] for name in form.symbols], [values[name] for name in form.inputs])
        return np.broadcast_to(np.asarray(given, dtype=float), x.shape)

    x = np.log(found)
    low, high = x - NEAR, x + NEAR
    bracketed = (rises(low) < 0) & (rises(high) > 0)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        falling = rises(middle) < 0
        low, high = np.where(falling, middle, low), np.where(falling, high, middle)
    return np.where(bracketed, np.exp(0.5 * (low + high)), found)


@functools.lru_cache(maxsize=256)
def _slope_along(form: Form, fresh: bool) -> Callable[[list[Array], list[Array]], Array]:
    """(parameters, variables) -> the derivative of the loss by ln N while ln D falls as ln N grows. fresh: U = D."""
    N, D = symbol_of(form, "N"), symbol_of(form, "D")
    expression = to_sympy(form)
    if fresh:
        expression = expression.subs(symbol_of(form, "U"), D)
    along = N * sp.diff(expression, N) - D * sp.diff(expression, D)
    arguments = ([symbol_of(form, name) for name in form.symbols], [symbol_of(form, name) for name in form.inputs])
    made: Callable[[list[Array], list[Array]], Array] = sp.lambdify(arguments, along, modules=["numpy"])
    return made


def _zoom(form: Form, constants: Mapping[str, Array], flops: Array, others: Mapping[str, Array]) -> Array:
    shape = np.broadcast_shapes(flops.shape, *(value.shape for value in constants.values()))
    expanded = {name: np.broadcast_to(value, shape)[..., None] for name, value in constants.items()}
    extra = {name: np.broadcast_to(value, shape)[..., None] for name, value in others.items()}
    budget = np.broadcast_to(flops, shape)[..., None]
    low = np.zeros(shape)
    high = np.log(np.broadcast_to(flops, shape) / FLOPS_PER_PARAM_TOKEN)
    edges = (low, high)
    first = int(np.clip(FIRST_ELEMENTS / max(low.size, 1), GRID, FIRST_GRID))
    for points in (first, *[GRID] * (ZOOMS - 1)):
        x = np.linspace(low, high, points, axis=-1)
        N = np.exp(x)
        loss = evaluate(form, expanded, _spent(N, budget / (FLOPS_PER_PARAM_TOKEN * N), extra))
        best = np.argmin(np.where(np.isfinite(loss), loss, np.inf), axis=-1)[..., None]
        middle = np.take_along_axis(x, best, axis=-1)[..., 0]
        reach = (high - low) * 2 / (points - 1)
        low, high = np.maximum(middle - reach, edges[0]), np.minimum(middle + reach, edges[1])
    x_opt = 0.5 * (low + high)
    inside = (x_opt > edges[0] + 1e-6) & (x_opt < edges[1] - 1e-6)
    return np.where(inside, np.exp(x_opt), np.nan)
