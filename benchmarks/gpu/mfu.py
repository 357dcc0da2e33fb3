"""How much of a GPU does training use? 124M parameters, context 1024, bf16: model FLOP/s over the chip's dense peak.

    python benchmarks/gpu/mfu.py [--seconds 20] [--smoke]

FLOP are counted as 6 N + attention: 6 N without the embedding's look-up, 12 L d T for attention, nothing for what is
computed twice (``DecoderShape.flops_per_token``; Chowdhery et al. 2022, arXiv:2204.02311, appendix B). Aim: 45 % on an
H100 or H200. Several micro-batches are tried, wider heads, and plain attention beside fused. Peak memory stands beside
what the planner's model says. --smoke: one tiny model wherever JAX runs, to see that the script does.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from device import random_text, reading, reason_to_skip, start, timed

from isoflop.train.spec import TrunkSpec

AIM = 0.45
GPT = TrunkSpec(
    depth=12,
    width=768,
    head_dim=64,
    context=1024,
    vocab=25_600,  # two matrices of it: 124M parameters in all, as GPT-2 small has with one of 50,257
    batch=64,
    branch_tokens=(64 * 1024 * 1000,),
    precision="bf16",
    lr=6e-4,
)
TRIED = (
    {"accumulate": 1},
    {"accumulate": 2},
    {"accumulate": 4},
    {"accumulate": 2, "head_dim": 128},
    {"accumulate": 4, "attention": "plain"},
)
SMOKE = TrunkSpec(
    depth=1, width=16, head_dim=8, context=16, vocab=64, batch=4, branch_tokens=(64 * 50,), precision="bf16"
)


def measure(spec: TrunkSpec, seconds: float, steps: int) -> dict[str, Any]:
    """Train for some seconds in this process: tokens a second, FLOP/s, MFU, peak memory."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from isoflop.train.loop import Trainer
    from isoflop.train.usage import usage
    from memory_model import modelled

    trainer = Trainer(spec, random_text(spec))
    _, each = timed(trainer.advance, trainer.start(), steps, seconds)
    foretold = {"modelled_bytes": modelled(spec).total_bytes, "tokens_per_second": spec.batch_tokens / each}
    return foretold | usage(spec, spec.batch_tokens, each)


def main() -> int:
    """Print a line for each setting; exit 1 where the best misses the aim, 0 without a GPU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--measure", help="spec to measure in this process")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(TrunkSpec.from_json(arguments.measure), arguments.seconds, 8)))
        return 0
    if arguments.smoke:
        print(json.dumps(measure(SMOKE, 0.1, 2)))
        return 0
    if reason := reason_to_skip():
        print(f"skipped: {reason}")
        return 0
    best = 0.0
    for changes in TRIED:
        try:
            process = start(
                "mfu.py", "--measure", replace(GPT, **changes).to_json(), "--seconds", str(arguments.seconds)
            )
            found = reading(process)
        except RuntimeError as error:  # a micro-batch may be too large for the memory
            print(f"{changes}: {str(error)[-120:]}", flush=True)
            continue
        best = max(best, found.get("mfu", 0.0))
        print(
            f"{changes}: {found['tokens_per_second']:,.0f} tokens/s, {found['flops_per_second'] / 1e12:.0f} TFLOP/s, "
            f"MFU {found.get('mfu', float('nan')):.1%}, {found['peak_bytes'] / 2**30:.1f} GiB "
            f"(planner: {found['modelled_bytes'] / 2**30:.1f}) on {found['device']}",
            flush=True,
        )
    print(f"best MFU {best:.1%}, aim {AIM:.0%}")
    return 0 if best >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
