"""A run is its spec: repeated, cut, killed or branched, it gives the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from tiny import TEXT, TINY

from isoflop.errors import SpecError, TrainingFailure
from isoflop.train.loop import Trainer
from isoflop.train.spec import TrunkSpec
from isoflop.train.text import Corpus, load_corpus
from isoflop.train.trunk import Diverged, Stopped, Trunk
from isoflop.train.windows import WindowOrder, held_out_windows, mean_and_error
from isoflop.train.worker import lock

RESULT = ("params", "tokens", "loss", "loss_se", "run_id", "trunk")

pytestmark = pytest.mark.usefixtures("keep_compiled")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus(TEXT)


def never() -> bool:
    return False


def results(directory: Path) -> list[dict[str, Any]]:
    lines = (directory / "runs.jsonl").read_text().splitlines()
    return [{key: json.loads(line)[key] for key in RESULT} for line in lines]


def train(spec: TrunkSpec, corpus: Corpus, directory: Path) -> list[dict[str, Any]]:
    directory.mkdir(exist_ok=True)
    Trunk(spec, corpus, directory, never).train()
    return results(directory)


@pytest.fixture(scope="module")
def reference(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return train(TINY, corpus, tmp_path_factory.mktemp("reference"))


def test_training_twice_gives_the_same_bits(corpus: Corpus, reference: list[Any], tmp_path: Path) -> None:
    assert train(TINY, corpus, tmp_path) == reference


def test_another_seed_gives_another_loss(corpus: Corpus, reference: list[Any], tmp_path: Path) -> None:
    assert train(replace(TINY, seed=1), corpus, tmp_path)[0]["loss"] != reference[0]["loss"]


def test_loss_falls_with_tokens_and_stays_above_the_entropy(corpus: Corpus, reference: list[Any]) -> None:
    losses = [run["loss"] for run in reference]
    assert losses[0] > losses[1] > losses[2]
    assert corpus.entropy is not None
    assert losses[2] > corpus.entropy - 4 * reference[2]["loss_se"]


def test_stopped_anywhere_it_goes_on_to_the_same_bits(
    corpus: Corpus, reference: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isoflop.train.trunk.STEPS_PER_DISPATCH", 19)
    stops = 0
    while True:
        trunk = Trunk(TINY, corpus, tmp_path, stop := Countdown(3))
        try:
            trunk.train()
            break
        except Stopped:
            stops += 1
            assert stop.asked
    assert stops >= 4
    assert results(tmp_path) == reference


class Countdown:
    """Asks to stop after so many dispatches."""

    def __init__(self, dispatches: int) -> None:
        self.left, self.asked = dispatches, False

    def __call__(self) -> bool:
        self.left -= 1
        self.asked = self.left <= 0
        return self.asked


def test_a_branch_is_the_run_that_had_its_schedule_from_the_start(
    corpus: Corpus, reference: list[Any], tmp_path: Path
) -> None:
    alone = train(replace(TINY, branch_tokens=TINY.branch_tokens[2:]), corpus, tmp_path)
    assert {**alone[0], "trunk": ""} == {**reference[2], "trunk": ""}


def test_how_steps_are_cut_into_dispatches_changes_no_bit(corpus: Corpus) -> None:
    trainer = Trainer(TINY, corpus.train)
    whole, _ = trainer.advance(trainer.start(), 0, 60, None)
    cut = trainer.start()
    for first in range(0, 60, 7):
        cut, _ = trainer.advance(cut, first, min(7, 60 - first), None)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(cut), strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_pass_reads_each_window_once_and_the_next_pass_in_another_order() -> None:
    order = WindowOrder(tokens=1000, context=10, seed=3)
    first, second = order.starts(0, order.per_pass), order.starts(order.per_pass, order.per_pass)
    assert len(set(first)) == len(set(second)) == order.per_pass
    assert np.diff(np.sort(first)).tolist() == [10] * (order.per_pass - 1)
    assert first.tolist() != second.tolist()
    assert max(first.max(), second.max()) + 10 < 1000
    np.testing.assert_array_equal(order.starts(5, 150), np.concatenate([first, second])[5:155])


def test_the_standard_error_covers_the_loss_on_all_held_out_text(corpus: Corpus) -> None:
    trainer = Trainer(TINY, corpus.train)
    state, _ = trainer.advance(trainer.start(), 0, 100, None)
    everything = trainer.window_losses(state["weights"], held_out_windows(corpus.validation, 16, 600))
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        mean, error = mean_and_error(generator.choice(everything, 50, replace=False))
        inside += abs(mean - everything.mean()) < 1.645 * error
    assert 0.85 < inside / 400 < 0.97


def test_a_rate_that_is_far_too_high_is_called_diverged(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="Lower it"):
        Trunk(replace(TINY, lr=1e4), corpus, tmp_path, never).train()


def test_a_text_with_another_vocabulary_or_too_little_of_it_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="Set vocab to 16"):
        Trunk(replace(TINY, vocab=32), corpus, tmp_path, never)
    with pytest.raises(SpecError, match="larger text"):
        Trunk(replace(TINY, context=4000, branch_tokens=(64_000,)), corpus, tmp_path, never)


def test_a_second_worker_is_kept_out_of_the_folder(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(TrainingFailure, match="Another worker"), lock(tmp_path):
        pass


def start(spec: TrunkSpec, directory: Path, devices: int = 1) -> subprocess.Popen[str]:
    path = directory.with_suffix(".json")
    path.write_text(spec.to_json())
    environment = os.environ | {"ISOFLOP_CACHE": jax.config.jax_compilation_cache_dir, "ISOFLOP_THREADS": str(devices)}
    command = [sys.executable, "-m", "isoflop.train", str(path), "--out", str(directory)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.long
def test_a_worker_that_is_killed_goes_on_and_records_each_run_once(tmp_path: Path) -> None:
    spec = replace(TINY, branch_tokens=tuple(64 * steps for steps in (1000, 2000, 8000)))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(spec, whole).wait(120) == 0
    worker = start(spec, killed)
    deadline = time.monotonic() + 60
    while not (killed / "runs.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 143
    assert (killed / "checkpoint" / "state.npz").exists()
    worker = start(spec, killed)
    time.sleep(1.5)
    worker.kill()
    worker.wait(60)
    assert start(spec, killed).wait(120) == 0
    assert results(killed) == results(whole)
    assert json.loads((killed / "done.json").read_text())["spec_id"] == spec.spec_id
    phases = [json.loads(line)["phase"] for line in (whole / "progress.jsonl").read_text().splitlines()]
    assert phases[0] == "compile"
    assert phases[-1] == "done"


def test_a_worker_that_diverges_says_so_in_its_folder(tmp_path: Path) -> None:
    worker = start(replace(TINY, lr=1e4), tmp_path / "run")
    assert worker.wait(120) == 1
    assert json.loads((tmp_path / "run" / "error.json").read_text())["kind"] == "diverged"


def test_bad_input_ends_a_worker_with_2_and_a_message(tmp_path: Path) -> None:
    worker = start(replace(TINY, vocab=32), tmp_path / "run")
    _, words = worker.communicate(timeout=120)
    assert worker.returncode == 2
    assert "Set vocab to 16" in words
    assert json.loads((tmp_path / "run" / "error.json").read_text())["kind"] == "bad_input"


@pytest.mark.slow
def test_two_devices_train_to_the_loss_of_one(tmp_path: Path) -> None:
    assert start(TINY, tmp_path / "one").wait(120) == 0
    assert start(replace(TINY, devices=2), tmp_path / "two", devices=2).wait(120) == 0
    for one, two in zip(results(tmp_path / "one"), results(tmp_path / "two"), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
