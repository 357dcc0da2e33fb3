"""``isoflop page``: one file, its size, its pages, and a law of one's own."""

from __future__ import annotations

import json
import re

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from isoflop.cli.page import page
from isoflop.errors import BadInput
from isoflop.forecasting.forecast import forecast
from isoflop.laws import find_law
from isoflop.planning.plan_law import expected_loss
from isoflop.planning.plan_split import Resources, best_split
from isoflop.runs.reading import read_runs
from isoflop.web.app import plain
from isoflop.web.dial import dial_view, own_law
from isoflop.web.pages import NAMES, all_views

app = typer.Typer()
app.command("page")(page)
app.callback()(lambda: None)
run = CliRunner()


@pytest.fixture(scope="module")
def runs_file(tmp_path_factory):
    """36 runs of 1e17 to 1e20 FLOP on a known law with one part in 200 of noise."""
    rng, law = np.random.default_rng(0), find_law("besiroglu2024")
    C = np.repeat(10.0 ** np.arange(17, 20.1, 0.5), 6)[:36]
    N = np.sqrt(C / 6 / 20) * np.tile(10 ** np.linspace(-0.6, 0.6, 6), 7)[:36]
    loss = law(N=N, D=C / 6 / N) * np.exp(0.005 * rng.standard_normal(36))
    path = tmp_path_factory.mktemp("runs") / "runs.csv"
    pl.DataFrame({"params": N, "tokens": C / 6 / N, "loss": loss}).write_csv(path)
    return path


@pytest.fixture(scope="module")
def ensemble(runs_file):
    return own_law(read_runs(runs_file, needs=("params", "tokens", "loss")))


def test_the_file_is_whole_and_names_its_size(tmp_path) -> None:
    out = tmp_path / "page.html"
    result = run.invoke(app, ["page", "--out", str(out), "--only", "dial"])
    assert result.exit_code == 0, result.output
    text = out.read_text(encoding="utf-8")
    assert re.search(
        rf"Wrote .*page.html: {out.stat().st_size / 1e6:.2f} MB with dial", result.output.replace("\n", "")
    )
    assert out.stat().st_size < 1.2e6
    assert "connect-src 'none'" in text


def test_json_says_where_it_is_and_what_is_in_it(tmp_path) -> None:
    result = run.invoke(app, ["page", "--out", str(tmp_path / "p.html"), "--only", "dial", "--json"])
    found = json.loads(result.stdout)
    assert found["views"] == ["dial"]
    assert 0.9 < found["megabytes"] < 1.2


def test_unknown_pages_and_a_study_page_without_a_study_are_refused() -> None:
    with pytest.raises(BadInput, match=r"Unknown page 'dail'. Known: dial, .* Did you mean 'dial'"):
        all_views(only=["dail"])
    with pytest.raises(BadInput, match="needs a study: give its folder with --study"):
        all_views(only=["study"])
    assert NAMES[0] == "dial"


def test_a_folder_that_does_not_exist_is_refused_before_anything_is_replaced(tmp_path) -> None:
    result = run.invoke(app, ["page", "--out", str(tmp_path / "no" / "p.html"), "--only", "dial"])
    assert isinstance(result.exception, BadInput)


def test_the_law_of_own_runs_says_what_their_forecast_says(ensemble, run_javascript) -> None:
    view = dial_view(ensemble)
    data = plain(view.data)
    assert data["laws"][0]["key"] == "own"
    assert len(data["runs"]) == 36
    flops = [1e18, 1e21, 1e24]
    at = [best_split(expected_loss(ensemble), Resources(train_flops=c)) for c in flops]
    N, D = np.array([float(s.N) for s in at]), np.array([float(s.D) for s in at])
    made = forecast(ensemble, level=0.8, N=N, D=D)
    expression = (
        f"(() => {{ const law = makeModel({json.dumps(data)}, forms).laws.get('own');"
        f" return {json.dumps(np.stack([N, D], axis=1).tolist())}.map(([N, D]) => law.interval(N, D, Infinity, 0.8)); }})()"
    )
    extra = {"dial/forms.js": view.generated["dial/forms.js"]}
    found = run_javascript(["dial/model.js", "dial/forms.js"], expression, extra)
    for i, row in enumerate(found):
        assert row["loss"] == pytest.approx(made.loss[i], rel=1e-6)
        width = made.high[i] - made.low[i]  # its own draws are 10,000, normal where the page has bootstrap replicates
        assert row["high"] - row["low"] == pytest.approx(width, rel=0.3)
