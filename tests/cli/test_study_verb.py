"""``isoflop study``: a question, an experiment, and what the runs that ship say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from isoflop.cli.study import study
from isoflop.errors import BadInput
from isoflop.samples import samples
from isoflop.workbench.studies import CARDS

Ask = Callable[..., str]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run the verb and give its stdout; what it raises goes through."""
    monkeypatch.setenv("COLUMNS", "100")
    app = typer.Typer()
    app.command("study")(study)

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_without_a_name_every_study_is_listed_with_its_question(ask: Ask) -> None:
    listed = json.loads(ask("--json"))
    assert [row["name"] for row in listed] == list(CARDS)
    assert all(row["question"].endswith("?") and "arXiv" in row["source"] for row in listed)
    assert all(name in ask() for name in CARDS)


def test_the_shipped_runs_answer_in_json_with_intervals_and_limits(ask: Ask) -> None:
    answer = json.loads(ask("isoflop", "--json"))
    exponent = answer["measures"][0]
    assert exponent["low"] < exponent["value"] < exponent["high"]
    assert answer["verdict"] in ("agrees", "disagrees", "partly agrees", "undecided")
    assert answer["shows_not"]
    assert answer["n_runs"] == 26


def test_people_are_told_the_answer_the_claim_and_how_the_runs_were_made(ask: Ask) -> None:
    told = " ".join(ask("shape").split())
    for part in ("layer parameters", "Kaplan", "Not shown:", "isoflop study shape --run"):
        assert part in told


def test_a_page_and_figures_are_written_where_asked(ask: Ask, tmp_path: Path) -> None:
    answer = json.loads(ask("facts", "--json", "--page", tmp_path / "facts.html", "--figures", tmp_path / "figures"))
    assert set(answer["written"]) == {"page", "facts"}
    assert CARDS["facts"].question in (tmp_path / "facts.html").read_text()
    assert (tmp_path / "figures" / "facts.png").stat().st_size > 10_000


def test_an_unknown_study_or_scale_is_named_with_what_is_known(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Did you mean 'isoflop'"):
        ask("isoflops")
    with pytest.raises(BadInput, match="No scale 'tpu'"):
        ask("shape", "--run", "--scale", "tpu", "--folder", tmp_path)


def test_every_study_ships_its_runs() -> None:
    assert samples() == tuple(CARDS)
