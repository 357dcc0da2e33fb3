"""A number by a formula in the fields of a rung, read by the grammar of laws and never by ``eval``."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from isoflop.errors import SpecError, did_you_mean
from isoflop.laws.expression import Binary, Call, Name, Negative, Node, Number, parse

_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "sqrt": math.sqrt,
    "min": min,
    "max": max,
}


def evaluate_formula(formula: str, fields: Mapping[str, Any], title: str) -> float:
    """The value of ``12*depth*width**2`` for these fields.

    Raises FormulaError for what is no formula, SpecError for a name that is no number among the fields and for a value
    that does not exist.
    """
    numbers = {k: float(v) for k, v in fields.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    try:
        return float(_value(parse(formula), numbers))
    except KeyError as error:
        name = str(error.args[0])
        raise SpecError(
            f"{title}: the formula {formula!r} uses '{name}', which is no number there. Known: "
            f"{', '.join(numbers) or 'none'}.{did_you_mean(name, numbers)}"
        ) from None
    except (ArithmeticError, ValueError, TypeError) as error:
        raise SpecError(f"{title}: the formula {formula!r} has no value here ({error}). Mend it.") from None


def _value(node: Node, fields: Mapping[str, float]) -> float:
    match node:
        case Number(value=value):
            return value
        case Name(text=name):
            return fields[name]
        case Negative(operand=operand):
            return -_value(operand, fields)
        case Call(function=function, arguments=arguments):
            return _FUNCTIONS[function](*(_value(argument, fields) for argument in arguments))
        case Binary(operator=sign, left=left, right=right):
            return _OPERATORS[sign](_value(left, fields), _value(right, fields))
