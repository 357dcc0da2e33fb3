"""WHAT TO SHOW: figures, tables and the one-file page. This room computes nothing; its callers bring the numbers.

Every chart is an Altair chart (a Vega-Lite specification), so a notebook, a PNG and the report show one picture.
Names are loaded on first use, because Altair costs half a second that ``isoflop --help`` should not pay.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoflop.report.charts import isoflop_curves, ladder_with_law, loss_curves
    from isoflop.report.checks import forecast_vs_measured, residuals
    from isoflop.report.figures import save, specification
    from isoflop.report.page import Section, write_report
    from isoflop.report.tables import Table

_HOMES = {
    "Section": "page",
    "Table": "tables",
    "forecast_vs_measured": "checks",
    "isoflop_curves": "charts",
    "ladder_with_law": "charts",
    "loss_curves": "charts",
    "residuals": "checks",
    "save": "figures",
    "specification": "figures",
    "write_report": "page",
}

__all__ = [
    "Section",
    "Table",
    "forecast_vs_measured",
    "isoflop_curves",
    "ladder_with_law",
    "loss_curves",
    "residuals",
    "save",
    "specification",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. Known: {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"isoflop.report.{_HOMES[name]}"), name)
