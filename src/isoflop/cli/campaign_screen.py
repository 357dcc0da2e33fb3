"""What a campaign looks like while its runs are trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isoflop.workbench.progress import CampaignProgress

PLAIN_EVERY = 15.0
"""Seconds between lines of progress where the output is no terminal."""
FIRST_AFTER = 2.0
"""The first line comes soon, but not for a campaign that was trained already."""


@contextmanager
def watching(title: str) -> Iterator[Callable[[CampaignProgress], None]]:
    """Shows progress on stderr: a live table on a terminal, a line now and then elsewhere."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from isoflop.cli.demo_screen import progress_line, progress_table

    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            yield lambda progress: live.update(progress_table(title, progress))
        return
    last = time.monotonic() - PLAIN_EVERY + FIRST_AFTER

    def look(progress: CampaignProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_EVERY:
            last = time.monotonic()
            console.print(Text(progress_line(title, progress)), soft_wrap=True)

    yield look
