"""How far a campaign is, and how long it still takes."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from isoflop.workbench.trunk import TrunkFolder


@dataclass(frozen=True, slots=True)
class RunningTrunk:
    """A trunk that is being trained. phase: compile, trunk, branch or done, as the worker last said."""

    name: str
    params: float
    tokens: float
    tokens_total: float
    train_loss: float | None
    tokens_per_second: float
    phase: str


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """A snapshot. done and total count runs; flops are 6ND over all tokens trained, the decays included.

    seconds_elapsed: since this call began. seconds_left: None until something is known of the speed.
    """

    done: int
    total: int
    running: tuple[RunningTrunk, ...]
    tokens_per_second: float
    flops_done: float
    flops_total: float
    seconds_elapsed: float
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class TrunkState:
    """What a snapshot needs to know of a trunk: where it is read, whether it is settled or runs, its recorded runs."""

    folder: TrunkFolder
    settled: bool
    running: bool
    recorded: int


def snapshot(states: Sequence[TrunkState], places: int, seconds_elapsed: float) -> CampaignProgress:
    """The progress of a campaign whose trunks share ``places`` slots."""
    running = tuple(running_trunk(state.folder) for state in states if state.running)
    return CampaignProgress(
        done=sum(len(s.folder.trunk.branches) if s.settled else s.recorded for s in states),
        total=sum(len(s.folder.trunk.branches) for s in states),
        running=running,
        tokens_per_second=sum(trunk.tokens_per_second for trunk in running),
        flops_done=sum(s.folder.trunk.flops(_tokens_done(s)) for s in states),
        flops_total=sum(s.folder.trunk.flops(_tokens_total(s.folder)) for s in states),
        seconds_elapsed=seconds_elapsed,
        seconds_left=seconds_left(states, places),
    )


def seconds_left(states: Sequence[TrunkState], places: int) -> float | None:
    """Wall time until all is settled when waiting trunks start in order on the first free slot; None when unknown."""
    needs = seconds_needed(states)
    return None if needs is None else makespan(needs, places)


def seconds_needed(states: Sequence[TrunkState]) -> list[float] | None:
    """Of each trunk that is not settled, the running ones first, on a slot of its own; None when one is unknown."""
    pace, rate = _pace(states), _flops_per_second(states)
    open_states = sorted((s for s in states if not s.settled), key=lambda s: not s.running)
    needs = [_seconds_needed(state, pace, rate) for state in open_states]
    known = [need for need in needs if need is not None]
    return known if len(known) == len(needs) else None


def makespan(needs: Iterable[float], places: int) -> float:
    """Wall time of jobs started in this order, each on the first place that is free."""
    free_at = [0.0] * places
    for need in needs:
        heapq.heapreplace(free_at, free_at[0] + need)
    return max(free_at)


def _seconds_needed(state: TrunkState, pace: float, rate: float | None) -> float | None:
    """From the trunk's own speed, else the plan's seconds at the pace seen so far, else the median FLOP/s seen."""
    trunk, left = state.folder.trunk, _tokens_total(state.folder) - _tokens_done(state)
    if state.running and (speed := state.folder.tokens_per_second):
        return left / speed
    if trunk.seconds is not None:
        return trunk.seconds * pace * left / _tokens_total(state.folder)
    return trunk.flops(left) / rate if rate else None


def _flops_per_second(states: Sequence[TrunkState]) -> float | None:
    """The median over trunks whose speed is known."""
    speeds = ((s.folder.trunk, s.folder.tokens_per_second) for s in states)
    rates = [trunk.flops(speed) for trunk, speed in speeds if speed]
    return statistics.median(rates) if rates else None


def _pace(states: Sequence[TrunkState]) -> float:
    """Seconds that pass for each second planned: the median over trunks whose speed is known; 1 before that."""
    known = [(s.folder, s.folder.trunk.seconds) for s in states if s.folder.tokens_per_second]
    paces = [_tokens_total(folder) / seconds / folder.tokens_per_second for folder, seconds in known if seconds]
    return statistics.median(paces) if paces else 1.0


def running_trunk(folder: TrunkFolder) -> RunningTrunk:
    """What a worker said last."""
    latest, loss = folder.latest, folder.latest.get("train_loss")
    return RunningTrunk(
        name=folder.trunk.name,
        params=folder.trunk.params,
        tokens=float(latest.get("tokens") or 0.0),
        tokens_total=_tokens_total(folder),
        train_loss=None if loss is None else float(loss),
        tokens_per_second=folder.tokens_per_second,
        phase=str(latest.get("phase") or "start"),
    )


def _tokens_done(state: TrunkState) -> float:
    total = _tokens_total(state.folder)
    return total if state.settled else min(total, float(state.folder.latest.get("tokens") or 0.0))


def _tokens_total(folder: TrunkFolder) -> float:
    return float(folder.latest.get("tokens_total") or folder.trunk.tokens_total)
