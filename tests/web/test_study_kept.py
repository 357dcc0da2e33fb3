"""What runs teach, kept on disk: by whom it is found again, and what is done with files that are damaged or too many."""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fake_campaign import FakeCampaign
from study_answers import LAW, NEXT, WATCH

from isoflop.runs.run import Run
from isoflop.runs.table import Runs
from isoflop.store import open_store
from isoflop.web import study, study_kept
from isoflop.web.live import Live, Worker
from isoflop.web.study import snapshot
from isoflop.web.study_kept import BESIDE, keep_answers, read_answers
from isoflop.web.study_source import GivenSource, Source, open_sources

DIGEST = "0123456789abcdef"


@pytest.fixture
def campaign(tmp_path: Path) -> FakeCampaign:
    made = FakeCampaign(tmp_path / "c", rungs=4)
    made.land(*made.run_ids[:5])
    return made


@pytest.fixture
def source(campaign: FakeCampaign) -> Source:
    return open_sources(campaign.folder)[0]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / BESIDE).iterdir())


def test_steps_are_found_again_beside_the_study_and_further_ones_are_added(source, campaign):
    path = keep_answers(source, DIGEST, {"law": LAW})
    assert path is not None
    assert path.parent == campaign.folder / BESIDE
    keep_answers(source, DIGEST, {"next": NEXT})
    assert read_answers(open_sources(campaign.folder)[0], DIGEST) == {"law": LAW, "next": NEXT}
    assert read_answers(source, "another") == {}
    assert files(campaign.folder) == [path]


def test_another_version_of_isoflop_works_it_out_anew(source, monkeypatch):
    keep_answers(source, DIGEST, {"law": LAW})
    monkeypatch.setattr(study_kept.isoflop, "__version__", "0.0.0")
    assert read_answers(source, DIGEST) == {}


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda _: b"",
        lambda _: b"\xff\xfe",
        lambda _: b"[]",
        lambda _: b"[" * 100_000,
        lambda raw: raw.replace(b"chinchilla", b"chinchillb"),
        lambda raw: json.dumps(json.loads(raw) | {"steps": [1]}).encode(),
        lambda raw: json.dumps(json.loads(raw) | {"of": "another"}).encode(),
    ],
)
def test_a_damaged_file_is_as_if_it_were_not_there_and_is_written_anew(source, damage):
    path = keep_answers(source, DIGEST, {"law": LAW})
    assert path is not None
    path.write_bytes(damage(path.read_bytes()))
    assert read_answers(source, DIGEST) == {}
    assert keep_answers(source, DIGEST, {"next": NEXT}) == path
    assert read_answers(source, DIGEST) == {"next": NEXT}


def test_where_the_study_may_not_be_written_the_users_cache_keeps_it(source, campaign, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOFLOP_ANSWERS", str(tmp_path / "cache"))
    (campaign.folder / ".isoflop").write_text("a file where a folder would be")
    path = keep_answers(source, DIGEST, {"law": LAW})
    assert path is not None
    assert path.parent == tmp_path / "cache"
    assert read_answers(source, DIGEST) == {"law": LAW}
    monkeypatch.setenv("ISOFLOP_ANSWERS", "/proc/nowhere")
    assert keep_answers(source, DIGEST, {"law": LAW}) is None
    assert read_answers(source, DIGEST) == {}


def test_a_table_and_a_store_elsewhere_are_kept_in_the_cache_and_an_upload_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOFLOP_ANSWERS", str(tmp_path / "cache"))
    runs = Runs.from_runs([Run(params=1e6, tokens=1e9 + i, loss=3.0, run_id=f"r{i}") for i in range(4)])
    runs.frame.write_csv(tmp_path / "runs.csv")
    with open_store(tmp_path / "mine.sqlite") as store:
        store.record_run(Run(params=1e6, tokens=1e9, loss=3.0, run_id="x"), "a")
    for name in ("runs.csv", "mine.sqlite"):
        path = keep_answers(open_sources(tmp_path / name)[0], DIGEST, {"law": LAW})
        assert path is not None
        assert path.parent == tmp_path / "cache"
    assert keep_answers(GivenSource(runs, "sent"), DIGEST, {"law": LAW}) is None


def test_the_oldest_files_go_and_so_does_what_a_killed_process_left(source, campaign, monkeypatch):
    monkeypatch.setattr(study_kept, "KEPT", 3)
    first = keep_answers(source, "0", {"law": LAW})
    assert first is not None
    abandoned, fresh = (first.parent / f".{name}.part" for name in ("old", "new"))
    for path in (abandoned, fresh):
        path.write_text("half")
    os.utime(first, (1, 1))
    os.utime(abandoned, (1, 1))
    for digest in ("1", "2", "3"):
        keep_answers(source, digest, {"law": LAW})
    assert not first.exists()
    assert not abandoned.exists()
    assert fresh.exists()
    assert [bool(read_answers(source, digest)) for digest in ("0", "1", "2", "3")] == [False, True, True, True]


def test_two_that_write_at_once_leave_a_whole_file(source):
    with ThreadPoolExecutor(8) as threads:
        kept = list(
            threads.map(lambda i: keep_answers(source, DIGEST, {"law": LAW, "next": NEXT | {"i": i}}), range(40))
        )
    assert len(set(kept)) == 1
    found = read_answers(source, DIGEST)
    assert found["law"] == LAW
    assert found["next"]["i"] in range(40)
    assert [path.suffix for path in kept[0].parent.iterdir()] == [".json"]


def in_own_loop(scene: Any) -> Any:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, scene).result()


def test_a_server_that_starts_again_has_the_answers_without_working(source, campaign, monkeypatch):
    jobs: list[list[str]] = []

    async def lines(_: Worker, job: dict[str, Any]) -> Any:
        jobs.append(job["steps"])
        for step in job["steps"]:
            yield {"step": step, "answer": {"said": step}}

    monkeypatch.setattr(Worker, "lines", lines)

    async def served() -> dict[str, Any]:
        live = Live(open_sources(campaign.folder)[0], Worker())
        await live.payload()
        live.work()
        while live.answers()["working"]:
            await asyncio.sleep(0.01)
        return live.answers()

    first = in_own_loop(served())
    assert in_own_loop(served()) == first
    assert jobs == [["law", "next", "watch", "backtest"]]
    campaign.land(campaign.run_ids[5])
    assert in_own_loop(served())["of"] != first["of"]
    assert len(jobs) == 2
    campaign.train(campaign.run_ids[6], 0.5)
    in_own_loop(served())
    assert jobs[2:] == [["watch"]]  # with a run in flight it is judged anew


def test_a_file_of_pages_takes_what_a_server_kept_and_the_other_way_round(source, monkeypatch):
    asked: list[list[str]] = []

    def analyse(*_: Any, steps: list[str]) -> Any:
        asked.append(list(steps))
        return [(step, {"law": LAW, "watch": WATCH}[step]) for step in steps]

    monkeypatch.setattr(study, "analyse", analyse)
    first = snapshot(source, ("law", "watch"))
    assert snapshot(source, ("law", "watch"))["analysis"] == first["analysis"] == {"law": LAW, "watch": WATCH}
    assert asked == [["law", "watch"]]
    assert set(read_answers(source, first["digest"])) == {"law", "watch"}
