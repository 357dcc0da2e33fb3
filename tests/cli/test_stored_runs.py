"""A study's store is a table of runs like any other."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from terminal import ONE_FORM, Isoflop

from isoflop.runs.reading import read_runs
from isoflop.runs.run import Run
from isoflop.store import open_store


def kept(ladder: Path, where: Path, study: str = "mine") -> Path:
    frame = read_runs(ladder).frame
    with open_store(where) as store:
        for number, row in enumerate(frame.select("params", "tokens", "loss").iter_rows(named=True)):
            store.record_run(Run(run_id=f"run-{number}", **row), study)
    return where


def test_a_store_and_the_folder_of_a_study_answer_as_their_table_does(
    isoflop: Isoflop, ladder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "speeches"
    folder.mkdir()
    store = kept(ladder, folder / "study.sqlite")
    losses = [
        isoflop("forecast", source, "--at", "N=3e9,D=6e10", *ONE_FORM, "--json").json["forecasts"][0]["loss"]
        for source in (ladder, store, folder)
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-9)


def test_a_filter_and_columns_of_the_readers_own_hold_for_a_store(
    isoflop: Isoflop, ladder: Path, tmp_path: Path
) -> None:
    store = kept(ladder, tmp_path / "study.sqlite")
    half = pl.read_csv(ladder)["N" if "N" in pl.read_csv(ladder).columns else "params"].median()
    answer = isoflop("fit", store, "--where", f"params <= {half}", *ONE_FORM, "--json").json
    assert 0 < answer["n_runs"] < 20


def test_places_without_runs_are_refused_with_what_to_give_instead(
    isoflop: Isoflop, ladder: Path, tmp_path: Path
) -> None:
    assert "no store at" in isoflop("fit", tmp_path / "none.sqlite").err
    with open_store(tmp_path / "empty.sqlite"):
        pass
    assert "no finished run yet" in isoflop("fit", tmp_path / "empty.sqlite").err
    kept(ladder, kept(ladder, tmp_path / "two.sqlite", "one"), "two")
    answer = isoflop("fit", tmp_path / "two.sqlite")
    assert answer.code == 2
    assert "2 studies (one, two)" in answer.err


def test_of_a_demonstration_the_ladder_is_fitted_and_its_target_is_not(
    isoflop: Isoflop, ladder: Path, tmp_path: Path
) -> None:
    store = kept(ladder, tmp_path / "study.sqlite", "ladder")
    alone = isoflop("forecast", store, "--at", "N=3e9,D=6e10", *ONE_FORM, "--json").json
    with open_store(store) as opened:
        opened.record_run(Run(run_id="target", params=3e9, tokens=6e10, loss=9.0), "target")
    both = isoflop("forecast", tmp_path, "--at", "N=3e9,D=6e10", *ONE_FORM, "--json").json
    assert both["forecasts"] == alone["forecasts"]
    assert both["n_runs"] == alone["n_runs"]
