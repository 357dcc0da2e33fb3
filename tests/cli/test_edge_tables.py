"""Tables at the edge of what can be asked: few runs, one size, one ratio, and targets near and very far."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from terminal import FEW, Isoflop, law

QUICK = ("--replicates", "20")


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Runs of a known law at the given N and D, with 0.3 % of noise."""

    def write(N: np.ndarray, D: np.ndarray, noise: float = 0.003) -> Path:
        loss = law(N, D) * np.exp(np.random.default_rng(0).normal(0, noise, len(N)))
        rows = [f"{n:.0f},{d:.0f},{value:.5f}" for n, d, value in zip(N, D, loss, strict=True)]
        path = tmp_path / "runs.csv"
        path.write_text("params,tokens,loss\n" + "\n".join(rows) + "\n")
        return path

    return write


def words(text: str) -> str:
    return " ".join(text.split())


def test_three_runs_are_said_to_be_too_few_by_each_verb_that_fits(isoflop: Isoflop, table: Callable[..., Path]) -> None:
    runs = table(np.array([1e7, 3e7, 1e8]), np.array([1e9, 2e9, 5e9]))
    for verb in (("fit",), ("diagnose",), ("allocate", "--compute", "1e20"), ("approach", "3")):
        command, *rest = verb
        arguments = (command, *rest[:1], runs, *QUICK) if command == "approach" else (command, runs, *rest, *QUICK)
        assert "too few runs" in words(isoflop(*arguments).out), verb
    assert "Too few runs: 3 runs for 5 parameters" in words(isoflop("approach", "projection", runs).out)


def test_runs_of_one_ratio_do_not_say_how_to_split_a_budget(isoflop: Isoflop, table: Callable[..., Path]) -> None:
    N = np.geomspace(1e7, 1e10, 20)
    runs = table(N, 20 * N)
    assert "nor how to split a budget" in words(isoflop("fit", runs, *QUICK).out)
    assert "do not split a budget by it" in words(isoflop("approach", "3", runs, *QUICK).out)
    assert "nor how to split a budget" in words(isoflop("diagnose", runs, *QUICK).out)


def test_one_size_says_which_parameter_it_says_nothing_about(isoflop: Isoflop, table: Callable[..., Path]) -> None:
    D = np.geomspace(2e8, 5e10, 20)
    told = words(isoflop("fit", table(np.full(20, 1e8), D), *QUICK).out)
    assert "All runs have N = 100M" in told
    assert "These runs say nothing about" in told or "These runs cannot tell" in told


@pytest.mark.long
def test_a_target_a_million_times_out_is_answered_wider_and_with_a_warning(isoflop: Isoflop, ladder: Path) -> None:
    targets = ("--at", "N=1e8,D=3e9", "--at", "N=1e13,D=1.2e13")
    near, far = isoflop("forecast", ladder, *targets, *FEW, "--json").json["forecasts"]
    assert (near["extrapolation"] < 1, far["extrapolation"] > 1e6) == (True, True)
    widths = [(row["high"] - row["low"]) / row["loss"] for row in (near, far)]
    assert widths[1] > 3 * widths[0]
    assert "times the compute of the largest run" in words(isoflop("forecast", ladder, *targets, *FEW).out)


def test_curves_need_a_column_that_tells_them_apart(refused: Callable[..., str], ladder: Path) -> None:
    assert "name the column that tells the curves apart (--run-column)" in words(refused("approach", "1", ladder))


def test_charts_of_an_approach_are_written_and_a_projection_has_none(
    isoflop: Isoflop, refused: Callable[..., str], ladder: Path, tmp_path: Path
) -> None:
    told = isoflop("approach", "3", ladder, *QUICK, "--figures", tmp_path / "new", "--compute", "1e22")
    assert told.code == 0
    assert {file.name for file in (tmp_path / "new").iterdir()} == {"valleys.png", "frontier.png"}
    assert "--figures draws methods 1 to 3" in refused("approach", "projection", ladder, "--figures", tmp_path)


def test_a_formula_of_another_quantity_is_shown_with_its_own_symbol(isoflop: Isoflop, tmp_path: Path) -> None:
    D = np.geomspace(1e9, 1e11, 8)
    path = tmp_path / "batch.csv"
    path.write_text("params,tokens,batch\n" + "".join(f"1e8,{d:.0f},{0.58 * d**0.571:.0f}\n" for d in D))
    told = isoflop("fit", path, "--form", "batch_data", "--column", "batch=loss", *QUICK).out
    assert told.startswith("B = k*D**q")
