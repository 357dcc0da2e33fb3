"""The row of a finished external run, and what stands in its way: too few tokens, an old evaluation, divergence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from isoflop.errors import TrainingFailure
from isoflop.runs.run import Run
from isoflop.train.external import ExternalSpec
from isoflop.train.external_log import Course

SHORT = 0.01
"""Of its tokens that a run may lack (chosen: at D^-0.3 it is 0.3 % of the reducible loss). One interval of the log is
allowed too, since the last line of a log is up to one interval before the end."""
OLD = 0.9
"""Share of the tokens before which a held-out loss is not of the end (chosen: half of a decay over the last fifth)."""
AGED = 0.98
"""Share of the tokens before which it is said that it is not quite."""
LOST_IN_A_ROW = 3
"""Losses that are no numbers after which a running command is stopped (chosen: a scaled loss in half precision may
overflow for a step and is skipped by its trainer)."""
OTHER_PARAMS = 0.01
"""Relative difference between the parameters that a log tells and the rung's that is worth a word (chosen)."""


class Diverged(TrainingFailure):
    """The loss ran away: a result, and no reason to try again."""


class TooShort(TrainingFailure):
    """The command ended well, but short of its tokens."""


def diverged(course: Course, *, ended: bool) -> str | None:
    """Why a run counts as diverged, or None. ended: whether no more will come, so that a last bad loss is enough."""
    if course.lost >= (1 if ended else LOST_IN_A_ROW):
        last = "last loss is no number" if course.lost == 1 else f"last {course.lost} losses are no numbers"
        return f"The {last}, at {course.tokens:,.0f} tokens (step {course.step:,.0f})."
    if ended and course.end.diverged:
        return (
            f"The loss '{course.loss_name}' ended as no number, or gave back more than half of what it had come down."
        )
    return None


def refuse_diverged(course: Course) -> None:
    """Raises Diverged for a run that goes on with losses that are no numbers."""
    if reason := diverged(course, ended=False):
        raise Diverged(f"{reason} The command was stopped.")


def finished_run(spec: ExternalSpec, course: Course, timing: Mapping[str, Any]) -> tuple[Run, tuple[str, ...]]:
    """The row of a run whose command ended with exit code 0, and what to know of it. timing: seconds of the last
    attempt, and whether it resumed an earlier one.

    Raises Diverged; TooShort where tokens are missing and the spec does not want partial runs; TrainingFailure for a
    held-out loss from long before the end.
    """
    if reason := diverged(course, ended=True):
        raise Diverged(reason)
    tokens = _tokens(spec, course)
    _refuse_old_loss(spec, course)
    seconds = None if timing.get("resumed") else float(timing["seconds"])
    known: dict[str, object] = {
        "params": spec.params,
        "tokens": tokens,
        "loss": course.end.loss,
        "lr": course.peak_lr,
        "batch_tokens": course.batch_tokens,
        "seed": spec.seed,
        "recipe": spec.recipe,
        "run_id": spec.run_id,
        "trunk": spec.spec_id,
        "status": "done" if tokens >= spec.tokens * (1 - SHORT) else "unfinished",
        "wall_seconds": seconds,
        "tokens_per_second": None if seconds is None else tokens / max(seconds, 1e-9),
        "provenance": f"external: {' '.join(spec.argv_template)[:200]}",
        "params_convention": spec.params_convention,
    }
    row = {name: value for name, value in known.items() if value is not None} | dict(spec.values)
    run = Run.from_dict(row | _of_the_loss(course))
    return run, (*course.notes, *_notes(spec, course))


def _tokens(spec: ExternalSpec, course: Course) -> float:
    """D of the row: what was asked for where the log ends within one interval of it, else what was reached."""
    if course.tokens >= spec.tokens * (1 - SHORT):
        return course.tokens
    if course.tokens + course.gap >= spec.tokens * (1 - SHORT):
        return float(spec.tokens)
    if spec.partial:
        return course.tokens
    raise TooShort(
        f"The command ended with exit code 0 after {course.tokens:,.0f} of {spec.tokens:,} tokens "
        f"({course.tokens / spec.tokens:.1%}), and its log has a line every {course.gap:,.0f}. Allowed: at most "
        f"{SHORT:.0%} or one line less. Let the command train to {{tokens}} or {{steps}}, or keep such runs with "
        "partial = true."
    )


def _refuse_old_loss(spec: ExternalSpec, course: Course) -> None:
    if not course.held_out or course.end.at >= OLD or spec.partial:
        return
    raise TrainingFailure(
        f"The last '{course.loss_name}' was logged at {course.end.at:.0%} of the tokens, and losses fall after "
        f"that. Allowed: from {OLD:.0%} on. Evaluate at the end of the run; or take the training loss, with loss = "
        "'train_loss' in the recipe's log, which is read again without training."
    )


def _of_the_loss(course: Course) -> dict[str, object]:
    end = course.end
    found = {
        "loss_name": course.loss_name,
        "loss_text": "held-out" if course.held_out else "training",
        "loss_at": end.at,
        "loss_points": end.points,
        "loss_spread": end.spread,
        "decayed": end.decayed,
        "lr_left": end.lr_left,
        "tokens_logged": course.tokens,
    }
    return {name: value for name, value in found.items() if value is not None}


def _notes(spec: ExternalSpec, course: Course) -> list[str]:
    notes = []
    if not course.held_out:
        notes.append(f"The loss is of training text, smoothed over {course.end.points} lines at the end.")
    if course.held_out and course.end.at < AGED:
        notes.append(f"The last '{course.loss_name}' was logged at {course.end.at:.0%} of the tokens.")
    if course.tokens > spec.tokens * (1 + SHORT):
        notes.append(
            f"The command trained on {course.tokens:,.0f} tokens, more than the {spec.tokens:,} it was asked for."
        )
    if course.params and not math.isclose(course.params, spec.params, rel_tol=OTHER_PARAMS):
        notes.append(f"The log counts {course.params:,.0f} parameters, the rung {spec.params:,.0f}.")
    return notes
