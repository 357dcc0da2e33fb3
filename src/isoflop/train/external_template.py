"""Command templates: ``torchrun train.py --width {width} --lr {lr:.3g} --out {dir}``.

A template is split into arguments as a shell would split it, and only then filled: a value with spaces or quotes stays
inside its argument, and no shell ever reads it. Fields are Python's format fields by plain names; ``{{`` and ``}}`` are
braces.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from string import Formatter

from isoflop.errors import SpecError, did_you_mean

Value = str | int | float | bool
_LARGEST_EXACT = 2**53


def split(command: str | Sequence[str]) -> tuple[str, ...]:
    """The arguments of a command, unfilled. Raises SpecError for an empty one or a quote that is not closed."""
    try:
        words = tuple(shlex.split(command)) if isinstance(command, str) else tuple(map(str, command))
    except ValueError as error:
        raise SpecError(
            f"The command {command!r} cannot be split into arguments: {error}. Close the quote, or give a list of "
            "arguments."
        ) from None
    if not words or not words[0]:
        raise SpecError('The command is empty. Give one, such as "python train.py --width {width} --out {dir}".')
    return words


def fields_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The fields that templates use, each once, in their order. Raises SpecError for a brace that is neither a field
    nor doubled."""
    return tuple(dict.fromkeys(field for text in texts for _, field, _, _ in _pieces(text) if field is not None))


def refuse_unknown(texts: Iterable[str], known: Iterable[str], wanting: Mapping[str, str]) -> None:
    """Raises SpecError, with the known fields, for a field that will have no value. wanting: fields that would have one
    if something else were given, and what."""
    names = sorted(known)
    for field in fields_of(texts):
        if field in wanting:
            raise SpecError(f"The command has the field {{{field}}}, which needs {wanting[field]}. Give that too.")
        if field not in names:
            shown = field or "an empty name"
            raise SpecError(
                f"The command has the field {{{field}}}, but nothing gives {shown} a value. Known: "
                f"{', '.join(names)}.{did_you_mean(field, names)} A brace that is meant as such is doubled: {{{{ }}}}."
            )


def fill(text: str, values: Mapping[str, Value]) -> str:
    """A template with its fields replaced. Raises SpecError for a format that does not fit its value."""
    filled = []
    for literal, field, form, conversion in _pieces(text):
        filled.append(literal)
        if field is None:
            continue
        if conversion:
            raise SpecError(f"The field {{{field}!{conversion}}} has a conversion. Write {{{field}}}.")
        filled.append(_worded(field, values[field], form or ""))
    return "".join(filled)


def fill_all(words: Sequence[str], values: Mapping[str, Value]) -> tuple[str, ...]:
    """Arguments with their fields replaced; one that is a field alone and whose value is empty is left out."""
    filled = [(word, fill(word, values)) for word in words]
    return tuple(text for word, text in filled if text or not word)


def _worded(field: str, value: Value, form: str) -> str:
    """Whole numbers without a point or an exponent, since few argument parsers read 1e9 as a whole number."""
    if form:
        try:
            return format(value, form)
        except (ValueError, TypeError) as error:
            raise SpecError(
                f"The field {{{field}:{form}}} does not fit {value!r}: {error}. Write {{{field}}}."
            ) from None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return str(int(value))
    return str(value)


def _pieces(text: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(Formatter().parse(text))
    except ValueError as error:
        raise SpecError(
            f"The argument {text!r} of the command has a brace that is no field: {error}. Write {{name}} for a field, "
            "and {{ or }} for a brace."
        ) from None
