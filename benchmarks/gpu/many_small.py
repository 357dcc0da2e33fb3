"""Eight runs of 5M parameters on one GPU: one after another, as one vectorised program, as processes side by side.

    python benchmarks/gpu/many_small.py [--runs 8] [--seconds 15] [--smoke]

Aim: tokens a second of all runs together at least 3 times those of one after another. Processes without NVIDIA's MPS
take turns on the GPU and gain only where one leaves it idle; with MPS (``nvidia-cuda-mps-control -d``) their kernels
run at once. The script says whether MPS was on. --smoke: tiny models on whatever JAX runs on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import Any

from device import MEMORY_SHARE, random_text, reading, reason_to_skip, start, timed

from isoflop.train.spec import TrunkSpec

AIM = 3.0
SMALL = TrunkSpec(
    depth=6,
    width=256,
    head_dim=64,
    context=256,
    vocab=1024,  # 5.2M parameters
    batch=16,
    branch_tokens=(16 * 256 * 20_000,),
    precision="bf16",
)
SMOKE = TrunkSpec(depth=1, width=16, head_dim=8, context=16, vocab=64, batch=4, branch_tokens=(64 * 10_000,))
STEPS = 64


def alone(spec: TrunkSpec, seconds: float) -> dict[str, Any]:
    """Tokens a second of one run in this process."""
    from isoflop.train.loop import Trainer

    trainer = Trainer(spec, random_text(spec))
    _, each = timed(trainer.advance, trainer.start(), STEPS, seconds)
    return {"tokens_per_second": spec.batch_tokens / each}


def vectorised(spec: TrunkSpec, runs: int, seconds: float) -> dict[str, Any]:
    """Tokens a second of so many runs in one program."""
    from isoflop.train.together import Together

    both = Together([replace(spec, seed=seed) for seed in range(runs)], random_text(spec))
    _, each = timed(both.advance, both.start(), STEPS, seconds)
    return {"tokens_per_second": runs * spec.batch_tokens / each}


def side_by_side(spec: TrunkSpec, runs: int, seconds: float) -> dict[str, Any]:
    """The sum over so many processes that train at once."""
    told = ["--measure", spec.to_json(), "--seconds", str(seconds)]
    running = [start("many_small.py", *told, share=MEMORY_SHARE / runs) for _ in range(runs)]
    return {"tokens_per_second": sum(reading(process)["tokens_per_second"] for process in running)}


def mps() -> bool:
    """Whether NVIDIA's multi-process service answers."""
    if shutil.which("nvidia-cuda-mps-control") is None:
        return False
    asked = subprocess.run(
        ["nvidia-cuda-mps-control"], input="get_server_list\n", capture_output=True, text=True, check=False
    )
    return asked.returncode == 0


def compare(spec: TrunkSpec, runs: int, seconds: float) -> dict[str, float]:
    """Tokens a second by way of training."""
    told = ["--measure", spec.to_json(), "--seconds", str(seconds)]
    return {
        "one after another": reading(start("many_small.py", *told))["tokens_per_second"],
        "vectorised": reading(start("many_small.py", *told, "--vectorised", str(runs)))["tokens_per_second"],
        "side by side": side_by_side(spec, runs, seconds)["tokens_per_second"],
    }


def main() -> int:
    """Print the three ways; exit 1 where the best misses the aim, 0 without a GPU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--measure", help="spec to measure in this process")
    parser.add_argument("--vectorised", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.measure:
        spec, runs = TrunkSpec.from_json(arguments.measure), arguments.vectorised
        print(json.dumps(vectorised(spec, runs, arguments.seconds) if runs else alone(spec, arguments.seconds)))
        return 0
    reason = None if arguments.smoke else reason_to_skip()
    if reason:
        print(f"skipped: {reason}")
        return 0
    spec, runs = (SMOKE, 2) if arguments.smoke else (SMALL, arguments.runs)
    found = compare(spec, runs, 0.2 if arguments.smoke else arguments.seconds)
    slowest = found["one after another"]
    for way, speed in found.items():
        print(f"{runs} runs of {spec.params / 1e6:.2g}M {way}: {speed:,.0f} tokens/s, {speed / slowest:.2f} times")
    if arguments.smoke:
        return 0
    print(f"MPS {'on' if mps() else 'off'}; aim {AIM:g} times")
    return 0 if max(found.values()) >= AIM * slowest else 1


if __name__ == "__main__":
    sys.exit(main())
