"""What the GPU benchmarks share: is there a GPU, and how a measuring process is started."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from isoflop.train.spec import TrunkSpec

HERE = Path(__file__).parent
MEMORY_SHARE = 0.9


def reason_to_skip() -> str | None:
    """Why there is no GPU to measure on, or None where there is one. Imports no JAX: a GPU is for the measuring
    process, which takes most of its memory."""
    if shutil.which("nvidia-smi") is None:
        return "no nvidia-smi on this machine: no NVIDIA GPU, or no driver"
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    if listed.returncode or "GPU" not in listed.stdout:
        return f"nvidia-smi lists no GPU: {(listed.stdout + listed.stderr).strip()[:200]}"
    if not any(importlib.util.find_spec(f"jax_cuda{version}_plugin") for version in (12, 13)):
        return "JAX has no CUDA plugin here: pip install 'isoflop[cuda]'"
    return None


def start(script: str, *arguments: str, share: float = MEMORY_SHARE, **environment: str) -> subprocess.Popen[str]:
    """A measuring process, with a share of the GPU's memory."""
    own = {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{share:.3f}"} | environment
    command = [sys.executable, str(HERE / script), *arguments]
    return subprocess.Popen(command, env=os.environ | own, stdout=subprocess.PIPE, text=True)


def reading(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The JSON on the last line of what a process printed. Raises RuntimeError where it failed."""
    output = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with exit code {process.returncode}")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def random_text(spec: TrunkSpec, tokens: int = 1_000_000) -> np.ndarray[Any, np.dtype[Any]]:
    """Tokens drawn evenly: the speed of training does not depend on what is read."""
    return np.random.default_rng(0).integers(spec.vocab, size=tokens).astype(np.uint16)


def timed(advance: Any, state: Any, steps: int, seconds: float) -> tuple[Any, float]:
    """Repeat ``advance`` by ``steps`` steps for so many seconds, after one that is not counted; seconds a step."""
    state, _ = advance(state, 0, steps, None)
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        state, _ = advance(state, (1 + done) * steps, steps, None)
        done += 1
    return state, (time.perf_counter() - began) / (done * steps)
