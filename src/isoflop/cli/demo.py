"""``isoflop demo``: from nothing to a forecast that is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isoflop.cli import options as opt


def demo(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where the study lives; the same folder goes on where it stopped.")
    ] = Path("isoflop-demo"),
    minutes: Annotated[float, typer.Option("--minutes", help="Time to aim at on this machine, install apart.")] = 6.0,
    seed: opt.Seed = 0,
    json: opt.Json = False,
) -> None:
    """Train a ladder of small models, forecast a larger one before training it, train it, and score the forecast."""
