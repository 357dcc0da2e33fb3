"""Stands in for a trainer of another house: loses 5 (tokens + 100)^-0.2 and logs it, in a style of one's choice.

python fake_trainer.py --tokens T --dir DIR [--batch B] [--style …] [--misbehave …]; it keeps its position in
DIR/position and goes on from there, as a trainer with checkpoints does.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--tokens", type=int, required=True)
parser.add_argument("--dir", type=Path, required=True)
parser.add_argument("--batch", type=int, default=100)
parser.add_argument("--every", type=int, default=1)
parser.add_argument("--seconds", type=float, default=0.0, help="a step")
parser.add_argument("--style", default="jsonl")
parser.add_argument("--misbehave", default="")
parser.add_argument("--at", type=int, default=0, help="the step at which it misbehaves")
parser.add_argument("--times", type=int, default=1)
parser.add_argument("--width", type=int)
options = parser.parse_args()
position, mishaps = options.dir / "position", options.dir / "mishaps"


def loss(step: int) -> float:
    if options.misbehave == "nan" and step >= options.at:
        return float("nan")
    if options.misbehave == "climb" and step >= options.at:
        return 5.0
    return 5 * (step * options.batch + 100) ** -0.2


def log(step: int) -> None:
    value, tokens = loss(step), step * options.batch
    if options.style == "jsonl":
        with (options.dir / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, "tokens": tokens, "train_loss": value, "lr": 1e-3}) + "\n")
    elif options.style == "steps":
        print(json.dumps({"step": step, "loss": value}))
    elif options.style == "own":
        print(f"[{step}] L={value:.6f}")
    elif options.style == "csv":
        new = not (options.dir / "log.csv").exists()
        with (options.dir / "log.csv").open("a") as file:
            file.write("step,loss\n" * new + f"{step},{value}\n")
    elif options.style == "nanogpt":
        if step == 0:
            print(f"tokens per iteration will be: {options.batch:,}")
        print(f"iter {step}: loss {value:.4f}, time 1.00ms, mfu 1.00%")
    elif options.style == "bits":
        print(json.dumps({"step": step, "loss": value / 0.6931471805599453}))


def evaluate(step: int) -> None:
    if options.style == "nanogpt":
        print(f"step {step}: train loss {loss(step):.4f}, val loss {loss(step) + 0.1:.4f}")
    elif options.style == "jsonl":
        with (options.dir / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, "tokens": step * options.batch, "val_loss": loss(step) + 0.1}) + "\n")


def misbehave(step: int) -> None:
    if step < options.at or (mishaps.exists() and len(mishaps.read_text()) >= options.times):
        return
    with mishaps.open("a") as file:
        file.write("x")
    if options.misbehave == "crash":
        print("the tank is empty")
        sys.exit(9)
    if options.misbehave == "stop":
        sys.exit(0)
    if options.misbehave == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


if options.misbehave == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with (options.dir / "pids").open("a") as file:
    file.write(f"{os.getpid()}\n")
start = int(position.read_text()) if position.exists() else 0
print(f"hello at step {start}", flush=True)
last = options.tokens // options.batch
for step in range(start, last + 1):
    if step % options.every == 0:
        log(step)
    if options.misbehave in ("crash", "stop", "killed"):
        misbehave(step)
    if step % 5 == 0:
        position.write_text(str(step))
    time.sleep(options.seconds)
if options.misbehave != "never evaluates":
    evaluate(last)
print("goodbye")
