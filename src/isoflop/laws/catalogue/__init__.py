"""The catalogue: every form that ships, one idea a file, and every published law built on them."""

from __future__ import annotations

import functools
import math
import re

from isoflop.errors import LawError, did_you_mean
from isoflop.facts import Fact, facts
from isoflop.laws.catalogue import (
    abnar,
    alabdulmohsin,
    allocation,
    batch_size,
    broken,
    chinchilla,
    clark,
    coupled,
    distillation,
    experts,
    farseer,
    finetuning,
    gadre,
    goyal,
    kaplan,
    krajewski,
    learning_rate,
    lr_batch,
    mixture,
    muennighoff,
    non_embedding,
    parallel,
    power,
    precision,
    progress,
    repetition,
    rosenfeld,
    shape,
    sparsity,
    transfer,
    vocabulary,
)
from isoflop.laws.catalogue.computed import COMPUTED
from isoflop.laws.form import Form
from isoflop.laws.law import Law
from isoflop.units import FLOP_PER_PETAFLOP_DAY

TOPICS: dict[str, str] = {
    "size-and-data": "the loss from size and data",
    "one-quantity": "the loss from one quantity",
    "steps": "the loss from steps and batch",
    "repeated-data": "data seen more than once",
    "experts": "experts and sparsity",
    "architecture": "precision, vocabulary, streams and shape",
    "data-mixture": "shares of the training data",
    "transfer": "fine-tuning, transfer and distillation",
    "learning-rate": "the best learning rate",
    "batch-size": "the best and the critical batch",
    "split": "the optimal split of compute",
    "schedules": "the loss under a schedule",
}
"""The groups of the catalogue, in the order in which they are listed."""

_ROOMS = (
    *(chinchilla, coupled, gadre, kaplan, rosenfeld, farseer, non_embedding, progress),
    *(power, alabdulmohsin, broken),
    *(muennighoff, repetition, goyal),
    *(experts, clark, krajewski, abnar, sparsity),
    *(precision, vocabulary, parallel, shape),
    *(mixture, finetuning, transfer, distillation),
    *(learning_rate, lr_batch, batch_size, allocation),
)
FORMS: dict[str, Form] = {form.name: form for room in _ROOMS for form in room.FORMS}

__all__ = ["COMPUTED", "FORMS", "TOPICS", "find_form", "find_law", "published_laws"]

_IN_BASE_UNITS = {"PF-days": FLOP_PER_PETAFLOP_DAY}
_FAMILY = re.compile(r"(mixture|bnsl)_(\d{1,2})(?:_([ndc]))?")
_MOST = {"mixture": 30, "bnsl": 6}
"""Members of a family that are built on demand; more would not fit a formula."""


def find_form(text: str | Form) -> Form:
    """A form by name from the catalogue, or a new one from a formula.

    mixture_7 is the mixing law for seven domains, bnsl_2_d a broken power law of D with two breaks. Raises LawError for
    an unknown name and FormulaError for a malformed formula.
    """
    if isinstance(text, Form):
        return text
    if text in FORMS:
        return FORMS[text]
    if member := _member(text):
        return member
    if text.replace("_", "").isalnum() and not text[:1].isdigit():
        raise LawError(
            f"Unknown form '{text}'. Known: {', '.join(FORMS)}.{did_you_mean(text, FORMS)} "
            "Or write a formula, such as 'E + A/N**alpha + B/D**beta'."
        )
    return Form(text)


def _member(name: str) -> Form | None:
    """A form of a family whose members are counted, or None."""
    match = _FAMILY.fullmatch(name)
    if not match or not 1 <= int(match.group(2)) <= _MOST[match.group(1)]:
        return None
    if match.group(1) == "bnsl":
        return broken.broken_power((match.group(3) or "c").upper(), int(match.group(2)))
    return mixture.domain_mixture(int(match.group(2))) if match.group(3) is None and match.group(2) != "1" else None


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
    form = FORMS[fact["form"]]
    constants = {}
    for key, value in fact["constants"].items():
        symbol = key.removeprefix("log_")
        plain = math.exp(value) if key.startswith("log_") else float(value)
        constants[symbol] = plain * _IN_BASE_UNITS[units[symbol]] if symbol in units else plain
    return Law(
        form=form,
        constants=constants,
        name=fact["name"],
        title=fact["title"],
        source=fact["source"],
        params_convention=fact["params_convention"],
        loss_unit=fact.get("loss_unit", form.output.unit),
        caution=fact["caution"],
        units=units,
        validity={name: (float(low), float(high)) for name, (low, high) in fact.get("validity", {}).items()},
        data=fact.get("data", ""),
    )
