"""Training and inference that give one quality: how much of each, at a given traffic.

A technique that lets ``a`` orders of magnitude of training be replaced by ``b`` of inference, used in part t (0 to 1):

    cost(t)  =  C 10^-(a t) / u_train  +  I 10^(b t) / u_serve

C: training compute, I: inference compute over the model's life, both before the trade, at the end with most training;
u: utilisation, so cost is in FLOP of a chip's peak. dcost/dt = 0 where a x (cost of training) = b x (cost of serving):
exchanged one for one, the two are equal (Villalobos & Atkinson 2023, Trading off compute in training and inference).
Jones 2021 (arXiv:2104.03113, figure 9): in Hex, log10 test = -1.2 log10 train + 0.004 Elo + 29, ten times the training
for 15.85 times the test compute.

Advice. The spans are rough, each from one or two tasks, and are taken as straight lines between their ends. Nothing
here says that quality of one kind can be had: resampling needs problems whose answers can be checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from isoflop.errors import BadInput, did_you_mean
from isoflop.facts.loading import facts

Array = NDArray[np.float64]

FLOPS_PER_TRAINED, FLOPS_PER_SERVED = 6.0, 2.0
"""FLOP for each parameter and token: forward and backward, and forward alone."""
JONES_SLOPE = 1.2
STEPS = 121
SIZES = (-4.0, 0.7)
"""ln of the sizes tried over the compute-optimal one."""
SIZE_STEPS, ZOOMS = 81, 3


@dataclass(frozen=True, slots=True)
class Technique:
    """training, inference: orders of magnitude between its ends. starts_trained: whether compute-optimal training
    without the technique is the end with most training; overtraining starts at the other one."""

    name: str
    what: str
    training: float
    inference: float
    starts_trained: bool
    source: str


def techniques(overrides: Path | None = None) -> dict[str, Technique]:
    """The published trades by name, and a person's own (``facts/inference_trades.toml``)."""
    return {
        name: Technique(
            name,
            str(row["what"]),
            float(row["training_orders"]),
            float(row["inference_orders"]),
            row["from_end"] == "most training",
            str(row["source"]),
        )
        for name, row in facts("inference_trades", overrides).items()
    }


def technique(name: str, overrides: Path | None = None) -> Technique:
    """One published trade. Raises BadInput naming those that are known."""
    known = techniques(overrides)
    if name not in known:
        raise BadInput(f"Unknown technique '{name}'. Known: {', '.join(known)}.{did_you_mean(name, known)}")
    return known[name]


def search_for_training(ratio: ArrayLike) -> Array:
    """Test compute that stands in for ``ratio`` times the training at equal Elo: ratio^1.2 (Jones 2021, Hex)."""
    return np.asarray(np.asarray(ratio, dtype=float) ** JONES_SLOPE)


@dataclass(frozen=True, slots=True)
class Demand:
    """A quality and its traffic. training: FLOP that train it compute-optimally; serving: FLOP to serve it over its
    life without a trade; use: utilisation of the peak in training and in serving."""

    training: float
    serving: float
    train_use: float = 0.4
    serve_use: float = 0.4

    def __post_init__(self) -> None:
        for name in ("training", "serving", "train_use", "serve_use"):
            value = getattr(self, name)
            if not (value > 0 and np.isfinite(value)) or (name.endswith("use") and value > 1):
                allowed = "above 0 and at most 1" if name.endswith("use") else "above zero and finite"
                raise BadInput(f"{name.replace('_', ' ')} is {value:g}. It must be {allowed}.")

    def cost(self, training: ArrayLike, serving: ArrayLike) -> Array:
        """Peak FLOP of both."""
        spent = np.asarray(training, dtype=float) / self.train_use + np.asarray(serving, dtype=float) / self.serve_use
        return np.asarray(spent)


@dataclass(frozen=True, slots=True)
class Trade:
    """The best use of one technique. orders: by which training moves from the demand's, negative where it is cut.
    training, serving: FLOP; cost: peak FLOP; saving: share of the cost without the technique. at_end: whether more
    would pay if the technique reached further. curve: training and serving, (STEPS, 2), of every degree."""

    technique: Technique
    orders: float
    training: float
    serving: float
    cost: float
    saving: float
    at_end: bool
    curve: Array


def best_trade(demand: Demand, by: Technique) -> Trade:
    """The cheapest degree of a technique, between none of it and all of it; closed form, held at the ends."""
    a, b = (by.training, by.inference) if by.starts_trained else (-by.training, -by.inference)
    spent = float(demand.training / demand.train_use), float(demand.serving / demand.serve_use)
    wanted = float(np.log10(abs(a) * spent[0] / (abs(b) * spent[1]))) / (a + b)
    t = min(max(wanted, 0.0), 1.0)
    degrees = np.linspace(0, 1, STEPS)
    curve = np.column_stack([demand.training * 10 ** (-a * degrees), demand.serving * 10 ** (b * degrees)])
    training, serving = demand.training * 10 ** (-a * t), demand.serving * 10 ** (b * t)
    cost = float(demand.cost(training, serving))
    return Trade(by, -a * t, training, serving, cost, 1 - cost / sum(spent), wanted > 1, curve)


@dataclass(frozen=True, slots=True)
class JointOptimum:
    """N, D: the model; attempts: tokens served for each one asked for; training, serving: FLOP; cost: peak FLOP;
    loss: of this model, above the demand's where attempts make up for it. plain: the cheapest cost without attempts;
    optimal: that of the compute-optimal model."""

    N: float
    D: float
    attempts: float
    training: float
    serving: float
    cost: float
    loss: float
    plain: float
    optimal: float


def joint_optimum(
    loss: Callable[[Array, Array], Array],
    optimal: Callable[[float], tuple[float, float]],
    flops: float,
    served_tokens: float,
    by: Technique,
    *,
    train_use: float = 0.4,
    serve_use: float = 0.4,
) -> JointOptimum:
    """Size, training tokens and degree of a technique together: min 6ND/u_train + 2N m T/u_serve at one quality.

    loss: of N and D, arrays of one shape, falling in both. optimal: (N, D) of a budget. flops: that train the wanted
    quality compute-optimally. served_tokens: T, over the model's life. The technique, used in part t, makes a model
    whose quality is that of flops x 10^-(a t) as good as wanted; its tokens multiply by m = 10^(t (b + a / 2)), so that
    inference rises by b in all when N falls as the root of compute. Sardana et al. 2024 (arXiv:2401.00448) is the case
    t = 0. Raises BadInput for a technique that itself changes the size for longer training: N and D do that here.
    """
    if not by.starts_trained:
        raise BadInput(f"'{by.name}' is a choice of N and D, which is made here anyway. Name one that adds attempts.")

    def best_for(t: float) -> tuple[float, float, float, float]:
        """ln cost, N, D and the multiple of tokens, at the cheapest size for this degree."""
        N0, D0 = optimal(flops * 10 ** (-by.training * t))
        wanted, m = float(loss(np.array([N0]), np.array([D0]))[0]), 10 ** (t * (by.inference + by.training / 2))
        low, high = SIZES
        for _ in range(ZOOMS):
            logs = np.linspace(low, high, SIZE_STEPS)
            N = N0 * np.exp(logs)
            D = _tokens_for(loss, N, wanted, D0)
            spent = FLOPS_PER_TRAINED * N * D / train_use + FLOPS_PER_SERVED * N * m * served_tokens / serve_use
            k = int(spent.argmin())
            low, high = float(logs[max(k - 1, 0)]), float(logs[min(k + 1, SIZE_STEPS - 1)])
        return float(np.log(spent[k])), float(N[k]), float(D[k]), m

    grid = np.linspace(0, 1, 21)
    costs = [best_for(float(t))[0] for t in grid]
    k = int(np.argmin(costs))
    ends = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
    fine = minimize_scalar(lambda t: best_for(float(t))[0], bounds=ends, method="bounded", options={"xatol": 1e-3})
    t = float(fine.x) if fine.fun < costs[k] else float(grid[k])
    log_cost, N, D, m = best_for(t)
    N0, D0 = optimal(flops)
    serving = FLOPS_PER_SERVED * N * m * served_tokens
    plain = FLOPS_PER_TRAINED * N0 * D0 / train_use + FLOPS_PER_SERVED * N0 * served_tokens / serve_use
    training = FLOPS_PER_TRAINED * N * D
    reached = float(loss(np.array([N]), np.array([D]))[0])
    return JointOptimum(N, D, m, training, serving, float(np.exp(log_cost)), reached, float(np.exp(costs[0])), plain)


def _tokens_for(loss: Callable[[Array, Array], Array], N: Array, wanted: float, near: float) -> Array:
    """D at which models of N reach the loss, (sizes,); infinite where no data bring them there."""
    low, high = np.full(N.shape, np.log(near) - 10.0), np.full(N.shape, np.log(near) + 20.8)
    reached = loss(N, np.exp(high)) <= wanted
    for _ in range(60):
        middle = (low + high) / 2
        above = loss(N, np.exp(middle)) > wanted
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray(np.where(reached, np.exp(high), np.inf))
