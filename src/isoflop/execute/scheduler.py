"""What a cluster has to do for isoflop: start attempts, list them, end them.

Little is asked of it and little is believed. ``queued`` says which attempts a scheduler still knows, waiting or
running; the wrapper's markers say everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from isoflop.execute.attempts import Attempt
from isoflop.execute.contract import Resources


class Unreachable(Exception):
    """The scheduler did not answer, so nothing is known: not even whether it did what it was asked."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What a scheduler says: the tokens of the attempts that it knows, and the size of the cluster."""

    tokens: frozenset[str]
    cpus: float = 0.0
    gpus: float = 0.0

    def room(self, need: Resources) -> int:
        """How many jobs of one size the whole cluster holds at a time; at least one."""
        by_cpu = self.cpus // (need.cpus or 1)
        by_gpu = self.gpus // need.gpus if need.gpus else by_cpu
        return max(1, int(min(by_cpu, by_gpu)))


class Scheduler(Protocol):
    """A cluster. Calls may take seconds and are made from one background thread; any may raise Unreachable."""

    def start(self, attempts: Sequence[Attempt]) -> Mapping[str, str]:
        """Hand the attempts over; gives back why some were refused for good, by token."""
        ...

    def queued(self) -> Queue:
        """Which attempts wait or run, by the scheduler's word."""
        ...

    def stop(self, tokens: Sequence[str]) -> None:
        """Drop the attempts from the queue and end by force what runs of them."""
        ...

    def close(self) -> None:
        """Let go of the connection; the jobs are not touched."""
        ...
