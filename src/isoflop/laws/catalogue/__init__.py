"""The catalogue: every form that ships, one idea a file, and every published law built on them."""

from __future__ import annotations

import functools
import math

from isoflop.errors import LawError, did_you_mean
from isoflop.facts import Fact, facts
from isoflop.laws.catalogue import chinchilla, coupled, kaplan, muennighoff, power
from isoflop.laws.form import Form
from isoflop.laws.law import Law
from isoflop.units import FLOP_PER_PETAFLOP_DAY

FORMS: dict[str, Form] = {
    form.name: form for room in (chinchilla, coupled, kaplan, power, muennighoff) for form in room.FORMS
}

_IN_BASE_UNITS = {"PF-days": FLOP_PER_PETAFLOP_DAY}


def find_form(text: str | Form) -> Form:
    """A form by name from the catalogue, or a new one from a formula.

    Raises LawError for an unknown name and FormulaError for a malformed formula.
    """
    if isinstance(text, Form):
        return text
    if text in FORMS:
        return FORMS[text]
    if text.replace("_", "").isalnum() and not text[:1].isdigit():
        raise LawError(
            f"Unknown form '{text}'. Known: {', '.join(FORMS)}.{did_you_mean(text, FORMS)} "
            "Or write a formula, such as 'E + A/N**alpha + B/D**beta'."
        )
    return Form(text)


@functools.cache
def published_laws() -> dict[str, Law]:
    """Every published law by name, at the precision its source gives."""
    return {name: _law(fact) for name, fact in facts("laws").items()}


def find_law(name: str) -> Law:
    """A published law by name. Raises LawError for an unknown one."""
    laws = published_laws()
    if name not in laws:
        raise LawError(f"Unknown law '{name}'. Known: {', '.join(laws)}.{did_you_mean(name, laws)}")
    return laws[name]


def _law(fact: Fact) -> Law:
    units: dict[str, str] = fact.get("units", {})
    constants = {}
    for key, value in fact["constants"].items():
        symbol = key.removeprefix("log_")
        plain = math.exp(value) if key.startswith("log_") else float(value)
        constants[symbol] = plain * _IN_BASE_UNITS[units[symbol]] if symbol in units else plain
    return Law(
        form=FORMS[fact["form"]],
        constants=constants,
        name=fact["name"],
        title=fact["title"],
        source=fact["source"],
        params_convention=fact["params_convention"],
        caution=fact["caution"],
        units=units,
    )
