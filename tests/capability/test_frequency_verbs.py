"""``isoflop capability frequency``, ``quality`` and ``two-step``: answers, JSON, charts, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from isoflop.cli import capability
from isoflop.errors import BadInput

Ask = Callable[..., Any]
COUNTS = np.geomspace(1, 1000, 10)


@pytest.fixture
def ask() -> Ask:
    """The JSON answer of a verb; what it raises goes through."""
    app = typer.Typer()
    app.add_typer(capability.app)

    def run(*arguments: object, text: bool = False) -> Any:
        words = ["capability", *map(str, arguments), *([] if text else ["--json"])]
        result = CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "120"})
        assert result.exit_code == 0, result.output
        return result.stdout if text else json.loads(result.stdout)

    return run


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Three sizes, each needing half the readings of the one before; counts of right answers of 50."""
    rng, rows = np.random.default_rng(0), []
    for size, middle in ((1e6, 80.0), (1e7, 40.0), (1e8, 20.0)):
        share = 1 / (1 + (COUNTS / middle) ** -2.0)
        rows += [(size, c, k, 50, 2.0 * k) for c, k in zip(COUNTS, rng.binomial(50, share), strict=True)]
    path = tmp_path / "answers.csv"
    pl.DataFrame(rows, schema=["params", "seen", "right", "asked", "score"], orient="row").write_csv(path)
    return path


def test_frequency_says_what_each_size_needs_and_draws_it(ask: Ask, answers: Path, tmp_path: Path) -> None:
    options = ("frequency", answers, "--count", "seen", "--score", "right", "--trials", "asked", "--by", "params")
    found = ask(*options, "--zipf", "1.1,1M,1B", "--figures", tmp_path / "charts")
    needed = [law["needed"]["count"] for law in found["laws"]]
    assert needed == pytest.approx([80, 40, 20], rel=0.35)
    assert found["by_size"]["exponent"] == pytest.approx(np.log10(0.5), abs=0.12)
    known = [k["concepts"] for k in found["laws"][0]["long_tail"]]
    assert known == sorted(known)
    assert [Path(path).name for path in found["figures"]] == ["frequency.png", "long-tail.png"]
    assert "The long tail" in ask(*options, "--zipf", "1.1,1M,1B", text=True)


def test_frequency_reads_percentages_and_bare_shares(ask: Ask, answers: Path) -> None:
    options = ("frequency", answers, "--count", "seen", "--score", "score", "--where", "params > 5e7")
    with pytest.raises(BadInput, match="give --percent"):
        ask(*options)
    assert ask(*options, "--percent")["laws"][0]["needed"]["count"] == pytest.approx(20, rel=0.35)


def test_frequency_refuses_what_cannot_be(ask: Ask, answers: Path) -> None:
    options = ("frequency", answers, "--count", "seen", "--score", "right", "--trials", "asked")
    with pytest.raises(BadInput, match="never met"):
        ask(*options, "--chance", 0.25, "--accuracy", 0.2)
    with pytest.raises(BadInput, match="exponent, concepts and mentions"):
        ask(*options, "--zipf", "1.1")
    with pytest.raises(BadInput, match="one of the two"):
        ask(*options, "--zipf", "1,2,3", "--tail", answers)
    with pytest.raises(BadInput, match="3 different counts"):
        ask(*options, "--where", "seen < 2")
    with pytest.raises(BadInput, match=r"50 of \d+ \(row"):
        ask("frequency", answers, "--count", "seen", "--score", "asked", "--trials", "right")


def test_quality_keeps_more_at_more_compute_and_names_the_crossing(ask: Ask, tmp_path: Path) -> None:
    pools = tmp_path / "pools.csv"
    pools.write_text("name,tokens,b,half_life\nbest,10B,0.105,3\nrest,200B,0.1,6\n", encoding="utf-8")
    found = ask("quality", pools, "--tokens", "5B", "--tokens", "20T", "--figures", tmp_path / "charts")
    assert [row["best"] for row in found["at"]] == ["best", "best + rest"]
    (crossing,) = found["crossings"]
    assert 5e9 < crossing["tokens"] < 20e12
    assert Path(found["figures"][0]).stat().st_size > 10_000
    assert "is better than best." in ask("quality", pools, "--tokens", "1T", text=True)
    pools.write_text("name,tokens,b,half_life\nbest,10B,-0.105,3\nrest,200B,0.1,6\n", encoding="utf-8")
    with pytest.raises(BadInput, match="without its sign"):
        ask("quality", pools, "--tokens", "1T")


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(2e8, 2e10, 5)))
    loss = 1.8 + 480 / N**0.35 + 2000 / D**0.37
    loss = loss * np.exp(np.random.default_rng(0).normal(0, 0.003, N.size))
    score = 0.25 + 0.6 / (1 + np.exp(4 * (loss - 3.0)))
    path = tmp_path / "ladder.csv"
    pl.DataFrame({"params": N, "tokens": D, "loss": loss, "quiz": score, "percent": 100 * score}).write_csv(path)
    return path


def test_two_step_foretells_a_run_and_shows_its_backtest(ask: Ask, ladder: Path, tmp_path: Path) -> None:
    found = ask("two-step", ladder, "--score", "quiz", "--chance", 0.25, "--at", "N=5B,D=100B", "--figures", tmp_path)
    (quiz,) = found["scores"]
    truth = 0.25 + 0.6 / (1 + np.exp(4 * (1.8 + 480 / 5e9**0.35 + 2000 / 1e11**0.37 - 3.0)))
    assert quiz["at"][0]["low"] <= truth <= quiz["at"][0]["high"]
    assert quiz["backtest"]["error"] < 0.5 * quiz["backtest"]["naive_error"]
    assert Path(found["figures"][0]).stat().st_size > 10_000


def test_two_step_refuses_percentages_until_they_are_called_so_and_a_cut_without_runs(ask: Ask, ladder: Path) -> None:
    with pytest.raises(BadInput, match="--percent"):
        ask("two-step", ladder, "--score", "percent")
    with pytest.raises(BadInput, match="Choose another cut"):
        ask("two-step", ladder, "--score", "quiz", "--above", "1e30")
