"""The process that speaks to Ray: ``python -m isoflop.execute.ray_bridge ADDRESS NAMESPACE``.

Ray ends the process of a driver whose head or raylet dies, and the coordinator should live on; so the driver is a
process of its own. It takes a request a line on standard input, answers with a line on standard output, and ends with
its input. What it starts are detached actors, which outlive it and end by themselves with the wrapper they run.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}


def main(address: str, namespace: str) -> None:
    """Answer requests until standard input ends."""
    os.environ.update(QUIET)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints must not reach the answers
    import ray

    ray.init(address=address, namespace=namespace, log_to_driver=False, logging_level=logging.WARNING)
    _say(answers, {"ready": ray.__version__})
    bridge = _Bridge(ray)
    doing: dict[str, Callable[[Any], Any]] = {"start": bridge.start, "queued": bridge.queued, "stop": bridge.stop}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            _say(answers, {"answer": doing[request["do"]](request.get("with"))})
        except Exception as error:  # of Ray, which raises dozens of kinds: the coordinator is told
            _say(answers, {"error": f"{type(error).__name__}: {error}"})


def _say(answers: TextIO, answer: Mapping[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


class _Bridge:
    """The three requests."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._actor = ray.remote(_actor_class())

    def start(self, jobs: list[dict[str, Any]]) -> None:
        """An actor for each attempt, named by its token; Ray starts them when it has room."""
        for job in jobs:
            actor = self._actor.options(name=job["token"], lifetime="detached", max_restarts=0, **job["needs"])
            actor.remote(job["command"])

    def queued(self, _: None) -> dict[str, Any]:
        """The names of the actors that wait or run, and the size of the cluster."""
        size = self._ray.cluster_resources()
        names = self._ray.util.list_named_actors()
        return {"tokens": names, "cpus": size.get("CPU", 0.0), "gpus": size.get("GPU", 0.0)}

    def stop(self, tokens: list[str]) -> None:
        """End actors that still exist."""
        for token in set(tokens) & set(self._ray.util.list_named_actors()):
            try:
                self._ray.kill(self._ray.get_actor(token), no_restart=True)
            except ValueError:  # it ended in between
                continue


def _actor_class() -> type:
    """Made here, so that Ray sends the code itself and the machines need not import isoflop for it."""

    class Attempt:
        """Runs the wrapper of one attempt and ends with it, whoever else is alive."""

        def __init__(self, command: list[str]) -> None:
            import os
            import subprocess
            import threading
            import time

            import ray

            myself = ray.get_runtime_context().current_actor
            wrapper = subprocess.Popen(command, env={**os.environ, "ISOFLOP_ACTOR": str(os.getpid())})

            def end_with_it() -> None:
                wrapper.wait()
                ray.kill(myself)
                time.sleep(10)  # where there is no head left to do it
                os._exit(0)

            threading.Thread(target=end_with_it, daemon=True).start()

    return Attempt


if __name__ == "__main__":
    main(*sys.argv[1:])
