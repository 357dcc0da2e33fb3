"""Numbers put into a lesson's words: ``{margin_2000:.2f}``, ``{stock:count}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from isoflop.errors import BadInput, did_you_mean
from isoflop.units import format_count, format_duration, format_flops, format_money

_PLACE = re.compile(r"\{([^{}]*)\}")
_NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::([A-Za-z0-9.,+%]*))?")
_DIGITS = re.compile(r"[+]?,?(?:\.\d{1,2})?[efg%]")

FORMATS: dict[str, Callable[[float], str]] = {
    "count": format_count,
    "count2": lambda value: format_count(value, 2),
    "flops": lambda value: format_flops(value, 2).replace("e+", "e"),
    "money": lambda value: format_money(float(f"{value:.2g}")),
    "duration": format_duration,
    "year": lambda value: f"{value:.0f}",
}


def filled(text: str, numbers: Mapping[str, float | str]) -> str:
    """The text with every ``{name}`` and ``{name:format}`` replaced.

    A format is one of FORMATS or digits as Python writes them, such as .2f; without one a number has three digits.
    Raises BadInput for an unknown name, an unknown format, and braces that hold neither.
    """
    return _PLACE.sub(lambda match: _one(match[1], numbers), text)


def number_named(text: str, numbers: Mapping[str, float | str]) -> float:
    """The number that ``{name}`` stands for. Raises BadInput where the text is no such name of a number."""
    match = _PLACE.fullmatch(text.strip())
    value = _value(match[1], numbers) if match else None
    if not isinstance(value, float | int):
        raise BadInput(f"'{text}' is no number. Write a number, or the name of one in braces, such as {{margin_2000}}.")
    return float(value)


def _value(name: str, numbers: Mapping[str, float | str]) -> float | str:
    if name not in numbers:
        raise BadInput(
            f"Unknown number '{name}' in braces; {len(numbers)} are known.{did_you_mean(name, numbers)} Name a known "
            "one, or add it to [values] of the lesson."
        )
    return numbers[name]


def _one(inner: str, numbers: Mapping[str, float | str]) -> str:
    match = _NAMED.fullmatch(inner)
    if not match:
        raise BadInput(f"'{{{inner}}}' is no name of a number. Write {{name}} or {{name:format}}.")
    value, form = _value(match[1], numbers), match[2]
    if isinstance(value, str):
        return value
    if form is None:
        form = ".3g"
    if form in FORMATS:
        return FORMATS[form](value)
    if not _DIGITS.fullmatch(form):
        known = ", ".join(FORMATS)
        raise BadInput(f"Unknown format '{form}' of {{{inner}}}. Allowed: {known}, or digits such as .2f, .3g or .0%.")
    return format(value, form).replace("%", " %").replace("e+", "e").replace("-", "−")
