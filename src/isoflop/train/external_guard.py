"""The guard of an external trainer: leads its process group, and ends that group when the worker is gone.

Run as a file of its own, ``python -I external_guard.py GRACE COMMAND…``, so that it starts in milliseconds. Standard
input is a pipe whose other end the worker holds and never writes to: its end is the worker's end, also by SIGKILL. The
guard ends as the command ended, by the same signal if it was one. SIGTERM is the command's to answer.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time

TICK = 0.05
PR_SET_PDEATHSIG = 1
NOT_FOUND, NOT_ALLOWED = 127, 126  # as a shell says it


def main() -> int:
    """Run the command to its end, or to the worker's."""
    grace, argv = float(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # a handler and not SIG_IGN, which the command would inherit
    try:
        command = subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=_die_with_guard)
    except OSError as error:
        print(f"{argv[0]} could not be started: {error.strerror}", file=sys.stderr)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_ALLOWED
    with selectors.DefaultSelector() as worker:
        worker.register(sys.stdin.fileno(), selectors.EVENT_READ)
        while command.poll() is None:
            if worker.select(TICK):
                _end(command, grace)
    return _as(command.returncode)


def _die_with_guard() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(command: subprocess.Popen[bytes], grace: float) -> None:
    """Ask the group to stop, wait, and end whatever is left of it, the guard too."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while command.poll() is None and time.monotonic() < deadline:
        time.sleep(TICK)
    os.killpg(0, signal.SIGKILL)


def _as(code: int) -> int:
    if code >= 0:
        return code
    with contextlib.suppress(OSError, ValueError):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 128 - code


if __name__ == "__main__":
    sys.exit(main())
