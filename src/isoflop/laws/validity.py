"""How far a question lies outside the data that a published law comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.laws.law import Law
from isoflop.units import format_count

EDGE = 1.005
"""A question this close to an edge counts as inside: the edges are printed with three digits."""


@dataclass(frozen=True, slots=True)
class Outside:
    """One quantity that leaves the source's data. value: the one farthest out. low, high: the data's range."""

    quantity: str
    value: float
    low: float
    high: float

    @property
    def factor(self) -> float:
        """How many times beyond the nearer edge, above 1."""
        return self.value / self.high if self.value > self.high else self.low / self.value

    def __str__(self) -> str:
        above = self.value > self.high
        edge, words = (self.high, "times the largest") if above else (self.low, "times below the smallest")
        seen = f"{self.quantity} = {format_count(self.value)}"
        return f"{seen} is {self.factor:.3g} {words} of the source, {format_count(edge)}"


def outside(law: Law, **variables: ArrayLike) -> tuple[Outside, ...]:
    """Every quantity of the question that lies outside the law's validity box, farthest first.

    variables: those of the law, numbers or arrays. The box may also bound C = 6ND, M = D/N and epochs = D/U where
    these follow from the variables. Empty where all lie inside, or where the source states no range.
    """
    known = _with_derived({name: np.asarray(value, dtype=float) for name, value in variables.items()})
    found = [
        Outside(name, _farthest(known[name], low, high), low, high)
        for name, (low, high) in law.validity.items()
        if name in known and known[name].size
    ]
    return tuple(sorted((o for o in found if o.factor > EDGE), key=lambda o: -o.factor))


def _with_derived(known: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    derived = dict(known)
    if {"N", "D"} <= known.keys():
        derived.setdefault("C", FLOPS_PER_PARAM_TOKEN * known["N"] * known["D"])
        derived.setdefault("M", known["D"] / known["N"])
    if {"D", "U"} <= known.keys():
        derived.setdefault("epochs", known["D"] / known["U"])
    return derived


def _farthest(values: NDArray[np.float64], low: float, high: float) -> float:
    flat = values.ravel()
    return float(flat[np.argmax(np.maximum(flat / high, low / flat))])
