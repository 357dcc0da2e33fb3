"""``isoflop compare``, ``ledger`` and ``watch`` as a person meets them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import typer
from terminal import Isoflop, law

from isoflop import forecast, read_runs
from isoflop.cli import compare, ledger, main, watch
from isoflop.forecasting.ledger import record_forecast


@pytest.fixture(autouse=True)
def registered() -> None:
    """The verbs, also before they stand in the list of verbs."""
    known = {command.name for command in main.app.registered_commands}
    for name, verb in (("compare", compare.compare), ("ledger", ledger.ledger), ("watch", watch.watch)):
        if name not in known:
            main.app.command(name)(verb)
    assert isinstance(main.app, typer.Typer)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One table with two recipes; the new one is 3 % better everywhere."""
    path = tmp_path_factory.mktemp("two") / "two.csv"
    lines = ["params,tokens,loss,recipe"]
    for recipe, factor in (("old", 1.0), ("new", 0.97)):
        for i, n in enumerate((3e7, 1e8, 3e8)):
            for j, d in enumerate((1e9, 4e9, 2e10)):
                wave = 1 + 0.001 * np.sin(3 * i + 5 * j + 2 * len(recipe))
                lines.append(f"{n:.0f},{d:.0f},{float(law(np.float64(n), np.float64(d))) * factor * wave:.5f},{recipe}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def written(ladder: Path, tmp_path: Path) -> Path:
    runs = read_runs(ladder)
    path = tmp_path / "ledger.jsonl"
    made = forecast(runs, form="chinchilla", N=7e9, D=1.4e11, replicates=20)
    record_forecast(made, runs, path, "7B", now=datetime(2026, 1, 1, tzinfo=UTC))
    return path


def test_compare_says_which_recipe_is_better_and_agrees_with_the_single_scale(isoflop: Isoflop, two: Path) -> None:
    options = ("--recipe", "recipe", "--between", "old,new", "--at", "N=1B,D=50B", "--replicates", "30")
    found = isoflop("compare", two, *options, "--json").json
    assert found["names"] == ["old", "new"]
    assert found["winner"] == "new"
    assert found["agree"] is True
    assert found["difference"]["high"] < 0
    shown = isoflop("compare", two, *options)
    assert shown.code == 0
    assert "new is better" in shown.out
    assert "agrees: new wins there" in " ".join(shown.out.split())


def test_compare_refuses_what_is_not_two_recipes(refused: Callable[..., str], two: Path, ladder: Path) -> None:
    assert "two tables, or one table with --recipe" in refused("compare", two, "--at", "N=1B,D=50B")
    assert "Two are compared" in refused("compare", two, "--recipe", "tokens", "--at", "N=1B,D=50B")
    assert "Give two of N, D and C" in refused("compare", two, ladder, "--at", "N=1B")
    assert "cannot read 'X=1'" in refused("compare", two, ladder, "--at", "N=1B,X=1")


def test_an_empty_ledger_says_how_to_begin(isoflop: Isoflop, tmp_path: Path) -> None:
    answer = isoflop("ledger", "--ledger", tmp_path / "none.jsonl")
    assert answer.code == 0
    assert "--record NAME" in answer.out


def test_a_forecast_is_scored_from_the_command_line(isoflop: Isoflop, written: Path, tmp_path: Path) -> None:
    open_ones = isoflop("ledger", "--ledger", written, "--json").json
    assert open_ones["entries"][0]["score"] is None
    picture = tmp_path / "calibration.svg"
    told = open_ones["entries"][0]["loss"]
    scored = isoflop("ledger", "score", "7B", "--loss", told * 1.001, "--ledger", written, "--chart", picture)
    assert scored.code == 0
    assert "error -0.10%" in scored.err
    assert picture.read_text().startswith("<svg")
    assert "1 scored, 0 open" in scored.out
    after = isoflop("ledger", "--ledger", written, "--json").json
    assert after["record"]["n_scored"] == 1
    assert after["head"] != open_ones["head"]


def test_a_ledger_is_scored_from_a_table_of_runs(isoflop: Isoflop, written: Path, tmp_path: Path) -> None:
    table = tmp_path / "landed.csv"
    table.write_text("params,tokens,loss\n7.01e9,1.4e11,2.2\n1e9,1e10,2.9\n")
    answer = isoflop("ledger", "score", "--runs", table, "--ledger", written)
    assert answer.code == 0, answer.err
    assert "measured 2.2000" in answer.err
    again = isoflop("ledger", "score", "--runs", table, "--ledger", written)
    assert "No open forecast" in again.err


def test_scores_that_prove_nothing_are_refused(isoflop: Isoflop, refused: Callable[..., str], written: Path) -> None:
    before = (datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=1)).isoformat()
    score = ("ledger", "score", "7B", "--loss", "2.2", "--ledger", written)
    assert "before '7B' was recorded" in refused(*score, "--measured", before)
    assert "is no time" in refused(*score, "--measured", "yesterday")
    assert "needs a forecast and its loss" in refused("ledger", "score", "--ledger", written)
    assert "Did you mean 'score'" in refused("ledger", "scroe", "--ledger", written)
    forced = isoflop(*score, "--measured", before, "--force")
    assert "It does not count" in forced.err


def test_a_tampered_ledger_is_told_with_its_line_and_exit_code_1(isoflop: Isoflop, written: Path) -> None:
    entry = json.loads(written.read_text())
    written.write_text(json.dumps({**entry, "loss": 1.0}) + "\n")
    answer = isoflop("ledger", "--ledger", written)
    assert answer.code == 1
    assert "Line 1 of" in answer.err
    assert "was changed" in answer.err


@pytest.fixture(scope="module")
def curve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 2B parameters planned for 40B tokens, at 60 %, 4.5 % above the law of finished runs; a spike at 7.8B."""
    tokens = np.linspace(1e8, 2.4e10, 240)
    wave = 0.003 * np.sin(np.arange(240) ** 1.7)
    loss = law(np.full(240, 2e9), tokens) * np.exp(0.045 + wave)
    loss[77] *= 1.3
    path = tmp_path_factory.mktemp("curve") / "curve.csv"
    path.write_text("tokens,loss\n" + "\n".join(f"{t:.0f},{v:.5f}" for t, v in zip(tokens, loss, strict=True)) + "\n")
    return path


@pytest.mark.long
def test_watch_says_on_track_and_names_the_spike(isoflop: Isoflop, curve: Path, ladder: Path, tmp_path: Path) -> None:
    options = ("--runs", ladder, "--at", "N=2B,D=40B", "--schedule", "wsd-0.2")
    picture = tmp_path / "watch.svg"
    seen = isoflop("watch", curve, *options, "--chart", picture, "--json").json
    assert seen["status"] == "on track"
    assert [finding["kind"] for finding in seen["findings"]] == ["spike"]
    assert seen["evidence"]["broken"]["highest"] < seen["evidence"]["broken"]["alarm"]
    assert len(seen["blocks"]) > 30
    assert picture.read_text().startswith("<svg")
    shown = isoflop("watch", curve, *options)
    assert "the run is on track" in " ".join(shown.out.split())


def test_watch_tests_finished_runs(isoflop: Isoflop, ladder: Path) -> None:
    seen = isoflop("watch", "--finished", ladder, "--share", "0.1", "--json").json
    assert [group["what"] for group in seen["groups"]] == ["largest"]
    assert seen["groups"][0]["verdict"] == "on the law"
    assert "four times in five" in seen["groups"][0]["sentence"]


def test_watch_refuses_half_a_question(refused: Callable[..., str], curve: Path, ladder: Path) -> None:
    assert "isoflop watch CURVE --runs LADDER" in refused("watch", curve)
    assert "Unknown schedule" in refused(
        "watch", curve, "--runs", ladder, "--at", "N=2B,D=40B", "--schedule", "sawtooth"
    )
    assert "counts steps" in refused("watch", _steps(curve), "--runs", ladder, "--at", "N=2B,D=40B")


def _steps(curve: Path) -> Path:
    path = curve.with_name("steps.csv")
    path.write_text(curve.read_text().replace("tokens,", "step,"))
    return path
