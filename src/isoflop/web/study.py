"""The study page: a team's own runs, what they teach, and what to train next.

In a file the page holds each study as it was when the file was made. On a server it asks for the study, and is told of
every change while a campaign runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isoflop.report.study_page import study_charts
from isoflop.web.app import View
from isoflop.web.study_analysis import LEAST_RUNS, STEPS, analyse, usable
from isoflop.web.study_kept import keep_answers, read_answers
from isoflop.web.study_payload import chosen_curves, compact, curves_payload, study_payload
from isoflop.web.study_source import Seen, Source, keyed, open_sources

NAME = "study"


def study_view(*studies: Path | str | Source, served: bool = False, steps: Sequence[str] = STEPS) -> View:
    """The view of one or more studies.

    studies: folders of ladders or studies, stores, tables of runs, or sources. served: leave the studies to be asked
    for. steps: of the analysis that a file holds; fewer are quicker. Raises BadInput for a place without a study, and
    what reading it raises.
    """
    held = {} if served else {key: snapshot(source, steps) for key, source in keyed(sources_of(studies)).items()}
    data = {"studies": held, "charts": study_charts(), "steps": list(STEPS)}
    return View(NAME, "study/view.js", data, styles=("study/study.css",))


def sources_of(studies: Sequence[Path | str | Source]) -> list[Source]:
    """The sources at some places, in their order."""
    found: list[Source] = []
    for study in studies:
        found.extend([study] if isinstance(study, Source) else open_sources(study))
    return found


def snapshot(source: Source, steps: Sequence[str] = STEPS) -> dict[str, Any]:
    """A study with its curves and its analysis, as a file holds it."""
    seen = source.look()
    payload = study_payload(source, seen, at=now())
    return payload | {
        "live": False,
        "logs": False,
        "curves": compact(curves_payload(source.curves(chosen_curves(seen.rows)))),
        "analysis": _answers(source, seen, payload["digest"], steps),
    }


def _answers(source: Source, seen: Seen, digest: str, steps: Sequence[str]) -> dict[str, Any]:
    """What is kept of these runs, and the rest worked out and kept."""
    flying, references = source.in_flight()
    known = {step: answer for step, answer in read_answers(source, digest).items() if step in steps}
    if flying:
        known.pop("watch", None)
    missing = [step for step in steps if step not in known]
    fresh = dict(analyse(seen.runs, flying, references, steps=missing)) if missing else {}
    lasting = {step: answer for step, answer in fresh.items() if step != "watch" or not flying}
    if lasting and len(usable(seen.runs)) >= LEAST_RUNS:
        keep_answers(source, digest, lasting)
    return known | fresh


def now() -> str:
    """The moment in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
