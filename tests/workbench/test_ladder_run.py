"""A ladder that is run, broken, edited and run again: every run once, and what cannot be is refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from lasting_executor import LastingExecutor

from isoflop.errors import SpecError, StoreError, TrainingFailure
from isoflop.execute import LocalExecutor
from isoflop.runs import Runs, read_runs
from isoflop.store import Store, open_store
from isoflop.workbench import Ladder, Price, ladder_status, run_ladder
from isoflop.workbench.campaign import run_campaign
from isoflop.workbench.study import Study
from isoflop.workbench.trunk import Trunk

MakeTrunk = Callable[..., Trunk]


class Bench:
    """A ladder of fake trunks and what these tests do with it."""

    def __init__(self, folder: Path, make_trunk: MakeTrunk) -> None:
        self.folder, self.make_trunk = folder, make_trunk

    def ladder(self, *names: str, **changes: object) -> Ladder:
        return replace(
            Ladder(
                name="l",
                folder=self.folder / "l",
                store=str(self.folder / "runs.sqlite"),
                recipe={"lr": 0.004, "text.kind": "sotu"},
                trunks=tuple(self.make_trunk(name) for name in names),
            ),
            **changes,
        )

    def run(self, ladder: Ladder) -> Runs:
        return run_ladder(ladder, executor=LocalExecutor([(0,), (0,)]), poll_seconds=0.02)

    def starts(self, name: str) -> int:
        pids = self.folder / "l" / "trunks" / f"id-{name}" / "pids"
        return len(pids.read_text().split()) if pids.exists() else 0

    def states(self) -> dict[str, str]:
        with open_store(self.folder / "runs.sqlite") as store:
            return {plan.run_id.removeprefix("id-"): plan.state for plan in store.planned_runs("l")}


@pytest.fixture
def bench(tmp_path: Path, make_trunk: MakeTrunk) -> Bench:
    return Bench(tmp_path, make_trunk)


class TestRunning:
    def test_a_ladder_leaves_runs_states_curves_and_a_table_that_can_be_fitted(self, bench):
        runs = bench.run(bench.ladder("a", "b"))
        assert runs.column("run_id").tolist() == ["id-a-20", "id-b-20", "id-a-40", "id-b-40"]
        assert set(bench.states().values()) == {"done"}
        table = read_runs(bench.folder / "l" / "runs.csv")
        assert table.loss.tolist() == runs.loss.tolist()
        with open_store(bench.folder / "runs.sqlite") as store:
            curve = store.curve("id-a-20", study="l")
            assert (curve["tokens"].to_list(), set(curve["value"])) == ([4.0, 8.0, 12.0, 16.0, 20.0], {3.0})
            assert store.curve("id-a-40", "tokens_per_second", "l")["value"].to_list() == [400.0] * 10

    def test_a_finished_run_is_not_trained_again_even_if_its_folder_is_gone(self, bench):
        first = bench.run(bench.ladder("a", "b"))
        shutil.rmtree(bench.folder / "l" / "trunks")
        assert bench.run(bench.ladder("a", "b")) == first
        assert not list((bench.folder / "l" / "trunks").iterdir())

    def test_rungs_may_be_added_and_only_they_are_trained(self, bench):
        bench.run(bench.ladder("a"))
        assert len(bench.run(bench.ladder("a", "b"))) == 4
        assert (bench.starts("a"), bench.starts("b")) == (1, 1)

    def test_rungs_that_were_removed_stay_recorded_and_are_said(self, bench):
        bench.run(bench.ladder("a", "b"))
        fewer = bench.ladder("b")
        assert len(bench.run(fewer)) == 4
        assert ladder_status(fewer).others == 2

    def test_a_changed_recipe_is_refused_with_both_values_and_nothing_is_trained(self, bench):
        bench.run(bench.ladder("a"))
        with pytest.raises(SpecError, match=r"lr was 0\.004 and is 0\.008; text\.path was None and is 'x'"):
            bench.run(bench.ladder("b", recipe={"lr": 0.008, "text.kind": "sotu", "text.path": "x"}))
        assert bench.starts("b") == 0

    def test_another_name_in_the_same_folder_is_refused(self, bench):
        bench.run(bench.ladder("a"))
        with pytest.raises(SpecError, match="name was 'l' and is 'm'"):
            bench.run(bench.ladder("a", name="m"))

    def test_runs_that_only_an_older_trunks_folder_holds_are_found_there(self, bench):
        bench.run(bench.ladder("a"))
        (bench.folder / "runs.sqlite").unlink()
        folder = bench.folder / "l" / "trunks"
        (folder / "id-a").rename(folder / "older")
        assert len(bench.run(bench.ladder("a"))) == 2
        assert bench.starts("a") == 0


class TestTrouble:
    def test_a_second_coordinator_is_refused_and_names_the_first(self, bench):
        ladder = bench.ladder("a")
        ladder.folder.mkdir()
        with Study(ladder.folder).coordinate(), pytest.raises(StoreError, match="in use by process"):
            bench.run(ladder)

    def test_a_diverged_trunk_is_kept_as_diverged_and_never_tried_again(self, bench):
        hot = replace(bench.make_trunk("hot", diverge_at=30))
        ladder = bench.ladder("a", trunks=(hot, bench.make_trunk("a")))
        for _ in range(2):
            assert len(bench.run(ladder)) == 3
        assert bench.states() == {"hot-20": "done", "hot-40": "diverged", "a-20": "done", "a-40": "done"}
        assert bench.starts("hot") == 1

    def test_attempts_are_the_files_and_a_failed_run_is_tried_again_when_asked(self, bench):
        bad = bench.make_trunk("bad", crash_at=24, crashes=3)
        ladder = bench.ladder("a", trunks=(bad,), attempts=3)
        with pytest.raises(TrainingFailure, match="Tried 3 times"):
            bench.run(ladder)
        assert bench.states() == {"bad-20": "done", "bad-40": "failed"}
        failed = next(run for run in ladder_status(ladder).runs if run.state == "failed")
        assert "SIGKILL" in failed.note
        assert failed.attempts == 3
        assert len(bench.run(ladder)) == 2
        assert set(bench.states().values()) == {"done"}

    def test_to_be_stopped_by_others_is_no_crash_as_long_as_training_gets_on(self, bench):
        moved = bench.make_trunk("moved", stop_at=[12, 20, 28, 36])
        assert len(bench.run(bench.ladder(trunks=(moved,), attempts=1))) == 2
        assert bench.starts("moved") == 5

    def test_a_store_that_another_program_holds_is_said_and_the_workers_are_stopped(self, bench, tmp_path):
        path = tmp_path / "held.sqlite"
        trunk = bench.make_trunk("a", step_seconds=0.03)
        with open_store(path, busy_seconds=0.2) as store, LocalExecutor([(0,)]) as executor:
            other = sqlite3.connect(path, isolation_level=None)

            def hold(_: object) -> None:
                if not other.in_transaction:
                    other.execute("BEGIN IMMEDIATE")

            arguments = {"folder": tmp_path / "t", "poll_seconds": 0.02}
            with pytest.raises(StoreError, match="another program is writing"):
                run_campaign([trunk], executor, store, on_progress=hold, **arguments)
            other.execute("ROLLBACK")
            assert len(run_campaign([trunk], executor, store, **arguments)) == 2

    def test_a_state_that_was_left_behind_catches_up_with_its_run(self, bench):
        bench.run(bench.ladder("a"))
        with sqlite3.connect(bench.folder / "runs.sqlite") as raw:
            raw.execute("update planned_runs set state = 'running' where run_id = 'id-a-40'")
        bench.run(bench.ladder("a"))
        assert set(bench.states().values()) == {"done"}


class TestJobsThatOutliveTheirCoordinator:
    def test_a_worker_of_a_dead_coordinator_is_followed_to_its_end(self, tmp_path, make_trunk, store: Store):
        trunk, place = make_trunk("a", step_seconds=0.1), LastingExecutor()
        folder = tmp_path / "t"

        def die(_: object) -> None:
            place.wait_until_started(folder / trunk.spec_id)
            place.die()
            raise RuntimeError("the coordinator is gone")

        with pytest.raises(RuntimeError):
            run_campaign([trunk], Forgetful(place), store, folder=folder, on_progress=die, poll_seconds=0.02)
        assert len(run_campaign([trunk], LastingExecutor(), store, folder=folder, poll_seconds=0.02)) == 2
        lines = (folder / trunk.spec_id / "runs.jsonl").read_text().splitlines()
        assert [json.loads(line)["run_id"] for line in lines] == ["id-a-20", "id-a-40"]
        assert {plan.state for plan in store.planned_runs()} == {"done"}

    def test_when_the_followed_worker_dies_the_trunk_is_submitted_again(self, tmp_path, make_trunk, store: Store):
        trunk, place = make_trunk("a", step_seconds=0.1, crash_at=24), LastingExecutor()
        folder = tmp_path / "t"
        (folder / trunk.spec_id).mkdir(parents=True)
        (folder / trunk.spec_id / "spec.json").write_text(trunk.spec)
        from isoflop.workbench.trunk import TrunkFolder

        place.submit(TrunkFolder(trunk, folder / trunk.spec_id).job())  # an earlier coordinator's
        place.wait_until_started(folder / trunk.spec_id)
        assert len(run_campaign([trunk], LastingExecutor(), store, folder=folder, poll_seconds=0.02)) == 2
        assert (folder / trunk.spec_id / "crashes").read_text() == "x"


class Forgetful:
    """A place as a coordinator sees it that is killed: it has no time to cancel anything."""

    def __init__(self, place: LastingExecutor) -> None:
        self.place = place
        self.capacity, self.outlives_coordinator = place.capacity, True
        self.submit, self.poll, self.pause = place.submit, place.poll, place.pause

    def cancel(self, handles: object, grace_seconds: float = 0.0) -> None:
        pass


def test_costs_follow_from_device_hours(bench):
    ladder = bench.ladder("a", price=Price(3600.0, "made up"))
    bench.run(ladder)
    status = ladder_status(ladder)
    assert status.cost_usd == pytest.approx(status.device_hours * 3600.0)
    assert 0.03 < status.device_hours * 3600 < 3
    assert (status.seconds_left, status.cost_usd_left) == (0.0, 0.0)


def test_the_table_of_runs_is_the_stores(bench):
    runs = bench.run(bench.ladder("a"))
    frame = pl.read_csv(bench.folder / "l" / "runs.csv")
    assert frame["loss"].to_list() == runs.loss.tolist()
