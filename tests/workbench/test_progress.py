"""The time left, computed by hand for small campaigns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from isoflop.workbench.progress import TrunkState, seconds_left
from isoflop.workbench.trunk import TrunkFolder


@pytest.fixture
def state(make_trunk, tmp_path: Path):
    def make(
        name: str, tokens: float = 0, speed: float = 0, running: bool = False, settled: bool = False, **trunk: object
    ):
        folder = TrunkFolder(replace(make_trunk(name), **{"tokens_total": 1000.0, **trunk}), tmp_path / name)
        (tmp_path / name).mkdir()
        moments = [(0, tokens - speed), (1, tokens)] if speed else [(0, tokens)]
        write_progress(folder, [(time, seen, "trunk") for time, seen in moments])
        return TrunkState(folder, settled, running, 0)

    return make


def write_progress(folder: TrunkFolder, moments: list[tuple[float, float, str]]) -> None:
    lines = [json.dumps({"time": time, "tokens": tokens, "phase": phase}) for time, tokens, phase in moments]
    with (folder.path / "progress.jsonl").open("a") as file:
        file.write("\n".join(lines) + "\n")
    folder.look()


def test_speed_leaves_out_the_compilation_and_the_time_between_two_workers(state):
    folder = state("a", tokens=0).folder
    write_progress(folder, [(0, 0, "compile"), (30, 10, "trunk")])
    assert folder.tokens_per_second == 0
    write_progress(folder, [(32, 110, "trunk"), (34, 210, "branch")])
    assert folder.tokens_per_second == 50
    write_progress(folder, [(1000, 0, "compile"), (1020, 160, "trunk"), (1021, 180, "trunk")])
    assert folder.tokens_per_second == 20


def test_one_running_trunk_needs_its_tokens_at_its_speed(state):
    assert seconds_left([state("a", tokens=400, speed=60, running=True)], 1) == pytest.approx(10)


def test_waiting_trunks_take_the_first_slot_that_is_free(state):
    states = [
        state("a", tokens=400, speed=60, running=True, seconds=1000 / 60),
        state("b", tokens=700, speed=60, running=True, seconds=1000 / 60),
        state("c", seconds=7.0),
        state("d", seconds=4.0),
    ]
    assert seconds_left(states, 2) == pytest.approx(14)  # b ends at 5, c at 12; a at 10, d at 14


def test_planned_seconds_are_scaled_by_the_pace_seen_so_far(state):
    states = [state("a", tokens=1000, speed=50, settled=True, seconds=10), state("b", seconds=30)]
    assert seconds_left(states, 1) == pytest.approx(60)


def test_without_a_plan_the_flops_seen_set_the_pace(state):
    states = [state("a", tokens=1000, speed=50, settled=True), state("b", params=5e4)]
    assert seconds_left(states, 1) == pytest.approx(100)


def test_nothing_is_foretold_before_anything_is_known(state):
    assert seconds_left([state("a")], 2) is None


def test_a_settled_campaign_needs_no_time(state):
    assert seconds_left([state("a", settled=True)], 2) == 0
