"""What was seen: the run, the table of runs, its readers and writers, and checks of what looks wrong.

Names are imported on first use, so that ``import isoflop.runs`` does not pay for Polars.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoflop.runs.checks import Finding, check_runs
    from isoflop.runs.columns import COLUMNS, Column, parse_column_options
    from isoflop.runs.reading import read_runs
    from isoflop.runs.run import Run
    from isoflop.runs.table import Runs
    from isoflop.runs.writing import write_runs

_HOMES = {
    "COLUMNS": "columns",
    "Column": "columns",
    "Finding": "checks",
    "Run": "run",
    "Runs": "table",
    "check_runs": "checks",
    "parse_column_options": "columns",
    "read_runs": "reading",
    "write_runs": "writing",
}

__all__ = [
    "COLUMNS",
    "Column",
    "Finding",
    "Run",
    "Runs",
    "check_runs",
    "parse_column_options",
    "read_runs",
    "write_runs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
