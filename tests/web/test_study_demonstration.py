"""A demonstration's folder as the page sees it while its workers train, and when they are done."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isoflop.runs.run import Run
from isoflop.store import open_store
from isoflop.train.spec import TrunkSpec
from isoflop.web.study_demo import DemonstrationSource, demonstration_in
from isoflop.web.study_source import Row, open_sources
from isoflop.web.study_stored import StoreSource
from isoflop.workbench.ladder_plan import LadderPlan
from isoflop.workbench.study import Study, open_study


def spec(width: int, *tokens: int) -> TrunkSpec:
    return TrunkSpec(width=width, branch_tokens=tokens, warmup_tokens=2_560, validation_windows=64, context=64, batch=4)


TRUNKS = (spec(64, 12_800, 25_600), spec(32, 12_800, 25_600))
GOAL = spec(96, 102_400)


class Demonstration:
    """Its folder as a coordinator and workers would leave it."""

    def __init__(self, folder: Path) -> None:
        self.study: Study = open_study(folder)
        self.plan = LadderPlan(
            minutes=6.0,
            seed=0,
            cores=2,
            trunks=TRUNKS,
            seconds=(10.0, 10.0),
            target=GOAL,
            ladder_seconds=20.0,
            target_seconds=30.0,
        )
        self.study.freeze_plan(self.plan.to_dict())
        with open_store(self.study.store_path) as store:
            for trunk in TRUNKS:
                for branch in range(2):
                    store.plan_run(trunk.run_id(branch), {}, "ladder")

    def train(self, trunk: TrunkSpec, tokens: float, study: str) -> None:
        folder = self.study.trunks / trunk.spec_id
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        with (folder / "progress.jsonl").open("a") as file:
            for i in range(12):
                line: dict[str, Any] = {"time": now + i, "step": i + 1, "tokens": tokens * (i + 1) / 12}
                line |= {"train_loss": 3.0, "tokens_total": trunk.tokens_total, "tokens_per_second": 1e3}
                file.write(json.dumps(line | {"phase": "trunk", "lr": 1e-3}) + "\n")
        (folder / "log.txt").write_text(f"training {trunk.width}\n")
        with open_store(self.study.store_path) as store:
            for branch in range(len(trunk.branch_tokens)):
                store.plan_run(trunk.run_id(branch), {}, study)
                store.begin_attempt(trunk.run_id(branch), study)

    def land(self, trunk: TrunkSpec, branch: int, study: str) -> None:
        tokens = float(trunk.branch_tokens[branch])
        run = Run(params=float(trunk.params), tokens=tokens, loss=2.5, loss_se=0.01, run_id=trunk.run_id(branch))
        with open_store(self.study.store_path) as store:
            store.record_run(run, study)
            store.set_state(run.run_id, "done", study=study)


@pytest.fixture
def made(tmp_path: Path) -> Demonstration:
    return Demonstration(tmp_path / "demo")


@pytest.fixture
def coordinated(made: Demonstration) -> Iterator[Demonstration]:
    with made.study.coordinate():
        yield made


def rows(source: Any) -> dict[str, Row]:
    return {row.run_id: row for row in source.look().rows}


def test_runs_in_training_have_their_share_speed_loss_and_log(coordinated):
    (source,) = open_sources(coordinated.study.folder)
    assert isinstance(source, DemonstrationSource)
    small, large = TRUNKS[1], TRUNKS[0]
    coordinated.train(small, 12_800, "ladder")
    seen = rows(source)
    assert {row.state for row in seen.values()} == {"running", "planned"}
    shares = [seen[small.run_id(branch)].share for branch in (0, 1)]
    assert shares == pytest.approx([0.99, 12_800 / small.branch_steps[1] / small.batch_tokens], rel=0.01)
    assert seen[small.run_id(1)].speed == pytest.approx(12_800 / 12, rel=0.2)
    assert seen[small.run_id(1)].loss == 3.0
    assert seen[large.run_id(0)].state == "planned"
    assert source.log(small.run_id(0)) == "training 32"
    progress = source.look().progress
    assert progress is not None
    assert str(os.getpid()) in progress["coordinator"]
    assert progress["seconds_left"] > 30.0  # of the target, and what is left of the ladder
    assert len(progress["running"]) == 1


def test_a_run_that_lands_is_done_and_the_target_is_trained_after_it_and_not_fitted(coordinated):
    (source,) = open_sources(coordinated.study.folder)
    coordinated.train(TRUNKS[1], 12_800, "ladder")
    coordinated.land(TRUNKS[1], 0, "ladder")
    landed = rows(source)[TRUNKS[1].run_id(0)]
    assert (landed.state, landed.share, landed.loss, landed.loss_se) == ("done", 1.0, 2.5, 0.01)
    coordinated.train(GOAL, 51_200, "target")
    seen = source.look()
    target = seen.rows[0]
    assert (target.name, target.state, target.fitted) == ("target", "running", False)
    assert target.share == pytest.approx(0.5, rel=0.01)
    assert len(seen.runs) == 1
    assert set(source.curves([target.run_id])) == {target.run_id}
    coordinated.land(GOAL, 0, "target")
    assert [len(source.look().runs), rows(source)[target.run_id].state] == [1, "done"]


def test_with_nobody_working_a_run_that_was_in_training_waits(made):
    (source,) = open_sources(made.study.folder)
    made.train(TRUNKS[1], 12_800, "ladder")
    assert {row.state for row in source.look().rows} == {"planned"}


def test_a_plan_of_another_version_leaves_the_store_to_be_shown(made):
    made.land(TRUNKS[0], 0, "ladder")
    plan = json.loads(made.study.plan_path.read_text())
    made.study.plan_path.write_text(json.dumps(plan | {"version": 99}))
    assert demonstration_in(made.study.folder) is None
    (source,) = open_sources(made.study.folder)
    assert isinstance(source, StoreSource)
    assert len(source.look().runs) == 1
    made.study.plan_path.write_text("{")
    assert isinstance(open_sources(made.study.folder)[0], StoreSource)
