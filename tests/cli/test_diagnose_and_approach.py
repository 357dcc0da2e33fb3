"""``isoflop diagnose`` and ``isoflop approach`` answer, draw and refuse."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from terminal import Isoflop, law

FEW = ("--replicates", "20")


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four budgets of seven runs around the optimum, as compute and tokens alone."""
    rows = ["budget,tokens,loss"]
    for flops in (1e18, 1e19, 1e20, 1e21):
        best = 2.07e9 * (flops / 1e18) ** 0.4874
        rows += [f"{flops:g},{d:.6g},{law(flops / (6 * d), d):.6f}" for d in best * np.geomspace(1 / 6, 6, 7)]
    path = tmp_path_factory.mktemp("runs") / "sweep.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_diagnosis_says_its_findings_and_holds_them_as_json(isoflop: Isoflop, ladder: Path) -> None:
    shown = isoflop("diagnose", ladder, *FEW, "--at", "N=3e9,D=60e9")
    assert shown.code == 0
    assert "N 10M to 1B (5 values)" in " ".join(shown.out.split())
    found = isoflop("diagnose", ladder, *FEW, "--at", "N=3e9,D=60e9", "--json").json
    assert found["n_runs"] == len(found["runs"]) == 20
    assert found["target"]["D"] == 60e9
    assert {"topic", "severity", "message", "remedy", "figure", "rows", "numbers"} <= set(found["findings"][0])
    assert {profile["name"] for profile in found["profiles"]} == {"E", "A", "alpha", "B", "beta"}


def test_figures_are_drawn_into_a_folder_that_need_not_exist(isoflop: Isoflop, ladder: Path, tmp_path: Path) -> None:
    found = isoflop("diagnose", ladder, *FEW, "--figures", tmp_path / "new" / "figures", "--json").json
    assert {Path(file).name for file in found["figures"].values()} >= {"support.png", "residuals.png", "profiles.png"}
    assert all(Path(file).stat().st_size > 0 for file in found["figures"].values())


def test_one_run_is_diagnosed_without_a_traceback(isoflop: Isoflop, one_run: Path) -> None:
    assert "One run" in isoflop("diagnose", one_run, *FEW).out


def test_a_target_that_cannot_be_read_is_refused(refused: Callable[..., str], ladder: Path) -> None:
    assert "cannot read 'X=3'" in refused("diagnose", ladder, "--at", "N=70e9,X=3")


def test_isoflop_profiles_need_compute_and_tokens_alone(isoflop: Isoflop, sweep: Path) -> None:
    answer = isoflop("approach", "2", sweep, "--column", "budget=flops", "--compute", "1e22", *FEW, "--json")
    assert answer.json["tokens"]["exponent"]["value"] == pytest.approx(0.4874, abs=0.002)
    assert "params is C/(6D)" in answer.err
    assert len(answer.json["budgets"]) == 4
    assert answer.json["frontier"][0]["flops"] == 1e22
    assert "Known bias" in isoflop("approach", "2", sweep, "--column", "budget=flops", *FEW).out


@pytest.mark.parametrize("method", ["3", "projection"])
def test_the_other_methods_give_the_law(isoflop: Isoflop, ladder: Path, method: str) -> None:
    answer = isoflop("approach", method, ladder, *FEW, "--json").json
    assert set(answer["parameters"]) == {"E", "A", "alpha", "B", "beta"}
    assert isoflop("approach", method, ladder, *FEW, "--compute", "1e22").code == 0


def test_training_curves_are_told_apart_by_a_column(isoflop: Isoflop, tmp_path: Path) -> None:
    rows = ["curve,params,tokens,loss"]
    for size in np.geomspace(3e7, 3e9, 7):
        rows += [f"c{size:.3g},{size:.6g},{d:.6g},{law(size, d):.6f}" for d in np.geomspace(2e8, 60 * size, 60)]
    path = tmp_path / "curves.csv"
    path.write_text("\n".join(rows) + "\n")
    answer = isoflop("approach", "1", path, "--run-column", "curve", *FEW, "--json").json
    assert answer["params"]["exponent"]["value"] == pytest.approx(0.513, abs=0.06)
    assert answer["curves"] == 7


def test_an_unknown_method_and_a_table_without_valleys_are_refused(
    isoflop: Isoflop, refused: Callable[..., str], ladder: Path
) -> None:
    assert "Unknown method '4'. Known: 1, 2, 3, projection." in refused("approach", "4", ladder)
    answer = isoflop("approach", "2", ladder)
    assert answer.code == 1
    assert "At least two are needed" in " ".join(answer.err.split())
