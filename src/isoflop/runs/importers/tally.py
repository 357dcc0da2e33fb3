"""From the points of a run to its row: tokens at each step, the order of time, the loss at the end, nats a token."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from isoflop.runs.columns import COLUMNS
from isoflop.runs.importers.choosing import CARRIED, Asked, Chosen, folded
from isoflop.runs.importers.contract import Array, Logged, Series
from isoflop.runs.importers.ending import Ending, ending

NATS_PER_BIT = math.log(2)


def tokens_of(run: Logged, chosen: Chosen) -> Callable[[Array], Array]:
    """Tokens seen at the source's own steps, as a function of an array of them, (points,) to (points,).

    Between points of a logged count it is interpolated, beyond them it goes on at their mean rate.
    """
    counter = run.series.get(chosen.tokens or chosen.step or "")
    a_step = 1.0 if chosen.tokens else chosen.tokens_per_step.get(run.name, math.nan)
    if counter is None or not len(counter):
        return lambda steps: steps * a_step if not chosen.tokens else np.full(len(steps), math.nan)
    steps, first = np.unique(counter.steps[::-1], return_index=True)
    counts = counter.values[::-1][first]
    rate = counts[-1] / steps[-1] if steps[-1] > 0 else 0.0

    def tokens(at: Array) -> Array:
        inside = np.interp(at, steps, counts)
        outside = np.where(at < steps[0], counts[0] * at / max(steps[0], 1.0), counts[-1] + (at - steps[-1]) * rate)
        return np.asarray(np.where((at < steps[0]) | (at > steps[-1]), outside, inside) * a_step)

    return tokens


def in_order(series: Series, tokens: Callable[[Array], Array]) -> tuple[Array, Array]:
    """(tokens, values) in the order of tokens; where a restart went back, what was logged later stays."""
    at = tokens(series.steps)
    known = np.isfinite(at)
    at, values = at[known], series.values[known]
    lowest_after = np.append(np.minimum.accumulate(at[::-1])[::-1][1:], np.inf)
    kept = at < lowest_after
    return at[kept], values[kept]


def row_of(
    run: Logged, tokens: Callable[[Array], Array], chosen: Chosen, asked: Asked, provenance: str
) -> tuple[dict[str, Any], Ending]:
    """The row of a run, its loss in the unit that was chosen, and how it ended. tokens: as ``tokens_of`` gives it."""
    lasts = [
        float(np.nanmax(at)) for each in run.series.values() if len(at := tokens(each.steps)) and not np.isnan(at).all()
    ]
    total = max(lasts, default=math.nan)
    nothing = Series(np.array([]), np.array([]))
    at, loss = in_order(run.series.get(chosen.loss, nothing), tokens)
    rates = run.series.get(chosen.lr or "", None)
    lr = None if rates is None else in_order(rates, tokens)[1]
    end = ending(at, loss, total, lr, held_out=chosen.held_out, share=asked.share)
    training = run.series.get(chosen.curve, nothing)
    diverged = end.diverged or bool(len(training) and not np.isfinite(training.values[-1]))
    status = "diverged" if diverged else {"finished": "done", "unfinished": "unfinished", "unknown": None}[run.state]
    row = {
        "run_id": run.name,
        "params": chosen.params[run.name],
        "tokens": total,
        "loss": end.loss if math.isfinite(end.loss) else None,
        "lr": float(np.nanmax(lr)) if lr is not None and len(lr) and np.isfinite(lr).any() else None,
        "batch_tokens": chosen.tokens_per_step.get(run.name),
        "status": status,
        "decayed": end.decayed,
        "lr_left": end.lr_left,
        "loss_name": chosen.loss,
        "loss_at": end.at,
        "loss_points": end.points,
        "loss_spread": end.spread,
        "provenance": provenance,
    }
    return row | _carried(run), replace(end, diverged=diverged)


def _carried(run: Logged) -> dict[str, object]:
    found: dict[str, object] = {}
    for column in (COLUMNS[name] for name in CARRIED):
        wanted = [name for name in (column.name, *column.aliases) if len(name) > 1]
        for name, value in run.facts.items():
            text = column.kind == "text"
            if folded(name.rpartition(".")[2]) in wanted and (text or _is_number(value)):
                found.setdefault(column.name, str(value) if text else float(str(value)))
    return found


def _is_number(value: object) -> bool:
    try:
        return math.isfinite(float(str(value)))
    except ValueError:
        return False


def nats_of(unit: str, run: Logged, asked: Asked) -> float:
    """What makes nats a token of this unit: NaN for bits a byte where nobody said how many bytes a token has."""
    if unit == "nats":
        return 1.0
    if unit == "bits":
        return NATS_PER_BIT
    return NATS_PER_BIT * (asked.bytes_per_token or float(str(run.facts.get("bytes_per_token", "nan"))))
