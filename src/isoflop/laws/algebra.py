"""A form's formula as a SymPy expression of its natural parameters and variables."""

from __future__ import annotations

import sympy as sp

from isoflop.errors import FormulaError
from isoflop.laws.expression import Binary, Call, Name, Negative, Node, Number
from isoflop.laws.form import Form

LARGEST_CONSTANT = 1e300
_FUNCTIONS = {
    "exp": sp.exp,
    "log": sp.log,
    "log10": lambda value: sp.log(value) / sp.log(10),
    "sqrt": sp.sqrt,
    "min": sp.Min,
    "max": sp.Max,
}


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
            return _FUNCTIONS[function](*(_convert(argument, form) for argument in arguments))
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
