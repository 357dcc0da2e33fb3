"""What a run costs on an accelerator: hours, days, dollars and energy at a stated utilisation.

The utilisation is that of whole runs, 6ND over every chip-hour charged, whose spread over published runs is wide; so
hours and dollars come as a range, and the price with the date it was seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from isoflop.errors import BadInput, did_you_mean
from isoflop.facts import Fact, facts
from isoflop.fitting.fit import Estimate


@dataclass(frozen=True, slots=True)
class Bill:
    """A run on ``devices`` accelerators. Ranges are the 10th to 90th percentile of utilisation, and for the cost the
    rent seen too. energy_kwh is chip power alone (TDP), without server or cooling."""

    accelerator: str
    product: str
    devices: int
    mfu: Estimate
    device_hours: Estimate
    days: Estimate
    cost_usd: Estimate
    energy_kwh: Estimate
    price_as_of: str
    source: str


def bill(flops: float, accelerator: str, devices: int) -> Bill:
    """Price ``flops`` FLOP on rented accelerators.

    device_hours = C / (peak · MFU · 3600). Raises BadInput for an unknown accelerator or a number of devices below 1.
    """
    if devices < 1 or flops <= 0:
        raise BadInput(f"{devices} devices and {flops:g} FLOP: both must be positive.")
    chip, use = _chip(accelerator), facts("utilisation")["whole_run"]
    mfu = Estimate(use["median"], use["p10"], use["p90"])
    best_hours = flops / chip["bf16_dense_flops_per_second"] / 3600
    hours = Estimate(best_hours / mfu.value, best_hours / mfu.high, best_hours / mfu.low)
    rent = (chip["rent_usd_per_hour_low"], chip["rent_usd_per_hour_high"])
    return Bill(
        accelerator=accelerator,
        product=chip["product"],
        devices=devices,
        mfu=mfu,
        device_hours=hours,
        days=_scaled(hours, 1 / 24 / devices),
        cost_usd=Estimate(hours.value * _middle_rent(chip), hours.low * rent[0], hours.high * rent[1]),
        energy_kwh=_scaled(hours, chip["tdp_watts"] / 1000),
        price_as_of=chip["price_as_of"],
        source=chip["source"],
    )


def flops_for_usd(usd: float, accelerator: str) -> float:
    """The compute that a sum rents, at the middle rent and the median utilisation, in FLOP; the inverse of ``bill``."""
    if usd <= 0:
        raise BadInput(f"${usd:g} rent nothing. Give a positive sum, such as $1M.")
    chip, use = _chip(accelerator), facts("utilisation")["whole_run"]
    return float(usd / _middle_rent(chip) * 3600 * chip["bf16_dense_flops_per_second"] * use["median"])


def _chip(accelerator: str) -> Fact:
    known = facts("accelerators")
    if accelerator not in known:
        raise BadInput(
            f"Unknown accelerator '{accelerator}'. Known: {', '.join(known)}.{did_you_mean(accelerator, known)}"
        )
    return known[accelerator]


def _middle_rent(chip: Fact) -> float:
    """Rents spread over a factor of three, so their middle is the geometric mean."""
    return float((chip["rent_usd_per_hour_low"] * chip["rent_usd_per_hour_high"]) ** 0.5)


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)
