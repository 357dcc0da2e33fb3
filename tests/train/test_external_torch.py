"""The example in examples/external_torch: a PyTorch script of its own, run for real, killed, and gone on with."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isoflop.runs.run import Run
from isoflop.train.external import ExternalSpec

EXAMPLE = Path(__file__).parents[2] / "examples" / "external_torch"
STEPS, A_STEP = 30, 1024

if importlib.util.find_spec("torch") is None:
    pytest.skip("torch is not installed: pip install torch", allow_module_level=True)


def spec() -> ExternalSpec:
    command = (
        "{python} train.py --width {width} --tokens {tokens} --seed {seed} --out {dir} --log-every 1 --save-every 7"
    )
    return ExternalSpec(
        command=f"{command} --log-every 1 --save-every 5",
        tokens=STEPS * A_STEP,
        params=34976,
        values={"width": 32},
        log="jsonl",
        cwd=str(EXAMPLE),
        env={"OMP_NUM_THREADS": "1"},
    )


def start(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    (folder / "in.json").write_text(spec().to_json())
    argv = [sys.executable, "-m", "isoflop.train.external", str(folder / "in.json"), "--out", str(folder)]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def row(folder: Path) -> Run:
    (line,) = (folder / "runs.jsonl").read_text().splitlines()
    return Run.from_dict(json.loads(line))


def lines(folder: Path) -> list[dict[str, Any]]:
    log = folder / "files" / "metrics.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def losses(folder: Path) -> list[tuple[int, float]]:
    """Step and training loss of each line, the repeated ones too."""
    return [(line["step"], line["train_loss"]) for line in lines(folder) if "train_loss" in line]


def trainer_of(folder: Path) -> int:
    """The process that runs train.py for this folder, and not the guard that started it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            words = (entry / "cmdline").read_bytes().split(b"\0") if (entry / "cmdline").exists() else []
            if b"train.py" in words[1:2] and str(folder / "files").encode() in words:
                return int(entry.name)
    raise AssertionError("no trainer runs")


def wait_for(what: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    assert start(folder).wait(240) == 0
    return folder


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the trainer's process in /proc")
def test_a_run_that_was_killed_ends_as_the_unbroken_one(whole: Path, tmp_path: Path) -> None:
    worker = start(tmp_path)
    wait_for(lambda: len(lines(tmp_path)) >= 9)
    os.kill(trainer_of(tmp_path), signal.SIGKILL)
    assert worker.wait(60) == 1
    assert not (tmp_path / "error.json").exists()
    assert start(tmp_path).wait(240) == 0
    assert len(losses(tmp_path)) > STEPS  # what the kill lost was trained again
    assert_same(tmp_path, whole)


@pytest.mark.slow
def test_a_run_that_was_stopped_saves_and_ends_as_the_unbroken_one(whole: Path, tmp_path: Path) -> None:
    worker = start(tmp_path)
    wait_for(lambda: len(lines(tmp_path)) >= 9)
    worker.terminate()
    assert worker.wait(60) == 143
    assert start(tmp_path).wait(240) == 0
    assert len(losses(tmp_path)) == STEPS  # it saved at the step at which it was asked to stop
    assert_same(tmp_path, whole)


def assert_same(folder: Path, whole: Path) -> None:
    """To the last bit, step for step."""
    assert dict(losses(folder)) == dict(losses(whole))
    assert row(folder).loss == row(whole).loss
    assert row(folder).tokens == row(whole).tokens == STEPS * A_STEP


def test_the_example_learns(whole: Path) -> None:
    """Bytes of code: ln 256 = 5.5 nats at random."""
    assert 2.5 < row(whole).loss < 4.5
    assert row(whole).extra["loss_text"] == "held-out"
    assert row(whole).lr == pytest.approx(3e-3, rel=0.1)


def test_the_examples_ladder_counts_its_parameters_as_the_model_does() -> None:
    from isoflop.workbench.ladder_file import read_ladder

    module_spec = importlib.util.spec_from_file_location("external_torch_train", EXAMPLE / "train.py")
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    ladder = read_ladder(EXAMPLE / "ladder.toml")
    assert len(ladder.trunks) >= 6
    for trunk in ladder.trunks:
        values = json.loads(trunk.spec)["values"]
        model = module.GPT(values["width"], values["depth"], values["context"])
        assert trunk.params == sum(weight.numel() for weight in model.parameters())
    assert ladder.notes == ()
