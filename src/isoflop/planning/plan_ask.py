"""What is asked of a plan, and the ceilings it sets: on chip-hours, on chips, on size and data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import BadInput, did_you_mean
from isoflop.planning import cost
from isoflop.planning.budget import Budget
from isoflop.planning.plan_law import ExpectedLoss
from isoflop.planning.plan_machine import HourPrice, Machine
from isoflop.planning.plan_split import Resources

Array = NDArray[np.float64]

Objective = Literal["loss", "cost", "time"]
OBJECTIVES: tuple[str, ...] = get_args(Objective)

DAY = 86_400.0
USUAL_SECONDS = 30 * DAY
"""A run's length where nobody set one: 31 published runs took 24 days in the median, 1 to 135."""
LONGEST_SECONDS = 1.22 * 365.25 * DAY
"""Where chips are given and no deadline: a run of more than 14.6 months is overtaken by one that starts later on
better hardware and algorithms (Sevilla et al. 2022, The longest training run: 1/(.2817 + .538) years)."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Tokens that the model will serve, and at which utilisation (Sardana et al. 2024, section 4, about).

    output_share: of the tokens that are generated rather than read (chosen). prefill_mfu and decode_mfu: reading is
    bound by arithmetic, generating by memory.
    """

    tokens: float
    output_share: float = 0.75
    prefill_mfu: float = 0.5
    decode_mfu: float = 0.01

    @property
    def mfu(self) -> float:
        """Utilisation over all tokens, read and generated: FLOP over what the chips could do in the same hours."""
        read, written = (1 - self.output_share) / self.prefill_mfu, self.output_share / self.decode_mfu
        return 1 / (read + written)

    def flops_per_param(self) -> float:
        """2 D_inf: FLOP as FLOP."""
        return 2 * self.tokens

    def training_flops_per_param(self, mfu: ArrayLike) -> Array:
        """What serving costs a parameter, as the training FLOP that the same chip-hours would do."""
        return np.asarray(self.flops_per_param() * np.asarray(mfu) / self.mfu)


@dataclass(frozen=True)
class Ask:
    """What is asked of a plan. basis: the price that money is spent at. max_epochs: over the tokens available.

    objective: loss at a fixed budget; cost or time at a wanted loss. devices_whole: whole chips and servers rather than
    fractions. most_devices: of those at hand, the ones that run; the others stand by. memory_params: the largest N, as
    the law counts it, that has a layout.
    """

    budget: Budget
    machine: Machine
    law: ExpectedLoss
    objective: Objective = "loss"
    target_loss: float | None = None
    basis: HourPrice | None = None
    serving: Serving | None = None
    max_epochs: float = np.inf
    devices_whole: bool = True
    most_devices: float = np.inf
    memory_params: float = np.inf

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise BadInput(
                f"Unknown objective '{self.objective}'. Known: {', '.join(OBJECTIVES)}."
                f"{did_you_mean(self.objective, OBJECTIVES)}"
            )
        if (self.objective == "loss") != (self.target_loss is None):
            raise BadInput(
                "A target loss goes with the objectives cost and time, and those need one: --objective cost "
                "--target-loss 1.95. The objective loss finds the loss itself."
            )

    @property
    def serves_in_hours(self) -> bool:
        """Whether serving is paid in chip-hours, so in dollars, rather than in FLOP."""
        return self.budget.flops is None

    @property
    def run_usd(self) -> float | None:
        """Dollars for the run itself, after experiments and staff."""
        if self.budget.usd is None:
            return None
        terms = self.machine.terms
        if self.basis is not None and self.basis.key == "purchase":
            return self.budget.usd
        return self.budget.usd / float(
            cost.program_usd(1.0, experiments=terms.experiments, staff_share=terms.staff_share)
        )


def hour_ceilings(ask: Ask) -> dict[str, float]:
    """Chip-hours that money, GPU-hours and carbon allow, serving included where money pays for it."""
    found: dict[str, float] = {}
    if ask.run_usd is not None and ask.basis is not None and ask.basis.key != "purchase":
        found["usd"] = ask.run_usd / ask.basis.usd
    if ask.budget.device_hours is not None:
        found["device_hours"] = ask.budget.device_hours
    if ask.budget.co2_tonnes is not None:
        grams = ask.machine.kilowatts["server"] * ask.machine.grid.grams_co2_per_kwh
        found["co2_tonnes"] = ask.budget.co2_tonnes * 1e6 / grams
    return found


def device_ceilings(ask: Ask) -> dict[str, float]:
    """Chips that are there, that power allows and that money buys."""
    found: dict[str, float] = {}
    if ask.budget.devices is not None:
        found["devices"] = float(ask.budget.devices)
    if ask.budget.watts is not None:
        found["watts"] = ask.budget.watts / ask.machine.installed_watts
    if ask.budget.usd is not None and ask.basis is not None and ask.basis.key == "purchase":
        found["usd"] = ask.budget.usd / ask.basis.usd
    return found


def device_ceiling(ask: Ask) -> float | None:
    """The least of them, or where more chips stop adding anything; None where nothing was said of chips."""
    found = device_ceilings(ask)
    if not found:
        return None
    least = min(found.values())
    if least < 1:
        name = min(found, key=lambda key: found[key])
        raise BadInput(
            f"{ask.budget.said(name)} is less than one {ask.machine.chip.name} takes "
            f"({ask.machine.installed_watts:,.0f} W with its server and cooling)."
        )
    return min(least, ask.machine.most_useful_devices, ask.most_devices)


def open_resources(ask: Ask, mfu: ArrayLike) -> Resources:
    """Data, size and serving; compute is left open. mfu: utilisation of training, a number or draws."""
    serving: ArrayLike = 0.0
    if ask.serving is not None:
        serving = ask.serving.training_flops_per_param(mfu) if ask.serves_in_hours else ask.serving.flops_per_param()
    unique = ask.budget.tokens_available
    largest = np.inf if ask.budget.max_params is None else _as_counted(ask, ask.budget.max_params)
    most_tokens = np.inf if unique is None else unique * ask.max_epochs
    return Resources(
        serving=serving, unique=unique, most_params=min(largest, ask.memory_params), most_tokens=most_tokens
    )


def _as_counted(ask: Ask, params: float) -> float:
    """The ceiling on N as the law counts it; of a mixture of experts all experts count, the law sees the active."""
    experts = ask.law.experts
    return params if experts is None else experts.active_of(params)
