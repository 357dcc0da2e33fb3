"""A checkpoint that is broken costs the steps since the one before; one that cannot be written costs nothing."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from tiny import TEXT, TINY

from isoflop.errors import TrainingFailure
from isoflop.train.checkpoint import Checkpoints, State, WholeCheckpoints
from isoflop.train.journal import Journal
from isoflop.train.sharded_checkpoint import ShardedCheckpoints
from isoflop.train.spec import TrunkSpec
from isoflop.train.text import Corpus, load_corpus
from isoflop.train.trunk import Stopped, Trunk

SHORT = replace(TINY, branch_tokens=(64 * 20, 64 * 40))
Opener = Callable[[Path], Checkpoints]

pytestmark = pytest.mark.usefixtures("keep_compiled")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus(TEXT)


def whole(directory: Path) -> Checkpoints:
    return WholeCheckpoints(directory / "checkpoint")


def sharded(directory: Path) -> Checkpoints:
    return ShardedCheckpoints(directory / "checkpoint")


@pytest.fixture(params=[whole, sharded])
def opened(request: pytest.FixtureRequest) -> Opener:
    opener: Opener = request.param
    return opener


def state(value: float) -> State:
    weights = {"layers": ({"up": jax.numpy.full((64, 64), value)},)}
    return {"weights": weights, "step": jax.numpy.float32(value)}


def two_saved(opened: Opener, directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    checkpoints = opened(directory)
    for step in (1, 2):
        checkpoints.save({"trunk": state(step)}, {"step": step, "decaying": False})
    checkpoints.close()


def newest_files(opened: Opener, directory: Path) -> list[Path]:
    folder = directory / "checkpoint"
    if opened is whole:
        return [folder / "state.npz"]
    return [path for path in sorted((folder / "1").rglob("*")) if path.is_file() and path.name != "commit_success.txt"]


def test_what_was_saved_comes_back_bit_for_bit_with_its_position(opened: Opener, tmp_path: Path) -> None:
    assert opened(tmp_path).load(state(0)) is None
    two_saved(opened, tmp_path)
    saved = opened(tmp_path).load(state(0))
    assert saved is not None
    assert saved.position["step"] == 2
    assert saved.note == ""
    for found, was in zip(jax.tree.leaves(saved.states["trunk"]), jax.tree.leaves(state(2)), strict=True):
        np.testing.assert_array_equal(found, was)


def test_of_many_checkpoints_the_last_two_are_kept(opened: Opener, tmp_path: Path) -> None:
    for _ in range(2):
        two_saved(opened, tmp_path)
    assert len(list((tmp_path / "checkpoint").iterdir())) == 2


def test_a_newest_checkpoint_cut_in_half_gives_way_to_the_one_before_and_says_so(
    opened: Opener, tmp_path: Path
) -> None:
    two_saved(opened, tmp_path / "files")
    fell_back = 0
    for number, name in enumerate(path.name for path in newest_files(opened, tmp_path / "files")):
        directory = tmp_path / str(number)
        two_saved(opened, directory)
        files = newest_files(opened, directory)
        path = files[
            min(number, len(files) - 1)
        ]  # a sharded checkpoint has a file more or less from one save to the next
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        saved = opened(directory).load(state(0))
        assert saved is not None, name
        np.testing.assert_array_equal(saved.states["trunk"]["step"], saved.position["step"])
        if saved.position["step"] == 1:
            fell_back += 1
            assert "Cannot read the checkpoint" in saved.note
            assert "from the one before" in saved.note
    assert fell_back >= 1


def test_where_no_checkpoint_can_be_read_the_worker_says_what_to_remove(opened: Opener, tmp_path: Path) -> None:
    two_saved(opened, tmp_path)
    for path in (tmp_path / "checkpoint").rglob("*"):
        if path.is_file() and path.name != "commit_success.txt":
            path.write_bytes(b"garbage")
    with pytest.raises(TrainingFailure, match=r"Cannot read .* Cannot read .* Remove .*checkpoint to train afresh"):
        opened(tmp_path).load(state(0))


def test_a_checkpoint_of_another_model_is_refused_and_not_replaced_by_an_older_one(
    opened: Opener, tmp_path: Path
) -> None:
    two_saved(opened, tmp_path)
    other = {"weights": {"layers": ({"up": jax.numpy.zeros((32, 64))},)}, "step": jax.numpy.float32(0)}
    with pytest.raises(TrainingFailure, match="of another model"):
        opened(tmp_path).load(other)


def test_killed_between_two_renames_the_older_file_is_read(tmp_path: Path) -> None:
    two_saved(whole, tmp_path)
    (tmp_path / "checkpoint" / "state.npz").rename(tmp_path / "checkpoint" / "state.partial")
    saved = whole(tmp_path).load(state(0))
    assert saved is not None
    assert (saved.position["step"], saved.note) == (1, "")


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def results(directory: Path) -> list[Any]:
    lines = (directory / "runs.jsonl").read_text().splitlines()
    return [[json.loads(line)[key] for key in ("run_id", "loss", "loss_se")] for line in lines]


@pytest.mark.long
def test_a_full_disk_is_said_and_the_old_checkpoint_and_the_training_survive(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("isoflop.train.trunk.CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("isoflop.train.trunk.CHECKPOINT_SHARE", 1e9)
    monkeypatch.setattr("isoflop.train.trunk.STEPS_PER_DISPATCH", 5)
    (tmp_path / "whole").mkdir()
    (tmp_path / "full").mkdir()
    Trunk(SHORT, corpus, tmp_path / "whole", lambda: False).train()
    with pytest.raises(Stopped):
        Trunk(SHORT, corpus, tmp_path / "full", After(3)).train()
    before = (tmp_path / "full" / "checkpoint" / "state.npz").read_bytes()
    with monkeypatch.context() as disk:
        disk.setattr("numpy.savez", full_disk)
        with pytest.raises(Stopped):
            Trunk(SHORT, corpus, tmp_path / "full", After(3)).train()
    assert "No space left on device. The one before is still there" in capsys.readouterr().err
    assert (tmp_path / "full" / "checkpoint" / "state.npz").read_bytes() == before
    assert not (tmp_path / "full" / "checkpoint" / "state.partial").exists()
    Trunk(SHORT, corpus, tmp_path / "full", lambda: False).train()
    assert results(tmp_path / "full") == results(tmp_path / "whole")


class After:
    """Asks to stop after so many dispatches."""

    def __init__(self, dispatches: int) -> None:
        self.left = dispatches

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def test_a_result_that_cannot_be_written_ends_the_worker_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(TrainingFailure, match="Free some space and start again"):
        Journal(tmp_path, 1).record({"run_id": "w16"})


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(replace(SHORT, precision="bf16", accumulate=2), id="bf16 in parts"),
        pytest.param(replace(SHORT, width=32), id="fp32", marks=pytest.mark.slow),
    ],
)
def test_large_states_stopped_anywhere_go_on_to_the_same_bits(
    spec: TrunkSpec, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every state is large here: each is written by orbax in the background while its buffers are trained on."""
    monkeypatch.setattr("isoflop.train.checkpoint.SMALL_BYTES", 0)
    monkeypatch.setattr("isoflop.train.trunk.CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("isoflop.train.trunk.CHECKPOINT_SHARE", 1e9)
    monkeypatch.setattr("isoflop.train.trunk.STEPS_PER_DISPATCH", 7)
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    Trunk(spec, corpus, tmp_path / "whole", lambda: False).train()
    for _ in range(30):
        try:
            Trunk(spec, corpus, tmp_path / "cut", After(3)).train()
            break
        except Stopped:
            continue
    assert results(tmp_path / "cut") == results(tmp_path / "whole")
    assert len(list((tmp_path / "cut" / "checkpoint").iterdir())) == 2
