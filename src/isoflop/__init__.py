"""isoflop: the workbench for neural scaling laws.

The main verbs, imported on first use:

    runs = isoflop.read_runs("runs.csv")
    fitted = isoflop.fit("chinchilla", runs)
    isoflop.forecast(fitted, N=70e9, D=1.4e12)
    isoflop.allocate(fitted, "1e24")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoflop.errors import IsoflopError
    from isoflop.fitting.fit import Fit, fit
    from isoflop.forecasting.forecast import Forecast, forecast
    from isoflop.forecasting.scores import score
    from isoflop.laws.catalogue import FORMS, find_form, find_law, published_laws
    from isoflop.laws.form import Form
    from isoflop.laws.law import Law
    from isoflop.planning.allocate import Allocation, allocate
    from isoflop.runs.checks import check_runs
    from isoflop.runs.reading import read_runs
    from isoflop.runs.run import Run
    from isoflop.runs.table import Runs
    from isoflop.runs.writing import write_runs

__version__ = "0.1.0"

_HOMES = {
    "Allocation": "planning.allocate",
    "FORMS": "laws.catalogue",
    "Fit": "fitting.fit",
    "Forecast": "forecasting.forecast",
    "Form": "laws.form",
    "IsoflopError": "errors",
    "Law": "laws.law",
    "Run": "runs.run",
    "Runs": "runs.table",
    "allocate": "planning.allocate",
    "check_runs": "runs.checks",
    "find_form": "laws.catalogue",
    "find_law": "laws.catalogue",
    "fit": "fitting.fit",
    "forecast": "forecasting.forecast",
    "published_laws": "laws.catalogue",
    "read_runs": "runs.reading",
    "score": "forecasting.scores",
    "write_runs": "runs.writing",
}

__all__ = [
    "FORMS",
    "Allocation",
    "Fit",
    "Forecast",
    "Form",
    "IsoflopError",
    "Law",
    "Run",
    "Runs",
    "allocate",
    "check_runs",
    "find_form",
    "find_law",
    "fit",
    "forecast",
    "published_laws",
    "read_runs",
    "score",
    "write_runs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
