"""Fifty viewers of a live study, and a study of a thousand runs in a browser: what a served study page costs.

    python benchmarks/serve_load.py [--viewers 50] [--runs 1000] [--seconds 30]

The server is a process of its own (``isoflop serve``). The study is a ladder's folder in which runs land, as a
coordinator lets them, while every viewer holds the event stream and reads the page, the study and its curves again and
again. Then a browser opens a study of many runs whose analysis is known, and the time until it is ready is measured:
table, chart and answers drawn; Chromium and Playwright are needed for that part alone. Last, the server is started
again, and has what it worked out from disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from isoflop.runs.run import Run
from isoflop.store import open_store
from isoflop.workbench.ladder import Ladder
from isoflop.workbench.ladder_notes import Place, write_notes
from isoflop.workbench.study import open_study
from isoflop.workbench.trunk import Trunk

STUDY = "load"
SERVE = (
    "import sys\nfrom isoflop.cli import serve as verb\nfrom isoflop.web.study import study_view\n"
    "verb.views_with = lambda sources: lambda: [study_view(served=True)]\n"
    "verb.serve([sys.argv[1]], port=0, host='127.0.0.1', no_browser=True)"
)
"""The study page alone, so that the figures are its own."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--viewers", type=int, default=50)
    options.add_argument("--runs", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=30.0)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as room:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
        live = Campaign(Path(room) / "live", 60)
        with serving(live.folder) as (link, process):
            told = asyncio.run(watch_together(link, live, asked.viewers, asked.seconds))
            print(json.dumps(told | {"server": usage(process)}, indent=2))
        large = Campaign(Path(room) / "large", asked.runs)
        large.land(large.run_ids)
        with serving(large.folder) as (link, _):
            print(json.dumps({"runs": asked.runs, **analysed(link), **ready(link)}, indent=2))
        began = time.monotonic()
        with serving(large.folder) as (link, _):
            again = {"link_printed_s": round(time.monotonic() - began, 1), **analysed(link)}
            print(json.dumps({"started_again": again}, indent=2))


class Campaign:
    """A ladder's folder in which nothing is trained."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        choose = random.Random(0)
        self.trunks = [_trunk(i, choose) for i in range(runs)]
        study = open_study(folder)
        self.store = str(study.store_path)
        ladder = Ladder(name=STUDY, folder=folder, store=self.store, recipe={}, trunks=tuple(self.trunks))
        write_notes(study, ladder, self.trunks, Place("local", 2, True), self.store)
        self.run_ids = [run_id for trunk in self.trunks for run_id in trunk.branches]

    def land(self, run_ids: list[str]) -> None:
        wanted = set(run_ids)
        with open_store(self.store) as store, store.together():
            for trunk in self.trunks:
                for run_id, tokens in trunk.branches.items():
                    if run_id in wanted:
                        store.record_run(_run(trunk, run_id, tokens), STUDY)


def _trunk(i: int, choose: random.Random) -> Trunk:
    N = 10 ** choose.uniform(6, 9.5)
    tokens = N * 10 ** choose.uniform(0.5, 2.3)
    spec_id = f"{i:016x}"
    command = (sys.executable, "-c", "pass")
    return Trunk(
        name=f"N={N:.3g} seed {i % 3}",
        spec_id=spec_id,
        spec=json.dumps({"spec_id": spec_id}),
        params=N,
        branches={f"run-{spec_id}": tokens},
        tokens_total=tokens,
        command=command,
    )


def _run(trunk: Trunk, run_id: str, tokens: float) -> Run:
    noise = random.Random(run_id).gauss(0, 0.004)
    loss = (1.7 + 400 / trunk.params**0.34 + 410 / tokens**0.28) * math.exp(noise)
    return Run(params=trunk.params, tokens=tokens, loss=loss, run_id=run_id, trunk=trunk.spec_id)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


def usage(process: subprocess.Popen[str]) -> dict[str, float]:
    """Memory and processor time of the server so far, its analyses apart."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    memory = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return {"MiB": round(memory), "cpu_seconds": sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")}


async def watch_together(link: str, campaign: Campaign, viewers: int, seconds: float) -> dict[str, Any]:
    """Every viewer opens the page, holds the stream and reads the study now and then, while runs land."""
    base, token = link.split("/?token=")
    errors: list[str] = []
    delays: list[float] = []
    answers: list[float] = []
    landed: dict[str, float] = {}
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=base, headers={"x-isoflop-token": token}, timeout=60, limits=limits
    ) as client:
        await client.get("/")
        tasks = [asyncio.create_task(_view(client, end, errors, delays, answers, landed)) for _ in range(viewers)]
        await asyncio.sleep(min(5.0, seconds / 4))
        for run_id in campaign.run_ids:
            if time.monotonic() > end - 3:
                break
            await asyncio.to_thread(campaign.land, [run_id])
            landed[run_id] = time.monotonic()
            await asyncio.sleep(1.0)
        await asyncio.gather(*tasks)
    return {
        "viewers": viewers,
        "seconds": seconds,
        "runs_landed": len(landed),
        "errors": len(errors),
        "first_errors": errors[:3],
        "seen_by_viewers": len(delays),
        "to_have_been_seen": len(landed) * viewers,
        "landed_to_seen_s": _spread(delays),
        "answer_s": _spread(answers),
        "requests": len(answers),
    }


async def _view(
    client: httpx.AsyncClient,
    end: float,
    errors: list[str],
    delays: list[float],
    answers: list[float],
    landed: dict[str, float],
) -> None:
    async def ask(path: str) -> Any:
        began = time.monotonic()
        answer = await client.get(path)
        answers.append(time.monotonic() - began)
        if answer.status_code != 200:
            errors.append(f"{path}: {answer.status_code} {answer.text[:80]}")
        return answer

    async def browse() -> None:
        while time.monotonic() < end:
            await asyncio.sleep(random.uniform(2, 6))
            await ask(f"/api/studies/{STUDY}/{random.choice(['curves', 'analysis'])}")

    async def listen(after: str) -> None:
        kind = ""
        async with client.stream("GET", f"/api/studies/{STUDY}/events", params={"after": after}) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: ") and kind == "runs":
                    columns = json.loads(line[6:])["columns"]
                    done = [r for r, state in zip(columns["run_id"], columns["state"], strict=True) if state == 0]
                    delays.extend(time.monotonic() - landed[run_id] for run_id in done if run_id in landed)

    try:
        await ask("/")
        study = (await ask(f"/api/studies/{STUDY}")).json()
        listening = asyncio.create_task(listen(study["event"]))
        await browse()
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
    except (httpx.HTTPError, KeyError, ValueError) as error:
        errors.append(f"{type(error).__name__}: {error}")


def analysed(link: str) -> dict[str, float]:
    """Seconds until each step of the first analysis is known."""
    base, token = link.split("/?token=")
    found: dict[str, float] = {}
    began = time.monotonic()
    with httpx.Client(base_url=base, headers={"x-isoflop-token": token}, timeout=60) as client:
        while True:
            told = client.get(f"/api/studies/{STUDY}/analysis").json()
            for step in told["steps"]:
                found.setdefault(f"{step}_known_after_s", round(time.monotonic() - began, 1))
            if not told["working"] and len(told["steps"]) == 4:
                return found
            time.sleep(0.2)


def ready(link: str, times: int = 5) -> dict[str, Any]:
    """Milliseconds from asking for the page to its being ready, analysis known."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {"page_ready": "Playwright is not installed"}
    chromium = os.environ.get("ISOFLOP_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        return {"page_ready": "no chromium here"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        taken = []
        for _ in range(times):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = context.new_page()
            began = time.monotonic()
            page.goto(link, wait_until="commit")
            page.wait_for_selector(".study-ready .part figure.chart.ready")
            taken.append(1000 * (time.monotonic() - began))
            context.close()
        browser.close()
    return {"page_ready_ms": {"median": round(statistics.median(taken)), "worst": round(max(taken))}}


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        name: round(ordered[int(share * (len(ordered) - 1))], 3)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("worst", 1.0))
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, max(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    main()
