"""Real clusters on this machine: Slurm with its own configuration, ports and key, and Ray in a network of its own.

Only processes that were started here are ever signalled, each by its number.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

CPUS = 4  # of the pretended machine: jobs of these tests sleep more than they compute


class NotHere(Exception):
    """Why a cluster cannot be started on this machine; the reason of a skip."""


def wait_for(what: str, good: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not good():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} is not there after {seconds} s")
        time.sleep(0.05)


def end(process: subprocess.Popen | None, number: signal.Signals = signal.SIGKILL) -> None:
    if process is not None and process.poll() is None:
        process.send_signal(number)
        process.wait(timeout=20)


CONFIGURATION = """
ClusterName=isoflop-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=50000,bf_interval=1,requeue_setup_env_fail
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=5
MessageTimeout=5
SlurmdTimeout=20
SlurmctldTimeout=20
InactiveLimit=0
MinJobAge=10
MailProg=/bin/true
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class SlurmHere:
    """slurmctld and slurmd of Debian's slurm-wlm, run as root on 127.0.0.1, with a munged of their own."""

    def __init__(self) -> None:
        for program in ("munged", "slurmctld", "slurmd", "sbatch"):
            if shutil.which(program) is None:
                raise NotHere(f"no {program} here (Debian: apt-get install slurm-wlm munge)")
        if os.geteuid() != 0:
            raise NotHere("Slurm's daemons need root")
        self.folder = Path(tempfile.mkdtemp(prefix="isoflop-slurm-"))
        self.folder.chmod(0o755)
        self._configure()
        self.munged: subprocess.Popen | None = None
        self.controller: subprocess.Popen | None = None
        self.daemon: subprocess.Popen | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        munge = self.folder
        self.munged = self._run(
            "munged", "--foreground", "--force", f"--socket={munge}/munge.socket", f"--key-file={munge}/munge.key",
            f"--pid-file={munge}/munged.pid", f"--log-file={munge}/munged.log", f"--seed-file={munge}/munged.seed",
        )  # fmt: skip
        wait_for("munge's socket", (munge / "munge.socket").exists, 10)
        self.start_controller()
        self.start_daemon()
        wait_for("an idle node", lambda: "idle" in self.say("sinfo", "-h", "-o", "%t"), 20)

    def start_controller(self) -> None:
        self.controller = self._run("slurmctld", "-D")

    def restart_controller(self) -> None:
        self.kill_controller()
        self.start_controller()

    def restart_daemon(self) -> None:
        self.kill_daemon()
        self.start_daemon()

    def resume(self) -> None:
        """What an administrator does with a machine that Slurm drained, as it does when a number was given again."""
        if any(word in self.say("sinfo", "-h", "-o", "%t") for word in ("dr", "down")):
            self.say("scontrol", "update", f"NodeName={socket.gethostname().split('.')[0]}", "State=RESUME")

    def start_daemon(self) -> None:
        self.daemon = self._run("slurmd", "-D")

    def kill_controller(self) -> None:
        end(self.controller)

    def kill_daemon(self) -> None:
        end(self.daemon)

    def say(self, *command: str) -> str:
        return subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=20
        ).stdout

    def stop(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.say("scancel", "--signal=KILL", "--full", f"--user={os.getuid()}")
            self.say("scancel", f"--user={os.getuid()}")
            wait_for("an empty queue", lambda: not self.say("squeue", "-h").strip(), 10)
        for process in (self.daemon, self.controller, self.munged):
            end(process, signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configure(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(256))
        key.chmod(0o400)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        controller, daemon = free_ports(2)
        text = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], controller=controller, daemon=daemon, folder=self.folder, cpus=CPUS
        )
        (self.folder / "slurm.conf").write_text(text)

    def _run(self, *command: str) -> subprocess.Popen:
        with (self.folder / "daemons.log").open("ab") as log:
            return subprocess.Popen(
                command, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class RayHere:
    """A Ray head in a network namespace that has only loopback, so that nothing else can reach it."""

    def __init__(self) -> None:
        self._ray = Path(sys.executable).with_name("ray")
        if not self._ray.exists():
            raise NotHere("Ray is not installed (pip install 'isoflop[ray]')")
        if sys.platform != "linux" or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
            raise NotHere("a network namespace needs Linux with unshare, nsenter and ip")
        self._room = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 86400"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._room.stdout is not None
        if self._room.stdout.readline() != "up\n":
            self._room.wait()
            raise NotHere("a network namespace cannot be made here (it needs root)")
        (port,) = free_ports(1)  # Ray refuses a port of another Ray that it sees in /proc, in whatever network
        self.address = f"127.0.0.1:{port}"
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # Ray's socket paths may have 107 characters

    @property
    def prefix(self) -> tuple[str, ...]:
        """What brings a command into the namespace."""
        return ("nsenter", f"--net=/proc/{self._room.pid}/ns/net")

    def start(self) -> None:
        port = self.address.partition(":")[2]
        self._begin(
            "--head", f"--port={port}", "--num-gpus=1", "--include-dashboard=false", f"--temp-dir={self.folder}"
        )

    def add_machine(self) -> None:
        """A second raylet on the same machine, as Ray's own tests do it."""
        self._begin(f"--address={self.address}")

    def stop(self) -> None:
        deadline = time.monotonic() + 20
        while (left := self.processes()) and time.monotonic() < deadline:
            self.kill(left)
        end(self._room)
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self, word: str = "") -> list[int]:
        """Processes of this namespace, and so of this cluster, whose command has the word in it."""
        here = os.readlink(f"/proc/{self._room.pid}/ns/net")
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self._room.pid:
                continue
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if os.readlink(entry / "ns/net") == here and command and word in command:
                    found.append(int(entry.name))
        return found

    def kill(self, pids: list[int]) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)

    def kill_head(self) -> None:
        """The controller, the raylets and everything that belongs to them, all at once; not what uses them."""
        parts = ("gcs_server", "raylet", "ray::", "/ray/dashboard", "/ray/_private", "/ray/autoscaler")
        deadline = time.monotonic() + 20
        while left := [pid for part in parts for pid in self.processes(part)]:
            assert time.monotonic() < deadline
            self.kill(left)

    def _begin(self, *options: str) -> None:
        size = (f"--num-cpus={CPUS}", "--object-store-memory=80000000", "--node-ip-address=127.0.0.1")
        command = [*self.prefix, str(self._ray), "start", *options, *size, "--disable-usage-stats"]
        done = subprocess.run(
            command, env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}, capture_output=True, text=True, timeout=120
        )
        if done.returncode != 0:
            raise TimeoutError(f"Ray did not start:\n{done.stdout}\n{done.stderr}")


Cluster = TypeVar("Cluster", SlurmHere, RayHere)


def started(kind: type[Cluster]) -> Iterator[Cluster]:
    """A cluster that runs until the generator is closed, or a skip with the reason."""
    try:
        cluster = kind()
    except NotHere as reason:
        pytest.skip(str(reason))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
