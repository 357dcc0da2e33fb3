"""From a form's one formula to SymPy, and from SymPy to NumPy functions with exact derivatives.

The solver does not work on A and alpha but on parameters centred on the data: ln A and alpha correlate at 0.999 or
more otherwise (measured on the 240 Chinchilla points), which makes every solver slow and every interval suspect. A
coefficient that multiplies a power of a variable, A·N**(-q), is replaced by exp(u_A + q·c_N) with c_N the mean of
ln N, so that u_A is the logarithm of the whole term at the middle of the data.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from isoflop.errors import FormulaError
from isoflop.laws.circuit import Circuit
from isoflop.laws.expression import Binary, Call, Name, Negative, Node, Number
from isoflop.laws.form import Form, Parameter

Array = NDArray[np.float64]
LARGEST_CONSTANT = 1e300


def to_sympy(form: Form) -> sp.Expr:
    """The formula as a SymPy expression; variables and scales are positive symbols, the rest real."""
    expression = _convert(form.tree, form)
    if expression.has(sp.I, sp.zoo, sp.nan, sp.oo, -sp.oo):
        raise FormulaError(f"The formula is not a real number: it becomes {expression}.", form.formula, 0)
    return expression


def symbol_of(form: Form, name: str) -> sp.Symbol:
    """The SymPy symbol for a variable or parameter of the form."""
    if name in form.inputs:
        return sp.Symbol(name, positive=True)
    kind = next(parameter.kind for parameter in form.parameters if parameter.symbol == name)
    if kind == "scale":
        return sp.Symbol(name, positive=True)
    return sp.Symbol(name, nonnegative=True) if kind in ("offset", "exponent") else sp.Symbol(name, real=True)


def _convert(node: Node, form: Form) -> sp.Expr:
    match node:
        case Number(value=value):
            return sp.Integer(int(value)) if value.is_integer() and abs(value) < 1e9 else sp.Float(value)
        case Name(text=text):
            return symbol_of(form, text)
        case Negative(operand=operand):
            return -_convert(operand, form)
        case Call(function=function, arguments=arguments):
            functions = {"exp": sp.exp, "log": sp.log, "sqrt": sp.sqrt, "min": sp.Min, "max": sp.Max}
            return functions[function](*(_convert(argument, form) for argument in arguments))
        case Binary(operator="**", left=left, right=right):
            return _power(_convert(left, form), _convert(right, form), form)
        case Binary(operator=operator, left=left, right=right):
            a, b = _convert(left, form), _convert(right, form)
            if operator == "/" and b.is_zero:
                raise FormulaError("The formula divides by zero.", form.formula, 0)
            return {"+": a + b, "-": a - b, "*": a * b}[operator] if operator != "/" else a / b


def _power(base: sp.Expr, exponent: sp.Expr, form: Form) -> sp.Expr:
    """Constant powers go through floats, so that 9**9**9 is refused and not computed to 369 million digits."""
    if not (base.is_number and exponent.is_number):
        return base**exponent
    try:
        value = float(base) ** float(exponent)
        fits = isinstance(value, float) and abs(value) < LARGEST_CONSTANT
    except (OverflowError, ZeroDivisionError):
        fits = False
    if not fits:
        raise FormulaError(f"The constant {base}**{exponent} is not a finite real number.", form.formula, 0)
    return sp.Integer(int(value)) if value.is_integer() and abs(value) < 1e9 else sp.Float(value)


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


@functools.lru_cache(maxsize=64)
def compile_form(form: Form) -> Compiled:
    """Differentiate and compile a form once; later calls return the same object."""
    expression = to_sympy(form)
    inputs = [symbol_of(form, name) for name in form.inputs]
    logs = [sp.Symbol(f"x_{name}", real=True) for name in form.inputs]
    centres = [sp.Symbol(f"c_{name}", real=True) for name in form.inputs]
    natural = [symbol_of(form, name) for name in form.symbols]
    working = [_working_symbol(parameter) for parameter in form.parameters]
    shifts = [_shift_of(expression, form, parameter, inputs, centres) for parameter in form.parameters]
    plain = dict(zip(natural, working, strict=True))
    shifts_in_working = [sp.sympify(shift).xreplace(plain) for shift in shifts]

    replacements = {
        symbol: sp.exp(u + shift) if parameter.kind == "scale" else u
        for symbol, u, shift, parameter in zip(natural, working, shifts_in_working, form.parameters, strict=True)
    }
    replacements |= {v: sp.exp(x + c) for v, x, c in zip(inputs, logs, centres, strict=True)}
    centred = _merge_exponentials(expression.subs(replacements, simultaneous=True))
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


def _merge_exponentials(expression: sp.Expr) -> sp.Expr:
    """exp(x)**(-q)·exp(u + q c) -> exp(u − q(x − c)); all symbols are real, so the merger is exact."""
    merged = sp.powsimp(sp.powdenest(expression, force=True), deep=True, force=True)
    return merged.replace(sp.exp, lambda argument: sp.exp(sp.expand(argument)))


def _shift_of(
    expression: sp.Expr, form: Form, parameter: Parameter, inputs: list[sp.Symbol], centres: list[sp.Symbol]
) -> sp.Expr:
    """Σ q·c_V for a scale that multiplies Π V**(−q) wherever it appears; zero where it has no such partner."""
    if parameter.kind != "scale":
        return sp.Integer(0)
    target = symbol_of(form, parameter.symbol)
    partners = {_partner(product, target, inputs, centres) for product in _products_with(expression, target)}
    found = partners.pop() if len(partners) == 1 else None
    return sp.Integer(0) if found is None or target in found.free_symbols else found


def _products_with(expression: sp.Expr, target: sp.Symbol) -> list[sp.Expr]:
    return [
        node
        for node in sp.preorder_traversal(expression)
        if isinstance(node, sp.Mul) and any(_is_power_of(factor, target) for factor in node.args)
    ]


def _is_power_of(factor: sp.Expr, target: sp.Symbol) -> bool:
    base, _ = factor.as_base_exp()
    return bool(base == target)


def _partner(product: sp.Expr, target: sp.Symbol, inputs: list[sp.Symbol], centres: list[sp.Symbol]) -> sp.Expr | None:
    own = sp.Integer(1)
    powers = sp.Integer(0)
    for factor in product.args:
        base, exponent = factor.as_base_exp()
        if base == target:
            own = exponent
        elif base in inputs:
            powers -= exponent * centres[inputs.index(base)]
    shift = sp.cancel(powers / own) if powers != 0 else sp.Integer(0)
    return None if shift.free_symbols & set(inputs) else shift


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


def _slope(centred: sp.Expr, parameter: Parameter, u: sp.Symbol) -> sp.Expr:
    """d(loss)/d(coefficient); a scale's coefficient is exp(u)."""
    slope = sp.diff(centred, u)
    return sp.powsimp(sp.expand(slope * sp.exp(-u)), force=True) if parameter.kind == "scale" else slope


def _affine_parts(centred: sp.Expr, form: Form, working: list[sp.Symbol], linear: tuple[int, ...]) -> list[sp.Expr]:
    """The part without the linear parameters, then what multiplies each of them."""
    slopes = [_slope(centred, form.parameters[i], working[i]) for i in linear]
    gone = {working[i]: -sp.oo if form.parameters[i].kind == "scale" else 0 for i in linear}
    return [centred.subs(gone) if linear else centred, *slopes]
