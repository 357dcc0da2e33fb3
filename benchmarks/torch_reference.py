"""The same model in PyTorch, for comparing speed: same shape, same operators, same optimiser, 32-bit floats.

Run as a process: ``python benchmarks/torch_reference.py --spec JSON --threads 1 --seconds 4`` prints one line of JSON
with the tokens trained in one second of wall time and of CPU time. PyTorch is no dependency of isoflop; install it
beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from typing import Any

from isoflop.train.spec import TrunkSpec


def build(spec: TrunkSpec, torch: Any) -> Any:
    """isoflop.train.model with torch.nn, scaled_dot_product_attention and no trick that PyTorch users would not use."""
    functional = torch.nn.functional
    width, heads = spec.width, spec.width // spec.head_dim

    def normalise(values: Any) -> Any:
        return functional.rms_norm(values, values.shape[-1:], eps=1e-6)

    position = torch.arange(spec.context)[:, None]
    angle = position * 10_000.0 ** (-torch.arange(0, spec.head_dim, 2) / spec.head_dim)
    cosine, sine = angle.cos(), angle.sin()

    def rotate(values: Any) -> Any:
        left, right = values.chunk(2, dim=-1)
        return torch.cat([left * cosine - right * sine, left * sine + right * cosine], dim=-1)

    class Block(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.qkv = torch.nn.Linear(width, 3 * width, bias=False)
            self.out = torch.nn.Linear(width, width, bias=False)
            self.up = torch.nn.Linear(width, 4 * width, bias=False)
            self.down = torch.nn.Linear(4 * width, width, bias=False)

        def forward(self, stream: Any) -> Any:
            read = normalise(stream)
            half = width // 2
            before = functional.pad(read[:, :-1, :half], (0, 0, 1, 0))
            qkv = self.qkv(torch.cat([before, read[..., half:]], dim=-1))
            query, key, value = qkv.view(*qkv.shape[:2], 3, heads, spec.head_dim).permute(2, 0, 3, 1, 4)
            query, key = rotate(normalise(query)), rotate(normalise(key))
            mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            stream = stream + self.out(mixed.transpose(1, 2).reshape(stream.shape))
            return stream + self.down(functional.relu(self.up(normalise(stream))).square())

    class Model(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(spec.vocab, width)
            self.blocks = torch.nn.ModuleList(Block() for _ in range(spec.depth))
            self.head = torch.nn.Linear(width, spec.vocab, bias=False)

        def forward(self, tokens: Any) -> Any:
            stream = normalise(self.embed(tokens[:, :-1]))
            for block in self.blocks:
                stream = block(stream)
            logits = self.head(normalise(stream))
            return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    return Model()


def measure(spec: TrunkSpec, threads: int, seconds: float) -> dict[str, float]:
    """Train on random tokens for ``seconds`` after a warm-up of twenty steps."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = build(spec, torch)
    assert sum(leaf.numel() for leaf in model.parameters()) == spec.params
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(spec.beta1, spec.beta2), fused=True)
    text = torch.randint(spec.vocab, (1_000_000,), dtype=torch.uint8)
    offsets = torch.arange(spec.context + 1)

    def step() -> None:
        starts = torch.randint(len(text) - spec.context - 1, (spec.batch, 1))
        loss = model(text[starts + offsets].long())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), spec.clip)
        optimiser.step()

    for _ in range(20):
        step()
    return timed(step, spec.batch_tokens, seconds)


def timed(step: Any, tokens: int, seconds: float) -> dict[str, float]:
    """Tokens a second of wall time and of this process's CPU time."""

    def clock() -> tuple[float, float]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return time.perf_counter(), usage.ru_utime + usage.ru_stime

    wall, cpu = clock()
    steps = 0
    while time.perf_counter() - wall < seconds:
        step()
        steps += 1
    wall_after, cpu_after = clock()
    return {"per_second": steps * tokens / (wall_after - wall), "per_cpu_second": steps * tokens / (cpu_after - cpu)}


def main() -> int:
    """Entry of a measuring process; ISOFLOP_CPUS pins it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--spec", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    if (cores := os.environ.get("ISOFLOP_CPUS")) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    spec = TrunkSpec.from_json(arguments.spec)
    print(json.dumps(measure(spec, arguments.threads, arguments.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
