"""A study is a folder with a frozen plan and one coordinator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from isoflop.errors import SpecError, StoreError
from isoflop.workbench import files
from isoflop.workbench.files import LineTail, write_atomically
from isoflop.workbench.study import open_study

PLAN = {"minutes": 6, "sizes": [1e4, 2e4], "asked": {"seed": 3}}


def test_a_plan_comes_back_as_it_was_frozen(tmp_path):
    study = open_study(tmp_path / "new" / "study")
    assert study.plan() is None
    assert study.freeze_plan(PLAN) == study.plan() == open_study(study.folder).plan() == PLAN
    assert study.freeze_plan(PLAN) == PLAN


def test_another_plan_is_refused_naming_what_differs_and_the_first_is_kept(tmp_path):
    study = open_study(tmp_path)
    study.freeze_plan(PLAN)
    with pytest.raises(SpecError, match=r"differs in minutes, sizes\."):
        study.freeze_plan(PLAN | {"minutes": 7, "sizes": []})
    assert study.plan() == PLAN


@pytest.mark.parametrize("content", ["{", "[1, 2]", "\x00"])
def test_a_damaged_plan_is_an_error_and_not_a_new_plan(tmp_path, content):
    study = open_study(tmp_path)
    study.plan_path.write_text(content)
    with pytest.raises(StoreError, match=r"plan\.json"):
        study.freeze_plan(PLAN)


def test_a_study_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        open_study(tmp_path / "file" / "study")


HOLD = "import sys, time; from isoflop.workbench.study import open_study\n"
HOLD += "with open_study(sys.argv[1]).coordinate(): print('held', flush=True); time.sleep(60)"


def test_a_second_coordinator_is_refused_with_the_number_of_the_first_until_that_one_dies(tmp_path):
    study = open_study(tmp_path)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(StoreError, match=rf"in use by process {holder.pid} on .*Wait for it or stop it"),
        study.coordinate(),
    ):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with study.coordinate():
        assert f"process {os.getpid()} " in (tmp_path / "coordinator.lock").read_text()


def test_the_lock_is_not_inherited_by_workers(tmp_path):
    study = open_study(tmp_path)
    with study.coordinate():
        worker = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    with study.coordinate():
        assert worker.poll() is None
    worker.kill()
    worker.wait()


def test_a_file_that_cannot_be_written_whole_is_left_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "plan.json"
    write_atomically(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StoreError, match=r"plan\.json was not written \(No space"):
        write_atomically(path, "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["plan.json"]
    assert path.read_text() == "old"


def test_a_line_is_seen_once_and_only_when_it_is_complete(tmp_path: Path):
    path, seen = tmp_path / "lines", list[str]()
    tail = LineTail(path)
    text = "".join(f"line {i} µ\n" for i in range(20)).encode()
    seen += tail.lines()
    for i in range(0, len(text), 7):
        with path.open("ab") as file:
            file.write(text[i : i + 7])
        seen += tail.lines()
    assert seen == [f"line {i} µ" for i in range(20)]
