"""And remember: runs, the forecasts made of runs not yet trained, and how those forecasts fared."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isoflop.store.store import ForecastRecord, Score, Store, open_store

__all__ = ["ForecastRecord", "Score", "Store", "open_store"]


def __getattr__(name: str) -> object:
    """Import SQLAlchemy only when a store is used: it costs 0.15 s, which ``isoflop --help`` need not pay."""
    if name in __all__:
        from isoflop.store import store

        return getattr(store, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
