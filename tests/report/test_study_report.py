"""A study's report: the numbers of the verbs, whatever the state of the runs, the same on a page and in Markdown."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.errors import BadInput
from isoflop.forecasting.averaging import fit_ensemble
from isoflop.forecasting.forecast import forecast
from isoflop.planning.budget import read_budget
from isoflop.planning.next_run import next_runs
from isoflop.planning.plan import plan
from isoflop.report.page import Section, render
from isoflop.report.report_markdown import markdown, save_figures
from isoflop.runs.reading import read_runs
from isoflop.runs.run import Run
from isoflop.samples import load_sample
from isoflop.store import open_store
from isoflop.workbench.places import store_at
from isoflop.workbench.reporting import digest, sources, study_report
from isoflop.workbench.reporting_sections import caveats, report_sections, title_of, verdict
from isoflop.workbench.reporting_source import from_store, from_table

pytestmark = pytest.mark.long

HEADINGS = ["Question", "Runs", "Law", "Forecast", "Plan", "Next run", "Caveats", "Methods and sources", "Manifest"]


@pytest.fixture(scope="module")
def runs():
    return load_sample("isoflop")


@pytest.fixture(scope="module")
def report(runs):
    return study_report(from_table(runs, Path("isoflop.csv")), replicates=100, command="isoflop report isoflop.csv")


@pytest.fixture(scope="module")
def ensemble(runs):
    return fit_ensemble(runs, replicates=100)


def words(sections):
    return "\n".join(f"{s.heading}\n{s.prose}\n{s.caption}" for s in sections)


def test_forecast_plan_and_next_runs_are_those_that_the_verbs_compute(report, ensemble):
    C = 10 * float(ensemble.runs.flops.max())
    planned = plan(read_budget(flops=repr(C)), ensemble, layouts=False)
    assert report.plan.N == planned.N
    assert report.plan.loss == planned.loss
    made = forecast(ensemble, N=planned.N.value, D=planned.D.value)
    assert (report.forecast.loss, report.forecast.low, report.forecast.high) == (made.loss, made.low, made.high)
    picked = next_runs(ensemble, {"C": C})
    assert report.next.picks == picked.picks
    assert f"{made.loss[0]:.4f}" in verdict(report)
    assert f"{made.low[0]:.4f} to {made.high[0]:.4f}" in verdict(report)


def test_every_part_is_there_in_order_with_its_chart_and_its_sources(report):
    sections = report_sections(report)
    headings = [section.heading for section in sections]
    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS
    drawn = {section.heading for section in sections if section.chart is not None}
    assert {"Runs", "What the law leaves over", "Forecast", "Plan", "Next run"} <= drawn
    said = words(sections)
    for fitted in report.ensemble.fits:
        assert fitted.form.source in said
    assert any("Gneiting" in source for source in sources(report))
    assert report.manifest["runs_sha256"] in said
    assert "isoflop report isoflop.csv" in said


def test_every_column_of_every_table_has_a_heading(report):
    tables = [section.table for section in report_sections(report) if section.table is not None]
    assert len(tables) >= 6
    assert all(table.titles.get(column, column).strip() for table in tables for column in table.columns)


def test_the_digest_of_the_runs_changes_with_any_number_and_not_with_where_they_lay(runs):
    moved = replace(runs, source="elsewhere", notes=())
    assert digest(moved) == digest(runs)
    nudged = runs.frame.with_columns(loss=pl.col("loss") * (1 + 1e-15 * (pl.int_range(pl.len()) == 3)))
    assert digest(replace(runs, frame=nudged)) != digest(runs)


def test_a_run_that_is_asked_about_is_the_one_that_is_foretold(runs):
    made = study_report(
        from_table(runs.take(np.arange(0, 26, 2)), Path("x.csv")), at={"N": 5e5, "D": 2e7}, replicates=20
    )
    assert (made.forecast.params[0], made.forecast.tokens[0]) == (5e5, 2e7)
    assert made.plan.flops.value == pytest.approx(6 * 5e5 * 2e7)
    assert made.diagnosis.target["N"] == 5e5
    with pytest.raises(BadInput, match="gives N only"):
        study_report(from_table(runs.take(np.arange(6)), Path("x.csv")), at={"N": 5e5}, replicates=20)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_few_runs_give_a_report_that_says_what_cannot_be_concluded(runs, count):
    few = from_table(runs.take(np.arange(count)), Path("few.csv"))
    made = study_report(few)
    assert set(made.missing) == {"law", "forecast", "plan", "next", "diagnosis"}
    assert "needs at least 4" in made.missing["law"]
    sections = report_sections(made)
    assert [s.heading for s in sections if s.heading in HEADINGS] == HEADINGS
    assert "No forecast can be made" in verdict(made)
    assert render(title=title_of(made), subtitle=verdict(made), sections=sections).startswith("<!doctype html>")


def test_runs_of_one_size_give_a_report_with_the_reason_why_no_split_is_known(runs):
    same = runs.take(runs.params == 66048.0)
    made = study_report(from_table(same, Path("same.csv")), replicates=20)
    said = "\n".join(caveats(made))
    assert "66" in said
    assert any(word in said for word in ("not identified", "too few runs", "missing"))
    assert report_sections(made)


def test_failed_and_diverged_runs_are_listed_and_left_out_of_the_law(runs):
    frame = runs.frame.with_columns(
        loss=pl.when(pl.int_range(pl.len()) == 2).then(None).otherwise(pl.col("loss")),
        status=pl.when(pl.int_range(pl.len()) == 5).then(pl.lit("diverged")).otherwise(pl.col("status")),
    )
    studied = from_table(read_runs(frame, needs=("params", "tokens")), Path("some.csv"))
    assert len(studied.runs) == 24
    assert [line.state for line in studied.lines].count("done") == 24
    assert {line.state for line in studied.lines} == {"done", "failed", "diverged"}
    said = " ".join(studied.notes)
    assert "1 of 26 runs have no usable loss" in said
    assert "1 of 26 runs have a status that says they failed or diverged" in said
    made = study_report(replace(studied, runs=studied.runs.take(np.arange(3))))
    text = words(report_sections(made))
    assert f"**{studied.lines[5].name}** diverged" in text
    assert "24 done, 1 failed, 1 diverged" in text


@pytest.fixture
def stored(tmp_path):
    with open_store(tmp_path / "study.sqlite") as store:
        for name in ("first", "second"):
            for i in range(3):
                store.record_run(Run(params=1e6, tokens=1e7 * (i + 1), loss=3 - 0.1 * i, run_id=f"r{i}"), name)
        store.record_run(Run(params=2e6, tokens=1e7, loss=float("nan"), run_id="bad", status="diverged"), "first")
        store.plan_run("r9", {"params": 4e6, "tokens": 1e7}, "first")
        record = store.record_forecast(
            {"loss": 2.9, "low": 2.8, "high": 3.0, "params": 1e6, "tokens": 2e7}, ["r0"], "first"
        )
        store.record_score(record.digest, "r1", {"measured": 2.95}, "first")
    return tmp_path


def test_a_store_of_several_studies_is_asked_which_and_gives_its_record_and_unfinished_runs(stored):
    place = store_at(stored)
    with pytest.raises(BadInput, match=r"has the studies first, second. Name one with --study"):
        from_store(place)
    with pytest.raises(BadInput, match=r"No study 'frist'.*Did you mean 'first'"):
        from_store(place, "frist")
    studied = from_store(place, "first")
    states = {line.name: line.state for line in studied.lines}
    assert states == {"r0": "done", "r1": "done", "r2": "done", "bad": "diverged", "r9": "planned"}
    assert len(studied.runs) == 3
    (record,) = studied.records
    assert (record["span"], record["measured"], record["missed"]) == ("[2.8000, 3.0000]", 2.95, "-1.69%")
    text = words(report_sections(study_report(studied)))
    assert "Forecasts on record" in text


def test_the_markdown_says_what_the_page_says_and_its_figures_lie_beside_it(report, tmp_path):
    sections = report_sections(report)
    pictures = save_figures(tmp_path, sections[:3], "png")
    text = markdown(title="T", subtitle=verdict(report), sections=sections, figures=pictures)
    for section in sections:
        assert f"## {section.heading}" in text
    linked = re.findall(r"!\[[^]]*\]\((.+?)\)", text)
    assert linked
    assert all((tmp_path / link).read_bytes().startswith(b"\x89PNG") for link in linked)
    assert f"{report.forecast.loss[0]:.4f}" in text


def test_what_comes_from_outside_is_text_on_the_page_and_in_markdown():
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](http://z)"
    section = Section(heading=evil, prose=evil, caption=evil)
    page = render(title=evil, subtitle=evil, sections=[section])
    assert "<script>alert" not in page
    text = markdown(title=evil, subtitle=evil, sections=[section], figures={})
    assert "<script>" not in text.replace("\\<", "")
    assert not re.search(r"(?<!\\)\]\(", text)


def test_a_figure_is_saved_as_pdf_too(report, tmp_path):
    (path,) = save_figures(tmp_path, [s for s in report_sections(report) if s.heading == "Forecast"], "pdf").values()
    assert path.read_bytes().startswith(b"%PDF")
