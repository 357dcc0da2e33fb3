"""What to expect: forecasts with prediction intervals, and their scores."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoflop.forecasting.forecast import Forecast
    from isoflop.forecasting.scores import Scores, score

_HOMES = {"Forecast": "forecast", "Scores": "scores", "score": "scores"}

__all__ = ["Forecast", "Scores", "score"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
