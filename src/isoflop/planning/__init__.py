"""What to do: from a budget to a run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoflop.planning.allocate import Allocation, Valley
    from isoflop.planning.hardware import Bill, bill

_HOMES = {"Allocation": "allocate", "Bill": "hardware", "Valley": "allocate", "bill": "hardware"}

__all__ = ["Allocation", "Bill", "Valley", "bill"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
