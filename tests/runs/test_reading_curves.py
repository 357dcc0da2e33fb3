"""Training curves: what is read, and what is named as odd."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.errors import RunsError
from isoflop.runs.curves import Curve, make_curve, read_curve

TOKENS = np.arange(1, 201) * 1e6


def smooth(seed: int = 0) -> np.ndarray:
    return (2 + 300 / TOKENS**0.35) * np.exp(np.random.default_rng(seed).normal(0, 0.004, len(TOKENS)))


def kinds(curve: Curve) -> list[str]:
    return [finding.kind for finding in curve.findings]


def test_a_quiet_curve_has_nothing_to_report() -> None:
    assert [kinds(make_curve(TOKENS, smooth(seed))) for seed in range(20)] == [[]] * 20


def test_a_spike_is_named_with_its_place_and_height() -> None:
    loss = smooth()
    loss[120:122] *= 1.15
    curve = make_curve(TOKENS, loss)
    (spike,) = curve.findings
    assert spike.kind == "spike"
    assert spike.rows == (120, 121)
    assert "1.2" in spike.message
    assert "for 2 points" in spike.message


def test_after_a_restart_the_later_points_stay() -> None:
    tokens = np.concatenate([TOKENS[:100], TOKENS[80:]])
    loss = np.concatenate([smooth(0)[:100], smooth(1)[80:]])
    curve = make_curve(tokens, loss)
    assert kinds(curve) == ["restart"]
    assert curve.findings[0].rows == (100,)
    assert curve.tokens == pytest.approx(TOKENS)
    assert curve.loss[80:] == pytest.approx(smooth(1)[80:])
    assert curve.loss[:80] == pytest.approx(smooth(0)[:80])


def test_a_gap_is_named() -> None:
    kept = np.r_[0:60, 90:200]
    curve = make_curve(TOKENS[kept], smooth()[kept])
    assert kinds(curve) == ["gap"]
    assert "6e+07 and 9.1e+07" in curve.findings[0].message


def test_a_loss_that_became_nan_is_a_divergence_and_a_single_one_is_not() -> None:
    loss = smooth()
    loss[50] = np.nan
    assert kinds(make_curve(TOKENS, loss)) == ["non_finite"]
    loss[190:] = np.nan
    curve = make_curve(TOKENS, loss)
    assert kinds(curve) == ["diverged"]
    assert len(curve) == 189


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_steps_become_tokens_in_every_format(suffix: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"iteration": np.arange(1, 51), "lm_loss": smooth()[:50], "learning_rate": np.full(50, 3e-4)})
    path = tmp_path / f"curve{suffix}"
    {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson}[suffix](path)
    curve = read_curve(path, batch_tokens=1e6)
    assert curve.tokens == pytest.approx(TOKENS[:50])
    assert curve.lr is not None
    assert curve.lr[0] == pytest.approx(3e-4)
    with pytest.raises(RunsError, match="counts steps and no tokens"):
        read_curve(path)


def test_a_curve_without_a_loss_is_refused_by_name() -> None:
    frame = pl.DataFrame({"tokens": TOKENS, "accuracy": TOKENS})
    with pytest.raises(RunsError, match=r"no column of loss\. Known: tokens, accuracy"):
        read_curve(frame)
    with pytest.raises(RunsError, match="holds text"):
        read_curve(pl.DataFrame({"tokens": ["a"] * 9, "loss": TOKENS[:9]}))
    with pytest.raises(RunsError, match="3 usable points"):
        read_curve(pl.DataFrame({"tokens": TOKENS[:3], "loss": [3.0, 2.9, 2.8]}))


def test_of_an_isoflop_journal_the_trunk_and_its_last_branch_are_the_run(tmp_path: Path) -> None:
    """Two branches: a decay from step 60 to 80, then the trunk goes on to 120 and decays to 160."""
    lines, total = [], 0
    for phase, first, last in (("trunk", 0, 60), ("branch", 60, 80), ("trunk", 60, 120), ("branch", 120, 160)):
        for step in range(first + 1, last + 1):
            total += 256
            lines.append(
                {
                    "step": step,
                    "tokens": total,
                    "train_loss": 3 - step / 100,
                    "lr": 1.0,
                    "phase": phase,
                    "tokens_total": 9,
                }
            )
    path = tmp_path / "progress.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    curve = read_curve(path)
    assert curve.tokens == pytest.approx(256.0 * np.arange(1, 161))
    assert kinds(curve) == []
