"""A formula tree as LaTeX and as JavaScript, in the order in which it was written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from isoflop.laws.expression import Binary, Call, Name, Negative, Node, Number

_GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda"),
        *("mu", "nu", "xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
    )
)
_LOOSENESS = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 4}
_SIGNED = 3
_ATOM = 5


def latex_symbol(name: str) -> str:
    """``alpha_N`` -> ``\\alpha_{N}``, ``E`` -> ``E``, ``Nc`` -> ``N_{c}``, ``gamma`` -> ``\\gamma``."""
    head, _, rest = name.partition("_")
    if not rest and head not in _GREEK and (match := re.fullmatch(r"([A-Z]|[a-z]+?)([a-z]|[A-Z]|\d+)", head)):
        head, rest = match.groups()
    shown = f"\\{head}" if head in _GREEK else head if len(head) == 1 else f"\\mathrm{{{head}}}"
    if not rest:
        return shown
    sub = rest if len(rest) == 1 or rest.isdigit() else f"\\mathrm{{{rest}}}"
    return f"{shown}_{{{sub}}}".replace("\\mathrm{_", "\\mathrm{")


def to_latex(node: Node, values: Mapping[str, str] | None = None) -> str:
    """Typeset a formula; ``values`` replaces names by text (a law shows its constants so)."""
    match node:
        case Number(text=text):
            return latex_number(text)
        case Name(text=text):
            return (values or {}).get(text, latex_symbol(text))
        case Negative(operand=operand):
            return f"-{_latex_in(operand, _SIGNED, values)}"
        case Call(function="sqrt", arguments=(argument,)):
            return rf"\sqrt{{{to_latex(argument, values)}}}"
        case Call(function="log10", arguments=(argument,)):
            return rf"\log_{{10}}\left({to_latex(argument, values)}\right)"
        case Call(function=function, arguments=arguments):
            return rf"\{function}\left({', '.join(to_latex(a, values) for a in arguments)}\right)"
        case Binary(operator="/", left=left, right=right):
            return rf"\frac{{{to_latex(left, values)}}}{{{to_latex(right, values)}}}"
        case Binary(operator="**", left=left, right=right):
            return f"{_latex_in(left, _ATOM, values)}^{{{to_latex(right, values)}}}"
        case Binary(operator="*", left=left, right=right):
            dot = r" \cdot " if values or isinstance(right, Number) else r" \, "
            return f"{_latex_in(left, 2, values)}{dot}{_latex_in(right, 2, values)}"
        case Binary(operator=operator, left=left, right=right):
            tight = 2 if operator == "-" else 1
            return f"{to_latex(left, values)} {operator} {_latex_in(right, tight, values)}"


def latex_number(text: str) -> str:
    """``1.5e13`` -> ``1.5 \\times 10^{13}``."""
    match = re.fullmatch(r"([^eE]+)[eE]([+-]?\d+)", text)
    return rf"{match.group(1)} \times 10^{{{int(match.group(2))}}}" if match else text


_TAKEN = frozenset(
    (
        *("Math", "arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger", "default"),
        *("delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally", "for", "function", "if"),
        *("implements", "import", "in", "instanceof", "interface", "let", "new", "null", "package", "private"),
        *("protected", "public", "return", "static", "super", "switch", "this", "throw", "true", "try", "typeof"),
        *("var", "void", "while", "with", "yield"),
    )
)


def javascript_symbol(name: str) -> str:
    """The identifier for a name: the name itself, with a dollar sign behind the words that JavaScript keeps."""
    return f"{name}$" if name in _TAKEN else name


def to_javascript(node: Node) -> str:
    """The formula as a JavaScript expression over identifiers as ``javascript_symbol`` writes them."""
    match node:
        case Number(value=value):
            return repr(value)
        case Name(text=text):
            return javascript_symbol(text)
        case Negative(operand=operand):
            return f"(-{to_javascript(operand)})"
        case Call(function=function, arguments=arguments):
            return f"Math.{function}({', '.join(map(to_javascript, arguments))})"
        case Binary(operator="**", left=left, right=right):
            return f"Math.pow({to_javascript(left)}, {to_javascript(right)})"
        case Binary(operator=operator, left=left, right=right):
            return f"({to_javascript(left)} {operator} {to_javascript(right)})"


def _latex_in(node: Node, tightest: int, values: Mapping[str, str] | None) -> str:
    text = to_latex(node, values)
    return text if _tightness(node) >= tightest else rf"\left({text}\right)"


def _tightness(node: Node) -> int:
    match node:
        case Binary(operator="/"):
            return 4  # a fraction bar groups by itself, but not as the base of a power
        case Binary(operator=operator):
            return _LOOSENESS[operator]
        case Negative():
            return _SIGNED
        case _:
            return _ATOM
