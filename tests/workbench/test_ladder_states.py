"""What an onlooker sees of a ladder: before, while another process trains it, and after."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from isoflop.errors import BadInput, StoreError
from isoflop.execute import LocalExecutor
from isoflop.workbench import Ladder, LadderStatus, ladder_log, ladder_status, preview_ladder, run_ladder
from isoflop.workbench.ladder_logs import find_run, new_lines
from isoflop.workbench.study import Study
from isoflop.workbench.trunk import Trunk

COORDINATOR = """
import json, sys
from pathlib import Path
from isoflop.execute import LocalExecutor
from isoflop.workbench import Ladder, run_ladder
from isoflop.workbench.trunk import Trunk
folder, store, trunks = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
ladder = Ladder(name="l", folder=Path(folder), store=store, recipe={},
                trunks=tuple(Trunk(**{**t, "command": tuple(t["command"])}) for t in trunks))
run_ladder(ladder, executor=LocalExecutor([(0,), (1,)]), poll_seconds=0.05)
"""


@pytest.fixture
def ladder(tmp_path: Path, make_trunk: Callable[..., Trunk]) -> Ladder:
    trunks = tuple(make_trunk(name, step_seconds=0.15, branch_tokens=[20, 40]) for name in ("amber", "beech", "cedar"))
    return Ladder(name="l", folder=tmp_path / "l", store=str(tmp_path / "s.sqlite"), recipe={}, trunks=trunks)


def wait_for(ladder: Ladder, wanted: Callable[[LadderStatus], bool]) -> LadderStatus:
    deadline = time.monotonic() + 20
    while not wanted(status := ladder_status(ladder)):
        assert time.monotonic() < deadline, status
        time.sleep(0.05)
    return status


def test_before_it_is_run_all_is_planned_and_looking_makes_no_store(ladder):
    status = ladder_status(ladder)
    assert status.counts == {"done": 0, "running": 0, "planned": 6, "failed": 0, "diverged": 0}
    assert (status.coordinator, status.seconds_left, status.device_hours) == (None, None, 0.0)
    assert not Path(ladder.store).exists()
    assert not ladder.folder.exists()


def test_while_it_runs_and_after_its_coordinator_was_killed_and_when_it_is_done(ladder):
    argv = [str(ladder.folder), ladder.store, json.dumps([asdict(trunk) for trunk in ladder.trunks])]
    process = subprocess.Popen([sys.executable, "-c", COORDINATOR, *argv])
    seen = wait_for(ladder, lambda s: bool(s.running) and s.tokens_per_second > 0)
    assert seen.coordinator is not None
    assert f"process {process.pid}" in seen.coordinator
    assert seen.counts["running"] >= 2
    assert seen.seconds_left is not None
    running = next(run for run in seen.runs if run.state == "running" and run.share)
    assert (running.loss, running.attempts) == (3.0, 1)
    process.kill()
    process.wait()
    killed = ladder_status(ladder.folder)
    assert (killed.coordinator, killed.counts["running"], killed.running) == (None, 0, ())
    assert any("goes on from its checkpoint" in run.note for run in killed.runs)
    run_ladder(ladder, executor=LocalExecutor([(0,), (1,)]), poll_seconds=0.05)
    after = ladder_status(ladder.folder)
    assert (after.counts["done"], after.seconds_left, after.flops_done) == (6, 0.0, after.flops_total)
    assert after.device_hours * 3600 > 1.0
    preview = preview_ladder(ladder)
    assert (preview.flops_left, preview.seconds) == (0.0, 0.0)


def test_looking_does_not_turn_a_starting_coordinator_away(ladder, tmp_path):
    looker = "import sys, time\nfrom pathlib import Path\nfrom isoflop.workbench.study import Study\n"
    looker += "s = Study(Path(sys.argv[1])); print('go', flush=True)\nwhile True: s.coordinator()"
    study = Study(tmp_path)
    with study.coordinate():
        pass
    process = subprocess.Popen([sys.executable, "-c", looker, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    for _ in range(50):
        with study.coordinate():
            pass
    process.kill()
    process.communicate()


def test_a_folder_without_a_ladder_is_refused_and_damaged_notes_are_an_error(tmp_path):
    with pytest.raises(BadInput, match="No ladder was run in"):
        ladder_status(tmp_path)
    (tmp_path / "ladder.json").write_text("{}")
    with pytest.raises(StoreError, match=r"ladder\.json is damaged"):
        ladder_status(tmp_path)


class TestFindingARun:
    def test_by_the_beginning_of_its_id_its_trunk_or_its_name(self, ladder):
        status = ladder_status(ladder)
        assert find_run(status, "id-beech-40").run_id == "id-beech-40"
        assert find_run(status, "id-beech").name == find_run(status, "bee").name == "beech"

    def test_what_may_be_several_or_none_is_refused_with_what_is_near(self, ladder):
        status = ladder_status(ladder)
        with pytest.raises(BadInput, match=r"may be any of 6 runs: id-amber-20 \(amber\)"):
            find_run(status, "id-")
        with pytest.raises(BadInput, match="Did you mean 'cedar'"):
            find_run(status, "ceder")


def test_the_log_is_that_of_the_runs_trunk_and_what_is_added_is_followed(ladder):
    folder = ladder.folder / "trunks" / "id-amber"
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("one\ntwo\nthree\n")
    status = ladder_status(ladder)
    assert ladder_log(status, "amber", 2) == "two\nthree"
    assert ladder_log(status, "beech") == ""
    added = new_lines(folder / "log.txt")
    assert next(added) == []
    with (folder / "log.txt").open("a") as log:
        log.write("four\nfi")
    assert next(added) == ["four"]
