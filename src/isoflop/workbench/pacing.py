"""How often a coordinator looks at its workers, so that it sees a change at once and still leaves them the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

POLL_SECONDS = 0.2
SOON_SECONDS = 0.005
"""The pause after something happened; it doubles until ``POLL_SECONDS``. Short jobs follow one another at this pace."""
SECONDS_A_TRUNK = 0.005
"""Of the pause for each trunk that is followed: 500 on a cluster are looked at every 2.5 s, not five times a second."""
REPORT_SHARE = 0.02
"""Of the time, that reports of progress may take."""


class Pacing:
    """The clock of one campaign. elapsed: seconds since it was made."""

    def __init__(self, poll_seconds: float) -> None:
        self._poll = poll_seconds
        self._pause = SOON_SECONDS
        self._begun = time.monotonic()
        self._next_report = self._begun

    @property
    def elapsed(self) -> float:
        """Seconds since the campaign began."""
        return time.monotonic() - self._begun

    def pause(self, news: bool, active: int) -> float:
        """Seconds to wait before the next look."""
        longest = max(self._poll, SECONDS_A_TRUNK * active)
        self._pause = SOON_SECONDS if news else 2 * self._pause
        self._pause = min(self._pause, longest)
        return self._pause

    def report_due(self) -> bool:
        """Whether it is time for a report."""
        return time.monotonic() >= self._next_report

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Measures a report, and puts the next one off accordingly."""
        began = time.process_time()
        yield
        took = time.process_time() - began
        self._next_report = time.monotonic() + max(self._poll, took / REPORT_SHARE)
