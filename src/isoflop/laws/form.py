"""A form is a formula with its variables and parameters declared: what we suppose, before any data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from isoflop.errors import FormulaError, did_you_mean
from isoflop.laws.expression import FUNCTIONS, Binary, Call, Name, Node, children, names, parse

Kind = Literal["offset", "scale", "exponent", "real"]
"""How a parameter behaves, which decides its bounds, its scaling and where the solver starts.

offset: a loss that is added, zero or more (E). scale: strictly positive, fitted in its logarithm (A, N_c).
exponent: zero or more (alpha). real: any number.
"""


@dataclass(frozen=True, slots=True)
class Variable:
    """A quantity that a run has. ``column`` is its name in a table of runs; all are positive.

    low, high: where the runs of a usual ladder lie, for examples; not bounds.
    """

    symbol: str
    column: str
    unit: str
    meaning: str
    low: float = 1.0
    high: float = 1e3


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constant that a fit finds. ``low`` and ``high`` are where published values and sane starts lie, not bounds."""

    symbol: str
    kind: Kind
    low: float
    high: float
    meaning: str = ""
    unit: str = ""


PLAUSIBLE: dict[Kind, tuple[float, float]] = {
    "offset": (0.0, 5.0),
    "scale": (1e-3, 1e15),
    "exponent": (0.03, 1.2),
    "real": (-2.0, 2.0),
}
"""Default plausible ranges; published exponents of language models lie between 0.05 (Kaplan's C) and 0.7."""

STANDARD_VARIABLES: dict[str, Variable] = {
    variable.symbol: variable
    for variable in (
        Variable("N", "params", "parameters", "model parameters, by the run table's convention", 1e7, 1e10),
        Variable("D", "tokens", "tokens", "training tokens seen", 1e9, 1e12),
        Variable("C", "flops", "FLOP", "training compute", 1e17, 1e22),
        Variable("U", "unique_tokens", "tokens", "distinct training tokens", 1e9, 1e11),
    )
}

LOSS = Variable("L", "loss", "nats/token", "held-out cross-entropy", 1.5, 5.0)


@dataclass(frozen=True)
class Form:
    """A formula for the loss, such as ``Form("E + A/N**alpha + B/D**beta")``, or for another ``output``.

    formula: text by the grammar of ``isoflop.laws.expression``. Names that are variables (N, D, C, U, or those in
    ``variables``) come from the runs; every other name is a parameter. Parameters not declared in ``parameters`` get
    a kind from their place in the formula.

    output: what the formula gives: the loss, or for example the best learning rate. A table to be fitted holds it in
    the column of the output. topic: the group of the catalogue it belongs to.

    Raises FormulaError, with the position of the fault, for text that is malformed, has no variable or no parameter,
    or names something that cannot be fitted.
    """

    formula: str
    name: str = "custom"
    parameters: tuple[Parameter, ...] = ()
    variables: tuple[Variable, ...] = ()
    title: str = ""
    source: str = ""
    about: str = ""
    when_not: str = ""
    topic: str = "your-own"
    output: Variable = LOSS

    def __post_init__(self) -> None:
        tree = parse(self.formula)
        known = {**STANDARD_VARIABLES, **{variable.symbol: variable for variable in self.variables}}
        used = names(tree)
        _refuse_unfittable(self.formula, tree, known)
        variables = tuple(known[name] for name in used if name in known)
        if not variables:
            first = next(iter(used.items()), ("", 0))
            raise FormulaError(
                f"The formula has no variable. Known variables: {', '.join(known)}.{did_you_mean(first[0], known)}",
                self.formula,
                first[1],
            )
        declared = {parameter.symbol: parameter for parameter in self.parameters}
        symbols = [name for name in used if name not in known]
        object.__setattr__(self, "variables", variables)
        object.__setattr__(
            self, "parameters", tuple(declared.get(symbol) or _infer(tree, symbol, set(known)) for symbol in symbols)
        )

    @property
    def tree(self) -> Node:
        return parse(self.formula)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The parameters' names, in order of appearance."""
        return tuple(parameter.symbol for parameter in self.parameters)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The variables' symbols, in order of appearance."""
        return tuple(variable.symbol for variable in self.variables)

    @property
    def columns(self) -> dict[str, str]:
        """Variable symbol -> column of the run table."""
        return {variable.symbol: variable.column for variable in self.variables}

    def __str__(self) -> str:
        return f"{self.name}: {self.formula}"


def _infer(tree: Node, symbol: str, variables: set[str]) -> Parameter:
    kind = _kind(tree, symbol, variables)
    low, high = PLAUSIBLE[kind]
    return Parameter(symbol, kind, low, high)


def _kind(tree: Node, symbol: str, variables: set[str]) -> Kind:
    """Guess a kind from where a parameter stands; anything inside exp or log, or in doubt, is real."""
    places = set(_places(tree, symbol, variables, top=True))
    if places == {"exponent"}:
        return "exponent"
    if places == {"offset"}:
        return "offset"
    if places and places <= {"scale", "base"}:
        return "scale"
    return "real"


def _places(node: Node, symbol: str, variables: set[str], *, top: bool) -> Iterator[str]:
    if isinstance(node, Name):
        if node.text == symbol:
            yield "offset" if top else "scale"
    elif isinstance(node, Call):
        if symbol in names(node):
            yield "inside a function"
    elif isinstance(node, Binary) and node.operator == "**":
        if symbol in names(node.right):
            yield "exponent" if not _has_call(node.right) else "inside a function"
        if symbol in names(node.left):
            yield from _base_places(node.left, symbol, variables)
    elif isinstance(node, Binary) and node.operator in "+-":
        for part in (node.left, node.right):
            yield from _places(part, symbol, variables, top=top)
    elif isinstance(node, Binary):
        for part in (node.left, node.right):
            yield from _factor_places(part, symbol, variables, node)
    else:
        for part in children(node):
            if symbol in names(part):
                yield "negated"


def _factor_places(part: Node, symbol: str, variables: set[str], whole: Node) -> Iterator[str]:
    if isinstance(part, Name) and part.text == symbol:
        yield "scale" if _has_power(whole) or (names(whole).keys() & variables and not _has_call(whole)) else "factor"
    else:
        yield from _places(part, symbol, variables, top=False)


def _base_places(base: Node, symbol: str, variables: set[str]) -> Iterator[str]:
    """Inside the base of a power everything that is positive must be: N_c in (N_c/N)**alpha, A in (A/N**a + …)**k."""
    for place in _places(base, symbol, variables, top=False):
        yield "base" if place in ("scale", "offset", "factor") else place


def _has_call(node: Node) -> bool:
    return isinstance(node, Call) or any(_has_call(part) for part in children(node))


def _has_power(node: Node) -> bool:
    if isinstance(node, Binary) and node.operator == "**":
        return True
    return any(_has_power(part) for part in children(node))


def _refuse_unfittable(formula: str, tree: Node, variables: Mapping[str, Variable]) -> None:
    """A lone constant to a constant power, as in B/X**beta, is a mistyped variable, not something to fit."""
    stack = [tree]
    while stack:
        node = stack.pop()
        stack.extend(children(node))
        if not (isinstance(node, Binary) and node.operator == "**" and isinstance(node.left, Name)):
            continue
        lone = node.left
        if lone.text not in variables and names(node.right) and not names(node.right).keys() & variables:
            raise FormulaError(
                f"Unknown variable '{lone.text}': a constant to a fitted power cannot be told from another constant. "
                f"Known variables: {', '.join(variables)}." + did_you_mean(lone.text, variables),
                formula,
                lone.position,
            )
    for name, position in names(tree).items():
        if name in FUNCTIONS:
            raise FormulaError(f"'{name}' is a function and needs '('.", formula, position)
