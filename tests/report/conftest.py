"""One chart of each kind, drawn from the sample ladder."""

from __future__ import annotations

import altair as alt
import ladder_sample as sample
import pytest

from isoflop import report


@pytest.fixture(scope="session")
def charts() -> dict[str, alt.LayerChart]:
    runs = sample.runs()
    valleys, optima = sample.valleys()
    return {
        "loss_curves": report.loss_curves(sample.curves(), runs, title="Larger models are lower at every token count"),
        "ladder_with_law": report.ladder_with_law(
            runs, sample.law_lines(), sample.target(measured=2.0), title="The forecast missed by 1.2 %"
        ),
        "forecast_vs_measured": report.forecast_vs_measured(sample.forecasts(), title="Two of three were inside"),
        "isoflop_curves": report.isoflop_curves(valleys, optima, title="Every fourfold budget doubles the best size"),
        "residuals": report.residuals(runs, title="No trend is left"),
    }
