"""What a campaign does with workers that finish, crash, diverge, give up or do not listen."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from isoflop.errors import SpecError, StoreError, TrainingFailure
from isoflop.execute import LocalExecutor
from isoflop.runs import Run, Runs
from isoflop.store import Store, open_store
from isoflop.workbench.campaign import CampaignInterrupted, run_campaign
from isoflop.workbench.progress import CampaignProgress
from isoflop.workbench.trunk import Trunk, TrunkFolder


class Campaign:
    """run_campaign with what these tests hold constant."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder, store
        self.seen: list[CampaignProgress] = []
        self.executor = LocalExecutor([(0,), (0,)])

    def run(self, trunks: Sequence[Trunk], on_progress: object = None) -> Runs:
        return run_campaign(
            trunks,
            self.executor,
            self.store,
            folder=self.folder,
            on_progress=on_progress or self.seen.append,
            poll_seconds=0.01,
        )

    def starts(self, trunk: Trunk) -> int:
        pids = self.folder / trunk.spec_id / "pids"
        return len(pids.read_text().split()) if pids.exists() else 0


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


@pytest.fixture
def campaign(tmp_path: Path, store: Store) -> Iterator[Campaign]:
    campaign = Campaign(tmp_path / "trunks", store)
    yield campaign
    campaign.executor.close()


class TestFinishing:
    def test_every_run_of_every_trunk_is_recorded_once(self, campaign, make_trunk):
        runs = campaign.run([make_trunk(name, params) for name, params in [("a", 1e4), ("b", 2e4), ("c", 3e4)]])
        assert runs.column("run_id").tolist() == [f"id-{name}-{tokens}" for name in "abc" for tokens in (20, 40)]
        assert runs.loss[0] == 1.0 + 1 / 20 + 1e-4
        assert set(runs.clusters) == {0, 1, 2}

    def test_a_finished_campaign_answers_at_once_and_starts_no_worker(self, campaign, make_trunk):
        trunks = [make_trunk("a"), make_trunk("b")]
        first = campaign.run(trunks)
        begun = time.monotonic()
        assert campaign.run(trunks) == first
        assert time.monotonic() - begun < 0.2
        assert [campaign.starts(trunk) for trunk in trunks] == [1, 1]

    def test_a_run_is_in_the_store_while_its_trunk_still_trains(self, campaign, make_trunk, store):
        early: set[str] = set()
        trunk = make_trunk("a", step_seconds=0.03)
        campaign.run([trunk], lambda p: early.update(store.run_ids()) if p.running and p.done < p.total else None)
        assert early == {"id-a-20"}

    def test_runs_that_a_killed_coordinator_had_not_recorded_are_recorded(self, campaign, make_trunk, store):
        trunk = make_trunk("a")
        folder = campaign.folder / trunk.spec_id
        folder.mkdir(parents=True)
        runs = [Run(params=1e4, tokens=tokens, loss=1.5, run_id=f"id-a-{tokens:.0f}") for tokens in (20.0, 40.0)]
        (folder / "runs.jsonl").write_text("".join(json.dumps(run.to_dict()) + "\n" for run in runs))
        (folder / "done.json").write_text("{}")
        assert campaign.run([trunk]).column("run_id").tolist() == ["id-a-20", "id-a-40"]
        assert campaign.starts(trunk) == 0

    def test_a_trunk_marked_done_without_its_runs_is_a_failure_unless_the_store_has_them(self, campaign, make_trunk):
        trunk = make_trunk("a")
        campaign.run([trunk])
        (campaign.folder / trunk.spec_id / "runs.jsonl").unlink()
        assert len(campaign.run([trunk])) == 2
        with (
            open_store(campaign.folder / "other.sqlite") as empty,
            pytest.raises(TrainingFailure, match="id-a-20, id-a-40"),
        ):
            run_campaign([trunk], campaign.executor, empty, folder=campaign.folder)

    def test_trunks_start_in_the_order_given(self, campaign, make_trunk):
        campaign.executor = LocalExecutor([(0,)])
        names: list[str] = []
        campaign.run([make_trunk(name) for name in "cab"], lambda p: names.extend(t.name for t in p.running))
        assert list(dict.fromkeys(names)) == ["c", "a", "b"]


class TestTrouble:
    def test_a_worker_that_crashes_goes_on_once_from_its_checkpoint(self, campaign, make_trunk):
        trunk = make_trunk("a", crash_at=24)
        assert len(campaign.run([trunk])) == 2
        assert campaign.starts(trunk) == 2

    def test_a_worker_that_crashes_twice_is_a_failure_with_its_last_words_and_the_others_finish(
        self, campaign, make_trunk, store
    ):
        bad = make_trunk("bad", crash_at=24, crashes=99)
        with pytest.raises(TrainingFailure) as raised:
            campaign.run([bad, make_trunk("good")])
        message = str(raised.value)
        assert "1 of 2 trunks failed" in message
        assert "'bad' was ended by signal 9 (SIGKILL" in message
        assert "the tank is empty" in message
        assert str(campaign.folder / "id-bad" / "log.txt") in message
        assert campaign.starts(bad) == 2
        assert store.run_ids() == {"id-bad-20", "id-good-20", "id-good-40"}

    def test_after_the_cause_is_removed_the_same_call_trains_only_what_is_missing(self, campaign, make_trunk):
        bad, good = make_trunk("bad", crash_at=24, crashes=2), make_trunk("good")
        with pytest.raises(TrainingFailure):
            campaign.run([bad, good])
        assert len(campaign.run([bad, good])) == 4
        assert campaign.starts(good) == 1

    def test_a_diverged_trunk_is_recorded_as_diverged_and_never_tried_again(self, campaign, make_trunk, store):
        trunk = make_trunk("hot", diverge_at=30)
        for _ in range(2):
            assert campaign.run([trunk]).column("run_id").tolist() == ["id-hot-20"]
        lost = store.runs(diverged=True).frame.to_dicts()[1]
        assert (lost["run_id"], lost["status"], lost["tokens"]) == ("id-hot-40", "diverged", 40.0)
        assert math.isnan(lost["loss"])
        assert campaign.starts(trunk) == 1

    def test_a_worker_that_gives_up_on_purpose_is_not_tried_again_by_the_same_call(self, campaign, make_trunk):
        trunk = make_trunk("a", give_up_at=10)
        with pytest.raises(TrainingFailure, match=r"'a' gave up: text at 12"):
            campaign.run([trunk])
        assert campaign.starts(trunk) == 1

    def test_a_line_that_is_no_run_fails_its_trunk_only(self, campaign, make_trunk):
        with pytest.raises(TrainingFailure, match=r"runs\.jsonl holds a line that is no run: 'garbage'"):
            campaign.run([make_trunk("bad", garbage=True), make_trunk("good")])
        assert campaign.store.run_ids() == {"id-good-20", "id-good-40"}

    def test_a_spec_that_was_edited_is_refused_and_not_trained(self, campaign, make_trunk):
        trunk = make_trunk("a")
        spec = campaign.folder / trunk.spec_id / "spec.json"
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps(json.loads(trunk.spec) | {"params": 5e4}))
        with pytest.raises(SpecError, match="was changed"):
            TrunkFolder(trunk, spec.parent).job()
        with pytest.raises(TrainingFailure, match="was changed"):
            campaign.run([trunk])
        assert campaign.starts(trunk) == 0

    def test_a_missing_program_is_a_failure_and_not_a_hang(self, campaign, make_trunk):
        with pytest.raises(TrainingFailure, match="/no/such/python"):
            campaign.run([replace(make_trunk("a"), command=("/no/such/python",))])

    def test_a_store_that_fails_stops_the_workers_and_nothing_finished_is_lost(
        self, campaign, make_trunk, store, monkeypatch
    ):
        trunk = make_trunk("a", step_seconds=0.05)

        def full(*_: object) -> bool:
            raise StoreError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(store, "record_run", full)
            with pytest.raises(StoreError, match="full"):
                campaign.run([trunk])
        assert not TrunkFolder(trunk, campaign.folder / trunk.spec_id).held()
        assert len(campaign.run([trunk])) == 2

    def test_a_disk_that_fills_up_is_said_and_with_space_again_the_same_call_ends_with_every_run(
        self, small_disk, make_trunk
    ):
        trunks = [make_trunk(name, step_seconds=0.02) for name in "abcd"]
        ballast = small_disk / "ballast"
        with open_store(small_disk / "study.sqlite") as store:
            campaign = Campaign(small_disk / "trunks", store)

            def fill_up(progress: CampaignProgress) -> None:
                if progress.done and not ballast.exists():
                    fill(ballast)

            with campaign.executor, pytest.raises((StoreError, TrainingFailure), match=r"No space|full"):
                campaign.run(trunks, fill_up)
            recorded = store.run_ids()
            assert 0 < len(recorded) < 8
            ballast.unlink()
            campaign.executor = LocalExecutor([(0,), (0,)])
            with campaign.executor:
                assert len(campaign.run(trunks)) == 8
            assert recorded < store.run_ids()

    def test_ctrl_c_lets_workers_save_and_says_that_the_same_command_goes_on(self, campaign, make_trunk):
        trunk = make_trunk("a", step_seconds=0.05)

        def press(progress: CampaignProgress) -> None:
            if progress.done == 1:
                raise KeyboardInterrupt

        with pytest.raises(CampaignInterrupted, match=r"1 of 2 runs.*same command goes on"):
            campaign.run([trunk], press)
        folder = campaign.folder / trunk.spec_id
        assert not TrunkFolder(trunk, folder).held()
        saved = json.loads((folder / "checkpoint.json").read_text())["tokens"]
        assert saved >= 20
        assert len(campaign.run([trunk])) == 2

    def test_a_worker_of_a_killed_coordinator_is_waited_for_and_not_joined(self, campaign, make_trunk):
        trunk = make_trunk("a")
        folder = campaign.folder / trunk.spec_id
        folder.mkdir(parents=True)
        orphan = (folder / "lock").open("w")
        fcntl.flock(orphan, fcntl.LOCK_EX)
        released: list[float] = []
        timer = threading.Timer(0.4, lambda: (released.append(time.time()), orphan.close()))
        timer.start()
        assert len(campaign.run([trunk])) == 2
        assert (folder / "pids").stat().st_mtime >= released[0] - 0.05
        assert campaign.starts(trunk) == 1

    def test_a_worker_that_never_leaves_is_a_failure_that_names_the_folder(self, campaign, make_trunk, monkeypatch):
        monkeypatch.setattr("isoflop.workbench.campaign.ORPHAN_SECONDS", 0.2)
        trunk = make_trunk("a")
        folder = campaign.folder / trunk.spec_id
        folder.mkdir(parents=True)
        with (folder / "lock").open("w") as orphan:
            fcntl.flock(orphan, fcntl.LOCK_EX)
            with pytest.raises(TrainingFailure, match="did not start"):
                campaign.run([trunk])


class TestProgress:
    def test_done_only_grows_and_ends_at_the_total(self, campaign, make_trunk):
        campaign.run([make_trunk("a"), make_trunk("b"), make_trunk("hot", diverge_at=10)])
        done = [progress.done for progress in campaign.seen]
        assert done == sorted(done)
        last = campaign.seen[-1]
        assert (last.done, last.total, last.running, last.seconds_left) == (6, 6, (), 0.0)
        assert last.flops_done == last.flops_total == 3 * 6 * 1e4 * 40

    def test_a_running_trunk_shows_its_tokens_speed_and_loss(self, campaign, make_trunk):
        campaign.run([make_trunk("a", step_seconds=0.03)])
        shown = [trunk for progress in campaign.seen for trunk in progress.running if trunk.tokens]
        assert 0.3 * 4 / 0.03 < shown[-1].tokens_per_second <= 1.1 * 4 / 0.03
        assert (shown[0].name, shown[0].params, shown[0].tokens_total) == ("a", 1e4, 40.0)
        assert (shown[0].train_loss, shown[0].phase) == (3.0, "trunk")

    @pytest.mark.slow
    def test_a_campaign_leaves_the_time_to_its_workers(self, campaign, make_trunk):
        """The coordinator's own share of a campaign is below 2 percent at its usual pace of looking.

        A first campaign takes what happens once in a process: the store's statements are put into words then (0.1 s).
        """
        campaign.run([make_trunk("first")])
        trunks = [make_trunk(name, step_seconds=0.3) for name in "abcd"]
        begun, cpu = time.monotonic(), time.process_time()
        run_campaign(
            trunks, campaign.executor, campaign.store, folder=campaign.folder, on_progress=campaign.seen.append
        )
        assert (time.process_time() - cpu) / (time.monotonic() - begun) < 0.02
