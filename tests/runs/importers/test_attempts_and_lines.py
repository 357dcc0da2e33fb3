"""What restarts leave behind: a place for each attempt, lines cut in two; and JSON between a trainer's other words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from real_files import IMPORTS

from isoflop.errors import RunsError
from isoflop.runs.importers import Asked, import_runs, read_logged
from isoflop.runs.importers.attempts import one_run
from isoflop.runs.importers.contract import Logged, Series
from isoflop.runs.importers.ending import ending

ASKED = Asked(params=1e6, params_convention="total", loss_unit="nats", tokens_per_step=10)


def attempt(name: str, *steps: int) -> Logged:
    return Logged(name, {"loss": Series(np.array(steps, dtype=float), 5 - np.array(steps) / 10)}, {"from": name})


def test_attempts_follow_one_another_by_their_numbers_and_not_their_letters() -> None:
    run = one_run([attempt("version_10", 5, 6), attempt("version_9", 3, 4, 5), attempt("version_2", 1, 2)], Path("x"))
    assert run.series["loss"].steps.tolist() == [1, 2, 3, 4, 5, 5, 6]
    assert run.facts["from"] == "version_10"
    assert any("version_2 to version_10" in note for note in run.notes)


def test_runs_of_other_names_are_not_attempts_at_one() -> None:
    with pytest.raises(RunsError, match=r"holds 2 runs: train, validation.*Name the one"):
        one_run([attempt("train", 1), attempt("validation", 1)], Path("x"))


def test_lightnings_versions_are_attempts_at_one_run(tmp_path: Path) -> None:
    for version in (0, 1):
        shutil.copytree(IMPORTS / "lightning" / "small", tmp_path / f"version_{version}")
    run = one_run(read_logged(tmp_path)[1], tmp_path)
    assert len(run.series["train_loss"]) == 80


def test_json_among_other_words_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    lines = ["Loading", *(f"INFO {json.dumps({'step': s, 'loss': 5 - s / 10})}" for s in range(1, 21)), "{'bye': 1}"]
    (tmp_path / "run.log").write_text("\n".join(lines))
    imported = import_runs(tmp_path / "run.log", kind="jsonl", asked=ASKED)
    assert imported.runs.frame["tokens"].to_list() == [200]
    assert imported.runs.loss[0] == pytest.approx(3.0)
    (tmp_path / "none.log").write_text("no json\n")
    with pytest.raises(RunsError, match="no line that is a JSON object"):
        read_logged(tmp_path / "none.log", kind="jsonl")


def test_a_record_cut_by_a_kill_costs_itself_and_not_the_one_after_it(tmp_path: Path) -> None:
    lines = [json.dumps({"step": s, "loss": 5 - s / 10}) for s in range(1, 11)]
    (tmp_path / "x.jsonl").write_text("\n".join(lines[:5]) + '\n{"step": 6, "lo' + "\n".join(lines[5:]) + "\n")
    _, (run,) = read_logged(tmp_path / "x.jsonl")
    assert run.series["loss"].steps.tolist() == list(range(1, 11))
    assert "line 6" in run.notes[0]


def test_a_line_that_is_no_json_at_all_is_still_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"step": 1, "loss": 2}\nstep 2 loss 3\n{"step": 3, "loss": 2}\n')
    with pytest.raises(RunsError, match="line 2: not JSON"):
        read_logged(tmp_path / "x.jsonl")


def test_a_folder_may_be_asked_for_its_csv_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("step,loss\n1,3.0\n2,2.9\n")
    (tmp_path / "b.jsonl").write_text('{"step": 1, "loss": 7}\n')
    assert [run.name for run in read_logged(tmp_path, kind="csv")[1]] == ["a"]
    assert [run.name for run in read_logged(tmp_path, kind="jsonl")[1]] == ["b"]


def test_one_point_at_the_very_start_is_an_ending_too() -> None:
    end = ending(np.array([0.0]), np.array([5.5]), 0.0, None, held_out=False)
    assert (end.loss, end.points, end.at) == (5.5, 1, 0.0)
