"""All views of the page, in the order of its menu.

A study's view is there only where a study is given. Views are made on demand: each imports what its science needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.errors import BadInput, did_you_mean
from isoflop.web.app import View

if TYPE_CHECKING:
    from isoflop.forecasting.averaging import Ensemble

NAMES = ("dial", "study", "decide", "outlook", "capability", "learn")
"""The views by name, as in their links and in ``--only``."""


def all_views(
    study: Path | None = None, *, runs: Ensemble | None = None, only: Sequence[str] = (), lessons: Path | None = None
) -> list[View]:
    """The views of a page. study: a study's folder or store. runs: the dial's own law, of ``dial.own_law``. only: the
    names of those wanted; all without. lessons: a folder of further lessons.

    Raises BadInput for an unknown name, for the study's view without a study, and what the views raise.
    """
    makers = _makers(study, runs, lessons)
    if unknown := [name for name in only if name not in NAMES]:
        raise BadInput(f"Unknown page '{unknown[0]}'. Known: {', '.join(NAMES)}.{did_you_mean(unknown[0], NAMES)}")
    if "study" in only and study is None:
        raise BadInput("The study's page needs a study: give its folder with --study.")
    return [make() for name, make in makers.items() if not only or name in only]


def _makers(study: Path | None, runs: Ensemble | None, lessons: Path | None) -> dict[str, Callable[[], View]]:
    def dial() -> View:
        from isoflop.web.dial import dial_view

        return dial_view(runs)

    found: dict[str, Callable[[], View]] = {"dial": dial}
    if study is not None:
        found["study"] = lambda: _view("study", "study_view", study)
    return found | {
        "decide": lambda: _view("decision", "decision_view"),
        "outlook": lambda: _view("outlook", "outlook_view"),
        "capability": lambda: _view("capability", "capability_view"),
        "learn": lambda: _view("lessons", "lessons_view", lessons),
    }


def _view(module: str, maker: str, *given: object) -> View:
    view: View = getattr(import_module(f"isoflop.web.{module}"), maker)(*given)
    return view
