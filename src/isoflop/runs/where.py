"""A row filter such as ``kept_240 and params > 100M``: parsed here, never evaluated as code.

    filter     = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation   = "not" negation | "(" filter ")" | test
    test       = column                          a column of truth values
               | value COMPARE value             == != < <= > >=
               | column ["not"] "in" "(" literal { "," literal } ")"
    value      = column | literal
    literal    = a number (1e9, 1.3B), 'text', "text", true or false

A column name that is not one word is written in backquotes. A row whose value is unknown meets no comparison, and no
negation of one either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from isoflop.errors import FormulaError, QuantityError, RunsError, did_you_mean
from isoflop.units import parse_count

LONGEST = 2000  # characters; and 50 levels: far above any filter a person writes, far below Python's recursion limit
DEEPEST = 50

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[A-Za-z]?(?![\w.]))
  | (?P<word>[A-Za-z_][\w.]*)
  | `(?P<quoted>[^`]*)`
  | (?P<text>"[^"]*"|'[^']*')
  | (?P<mark>==|!=|<=|>=|<|>|\(|\)|,|-)
    )""",
    re.VERBOSE,
)
_KEYWORDS = ("and", "or", "not", "in", "true", "false")
_COMPARE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_HINTS = {"=": "Write == to compare.", "&": "Write and.", "|": "Write or.", "!": "Write not, or != to compare."}


def filter_rows(frame: pl.DataFrame, expression: str, source: str) -> tuple[pl.DataFrame, str]:
    """The rows for which the filter is true, and a note that says how many. Raises RunsError when none is left."""
    mask = row_mask(frame, expression)
    if not mask.any():
        raise RunsError(
            f"The filter '{expression}' keeps none of the {frame.height} rows of {source}. At least one is needed. "
            "Loosen the filter."
        )
    return frame.filter(pl.Series(mask)), f"The filter '{expression}' keeps {mask.sum()} of {frame.height} rows."


def row_mask(frame: pl.DataFrame, expression: str) -> npt.NDArray[np.bool_]:
    """Whether the filter is true, shape (rows,). Raises FormulaError with the position of a fault."""
    condition = _Parser(expression, frame.schema).parse()
    kept = frame.select(condition.fill_null(False).alias("kept"))["kept"].to_numpy().astype(np.bool_)
    return np.broadcast_to(kept, frame.height)  # a filter without a column, such as 1 < 2, is one value


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class _Operand:
    """A column or a literal, with what it holds: number, text, truth or other."""

    expr: pl.Expr
    holds: str
    position: int
    text: str


class _Parser:
    """Recursive descent over the grammar above; one use."""

    def __init__(self, expression: str, schema: pl.Schema) -> None:
        self.expression = expression
        self.schema = schema
        self.at = 0
        self.depth = 0
        self.tokens = self._split()

    def parse(self) -> pl.Expr:
        condition = self._any_of()
        if self._now().kind != "end":
            raise self._fault(f"'{self._now().text}' is not expected here. Join tests with and, or.")
        return condition

    def _split(self) -> list[_Token]:
        if len(self.expression) > LONGEST:
            raise FormulaError(
                f"The filter has {len(self.expression)} characters; at most {LONGEST} are read. Shorten it.", "", 0
            )
        tokens, end = [], 0
        text = self.expression.rstrip()
        while end < len(text):
            match = _TOKEN.match(text, end)
            if match is None:
                start = end + len(text[end:]) - len(text[end:].lstrip())
                raise FormulaError(
                    f"'{text[start]}' cannot be read in a filter. Allowed: columns, numbers, quoted text, "
                    f"== != < <= > >=, in, and, or, not, parentheses. {_HINTS.get(text[start], 'Remove it.')}",
                    self.expression,
                    start,
                )
            kind = str(match.lastgroup)
            word = match.group(kind)
            tokens.append(_Token("keyword" if kind == "word" and word in _KEYWORDS else kind, word, match.start(kind)))
            end = match.end()
        return [*tokens, _Token("end", "the end", len(text))]

    def _now(self) -> _Token:
        return self.tokens[self.at]

    def _take(self, *texts: str) -> bool:
        token = self._now()
        if token.kind in ("keyword", "mark") and token.text in texts:
            self.at += 1
            return True
        return False

    def _fault(self, message: str, position: int | None = None) -> FormulaError:
        return FormulaError(message, self.expression, self._now().position if position is None else position)

    def _any_of(self) -> pl.Expr:
        condition = self._all_of()
        while self._take("or"):
            condition = condition | self._all_of()
        return condition

    def _all_of(self) -> pl.Expr:
        condition = self._negation()
        while self._take("and"):
            condition = condition & self._negation()
        return condition

    def _negation(self) -> pl.Expr:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._fault(f"More than {DEEPEST} levels of not and parentheses. Write a flatter filter.")
        if self._take("not"):
            condition = ~self._negation()
        elif self._take("("):
            condition = self._any_of()
            if not self._take(")"):
                raise self._fault("A parenthesis is not closed. Add ).")
        else:
            condition = self._test()
        self.depth -= 1
        return condition

    def _test(self) -> pl.Expr:
        left = self._operand()
        sign = self._now()
        if self._take(*_COMPARE):
            condition = self._comparison(left, sign)
        elif sign.text in ("in", "not") and sign.kind == "keyword":
            condition = self._membership(left)
        elif left.holds == "truth":
            return left.expr
        else:
            raise self._fault(
                f"'{left.text}' holds {left.holds}, not true or false. Compare it, as in {left.text} > 1.",
                left.position,
            )
        if self._now().text in _COMPARE:
            raise self._fault("One comparison at a time. Write 1 < x and x < 3 for 1 < x < 3.")
        return condition

    def _comparison(self, left: _Operand, sign: _Token) -> pl.Expr:
        right = self._operand()
        self._alike(left, right)
        if left.holds == "truth" and sign.text not in ("==", "!="):
            raise self._fault("True and false have no order. Compare them with == or !=.", sign.position)
        return _COMPARE[sign.text](left.expr, right.expr)

    def _membership(self, left: _Operand) -> pl.Expr:
        negated = self._take("not")
        if not self._take("in"):
            raise self._fault("Expected in after not. Write x not in (1, 2).")
        if not self._take("("):
            raise self._fault("Expected ( after in. Write x in (1, 2).")
        condition = self._equals_next(left)
        while self._take(","):
            condition = condition | self._equals_next(left)
        if not self._take(")"):
            raise self._fault("Expected , or ) in the list after in. Separate values with commas and close it with ).")
        return ~condition if negated else condition

    def _equals_next(self, left: _Operand) -> pl.Expr:
        right = self._operand()
        self._alike(left, right)
        return left.expr == right.expr

    def _alike(self, left: _Operand, right: _Operand) -> None:
        if left.holds != right.holds or left.holds == "other":
            raise self._fault(
                f"'{left.text}' holds {left.holds} and '{right.text}' holds {right.holds}. "
                "Both sides must hold the same: numbers are written bare (1.3B), text in quotes ('cosine').",
                right.position,
            )

    def _operand(self) -> _Operand:
        token = self._now()
        if self._take("-"):
            number = self._now()
            if number.kind != "number":
                raise self._fault("Expected a number after -. There is no arithmetic in a filter.")
            self.at += 1
            return _Operand(pl.lit(-self._number(number)), "number", token.position, f"-{number.text}")
        self.at += 1
        if token.kind == "number":
            return _Operand(pl.lit(self._number(token)), "number", token.position, token.text)
        if token.kind == "text":
            return _Operand(pl.lit(token.text[1:-1]), "text", token.position, token.text)
        if token.kind == "keyword" and token.text in ("true", "false"):
            return _Operand(pl.lit(token.text == "true"), "truth", token.position, token.text)
        if token.kind in ("word", "quoted"):
            return self._column(token)
        raise self._fault(
            f"Expected a column or a value, found {token.text}. Write a test such as N > 1e8.", token.position
        )

    def _number(self, token: _Token) -> float:
        try:
            return parse_count(token.text, "a number")
        except QuantityError as error:
            raise self._fault(str(error), token.position) from None

    def _column(self, token: _Token) -> _Operand:
        if token.text not in self.schema:
            known = ", ".join(list(self.schema)[:40])
            raise self._fault(
                f"Unknown column '{token.text}'. Known: {known}.{did_you_mean(token.text, self.schema)} "
                "Text is written in quotes, a name of several words in backquotes.",
                token.position,
            )
        dtype = self.schema[token.text]
        expr = pl.col(token.text)
        if dtype.is_numeric():
            # Polars counts NaN as larger than any number; here it is unknown.
            return _Operand(expr.cast(pl.Float64).fill_nan(None), "number", token.position, token.text)
        holds = {pl.String: "text", pl.Boolean: "truth"}.get(type(dtype), "other")
        return _Operand(expr, holds, token.position, token.text)
