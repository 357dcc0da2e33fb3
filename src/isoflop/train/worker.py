"""The worker's place in the world: its cores, its parent, its folder, its end.

Nothing here imports JAX: cores and threads are chosen by the environment, which JAX reads once, when it is imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isoflop.errors import TrainingFailure

PR_SET_PDEATHSIG = 1
CACHE_VARIABLE = "ISOFLOP_CACHE"
PARENT_VARIABLE = "ISOFLOP_PARENT"


def settle(devices: int) -> None:
    """Take the cores in ISOFLOP_CPUS and the threads in ISOFLOP_THREADS; must run before JAX is imported.

    XLA sizes its thread pool by NPROC; NPROC=1 is the only setting seen to keep it to one thread. Several devices on a
    CPU are that many virtual ones, a thread each. At width 128 and 16 sequences a step, two devices trained as many
    tokens per CPU-second as one core alone and kept both cores busy; one device with two threads kept 1.2 cores busy.
    """
    if (cores := os.environ.get("ISOFLOP_CPUS")) and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError, ValueError):
            os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    threads = str(max(devices, int(os.environ.get("ISOFLOP_THREADS") or 1)))
    for name in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[name] = threads
    if devices > 1:
        flag = f"--xla_force_host_platform_device_count={devices}"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def keep_compiled() -> None:
    """Keep compiled programs on disk, so that a resumed or repeated run starts in a second; ISOFLOP_CACHE says
    where."""
    import jax

    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isoflop" / "xla"
    settings: Any = jax.config
    settings.update("jax_compilation_cache_dir", os.environ.get(CACHE_VARIABLE) or str(default))
    settings.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def die_with_parent() -> None:
    """Leave no orphan: stop with the process that ISOFLOP_PARENT names; without it, outlive whoever started this one.

    The kernel tells the end of a parent at once; a thread watches all the same, since the named process may be another
    than the parent, or gone before this one was born.
    """
    if not (named := os.environ.get(PARENT_VARIABLE, "")).isdecimal():
        return
    parent, born_to = int(named), os.getppid()
    if sys.platform == "linux" and parent == born_to:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    def watch() -> None:
        while _alive(parent) and os.getppid() == born_to:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class StopRequest:
    """Becomes true at SIGTERM or SIGINT, so that training stops between two dispatches with its checkpoint written."""

    def __init__(self) -> None:
        self._asked = False
        self.listen()

    def listen(self) -> None:
        """Take the signals; again after ``jax.distributed`` has started, which takes SIGTERM for itself."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self._asked = True

    def __call__(self) -> bool:
        return self._asked


@contextlib.contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold DIR/lock: a second worker in the same folder is refused."""
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TrainingFailure(
                f"Another worker trains in {directory}. Wait for it or choose another folder."
            ) from None
        yield
