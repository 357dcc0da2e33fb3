"""Where a run stands in its learning-rate schedule: how far the rate has been annealed.

A law of finished runs says what a run of D tokens reaches once its learning rate has decayed. Before that the loss lies
above the law, and the decay takes the difference away. To first order the gain of annealing is proportional to the fall
of the rate: in the law of Tissue et al. 2024 (arXiv:2408.11029), L = L0 + A S1^(-a) − C S2, the area S2 is (η_peak −
η)/(1 − λ) once a decay is long beside 1/(1 − λ) steps. So the share annealed is 1 − η/η_peak.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import BadInput

Array = NDArray[np.float64]
Kind = Literal["wsd", "cosine", "linear", "constant", "logged"]

KINDS = ("wsd-SHARE", "cosine", "linear", "constant")
AT_PEAK = 0.99
"""A logged rate of this share of its maximum ends the warm-up."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """kind: wsd (stable, then a linear decay over the last ``decay`` of the tokens), cosine, linear, constant, or
    logged (the curve has its learning rate). final: rate at the end over the peak, of cosine and linear. warmup:
    tokens."""

    kind: Kind = "wsd"
    decay: float = 0.2
    final: float = 0.0
    warmup: float = 0.0

    def rate(self, tokens: ArrayLike, total: float) -> Array:
        """The learning rate over its peak at a number of tokens, after the warm-up, (points,)."""
        done = np.clip(np.asarray(tokens, dtype=float) / total, 0.0, 1.0)
        match self.kind:
            case "cosine":
                return self.final + (1 - self.final) * 0.5 * (1 + np.cos(np.pi * done))
            case "linear":
                return 1 - (1 - self.final) * done
            case "constant":
                return np.ones_like(done)
            case _:
                return np.minimum(1.0, (1 - done) / self.decay)

    def annealed(self, tokens: ArrayLike, total: float) -> Array:
        """The share of the annealing that is done, 0 at the peak of the rate and 1 at a rate of zero, (points,)."""
        return 1 - self.rate(tokens, total)


def parse_schedule(text: str, warmup: float = 0.0) -> Schedule:
    """``wsd-0.2``, ``cosine``, ``cosine-0.1`` (decays to a tenth), ``linear`` or ``constant``; raises BadInput."""
    match = re.fullmatch(r"(wsd|cosine|linear|constant)(?:-(0?\.\d+|0|1))?", text.strip())
    number = float(match.group(2)) if match and match.group(2) else None
    if (
        match is None
        or (match.group(1) == "wsd" and number == 0)
        or (match.group(1) == "constant" and number is not None)
    ):
        raise BadInput(
            f"Unknown schedule '{text}'. Known: {', '.join(KINDS)}; cosine-0.1 and linear-0.1 end at a tenth of the "
            "peak. Write, for example, wsd-0.2 for a decay over the last fifth."
        )
    if match.group(1) == "wsd":
        return Schedule("wsd", decay=0.2 if number is None else number, warmup=warmup)
    if match.group(1) == "cosine":
        return Schedule("cosine", final=number or 0.0, warmup=warmup)
    if match.group(1) == "linear":
        return Schedule("linear", final=number or 0.0, warmup=warmup)
    return Schedule("constant", warmup=warmup)


def logged(tokens: Array, lr: Array) -> tuple[float, Array]:
    """The token at which the warm-up ends, and the share annealed at each point, from a logged learning rate."""
    peak = float(np.nanmax(lr))
    if not peak > 0:
        raise BadInput(f"The learning rate of the curve is at most {peak:g}. Allowed: positive. Leave the column out.")
    first = int(np.argmax(lr >= AT_PEAK * peak))
    share = np.clip(1 - np.nan_to_num(lr, nan=peak) / peak, 0.0, 1.0)
    share[:first] = 0.0
    return float(tokens[first]), share
