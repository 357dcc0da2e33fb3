"""A served study while it changes: one watcher for all, events that can be missed and caught up with, and the verb."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import typer
from fake_campaign import FakeCampaign
from running_server import Running, running
from typer.testing import CliRunner

from isoflop.cli.serve import serve
from isoflop.errors import BadInput, Failure, MissingExtra
from isoflop.web import live as live_module
from isoflop.web.live import Hub, Live, Worker
from isoflop.web.study_source import open_sources

T = TypeVar("T")
VIEWERS = 12
"""benchmarks/serve_load.py has fifty."""


def in_own_loop(scene: Coroutine[Any, Any, T]) -> T:
    """What the coroutine returns, run in a thread: Playwright's browser, once started, holds a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, scene).result()


@pytest.fixture
def campaign(tmp_path: Path) -> FakeCampaign:
    made = FakeCampaign(tmp_path / "c", rungs=4)
    made.land(made.run_ids[0])
    return made


@pytest.fixture
def served(campaign: FakeCampaign) -> Iterator[Running]:
    with running(campaign.folder) as server:
        yield server


def only(server: Running) -> Live:
    (live,) = server.server._hub.studies.values()
    return live


def wait_until(what: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class Viewer:
    """Reads events as a browser would, from another event on if it has seen one."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines
        self.last = ""

    def next(self, kind: str) -> dict[str, Any]:
        event = ""
        for line in self.lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.last = value
            elif name == "event":
                event = value
            elif name == "data" and event == kind:
                return json.loads(value)  # type: ignore[no-any-return]
        raise AssertionError("the stream ended")


def test_many_viewers_share_one_watcher_and_all_see_a_run_land(served, campaign):
    async def watch_one(client: httpx.AsyncClient) -> list[str]:
        study = (await client.get("/api/studies/fake")).json()
        assert (await client.get("/")).status_code == 200
        async with client.stream("GET", "/api/studies/fake/events", params={"after": study["event"]}) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            kind = ""
            async for line in stream.aiter_lines():
                kind = line.removeprefix("event: ") if line.startswith("event: ") else kind
                if line.startswith("data: ") and kind == "runs":
                    return json.loads(line[6:])["columns"]["run_id"]  # type: ignore[no-any-return]
        raise AssertionError("the stream ended")

    async def all_of_them() -> list[list[str]]:
        headers = {"x-isoflop-token": served.token}
        async with httpx.AsyncClient(base_url=served.base, headers=headers, timeout=60) as client:
            watching = [asyncio.create_task(watch_one(client)) for _ in range(VIEWERS)]
            while only(served).viewers < VIEWERS:
                await asyncio.sleep(0.02)
            looks = only(served).looks
            await asyncio.to_thread(campaign.land, campaign.run_ids[1])
            told = await asyncio.gather(*watching)
            assert only(served).looks - looks <= 20  # not one for each viewer
            return told

    assert in_own_loop(all_of_them()) == [[campaign.run_ids[1]]] * VIEWERS
    wait_until(lambda: only(served).viewers == 0)


def test_a_viewer_who_comes_back_gets_what_it_missed_and_a_stranger_is_told_to_read_anew(served, campaign):
    with served.client() as client:
        first = client.get("/api/studies/fake").json()
        with client.stream("GET", "/api/studies/fake/events", params={"after": first["event"]}) as stream:
            viewer = Viewer(stream.iter_lines())
            campaign.land(campaign.run_ids[1])
            assert viewer.next("runs")["columns"]["run_id"] == [campaign.run_ids[1]]
        seen = viewer.last
        campaign.land(campaign.run_ids[2])
        with client.stream("GET", "/api/studies/fake/events", headers={"last-event-id": seen}) as stream:
            assert campaign.run_ids[2] in Viewer(stream.iter_lines()).next("runs")["columns"]["run_id"]
        for stranger in ("another-3", "x", f"{seen.split('-')[0]}-99999", "é"):
            with client.stream(
                "GET", "/api/studies/fake/events", headers={"last-event-id": stranger.encode()}
            ) as stream:
                assert Viewer(stream.iter_lines()).next("reset") == {}


def test_without_viewers_nothing_is_looked_at(served):
    with served.client() as client, client.stream("GET", "/api/studies/fake/events"):
        wait_until(lambda: only(served).viewers == 1)
    wait_until(lambda: only(served)._watching.done())
    looks = only(served).looks
    time.sleep(1.2)
    assert only(served).looks == looks


def test_silence_is_broken_by_a_heartbeat(served, monkeypatch):
    monkeypatch.setattr(live_module, "HEARTBEAT", 0.2)
    with served.client() as client, client.stream("GET", "/api/studies/fake/events") as stream:
        assert any(line.startswith(": no news") for line in stream.iter_lines())


def test_a_viewer_that_reads_nothing_is_let_go_and_holds_nobody_up(campaign):
    async def scene() -> None:
        live = Live(open_sources(campaign.folder)[0], Worker())
        await live.payload()
        streams = [live.stream(None) for _ in range(2)]
        for stream in streams:
            assert await anext(stream) == b"retry: 2000\n\n"
        reads: list[bytes] = []
        for number in range(live_module.QUEUED + 3):
            live._tell("runs", {"number": number})
            reads.append(await anext(streams[0]))
        assert len(reads) == live_module.QUEUED + 3
        assert live.viewers == 1
        left = [event async for event in streams[1]]
        assert len(left) < live_module.QUEUED
        await streams[0].aclose()
        live.close()

    in_own_loop(scene())


def test_the_same_state_of_the_runs_is_worked_out_once(campaign, monkeypatch):
    jobs: list[dict[str, Any]] = []

    async def lines(_: Worker, job: dict[str, Any]) -> Any:
        jobs.append(job)
        for step in job["steps"]:
            yield {"step": step, "answer": {"said": len(jobs)}}

    monkeypatch.setattr(Worker, "lines", lines)

    async def worked(live: Live) -> dict[str, Any]:
        await live.look()
        live.work()
        live.work()
        while live.answers()["working"]:
            await asyncio.sleep(0.01)
        return live.answers()

    async def scene() -> None:
        live = Live(open_sources(campaign.folder)[0], Worker())
        few = await worked(live)
        assert "1 finished run. A law needs at least 4" in few["steps"]["law"]["trouble"]
        assert jobs == []  # no process is begun to say so
        campaign.land(*campaign.run_ids[1:4])
        first = await worked(live)
        assert (await worked(live)) == first
        assert len(jobs) == 1
        campaign.land(campaign.run_ids[4])
        second = await worked(live)
        assert len(jobs) == 2
        assert second["of"] != first["of"]
        assert second["steps"]["law"] == {"said": 2}

    in_own_loop(scene())


@pytest.mark.long
def test_the_server_answers_while_a_study_is_worked_out(tmp_path):
    """In a process of its own, as it is: the slowest of many answers meanwhile is timed."""
    campaign = FakeCampaign(tmp_path / "c", rungs=5)
    campaign.land(*campaign.run_ids)
    with running(campaign.folder) as server, server.client() as client:
        client.get("/")
        assert client.get("/api/studies/fake/analysis").json()["working"]
        slowest = 0.0
        while (told := client.get("/api/studies/fake/analysis").json())["working"]:
            began = time.monotonic()
            client.get("/api/studies")
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.05)
            if "law" in told["steps"]:
                break
        assert "law" in told["steps"]
        assert "trouble" not in told["steps"]["law"]
        assert slowest < 5.0  # of a law that takes seconds


def test_a_study_that_cannot_be_read_any_more_is_said_and_the_server_lives(served, campaign):
    with served.client() as client, client.stream("GET", "/api/studies/fake/events") as stream:
        wait_until(lambda: only(served).viewers == 1)
        (campaign.folder / "ladder.json").write_text("{}")
        assert "damaged" in Viewer(stream.iter_lines()).next("trouble")["says"]
        assert client.get("/api/studies").status_code == 200


class TestTheVerb:
    @pytest.fixture
    def app(self) -> typer.Typer:
        made = typer.Typer()
        made.command("serve")(serve)
        return made

    def test_it_prints_its_link_serves_and_ends_on_ctrl_c(self, campaign):
        code = (
            "from isoflop.cli import serve as verb\n"
            "from isoflop.web.study import study_view\n"
            "verb.views_with = lambda sources: lambda: [study_view(served=True)]\n"
            f"verb.serve([{str(campaign.folder)!r}], port=0, host='127.0.0.1', no_browser=True)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        assert link.startswith("http://127.0.0.1:")
        with httpx.stream("GET", link, timeout=60) as page:
            assert page.status_code == 200
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
        assert "The pages are closed." in said
        assert "Traceback" not in said

    def test_another_address_is_taken_only_when_asked_for_and_with_a_warning(self, app, monkeypatch, tmp_path):
        bound: list[tuple[str, int]] = []

        class Quiet:
            def run(self, sockets: list[Any]) -> None:
                bound.append(sockets[0].getsockname())
                sockets[0].close()

        real = sys.modules["isoflop.web.server"].make_server

        def quiet(*given: Any, **options: Any) -> Any:
            _, socket, link = real(*given, **options)
            return Quiet(), socket, link

        monkeypatch.setattr("isoflop.web.server.make_server", quiet)
        monkeypatch.chdir(tmp_path)
        runner = CliRunner()
        plain = runner.invoke(app, ["--port", "0", "--no-browser"])
        assert (plain.exit_code, bound[-1][0]) == (0, "127.0.0.1")
        assert "warning" not in plain.output
        asked = runner.invoke(app, ["--port", "0", "--no-browser", "--host", "0.0.0.0"])
        assert (asked.exit_code, bound[-1][0]) == (0, "0.0.0.0")
        assert "not encrypted" in asked.output

    def test_a_port_that_is_taken_and_a_place_without_a_study_are_refused_in_words(self, app, served, tmp_path):
        runner = CliRunner()
        taken = runner.invoke(app, ["--port", str(served.port), "--no-browser"])
        assert isinstance(taken.exception, Failure)
        assert f"Port {served.port} is taken" in str(taken.exception)
        with pytest.raises(BadInput, match="no study in"):
            runner.invoke(app, [str(tmp_path / "nowhere.sqlite"), "--no-browser"], catch_exceptions=False)

    def test_without_the_extra_it_says_how_to_get_it(self, app, monkeypatch):
        monkeypatch.setitem(sys.modules, "uvicorn", None)
        with pytest.raises(MissingExtra, match=r'pip install "isoflop\[web\]"'):
            CliRunner().invoke(app, [], catch_exceptions=False)


def test_a_hub_ends_what_it_began(campaign):
    async def scene() -> None:
        hub = Hub({"fake": open_sources(campaign.folder)[0]})
        (live,) = hub.studies.values()
        stream = live.stream(None)
        await anext(stream)
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0.05)
        hub.close()
        while True:
            try:
                await asyncio.wait_for(waiting, 5)
                waiting = asyncio.create_task(anext(stream))
            except StopAsyncIteration:
                return

    in_own_loop(scene())
