"""Slurm: attempts as tasks of sbatch arrays, found in the queue by a name of ours and never by Slurm's numbers.

A job's number is given again when a controller loses its last record (seen with Slurm 22.05: killed just after a
submission, it came back without the job and gave its number to the next). So an array carries a name that is made once,
the tokens of its tasks stand in a file of that name, and a task is found in the queue by the name and its index.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from isoflop.errors import ExecutorError
from isoflop.execute import wrap
from isoflop.execute.attempts import Attempt
from isoflop.execute.contract import Resources
from isoflop.execute.options import SlurmOptions
from isoflop.execute.scheduler import Queue, Unreachable

T = TypeVar("T")
TAG = "isoflop-"
LAUNCH_FAILED = "launch failed"  # "launch failed requeued held": Slurm keeps the task and never tries it again
CONF = "SLURM_CONF"  # where the cluster is, not which job this is
ANSWER_SECONDS = 60.0
# What sbatch says when it should be asked again later, rather than that the request is wrong (slurm_errno.c), or when a
# controller went away in the middle of the request, so that nobody knows whether it took the job (errno(3)).
TEMPORARY = re.compile(
    r"unable to contact|socket timed out|connection (refused|reset|timed out|aborted)|communication|temporarily|"
    r"try again|zero bytes were transmitted|unexpected message|broken pipe|unreachable|no route to host|not connected|"
    r"MaxSubmitJob|QOSMaxSubmit|AssocMaxSubmit|reached the limit|slurmctld|protocol authentication|munge",
    re.IGNORECASE,
)


class SlurmScheduler:
    """sbatch, squeue and scancel. ``folder``: shared with the machines; keeps the lists of tasks and Slurm's output."""

    def __init__(self, options: SlurmOptions, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        if not shutil.which("sbatch"):
            raise ExecutorError(
                "This machine has no sbatch, so nothing can be given to Slurm. Run the command on a login node of the "
                "cluster, or use --on local."
            )
        self._options, self._folder = options, folder / "slurm"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._environment = _without_job(os.environ if environment is None else environment)
        self._lists: dict[str, list[str]] = {}

    def start(self, attempts: Sequence[Attempt]) -> Mapping[str, str]:
        """An array for each run of attempts that need the same, in order."""
        refused: dict[str, str] = {}
        for need, group in groupby(attempts, key=lambda attempt: attempt.job.resources):
            for batch in _pieces(list(group), self._options.array_size):
                if trouble := self._submit(batch, need):
                    refused |= {attempt.token: trouble for attempt in batch}
        return refused

    def queued(self) -> Queue:
        """One call of squeue, whatever the number of jobs, and one of sinfo."""
        tokens = [self._token(tag, index) for tag, index, _, reason in self._tasks() if LAUNCH_FAILED not in reason]
        cpus, gpus = cluster_size(self._ask("sinfo", "--noheader", "--format", "%C|%D|%G", *self._where()))
        return Queue(frozenset(filter(None, tokens)), cpus, gpus)

    def stop(self, tokens: Sequence[str]) -> None:
        """scancel by name, and by number within the name; a controller that is down drops nothing."""
        wanted = set(tokens)
        numbers = [number for tag, index, number, _ in self._tasks() if self._token(tag, index) in wanted]
        for some in _pieces(numbers, 200):
            self._ask("scancel", "--quiet", *some)

    def close(self) -> None:
        """Nothing is held open."""

    def _tasks(self) -> list[list[str]]:
        """Name, index, number and reason of every task of this user that isoflop handed over."""
        listing = self._ask("squeue", "--noheader", "--array", "--user", str(os.getuid()), "--format", "%j|%K|%i|%r")
        return [line.split("|", 3) for line in listing.splitlines() if line.startswith(TAG)]

    def _submit(self, batch: Sequence[Attempt], need: Resources) -> str:
        """Why Slurm refused the array, or nothing."""
        tag = TAG + secrets.token_hex(6)
        lines = [json.dumps([str(attempt.job.directory), attempt.token]) for attempt in batch]
        tasks = self._folder / f"{tag}.jsonl"
        tasks.write_text("\n".join(lines) + "\n")
        self._lists[tag] = [attempt.token for attempt in batch]
        script = self._script(tasks)
        command = ["sbatch", "--parsable", f"--job-name={tag}", f"--array=0-{len(batch) - 1}", *self._flags(tag, need)]
        done = self._run(command, script)
        if done.returncode == 0:
            return ""
        said = done.stderr.strip() or f"exit code {done.returncode}"
        if TEMPORARY.search(said):
            raise Unreachable(f"waits for Slurm, which said: {said.splitlines()[-1]}")
        return f"was refused by Slurm ({said})"

    def _flags(self, tag: str, need: Resources) -> Iterator[str]:
        options = self._options
        yield from self._where()
        yield from (f"--{name}={value}" for name in ("account", "qos") if (value := getattr(options, name)))
        yield from ("--nodes=1", "--ntasks=1", f"--cpus-per-task={need.cpus or 1}", "--requeue", "--open-mode=append")
        yield from (f"--output={self._folder / tag}.out", f"--signal=B:TERM@{self._warning(need)}")
        if need.gpus:
            yield f"--gres=gpu:{need.gpus}"
        if need.memory_mb:
            yield f"--mem={need.memory_mb}M"
        if need.seconds:
            yield f"--time={max(1, -(-int(need.seconds) // 60))}"
        yield from options.sbatch

    def _warning(self, need: Resources) -> int:
        """Never more than half of the limit, or Slurm asks the job to stop when it has hardly begun."""
        return (
            min(self._options.warning_seconds, int(need.seconds // 2))
            if need.seconds
            else self._options.warning_seconds
        )

    def _where(self) -> Iterator[str]:
        if self._options.partition:
            yield f"--partition={self._options.partition}"

    def _script(self, tasks: Path) -> str:
        """``exec``, so that the signal before the time limit, which Slurm sends to the script, reaches the wrapper."""
        python = self._options.python or sys.executable
        run = shlex.join([python, "-I", "-S", wrap.__file__, "--line"])
        return "\n".join(
            ["#!/bin/sh", *self._options.setup, f'exec {run} "$SLURM_ARRAY_TASK_ID" {shlex.quote(str(tasks))}', ""]
        )

    def _token(self, tag: str, index: str) -> str | None:
        """The attempt behind a task; also of arrays that an earlier command handed over."""
        if tag not in self._lists:
            path = self._folder / f"{tag}.jsonl"
            lines = path.read_text().splitlines() if path.exists() else []  # of another ladder of the same user
            self._lists[tag] = [json.loads(line)[1] for line in lines]
        tokens = self._lists[tag]
        return tokens[int(index)] if index.isdigit() and int(index) < len(tokens) else None

    def _ask(self, *command: str) -> str:
        done = self._run(command)
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise Unreachable(f"is beyond reach of Slurm: {command[0]} said: {said}")
        return done.stdout

    def _run(self, command: Sequence[str], script: str = "") -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command, input=script, env=self._environment, capture_output=True, text=True, timeout=ANSWER_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise Unreachable(f"waits for Slurm: {command[0]} has not answered for {ANSWER_SECONDS:.0f} s") from None
        except OSError as error:
            raise Unreachable(f"waits for Slurm: {command[0]} cannot be run ({error})") from None


def cluster_size(listing: str) -> tuple[float, float]:
    """CPUs and GPUs in lines of sinfo such as "0/64/0/64|2|gpu:a100:4(S:0-1)": allocated/idle/other/total CPUs of all
    these machines, their number, and what each has. A machine that is in two partitions is counted in both."""
    cpus = gpus = 0.0
    for line in listing.splitlines():
        cores, machines, gres = line.strip().split("|")
        cpus += float(cores.rpartition("/")[2])
        gpus += float(machines) * sum(map(int, re.findall(r"gpu(?::[^:,()]+)?:(\d+)", gres)))
    return cpus, gpus


def _without_job(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the settings of the Slurm job that this command may itself be: its children would inherit them."""
    foreign = ("SLURM_", "SBATCH_", "SQUEUE_", "SINFO_")
    return {name: value for name, value in environment.items() if name == CONF or not name.startswith(foreign)}


def _pieces(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
