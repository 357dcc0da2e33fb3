"""The forms as JavaScript that is quick over many draws: ``static/dial/law.js`` says how it is called.

Of each formula three functions are made, straight from its tree:

    constants($)                               what does not change with N, D and U, as numbers in a row
    fill(c, rows, N, D, U, out, from)          the formula of every row of constants, into out
    slopes(c, row, N, D, U, fresh, out)        value, d/d ln N and d/d ln D of one row; fresh: U is D and moves with it

Powers of N and D become exponentials of sums of logarithms, which a browser computes in a third of the time; the last
digits differ, by about 1e-15.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from isoflop.laws.expression import Binary, Call, Name, Negative, Node, Number
from isoflop.laws.form import Form
from isoflop.laws.printing import javascript_symbol, to_javascript

Slope = Literal["N", "D"]
SLOPES: tuple[Slope, Slope] = ("N", "D")
SHORT = re.compile(r"\w+|[0-9.]+|c\[o \+ \d+\]")
"""What needs no name of its own."""


@dataclass(frozen=True)
class Term:
    """A part of a formula. text: its value; slopes: its derivatives by ln N and ln D where they are not zero.

    log: the same of its logarithm, where that is how it is known; text is then empty until it is asked for.
    """

    text: str
    slopes: dict[Slope, str] = field(default_factory=dict)
    log: Term | None = None
    constant: Node | None = None


def forms_javascript(forms: Iterable[Form]) -> str:
    """The module that exports every form by its name."""
    made = {form.name: form for form in forms}
    parts = [f"  {name}: {_functions(form)}," for name, form in made.items()]
    return "\n".join(["export const forms = {", *parts, "};", ""])


def _functions(form: Form) -> str:
    columns: list[str] = []
    plain, with_slopes = _Writer(form, columns, slopes=False), _Writer(form, columns, slopes=True)
    value, whole = plain.value(plain.visit(form.tree)), with_slopes.visit(form.tree)
    known = with_slopes.value(whole)
    own = ", ".join(n if javascript_symbol(n) == n else f"{n}: {javascript_symbol(n)}" for n in form.symbols)
    slopes = [with_slopes.slope(whole, by) or "0" for by in SLOPES]
    width = len(columns)
    return "\n".join(
        [
            f"{{ width: {width},",
            f"    constants: ({{ {own} }}) => [{', '.join(columns)}],",
            "    fill(c, rows, N, D, U, out, from) {",
            "      const lnN = Math.log(N), lnD = Math.log(D), lnU = Math.log(U);",
            "      for (let k = 0, o = 0; k < rows; k += 1, o += " + f"{width}) {{",
            *(f"        {line}" for line in plain.lines),
            f"        out[from + k] = {value};",
            "      }",
            "    },",
            "    slopes(c, row, N, D, U, fresh, out) {",
            f"      const o = row * {width}, dU = fresh ? 1 : 0;",
            "      const lnN = Math.log(N), lnD = Math.log(D), lnU = Math.log(U);",
            *(f"      {line}" for line in with_slopes.lines),
            f"      out[0] = {known}; out[1] = {slopes[0]}; out[2] = {slopes[1]};",
            "    } }",
        ]
    )


class _Writer:
    """Statements for one formula. columns: constants in a row; lines: what is computed at each N and D."""

    def __init__(self, form: Form, columns: list[str], *, slopes: bool) -> None:
        self.form, self.columns, self.slopes = form, columns, slopes
        self.lines: list[str] = []
        self._named: dict[str, str] = {}

    def visit(self, node: Node) -> Term:
        """The term of a part of the formula."""
        if self._is_constant(node):
            return self._constant(node)
        match node:
            case Name(text=text):
                moves: dict[str, dict[Slope, str]] = {"N": {"N": "1"}, "D": {"D": "1"}, "U": {"D": "dU"}}
                return Term(text, log=Term(f"ln{text}", moves[text]))
            case Negative(operand=operand):
                return self._scaled(self.visit(operand), "-1")
            case Binary(operator="+" | "-" as sign, left=left, right=right):
                return self._sum(self.visit(left), self.visit(right), sign)
            case Binary(operator="*" | "/" as sign, left=left, right=right):
                return self._product(self.visit(left), self.visit(right), sign)
            case Binary(operator="**", left=left, right=right):
                return self._power(self.visit(left), self.visit(right))
            case Call(function="exp", arguments=(argument,)):
                return Term("", log=self._settled(self.visit(argument)))
            case Call(function="sqrt", arguments=(argument,)):
                return self._power(self.visit(argument), self._constant(Number(0.5, "0.5")))
            case Call(function="log" | "log10" as function, arguments=(argument,)):
                found = self._log(self.visit(argument))
                return found if function == "log" else self._scaled(found, "Math.LOG10E")
            case Call(function="min" | "max" as function, arguments=arguments):
                return self._extreme(
                    [self.visit(argument) for argument in arguments], "<" if function == "min" else ">"
                )
        raise NotImplementedError(f"{node} is not known in the browser.")  # pragma: no cover

    def value(self, term: Term) -> str:
        """The value of a term as text that may be written more than once."""
        if term.text:
            return term.text
        assert term.log is not None
        return self._name(f"Math.exp({term.log.text})")

    def slope(self, term: Term, by: Slope) -> str:
        """The derivative of a term's value, empty where it is zero."""
        if term.slopes or term.log is None:
            return term.slopes.get(by, "")
        found = self.slope(term.log, by)
        return found and self._name(_times(self.value(term), found))

    def _is_constant(self, node: Node) -> bool:
        match node:
            case Name(text=text):
                return text not in self.form.inputs
            case Negative(operand=operand):
                return self._is_constant(operand)
            case Call(arguments=arguments):
                return all(map(self._is_constant, arguments))
            case Binary(left=left, right=right):
                return self._is_constant(left) and self._is_constant(right)
            case _:
                return True

    def _constant(self, node: Node) -> Term:
        if isinstance(node, Number):
            return Term(repr(node.value), constant=node)
        return Term(self._column(to_javascript(node)), constant=node)

    def _column(self, text: str) -> str:
        if text not in self.columns:
            self.columns.append(text)
        return f"c[o + {self.columns.index(text)}]"

    def _positive(self, node: Node) -> bool:
        """Whether a constant cannot but be above zero."""
        match node:
            case Number(value=value):
                return value > 0
            case Name(text=text):
                return next(p.kind for p in self.form.parameters if p.symbol == text) == "scale"
            case Binary(operator="+" | "*" | "/", left=left, right=right):
                return self._positive(left) and self._positive(right)
            case Binary(operator="**", left=left):
                return self._positive(left)
            case Call(function="exp"):
                return True
            case _:
                return False

    def _known_log(self, term: Term) -> Term | None:
        """The logarithm where it costs nothing: of a power of a variable, and of a constant that is above zero."""
        if term.constant is not None and self._positive(term.constant):
            return Term(self._column(f"Math.log({to_javascript(term.constant)})"))
        return term.log

    def _log(self, term: Term) -> Term:
        known = self._known_log(term)
        if known is not None:
            return known
        text = self.value(term)
        return Term(self._name(f"Math.log({text})"), self._each(lambda by: _over(self.slope(term, by), text)))

    def _settled(self, term: Term) -> Term:
        """A term with its value and slopes written out."""
        if term.text and term.log is None:
            return term
        return Term(self.value(term), self._each(lambda by: self.slope(term, by)))

    def _each(self, slope_of: Callable[[Slope], str]) -> dict[Slope, str]:
        if not self.slopes:
            return {}
        return {by: self._name(text) for by in SLOPES if (text := slope_of(by))}

    def _name(self, text: str) -> str:
        if SHORT.fullmatch(text):
            return text
        if text not in self._named:
            self._named[text] = f"v{len(self._named)}"
            self.lines.append(f"const {self._named[text]} = {text};")
        return self._named[text]

    def _sum(self, left: Term, right: Term, sign: str) -> Term:
        text = self._name(f"{self.value(left)} {sign} {self.value(right)}")
        return Term(text, self._each(lambda by: _plus(self.slope(left, by), self.slope(right, by), sign)))

    def _scaled(self, term: Term, factor: str) -> Term:
        text = self._name(f"{factor} * {self.value(term)}")
        return Term(text, self._each(lambda by: (s := self.slope(term, by)) and _times(factor, s)))

    def _product(self, left: Term, right: Term, sign: str) -> Term:
        logs = self._known_log(left), self._known_log(right)
        if logs[0] is not None and logs[1] is not None:
            return Term("", log=self._sum(logs[0], logs[1], "+" if sign == "*" else "-"))
        a, b = self.value(left), self.value(right)
        text = self._name(f"{a} {sign} {b}")

        def slope(by: Slope) -> str:
            one, other = self.slope(left, by), self.slope(right, by)
            if sign == "*":
                return _plus(one and _times(one, b), other and _times(a, other), "+")
            return _plus(_over(one, b), other and _over(_times(text, other), b), "-")

        return Term(text, self._each(slope))

    def _power(self, base: Term, exponent: Term) -> Term:
        log = self._log(base)
        if exponent.constant is not None:
            return Term("", log=self._times_constant(log, exponent.text))
        return Term("", log=self._settled(self._product(Term(log.text, log.slopes), self._settled(exponent), "*")))

    def _times_constant(self, log: Term, factor: str) -> Term:
        text = self._name(f"{factor} * {log.text}")
        return Term(text, self._each(lambda by: (s := self.slope(log, by)) and _times(factor, s)))

    def _extreme(self, terms: list[Term], sign: str) -> Term:
        """The least or the largest; where two are level the first one's slopes."""
        best, *others = map(self._settled, terms)
        for other in others:
            wins = self._name(f"{other.text} {sign} {best.text}")
            text = self._name(f"{wins} ? {other.text} : {best.text}")
            here, there = best, other

            def slope(by: Slope, here: Term = here, there: Term = there, wins: str = wins) -> str:
                one, two = here.slopes.get(by, ""), there.slopes.get(by, "")
                return f"{wins} ? {two or '0'} : {one or '0'}" if one or two else ""

            best = Term(text, self._each(slope))
        return best


def _times(a: str, b: str) -> str:
    return b if a == "1" else a if b == "1" else f"{a} * {b}"


def _over(a: str, b: str) -> str:
    return f"{a} / {b}" if a else ""


def _plus(a: str, b: str, sign: str) -> str:
    if a and b:
        return f"{a} {sign} {b}"
    return a or (b if sign == "+" or not b else f"-{b}")
