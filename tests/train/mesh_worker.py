"""Run by test_parallel.py in a process of its own: 8 virtual devices, every mesh, one line of JSON each."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from typing import Any

from isoflop.train.worker import keep_compiled, settle

DEVICES = 8
COLLECTIVES = ("all-gather", "reduce-scatter", "all-reduce", "all-to-all", "collective-permute")
STEPS = 6


def measure(spec: Any, text: Any, windows: Any) -> dict[str, Any]:
    """Losses of six steps and of held-out windows, and the collectives of the compiled program."""
    import numpy as np

    from isoflop.train.loop import Trainer

    trainer = Trainer(spec, text)
    state = trainer.start()
    program = trainer._advance.lower(
        state, trainer._text, trainer._starts(0, 1), np.zeros(trainer.most_steps, np.float32), 1
    ).compile()
    trainer._advance = program
    losses = []
    for first in range(STEPS):
        state, loss = trainer.advance(state, first, 1, None)
        losses.append(loss)
    hlo = program.as_text()
    return {
        "losses": losses,
        "held_out": float(trainer.window_losses(state["weights"], windows).mean()),
        "share": max(shard.data.nbytes for shard in state["weights"]["layers"][0]["up"].addressable_shards),
        "weights": sum(float(np.abs(leaf).sum()) for leaf in _leaves(trainer.whole(state["weights"]))),
        **{name: len(re.findall(rf"{name}(?:-start)?\(", hlo)) for name in COLLECTIVES},
    }


def _leaves(tree: Any) -> list[Any]:
    import jax

    return list(jax.tree.leaves(tree))


def main() -> None:
    settle(DEVICES)
    keep_compiled()
    from tiny import TEXT, TINY

    from isoflop.train.text import load_corpus
    from isoflop.train.windows import held_out_windows

    corpus = load_corpus(TEXT)
    windows = held_out_windows(corpus.validation, TINY.context, 64)
    base = replace(TINY, width=32, batch=8, branch_tokens=(8 * TINY.context * 40,), warmup_tokens=0)
    for changes in json.loads(sys.argv[1]):
        print(json.dumps(measure(replace(base, **changes), corpus.train, windows)), flush=True)


if __name__ == "__main__":
    main()
