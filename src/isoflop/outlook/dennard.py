"""Why a scaling law stopped: Dennard scaling in ten lines (Dennard et al. 1974; leakage: Taur and Ning).

Shrink every length by k: k² as many transistors an area, each of capacitance 1/k, switched k times as fast. Power an
area is then k² · (1/k) · V² · k = k² V²: constant as long as the voltage falls as 1/k. A transistor that is off still
leaks 10^(−V_t / S) of its current, S ≥ kT/q ln 10 = 60 mV a decade at 300 K, so V_t has a floor, and V with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

BOLTZMANN_OVER_CHARGE = 8.617e-5
"""Volts a kelvin."""
KELVIN = 300.0
OFF_OVER_ON = 1e-4
"""Current that a switched-off transistor may leak, over its current when on; chosen."""
OVERDRIVE = 4.0
"""Supply over threshold voltage that fast switching asks for; chosen."""


def least_supply_volts(
    *, off_over_on: float = OFF_OVER_ON, overdrive: float = OVERDRIVE, kelvin: float = KELVIN
) -> float:
    """The floor of the supply voltage: overdrive · S · decades between on and off."""
    return overdrive * BOLTZMANN_OVER_CHARGE * kelvin * float(np.log(1 / off_over_on))


def power_density(shrink: ArrayLike, *, volts: float = 5.0, floor: float | None = None) -> Array:
    """Power an area, over that before shrinking lengths by ``shrink``: k² max(V/k, floor)² / V²; volts: V at k = 1."""
    k = np.asarray(shrink, dtype=float)
    supply = np.maximum(volts / k, least_supply_volts() if floor is None else floor)
    return np.asarray((k * supply / volts) ** 2)
