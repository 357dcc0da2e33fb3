"""External runs from start to end, and everything that can go wrong between: one trainer in many styles."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isoflop.errors import BadInput, SpecError, TrainingFailure
from isoflop.runs.importers import Asked, import_runs
from isoflop.runs.run import Run
from isoflop.train.external import ExternalSpec
from isoflop.train.external_finish import Diverged
from isoflop.train.external_worker import MayBeTriedAgain, run_external
from isoflop.train.worker import lock

FAKE = Path(__file__).with_name("fake_trainer.py")
PLAIN = "{python} {fake} --tokens {tokens} --dir {dir} --batch {batch_tokens} --style {style}"


def spec(extra: str = "", **changes: Any) -> ExternalSpec:
    values = {"batch_tokens": 100, "style": "jsonl", "fake": str(FAKE)} | changes.pop("values", {})
    fields: dict[str, Any] = {"tokens": 5000, "params": 1e6, "log": "jsonl", "grace": 5.0}
    return ExternalSpec(command=f"{PLAIN} {extra}", values=values, **fields | changes)


def never() -> bool:
    return False


def run(what: ExternalSpec, folder: Path, stop: Callable[[], bool] = never) -> int:
    folder.mkdir(exist_ok=True)
    return run_external(what, folder, stop)


def row(folder: Path) -> Run:
    lines = (folder / "runs.jsonl").read_text().splitlines()
    assert len(lines) == 1
    return Run.from_dict(json.loads(lines[0]))


def error(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / "error.json").read_text())
    return found


def course(tokens: float) -> float:
    return 5 * (tokens + 100) ** -0.2


def alive(folder: Path) -> list[int]:
    pids = [int(pid) for pid in (folder / "files" / "pids").read_text().split()]
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z" not in _state(pid)]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def wait_for(what: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_a_run_leaves_its_row_its_progress_and_its_mark(tmp_path: Path) -> None:
    what = spec(seed=3, recipe="house", values={"lr": 2e-3, "optimiser": "lion"})
    assert run(what, tmp_path) == 0
    found = row(tmp_path)
    assert (found.tokens, found.params, found.seed, found.recipe) == (5000, 1e6, 3, "house")
    assert (found.run_id, found.trunk, found.status, found.lr) == (what.run_id, what.spec_id, "done", 2e-3)
    assert found.loss == pytest.approx(course(5000) + 0.1)
    assert found.extra["loss_text"] == "held-out"
    assert found.extra["optimiser"] == "lion"
    assert json.loads((tmp_path / "done.json").read_text()) == {"spec_id": what.spec_id, "runs": [what.run_id]}
    last = json.loads((tmp_path / "progress.jsonl").read_text().splitlines()[-1])
    assert (last["tokens"], last["phase"], last["tokens_total"]) == (5000, "done", 5000)
    assert last["train_loss"] == pytest.approx(course(5000))


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    run(spec(), tmp_path)
    run(spec(), tmp_path)
    assert len((tmp_path / "files" / "pids").read_text().split()) == 1
    row(tmp_path)


@pytest.mark.parametrize(
    ("style", "log", "loss"),
    [
        ("jsonl", {"profile": "jsonl", "loss": "train_loss"}, course(20_000)),
        ("jsonl", {"profile": "table", "path": "metrics.jsonl"}, course(20_000) + 0.1),
        ("steps", "jsonl", course(20_000)),
        ("csv", "csv", course(20_000)),
        ("own", {"regex": r"\[(?P<step>\d+)\] L=(?P<loss>[\d.]+)"}, course(20_000)),
        ("nanogpt", "nanogpt", course(20_000) + 0.1),
        ("nanogpt", "log", course(20_000) + 0.1),
        ("bits", {"profile": "jsonl", "loss_unit": "bits"}, course(20_000)),
    ],
)
def test_the_same_run_in_any_style_has_the_same_loss_and_tokens(
    style: str, log: Any, loss: float, tmp_path: Path
) -> None:
    assert run(spec(tokens=20_000, log=log, values={"style": style}), tmp_path) == 0
    assert row(tmp_path).tokens == 20_000
    assert row(tmp_path).loss == pytest.approx(loss, abs=2e-4)  # a line fitted to a curve; nanoGPT logs four digits


def test_a_training_loss_is_said_to_be_one_and_is_smoothed(tmp_path: Path) -> None:
    run(spec(tokens=20_000, values={"style": "steps"}), tmp_path)
    assert (row(tmp_path).extra["loss_text"], row(tmp_path).extra["loss_points"]) == ("training", 10)


def test_a_log_that_ends_one_line_early_is_whole(tmp_path: Path) -> None:
    run(spec("--every 8", values={"style": "steps"}), tmp_path)  # lines at steps 0, 8, …, 48 of 50
    assert row(tmp_path).tokens == 5000
    assert row(tmp_path).extra["tokens_logged"] == 4800


def test_tokens_that_are_missing_are_a_failure_unless_partial_runs_are_wanted(tmp_path: Path) -> None:
    short = "--misbehave stop --at 30 --times 9"
    with pytest.raises(TrainingFailure, match=r"after 3,000 of 5,000 tokens \(60.0%\)"):
        run(spec(short), tmp_path / "a")
    assert error(tmp_path / "a")["kind"] == "failed"
    assert run(spec(short, partial=True, log={"profile": "jsonl", "loss": "train_loss"}), tmp_path / "b") == 0
    assert (row(tmp_path / "b").tokens, row(tmp_path / "b").status) == (3000, "unfinished")


def test_a_command_that_ended_early_goes_on_when_started_again(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailure):
        run(spec("--misbehave stop --at 30"), tmp_path)
    assert run(spec("--misbehave stop --at 30"), tmp_path) == 0
    assert row(tmp_path).tokens == 5000
    assert not (tmp_path / "error.json").exists()


def test_tokens_logged_again_after_a_crash_are_counted_once(tmp_path: Path) -> None:
    with pytest.raises(MayBeTriedAgain, match=r"the tank is empty(.|\n)*trained on 3,300 of 5,000"):
        run(spec("--misbehave crash --at 33"), tmp_path)
    assert not (tmp_path / "error.json").exists()  # so that a campaign tries it again
    assert run(spec("--misbehave crash --at 33"), tmp_path) == 0
    logged = [json.loads(line)["step"] for line in (tmp_path / "files" / "metrics.jsonl").read_text().splitlines()]
    assert logged.count(31) == 2
    assert (row(tmp_path).tokens, row(tmp_path).loss) == (5000, pytest.approx(course(5000) + 0.1))
    assert row(tmp_path).wall_seconds is None  # the time of the first attempt is not known


def test_a_record_that_a_kill_cut_in_two_costs_one_line_and_no_run(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "metrics.jsonl").write_text('{"step": 0, "tokens": 0, "train_loss": 1.9}\n{"step": 1, "to')
    assert run(spec(), tmp_path) == 0
    assert row(tmp_path).loss == pytest.approx(course(5000) + 0.1)


def test_a_command_that_was_killed_may_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(MayBeTriedAgain, match="signal 9"):
        run(spec("--misbehave killed --at 33"), tmp_path)
    assert run(spec("--misbehave killed --at 33"), tmp_path) == 0


def test_a_command_that_fails_before_its_first_loss_is_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailure, match=r"exit code 2(.|\n)*unrecognized arguments: --widht"):
        run(spec("--widht 3"), tmp_path)
    assert error(tmp_path)["kind"] == "failed"


def test_losses_that_are_no_numbers_end_the_run_at_once_as_diverged(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(Diverged, match="are no numbers"):
        run(spec("--misbehave nan --at 5 --seconds 0.1", tokens=100_000), tmp_path)
    assert time.monotonic() - began < 30  # of the 100 s that it would have gone on
    assert error(tmp_path)["kind"] == "diverged"
    assert not alive(tmp_path)


def test_one_bad_loss_is_enough_where_it_is_the_last(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="last loss is no number"):
        run(spec("--misbehave nan --at 50", values={"style": "steps"}), tmp_path)
    assert not (tmp_path / "runs.jsonl").exists()


def test_a_run_that_gave_back_what_it_had_gained_has_diverged(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="gave back"):
        run(spec("--misbehave climb --at 30", values={"style": "steps"}), tmp_path)
    assert error(tmp_path)["kind"] == "diverged"


def test_a_log_without_a_loss_says_what_was_looked_for_and_what_was_printed(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailure) as caught:
        run(spec(log="nanogpt", values={"style": "none"}), tmp_path)
    for words in ("shows no loss", "step 2000: train loss", "goodbye", "read again without training"):
        assert words in str(caught.value)
    assert error(tmp_path)["kind"] == "failed"


def test_a_corrected_log_is_read_again_without_training(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailure, match="shows no loss"):
        run(spec(log="nanogpt", values={"style": "own"}), tmp_path)
    corrected = spec(log={"regex": r"\[(?P<step>\d+)\] L=(?P<loss>[\d.]+)"}, values={"style": "own"})
    assert run(corrected, tmp_path) == 0
    assert row(tmp_path).loss == pytest.approx(course(5000), abs=5e-3)
    assert len((tmp_path / "files" / "pids").read_text().split()) == 1


def test_a_finished_run_that_is_read_otherwise_gets_a_row_more_and_no_training(tmp_path: Path) -> None:
    run(spec(), tmp_path)
    run(spec(log={"profile": "jsonl", "loss": "train_loss"}), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert [row["loss_name"] for row in rows] == ["val_loss", "train_loss"]
    assert len((tmp_path / "files" / "pids").read_text().split()) == 1


LEFT_BEHIND = {
    "trainer": ("hugging-face", 5440),
    "lightning": ("lightning/small", 40 * 8192),
    "tensorboard": ("tensorboardx/small", 40 * 8192),
    "wandb": ("wandb/offline-run-20261122_111800-small", 40 * 8192),
    "mlflow": ("mlruns/262762557799359344/5aa68253dc664f46b7f8286bbb37de29", 40 * 8192),
    "nanogpt": ("nanogpt.log", 40 * 256),
}


@pytest.mark.parametrize("profile", LEFT_BEHIND)
def test_what_real_trainers_leave_is_read_as_it_is_imported(profile: str, tmp_path: Path) -> None:
    """The command leaves what the real library left, tests/data/imports; its loss and tokens are those of an import."""
    place, tokens = LEFT_BEHIND[profile]
    source = Path(__file__).parents[1] / "data" / "imports" / place
    copy = ["cp", "-r", str(source), "{dir}/"] if source.is_dir() else ["cat", str(source)]
    steps = tokens // 40
    what = ExternalSpec(command=copy, tokens=tokens, params=1e6, values={"batch_tokens": steps}, log=profile)
    assert run(what, tmp_path) == 0
    asked = Asked(params=1e6, params_convention="total", loss_unit="nats", tokens_per_step=steps)
    imported = import_runs(source, asked=asked, kind=profile).runs.frame
    assert row(tmp_path).loss == imported["loss"][0]
    assert row(tmp_path).tokens == imported["tokens"][0] == tokens
    assert row(tmp_path).extra["loss_text"] == "held-out"


def test_an_evaluation_from_long_before_the_end_is_not_the_loss_of_the_end(tmp_path: Path) -> None:
    what = spec("--misbehave 'never evaluates'")
    (tmp_path / "files").mkdir()
    old = '{"step": 20, "tokens": 2000, "val_loss": 1.2}\n'
    (tmp_path / "files" / "metrics.jsonl").write_text(old)
    with pytest.raises(TrainingFailure, match=r"'val_loss' was logged at 40% of the tokens"):
        run(what, tmp_path)


def test_a_batch_that_contradicts_the_log_stops_the_run(tmp_path: Path) -> None:
    wrong = ExternalSpec(
        command=f"{{python}} {FAKE} --tokens {{tokens}} --dir {{dir}} --batch 200 --style nanogpt --seconds 0.1",
        tokens=100_000, params=1e6, values={"batch_tokens": 100}, log="nanogpt",
    )  # fmt: skip
    with pytest.raises(TrainingFailure, match=r"batch_tokens = 100, but .* says 200 tokens a step"):
        run(wrong, tmp_path)
    assert error(tmp_path)["kind"] == "failed"
    assert not alive(tmp_path)


def test_steps_without_a_batch_stop_the_run_and_say_what_to_give(tmp_path: Path) -> None:
    unknown = ExternalSpec(
        command=f"{{python}} {FAKE} --tokens {{tokens}} --dir {{dir}} --style steps --seconds 0.1",
        tokens=100_000, params=1e6, log="jsonl",
    )  # fmt: skip
    with pytest.raises(TrainingFailure, match=r"the tokens of (.|\n)*is the field batch_tokens"):
        run(unknown, tmp_path)
    assert not alive(tmp_path)


@pytest.mark.parametrize("command", ["no-such-trainer {dir}", "./x.py {dir}"])
def test_a_command_that_is_not_there_is_said_before_anything_starts(command: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no program"):
        run(ExternalSpec(command=command, tokens=10, params=1.0, log="jsonl"), tmp_path)
    assert error(tmp_path)["kind"] == "bad_input"
    with pytest.raises(SpecError, match="does not exist"):
        run(spec(cwd=str(tmp_path / "nowhere")), tmp_path / "b")


def test_a_folder_of_another_spec_is_refused(tmp_path: Path) -> None:
    run(spec(), tmp_path)
    with pytest.raises(BadInput, match="another spec"):
        run(spec(seed=1), tmp_path)


def test_a_stopped_run_lets_its_command_save_and_goes_on_later(tmp_path: Path) -> None:
    slow = spec("--seconds 0.02")
    position = tmp_path / "files" / "position"
    assert run(slow, tmp_path, position.exists) == 143
    assert not alive(tmp_path)
    assert not (tmp_path / "error.json").exists()
    assert run(slow, tmp_path) == 0
    assert row(tmp_path).tokens == 5000


def test_a_command_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    deaf = spec("--misbehave deaf --seconds 0.05", tokens=200_000, grace=0.3)
    began = time.monotonic()
    assert run(deaf, tmp_path, (tmp_path / "files" / "position").exists) == 143
    assert time.monotonic() - began < 20
    assert not alive(tmp_path)


class TestTheWorkerAsAProcess:
    def start(self, what: ExternalSpec, folder: Path) -> subprocess.Popen[bytes]:
        folder.mkdir(exist_ok=True)
        (folder / "in.json").write_text(what.to_json())
        argv = [sys.executable, "-m", "isoflop.train.external", str(folder / "in.json"), "--out", str(folder)]
        return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def test_the_command_dies_with_a_worker_that_was_killed(self, tmp_path: Path) -> None:
        worker = self.start(spec("--seconds 0.05", tokens=500_000, grace=0.5), tmp_path)
        wait_for((tmp_path / "files" / "position").exists)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        wait_for(lambda: not alive(tmp_path), 10)

    def test_also_one_that_ignores_sigterm(self, tmp_path: Path) -> None:
        worker = self.start(spec("--misbehave deaf --seconds 0.05", tokens=500_000, grace=0.3), tmp_path)
        wait_for((tmp_path / "files" / "position").exists)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        wait_for(lambda: not alive(tmp_path), 10)

    @pytest.mark.long
    def test_sigterm_stops_it_and_the_same_command_goes_on(self, tmp_path: Path) -> None:
        what = spec("--seconds 0.05", tokens=10_000)
        worker = self.start(what, tmp_path)
        wait_for((tmp_path / "files" / "position").exists)
        worker.terminate()
        assert worker.wait(30) == 143
        assert not alive(tmp_path)
        assert self.start(what, tmp_path).wait(60) == 0
        assert row(tmp_path).tokens == 10_000

    def test_a_folder_that_another_worker_holds_is_left_alone(self, tmp_path: Path) -> None:
        with lock(tmp_path):
            second = self.start(spec(), tmp_path)
            assert second.wait(60) == 1
        assert second.stderr is not None
        assert b"Another worker" in second.stderr.read()
        assert not (tmp_path / "files").exists()

    def test_bad_input_exits_2_and_a_failure_1(self, tmp_path: Path) -> None:
        (tmp_path / "in.json").write_text(json.dumps({"command": "x {y}", "tokens": 1, "params": 1}))
        argv = [sys.executable, "-m", "isoflop.train.external", str(tmp_path / "in.json"), "--out", str(tmp_path)]
        refused = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (refused.returncode, "{y}" in refused.stderr) == (2, True)
        assert self.start(spec("--misbehave crash --at 0 --times 9"), tmp_path / "b").wait(30) == 1


def test_importing_the_spec_loads_neither_jax_nor_polars() -> None:
    code = "import isoflop.train.external, sys; print([m for m in ('jax', 'polars', 'numpy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
