"""Tables of a ladder file, read key by key: what is not asked for is refused by name, with the table it stands in."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from isoflop.errors import QuantityError, SpecError, did_you_mean
from isoflop.units import parse_count

Value = TypeVar("Value")
Default = TypeVar("Default")


class Table:
    """One table of the file. title: how messages name it, as in ``[design] of ladder.toml``."""

    def __init__(self, title: str, values: Any, also: Sequence[str] = ()) -> None:
        if not isinstance(values, Mapping):
            raise SpecError(f"{title} is {values!r}, not a table. Write it as a heading with keys below it.")
        self.title = title
        self._values = dict(values)
        self._known: list[str] = list(also)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def take(self, name: str, read: Callable[[str, Any], Value], default: Default) -> Value | Default:
        """The value of a key as ``read(where, value)`` reads it, or the default where the key is absent."""
        self._known.append(name)
        if name not in self._values:
            return default
        return read(f"{name} in {self.title}", self._values.pop(name))

    def rest(self) -> dict[str, Any]:
        """All keys that were not taken."""
        left, self._values = self._values, {}
        return left

    def finish(self) -> None:
        """Raise SpecError when keys are left that nobody asked for: unknown ones, or known ones out of place."""
        for name in self._values:
            refuse_key(name, self._known, self.title)
            raise self.refuse(f"'{name}' does not go with the other keys there. Leave it out, or choose between them.")

    def refuse(self, message: str) -> SpecError:
        """An error about this table, to be raised."""
        return SpecError(f"{self.title}: {message}")


def refuse_key(name: str, known: Sequence[str], title: str) -> None:
    """Raise SpecError for a key that is none of the known ones."""
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f" Did you mean '{close[0]}'?" if close else did_you_mean(name, known)
        raise SpecError(f"Unknown key '{name}' in {title}. Known: {', '.join(dict.fromkeys(known))}.{hint}")


def text(where: str, value: Any) -> str:
    """Words, not empty."""
    if not isinstance(value, str) or not value.strip():
        raise SpecError(f"{where} is {value!r}. Write text in quotes.")
    return value


def count(where: str, value: Any) -> float:
    """A positive quantity: 524288, "0.5M", "2.6M tokens"."""
    number = _number(where, value, 'a number such as 524288 or "0.5M"')
    if number <= 0:
        raise SpecError(f"{where} is {value!r}. Allowed: above 0.")
    return number


def whole(where: str, value: Any) -> int:
    """A whole number from 0 up."""
    number = _number(where, value, "a whole number")
    if number < 0 or not number.is_integer():
        raise SpecError(f"{where} is {value!r}. Allowed: a whole number from 0 up.")
    return int(number)


def at_least_one(where: str, value: Any) -> int:
    """A whole number from 1 up."""
    if (number := whole(where, value)) < 1:
        raise SpecError(f"{where} is {value!r}. Allowed: a whole number from 1 up.")
    return number


def several(read: Callable[[str, Any], Value]) -> Callable[[str, Any], tuple[Value, ...]]:
    """A list of values, or one alone; each read by ``read``, none twice."""

    def read_all(where: str, value: Any) -> tuple[Value, ...]:
        items = value if isinstance(value, list) else [value]
        if not items:
            raise SpecError(f"{where} is an empty list. Give at least one value.")
        found = tuple(read(where, item) for item in items)
        if len(set(found)) < len(found):
            raise SpecError(f"{where} has a value twice: {value!r}. Give each once.")
        return found

    return read_all


def _number(where: str, value: Any, wanted: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise SpecError(f"{where} is {value!r}. Write {wanted}.")
    try:
        return parse_count(value, where)
    except QuantityError as error:
        raise SpecError(str(error)) from None
