"""Kill everything a cluster is made of, at random moments: ``python benchmarks/kill_study_clusters.py --on slurm``.

A real Slurm or Ray runs on this machine (as in tests/execute). Rounds of jobs that count their own steps go through it,
while whoever is drawn is killed with SIGKILL: the coordinator, the wrapper, the job, the scheduler's daemons. The
coordinator is started again by the same command; the daemons are started again. A round is over when every job is
counted. Prints, as a table, how often each was killed and what became of the jobs:

    counted once   jobs that were completed exactly once        overlaps   times two processes were at one job
    steps          steps saved, which must be as many as were asked for: none lost, none done twice
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests" / "execute"
sys.path.insert(0, str(TESTS))

from deeds import STEP_SECONDS, deed, pids  # noqa: E402
from real_clusters import NotHere, RayHere, SlurmHere  # noqa: E402

JOBS, SECONDS = 8, 2.0  # of a round: jobs, and work in each
ROUND_SECONDS = 300.0
COORDINATOR = """
import sys, time
from pathlib import Path
tests, folder, name, address = sys.argv[1:]
sys.path.insert(0, tests)
from deeds import deed
from isoflop.execute import open_executor
options = {"refresh_seconds": 0.1, "look_seconds": 0.1, "pulse_seconds": 0.3, "vanish_seconds": 4.0}
if address:
    options["address"] = address
executor = open_executor(name, options, folder=Path(folder) / "notes")
jobs = [deed(Path(folder), str(number), seconds=SECONDS) for number in range(JOBS)]
handles = {job.name: executor.submit(job) for job in jobs}
while not all((job.directory / "counted").exists() for job in jobs):
    for job in jobs:
        if executor.poll(handles[job.name]).state.ended and not (job.directory / "counted").exists():
            handles[job.name] = executor.submit(job)
    time.sleep(0.05)
""".replace("SECONDS", str(SECONDS)).replace("JOBS", str(JOBS))
Kills = Mapping[str, Callable[[], bool]]


class Round:
    """One set of jobs and the coordinator that sees them through."""

    def __init__(self, cluster: SlurmHere | RayHere, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.jobs = [deed(folder, str(number), seconds=SECONDS) for number in range(JOBS)]
        self.coordinator: subprocess.Popen[bytes] | None = None
        self.kills = self._kills()

    def run(self, rng: random.Random, left: int) -> Counter[str]:
        """Kill at random moments until all jobs are counted or ``left`` kills are spent; then let them finish."""
        done: Counter[str] = Counter()
        deadline = time.monotonic() + ROUND_SECONDS
        while not self.finished():
            if time.monotonic() > deadline:
                raise SystemExit(f"Not finished after {ROUND_SECONDS:.0f} s: {self.folder}")
            if isinstance(self.cluster, SlurmHere):
                self.cluster.resume()
            self._wait_for_progress()
            time.sleep(rng.uniform(0.0, 1.0))
            name = rng.choice(list(self.kills))
            if done.total() < left and self.kills[name]():
                done[name] += 1
        if self.coordinator:
            self.coordinator.wait(60)
        return done

    def stop(self) -> None:
        if self.coordinator and self.coordinator.poll() is None:
            self.coordinator.kill()
            self.coordinator.wait()

    def _wait_for_progress(self) -> None:
        """Until a step was saved since the last kill: what never gets to work is not put to the test."""
        before, patience = self._steps(), time.monotonic() + 20.0
        while self._steps() == before and not self.finished() and time.monotonic() < patience:
            self._keep_coordinator()
            time.sleep(0.05)

    def _steps(self) -> int:
        paths = [job.directory / "steps" for job in self.jobs]
        return sum(path.stat().st_size for path in paths if path.exists())

    def finished(self) -> bool:
        return all((job.directory / "counted").exists() for job in self.jobs)

    def _keep_coordinator(self) -> None:
        if self.coordinator and self.coordinator.poll() is None:
            return
        name, address = ("ray", self.cluster.address) if isinstance(self.cluster, RayHere) else ("slurm", "")
        command = [sys.executable, "-c", COORDINATOR, str(TESTS), str(self.folder), name, address]
        prefix = self.cluster.prefix if isinstance(self.cluster, RayHere) else ()
        with (self.folder / "coordinator.log").open("ab") as log:
            self.coordinator = subprocess.Popen([*prefix, *command], stdout=log, stderr=log)

    def _kills(self) -> Kills:
        common: dict[str, Callable[[], bool]] = {
            "coordinator": self._kill_coordinator,
            "wrapper": lambda: self._kill_one("wrapper"),
            "job": lambda: self._kill_one("worker"),
        }
        cluster = self.cluster
        if isinstance(cluster, SlurmHere):
            slurm = {"slurmctld": cluster.restart_controller, "slurmd": cluster.restart_daemon}
            return common | {name: lambda kill=kill: kill() or True for name, kill in slurm.items()}
        return common | {
            "Ray worker": lambda: bool(cluster.kill(cluster.processes("ray::Attempt")[:1]) or True),
            "Ray head": lambda: bool(cluster.kill_head() or cluster.start() or True),
        }

    def _kill_coordinator(self) -> bool:
        if self.coordinator and self.coordinator.poll() is None:
            self.coordinator.kill()
            self.coordinator.wait()
            return True
        return False

    def _kill_one(self, kind: str) -> bool:
        """SIGKILL to the wrapper or the worker of the first job that is at work."""
        for job in self.jobs:
            if (job.directory / "begun").exists() and not (job.directory / "counted").exists():
                pid = pids(job)[kind]
                if b"wrap.py" in _told(pid) or _at(pid) == job.directory:  # the number is still theirs
                    subprocess.run(["kill", "-9", str(pid)], check=False)
                    return True
        return False

    def verdict(self) -> Counter[str]:
        asked = round(SECONDS / STEP_SECONDS)
        folders = [job.directory for job in self.jobs]
        return Counter(
            jobs=JOBS,
            counted_once=sum((folder / "counted").read_text() == "once\n" for folder in folders),
            overlaps=sum((folder / "overlap").exists() for folder in folders),
            steps=sum((folder / "steps").stat().st_size for folder in folders),
            steps_asked=JOBS * asked,
        )


def _told(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _at(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def study(name: str, kills: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """How often each was killed, and the sum of the verdicts."""
    cluster = RayHere() if name == "ray" else SlurmHere()
    rng, done, found = random.Random(seed), Counter[str](), Counter[str]()
    try:
        cluster.start()
        while done.total() < kills:
            folder = Path(tempfile.mkdtemp(prefix=f"kills-{name}-"))
            if isinstance(cluster, SlurmHere):
                os.environ.update(cluster.environment)
            one = Round(cluster, folder)
            try:
                done += one.run(rng, kills - done.total())
            finally:
                one.stop()
            found += one.verdict()
            print(f"{done.total()} kills, {found['counted_once']} of {found['jobs']} counted once", file=sys.stderr)
    finally:
        cluster.stop()
    return done, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", choices=("slurm", "ray"), required=True)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        done, found = study(arguments.on, arguments.kills, arguments.seed)
    except NotHere as reason:
        raise SystemExit(f"Skipped: {reason}") from None
    print("\n| killed | times |\n|---|---|")
    print("\n".join(f"| {name} | {times} |" for name, times in sorted(done.items())))
    print(
        f"\n{found['jobs']} jobs, {found['counted_once']} counted exactly once, {found['overlaps']} overlaps, ", end=""
    )
    print(f"{found['steps']} steps saved of {found['steps_asked']} asked for.")


if __name__ == "__main__":
    main()
