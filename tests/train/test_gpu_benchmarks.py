"""The scripts that wait for a GPU run without one: they say why they skip, and their small modes work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "gpu"))
import device
import isoflop_study
import many_small
import mfu

from isoflop.train.spec import TextSource, TrunkSpec

GPU = device.HERE


@pytest.mark.skipif(device.reason_to_skip() is None, reason="this machine has a GPU")
def test_without_a_gpu_every_benchmark_says_why_it_is_skipped() -> None:
    done = subprocess.run([sys.executable, str(GPU / "run.py")], capture_output=True, text=True, check=True)
    assert done.stdout.count("skipped: ") == 3


def test_the_measured_model_has_124_million_parameters_and_a_context_of_1024() -> None:
    assert mfu.GPT.params == pytest.approx(124e6, rel=0.005)
    assert mfu.GPT.context == 1024
    assert many_small.SMALL.params == pytest.approx(5e6, rel=0.1)


@pytest.mark.slow
def test_the_small_mode_measures_speed_memory_and_what_the_planner_foretold() -> None:
    found = mfu.measure(mfu.SMOKE, 0.05, 2)
    assert found["tokens_per_second"] > 0
    assert found["flops_per_second"] == pytest.approx(
        found["tokens_per_second"] * mfu.SMOKE.shape.flops_per_token, rel=1e-6
    )
    assert found["peak_bytes"] > found["modelled_bytes"] > 12 * mfu.SMOKE.params
    assert "mfu" not in found  # a CPU's peak is not in the table


def test_the_budgets_of_the_study_are_trained_where_tokens_a_parameter_are_sensible() -> None:
    recipe = TrunkSpec(depth=6, head_dim=64, context=512, batch=64, branch_tokens=(1 << 26,), vocab=256)
    plan = isoflop_study.Plan((1e15, 3e15, 1e16, 3e16, 1e17), (128, 192, 256, 384, 512, 640, 768), recipe)
    trunks = plan.trunks(available=500_000_000)
    seen: dict[float, int] = {}
    for trunk in trunks:
        for tokens in trunk.branch_tokens:
            assert 3 <= tokens / trunk.params <= 400
            budget = min(plan.budgets, key=lambda C: abs(6 * trunk.params * tokens / C - 1))
            assert 6 * trunk.params * tokens == pytest.approx(budget, rel=0.01)
            seen[budget] = seen.get(budget, 0) + 1
    assert set(seen) == set(plan.budgets[:-1])
    assert min(seen.values()) >= 3  # a parabola needs three


def test_the_code_corpus_is_one_document_a_file_and_is_written_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(f"# {name}\n" * 100)
    (tmp_path / "tiny.py").write_text("x = 1\n")
    text = isoflop_study.write_code(tmp_path / "code.jsonl", [tmp_path])
    assert text == TextSource(kind="file", path=str(tmp_path / "code.jsonl"), stream=True)
    assert len((tmp_path / "code.jsonl").read_text().splitlines()) == 2
    (tmp_path / "c.py").write_text("# c\n" * 100)
    isoflop_study.write_code(tmp_path / "code.jsonl", [tmp_path])
    assert len((tmp_path / "code.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_the_study_in_small_foretells_its_largest_run_before_training_it(tmp_path: Path) -> None:
    command = [sys.executable, str(GPU / "isoflop_study.py"), "--smoke", "--folder", str(tmp_path)]
    subprocess.run(command, check=True)
    forecast, score = tmp_path / "forecast.json", tmp_path / "score.json"
    assert forecast.stat().st_mtime < score.stat().st_mtime
    assert len((tmp_path / "runs.jsonl").read_text().splitlines()) >= 6
