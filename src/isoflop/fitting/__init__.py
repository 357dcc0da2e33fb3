"""Where what was seen and what is supposed meet: objectives, the batched solver, bootstrap and status.

Names are imported on first use, since SciPy, SymPy and Polars are heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoflop.fitting.fit import Estimate, Fit
    from isoflop.fitting.objectives import OBJECTIVES, Objective
    from isoflop.fitting.status import Status

_HOMES = {
    "Estimate": "fit",
    "Fit": "fit",
    "OBJECTIVES": "objectives",
    "Objective": "objectives",
    "Status": "status",
}

__all__ = ["OBJECTIVES", "Estimate", "Fit", "Objective", "Status"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
