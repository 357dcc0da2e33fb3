"""What a trained model answers: each question of a made-up text, scored one by one.

Per question: whether every token of the answer is the most probable one given the right tokens before it, which is
whether greedy decoding writes the answer; how many of its tokens are; and the log-probability of the whole answer, in
nats. Nothing is averaged here, so that any metric can be made of it later.

A line of DIR/scores.jsonl holds one branch, its questions as lists side by side:

    {"run_id", "trunk", "params", "tokens", "task": [...], "item": [...], "level": [...], "exact": [0 or 1, ...],
     "tokens_correct": [...], "answer_tokens": [...], "logprob": [...]}
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isoflop.train.items import Items, has_items, made_up_items
from isoflop.train.journal import write_whole
from isoflop.train.model import Choices, Weights, token_losses
from isoflop.train.spec import TrunkSpec

FILE = "scores.jsonl"
CHUNK = 16
"""Windows at once: the logits of all rolled classes of 16 windows of 64 tokens and 96 classes take 38 MB."""
DIGITS = 4

Array = np.ndarray[Any, np.dtype[Any]]


def score(weights: Weights, spec: TrunkSpec, branch: int, validation: Array, directory: Path) -> None:
    """Append the scores of one branch to DIR/scores.jsonl, unless they are there; nothing for a text without questions.

    weights: after the decay, on any devices. validation: held-out tokens, the text that stands before a question. On
    the disk when this returns.
    """
    if not has_items(spec.text) or spec.run_id(branch) in _scored(directory / FILE):
        return
    items = made_up_items(spec.text)
    found = answers(jax.tree.map(np.asarray, weights), items, spec, validation)
    line = {
        "run_id": spec.run_id(branch),
        "trunk": spec.spec_id,
        "params": spec.params,
        "tokens": spec.branch_steps[branch] * spec.batch_tokens,
        "task": list(items.task),
        "item": list(items.name),
        "level": list(items.level),
        "answer_tokens": list(items.answer_tokens),
    }
    with (directory / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line | found) + "\n")
        file.flush()
        os.fsync(file.fileno())


def answers(weights: Weights, items: Items, spec: TrunkSpec, validation: Array) -> dict[str, list[Any]]:
    """``exact``, ``tokens_correct`` and ``logprob`` of every item."""
    windows = items.windows(spec.context, validation)
    loss, best = _judged(weights, windows, Choices.of(spec))
    from_end = np.arange(spec.context, 0, -1)
    asked = from_end <= np.array(items.answer_tokens)[:, None]
    return {
        "exact": np.all(best | ~asked, axis=1).astype(int).tolist(),
        "tokens_correct": np.sum(best & asked, axis=1).tolist(),
        "logprob": [round(float(value), DIGITS) for value in -np.sum(np.where(asked, loss, 0.0), axis=1)],
    }


def _judged(weights: Weights, windows: Array, choices: Choices) -> tuple[Array, Array]:
    """Of every token of the windows but the first: its loss in nats, and whether no other class is as probable."""

    @jax.jit
    def judged(weights: Weights, batch: jax.Array) -> tuple[jax.Array, jax.Array]:
        def with_head(head: jax.Array) -> jax.Array:
            return token_losses({**weights, "head": head}, batch, choices)

        own = with_head(weights["head"])
        return own, own < jax.vmap(with_head)(_rolled(weights["head"])).min(axis=0)

    padded = np.concatenate([windows, windows[: -len(windows) % CHUNK]]).astype(np.int32)
    parts = [judged(weights, padded[i : i + CHUNK]) for i in range(0, len(padded), CHUNK)]
    loss, best = (np.concatenate([np.asarray(part[side]) for part in parts])[: len(windows)] for side in (0, 1))
    return loss, best


def _rolled(head: jax.Array) -> jax.Array:
    """The unembedding with its classes moved on by 1 .. V − 1 places, [V − 1, d, V].

    Under a head rolled by k a target's loss is that of the class k places before it, over the same normaliser; so the
    losses of all classes come from ``token_losses`` itself, whatever the model inside it is.
    """
    classes = head.shape[1]
    return jnp.stack([jnp.roll(head, k, axis=1) for k in range(1, classes)])


def _scored(path: Path) -> set[str]:
    """The run_id of each line; a last line that was cut by a kill is dropped from the file."""
    if not path.exists():
        return set()
    whole, cut, rest = path.read_text(encoding="utf-8").rpartition("\n")
    if rest:
        write_whole(path, whole + cut)
    return {json.loads(line)["run_id"] for line in whole.splitlines()}
