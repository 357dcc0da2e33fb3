"""The first scaling law: the error of an average falls as one over the root of how many were asked.

    margin = z s / √n

It has the shape of the laws of loss, L − E ~ D^−β: a straight line on two logarithmic axes, whose slope says how many
times as much halves what is left. For a mean that is 2^(1/0.5) = 4 times; a loss falls more slowly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isoflop.errors import BadInput
from isoflop.laws import find_law
from isoflop.outlook.sampling import EXPONENT, deviation_of_share, halving_factor, margin_of_error, samples_for

NORMAL_ENOUGH = 9.0
"""Below this n p (1 − p) the margin of a share is rough: its count is far from normal (a usual rule)."""
LAW, LAW_EXPONENT = "besiroglu2024", "beta"
HEIGHTS = (2_000.0, 10_000.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """So many asked, and the margin that leaves, in the unit of the deviation."""

    people: float
    margin: float


@dataclass(frozen=True, slots=True)
class Survey:
    """deviation: of one person; share: the share it comes from, if it does. halves: times as many that halve the error.

    law: a published law of loss, the exponent of its data, and how many times the data halve what is left of its loss.
    """

    deviation: float
    share: float | None
    level: float
    asked: tuple[Asked, ...]
    needed: tuple[Asked, ...]
    halves: float
    law: str
    law_exponent: float
    law_halves: float
    notes: tuple[str, ...]


def survey(
    *,
    deviation: float | None = None,
    share: float | None = None,
    people: Sequence[float] = HEIGHTS,
    margins: Sequence[float] = (),
    level: float = 0.95,
) -> Survey:
    """Margins of averages over so many people, and how many a wanted margin takes.

    Raises BadInput unless one of deviation and share is given, for values that are not positive, and a share that is
    not between 0 and 1.
    """
    spread = _deviation(deviation, share)
    for what, values, least in (("people asked", people, 1.0), ("margin", margins, 0.0)):
        for value in values:
            if not (np.isfinite(value) and value >= least and value > 0):
                raise BadInput(f"A number of {what} of {value:g} is not possible: give a number {_above(least)}.")
    law = find_law(LAW)
    exponent = law.constants[LAW_EXPONENT]
    return Survey(
        spread,
        share,
        level,
        tuple(Asked(float(n), float(margin_of_error(spread, n, level=level))) for n in people),
        tuple(Asked(float(samples_for(spread, m, level=level)), float(m)) for m in margins),
        halving_factor(EXPONENT),
        LAW,
        exponent,
        halving_factor(exponent),
        _notes(share, people),
    )


def _deviation(deviation: float | None, share: float | None) -> float:
    if (deviation is None) == (share is None):
        raise BadInput(
            "An average of what? Give the standard deviation of one person, --sd 7.1 (centimetres of height, say), or "
            "the share that says yes, --share 0.3; one of them."
        )
    if share is not None:
        if not 0 < share < 1:
            raise BadInput(
                f"A share of {share:g} is not possible: give one between 0 and 1, such as 0.3 for 30 %."
                + (f" Did you mean {share / 100:g}?" if 1 < share < 100 else "")
            )
        return float(deviation_of_share(share))
    assert deviation is not None
    if not (np.isfinite(deviation) and deviation > 0):
        raise BadInput(f"A standard deviation of {deviation:g} is not possible: give a positive number.")
    return float(deviation)


def _above(least: float) -> str:
    return "from 1 up" if least else "above 0"


def _notes(share: float | None, people: Sequence[float]) -> tuple[str, ...]:
    if share is None:
        return ()
    few = [n for n in people if n * share * (1 - share) < NORMAL_ENOUGH]
    if not few:
        return ()
    said = (
        f"With {', '.join(f'{n:,.0f}' for n in few)} asked and a share of {share:g} the margin is rough: fewer than "
        f"{NORMAL_ENOUGH:g} = n p (1 − p)."
    )
    return (said,)
