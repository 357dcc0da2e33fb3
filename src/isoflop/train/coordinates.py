"""The coordinate check: do activations move no further as the width grows? Then a learning rate carries over.

After a few steps at one learning rate, each part of the model has moved its activations by some amount. By the rule of
Yang et al. 2022 (arXiv:2203.03466, section 8 and figure 5) that amount is the same at every width; by standard rates it
grows with the width, and the best rate falls. A place whose movement has no direction in common between tokens yet, as
attention in its first steps, moves by 1/sqrt(width), so less in a wider model, which does no harm.

Measured here: the root mean square, over tokens and channels, of how far what each sub-layer writes and the logits have
moved since the first step, on text that is held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from isoflop.errors import SpecError
from isoflop.train.corpus import Corpus
from isoflop.train.loop import Trainer
from isoflop.train.model import Choices, Weights, forward
from isoflop.train.spec import TrunkSpec
from isoflop.train.windows import held_out_windows

WINDOWS = 8
LARGEST_SLOPE = 0.25
"""d ln(movement) / d ln(width) up to which a place is called steady. Standard rates give 1/2 to 1 (chosen)."""


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One measurement. place: such as ``layer 0 attention`` or ``logits``. moved: root mean square of the change since
    the first step, in units of the activation."""

    width: int
    step: int
    place: str
    moved: float


@dataclass(frozen=True, slots=True)
class CoordinateCheck:
    """rows: every measurement. slopes: place -> d ln(moved) / d ln(width) at the last step, by least squares."""

    rows: tuple[Coordinate, ...]
    slopes: dict[str, float]

    @property
    def steady(self) -> bool:
        """Whether no place moves further as the width grows."""
        return all(slope <= LARGEST_SLOPE for slope in self.slopes.values())


def coordinate_check(
    spec: TrunkSpec, corpus: Corpus, widths: Sequence[int] = (32, 64, 128, 256), steps: int = 10
) -> CoordinateCheck:
    """Train ``steps`` steps at each width, without warm-up, and measure how far activations moved.

    spec: the recipe; its width and branches are replaced. The rate is held at its peak from the first step, so that a
    few steps show what a run feels. Raises SpecError for fewer than two widths.
    """
    if len(set(widths)) < 2 or steps < 1:
        raise SpecError(f"A coordinate check of widths {tuple(widths)} and {steps} steps: it needs two widths, a step.")
    rows: list[Coordinate] = []
    for width in widths:
        tokens = 4 * steps * spec.batch_tokens
        wide = replace(spec, width=width, branch_tokens=(tokens,), warmup_tokens=0)
        rows += _measure(wide, corpus, steps)
    return CoordinateCheck(tuple(rows), _slopes(rows, steps))


def activations(weights: Weights, windows: jax.Array, choices: Choices) -> dict[str, jax.Array]:
    """What each sub-layer writes to the residual stream, and the logits, of windows [B, T + 1]."""
    stream, written, _ = forward(weights, windows[:, :-1], choices)
    names = [f"layer {i} {part}" for i in range(len(weights["layers"])) for part in ("attention", "mlp")]
    return dict(zip(names, written, strict=True)) | {"logits": stream @ weights["head"]}


def _measure(spec: TrunkSpec, corpus: Corpus, steps: int) -> list[Coordinate]:
    trainer, choices = Trainer(spec, corpus.first(spec.unique_tokens)), Choices.of(spec)
    windows = held_out_windows(corpus.validation, spec.context, WINDOWS)
    looked_at = jnp.asarray(windows, jnp.int32)
    look = jax.jit(lambda weights: activations(weights, looked_at, choices))
    state = trainer.start()
    before, rows = look(state["weights"]), []
    for step in range(steps):
        state, _ = trainer.advance(state, step, 1, None)
        now = look(state["weights"])
        for place, values in now.items():
            moved = float(jnp.sqrt(jnp.mean(jnp.square(values - before[place]))))
            rows.append(Coordinate(spec.width, step + 1, place, moved))
    return rows


def _slopes(rows: Sequence[Coordinate], step: int) -> dict[str, float]:
    last = [row for row in rows if row.step == step]
    slopes = {}
    for place in dict.fromkeys(row.place for row in last):
        here = [row for row in last if row.place == place]
        x, y = np.log([row.width for row in here]), np.log([max(row.moved, 1e-30) for row in here])
        slopes[place] = float(np.polyfit(x, y, 1)[0])
    return slopes
