"""What the published laws of one hyper-parameter say about one run, side by side, and where they contradict."""

from __future__ import annotations

from dataclasses import dataclass

from isoflop.counting import training_flops
from isoflop.laws.catalogue import published_laws
from isoflop.laws.form import LOSS
from isoflop.laws.law import Law
from isoflop.laws.validity import Outside, outside

_CARRIED = {"lr_0", "B_0"}
"""Values tuned at D_0: a law with one of them says how the value changes, not what it is."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One law's answer. value: in the unit of its output, None where it only says how a tuned value changes.
    doubling_size, doubling_data: the factor when N or D doubles and the other stays. beyond: what lies outside the
    law's data."""

    law: Law
    value: float | None
    doubling_size: float
    doubling_data: float
    beyond: tuple[Outside, ...]


def opinions(topic: str, N: float, D: float) -> tuple[Opinion, ...]:
    """Every published law of a topic that answers for N parameters and D tokens, with C = 6ND.

    Laws of the loss, and those that need something else (the critical batch needs the loss reached), are left out.
    Conventions of N and C differ between the laws; each says its own.
    """
    laws = (law for law in published_laws().values() if law.form.topic == topic and law.form.output != LOSS)
    return tuple(_opinion(law, N, D) for law in laws if set(law.form.inputs) <= {"N", "D", "C", "D_0", *_CARRIED})


def disagreement(given: tuple[Opinion, ...]) -> str:
    """A sentence on the laws that contradict each other in how the answer changes with D; empty where none does."""
    up = [o.law.name for o in given if o.doubling_data > 1.005]
    down = [o.law.name for o in given if o.doubling_data < 0.995]
    if not (up and down):
        return ""
    return f"They contradict each other: with more data {_listed(up)} up and {_listed(down)} down."


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} go{'es' if len(names) == 1 else ''}"


def _opinion(law: Law, N: float, D: float) -> Opinion:
    here = _value(law, N, D, D)
    carried = bool(_CARRIED & set(law.form.inputs))
    return Opinion(
        law=law,
        value=None if carried else here,
        doubling_size=_value(law, 2 * N, D, D) / here,
        doubling_data=_value(law, N, 2 * D, D) / here,
        beyond=outside(law, N=N, D=D),
    )


def _value(law: Law, N: float, D: float, tuned_at: float) -> float:
    known = {"N": N, "D": D, "C": training_flops(N, D), "D_0": tuned_at, **dict.fromkeys(_CARRIED, 1.0)}
    return float(law(**{name: known[name] for name in law.form.inputs}))
