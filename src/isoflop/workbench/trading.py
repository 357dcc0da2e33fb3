"""What is traded where training and inference share a compute: one demand, for the verb and the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isoflop.capability.trade import Demand, Technique, Trade, best_trade, techniques
from isoflop.laws.law import Law
from isoflop.laws.optimum import optimal_split
from isoflop.planning.plan_ask import Serving

TRAIN_MFU = 0.4
"""Utilisation in training where nobody states one (chosen; published whole runs had 0.21 to 0.46)."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """A model as large as its quality asks for, and what it is to serve. N, D: of the compute-optimal model."""

    N: float
    D: float
    demand: Demand


def serving_mfu() -> float:
    """Utilisation in serving where nobody states one: as plans have it, whatever the number of tokens."""
    return Serving(1.0).mfu


def traffic(
    law: Law, flops: float, served_tokens: float, *, train_mfu: float = TRAIN_MFU, serve_mfu: float | None = None
) -> Traffic:
    """The demand of so many tokens served by the model that ``flops`` train compute-optimally: 2 N FLOP a token.

    serve_mfu: by default ``serving_mfu``. Raises BadInput for a utilisation outside 0 to 1 and for a law without a best
    split.
    """
    N, D = optimal_size(law, flops)
    use = serving_mfu() if serve_mfu is None else serve_mfu
    return Traffic(N, D, Demand(flops, 2 * N * served_tokens, train_mfu, use))


def optimal_size(law: Law, flops: float) -> tuple[float, float]:
    """N and D of the compute-optimal model."""
    found = optimal_split(law.form, law.constants, flops)
    return float(found.N_opt), float(found.D_opt)


def best_trades(demand: Demand, chosen: Sequence[Technique] | None = None) -> list[Trade]:
    """The best use of each technique, of all published ones by default, the cheapest first."""
    every = list(techniques().values()) if chosen is None else chosen
    return sorted((best_trade(demand, one) for one in every), key=lambda one: one.cost)
