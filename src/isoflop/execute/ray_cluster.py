"""Ray: attempts as detached actors of a cluster, reached through a process of their own (``ray_bridge``)."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoflop.errors import MissingExtra
from isoflop.execute import wrap
from isoflop.execute.attempts import Attempt
from isoflop.execute.contract import Resources
from isoflop.execute.options import RayOptions
from isoflop.execute.scheduler import Queue, Unreachable

START_SECONDS = 90.0  # to import Ray and find the cluster; Ray itself gives up after about a minute
ANSWER_SECONDS = 60.0
REST_SECONDS = 5.0  # between two tries to reach a cluster that was lost
MIB = 2**20


class RayScheduler:
    """Speaks to Ray through the bridge, which it starts when needed and starts again when it died.

    folder: keeps the bridge's log. prefix: a command in front of the bridge's, such as ``nsenter`` for a cluster in
    another network namespace.
    """

    def __init__(self, options: RayOptions, folder: Path, prefix: Sequence[str] = ()) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtra("Ray", "ray")
        self._options, self._prefix = options, tuple(prefix)
        self._log = folder / "ray.log"
        folder.mkdir(parents=True, exist_ok=True)
        self._bridge: subprocess.Popen[bytes] | None = None
        self._said = b""
        self._rest_until = 0.0

    def start(self, attempts: Sequence[Attempt]) -> Mapping[str, str]:
        """An actor for each attempt; Ray queues what it has no room for, and refuses nothing."""
        self._request("start", [self._job(attempt) for attempt in attempts])
        return {}

    def queued(self) -> Queue:
        """The named actors of our namespace."""
        answer = self._request("queued")
        return Queue(
            frozenset(answer["tokens"]), float(answer["cpus"]), float(answer["gpus"]) * self._options.runs_per_gpu
        )

    def stop(self, tokens: Sequence[str]) -> None:
        """End the actors; a wrapper ends when its actor does."""
        self._request("stop", list(tokens))

    def close(self) -> None:
        """End the bridge."""
        bridge, self._bridge = self._bridge, None
        if bridge and bridge.stdin:
            bridge.stdin.close()
            try:
                bridge.wait(5.0)
            except subprocess.TimeoutExpired:
                bridge.kill()
                bridge.wait()

    def _job(self, attempt: Attempt) -> dict[str, Any]:
        python = self._options.python or sys.executable
        command = [python, "-I", "-S", wrap.__file__, str(attempt.job.directory), attempt.token]
        return {"token": attempt.token, "command": command, "needs": self._needs(attempt.job.resources)}

    def _needs(self, need: Resources) -> dict[str, Any]:
        needs: dict[str, Any] = {"num_cpus": need.cpus or 1, "resources": dict(self._options.resources or {})}
        if need.gpus:
            needs["num_gpus"] = need.gpus / self._options.runs_per_gpu
        if need.memory_mb:
            needs["memory"] = need.memory_mb * MIB
        return needs

    def _request(self, what: str, given: Any = None) -> Any:
        bridge = self._living_bridge()
        try:
            assert bridge.stdin is not None
            bridge.stdin.write(json.dumps({"do": what, "with": given}).encode() + b"\n")
            bridge.stdin.flush()
            answer = self._answer(bridge, ANSWER_SECONDS)
        except (OSError, Unreachable) as error:
            self._lose(bridge)
            raise Unreachable(f"is beyond reach of Ray at {self._options.address} ({error}; see {self._log})") from None
        if "error" in answer:  # such as WrongClusterID, for ever, from a driver that outlived its cluster's head
            self._lose(bridge)
            raise Unreachable(f"waits for Ray, which said: {answer['error'].splitlines()[0][:200]}")
        return answer["answer"]

    def _living_bridge(self) -> subprocess.Popen[bytes]:
        if self._bridge and self._bridge.poll() is None:
            return self._bridge
        if time.monotonic() < self._rest_until:
            raise Unreachable(f"waits for Ray at {self._options.address} (see {self._log})")
        command = [sys.executable, "-m", "isoflop.execute.ray_bridge", self._options.address, self._options.namespace]
        with self._log.open("ab") as log:
            self._bridge = subprocess.Popen(
                [*self._prefix, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, process_group=0
            )
        self._said = b""
        try:
            self._answer(self._bridge, START_SECONDS)
        except Unreachable as error:
            self._lose(self._bridge)
            raise Unreachable(
                f"waits for a Ray cluster at {self._options.address} ({error}; see {self._log}). Start one with "
                f"'ray start --head', or name another under [executor.ray] address"
            ) from None
        return self._bridge

    def _answer(self, bridge: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
        """The next line that the bridge says."""
        assert bridge.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._said:
            if not select.select([bridge.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise Unreachable(f"no answer for {seconds:.0f} s")
            more = os.read(bridge.stdout.fileno(), 65536)
            if not more:
                raise Unreachable(f"the connection ended with exit code {bridge.wait()}")
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _lose(self, bridge: subprocess.Popen[bytes]) -> None:
        bridge.kill()
        bridge.wait()
        self._bridge = None
        self._rest_until = time.monotonic() + REST_SECONDS
