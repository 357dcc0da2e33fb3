"""The memory model beside what XLA allocates for isoflop's own trainer, on one CPU device in fp32.

    python benchmarks/memory_model.py

The compiler says how much a training step's program takes: arguments (weights and moments, which it updates in place)
and temporaries (gradients, activations, logits). The model is told that attention keeps its scores. It knows nothing of
what XLA fuses, computes twice or keeps twice (the trainer's attention keeps its weights before and after the mask).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from isoflop.cli.output import print_table
from isoflop.counting import Architecture
from isoflop.planning.memory import Layout, Memory, memory_per_device
from isoflop.train.attention import choose
from isoflop.train.loop import Trainer
from isoflop.train.spec import TrunkSpec

TEXT_TOKENS = 100_000
SHAPES = (
    # depth, width, context, batch, vocabulary
    (2, 64, 64, 4, 112),
    (2, 256, 128, 8, 512),
    (4, 256, 256, 8, 512),
    (4, 512, 128, 4, 4096),
    (8, 256, 128, 16, 256),
    (2, 256, 512, 4, 256),
)
IN_PARTS = {"accumulate": 4}
HALF = {"precision": "bf16"}
VARIED = ((4, 256, 256, 8, 512), (8, 256, 128, 16, 256))
"""Shapes that are compiled in micro-batches and in bf16 as well."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One shape: what the compiler allocates and what the model says, in bytes."""

    spec: TrunkSpec
    state_bytes: int
    temporary_bytes: int
    modelled: Memory

    @property
    def modelled_states(self) -> float:
        """Weights and moments: what the program takes as arguments."""
        return self.modelled.params_bytes + self.modelled.optimiser_bytes

    @property
    def ratio(self) -> float:
        """Modelled over allocated, all together."""
        return self.modelled.total_bytes / (self.state_bytes + self.temporary_bytes)


def compare(depth: int, width: int, context: int, batch: int, vocab: int, **changes: Any) -> Compared:
    """Compile the trainer's program for a shape and ask the compiler for its memory; takes seconds, trains nothing.

    changes: further fields of the spec.
    """
    spec = TrunkSpec(
        depth=depth,
        width=width,
        head_dim=64 if width > 64 else 32,
        context=context,
        vocab=vocab,
        batch=batch,
        branch_tokens=(batch * context * 200,),
        warmup_tokens=batch * context * 8,
        **changes,
    )
    text = np.zeros(TEXT_TOKENS, np.int32)
    trainer = Trainer(spec, text)
    starts = trainer._starts(0, 0)
    rates = np.zeros(trainer.most_steps, np.float32)
    program = trainer._advance.lower(trainer.start(), trainer._text, starts, rates, 0).compile()
    memory = program.memory_analysis()
    beside = text.nbytes + starts.nbytes + rates.nbytes + 8  # the number of steps done and to do
    return Compared(spec, memory.argument_size_in_bytes - beside, memory.temp_size_in_bytes, modelled(spec))


def architecture_of(spec: TrunkSpec) -> Architecture:
    """The trainer's shape: norms without weights; queries and keys are normed, also without weights."""
    heads = spec.width // spec.head_dim
    return Architecture(
        depth=spec.depth,
        width=spec.width,
        heads=heads,
        kv_heads=heads,
        head_dim=spec.head_dim,
        mlp_width=4 * spec.width,
        vocab=spec.vocab,
        context=spec.context,
        gated=False,
        norm_params_per_width=0,
    )


def modelled(spec: TrunkSpec) -> Memory:
    """What the model says of one device with AdamW, in the spec's precision and layout."""
    axes = spec.mesh_axes
    replicas = axes["data"] * axes["fsdp"]
    layout = Layout(
        data=replicas,
        tensor=axes["tensor"],
        zero=3 if axes["fsdp"] > 1 else 0,
        micro_batch=spec.batch // (replicas * spec.accumulate),
        sequence_parallel=False,
    )
    return memory_per_device(
        architecture_of(spec),
        layout,
        batch_sequences=spec.batch,
        training="bf16-mixed" if spec.precision == "bf16" else "fp32",
        attention="flash" if fused(spec) else "materialised",
    )


def fused(spec: TrunkSpec) -> bool:
    """Whether this spec trains with a fused kernel on this machine."""
    dtype = jnp.bfloat16 if spec.precision == "bf16" else jnp.float32
    return choose(spec.attention, spec.head_dim, dtype) == "fused"


def described(spec: TrunkSpec) -> str:
    """A shape in words."""
    parts = f" in {spec.accumulate} parts" if spec.accumulate > 1 else ""
    precision = "" if spec.precision == "fp32" else f", {spec.precision}"
    return f"{spec.depth} × {spec.width}, {spec.batch} × {spec.context} tokens{parts}, {spec.vocab} classes{precision}"


def main() -> int:
    """Print the table; exit 1 where the sum is off by more than a quarter."""
    rows = [compare(*shape) for shape in SHAPES]
    rows += [compare(*shape, **changes) for changes in (IN_PARTS, HALF) for shape in VARIED]
    print_table(
        "Memory of a training step: compiler and model, MB",
        ["shape", "states>", "model>", "temporaries>", "model>", "all, model over compiler>"],
        [
            [
                described(r.spec),
                f"{r.state_bytes / 1e6:.1f}",
                f"{r.modelled_states / 1e6:.1f}",
                f"{r.temporary_bytes / 1e6:.1f}",
                f"{(r.modelled.total_bytes - r.modelled_states) / 1e6:.1f}",
                f"{r.ratio:.2f}",
            ]
            for r in rows
        ],
    )
    return 0 if all(0.75 <= r.ratio <= 1.25 for r in rows[: len(SHAPES)]) else 1


if __name__ == "__main__":
    sys.exit(main())
