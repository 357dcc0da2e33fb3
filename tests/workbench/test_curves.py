"""Training curves, read back from progress that was interrupted."""

from __future__ import annotations

import json
from pathlib import Path

from isoflop.train.spec import TrunkSpec
from isoflop.workbench.curves import CURVE_COLUMNS, training_curves

SPEC = TrunkSpec(batch=1, context=10, branch_tokens=(80, 160), warmup_tokens=0, decay_fraction=0.25)
# ten tokens a step; forks at steps 6 and 12, branches end at steps 8 and 16: 2 steps of decay, then 4


def progress(step: int, tokens: int, loss: float | None, phase: str) -> str:
    return json.dumps({"step": step, "tokens": tokens, "train_loss": loss, "phase": phase})


def curves(folder: Path, *lines: str) -> list[tuple[object, ...]]:
    path = folder / SPEC.spec_id / "progress.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(lines) + "\n")
    frame = training_curves([SPEC], folder)
    assert dict(frame.schema) == CURVE_COLUMNS
    return frame.select("tokens", "loss", "phase", "segment").rows()


def test_each_stretch_between_forks_is_a_segment_at_its_own_tokens(tmp_path):
    seen = curves(
        tmp_path,
        progress(0, 0, None, "compile"),
        progress(4, 40, 4.0, "trunk"),
        progress(7, 70, 3.7, "branch"),
        progress(8, 80, 3.5, "branch"),
        progress(10, 120, 3.6, "trunk"),
        progress(14, 160, 3.2, "branch"),
        progress(16, 180, 3.0, "done"),
    )
    assert seen == [
        (40.0, 4.0, "trunk", 0),
        (70.0, 3.7, "branch", 1),
        (80.0, 3.5, "branch", 1),
        (100.0, 3.6, "trunk", 2),
        (140.0, 3.2, "branch", 3),
    ]


def test_tokens_trained_again_after_a_crash_appear_once_and_a_cut_line_not_at_all(tmp_path):
    cut = progress(4, 40, 4.1, "trunk")[:15]
    lines = [progress(2, 20, 4.5, "trunk"), progress(3, 30, 4.3, "trunk"), cut + progress(3, 30, 4.2, "trunk")]
    assert curves(tmp_path, *lines, progress(3, 30, 4.2, "trunk")) == [(20.0, 4.5, "trunk", 0), (30.0, 4.2, "trunk", 0)]


def test_a_ladder_that_has_not_begun_has_no_curves(tmp_path):
    assert training_curves([SPEC], tmp_path).height == 0
