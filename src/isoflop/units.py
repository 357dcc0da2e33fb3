"""Quantities as people write them, and back: "2.6B tokens", "1e21 FLOP", "$1M", "512xH100", "30d".

Inside isoflop a quantity is a plain float in a base unit that its name carries (``tokens``, ``flops``,
``cost_usd``, ``wall_seconds``). These functions are the doors.

The letter for 1e9 is the field's "B" for counts of parameters and tokens and SI "G" for everything; both are read.
"""

from __future__ import annotations

import math
import re

from isoflop.errors import QuantityError, did_you_mean

MULTIPLIERS = {
    "": 1.0,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "G": 1e9,
    "B": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Z": 1e21,
    "Y": 1e24,
}
FLOP_PER_PETAFLOP_DAY = 1e15 * 86_400  # Kaplan et al. 2020: 1 PF-day = 8.64e19 FLOP
SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "seconds": 1.0,
    "min": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hours": 3600.0,
    "d": 86_400.0,
    "days": 86_400.0,
    "w": 604_800.0,
    "weeks": 604_800.0,
}
WATTS = {"W": 1.0, "kW": 1e3, "MW": 1e6, "GW": 1e9}
_NUMBER = r"([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_COUNT = re.compile(rf"^\s*{_NUMBER}\s*([A-Za-z]?)\s*(?:(params|parameters|tokens|bytes|FLOPs?|flops?))?\s*$")
_PF_DAYS = re.compile(rf"^\s*{_NUMBER}\s*(?:PF-?days?|petaflop/?s-days?)\s*$", re.IGNORECASE)
_DURATION = re.compile(rf"^\s*{_NUMBER}\s*([A-Za-z]+)\s*$")
_MONEY = re.compile(rf"^\s*(?:\$|USD\s*){_NUMBER}\s*([A-Za-z]?)\s*$")
_DEVICES = re.compile(r"^\s*(\d[\d_]*)\s*[xX×]\s*([A-Za-z][\w.-]*)\s*$")


def parse_count(text: str | float, what: str = "a count") -> float:
    """Read ``1.3B``, ``2.6B tokens``, ``70e9``, ``1e21 FLOP`` or a number.

    Returns the count in single units. Raises QuantityError for anything else, and for a value that is not finite.
    """
    if isinstance(text, (int, float)):
        return _finite(float(text), str(text), what)
    match = _COUNT.match(text)
    if not match or match.group(2) not in MULTIPLIERS:
        raise QuantityError(
            f"Cannot read {what} from {text!r}. Allowed: a number with an optional suffix "
            f"k, M, B (or G), T, P, E, Z and an optional unit, such as 1.3B, 2.6B tokens or 1e21 FLOP."
        )
    return _finite(float(match.group(1).replace("_", "")) * MULTIPLIERS[match.group(2)], text, what)


def parse_flops(text: str | float) -> float:
    """Read an amount of compute in FLOP: ``1e21``, ``3.8e25 FLOP``, ``10 PF-days``."""
    if isinstance(text, str) and (match := _PF_DAYS.match(text)):
        return _finite(float(match.group(1)) * FLOP_PER_PETAFLOP_DAY, text, "compute")
    return parse_count(text, "compute")


def parse_duration(text: str | float) -> float:
    """Read a time and return seconds: ``90``, ``30d``, ``6 min``, ``1.5h``."""
    if isinstance(text, (int, float)):
        return _finite(float(text), str(text), "a time")
    match = _DURATION.match(text)
    if not match or match.group(2) not in SECONDS:
        raise QuantityError(
            f"Cannot read a time from {text!r}. Allowed units: s, min, h, d, w, as in 30d or 6 min."
            + (did_you_mean(match.group(2), SECONDS) if match else "")
        )
    return _finite(float(match.group(1).replace("_", "")) * SECONDS[match.group(2)], text, "a time")


def parse_money(text: str | float) -> float:
    """Read US dollars: ``$1M``, ``$2.5B``, ``USD 300k`` or a number."""
    if isinstance(text, (int, float)):
        return _finite(float(text), str(text), "an amount of money")
    match = _MONEY.match(text)
    if not match or match.group(2) not in MULTIPLIERS:
        raise QuantityError(
            f"Cannot read US dollars from {text!r}. Allowed: a dollar sign and a number with a suffix, as in $1M."
        )
    return _finite(float(match.group(1).replace("_", "")) * MULTIPLIERS[match.group(2)], text, "an amount of money")


def parse_power(text: str | float) -> float:
    """Read power and return watts: ``2MW``, ``700 W``, ``1.5 GW`` or a number."""
    if isinstance(text, (int, float)):
        return _finite(float(text), str(text), "a power")
    match = _DURATION.match(text)
    if not match or match.group(2) not in WATTS:
        raise QuantityError(
            f"Cannot read a power from {text!r}. Allowed units: {', '.join(WATTS)}, as in 2MW."
            + (did_you_mean(match.group(2), WATTS) if match else "")
        )
    return _finite(float(match.group(1).replace("_", "")) * WATTS[match.group(2)], text, "a power")


def parse_devices(text: str) -> tuple[int, str]:
    """Read ``512xH100`` as (512, "H100")."""
    match = _DEVICES.match(text)
    if not match or int(match.group(1).replace("_", "")) < 1:
        raise QuantityError(
            f"Cannot read devices from {text!r}. Write a whole number, an x and a name, as in 512xH100."
        )
    return int(match.group(1).replace("_", "")), match.group(2)


def format_count(value: float, digits: int = 3) -> str:
    """Write a count the field's way: 2.6e9 -> ``2.6B``, 1.27e15 -> ``1,270T``; from 1e18 on in powers of ten."""
    if not math.isfinite(value):
        return str(value)
    rounded = abs(float(f"{value:.{digits}g}"))
    if value != 0 and (rounded >= 1e18 or rounded < 1e-3):
        return f"{value:.{digits}g}"
    if rounded >= 1e15:
        return f"{float(f'{value:.{digits}g}') / 1e12:,.0f}T"
    for letter, scale in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if rounded >= scale:
            return f"{_trim(value / scale, digits)}{letter}"
    return _trim(value, digits)


def format_ratio(value: float) -> str:
    """Write how many times as much: ``0.25``, ``4,900``, ``72.9M``."""
    rounded = abs(float(f"{value:.3g}")) if math.isfinite(value) else 0.0
    if rounded >= 1e6:
        return format_count(value)
    return f"{float(f'{value:.3g}'):,.0f}" if rounded >= 1e3 else f"{value:.3g}"


def format_flops(value: float, digits: int = 3) -> str:
    """Write compute as ``1.23e+21 FLOP``."""
    return f"{value:.{max(digits - 1, 0)}e} FLOP"


def format_duration(seconds: float) -> str:
    """Write a time with the unit a person would choose: ``42 s``, ``6.5 min``, ``3.2 h``, ``30 d``."""
    for unit, scale in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * scale or (unit == "min" and seconds >= 90):
            return f"{_trim(seconds / scale, 3)} {unit}"
    return f"{_trim(seconds, 3)} s"


def format_money(usd: float) -> str:
    """Write dollars: ``$1.25M``."""
    return f"${format_count(usd)}"


def format_power(watts: float) -> str:
    """Write power with the unit a person would choose: ``874 kW``, ``14 MW``."""
    unit = next((name for name in ("GW", "MW", "kW") if abs(watts) >= WATTS[name]), "W")
    return f"{_trim(watts / WATTS[unit], 3)} {unit}"


def _trim(value: float, digits: int) -> str:
    text = f"{float(f'{value:.{digits}g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _finite(value: float, text: str, what: str) -> float:
    if not math.isfinite(value):
        raise QuantityError(f"{what.capitalize()} must be finite, but {text!r} is not. Give a finite number.")
    return value
