"""A formula as text: read by a whitelist of names and operators, never evaluated.

Grammar, loosest first::

    sum     := product (("+" | "-") product)*
    product := signed (("*" | "/") signed)*
    signed  := ("+" | "-") signed | power
    power   := atom (("**" | "^") signed)?
    atom    := number | name | function "(" sum ("," sum)* ")" | "(" sum ")"

The tree is then turned into SymPy (``to_sympy``), JavaScript and LaTeX (see the modules beside this one).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from isoflop.errors import FormulaError, did_you_mean

FUNCTIONS: dict[str, tuple[int, int]] = {
    "exp": (1, 1),
    "log": (1, 1),
    "log10": (1, 1),
    "sqrt": (1, 1),
    "min": (2, 4),
    "max": (2, 4),
}
"""Allowed functions with the fewest and most arguments each takes. ``log`` is natural."""

LONGEST_FORMULA = 1000
DEEPEST_NESTING = 60


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negative:
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str  # one of + - * / **
    left: Node
    right: Node


Node = Number | Name | Call | Negative | Binary

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<op>\*\*|[-+*/^(),]))"
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # number, name, op or end
    text: str
    position: int


def parse(formula: str) -> Node:
    """Read a formula such as ``E + A/N**alpha + B/D**beta``.

    Raises FormulaError with the position of the fault.
    """
    if len(formula) > LONGEST_FORMULA:
        raise FormulaError(
            f"The formula has {len(formula)} characters; at most {LONGEST_FORMULA} are read. Shorten it.",
            formula[:60] + " …",
            0,
        )
    return _Parser(formula).parse()


def names(node: Node) -> dict[str, int]:
    """Every name in the formula with the position of its first use, in order of appearance."""
    found: dict[str, int] = {}
    stack: list[Node] = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, Name):
            found.setdefault(here.text, here.position)
        else:
            stack.extend(reversed(children(here)))
    return found


def children(node: Node) -> tuple[Node, ...]:
    """The parts a node is made of."""
    match node:
        case Call(arguments=arguments):
            return arguments
        case Negative(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case _:
            return ()


class _Parser:
    def __init__(self, formula: str) -> None:
        self.formula = formula
        self.tokens = self._split()
        self.index = 0
        self.depth = 0

    def parse(self) -> Node:
        if self.here.kind == "end":
            raise self._fault("The formula is empty. Write one such as E + A/N**alpha + B/D**beta.")
        node = self._sum()
        if self.here.kind != "end":
            raise self._fault(f"Expected an operator or the end, found {self.here.text!r}.")
        return node

    @property
    def here(self) -> _Token:
        return self.tokens[self.index]

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        end = len(self.formula.rstrip())
        while position < end:
            match = _TOKEN.match(self.formula, position)
            if not match:
                at = position + len(self.formula[position:]) - len(self.formula[position:].lstrip())
                raise FormulaError(
                    f"{self.formula[at]!r} is not allowed in a formula. Allowed: numbers, names, "
                    f"+ - * / ** ( ) and the functions {', '.join(FUNCTIONS)}.",
                    self.formula,
                    at,
                )
            kind = match.lastgroup or "op"
            tokens.append(_Token(kind, match.group(kind).replace("^", "**"), match.start(kind)))
            position = match.end()
        return [*tokens, _Token("end", "", end)]

    def _fault(self, message: str, position: int | None = None) -> FormulaError:
        return FormulaError(message, self.formula, self.here.position if position is None else position)

    def _take(self, *texts: str) -> str | None:
        if self.here.kind == "op" and self.here.text in texts:
            text = self.here.text
            self.index += 1
            return text
        return None

    def _sum(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            raise self._fault(f"The formula nests deeper than {DEEPEST_NESTING} levels. Simplify it.")
        node = self._product()
        while operator := self._take("+", "-"):
            node = Binary(operator, node, self._product())
        self.depth -= 1
        return node

    def _product(self) -> Node:
        node = self._signed()
        while operator := self._take("*", "/"):
            node = Binary(operator, node, self._signed())
        return node

    def _signed(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            raise self._fault(f"The formula nests deeper than {DEEPEST_NESTING} levels. Simplify it.")
        sign = self._take("+", "-")
        node = self._signed() if sign else self._power()
        self.depth -= 1
        return Negative(node) if sign == "-" else node

    def _power(self) -> Node:
        base = self._atom()
        return Binary("**", base, self._signed()) if self._take("**") else base

    def _atom(self) -> Node:
        token = self.here
        if token.kind == "end":
            raise self._fault("The formula ends where a number, a name or '(' is expected.")
        self.index += 1
        if token.kind == "number":
            if not math.isfinite(float(token.text)):
                raise self._fault(f"{token.text} is too large for a number.", token.position)
            return Number(float(token.text), token.text)
        if token.kind == "name":
            return self._call(token) if self.here.text == "(" else Name(token.text, token.position)
        if token.text == "(":
            node = self._sum()
            self._close(token.position)
            return node
        raise self._fault(f"Expected a number, a name or '(', found {token.text!r}.", token.position)

    def _call(self, token: _Token) -> Node:
        if token.text not in FUNCTIONS:
            raise self._fault(
                f"Unknown function '{token.text}'. Allowed: {', '.join(FUNCTIONS)}."
                + did_you_mean(token.text, FUNCTIONS)
                + " To multiply, write an asterisk.",
                token.position,
            )
        self._take("(")
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        self._close(token.position)
        fewest, most = FUNCTIONS[token.text]
        if not fewest <= len(arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise self._fault(f"{token.text} takes {wanted} argument(s), found {len(arguments)}.", token.position)
        return Call(token.text, tuple(arguments))

    def _close(self, opened: int) -> None:
        if not self._take(")"):
            raise self._fault(f"The parenthesis opened at position {opened + 1} is not closed here.")
