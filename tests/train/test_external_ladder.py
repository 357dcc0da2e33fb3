"""A ladder file whose recipe is a command, run by the command line as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FAKE = Path(__file__).with_name("fake_trainer.py")
LADDER = f"""
[recipe]
command = "{{python}} {FAKE} --tokens {{tokens}} --dir {{dir}} --misbehave {{trouble}} --at 10 --width {{width}}"
log = "jsonl"
params = "1000*width"
trouble = "none"

[[rungs]]
width = 8
tokens = [2000]

[[rungs]]
width = 16
tokens = [2000]
trouble = "crash"

[[rungs]]
width = 32
tokens = [2000]
trouble = "nan"
"""


def test_a_ladder_of_commands_records_what_learned_what_crashed_once_and_what_diverged(tmp_path: Path) -> None:
    (tmp_path / "ladder.toml").write_text(LADDER)
    argv = [sys.executable, "-c", "from isoflop.cli.main import main; main()", "ladder", "run", "ladder.toml"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert all("no {seed}" in path.read_text() for path in tmp_path.rglob("log.txt"))
    rows = [json.loads(line) for path in tmp_path.rglob("runs.jsonl") for line in path.read_text().splitlines()]
    assert sorted((row["width"], row["params"], row["tokens"]) for row in rows) == [(8, 8000, 2000), (16, 16000, 2000)]
    assert [json.loads(path.read_text())["kind"] for path in tmp_path.rglob("error.json")] == ["diverged"]
    assert "1 diverged" in done.stdout
