"""``isoflop ladder run``, ``status`` and ``logs`` on a ladder whose trainer is a ten-line script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from terminal import Isoflop

SCRIPT = """
import json, math, pathlib, sys, time
width, tokens, seconds, out = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), pathlib.Path(sys.argv[4])
print(f"training width {width}", flush=True)
with (out / "log.jsonl").open("w") as log:
    for step in range(1, 11):
        time.sleep(seconds / 10)
        seen = tokens * step // 10
        loss = 1.5 + 30 / (12 * width**2) ** 0.4 + 40 / seen**0.4
        log.write(json.dumps({"step": step, "tokens": seen, "loss": loss}) + "\\n")
        log.flush()
"""
LADDER = """
[recipe]
name = "script"
command = "{python} train.py {width} {tokens} {seconds} {dir}"
log = "jsonl"
params = "12*width**2"
seconds = SECONDS

[design]
widths = [16, 32]
tokens = ["10k", "40k"]

[price]
usd_per_device_hour = 3.6
"""


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(SCRIPT)
    path = tmp_path / "small.toml"
    path.write_text(LADDER.replace("SECONDS", "0.1"))
    return path


def test_a_dry_run_shows_the_plan_and_starts_nothing(isoflop: Isoflop, ladder: Path):
    told = json.loads(isoflop("ladder", "run", ladder, "--dry-run", "--json").out)
    assert next((run["params"], run["tokens"]) for run in told["runs"]) == (12 * 32**2, 40_000)
    assert told["flops"] == sum(6.0 * run["params"] * run["tokens"] for run in told["runs"])
    assert told["seconds"] is None
    shown = isoflop("ladder", "run", ladder, "--dry-run")
    assert "small: 4 runs from 4 trunks" in shown.out
    assert [path.name for path in ladder.parent.iterdir() if path.name != "train.py"] == ["small.toml"]


def test_run_then_status_then_logs_then_fit(isoflop: Isoflop, ladder: Path, monkeypatch: pytest.MonkeyPatch):
    answer = isoflop("ladder", "run", ladder, "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert told["counts"] == {"done": 4, "running": 0, "planned": 0, "failed": 0, "diverged": 0}
    assert told["cost_usd"] == pytest.approx(3.6 * told["device_hours"])
    again = isoflop("ladder", "run", ladder)
    assert "small: 4 done" in again.out
    assert "4 of 4 runs are over" in again.out
    monkeypatch.chdir(ladder.parent)
    assert json.loads(isoflop("ladder", "status", "--json").out)["counts"]["done"] == 4
    assert "training width 16" in isoflop("ladder", "logs", "width 16, tokens 10k").out
    table = ladder.parent / "small" / "runs.csv"
    losses = {(row["params"], row["tokens"]): row["loss"] for row in told["runs"]}
    assert losses[12 * 16**2, 10_000] == pytest.approx(1.5 + 30 / (12 * 16**2) ** 0.4 + 40 / 10_000**0.4)
    assert table.read_text().count("\n") == 5


def test_a_run_that_fails_is_code_1_with_its_last_words_and_status_says_why(isoflop: Isoflop, ladder: Path):
    (ladder.parent / "train.py").write_text("raise SystemExit('no such data')")
    answer = isoflop("ladder", "run", ladder)
    assert answer.code == 1
    assert "4 of 4 trunks failed" in answer.err
    assert "no such data" in answer.err
    shown = isoflop("ladder", "status", ladder).out
    assert "small: 4 failed" in shown
    assert "goes on with what is missing" in shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_ladder_is_code_130_and_the_same_command_goes_on(ladder: Path, number: signal.Signals):
    ladder.write_text(LADDER.replace("SECONDS", "4.0").replace("16, 32", "16"))
    command = [sys.executable, "-c", "from isoflop.cli.main import main; main()", "ladder", "run", str(ladder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(ladder.parent.glob("small/trunks/*/files/log.jsonl")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "of 2 runs recorded. What was being trained is saved: the same command" in " ".join(err.split())
    assert "Traceback" not in err


def test_bad_use_is_code_2_and_one_message(refused, isoflop: Isoflop, ladder: Path, monkeypatch: pytest.MonkeyPatch):
    assert "Unknown executor 'slrum'. Known: local, ray, slurm. Did you mean 'slurm'?" in " ".join(
        refused("ladder", "run", ladder, "--on", "slrum").split()
    )
    assert "--measure goes with --dry-run" in refused("ladder", "run", ladder, "--measure")
    assert "Cannot read the ladder" in refused("ladder", "run", ladder.parent / "no.toml")
    assert "No run 'w9'" in refused("ladder", "logs", "w9", ladder)
    monkeypatch.chdir(ladder.parent)
    assert "No ladders were run below" in refused("ladder", "status")
    ladder.write_text(LADDER.replace("SECONDS", "1").replace("{width}", "{widht}"))
    assert "Did you mean 'width'?" in refused("ladder", "run", ladder)
