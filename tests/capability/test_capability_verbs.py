"""``isoflop capability`` and ``isoflop inference``: answers, JSON, charts, and what is refused."""

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

from isoflop.cli import capability, inference
from isoflop.errors import BadInput

Ask = Callable[..., str]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a verb of one of the two groups and give its stdout; what it raises goes through."""
    monkeypatch.setenv("COLUMNS", "120")
    app = typer.Typer()
    app.add_typer(capability.app)
    app.add_typer(inference.app)

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def asked(ask: Ask, *arguments: object) -> Any:
    return json.loads(ask(*arguments, "--json"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Twenty models of a known sigmoid in log10 C, in one task, and one more in a task of its own."""
    x = np.linspace(20, 24, 20)
    score = 0.25 + 0.6 / (1 + np.exp(-2 * (x - 22))) + np.random.default_rng(0).normal(0, 0.005, 20)
    frame = pl.DataFrame({"C": [*(10**x), 1e25], "acc": [*score, 0.9], "task": ["quiz"] * 20 + ["once"]})
    path = tmp_path / "models.csv"
    frame.with_columns(percent=100 * pl.col("acc")).write_csv(path)
    return path


@pytest.fixture
def solved(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    path = tmp_path / "solved.csv"
    pl.DataFrame({"n": [100] * 60, "c": rng.binomial(100, rng.beta(0.3, 6, 60))}).write_csv(path)
    return path


def test_fit_finds_the_curve_in_the_column_s_own_unit_and_names_the_task_left_out(
    ask: Ask, models: Path, tmp_path: Path
) -> None:
    answer = asked(
        ask, "capability", "fit", models, "--x", "C", "--score", "acc", "--task", "task", "--chance", 0.25,
        "--form", "sigmoid", "--figures", tmp_path / "charts",
    )  # fmt: skip
    (law,) = answer["laws"]
    assert law["task"] == "quiz"
    assert law["x"] == {"column": "C", "scale": "log"}
    assert law["parameters"]["m"] == pytest.approx(22, abs=0.05)
    assert Path(answer["figures"][0]).stat().st_size > 10_000


def test_forecast_holds_the_truth_and_shows_its_backtest_beside_the_naive_one(ask: Ask, models: Path) -> None:
    arguments = ("capability", "forecast", models, "--x", "C", "--score", "acc", "--where", "C < 1e23")
    answer = asked(ask, *arguments, "--chance", 0.25, "--at", "1e24")
    (made,) = answer["forecasts"]
    truth = 0.25 + 0.6 / (1 + np.exp(-4.0))
    assert made["at"][0]["low"] <= truth <= made["at"][0]["high"]
    assert made["backtest_error_points"] < made["naive_error_points"]
    assert "backtest" in ask(*arguments, "--at", "1e24")


def test_percentages_are_refused_until_they_are_called_so(ask: Ask, models: Path) -> None:
    arguments = ("capability", "fit", models, "--x", "C", "--score", "percent", "--form", "sigmoid", "--chance", 0.25)
    with pytest.raises(BadInput, match="If it holds percentages, give --percent"):
        ask(*arguments)
    assert asked(ask, *arguments, "--percent")["laws"][0]["sd"] < 0.02


def test_tasks_with_too_few_models_are_refused_when_none_is_left(ask: Ask, models: Path) -> None:
    with pytest.raises(BadInput, match=r"too few: once \(1 row\)"):
        ask("capability", "fit", models, "--x", "C", "--score", "acc", "--task", "task", "--where", "C > 5e24")
    with pytest.raises(BadInput, match=r"Unknown column 'acuracy'.*Did you mean"):
        ask("capability", "fit", models, "--x", "C", "--score", "acuracy")
    with pytest.raises(BadInput, match="Unknown scale 'logarithmic'"):
        ask("capability", "fit", models, "--x", "C", "--score", "acc", "--scale", "logarithmic")


def test_items_become_a_verdict_a_chart_and_the_attempts_that_would_show_a_success(ask: Ask, tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(2), []
    for m, x in enumerate(np.linspace(0, 4, 16)):
        for item in range(80):
            right = rng.random(6) < (p := 1 / (1 + np.exp(-1.6 * (x - 1.5))))
            rows.append(
                (f"m{m}", 10 ** (6 + x / 2), 10 ** (8 + x / 2), item, right.all(), right.sum(), 6, 6 * np.log(p))
            )
    columns = ("model", "N", "D", "item", "exact", "tokens_correct", "tokens", "logprob")
    table = pl.DataFrame(rows, schema=list(columns), orient="row").with_columns(pl.col("exact").cast(int))
    table.write_csv(tmp_path / "items.csv")
    answer = asked(ask, "capability", "emergence", tmp_path / "items.csv", "--figures", tmp_path / "charts")
    (task,) = answer["tasks"]
    assert task["verdict"] == "the metric's doing"
    assert task["implied_length"]["tokens"] == pytest.approx(6, rel=0.15)
    first = task["nothing_solved"][0]
    assert first["needed"] > 100 * first["items"]
    assert task["x"] == {"column": "C", "scale": "log"}
    assert Path(answer["figures"][0]).stat().st_size > 10_000
    with pytest.raises(BadInput, match="too few: all"):
        ask("capability", "emergence", tmp_path / "items.csv", "--where", "N < 2e6")


def test_emergence_reads_public_scores_joined_with_their_compute(ask: Ask, data_dir: Path) -> None:
    folder = data_dir / "runs/obs_scaling"
    task = "ipa_transliterate_2"
    answer = asked(
        ask, "capability", "emergence", folder / "base_llm_emergent_capability_eval.csv",
        "--join", folder / "base_llm_benchmark_eval.csv", "--on", "Model", "--x", "FLOPs (1E21)",
        "--score", f"{task}_exact_match", "--partial", f"{task}_bleu",
    )  # fmt: skip
    assert answer["tasks"][0]["models"] == 60
    onset = answer["tasks"][0]["metrics"][0]["onset"]
    assert 10 < onset["low"] < onset["threshold"] < onset["high"] < 200  # 1e22 to 2e23 FLOP


def test_observe_reproduces_the_published_shares_and_split(ask: Ask, data_dir: Path, tmp_path: Path) -> None:
    table = pl.read_csv(data_dir / "runs/obs_scaling/base_llm_benchmark_eval.csv")[:77]
    table.write_csv(tmp_path / "models.csv")
    names = [part for name in table.columns[5:] for part in ("--benchmark", name)]
    answer = asked(
        ask, "capability", "observe", tmp_path / "models.csv", "--x", "FLOPs (1E21)", *names, "--score", "MMLU",
        "--cutoff", 84, "--chance", 0.25, "--family", "Model Family",
    )  # fmt: skip
    assert answer["components"]["explained"][0] == pytest.approx(0.825, abs=1e-3)
    mmlu = answer["tasks"]["MMLU"]
    assert (mmlu["train"], mmlu["test"]) == (47, 30)
    assert mmlu["error"] < mmlu["compute_error"] < mmlu["naive_error"]
    assert "Pythia" in answer["families"]


def test_pass_at_k_has_its_published_values(ask: Ask) -> None:
    answer = asked(ask, "inference", "pass-at-k", "--attempts", 200, "--successes", 10, "--k", "1,100")
    assert [row["mean"] for row in answer["pass_at_k"]] == pytest.approx([0.05, 0.9992289740])


def test_coverage_is_forecast_past_the_attempts_with_and_without_a_chart(
    ask: Ask, solved: Path, tmp_path: Path
) -> None:
    answer = asked(ask, "inference", "coverage", solved, "--k", "1000,10k")
    assert [row["k"] for row in answer["forecast"]] == [1000, 10_000]
    assert all(row["low"] < row["mean"] < row["high"] for row in answer["forecast"])
    assert answer["beta_binomial"]["tail_index"] == pytest.approx(0.3, abs=0.12)
    drawn = asked(ask, "inference", "coverage", solved, "--k", "1000,10k", "--figures", tmp_path / "charts")
    assert [row["mean"] for row in drawn["forecast"]] == pytest.approx([row["mean"] for row in answer["forecast"]])
    assert Path(drawn["figures"][0]).stat().st_size > 10_000


def test_counts_that_exceed_their_trials_are_refused(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    pl.DataFrame({"n": [10, 10], "c": [3, 11]}).write_csv(path)
    with pytest.raises(BadInput, match=r"11 of 10 \(problem 1\)"):
        ask("inference", "pass-at-k", path)
    pl.DataFrame({"n": [10, 10], "hits": [3, 1]}).write_csv(tmp_path / "hits.csv")
    with pytest.raises(BadInput, match="--successes: none is called"):
        ask("inference", "coverage", tmp_path / "hits.csv")
    with pytest.raises(BadInput, match="two counts are needed"):
        ask("inference", "pass-at-k", "--attempts", "10")


def test_trade_gives_the_cheapest_first_and_the_joint_choice(ask: Ask, tmp_path: Path) -> None:
    answer = asked(ask, "inference", "trade", "--train-flops", "1e25", "--tokens", "1e13", "--figures", tmp_path / "f")
    costs = [row["peak_flops"] for row in answer["trades"]]
    assert costs == sorted(costs)
    assert len(costs) == 5
    joint = answer["joint"]["resampling, cheap check"]
    assert joint["N"] < 0.5 * answer["demand"]["N"]  # much traffic asks for a smaller model
    assert joint["cost"] <= joint["plain"] < joint["optimal"]
    with pytest.raises(BadInput, match="Unknown technique 'voting'"):
        ask("inference", "trade", "--train-flops", "1e25", "--tokens", "1e13", "--technique", "voting")
