"""Charts as files: what --figures writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.cli import options as opt

if TYPE_CHECKING:
    import altair as alt


def write_charts(folder: Path, charts: Mapping[str, alt.TopLevelMixin]) -> list[str]:
    """Each chart as a PNG named after its label; returns the paths and says them on stderr."""
    import re

    from isoflop.report.figures import save

    opt.make_folder(folder)
    wrote = []
    for label, chart in charts.items():
        name = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-").lower() or "chart"
        wrote.append(str(save(chart, folder / f"{name}.png")))
    opt.say(f"wrote {path}" for path in wrote)
    return wrote
