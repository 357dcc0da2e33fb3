"""The wrapper that runs one attempt at a job on a machine of a cluster: ``python wrap.py DIRECTORY TOKEN``.

A scheduler's record of a job can be lost, repeated or given another's number. So the wrapper keeps the record itself,
in ``DIRECTORY/.attempts``, and the coordinator believes nothing else:

    latest          the token of the attempt that counts, written by the coordinator; a wrapper of another token ends
    TOKEN.json      the order: what to run and how often to look at these files, written before the job is handed over
    TOKEN.started   a line for each start (a scheduler may start an attempt again): host, pid, scheduler's id, time;
                    its time stamp is the pulse, moved every ``pulse_seconds`` while the wrapper lives
    TOKEN.cancel    written by the coordinator: stop, with so many seconds to save the work
    TOKEN.ended     {"why", "code", "detail"}, written last: how it ended
    lock            held (flock) by the wrapper, and after its death by the job that it left behind: in one folder
                    nothing runs twice at once; says "host wrapper job" with the numbers of the two processes

    why             what happened
    ended           the job ended by itself, with ``code``
    cancelled       the coordinator asked for it
    interrupted     somebody else stopped it (time limit, machine taken back); a requeued attempt goes on
    superseded      another attempt counts by now
    unstartable     the program does not start, or the folder cannot be locked

This file needs nothing but the standard library and is run by its path, so that it starts with 0.1 s of work and reads
nothing of isoflop from what may be a slow network disk.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = ".attempts"
ENDED, CANCELLED, INTERRUPTED, SUPERSEDED, UNSTARTABLE = (
    "ended",
    "cancelled",
    "interrupted",
    "superseded",
    "unstartable",
)
PR_SET_PDEATHSIG = 1  # prctl(2)
WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
SCHEDULER_IDS = ("SLURM_JOB_ID", "SLURM_RESTART_COUNT", "ISOFLOP_ACTOR")
LAST_WORDS_SECONDS = 5.0
CANNOT_RUN = 126  # the shell's code for a command that cannot be started


@dataclass(slots=True)
class _Stop:
    """Why the job has to end, and when the patience with it is over."""

    why: str
    deadline: float


class Attempt:
    """One attempt at a job, from the side of the wrapper."""

    def __init__(self, directory: Path, token: str) -> None:
        self.folder = directory / FOLDER
        self.directory, self.token = directory, token
        self.order: dict[str, Any] = json.loads(self.path("json").read_text())
        self.parent = os.getppid()
        self.lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._beaten = -float("inf")

    def path(self, kind: str) -> Path:
        return self.folder / f"{self.token}.{kind}"

    def run(self) -> int:
        """Run the job unless it is settled, another attempt counts, or another is at work; the exit code."""
        try:
            stop = self._acquire()
        except OSError as error:
            return self._end(UNSTARTABLE, None, f"cannot lock {self.folder / 'lock'} ({error.strerror})")
        if self._settled():
            return 0
        if stop := stop or self._asked():
            return self._end(stop.why, None)
        self._note_start()
        return self._work()

    def _acquire(self) -> _Stop | None:
        """Wait for the folder while this attempt counts; the other one ends when it sees that it does not."""
        patience = self._patience()
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                if stop := self._asked() or self._signalled(self.order["look_seconds"]):
                    return stop
            if time.monotonic() >= patience:
                self._end_orphan()

    def _end_orphan(self) -> None:
        """End a job of this machine that was asked to stop when its wrapper was killed, and did not."""
        with contextlib.suppress(OSError, ValueError):
            host, wrapper, job = os.pread(self.lock, 1000, 0).decode().split()
            orphan = host == socket.gethostname() and not Path("/proc", wrapper).exists()
            if orphan and Path("/proc", job, "cwd").samefile(self.directory):  # the number is still its own
                os.killpg(int(job), signal.SIGKILL)

    def _settled(self) -> bool:
        """Whether this very attempt came to its end before: a scheduler that lost its records runs it again."""
        try:
            ended = json.loads(self.path("ended").read_text())
        except FileNotFoundError:
            return False
        if ended["why"] != INTERRUPTED:
            return True
        self.path("ended").unlink(missing_ok=True)
        return False

    def _asked(self) -> _Stop | None:
        """What the coordinator's files say; also the pulse."""
        with contextlib.suppress(OSError):  # a network disk that hiccups is not a wish of the coordinator
            self._beat()
            if self.path("cancel").exists():
                return _Stop(CANCELLED, time.monotonic() + float(self.path("cancel").read_text() or 0.0))
            if (self.folder / "latest").read_text().strip() != self.token:
                return _Stop(SUPERSEDED, self._patience())
        return None

    def _signalled(self, seconds: float) -> _Stop | None:
        """Wait up to ``seconds`` for a signal: of the scheduler, or that the job ended; also sees its parent die."""
        seen = signal.sigtimedwait(WATCHED, seconds)
        if os.getppid() != self.parent or (seen is not None and seen.si_signo != signal.SIGCHLD):
            return _Stop(INTERRUPTED, self._patience())
        return None

    def _patience(self) -> float:
        return time.monotonic() + float(self.order["grace_seconds"])

    def _note_start(self) -> None:
        ids = {name: os.environ[name] for name in SCHEDULER_IDS if name in os.environ}
        start = {"host": socket.gethostname(), "pid": os.getpid(), "scheduler": ids, "time": time.time()}
        with self.path("started").open("a") as file:
            file.write(json.dumps(start) + "\n")

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beaten >= self.order["pulse_seconds"] and self.path("started").exists():
            os.utime(self.path("started"))
            self._beaten = now

    def _work(self) -> int:
        try:
            child = self._launch()
        except OSError as error:
            detail = f"could not be started ({error.strerror}: {error.filename or self.directory})"
            return self._end(UNSTARTABLE, None, detail)
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{socket.gethostname()} {os.getpid()} {child.pid}".encode(), 0)
        stop = self._follow(child)
        return self._end(stop.why if stop else ENDED, child.returncode)

    def _follow(self, child: subprocess.Popen[bytes]) -> _Stop | None:
        """Wait for the job, pass on what it is asked, and end its group; why it was stopped, if it was."""
        stop: _Stop | None = None
        while child.poll() is None:
            news = self._signalled(self.order["look_seconds"]) or self._asked()
            if news and (stop is None or (news.why == CANCELLED and stop.why != CANCELLED)):
                stop = news
                _signal_group(child, signal.SIGTERM)
            if stop and time.monotonic() >= stop.deadline:
                _signal_group(child, signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):  # e.g. while the kernel frees its memory
                    child.wait(LAST_WORDS_SECONDS)
        _signal_group(child, signal.SIGKILL)  # what the job started may not outlive it
        return stop

    def _launch(self) -> subprocess.Popen[bytes]:
        with open(self.order["log"], "ab") as log:
            log.write(self.order["heading"].encode())
            log.flush()
            return subprocess.Popen(
                self.order["argv"],
                cwd=self.directory,
                env={**os.environ, **self.order["env"], **self.order["place"], **self._places()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                pass_fds=(self.lock,),
                preexec_fn=_be_born,
            )

    def _places(self) -> dict[str, str]:
        """The cores are the job's own where the scheduler gave no more than were asked for."""
        cores, asked = sorted(os.sched_getaffinity(0)), int(self.order["cpus"])
        own = {"ISOFLOP_CPUS": ",".join(map(str, cores))} if len(cores) <= asked else {}
        return {"ISOFLOP_THREADS": str(min(asked, len(cores))), "ISOFLOP_PARENT": str(os.getpid()), **own}

    def _end(self, why: str, code: int | None, detail: str = "") -> int:
        part = self.path("part")
        with part.open("w") as file:
            json.dump({"why": why, "code": code, "detail": detail, "time": time.time()}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path("ended"))
        return CANNOT_RUN if code is None else code if code >= 0 else 128 - code


def _be_born() -> None:
    """In the child, before its program: hear signals again, and be asked to stop if the wrapper is killed."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def main(argv: list[str]) -> int:
    """``DIRECTORY TOKEN``, or ``--line N FILE``: the same two from line N, counted from 0, of a file of JSON lines."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    if argv[0] == "--line":
        directory, token = json.loads(Path(argv[2]).read_text().splitlines()[int(argv[1])])
    else:
        directory, token = argv
    return Attempt(Path(directory), token).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
