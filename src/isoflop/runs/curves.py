"""The curve of one training run: loss against tokens while it trains, and what looks wrong in it.

A curve comes as CSV, TSV, Parquet, JSON Lines or JSON with a column of tokens or of steps, one of the loss and, where
it was logged, the learning rate. The journal that isoflop's own trainer writes (progress.jsonl) is read too: of a trunk
with several branches the trunk and its last branch are the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop.errors import RunsError, did_you_mean
from isoflop.runs.checks import Finding
from isoflop.runs.files import look_at

Array = NDArray[np.float64]

ALIASES: Mapping[str, tuple[str, ...]] = {
    "tokens": ("tokens", "D", "n_tokens", "num_tokens", "token_num", "tokens_seen", "total_tokens", "consumed_tokens"),
    "step": ("step", "steps", "iteration", "iter", "global_step", "train_step"),
    "loss": ("loss", "train_loss", "training_loss", "lm_loss", "val_loss", "validation_loss", "eval_loss"),
    "lr": ("lr", "learning_rate", "rate"),
}
FEWEST = 5
"""Points below which a curve says nothing about its course."""
SPIKE_SIGMAS = 6.0
"""Robust standard deviations above the running median (chosen: in 10,000 normal points one in a million is beyond)."""
SPIKE_LEAST = 0.02
"""In ln loss; what is smaller is no spike however quiet the curve."""
SPIKE_WINDOW = 25
"""Points of the running median (chosen)."""
GAP_STEPS = 8.0
"""A gap is this many times the median distance between points (chosen)."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A training curve in the order of its tokens, each token once.

    tokens: seen so far, (points,). loss: nats per token, (points,). lr: the learning rate, (points,), or None.
    findings: spikes, restarts and gaps; rows count the points as they were read. name: of the run. notes: what reading
    took for what.
    """

    tokens: Array
    loss: Array
    lr: Array | None
    findings: tuple[Finding, ...] = ()
    name: str = "curve"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tokens)

    def until(self, tokens: float) -> Curve:
        """The curve as it stood at a number of tokens."""
        kept = self.tokens <= tokens
        lr = None if self.lr is None else self.lr[kept]
        return Curve(self.tokens[kept], self.loss[kept], lr, self.findings, self.name, self.notes)


def read_curve(
    source: str | Path | pl.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    batch_tokens: float | None = None,
    name: str | None = None,
) -> Curve:
    """Read a training curve. columns: {ours: theirs} for tokens, step, loss and lr. batch_tokens: tokens a step, needed
    where the source counts steps alone.

    Raises RunsError for a source that cannot be read, without tokens (or steps with ``batch_tokens``) and loss, with
    fewer than FEWEST usable points, or with text where a number should be.
    """
    frame = source if isinstance(source, pl.DataFrame) else look_at(Path(source)).load(frozenset())
    label = "the frame" if isinstance(source, pl.DataFrame) else str(source)
    if {"phase", "tokens_total", "train_loss", "step"} <= set(frame.columns):
        frame, notes = _journal(frame, batch_tokens)
    else:
        frame, notes = _named(frame, columns or {}, label)
    tokens, loss = _tokens(frame, batch_tokens, label), _numbers(frame, "loss", label)
    lr = _numbers(frame, "lr", label) if "lr" in frame.columns else None
    return make_curve(tokens, loss, lr, name=name or Path(label).stem, notes=notes, source=label)


def make_curve(
    tokens: Array,
    loss: Array,
    lr: Array | None = None,
    *,
    name: str = "curve",
    notes: Sequence[str] = (),
    source: str = "memory",
) -> Curve:
    """A curve from arrays in the order of time: unusable points are left out and said, and where a restart went over
    the same tokens again the later points stay."""
    usable = np.isfinite(tokens) & (tokens > 0) & np.isfinite(loss) & (loss > 0)
    if usable.sum() < FEWEST:
        raise RunsError(
            f"{source} has {usable.sum()} usable points of {len(tokens)}. A curve needs at least {FEWEST} with "
            "positive tokens and a positive loss. Log more points, or name other columns with --column."
        )
    findings = [*_unusable(loss, tokens), *_restarts(tokens, usable)]
    rows = np.flatnonzero(usable)
    order = rows[np.argsort(tokens[rows], kind="stable")]
    kept = _latest(tokens, order, rows)
    findings += [*_spikes(tokens[kept], loss[kept], kept), *_gaps(tokens[kept], kept)]
    rates = None if lr is None else lr[kept]
    return Curve(tokens[kept], loss[kept], rates, tuple(findings), name, tuple(notes))


def _latest(tokens: Array, order: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of points in the order of tokens those that no later point went back before."""
    lowest_after = np.full(len(tokens), np.inf)
    lowest = np.inf
    for row in rows[::-1]:
        lowest_after[row] = lowest
        lowest = min(lowest, float(tokens[row]))
    return np.asarray(order[tokens[order] < lowest_after[order]])


def _journal(frame: pl.DataFrame, batch_tokens: float | None) -> tuple[pl.DataFrame, list[str]]:
    """The trunk and the last branch of a journal of isoflop's trainer; its tokens count every branch, so D is steps
    times the tokens a step, which the trunk before its first branch tells."""
    known = frame.filter(pl.col("train_loss").is_not_null() & pl.col("phase").is_in(["trunk", "branch"]))
    known = known.with_row_index("place")
    branch = known.filter(pl.col("phase") == "branch")
    first = int(branch["place"][0]) if branch.height else known.height
    trunk = known.filter(pl.col("phase") == "trunk")
    early = trunk.filter((pl.col("place") < first) & (pl.col("step") > 0))
    a_step = batch_tokens or float((early["tokens"] / early["step"]).median() or 0)  # type: ignore[arg-type]
    last_trunk = int(trunk["place"][-1]) if trunk.height else -1
    final = branch.filter(pl.col("place") > last_trunk)
    notes = ["An isoflop journal: the trunk and its last branch are the run."] if branch.height > final.height else []
    frame = pl.concat([trunk, final]).select(
        (pl.col("step") * a_step).cast(pl.Float64).alias("tokens"), pl.col("train_loss").alias("loss"), "lr"
    )
    return frame, notes


def _named(frame: pl.DataFrame, columns: Mapping[str, str], source: str) -> tuple[pl.DataFrame, list[str]]:
    chosen: dict[str, str] = {}
    for ours, theirs in columns.items():
        if ours in ALIASES and theirs not in frame.columns:
            raise RunsError(
                f"Unknown column '{theirs}' in {source}. Known: {', '.join(frame.columns)}."
                f"{did_you_mean(theirs, frame.columns)} Name one of them with --column THEIRS={ours}."
            )
        if ours in ALIASES:
            chosen[ours] = theirs
    for ours, aliases in ALIASES.items():
        found = [name for name in aliases if name in frame.columns and name not in chosen.values()]
        if ours not in chosen and found:
            chosen[ours] = found[0]
    if "loss" not in chosen or not {"tokens", "step"} & chosen.keys():
        lacks = "loss" if "loss" not in chosen else "tokens or step"
        raise RunsError(
            f"{source} has no column of {lacks}. Known: {', '.join(frame.columns)}. Name it with --column "
            f"THEIRS={'loss' if lacks == 'loss' else 'tokens'}."
        )
    notes = [f"Column '{theirs}' is taken for {ours}." for ours, theirs in chosen.items() if ours != theirs]
    return frame.select(pl.col(theirs).alias(ours) for ours, theirs in chosen.items()), notes


def _tokens(frame: pl.DataFrame, batch_tokens: float | None, source: str) -> Array:
    if "tokens" in frame.columns:
        return _numbers(frame, "tokens", source)
    if batch_tokens is None or not batch_tokens > 0:
        raise RunsError(
            f"{source} counts steps and no tokens. A curve is compared at its tokens. Give the tokens a step with "
            "--batch-tokens, such as --batch-tokens 4M."
        )
    return _numbers(frame, "step", source) * batch_tokens


def _numbers(frame: pl.DataFrame, name: str, source: str) -> Array:
    series = frame[name]
    if not (series.dtype.is_numeric() or series.dtype == pl.Null):
        raise RunsError(
            f"Column {name} of {source} holds text, such as {series.drop_nulls()[0]!r}. Allowed: numbers. Write it as "
            "plain numbers."
        )
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _unusable(loss: Array, tokens: Array) -> list[Finding]:
    bad = np.flatnonzero(~(np.isfinite(loss) & (loss > 0)) & (tokens > 0))
    if not len(bad):
        return []
    message = f"{len(bad)} of {len(loss)} points have no finite positive loss; the first is point {bad[0] + 1}."
    rows = tuple(int(row) for row in bad[:1000])
    if bad[-1] == len(loss) - 1:
        return [
            Finding("diverged", "error", f"{message} It has none now.", "Stop it, and go back to a checkpoint.", rows)
        ]
    return [Finding("non_finite", "warning", message, "Look at what was logged there.", rows)]


def _restarts(tokens: Array, usable: NDArray[np.bool_]) -> list[Finding]:
    rows = np.flatnonzero(usable)
    back = rows[1:][np.diff(tokens[rows]) < 0]
    found = []
    for row in back[:20]:
        before = float(tokens[rows[rows < row][-1]])
        message = f"A restart: tokens go back from {before:.4g} to {tokens[row]:.4g} at point {row + 1}."
        found.append(Finding("restart", "note", message, "The later points replace the earlier ones.", (int(row),)))
    return found


def _spikes(tokens: Array, loss: Array, rows: NDArray[np.int64]) -> list[Finding]:
    """Points far above the running median of ln loss; neighbours are one spike."""
    if len(loss) < SPIKE_WINDOW:
        return []
    log = np.log(loss)
    half = SPIKE_WINDOW // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(log, half, mode="reflect"), SPIKE_WINDOW)
    left = log - np.median(windows, axis=1)
    spread = np.lib.stride_tricks.sliding_window_view(np.pad(np.abs(left), half, mode="reflect"), SPIKE_WINDOW)
    sigma = 1.4826 * np.median(spread, axis=1)
    far = (left > np.maximum(SPIKE_SIGMAS * sigma, SPIKE_LEAST)) & (np.arange(len(log)) >= half)
    starts = np.flatnonzero(far & ~np.concatenate([[False], far[:-1]]))
    found = []
    for start in starts[:20]:
        stop = start + int(np.argmin(np.append(far[start:], False)))
        top = start + int(np.argmax(left[start:stop]))
        message = (
            f"A spike at {tokens[top]:.4g} tokens: the loss is {loss[top]:.4g}, {np.expm1(left[top]):.1%} above its "
            f"course, for {stop - start} point{'s' if stop - start > 1 else ''}."
        )
        remedy = "If it came back by itself, nothing; if spikes gather, lower the learning rate or skip the batch."
        found.append(Finding("spike", "warning", message, remedy, tuple(int(row) for row in rows[start:stop])))
    return found


def _gaps(tokens: Array, rows: NDArray[np.int64]) -> list[Finding]:
    steps = np.diff(tokens)
    wide = np.flatnonzero(steps > GAP_STEPS * np.median(steps)) if len(steps) >= FEWEST else np.array([], dtype=int)
    found = []
    for place in wide[:20]:
        message = f"A gap: nothing was logged between {tokens[place]:.4g} and {tokens[place + 1]:.4g} tokens."
        found.append(Finding("gap", "note", message, "What happened there is unknown.", (int(rows[place + 1]),)))
    return found
