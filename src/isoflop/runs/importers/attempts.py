"""Several attempts at one run, as a trainer leaves them that logs each to a place of its own, put together again.

Lightning begins ``version_1`` after ``version_0``, TensorBoard's writers a folder named by the time, W&B a folder a
start. They are told from several runs by their names, which differ in their numbers alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isoflop.errors import RunsError
from isoflop.runs.importers.contract import Logged, Series, printable

_NUMBERS = re.compile(r"\d+")


def one_run(attempts: Sequence[Logged], source: Path) -> Logged:
    """The run that these are attempts at, their points one after another in the order of their names' numbers.

    Raises RunsError for runs whose names differ in more than numbers.
    """
    if len(attempts) == 1:
        return attempts[0]
    if len({_NUMBERS.sub("0", run.name) for run in attempts}) > 1:
        names = ", ".join(printable(run.name[:80]) for run in attempts[:8])
        raise RunsError(
            f"{source} holds {len(attempts)} runs: {names}. Attempts at one run have names that differ in numbers "
            "alone. Name the one that is meant by its path."
        )
    ordered = sorted(attempts, key=lambda run: [int(number) for number in _NUMBERS.findall(run.name)])
    last = ordered[-1]
    logged = dict.fromkeys(name for run in ordered for name in run.series)
    series = {name: _joined([run.series[name] for run in ordered if name in run.series]) for name in logged}
    facts = {fact: value for run in ordered for fact, value in run.facts.items()}
    notes = tuple(dict.fromkeys(note for run in ordered for note in run.notes))
    note = f"{len(ordered)} attempts, {ordered[0].name} to {last.name}, are taken for one run."
    return Logged(last.name, series, facts, last.state, last.known, last.steps_are, (*notes, note))


def _joined(parts: Sequence[Series]) -> Series:
    return Series(np.concatenate([part.steps for part in parts]), np.concatenate([part.values for part in parts]))
