"""What the runs cover: ranges of N, D, D/N and C, how the two move together, and how far away the target is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isoflop.counting import training_flops
from isoflop.fitting.diagnostics.context import Context
from isoflop.fitting.diagnostics.finding import Finding, Severity
from isoflop.units import format_count, format_flops

Array = NDArray[np.float64]

FEWEST_VALUES = 3
"""Distinct sizes, or amounts of data, that a power law with an offset needs."""
ENTANGLED = 0.95
"""Correlation of ln N and ln D above which their effects can hardly be told apart (chosen)."""
NARROW_RATIO = 4.0
"""Range of D/N below which the split of a budget is hardly told (chosen: a factor of 2 on each side)."""
FAR = 10.0
VERY_FAR = 1000.0


def support_findings(context: Context) -> list[Finding]:
    """What the design can and cannot tell, and where the target lies."""
    axes = context.axes()
    shown = [
        f"N {_range(axes['N'])}",
        f"D {_range(axes['D'])}",
        f"D/N {_edges(axes['D/N'])}",
        f"C {_edges(axes['C'])} FLOP",
    ]
    count = len(axes["N"])
    covered = f"{count} run{' covers' if count == 1 else 's cover'} {'; '.join(shown)}."
    return [Finding("support", "note", covered, "", "support"), *_missing(axes), *_target(context, axes)]


def _edges(values: Array) -> str:
    low, high = f"{values.min():.3g}", f"{values.max():.3g}"
    return f"{low} throughout" if low == high else f"{low} to {high}"


def _range(values: Array) -> str:
    distinct = len(np.unique(np.round(np.log(values), 6)))
    if distinct == 1:
        return f"{format_count(values[0])} throughout"
    return f"{format_count(values.min())} to {format_count(values.max())} ({distinct} values)"


def _missing(axes: dict[str, Array]) -> list[Finding]:
    N, D, ratio = (np.log(axes[name]) for name in ("N", "D", "D/N"))
    alone = _alone(N, D, axes)
    if alone is not None:
        return [alone]
    findings = []
    for symbol, values, what in (("N", N, "sizes"), ("D", D, "amounts of data")):
        distinct = len(np.unique(np.round(values, 6)))
        if distinct < FEWEST_VALUES:
            message = f"{distinct} distinct {what}: a power law with an offset in {symbol} needs {FEWEST_VALUES}."
            findings.append(Finding("support", "warning", message, f"Add runs with other {what}.", "support"))
    together = float(np.corrcoef(N, D)[0, 1])
    span = float(np.exp(np.ptp(ratio)))
    if together > ENTANGLED or span < NARROW_RATIO:
        message = (
            f"N and D move together (correlation of logarithms {together:.3f}, D/N within a factor of {span:.3g}): "
            "the effect of one can hardly be told from that of the other, nor the best split of a budget."
        )
        remedy = "Add small models trained long and large ones trained briefly."
        findings.append(Finding("support", "warning", message, remedy, "support", (), {"correlation": together}))
    return findings


def _alone(N: Array, D: Array, axes: dict[str, Array]) -> Finding | None:
    """One run, one N, one D or one D/N: what cannot be told at all."""
    if len(N) == 1:
        message, remedy = "One run: no trend of any kind can be told.", "Add runs that vary N and D."
    elif np.ptp(N) < 1e-6:
        message = (
            f"All runs have N = {format_count(axes['N'][0])}: what size does cannot be told, nor A/N^alpha from E."
        )
        remedy = "Add other sizes, or fit power_d."
    elif np.ptp(D) < 1e-6:
        message = f"All runs have D = {format_count(axes['D'][0])}: what data do cannot be told, nor B/D^beta from E."
        remedy = "Add other amounts of data, or fit power_n."
    elif np.ptp(N - D) < 1e-3:
        message = (
            f"All runs have D/N = {float(np.median(axes['D/N'])):.3g}: A/N^alpha and B/D^beta cannot be told apart, "
            "nor how to split a budget; along this one ratio the loss can still be forecast."
        )
        remedy = "Add runs with at least four times more and four times fewer tokens a parameter, or fit power_c."
    else:
        return None
    return Finding("support", "warning", message, remedy, "support")


def _target(context: Context, axes: dict[str, Array]) -> list[Finding]:
    target = context.target
    if not {"N", "D"} <= target.keys():
        return []
    flops = training_flops(target["N"], target["D"])
    beyond, ratio = flops / axes["C"].max(), target["D"] / target["N"]
    place = (
        f"The target, N = {format_count(target['N'])} and D = {format_count(target['D'])} ({format_flops(flops, 3)}),"
    )
    numbers = {"extrapolation": beyond, "tokens_per_param": ratio}
    outside = not axes["D/N"].min() * 0.999 <= ratio <= axes["D/N"].max() * 1.001
    aside = f", and its D/N of {ratio:.3g} is outside that of the runs" if outside else ""
    if beyond <= 1:
        message = f"{place} needs no more compute than the largest run{aside}."
        return [Finding("target", "note" if outside else "good", message, "", "support", (), numbers)]
    severity: Severity = "warning" if beyond > VERY_FAR or outside else "note"
    message = f"{place} has {beyond:.3g} times the compute of the largest run{aside}."
    remedy = (
        "Beyond ten times the data the formula itself is in doubt: forecast with several forms, and widen by backtests."
        if beyond > FAR
        else ""
    )
    return [Finding("target", severity, message, remedy, "support", (), numbers)]
