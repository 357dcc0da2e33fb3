"""One trunk from its first step to its last branch, stopping and going on at any step.

The trunk runs at a constant rate. Where a branch forks, the state is copied and the copy's rate decays; the branch's
loss on held-out text is a run. Then the trunk goes on from where the fork was.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isoflop.errors import SpecError
from isoflop.train.checkpoint import open_checkpoints
from isoflop.train.items import has_items
from isoflop.train.journal import Journal
from isoflop.train.loop import STEPS_PER_DISPATCH, Trainer
from isoflop.train.optimiser import learning_rates
from isoflop.train.processes import Place, agree
from isoflop.train.scoring import score
from isoflop.train.spec import TrunkSpec
from isoflop.train.step import State
from isoflop.train.text import Corpus
from isoflop.train.usage import usage
from isoflop.train.windows import held_out_windows, mean_and_error

CHECKPOINT_SECONDS = 10.0
CHECKPOINT_SHARE = 0.02
"""Of the time at most goes into waiting for checkpoints, however large they are (chosen)."""
DISPATCH_SECONDS = 0.3
DIVERGED_ABOVE = 1.25
"""A training loss above this multiple of ln V is worse than guessing: the run has diverged."""


class Diverged(Exception):
    """The loss is not finite, or far worse than guessing."""


class Stopped(Exception):
    """The worker was asked to stop; its checkpoint is written."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where training stands. branch: index of the next run. step: steps done by the trunk, or by the branch if
    ``decaying``.

    seconds: training time so far, evaluation and compilation apart.
    """

    branch: int = 0
    step: int = 0
    decaying: bool = False
    decayed: int = 0
    seconds: float = 0.0


class Trunk:
    """Trains one spec inside one folder."""

    def __init__(
        self, spec: TrunkSpec, corpus: Corpus, directory: Path, stop: Callable[[], bool], place: Place | None = None
    ) -> None:
        _check_corpus(spec, corpus)
        self.spec, self.corpus, self.directory, self.stop = spec, corpus, directory, stop
        self.place = place or Place()
        self.journal = Journal(directory, spec.tokens_total, writes=self.place.leads)
        self.trainer = Trainer(spec, corpus.first(spec.unique_tokens))
        self.windows = held_out_windows(corpus.validation, spec.context, spec.validation_windows)
        self._saved, self._save_every = time.monotonic(), CHECKPOINT_SECONDS
        self._steps = 1

    def train(self) -> dict[str, Any]:
        """Go on to the end; returns what it took of the machine (usage.py). Raises Diverged or Stopped."""
        position, trunk, branch = self._resume()
        while position.branch < len(self.spec.branch_steps):
            fork, end = self.spec.fork_steps[position.branch], self.spec.branch_steps[position.branch]
            if not position.decaying:
                position, trunk = self._run_to(fork, position, trunk, {})
                position, branch = replace(position, decaying=True), self.trainer.place(trunk)
            position, branch = self._run_to(end, position, branch, {"trunk": trunk})
            self._record(position, branch)
            decayed = position.decayed + end - fork
            position = replace(position, branch=position.branch + 1, step=fork, decaying=False, decayed=decayed)
            self._save(position, {"trunk": trunk})
        self._close()
        return usage(self.spec, self._trained(position), position.seconds)

    def _resume(self) -> tuple[Position, State, State]:
        """Fresh, or as the checkpoint has it."""
        start = self.trainer.start()
        self.checkpoints = open_checkpoints(self.directory, start, self.trainer.sharded)
        saved = self.checkpoints.load(start)
        self.journal.progress(step=0, tokens=0, loss=None, rate=0.0, phase="compile", force=True)
        self.trainer.compile()
        if saved is None:
            return Position(), start, start
        if saved.note:
            self._say(saved.note)
        trunk = self.trainer.place(saved.states["trunk"])
        branch = self.trainer.place(saved.states["branch"]) if "branch" in saved.states else trunk
        return Position(**saved.position), trunk, branch

    def _run_to(self, end: int, position: Position, state: State, others: dict[str, State]) -> tuple[Position, State]:
        while position.step < end:
            count = min(self._steps, end - position.step)
            began = time.monotonic()
            branch = position.branch if position.decaying else None
            state, loss = self.trainer.advance(state, position.step, count, branch)
            took = time.monotonic() - began
            self._check(loss)
            position = replace(position, step=position.step + count, seconds=position.seconds + took)
            self._adapt(took, count)
            self._report(position, loss)
            name = "branch" if position.decaying else "trunk"
            due = time.monotonic() - self._saved > self._save_every
            stop, due, self._steps = agree(self.stop(), due, self._steps)
            if stop or due:
                self._save(position, {name: state, **others})
            if stop:
                self._close()
                raise Stopped
        return position, state

    def _adapt(self, took: float, count: int) -> None:
        """Aim each dispatch at DISPATCH_SECONDS, so that progress is fresh and a stop is prompt."""
        wanted = count * DISPATCH_SECONDS / max(took, 1e-6)
        self._steps = int(min(STEPS_PER_DISPATCH, self.trainer.most_steps, max(1, wanted)))

    def _check(self, loss: float) -> None:
        limit = DIVERGED_ABOVE * math.log(self.spec.vocab)
        if not math.isfinite(loss) or loss > limit:
            raise Diverged(
                f"The training loss is {loss:.4g} nats/token, above {limit:.3g} (1.25 ln V): the run has diverged at "
                f"learning "
                f"rate {self.spec.lr:g}. Lower it."
            )

    def _report(self, position: Position, loss: float) -> None:
        branch = position.branch if position.decaying else None
        rate = float(learning_rates(self.spec, position.step - 1, 1, branch)[0])
        phase = "branch" if position.decaying else "trunk"
        self.journal.progress(step=position.step, tokens=self._trained(position), loss=loss, rate=rate, phase=phase)

    def _trained(self, position: Position) -> int:
        """Tokens that the process has trained on, decays included."""
        return (position.step + position.decayed) * self.spec.batch_tokens

    def _record(self, position: Position, branch: State) -> None:
        losses = self.trainer.window_losses(branch["weights"], self.windows)
        loss, error = mean_and_error(losses)
        if not math.isfinite(loss):
            raise Diverged(
                f"The held-out loss is {loss}: the run has diverged at learning rate {self.spec.lr:g}. Lower it."
            )
        if has_items(self.spec.text):
            weights = self.trainer.whole(branch["weights"])
            if self.place.leads:
                score(weights, self.spec, position.branch, self.corpus.validation, self.directory)
        self.journal.record(self._run(position, loss, error))

    def _run(self, position: Position, loss: float, error: float) -> dict[str, Any]:
        spec, tokens = self.spec, position.step * self.spec.batch_tokens
        return {
            "run_id": spec.run_id(position.branch),
            "trunk": spec.spec_id,
            "params": spec.params,
            "tokens": tokens,
            "loss": loss,
            "flops": spec.training_flops_per_token * tokens,
            "loss_se": error,
            "unique_tokens": min(tokens, self.corpus.unique_tokens, spec.unique_tokens or tokens),
            "bytes_per_token": self.corpus.bytes_per_token,
            "lr": spec.lr,
            "batch_tokens": spec.batch_tokens,
            "schedule": f"wsd-{spec.decay_fraction:g}",
            "seed": spec.seed,
            "depth": spec.depth,
            "width": spec.width,
            "recipe": spec.recipe,
            "status": "done",
            "wall_seconds": position.seconds,
            "tokens_per_second": self._trained(position) / max(position.seconds, 1e-9),
            "provenance": f"isoflop.train on {self.corpus.name} {self.corpus.fingerprint}",
        } | spec.expert_columns

    def _save(self, position: Position, states: dict[str, State]) -> None:
        """Save, or say that it failed: a full disk is no reason to stop training, and the next try may go well."""
        began = time.monotonic()
        try:
            self.checkpoints.save(states, {name: getattr(position, name) for name in Position.__slots__})
        except OSError as error:
            self._say(f"Cannot write a checkpoint: {error}. The one before is still there. Free some space.")
        self._saved = time.monotonic()
        self._save_every = max(CHECKPOINT_SECONDS, (self._saved - began) / CHECKPOINT_SHARE)

    def _close(self) -> None:
        try:
            self.checkpoints.close()
        except OSError as error:
            self._say(f"Cannot write the last checkpoint: {error}. The one before is still there. Free some space.")

    def _say(self, what: str) -> None:
        if self.place.leads:
            print(f"warning: {what}", file=sys.stderr, flush=True)


def _check_corpus(spec: TrunkSpec, corpus: Corpus) -> None:
    if corpus.vocab != spec.vocab:
        raise SpecError(
            f"The specification has a vocabulary of {spec.vocab}, but the text {corpus.name} has {corpus.vocab}. "
            f"Set vocab to {corpus.vocab} or choose the text the specification was made for."
        )
    needed = 4 * spec.context + 2
    if min(len(corpus.train), len(corpus.validation)) < needed:
        raise SpecError(
            f"The text {corpus.name} has {len(corpus.train)} training and {len(corpus.validation)} held-out tokens. "
            f"A context of "
            f"{spec.context} needs {needed} of each. Give a larger text or a shorter context."
        )
