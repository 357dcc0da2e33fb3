"""What a column stands for: the role that decides in which shapes a variable may enter a law.

A role is read off the column's name, or off the symbol that the caller gives it. A variable without a known role is a
``scale``: something positive of which more is usually better.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from isoflop.laws.expression import FUNCTIONS
from isoflop.laws.form import Variable

Role = Literal["size", "data", "unique", "vocabulary", "experts", "streams", "rate", "batch", "share", "scale"]

_PATTERNS: tuple[tuple[Role, str], ...] = (
    ("unique", r"unique"),
    ("share", r"proportion|(^|_)share|mixture_weight|(^|_)ratio_domain"),
    ("size", r"param|model_size|(^|_)n_(active|dense|total|embd)?$|^N$|^N_"),
    ("experts", r"expert"),
    ("streams", r"parallel|stream"),
    ("vocabulary", r"vocab"),
    ("rate", r"^lr$|learning_rate|^max_lr$|^peak_lr$"),
    ("batch", r"^bsz$|batch"),
    ("data", r"token|data_size|character|^D\d*$|sample|num_bytes"),
)
"""First match wins: non_vocab_parameters is a size, not a vocabulary."""

SYMBOLS: dict[Role, str] = {
    "size": "N",
    "data": "D",
    "unique": "U",
    "vocabulary": "V",
    "experts": "K",
    "streams": "P",
    "rate": "lr",
    "batch": "bsz",
    "share": "r",
    "scale": "x",
}
_OWN_NAME = r"[A-Za-z][A-Za-z0-9]{0,2}|N_[a-z]+"
"""Column names that are symbols already: N, D1, lr, bsz, N_active."""
RESERVED = frozenset({"C", "E", "k", "q", "s", "h", "t", *FUNCTIONS})
"""Names that the library's formulas use for parameters, and C, which stands for compute."""


@dataclass(frozen=True, slots=True)
class Part:
    """One variable of a table: its symbol in a formula, its column, and its role."""

    symbol: str
    column: str
    role: Role

    @property
    def variable(self) -> Variable:
        return Variable(self.symbol, self.column, "", f"column {self.column}")


def role_of(column: str, symbol: str = "") -> Role:
    """The role by the column's name, else by a symbol that stands for one, else ``scale``."""
    for role, pattern in _PATTERNS:
        if re.search(pattern, column, 0 if role in ("size", "data") and len(column) <= 2 else re.IGNORECASE):
            return role
    return next((role for role, usual in SYMBOLS.items() if usual == symbol), "scale")


def parts_of(columns: Iterable[str], named: Mapping[str, str] | None = None, shares: Iterable[str] = ()) -> list[Part]:
    """Every column with a symbol and a role.

    named: {symbol: column} as the caller gave them. shares: columns known to hold proportions, which may be zero.
    A short column name is its own symbol; others get the usual symbol of their role, numbered where it repeats.
    """
    given = {column: symbol for symbol, column in (named or {}).items()}
    held = set(shares)
    parts: list[Part] = []
    taken = set(given.values())
    for column in columns:
        role: Role = "share" if column in held else role_of(column, given.get(column, ""))
        symbol = given.get(column) or _symbol(column, role, taken)
        taken.add(symbol)
        parts.append(Part(symbol, column, role))
    return parts


def _symbol(column: str, role: Role, taken: set[str]) -> str:
    if re.fullmatch(_OWN_NAME, column) and column not in RESERVED | taken:
        return column
    usual = SYMBOLS[role]
    names = [usual] if role not in ("share", "scale") else []
    return next(name for name in [*names, *(f"{usual}{i}" for i in range(1, 1000))] if name not in taken)
