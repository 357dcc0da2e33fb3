"""Every finding names a figure, and every figure draws."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop import Runs, find_law
from isoflop.fitting.diagnostics import Diagnosis, diagnose
from isoflop.report.diagnosis import diagnosis_figures
from isoflop.report.figures import save, specification, svg


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    """60 runs in two seeds with an outlier."""
    law, rng = find_law("besiroglu2024"), np.random.default_rng(0)
    N, D = (np.repeat(axis.ravel(), 2) for axis in np.meshgrid(np.geomspace(3e7, 3e9, 6), np.geomspace(1e9, 6e10, 5)))
    loss = law(N=N, D=D) * np.exp(rng.normal(0, 0.004, 60))
    loss[7] *= 1.05
    frame = pl.DataFrame({"params": N, "tokens": D, "loss": loss, "flops": 6 * N * D, "seed": np.tile([0, 1], 30)})
    return diagnose(Runs(frame), replicates=40)


def test_each_finding_has_its_figure_and_each_figure_a_title_and_the_finding(diagnosis: Diagnosis) -> None:
    drawn = diagnosis_figures(diagnosis)
    assert {finding.figure for finding in diagnosis.findings} <= set(drawn)
    for name, chart in drawn.items():
        said = specification(chart)
        first = next(finding for finding in diagnosis.findings if finding.figure == name)
        assert first.message[:40] in said["description"]
        assert said["config"]["background"] == "#ffffff"


def test_an_outlier_is_marked_in_the_residuals(diagnosis: Diagnosis) -> None:
    drawn = svg(specification(diagnosis_figures(diagnosis)["residuals"]))
    assert drawn.count("what: outlier") == 4  # once in each of the four panels, as a screen reader hears it


def test_every_figure_becomes_a_png(diagnosis: Diagnosis, tmp_path: Path) -> None:
    for name, chart in diagnosis_figures(diagnosis).items():
        assert save(chart, tmp_path / f"{name}.png").stat().st_size > 5000


def test_three_runs_draw_what_they_can(tmp_path: Path) -> None:
    frame = pl.DataFrame({"params": [1e8, 3e8, 1e9], "tokens": [2e9, 6e9, 1e10], "loss": [3.3, 3.0, 2.8]})
    few = diagnose(Runs(frame.with_columns(flops=6 * pl.col("params") * pl.col("tokens"))), replicates=10)
    drawn = diagnosis_figures(few)
    assert {"support", "residuals", "directions"} <= set(drawn)
    assert "profiles" not in drawn
    for name, chart in drawn.items():
        save(chart, tmp_path / f"{name}.png")
