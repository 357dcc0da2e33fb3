"""Targets are runs not made yet: their loss may be unknown on every row, or on some."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from terminal import ONE_FORM, Isoflop

from isoflop.runs import read_runs, write_runs


def test_targets_without_a_loss_are_forecast_and_not_scored(isoflop: Isoflop, ladder: Path, tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text("params,tokens\n7e10,1.4e12\n8B,15T\n")
    answer = isoflop("forecast", ladder, "--targets", tmp_path / "plans.csv", *ONE_FORM, "--json").json
    assert [row["params"] for row in answer["forecasts"]] == [70e9, 8e9]
    assert "scores" not in answer
    assert all("measured" not in row for row in answer["forecasts"])
    at = isoflop("forecast", ladder, "--at", "N=70e9,D=1.4e12", *ONE_FORM, "--json").json
    assert answer["forecasts"][0]["loss"] == at["forecasts"][0]["loss"]


def test_scores_are_over_the_targets_that_have_a_loss(isoflop: Isoflop, ladder: Path, tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("params,tokens,loss\n2e9,4e10,2.4\n1e10,1e11,\n4e9,8e10,2.3\n")
    arguments = ("forecast", ladder, "--targets", tmp_path / "some.csv", *ONE_FORM)
    answer = isoflop(*arguments, "--json")
    rows, scores = answer.json["forecasts"], answer.json["scores"]
    assert [row["measured"] for row in rows] == [2.4, None, 2.3]
    known = [abs(row["loss"] / row["measured"] - 1) for row in rows if row["measured"]]
    assert (scores["n_targets"], scores["median_abs_rel_error"]) == (2, pytest.approx(np.median(known)))
    assert "some.csv: 2 of 3 rows have a loss; the scores are over those." in answer.err
    assert max(map(len, isoflop(*arguments).out.splitlines())) <= 80


def test_targets_still_need_their_sizes(refused: Callable[..., str], ladder: Path, tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text("params\n7e10\n")
    assert "no column for tokens" in refused("forecast", ladder, "--targets", tmp_path / "plans.csv", *ONE_FORM)
    (tmp_path / "holes.csv").write_text("params,tokens\n7e10,1e12\n,1e12\n")
    assert "row 2: params is missing" in refused("forecast", ladder, "--targets", tmp_path / "holes.csv", *ONE_FORM)


def test_targets_in_bits_per_byte_need_no_bytes_per_token_while_they_have_no_loss(tmp_path: Path) -> None:
    plans = pl.DataFrame({"params": [7e10], "tokens": [1.4e12]})
    runs = read_runs(plans, loss_unit="bits_per_byte", needs=("params", "tokens"))
    assert not runs.has("loss")
    assert np.isnan(runs.loss).all()
    write_runs(runs, tmp_path / "plans.parquet")
    assert read_runs(tmp_path / "plans.parquet", needs=("params", "tokens")).flops == pytest.approx(5.88e23)
