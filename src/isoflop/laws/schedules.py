"""The loss under a whole learning-rate schedule: laws of an array of learning rates, not of one number.

Tissue et al. 2024 (arXiv:2408.11029):

    L(t) = L_0 + A S_1**(−alpha) − C S_2
    S_1  = Σ_{i ≤ t} lr_i,   S_2 = Σ_{i ≤ t} m_i,   m_i = decay m_(i−1) + (lr_(i−1) − lr_i)

The multi-power law of Luo et al. 2025 (arXiv:2503.12811):

    L(t) = L_0 + A (S(t) + S_W)**(−alpha) − B Σ_{k ≤ t} (lr_(k−1) − lr_k) G(lr_k**(−gamma) S_k(t))
    G(x) = 1 − (C x + 1)**(−beta),   S(t) = Σ_{τ ≤ t} lr_τ,   S_k(t) = Σ_{k ≤ τ ≤ t} lr_τ

Both say: the sum of rates moves the model along, and every fall of the rate cashes in what its noise had hidden. S_W
is the area of the warm-up, which is not in the array. Both hold one size, batch and data fixed.

Constants of the multi-power law are in the facts (schedule_laws). Those of Tissue et al. could not be verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from isoflop.errors import LawError, did_you_mean
from isoflop.facts import facts

Array = NDArray[np.float64]
Decay = Literal["linear", "sqrt", "exp"]

PAIRS_AT_ONCE = 4_000_000
"""Changes of rate × steps asked about held at once: 32 MB."""


def constant(steps: int, peak: float) -> Array:
    """The same rate at every step, shaped (steps,)."""
    return np.full(steps, float(peak))


def cosine(steps: int, peak: float, final: float) -> Array:
    """Half a cosine from ``peak`` at the first step to ``final`` at the last, shaped (steps,)."""
    return np.asarray(final + 0.5 * (peak - final) * (1 + np.cos(np.pi * np.linspace(0, 1, steps))))


def stable_decay(steps: int, peak: float, final: float, decay_steps: int, shape: Decay = "linear") -> Array:
    """Constant at ``peak``, then ``decay_steps`` down to ``final``: linear, 1 − √ or exponential; shaped (steps,).

    The warm-up–stable–decay schedule of Hu et al. 2024 (arXiv:2404.06395) without its warm-up; "sqrt" is the 1 − √
    of Hägele et al. 2024 (arXiv:2405.18392). Raises LawError when the decay is longer than the schedule.
    """
    if not 0 < decay_steps <= steps or min(peak, final) <= 0:
        raise LawError(
            f"A decay of {decay_steps} steps to {final:g} in a schedule of {steps} steps at {peak:g}: the decay must "
            "have 1 to all of the steps, and rates must be positive."
        )
    share = np.arange(1, decay_steps + 1) / decay_steps
    if shape == "exp":
        decayed = peak * (final / peak) ** share
    else:
        decayed = peak + (final - peak) * (share if shape == "linear" else np.sqrt(share))
    return np.concatenate([np.full(steps - decay_steps, float(peak)), decayed])


def annealing_loss(
    lr: ArrayLike, *, L_0: float, A: float, alpha: float, C: float, decay: float = 0.99, warmup_area: float = 0.0
) -> Array:
    """The loss after every step by Tissue et al., shaped (steps,).

    lr: the rate of every step after the warm-up. decay: how long a fall of the rate goes on working, per step.
    warmup_area: Σ lr over the warm-up. Raises LawError for rates that are not positive or a decay outside (0, 1).
    """
    rates = _rates(lr)
    if not 0 < decay < 1:
        raise LawError(f"decay = {decay:g} is not allowed: it must lie between 0 and 1, usually 0.99 to 0.999.")
    falls = np.concatenate([[0.0], rates[:-1] - rates[1:]])
    momentum = lfilter([1.0], [1.0, -decay], falls)
    forward = np.cumsum(rates) + warmup_area
    return np.asarray(L_0 + A * forward**-alpha - C * np.cumsum(momentum))


def multi_power_loss(
    lr: ArrayLike, constants: Mapping[str, float], *, warmup_area: float = 0.0, at: ArrayLike | None = None
) -> Array:
    """The loss by the multi-power law after the steps ``at``, shaped like them, or after the last one.

    lr: the rate of every step after the warm-up. at: 1 to the number of steps. constants: L_0, A, alpha, B, C, beta and
    gamma, for example ``schedule_constants("luo2025_400m")``. warmup_area: S_W. Costs one power for every change of the
    rate and step asked about. Raises LawError for rates that are not positive or steps that the schedule does not have.
    """
    rates = _rates(lr)
    asked = np.atleast_1d(np.asarray(len(rates) if at is None else at, dtype=np.int64))
    if asked.min() < 1 or asked.max() > len(rates):
        raise LawError(f"Steps {asked.min()} to {asked.max()} are asked about; the schedule has 1 to {len(rates)}.")
    area = np.cumsum(rates)
    falls = rates[:-1] - rates[1:]
    changes = np.flatnonzero(falls)
    block = max(1, PAIRS_AT_ONCE // max(len(changes), 1))
    parts = [_gained(rates, area, falls, changes, asked[i : i + block], constants) for i in range(0, len(asked), block)]
    forward = area[asked - 1] + warmup_area
    loss = constants["L_0"] + constants["A"] * forward ** -constants["alpha"] - constants["B"] * np.concatenate(parts)
    return np.asarray(loss[0] if at is None else loss)


def _gained(
    rates: Array,
    area: Array,
    falls: Array,
    changes: NDArray[np.int64],
    asked: NDArray[np.int64],
    p: Mapping[str, float],
) -> Array:
    """Σ (lr_(k−1) − lr_k) G(lr_k**(−gamma) S_k(t)) over the changes up to each step asked about."""
    after = rates[changes + 1]
    since = area[asked - 1][:, None] - area[changes]  # S_k(t), with the changed rate itself
    reached = since > 0
    x = after ** -p["gamma"] * np.where(reached, since, 0.0)
    return np.asarray((falls[changes] * (1 - (p["C"] * x + 1) ** -p["beta"]) * reached).sum(axis=1))


def schedule_constants(name: str) -> dict[str, float]:
    """The published constants of a schedule law by name. Raises LawError for an unknown one."""
    table = facts("schedule_laws")
    if name not in table:
        raise LawError(f"Unknown schedule law '{name}'. Known: {', '.join(table)}.{did_you_mean(name, table)}")
    return dict(table[name]["constants"])


def _rates(lr: ArrayLike) -> Array:
    rates = np.asarray(lr, dtype=float)
    if rates.ndim != 1 or not len(rates) or not np.all(np.isfinite(rates) & (rates > 0)):
        raise LawError(
            f"A schedule of shape {rates.shape}: it must be one positive learning rate a step. Leave out a warm-up "
            "from zero and give its area."
        )
    return rates
