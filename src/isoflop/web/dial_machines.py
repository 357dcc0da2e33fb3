"""What the dial knows of accelerators: peak, power, how many there are, and what an hour or a chip costs on each basis.

Everything comes from ``planning.run_cost`` asked about one chip-hour, so the page multiplies where the terminal does.
"""

from __future__ import annotations

from typing import Any

from isoflop.errors import BadInput
from isoflop.planning import energy, prices
from isoflop.planning.accelerators import Accelerator, accelerators, installed_base
from isoflop.planning.run_cost import CostLine, RunCost, Terms, run_cost
from isoflop.planning.utilisation import whole_run_utilisation

HOUR = 3600.0
ORDER = (
    ("NVIDIA", ("H100", "H200", "GB200", "B200", "B300", "GB300", "H800", "H100-PCIe", "GH200", "A100", "A100-40")),
    ("others", ("MI300X", "MI325X", "MI355X", "TPUv4", "TPUv5e", "TPUv5p", "TPUv6e", "TPUv7", "Trainium2")),
)
"""Those that are trained on most come first; the rest follow in the order of their table."""


def machines(date: str) -> list[dict[str, Any]]:
    """Every accelerator with a known 16-bit peak that was out by the date, usual ones first."""
    first = {name: i for i, name in enumerate(name for _, names in ORDER for name in names)}
    known = sorted(accelerators(), key=lambda chip: first.get(chip.name, len(first)))
    return [made for chip in known if (made := _machine(chip, date)) is not None]


def _machine(chip: Accelerator, date: str) -> dict[str, Any] | None:
    if chip.bf16_flops_per_second is None or chip.released > date[:7]:
        return None
    spread = whole_run_utilisation(chip)
    low, middle, high = map(float, spread.quantile([0.1, 0.5, 0.9]))
    try:
        bill = run_cost(chip.peak() * middle * HOUR, chip, 1, Terms(date, mfu=middle))
    except BadInput:
        return None  # a chip without power or server figures has no bill
    base = installed_base(chip, date)
    return {
        "key": chip.name,
        "label": chip.product,
        "released": chip.released,
        "peak": chip.peak(),
        "mfu": [low, middle, high],
        "ceiling": chip.ceiling(),
        "kilowatts": bill.energy_kwh["server"].value / bill.device_hours.value,
        "watts": float(energy.installed_watts(1, chip)),
        "shipped": None
        if base is None
        else {"high": base.high, "units": base.units, "date": base.date, "complete": base.complete},
        "costs": _costs(bill, date),
    }


def _costs(bill: RunCost, date: str) -> dict[str, Any]:
    """Dollars a chip-hour, or a chip for the basis purchase, by basis."""
    found: dict[str, Any] = {}
    for line in bill.costs:
        key = "rental" if line.basis == "rental" and line.label.endswith("on-demand") else line.basis
        if line.basis == "rental" and key not in found and not line.label.endswith("on-demand"):
            continue
        if key not in found:
            found[key] = _cost(line, bill)
    quote = prices.rent(bill.accelerator, date)
    if "rental" in found and quote is not None:
        found["rental"] |= {"low": quote.low, "usd": quote.middle, "high": quote.high}
    return found


def _cost(line: CostLine, bill: RunCost) -> dict[str, Any]:
    each = line.usd.value if line.basis == "purchase" else line.usd.value / bill.device_hours.value
    return {"usd": each, "low": each, "high": each, "as_of": line.as_of, "how": line.how.split("; energy")[0]}
