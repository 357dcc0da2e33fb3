"""The hall: where runs are planned, trained and remembered, and what they teach is asked for.

ladder = read_ladder("ladder.toml")
runs = run_ladder(ladder, on="local")
status = ladder_status(ladder)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isoflop.workbench.campaign import CampaignInterrupted, run_campaign
    from isoflop.workbench.ladder import Ladder, Price, Rung
    from isoflop.workbench.ladder_file import read_ladder
    from isoflop.workbench.ladder_logs import ladder_log
    from isoflop.workbench.ladder_preview import LadderPreview, preview_ladder
    from isoflop.workbench.ladder_run import run_ladder
    from isoflop.workbench.ladder_states import LadderStatus, RunStatus, ladder_status

_HOMES = {
    "CampaignInterrupted": "campaign",
    "Ladder": "ladder",
    "LadderPreview": "ladder_preview",
    "LadderStatus": "ladder_states",
    "Price": "ladder",
    "RunStatus": "ladder_states",
    "Rung": "ladder",
    "ladder_log": "ladder_logs",
    "ladder_status": "ladder_states",
    "preview_ladder": "ladder_preview",
    "read_ladder": "ladder_file",
    "run_campaign": "campaign",
    "run_ladder": "ladder_run",
}
__all__ = [
    "CampaignInterrupted",
    "Ladder",
    "LadderPreview",
    "LadderStatus",
    "Price",
    "RunStatus",
    "Rung",
    "ladder_log",
    "ladder_status",
    "preview_ladder",
    "read_ladder",
    "run_campaign",
    "run_ladder",
]


def __getattr__(name: str) -> object:
    """Import what is asked for and no more: the store and the fits behind it cost a good part of a second."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"isoflop.workbench.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
