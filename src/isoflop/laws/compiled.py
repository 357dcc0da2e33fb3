"""A form compiled for the solver: NumPy functions of the centred parameters, with exact gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from isoflop.laws.algebra import symbol_of, to_sympy
from isoflop.laws.centring import in_exponentials, shift_of
from isoflop.laws.circuit import Circuit
from isoflop.laws.form import Form, Parameter

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Compiled:
    """NumPy functions of one form, in the solver's working parameters.

    Each takes ``(u, x, c)``: u, one array per parameter, shaped (batch, 1); x, one array per variable with the
    centred natural logarithms ln V − c_V, shaped (n,); c, one scalar per variable. Results broadcast to (batch, n).

    log_value: ln of the formula. gradient: ln of the formula and its gradient, one array per parameter.
    shifts: functions of (u, c) with ln A = u_A + shift. free_scales: indices of scales whose shift involves no
    exponent. linear: indices of the parameters in which the formula is jointly affine. basis: the formula without
    those, then what multiplies each of them (exp(u) for a scale).
    """

    form: Form
    log_value: Callable[..., Any]
    gradient: Callable[..., Any]
    shifts: Callable[..., Any]
    free_scales: tuple[int, ...]
    linear: tuple[int, ...]
    basis: Callable[..., Any]

    def to_working(self, natural: Array, centres: Array) -> Array:
        """Natural parameters (batch, P) to working ones (batch, P); centres: mean ln V, shaped (variables,)."""
        working = np.array(natural, dtype=float)
        shift = self._shift(working, centres)
        for index, parameter in enumerate(self.form.parameters):
            if parameter.kind == "scale":
                working[:, index] = np.log(natural[:, index]) - shift[:, index]
        return working

    def to_natural(self, working: Array, centres: Array) -> Array:
        """Working parameters (batch, P) to natural ones (batch, P)."""
        natural = np.array(working, dtype=float)
        shift = self._shift(natural, centres)
        for index, parameter in enumerate(self.form.parameters):
            if parameter.kind == "scale":
                natural[:, index] = np.exp(np.clip(working[:, index] + shift[:, index], -700, 700))
        return natural

    def _shift(self, values: Array, centres: Array) -> Array:
        columns = [values[:, index] for index in range(values.shape[1])]
        shifts = self.shifts(columns, list(centres))
        return np.stack([np.broadcast_to(np.asarray(s, dtype=float), values.shape[:1]) for s in shifts], axis=1)


@functools.lru_cache(maxsize=256)
def compile_form(form: Form) -> Compiled:
    """Differentiate and compile a form once; later calls return the same object."""
    expression = to_sympy(form)
    inputs = [symbol_of(form, name) for name in form.inputs]
    logs = [sp.Symbol(f"x_{name}", real=True) for name in form.inputs]
    centres = [sp.Symbol(f"c_{name}", real=True) for name in form.inputs]
    natural = [symbol_of(form, name) for name in form.symbols]
    working = [_working_symbol(parameter) for parameter in form.parameters]
    shifts = [shift_of(expression, form, parameter, inputs, centres) for parameter in form.parameters]
    plain = dict(zip(natural, working, strict=True))
    shifts_in_working = [sp.sympify(shift).xreplace(plain) for shift in shifts]

    exponents = {
        symbol: u + shift
        for symbol, u, shift, parameter in zip(form.symbols, working, shifts_in_working, form.parameters, strict=True)
        if parameter.kind == "scale"
    }
    exponents |= {name: x + c for name, x, c in zip(form.inputs, logs, centres, strict=True)}
    centred = in_exponentials(form, exponents, dict(zip(form.symbols, working, strict=True)))
    circuit = Circuit.of(sp.log(centred))
    gradient = [circuit.derivative(circuit.output, u) for u in working]
    linear = _linear_parameters(centred, form, working)
    arguments = (working, logs, centres)
    return Compiled(
        form=form,
        log_value=circuit.to_numpy(arguments, circuit.output),
        gradient=circuit.to_numpy(arguments, [circuit.output, *gradient]),
        shifts=sp.lambdify((working, centres), shifts_in_working, modules=["numpy"]),
        free_scales=tuple(
            index
            for index, (parameter, shift) in enumerate(zip(form.parameters, shifts, strict=True))
            if parameter.kind == "scale" and not sp.sympify(shift).free_symbols & set(natural)
        ),
        linear=linear,
        basis=sp.lambdify(arguments, _affine_parts(centred, form, working, linear), modules=["numpy"], cse=True),
    )


def _working_symbol(parameter: Parameter) -> sp.Symbol:
    return sp.Symbol(f"u_{parameter.symbol}", real=True)


def _linear_parameters(centred: sp.Expr, form: Form, working: list[sp.Symbol]) -> tuple[int, ...]:
    """Parameters in which the formula is jointly affine (E, A and B of the additive law)."""
    chosen: list[int] = []
    for index, parameter in enumerate(form.parameters):
        if parameter.kind == "exponent":
            continue
        slope = _slope(centred, parameter, working[index])
        if not slope.free_symbols & {working[index], *(working[i] for i in chosen)}:
            chosen.append(index)
    return tuple(chosen)


LARGEST_EXPANDED = 200
"""Operations beyond which a slope is not expanded to see whether a parameter cancels; it then counts as not affine."""


def _slope(centred: sp.Expr, parameter: Parameter, u: sp.Symbol) -> sp.Expr:
    """d(loss)/d(coefficient); a scale's coefficient is exp(u)."""
    slope = sp.diff(centred, u)
    slope = slope * sp.exp(-u) if parameter.kind == "scale" else slope
    return sp.expand(slope) if u in slope.free_symbols and slope.count_ops() < LARGEST_EXPANDED else slope


def _affine_parts(centred: sp.Expr, form: Form, working: list[sp.Symbol], linear: tuple[int, ...]) -> list[sp.Expr]:
    """The part without the linear parameters, then what multiplies each of them."""
    slopes = [_slope(centred, form.parameters[i], working[i]) for i in linear]
    gone = {working[i]: -sp.oo if form.parameters[i].kind == "scale" else 0 for i in linear}
    return [centred.subs(gone) if linear else centred, *slopes]
