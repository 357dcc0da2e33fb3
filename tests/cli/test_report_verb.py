"""``isoflop report``: files, refusals, and the numbers of the other verbs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from isoflop.cli.report import report
from isoflop.errors import BadInput
from isoflop.samples import load_sample


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "runs.csv"
    load_sample("isoflop").frame.write_csv(path)
    return path


def ask(*words: object):
    app = typer.Typer(rich_markup_mode=None)
    app.command()(report)
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def few(folder: Path) -> Path:
    path = folder / "few.csv"
    path.write_text("params,tokens,loss\n1e6,1e7,3.1\n2e6,2e7,2.9\n")
    return path


def test_a_table_of_two_runs_is_reported_as_html_markdown_and_manifest(tmp_path):
    out = tmp_path / "out"
    result = ask(few(tmp_path), "--out", out, "--format", "html,md", "--question", "Is <b>it</b> enough?", "--json")
    told = json.loads(result.stdout)
    assert sorted(path.name for path in out.iterdir()) == ["figures", "manifest.json", "report.html", "report.md"]
    assert told["missing"]["law"].startswith("2 runs with a loss.")
    assert told["forecast"] is None
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest == told["manifest"]
    assert manifest["schema"] == "isoflop report 1"
    assert "Is &lt;b&gt;it&lt;/b&gt; enough?" in (out / "report.html").read_text()


def test_without_a_place_the_report_is_named_after_the_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Wrote few-report.html" in ask(few(tmp_path)).stdout
    assert (tmp_path / "few-report.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "docx"], "'docx' is not allowed. Allowed: html, md, pdf, png"),
        (["--out", "x.html", "--format", "html,md"], "is one html file, but --format asks for html, md"),
        (["--out", "x.pdf"], "Name FILE.html, FILE.md, or a folder"),
        (["--out", "nowhere/x.html"], "the folder nowhere does not exist"),
        (["--at", "N=1e6"], "gives 1 of N, D and C"),
        (["--at", "Q=1e6"], "cannot read 'Q=1e6'"),
        (["--study", "mine"], "is a table. Leave it out."),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_computed(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as refused:
        ask(few(tmp_path), *words)
    assert said in str(refused.value)


def test_a_place_without_runs_is_refused_with_what_would_do(tmp_path):
    with pytest.raises(BadInput):
        ask(tmp_path / "nothing.sqlite")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput):
        ask(tmp_path / "empty")


@pytest.mark.slow
def test_the_report_says_the_numbers_that_forecast_plan_and_next_print(table, tmp_path, capsys):
    from isoflop.cli.main import _code

    def verb(*words: str):
        capsys.readouterr()
        assert _code(list(words)) == 0
        return json.loads(capsys.readouterr().out)

    told = json.loads(ask(table, "--out", tmp_path / "r.html", "--json").stdout)
    N, D = told["target"]["N"], told["target"]["D"]
    assert verb("forecast", str(table), "--at", f"N={N!r},D={D!r}", "--json") == told["forecast"]
    C = 10 * float(load_sample("isoflop").flops.max())
    said = verb("next", str(table), "--at", f"C={C!r}", "--json")
    assert said == told["next"]
    fitted = verb("fit", str(table), "--json")
    assert told["fit"] == fitted
