"""A law is a form with its constants: it gives a loss, an optimum, a typeset formula and a line of JavaScript."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import LawError, did_you_mean
from isoflop.laws.algebra import symbol_of, to_sympy
from isoflop.laws.form import Form
from isoflop.laws.printing import javascript_symbol, latex_number, latex_symbol, to_javascript, to_latex

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """A form with its constants.

    constants: one float per parameter of the form. params_convention: how N was counted. loss_unit: unit of the
    result. caution: what a user of this law must know before trusting it. validity: smallest and largest value in the
    source's data, by variable or by C = 6ND, M = D/N or epochs = D/U; see ``isoflop.laws.validity``. data: what those
    data were.

    Raises LawError when constants are missing or not in the form.
    """

    form: Form
    constants: Mapping[str, float]
    name: str = "fitted"
    title: str = ""
    source: str = ""
    params_convention: str = "total"
    loss_unit: str = "nats/token"
    caution: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    validity: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    data: str = ""

    def __post_init__(self) -> None:
        wanted, given = set(self.form.symbols), set(self.constants)
        if wanted != given:
            raise LawError(
                f"The form '{self.form.name}' has the parameters {', '.join(self.form.symbols)}; "
                f"missing: {', '.join(sorted(wanted - given)) or 'none'}; "
                f"unknown: {', '.join(sorted(given - wanted)) or 'none'}. Give each parameter one number."
            )
        object.__setattr__(self, "constants", {name: float(self.constants[name]) for name in self.form.symbols})

    def __call__(self, **variables: ArrayLike) -> Array:
        """The loss at the given variables, broadcast: ``law(N=70e9, D=1.4e12)``.

        Raises LawError when a variable is missing, unknown or not positive.
        """
        return evaluate(self.form, self.constants, check_variables(self.form, variables))

    @property
    def latex(self) -> str:
        """The formula with its constants, typeset."""
        shown = {name: latex_number(f"{value:.4g}") for name, value in self.constants.items()}
        return f"{latex_symbol(self.form.output.symbol)} = {to_latex(self.form.tree, shown)}"

    @property
    def javascript(self) -> str:
        """A JavaScript arrow function of the variables, exact to the last digit of the constants."""
        declarations = " ".join(
            f"const {javascript_symbol(name)} = {value!r};" for name, value in self.constants.items()
        )
        inputs = ", ".join(map(javascript_symbol, self.form.inputs))
        return f"({inputs}) => {{ {declarations} return {to_javascript(self.form.tree)}; }}"


def form_latex(form: Form) -> str:
    """The bare formula, typeset, with its left-hand side, as in L(N, D)."""
    left = f"{latex_symbol(form.output.symbol)}({', '.join(latex_symbol(name) for name in form.inputs)})"
    return f"{left} = {to_latex(form.tree)}"


def form_javascript(form: Form) -> str:
    """A JavaScript arrow function of an object of parameters and the variables: ``($, N, D) => …``.

    The object is called $, which no name of a formula can be.
    """
    own = (name if javascript_symbol(name) == name else f"{name}: {javascript_symbol(name)}" for name in form.symbols)
    unpack = f"const {{ {', '.join(own)} }} = $;"
    return f"($, {', '.join(map(javascript_symbol, form.inputs))}) => {{ {unpack} return {to_javascript(form.tree)}; }}"


def evaluate(form: Form, constants: Mapping[str, ArrayLike], variables: Mapping[str, ArrayLike]) -> Array:
    """The loss for arrays of constants and variables that broadcast against each other.

    constants: one array or number per parameter, for example (draws, 1). variables: one per variable, for example
    (runs,). Overflow gives inf, which a caller can see.
    """
    function = _natural_function(form)
    parameters = [np.asarray(constants[name], dtype=float) for name in form.symbols]
    values = [np.asarray(variables[name], dtype=float) for name in form.inputs]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        result = np.asarray(function(parameters, values), dtype=float)
    return np.broadcast_to(result, np.broadcast_shapes(*(a.shape for a in (*parameters, *values))))


def check_variables(form: Form, variables: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """Variables as positive float arrays. Raises LawError for missing, unknown, non-finite or non-positive ones."""
    known = form.inputs
    for name in variables:
        if name not in known:
            raise LawError(
                f"Unknown variable '{name}' for '{form.formula}'. Known: {', '.join(known)}.{did_you_mean(name, known)}"
            )
    if missing := [name for name in known if name not in variables]:
        raise LawError(
            f"'{form.formula}' also needs {', '.join(missing)}. Give a positive number for each of {', '.join(known)}."
        )
    arrays = {name: np.asarray(variables[name], dtype=float) for name in known}
    for name, array in arrays.items():
        if not np.all(np.isfinite(array) & (array > 0)):
            seen = array[~(np.isfinite(array) & (array > 0))].flat[0]
            raise LawError(f"{name} = {seen:g} is not allowed: {name} must be finite and positive.")
    return arrays


@functools.lru_cache(maxsize=256)
def _natural_function(form: Form) -> Callable[..., Any]:
    arguments = ([symbol_of(form, name) for name in form.symbols], [symbol_of(form, name) for name in form.inputs])
    return sp.lambdify(arguments, to_sympy(form), modules=["numpy"], cse=True)  # type: ignore[no-any-return]
