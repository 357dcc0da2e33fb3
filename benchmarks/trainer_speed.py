"""Tokens a second of the ladder's models: isoflop's trainer beside PyTorch, and beside a nanoGPT checkout.

    python benchmarks/trainer_speed.py [--torch-python /path/to/python] [--nanogpt PATH] [--seconds 4] [--repeats 3]

Each cell is the median over repeats, the two frameworks taking turns, so that another program's load falls on both. "1
core": one pinned process with one thread, tokens per second of its own CPU time. "all cores": isoflop with one pinned
process a core, PyTorch at the better of that and one process with a thread a core; tokens per second of wall time,
summed.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from isoflop.train.spec import TrunkSpec

HERE = Path(__file__).parent
WIDTHS = (32, 64, 96, 128, 192, 256)
Reading = dict[str, float]


def command(framework: str, python: str, spec: TrunkSpec, threads: int, seconds: float) -> list[str]:
    """The measuring process of a framework."""
    script = {"jax": HERE / "trainer_speed.py", "torch": HERE / "torch_reference.py"}[framework]
    measure = ["--measure"] if framework == "jax" else ["--threads", str(threads)]
    return [python, str(script), *measure, "--spec", spec.to_json(), "--seconds", str(seconds)]


def together(commands: list[list[str]], pins: list[str]) -> list[Reading]:
    """Start processes at once, each on its cores, and read what each prints."""
    running = [
        subprocess.Popen(each, env=os.environ | {"ISOFLOP_CPUS": pin}, stdout=subprocess.PIPE, text=True)
        for each, pin in zip(commands, pins, strict=True)
    ]
    outputs = [process.communicate()[0] for process in running]
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def compare(width: int, arguments: argparse.Namespace, cores: list[int]) -> dict[str, float]:
    """Median readings of one width."""
    spec = TrunkSpec(width=width, batch=arguments.batch)
    pythons = {"jax": sys.executable, "torch": arguments.torch_python}
    readings: dict[str, list[float]] = {}

    def read(name: str, framework: str, pins: list[str], threads: int) -> None:
        each = [command(framework, pythons[framework], spec, threads, arguments.seconds) for _ in pins]
        found = together(each, pins)
        key = "per_cpu_second" if len(pins) * threads == 1 else "per_second"
        readings.setdefault(name, []).append(sum(reading[key] for reading in found))

    apart, joined = [str(core) for core in cores], ",".join(map(str, cores))
    for _ in range(arguments.repeats):
        for framework in ("jax", "torch"):
            read(f"{framework} 1 core", framework, apart[-1:], 1)
            read(f"{framework} a process a core", framework, apart, 1)
        read("torch a thread a core", "torch", [joined], len(cores))
    return {
        "params": spec.params,
        "flops_per_token": spec.shape.flops_per_token,
        **{name: statistics.median(values) for name, values in readings.items()},
    }


def measure(spec: TrunkSpec, seconds: float) -> Reading:
    """isoflop's own loop, in this process."""
    from isoflop.train.worker import keep_compiled, settle

    settle(1)
    keep_compiled()
    from isoflop.train.loop import Trainer
    from torch_reference import timed

    text = np.random.default_rng(0).integers(spec.vocab, size=1_000_000).astype(np.uint8)
    trainer = Trainer(spec, text)
    state, _ = trainer.advance(trainer.start(), 0, 20, None)

    def dispatch() -> None:
        nonlocal state
        state, _ = trainer.advance(state, 20, 16, None)

    return timed(dispatch, 16 * spec.batch_tokens, seconds)


def matrix_peak() -> float:
    """FLOP/s of the best of ten 1024-square float32 products in NumPy, one thread: the yardstick for model FLOP/s."""
    code = (
        "import numpy as np, time; a = np.ones((1024, 1024), np.float32); best = 9.0\n"
        "for _ in range(10):\n t = time.perf_counter(); a @ a; best = min(best, time.perf_counter() - t)\nprint(2 * "
        "1024**3 / best)"
    )
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return float(
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | single, capture_output=True, text=True, check=True
        ).stdout
    )


def nanogpt(checkout: Path, python: str) -> float:
    """Tokens a second of nanoGPT's own CPU recipe (its README: 4 layers, width 128, context 64, batch 12), all
    threads."""
    options = (
        "--device=cpu --compile=False --eval_iters=1 --log_interval=20 --block_size=64 --batch_size=12 --n_layer=4 "
        "--n_head=4 --n_embd=128 --max_iters=200 --lr_decay_iters=200 --dropout=0.0 --eval_interval=1000"
    )
    with tempfile.TemporaryDirectory(dir=checkout / "data") as folder:  # its own set would be fetched over the network
        tokens = np.random.default_rng(0).integers(65, size=1_000_000).astype(np.uint16)
        for part in ("train.bin", "val.bin"):
            tokens.tofile(Path(folder) / part)
        (Path(folder) / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": 65}))
        train = [python, "train.py", "config/train_shakespeare_char.py", *options.split()]
        told = [*train, f"--dataset={Path(folder).name}", f"--out_dir={folder}"]
        log = subprocess.run(told, cwd=checkout, capture_output=True, text=True, check=True).stdout
    times = [float(found) for found in re.findall(r"time ([\d.]+)ms", log)][2:]
    return 12 * 64 / (statistics.median(times) / 1000)


def compare_nanogpt(arguments: argparse.Namespace, cores: list[int]) -> None:
    """Print both at the shape of nanoGPT's own CPU recipe; the operators differ."""
    spec = replace(TrunkSpec(), width=128, depth=4, batch=12, vocab=65)
    each = command("jax", sys.executable, spec, 1, arguments.seconds)
    mine = sum(reading["per_second"] for reading in together([each] * len(cores), [str(core) for core in cores]))
    peer = nanogpt(arguments.nanogpt, arguments.torch_python)
    print(
        f"\nnanoGPT, 4 layers of width 128: {peer:,.0f} tokens/s; isoflop, same shape: {mine:,.0f}, {mine / peer:.2f}x"
    )


def report(rows: list[dict[str, float]], cores: int) -> None:
    """Print the table."""
    peak = matrix_peak()
    print(f"1-core float32 matrix peak: {peak / 1e9:.0f} GFLOP/s; {cores} cores\n")
    print("| N | 1 core: JAX | torch | ratio | all cores: JAX | torch's best | ratio | JAX share of peak |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        one, best = row["jax 1 core"], max(row["torch a process a core"], row["torch a thread a core"])
        share = one * row["flops_per_token"] / peak
        print(
            f"| {row['params'] / 1e3:.0f}k | {one:,.0f} | {row['torch 1 core']:,.0f} | {one / row['torch 1 core']:.2f} "
            f"| {row['jax a process a core']:,.0f} | {best:,.0f} | {row['jax a process a core'] / best:.2f} | "
            f"{share:.0%} |"
        )


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", default=sys.executable, help="a Python that has torch and isoflop")
    parser.add_argument("--nanogpt", type=Path, help="a checkout of karpathy/nanoGPT")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=TrunkSpec().batch)
    parser.add_argument("--widths", type=int, nargs="*", default=list(WIDTHS))
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--spec", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(TrunkSpec.from_json(arguments.spec), arguments.seconds)))
        return 0
    return _compare_all(arguments)


def _compare_all(arguments: Any) -> int:
    probe = [arguments.torch_python, "-c", "import torch, isoflop"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        print(f"skipped: {arguments.torch_python} has no torch; give --torch-python a Python that has it and isoflop")
        return 0
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    rows = [compare(width, arguments, cores) for width in arguments.widths]
    report(rows, len(cores))
    if arguments.nanogpt:
        compare_nanogpt(arguments, cores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
