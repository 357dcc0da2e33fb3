"""An expression as a circuit of shared steps, so that each exponential is computed once.

SymPy writes the square of exp(a) as exp(2a), so derivatives of a law come out with many more exponentials than the
law has, and exponentials are what a fit spends its time on. Here every exp, log and symbolic power becomes a named
step; derivatives go through the steps by the chain rule and stay polynomials in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp


@dataclass(frozen=True)
class Circuit:
    """``steps``: (symbol, elementary function of earlier symbols) in order; ``output`` in terms of the steps."""

    steps: tuple[tuple[sp.Symbol, sp.Expr], ...]
    output: sp.Expr

    @classmethod
    def of(cls, expression: sp.Expr) -> Circuit:
        """Name every exponential, logarithm, min, max and symbolic power of an expression."""
        steps: dict[sp.Expr, sp.Symbol] = {}
        output = _name_steps(expression, steps)
        return cls(tuple((symbol, step) for step, symbol in steps.items()), output)

    def derivative(self, expression: sp.Expr, variable: sp.Symbol) -> sp.Expr:
        """d(expression)/d(variable) through all steps, written in the steps."""
        rates: dict[sp.Symbol, sp.Expr] = {}
        reciprocals = {1 / step: symbol for symbol, step in self.steps if isinstance(step, sp.Pow)}
        for symbol, step in self.steps:
            rates[symbol] = _step_derivative(symbol, step, rates, variable, reciprocals)
        return _total(expression, rates, variable)

    def to_numpy(self, arguments: Any, outputs: Any) -> Callable[..., Any]:
        """A NumPy function of ``arguments`` that computes the steps once and then the outputs."""

        def share(expressions: Any) -> tuple[list[tuple[sp.Symbol, sp.Expr]], list[sp.Expr]]:
            listed = list(expressions) if isinstance(expressions, (list, tuple)) else [expressions]
            common, reduced = sp.cse(listed, symbols=sp.numbered_symbols("shared_"))
            return [*self.steps, *common], reduced if isinstance(expressions, (list, tuple)) else reduced[0]

        return sp.lambdify(arguments, outputs, modules=["numpy"], cse=share)  # type: ignore[no-any-return]


def _name_steps(expression: sp.Expr, steps: dict[sp.Expr, sp.Symbol]) -> sp.Expr:
    if not expression.args:
        return expression
    arguments = [_name_steps(argument, steps) for argument in expression.args]
    if isinstance(expression, sp.Pow):
        return _name_power(arguments[0], arguments[1], steps)
    if isinstance(expression, sp.log):
        total = _step(arguments[0], steps)
        _step(1 / total, steps)
        return _step(sp.log(total), steps)
    rebuilt = expression.func(*arguments)
    return _step(rebuilt, steps) if isinstance(expression, (sp.exp, sp.Min, sp.Max)) else rebuilt


def _name_power(base: sp.Expr, exponent: sp.Expr, steps: dict[sp.Expr, sp.Symbol]) -> sp.Expr:
    if exponent.is_Integer:
        return base**exponent if exponent > 0 else _step(1 / _step(base, steps), steps) ** (-exponent)
    total = _step(base, steps)
    _step(1 / total, steps)
    return _step(sp.exp(exponent * _step(sp.log(total), steps), evaluate=False), steps)


def _step(step: sp.Expr, steps: dict[sp.Expr, sp.Symbol]) -> sp.Symbol:
    if step.is_Symbol:
        return step
    return steps.setdefault(step, sp.Symbol(f"step_{len(steps)}", real=True))


def _total(expression: sp.Expr, rates: dict[sp.Symbol, sp.Expr], variable: sp.Symbol) -> sp.Expr:
    """∂/∂variable + Σ_k ∂/∂step_k · d step_k/d variable."""
    total = sp.diff(expression, variable)
    for symbol in expression.free_symbols & rates.keys():
        if rates[symbol] != 0:
            total += sp.diff(expression, symbol) * rates[symbol]
    return total


def _step_derivative(
    symbol: sp.Symbol,
    step: sp.Expr,
    rates: dict[sp.Symbol, sp.Expr],
    variable: sp.Symbol,
    reciprocals: dict[sp.Expr, sp.Symbol],
) -> sp.Expr:
    if isinstance(step, sp.exp):
        return symbol * _total(step.args[0], rates, variable)
    if isinstance(step, sp.log):
        return _total(step.args[0], rates, variable) * reciprocals[step.args[0]]
    if isinstance(step, sp.Pow):  # only reciprocals are steps
        return -(symbol**2) * _total(1 / step, rates, variable)
    if isinstance(step, (sp.Min, sp.Max)):
        sign = 1 if isinstance(step, sp.Min) else -1
        return sp.Add(*(_total(a, rates, variable) * _is_extreme(a, step.args, sign) for a in step.args))
    return _total(step, rates, variable)


def _is_extreme(argument: sp.Expr, arguments: tuple[sp.Expr, ...], sign: int) -> sp.Expr:
    """1 where the argument is the smallest (sign 1) or the largest (sign −1) of all, ½ where two tie, else 0."""
    return sp.Mul(*(sp.Heaviside(sign * (other - argument)) for other in arguments if other != argument))
