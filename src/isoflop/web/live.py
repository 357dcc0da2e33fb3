"""Studies that change, and all who look at them: one watcher a study, whoever many are watching.

While somebody looks, a study is looked at again and again by a thread; what changed is written once and sent to all.
Nobody looking, nothing is done. What the runs teach is worked out by a process of its own, once for each state of the
runs, and kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
import tempfile
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from isoflop.errors import BadInput, Failure, IsoflopError
from isoflop.web.app import plain
from isoflop.web.study import now
from isoflop.web.study_analysis import LEAST_RUNS, STEPS, analyse, columns_of, usable
from isoflop.web.study_kept import keep_answers, read_answers
from isoflop.web.study_payload import changed_rows, study_payload
from isoflop.web.study_source import GivenSource, Seen, Source

LOOK_SECONDS = 1.0
LOOK_SHARE = 0.1
"""Of the time that looking may take: a store of many runs is looked at less often."""
FRESH_SECONDS = 10.0
"""Age of a look that a page may begin with."""
HEARTBEAT = 15.0
"""Seconds of silence after which a viewer is told that there is no news, so that proxies keep the line."""
KEPT_EVENTS, QUEUED = 256, 64
"""Events that a viewer who comes back may have missed, and those that a slow one may have waiting."""
KEPT_ANSWERS, KEPT_UPLOADS = 32, 8
MOST_VIEWERS = 400
ROUGHLY = 20
"""A run in flight is judged anew at every twentieth of its tokens."""


def encoded(value: Any) -> bytes:
    """JSON as bytes, numbers that are not finite as null."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class Worker:
    """Runs jobs in ``isoflop.web.study_worker``, one at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._running: set[asyncio.subprocess.Process] = set()

    async def lines(self, job: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """What the process says, line by line. Raises Failure when it dies."""
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "isoflop.web.study_worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=64 << 20,
            )
            self._running.add(process)
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(encoded(job))
                with contextlib.suppress(ConnectionError):
                    await process.stdin.drain()
                process.stdin.close()
                while line := await process.stdout.readline():
                    yield json.loads(line)
                if code := await process.wait():
                    raise Failure(f"The process that works out a study ended with code {code}. Look at the runs.")
            finally:
                self._running.discard(process)
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()

    def close(self) -> None:
        """End what is running."""
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


class Live:
    """One study, those who look at it, and what its runs teach."""

    def __init__(self, source: Source, worker: Worker) -> None:
        self.source = source
        self._worker = worker
        self._looking = asyncio.Lock()
        self._payload: dict[str, Any] | None = None
        self._seen: Seen | None = None
        self._looked_at = 0.0
        self._took = 0.0
        self._viewers: set[asyncio.Queue[bytes | None]] = set()
        self._events: deque[tuple[int, bytes]] = deque(maxlen=KEPT_EVENTS)
        self._start = secrets.token_hex(4)
        self._last = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._answers: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._working = ""
        self._judged: dict[str, object] = {}
        self._sought = ""
        self.looks = 0

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    async def payload(self) -> dict[str, Any]:
        """The study as it was a little while ago at most; its events tell whatever came since. Raises what looking
        raises."""
        if self._payload is None or time.monotonic() - self._looked_at > FRESH_SECONDS:
            await self.look()
        assert self._payload is not None
        return self._payload | {"event": self._event_id(self._last)}

    async def look(self) -> None:
        """Look at the study and tell those who watch what changed."""
        async with self._looking:
            began = time.monotonic()
            seen = await asyncio.to_thread(self.source.look)
            fresh = await asyncio.to_thread(study_payload, self.source, seen, at=now())
            self._looked_at, self._took = time.monotonic(), time.monotonic() - began
            self.looks += 1
            await self._remember(fresh["digest"])
            before, self._payload, self._seen = self._payload, fresh, seen
        if before is None or before["version"] == fresh["version"]:
            return
        changed = changed_rows(before["columns"], fresh["columns"])
        if changed is None:
            self._tell("reset", {})
            return
        told = {name: fresh[name] for name in ("at", "version", "progress", "digest", "notes")}
        same = before["ledger"] == fresh["ledger"]
        ledger = {} if same else {name: fresh[name] for name in ("ledger", "calibration")}
        self._tell("runs", told | ledger | {"columns": changed})

    async def stream(self, after: str | None) -> AsyncIterator[bytes]:
        """Server-sent events for one viewer. after: the last event that it has, None for one that has just read all."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED)
        missed = self._since(after)
        self._viewers.add(queue)
        self._watch()
        try:
            yield b"retry: 2000\n\n"
            for event in [self._event("reset", {})] if missed is None else missed:
                yield event
            while True:
                try:
                    event_or_end = await asyncio.wait_for(queue.get(), HEARTBEAT)
                except TimeoutError:
                    yield b": no news\n\n"
                    continue
                if event_or_end is None:
                    return
                yield event_or_end
        finally:
            self._viewers.discard(queue)

    async def _remember(self, digest: str) -> None:
        """Take what was kept on disk of these runs, at the first look at them."""
        if digest in (self._sought, *self._answers):
            return
        self._sought = digest
        if kept := await asyncio.to_thread(read_answers, self.source, digest):
            self._answers[digest] = kept

    def answers(self) -> dict[str, Any]:
        """What the runs teach as far as it is known. of: the state of the runs it comes from. working: whether more is
        being worked out."""
        digest = self._payload["digest"] if self._payload else ""
        of = digest if digest in self._answers else next(reversed(self._answers), "")
        return {"of": of, "steps": self._answers.get(of, {}), "working": bool(self._working)}

    def work(self) -> None:
        """Have what the runs teach worked out, unless it is known or being worked out."""
        if self._working or self._payload is None or self._seen is None:
            return
        digest, runs = self._payload["digest"], usable(self._seen.runs)
        if len(runs) < LEAST_RUNS:  # no process is needed to say so
            if digest not in self._answers:
                self._answers[digest] = dict(analyse(runs))
                self._tell("analysis", {"digest": digest, "working": False})
            return
        steps = self._steps_wanted()
        if steps:
            self._working = digest
            self._keep(asyncio.create_task(self._work(digest, self._seen, steps)))

    def close(self) -> None:
        """Send everybody home."""
        for queue in self._viewers:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(None)
        for task in self._tasks:
            task.cancel()

    def _steps_wanted(self) -> Sequence[str]:
        assert self._payload is not None
        assert self._seen is not None
        digest = self._payload["digest"]
        known = self._answers.get(digest, {})
        missing = [step for step in STEPS if step not in known]
        flying = [
            (row.run_id, int(ROUGHLY * row.share))
            for row in self._seen.rows
            if row.state == "running" and row.share > 0.1
        ]
        if not missing and flying and self._judged.get(digest) != flying:
            missing = ["watch"]
        self._judged = {digest: flying}
        return missing

    async def _work(self, digest: str, seen: Seen, steps: Sequence[str]) -> None:
        try:
            self._tell("analysis", {"digest": digest, "working": True})
            runs = usable(seen.runs)
            flying, references = await asyncio.to_thread(self.source.in_flight)
            job = {
                "job": "analyse",
                "columns": columns_of(runs),
                "steps": list(steps),
                "flying": [_told(curve, name, N, D) for name, N, D, curve in flying],
                "references": [_told(each.curve, each.curve.name, each.params, each.tokens) for each in references],
            }
            async for line in self._worker.lines(job):
                if "error" in line:
                    raise Failure(str(line["error"]))
                if "step" in line:
                    self._answers.setdefault(digest, {})[line["step"]] = line["answer"]
                    self._answers.move_to_end(digest)
                    self._tell("analysis", {"digest": digest, "step": line["step"], "working": True})
                    if line["step"] != "watch" or not flying:  # what flies moves on
                        await asyncio.to_thread(keep_answers, self.source, digest, {line["step"]: line["answer"]})
        except IsoflopError as error:
            for step in steps:
                self._answers.setdefault(digest, {}).setdefault(step, {"trouble": str(error)})
        finally:
            while len(self._answers) > KEPT_ANSWERS:
                self._answers.popitem(last=False)
            self._working = ""
            self._tell("analysis", {"digest": digest, "working": False})

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch_on())
            self._keep(self._watching)

    async def _watch_on(self) -> None:
        """Look as long as somebody does."""
        said = ""
        while self._viewers:
            trouble = ""
            try:
                await self.look()
                self.work()
            except IsoflopError as error:
                trouble = str(error)
            except OSError as error:
                trouble = f"The study cannot be read: {error.strerror}."
            if trouble != said:
                self._tell("trouble", {"says": trouble})
                said = trouble
            await asyncio.sleep(max(LOOK_SECONDS, self._took / LOOK_SHARE) if self.source.live else HEARTBEAT)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, kind: str, content: Any) -> None:
        """Send an event to all; whoever is too slow has to come back and ask for what it missed."""
        self._last += 1
        event = self._event(kind, content)
        self._events.append((self._last, event))
        for queue in list(self._viewers):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._viewers.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)

    def _event(self, kind: str, content: Any) -> bytes:
        return f"id: {self._event_id(self._last)}\nevent: {kind}\ndata: ".encode() + encoded(content) + b"\n\n"

    def _event_id(self, number: int) -> str:
        return f"{self._start}-{number}"

    def _since(self, after: str | None) -> list[bytes] | None:
        """The events after one; None where they are not all kept, or are another server's."""
        if after is None:
            return []
        start, _, number = after.partition("-")
        if start != self._start or not number.isascii() or not number.isdigit() or len(number) > 18:
            return None
        seen = int(number)
        if seen > self._last or (seen < self._last and (not self._events or self._events[0][0] > seen + 1)):
            return None
        return [event for n, event in self._events if n > seen]


class Hub:
    """All studies of a server."""

    def __init__(self, sources: dict[str, Source]) -> None:
        self._worker = Worker()
        self._reader = Worker()
        self.studies = {key: Live(source, self._worker) for key, source in sources.items()}
        self._uploads: deque[str] = deque()

    @property
    def viewers(self) -> int:
        return sum(live.viewers for live in self.studies.values())

    async def upload(self, name: str, content: bytes) -> Live:
        """A table of runs that a reader sent, as a study that lives as long as the server, or till others replace it.

        Raises BadInput for what is no table of runs.
        """
        with tempfile.TemporaryDirectory(prefix="isoflop-") as folder:
            path = Path(folder) / "sent"
            await asyncio.to_thread(path.write_bytes, content)
            told = [line async for line in self._reader.lines({"job": "read", "path": str(path), "name": name})]
        if not told or "error" in told[0]:
            raise BadInput(told[0]["error"] if told else "The table cannot be read. Write it as CSV.")
        source = GivenSource(table_of(told[0]), name=name)
        source.key = f"upload-{secrets.token_hex(4)}"
        live = self.studies[source.key] = Live(source, self._worker)
        self._uploads.append(source.key)
        while len(self._uploads) > KEPT_UPLOADS:
            self.studies.pop(self._uploads.popleft()).close()
        return live

    async def warm(self) -> None:
        """Look at every study once, so that the first page need not wait for it; troubles are told to who asks."""
        for live in list(self.studies.values()):
            with contextlib.suppress(IsoflopError, OSError):
                await live.look()

    def close(self) -> None:
        """Send everybody home and end what is being worked out."""
        for live in self.studies.values():
            live.close()
        for worker in (self._worker, self._reader):
            worker.close()


def table_of(told: dict[str, Any]) -> Any:
    """The runs that the reading process told of."""
    from dataclasses import replace

    import polars as pl

    from isoflop.web.study_analysis import runs_of
    from isoflop.web.study_worker import LABELS

    columns = told["columns"]
    runs = runs_of({name: values for name, values in columns.items() if name not in LABELS})
    texts = [name for name in LABELS if name in columns and name != "tokens_per_second"]
    named = runs.frame.with_columns(pl.Series(name, columns[name], dtype=pl.String, strict=False) for name in texts)
    return replace(runs, frame=named, notes=tuple(told["notes"]), source="an uploaded table")


def _told(curve: Any, name: str, N: float, D: float) -> dict[str, Any]:
    lr = None if curve.lr is None else curve.lr.tolist()
    return {
        "name": name,
        "params": N,
        "tokens": D,
        "at": curve.tokens.tolist(),
        "loss": curve.loss.tolist(),
        "lr": lr,
    }
