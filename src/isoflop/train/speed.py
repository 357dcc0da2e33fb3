"""How fast does this machine train? A few seconds of measurement, and a line through them.

The time of a token is close to linear in its FLOP: seconds = overhead + flops_per_token / rate. (Measured on a 2-core
Xeon at widths 32, 64, 128 and 192: 10, 25, 71 and 139 microseconds; the line through the first and third gives 10, 23,
70, 145.) Each core gets a process of its own at the same time, because a core that works beside busy ones is slower
than alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace

from isoflop.errors import TrainingFailure
from isoflop.train.spec import TrunkSpec

PROBE_WIDTHS = (32, 128)
PROBE_SECONDS = 1.5
TIMEOUT_SECONDS = 300.0
DEVICE_EFFICIENCY = 0.85
"""Of n cores that share one run's batches, the part that trains: measured 0.95-1.0 per CPU-second on 2 cores; the rest
is waiting for one another."""


@dataclass(frozen=True, slots=True)
class Speed:
    """A model of this machine's training time. All cores are taken to be busy.

    overhead_seconds: a token, before any FLOP. flops_per_second: of one core, past that. start_seconds: of a process,
    from nothing to its first step: imports, text and compilation. evaluation is counted by ``evaluation_seconds``.
    """

    overhead_seconds: float
    flops_per_second: float
    start_seconds: float

    def slowed(self, share: float) -> Speed:
        """The same machine training at a share of this speed; the start of a process stays as it is."""
        return Speed(self.overhead_seconds / share, self.flops_per_second * share, self.start_seconds)

    def seconds_per_token(self, spec: TrunkSpec) -> float:
        """Of training, on the devices that the spec asks for."""
        one = self.overhead_seconds + spec.shape.flops_per_token / self.flops_per_second
        devices = math.prod(spec.mesh_axes.values())
        return one if devices == 1 else one / (devices * DEVICE_EFFICIENCY)

    def evaluation_seconds(self, spec: TrunkSpec) -> float:
        """Of one branch's held-out loss: a forward pass, a third of a training step; not shared among devices."""
        tokens = spec.validation_windows * spec.context
        return tokens * self.seconds_per_token(replace(spec, devices=1, mesh="")) / 3

    def trunk_seconds(self, spec: TrunkSpec) -> float:
        """Of a whole process: start, trunk, decays and evaluations."""
        evaluations = len(spec.branch_tokens) * self.evaluation_seconds(spec)
        return self.start_seconds + spec.tokens_total * self.seconds_per_token(spec) + evaluations


def measure_speed(spec: TrunkSpec | None = None, cores: tuple[int, ...] = (0, 1)) -> Speed:
    """Train two small models for a moment, one process a core and all cores at once, and fit the line.

    spec gives the recipe (batch, context, text). Takes two compilations, about ten seconds. Raises TrainingFailure
    when a probe dies.
    """
    spec = spec or TrunkSpec()
    widths = [PROBE_WIDTHS[i % 2] for i in range(max(2, len(cores)))]
    if len(cores) == 1:
        probes = [_wait(_start(replace(spec, width=width), cores[0])) for width in widths]
    else:
        running = [_start(replace(spec, width=width), core) for width, core in zip(widths, cores, strict=True)]
        probes = [_wait(process) for process in running]
    means = [_mean(probes, widths, width, "seconds_per_token") for width in PROBE_WIDTHS]
    flops = [replace(spec, width=width).shape.flops_per_token for width in PROBE_WIDTHS]
    return fit_speed(flops, means, max(probe["start_seconds"] for probe in probes))


def fit_speed(flops_per_token: list[float], seconds_per_token: list[float], start_seconds: float) -> Speed:
    """The line through two points; a slope or intercept that noise made negative is taken as a pure rate."""
    (f0, f1), (s0, s1) = flops_per_token, seconds_per_token
    slope = (s1 - s0) / (f1 - f0)
    if slope <= 0:
        return Speed(0.0, f1 / s1, start_seconds)
    overhead = max(0.0, s0 - slope * f0)
    return Speed(overhead, f1 / (s1 - overhead), start_seconds)


def _mean(probes: list[dict[str, float]], widths: list[int], width: int, key: str) -> float:
    values = [probe[key] for probe, of in zip(probes, widths, strict=True) if of == width]
    return sum(values) / len(values)


def _start(spec: TrunkSpec, core: int) -> subprocess.Popen[str]:
    environment = os.environ | {
        "ISOFLOP_CPUS": str(core),
        "ISOFLOP_THREADS": "1",
        "ISOFLOP_PARENT": str(os.getpid()),
    }
    command = [sys.executable, "-m", "isoflop.train.speed", "--spec", spec.to_json()]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _wait(process: subprocess.Popen[str]) -> dict[str, float]:
    try:
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise TrainingFailure(
            f"A speed probe did not end within {TIMEOUT_SECONDS:.0f} s. Is the machine busy? Try again when it is idle."
        ) from None
    if process.returncode:
        raise TrainingFailure(f"A speed probe failed (exit code {process.returncode}). Its last words:\n{err[-2000:]}")
    result: dict[str, float] = json.loads(out.splitlines()[-1])
    return result


def _probe(spec: TrunkSpec, began: float) -> dict[str, float]:
    """Runs in the probe's own process."""
    from isoflop.train.loop import STEPS_PER_DISPATCH, Trainer
    from isoflop.train.text import load_corpus

    trainer = Trainer(spec, load_corpus(spec.text).train)
    state, _ = trainer.advance(trainer.start(), 0, 1, None)
    ready = time.monotonic()
    steps = 1
    while time.monotonic() - ready < PROBE_SECONDS:
        count = min(8, STEPS_PER_DISPATCH)
        state, _ = trainer.advance(state, steps, count, None)
        steps += count
    seconds = (time.monotonic() - ready) / ((steps - 1) * spec.batch_tokens)
    return {"seconds_per_token": seconds, "start_seconds": ready - began}


def main() -> int:
    """Entry of a probe process."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m isoflop.train.speed")
    parser.add_argument("--spec", required=True)
    spec = TrunkSpec.from_json(parser.parse_args().spec)
    from isoflop.train.worker import die_with_parent, keep_compiled, settle

    settle(math.prod(spec.mesh_axes.values()))
    die_with_parent()
    keep_compiled()
    print(json.dumps(_probe(spec, began)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
