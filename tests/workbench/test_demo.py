"""The main job, on a ladder small enough for a test: forecast on record first, then the run, then the score."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from isoflop.train.spec import TrunkSpec
from isoflop.workbench.ladder_plan import LadderPlan, require_same
from isoflop.workbench.study import open_study

pytest.importorskip("jax")


def tiny_plan() -> LadderPlan:
    """Three trunks with three branches each, and a target of four times the largest rung's compute."""

    def spec(width: int, *tokens: int, **more: Any) -> TrunkSpec:
        return TrunkSpec(
            width=width, branch_tokens=tokens, warmup_tokens=2_560, validation_windows=64, context=64, batch=4, **more
        )

    trunks = (spec(96, 12_800, 25_600), spec(64, 12_800, 25_600, 51_200), spec(32, 12_800, 25_600, 51_200, 102_400))
    return LadderPlan(
        minutes=6.0,
        seed=0,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        trunks=trunks,
        seconds=(10.0, 10.0, 10.0),
        target=spec(96, 102_400),
        ladder_seconds=20.0,
        target_seconds=10.0,
    )


def demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from isoflop.cli.main import main; main()", "demo", "--folder", str(folder)]
    return subprocess.Popen([*command, "--json", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=280)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("demo") / "study"
    open_study(folder).freeze_plan(tiny_plan().to_dict())
    code, out, err = finish(demo(folder))
    assert code == 0, err
    return folder, json.loads(out)


def test_the_demo_ends_with_a_scored_forecast_of_a_run_with_four_times_the_compute(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    _, result = finished
    record, score = result["forecast"], result["score"]
    assert record["extrapolation"] >= 4.0
    assert record["low"] < record["loss"] < record["high"]
    assert score["relative_error"] == pytest.approx(record["loss"] / score["measured"] - 1)
    assert score["inside"] == (record["low"] <= score["measured"] <= record["high"])
    assert abs(score["relative_error"]) < 0.25
    assert result["n_runs"] == 9


def test_the_forecast_was_on_record_before_the_target_began(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, result = finished
    progress = folder / "trunks" / tiny_plan().target.spec_id / "progress.jsonl"
    began = json.loads(progress.read_text().splitlines()[0])["time"]
    assert datetime.fromisoformat(result["forecast_made_at"]).timestamp() < began
    with sqlite3.connect(folder / "study.sqlite") as store:
        used = json.loads(store.execute("select used_runs from forecasts").fetchone()[0])
    assert len(used) == 9


def test_the_report_and_the_figures_are_there_and_tell_the_result(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, result = finished
    page = (folder / "report.html").read_text()
    assert f"{result['score']['measured']:.4f}" in page
    assert len(page) < 1_500_000
    for name in ("forecast", "ladder", "curves", "residuals"):
        assert (folder / "figures" / f"{name}.png").stat().st_size > 5_000
        assert (folder / "figures" / f"{name}.svg").stat().st_size > 1_000


def test_budgets_are_planned_by_the_same_code(finished: tuple[Path, dict[str, Any]]) -> None:
    _, result = finished
    money = result["budgets"][-1]
    assert money["law"] == "besiroglu2024"
    assert money["bill"]["cost_usd"]["value"] == pytest.approx(1e6)
    assert 6 * money["params"]["value"] * money["tokens"]["value"] == pytest.approx(money["flops"])


def test_a_finished_demo_answers_without_training(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, result = finished
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    code, out, err = finish(demo(folder))
    assert code == 0, err
    assert json.loads(out) == result
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_a_plan_is_kept_and_other_options_are_refused(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = finished
    code, _, err = finish(demo(folder, "--minutes", "9"))
    assert code == 2
    assert "planned with --minutes 6.0, not 9.0" in err


@pytest.mark.slow
def test_a_demo_killed_at_any_moment_ends_with_the_losses_of_an_unbroken_one(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    open_study(folder).freeze_plan(tiny_plan().to_dict())
    for seconds in (6.0, 11.0):
        process = demo(folder)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    code, out, err = finish(demo(folder))
    assert code == 0, err
    result = json.loads(out)
    assert result["score"]["measured"] == finished[1]["score"]["measured"]
    assert result["forecast"]["loss"] == pytest.approx(finished[1]["forecast"]["loss"], rel=1e-9)
    with sqlite3.connect(folder / "study.sqlite") as store:
        assert store.execute("select count(*), count(distinct run_id) from runs").fetchone() == (10, 10)


def test_a_store_from_a_newer_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "newer"
    study = open_study(folder)
    study.freeze_plan(tiny_plan().to_dict())
    from isoflop.store import open_store

    open_store(study.store_path).close()
    with sqlite3.connect(study.store_path) as store:
        store.execute("update isoflop_store set value = '999' where key = 'version'")
    code, _, err = finish(demo(folder))
    assert code == 1
    assert "newer" in err
    assert "Traceback" not in err


def test_a_plan_survives_its_own_json() -> None:
    plan = tiny_plan()
    assert LadderPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    require_same(plan.to_dict(), 6.0, 0, "folder")
