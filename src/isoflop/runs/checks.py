"""What looks wrong in a table of runs. Nothing is dropped or changed: every finding says what a reader could do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from isoflop.counting import training_flops
from isoflop.runs.table import Floats, Runs
from isoflop.units import format_count

Severity = Literal["error", "warning", "note"]
Mask = npt.NDArray[np.bool_]

FLOPS_FACTOR = 1.25
"""C may differ from 6ND by this factor before it is reported. Attention adds T/(6d) to 6ND (12 L d T over 6 · 12 L d²;
Kaplan et al. 2020, table 1), which is below 0.25 for a context T of up to 1.5 widths d; a swapped column or a wrong
unit is off by far more.
"""
HIGHEST_LOSS = 12.5
"""Nats per token. A uniform guess costs ln(vocabulary), and the largest vocabularies in use have 262,144 entries:
ln 262144 = 12.48. A median above it cannot be a cross-entropy in nats; a perplexity easily is."""
FEWEST_PARAMS = 1000
"""Below this a number of parameters is no language model, but 7 or 70 is one in billions."""
MOST_ROWS = 1000
"""Rows that a finding lists; its message counts all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that looks wrong. rows count from 0, and index the table; at most ``MOST_ROWS`` of them.

    error: a fit on these runs means nothing. warning: it may mislead. note: worth knowing.
    """

    kind: str
    severity: Severity
    message: str
    remedy: str
    rows: tuple[int, ...] = ()


def check_runs(runs: Runs, *, flops_factor: float = FLOPS_FACTOR) -> tuple[Finding, ...]:
    """Everything that looks wrong in the table, errors first. flops_factor: see ``FLOPS_FACTOR``."""
    checks: tuple[Callable[[Runs], list[Finding]], ...] = (
        _unusable,
        _mixed,
        _wrong_scale,
        _wrong_loss_unit,
        _single_values,
        _repeats,
        lambda table: _contradicted_flops(table, flops_factor),
    )
    found = [finding for check in checks for finding in check(runs)] if len(runs) else [_NO_RUNS]
    return tuple(sorted(found, key=lambda finding: ("error", "warning", "note").index(finding.severity)))


_NO_RUNS = Finding("no_runs", "error", "The table has no runs.", "Add runs, or loosen the filter.")


def _rows(mask: Mask) -> tuple[int, ...]:
    return tuple(int(row) for row in np.flatnonzero(mask)[:MOST_ROWS])


def _usable(runs: Runs, *names: str) -> Mask:
    usable = np.ones(len(runs), dtype=np.bool_)
    for name in names:
        values = runs.column(name).astype(np.float64)
        usable &= np.isfinite(values) & (values > 0)
    return usable


def _unusable(runs: Runs) -> list[Finding]:
    """Every law here takes logarithms of N, D, C and the loss, so zero, negative and non-finite ones are errors."""
    found = []
    for name in ("params", "tokens", "loss", "flops"):
        values = runs.column(name).astype(np.float64)
        if (infinite := ~np.isfinite(values)).any():
            message = f"{infinite.sum()} of {len(runs)} runs have a {name} that is missing or not finite."
            found.append(
                Finding("non_finite", "error", message, "Correct these runs, or leave them out.", _rows(infinite))
            )
        if name == "loss" and runs.target != "loss":
            continue
        if (low := values <= 0).any():
            lowest = values[low].min()
            message = f"{low.sum()} of {len(runs)} runs have a {name} of zero or below; the lowest is {lowest:.6g}."
            found.append(
                Finding("non_positive", "error", message, "Correct these runs, or leave them out.", _rows(low))
            )
    return found


def _mixed(runs: Runs) -> list[Finding]:
    found = []
    for name in ("params_convention", "flops_convention", "loss_unit"):
        if name not in runs.frame.columns or runs.frame[name].n_unique() < 2:
            continue
        counts = runs.frame[name].fill_null("not said").value_counts(sort=True)
        shares = ", ".join(f"{value} ({count} runs)" for value, count in counts.rows())
        remedy = f"Keep one of them, as with --where \"{name} == '{counts[name][0]}'\", or convert the others."
        rows = _rows((runs.frame[name].fill_null("not said") != counts[name][0]).to_numpy())
        found.append(Finding("mixed_conventions", "error", f"The table mixes {name}: {shares}.", remedy, rows))
    return found


def _wrong_scale(runs: Runs) -> list[Finding]:
    found = []
    for name in ("params", "tokens"):
        values = runs.column(name).astype(np.float64)
        tiny = (values > 0) & (values < FEWEST_PARAMS)
        if not tiny.any():
            continue
        mixed = not tiny.all() and np.nanmax(values) >= 1e6
        message = (
            f"{tiny.sum()} of {len(runs)} runs have fewer than {FEWEST_PARAMS} {name} (such as {values[tiny][0]:.6g}), "
            + (
                f"others up to {format_count(float(np.nanmax(values)))}: units look mixed."
                if mixed
                else "as if in millions or billions."
            )
        )
        remedy = f"Give {name} as single units, or with a suffix such as 7B."
        found.append(
            Finding(
                "mixed_units" if mixed else "scaled_units",
                "error" if mixed else "warning",
                message,
                remedy,
                _rows(tiny),
            )
        )
    return found


def _wrong_loss_unit(runs: Runs) -> list[Finding]:
    loss = runs.loss[_usable(runs, "loss")]
    if runs.target != "loss" or not loss.size:
        return []
    median, high = float(np.median(loss)), runs.loss > HIGHEST_LOSS
    if median > HIGHEST_LOSS:
        message = (
            f"The median loss is {median:.4g}, above {HIGHEST_LOSS} = ln(vocabulary) of the largest vocabularies, "
            "the loss of a uniform guess: it looks like a perplexity."
        )
        return [
            Finding(
                "looks_like_perplexity", "error", message, "Take the logarithm: loss = ln(perplexity).", _rows(high)
            )
        ]
    found = [_high_losses(runs, high)] if high.any() else []
    return found + _looks_like_bits(runs, median)


def _high_losses(runs: Runs, high: Mask) -> Finding:
    message = (
        f"{high.sum()} of {len(runs)} runs have a loss above {HIGHEST_LOSS} (up to {np.nanmax(runs.loss):.4g}), "
        "worse than a uniform guess: they diverged, or are perplexities among nats."
    )
    return Finding(
        "high_loss", "warning", message, "Leave diverged runs out, or convert: loss = ln(perplexity).", _rows(high)
    )


def _looks_like_bits(runs: Runs, median: float) -> list[Finding]:
    """A hint, no more: a loss in bits per byte is that in nats per token over ln 2 · bytes/token, about a third of it
    at 4 bytes a token. The lowest loss read off the Chinchilla runs, 2.08 nats, would be 0.75: 1.5 is chosen between.
    """
    size = float(np.median(runs.params[_usable(runs, "params")])) if _usable(runs, "params").any() else 0.0
    if median >= 1.5 or size < 1e7:
        return []
    message = f"The median loss is {median:.4g} for models of {format_count(size)} parameters: low for nats per token."
    remedy = "If it is in bits per byte, read it with --loss-unit bits_per_byte and the bytes per token."
    return [Finding("looks_like_bits", "note", message, remedy)]


def _single_values(runs: Runs) -> list[Finding]:
    found = []
    usable = _usable(runs, "params", "tokens")
    params, tokens = runs.params[usable], runs.tokens[usable]
    lacks = {"params": (params, "A/N^alpha"), "tokens": (tokens, "B/D^beta")}
    for name, (values, term) in lacks.items():
        if values.size and np.unique(values).size == 1:
            size = format_count(float(values[0]))
            message = f"{_all(values.size)} the same {name}, {size}: {term} cannot be told from a constant."
            remedy = f"Add runs with other {name}, or fit a law without them."
            found.append(Finding(f"single_{name}", "warning", message, remedy))
    if params.size > 1 and not found and np.ptp(np.log(tokens / params)) < 1e-3:
        ratio = float(np.median(tokens / params))
        message = (
            f"{_all(params.size)} {ratio:.4g} tokens a parameter: N and D move together, and their effects "
            "cannot be told apart."
        )
        found.append(Finding("single_ratio", "warning", message, "Add runs with more or fewer tokens a parameter."))
    return found


def _repeats(runs: Runs) -> list[Finding]:
    again = _repeat_an_earlier_row(runs.frame)
    found = []
    if again.any():
        message = f"{again.sum()} of {len(runs)} rows repeat an earlier row in every column."
        remedy = "Remove the repeats: they count twice in a fit."
        found.append(Finding("duplicate_rows", "warning", message, remedy, _rows(again)))
    if "run_id" in runs.frame.columns:
        found += _repeated_ids(runs.frame, again)
    return found + _replicates(runs.frame, again)


def _repeat_an_earlier_row(frame: pl.DataFrame) -> Mask:
    keys = [name for name, dtype in frame.schema.items() if not dtype.is_nested()]
    first = frame.select(~pl.struct(keys).is_first_distinct())
    return first.to_series().to_numpy().astype(np.bool_)


def _replicates(frame: pl.DataFrame, again: Mask) -> list[Finding]:
    distinct = frame.filter(pl.Series(~again))
    shared = distinct.select(pl.struct("params", "tokens").is_duplicated()).to_series().to_numpy()
    if not shared.any():
        return []
    groups = distinct.filter(pl.Series(shared)).select("params", "tokens").n_unique()
    message = f"{shared.sum()} runs share N and D with another ({groups} groups): they are taken as replicates."
    remedy = "Nothing, if they differ by seed. If they differ by recipe, fit one recipe at a time."
    rows = tuple(int(row) for row in np.flatnonzero(~again)[shared][:MOST_ROWS])
    return [Finding("replicates", "note", message, remedy, rows)]


def _repeated_ids(frame: pl.DataFrame, again: Mask) -> list[Finding]:
    ids = frame["run_id"]
    twice = (ids.is_duplicated() & ids.is_not_null() & ~ids.is_first_distinct()).to_numpy() & ~again
    if not twice.any():
        return []
    first = ids[int(np.flatnonzero(twice)[0])]
    message = f"{twice.sum()} rows have the run_id of another row, but other values; the first is '{first}'."
    return [
        Finding(
            "repeated_run_id",
            "warning",
            message,
            "Give every run its own run_id, or remove the older row.",
            _rows(twice),
        )
    ]


def _contradicted_flops(runs: Runs, factor: float) -> list[Finding]:
    if runs.flops_convention == "6ND":
        return []
    usable = _usable(runs, "params", "tokens", "flops")
    ratio: Floats = np.ones(len(runs))
    ratio[usable] = runs.flops[usable] / training_flops(runs.params[usable], runs.tokens[usable])  # type: ignore[arg-type]
    off = np.abs(np.log(ratio)) > np.log(factor)
    if not off.any():
        return []
    message = (
        f"{off.sum()} of {len(runs)} runs state a C that differs from 6ND by more than a factor {factor:g}; "
        f"C/6ND runs from {ratio[off].min():.3g} to {ratio[off].max():.3g}."
    )
    remedy = (
        "See whether N leaves out embeddings, C counts attention, or tokens count repeats; then name the convention. "
        "A column mapped by mistake shows here too."
    )
    return [Finding("contradicted_flops", "warning", message, remedy, _rows(off))]


def _all(count: int) -> str:
    return "The only run has" if count == 1 else f"All {count} runs have"
