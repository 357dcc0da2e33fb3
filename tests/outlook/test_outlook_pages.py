"""docs/outlook.md and docs/claims.md say what the commands say today."""

import datetime as dt
import re
import shlex
from pathlib import Path

import polars as pl
import pytest

from isoflop.cli.main import main
from isoflop.outlook.sampling import margin_of_error

DOCS = Path(__file__).parents[2] / "docs"
COMMAND = re.compile(r"`(isoflop (?:outlook (?:trend models|compute|cost|data|limits)|cost) ?[^`]*)`")
ASKED = re.compile(r"`(isoflop outlook \w+ --[^`\n]+)`")
BLOCK = re.compile(r"```\n\$ (isoflop [^\n]+)\n(.*?)```", re.DOTALL)
ANSWERS: dict[str, str] = {}
"""What commands printed, so that each runs once."""
BOLD = re.compile(r"\*\*([^*]+)\*\*")


@pytest.fixture(scope="module")
def folder(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Epoch's table of notable models under the names that the pages use."""
    path = data_dir / "econ" / "epoch_notable" / "notable_ai_models_2026-01-26.csv"
    models = pl.read_csv(path, infer_schema=False).select(
        model=pl.col("Model").str.replace_all(r"\s+", " "),
        published="Publication date",
        flops="Training compute (FLOP)",
        cost="Training compute cost (2023 USD)",
        frontier=pl.col("Frontier model").str.to_lowercase(),
    )
    folder = tmp_path_factory.mktemp("pages")
    models.write_csv(folder / "models.csv")
    return folder


@pytest.fixture
def said(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """What a command prints, 100 columns wide."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(folder)

    def run(command: str) -> str:
        if command in ANSWERS:
            return ANSWERS[command]
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(shlex.split(command)[1:])
        assert not left.value.code, command
        lines = capsys.readouterr().out.strip().splitlines()
        return ANSWERS.setdefault(command, "\n".join(line.rstrip() for line in lines))

    return run


def test_every_answer_on_the_page_is_what_its_command_prints(said) -> None:  # type: ignore[no-untyped-def]
    blocks = BLOCK.findall((DOCS / "outlook.md").read_text(encoding="utf-8"))
    assert len(blocks) == 11
    for command, shown in blocks:
        assert shown.strip() == said(command), command


def test_every_figure_of_the_essay_is_in_an_answer(said) -> None:  # type: ignore[no-untyped-def]
    text = (DOCS / "outlook.md").read_text(encoding="utf-8")
    commands = [command for command, _ in BLOCK.findall(text)] + ASKED.findall(BLOCK.sub("", text))
    answers = " ".join(" ".join(said(command) for command in commands).split())
    figures = BOLD.findall(BLOCK.sub("", text))
    assert len(figures) > 45
    assert [figure for figure in figures if " ".join(figure.split()) not in answers] == []


def test_every_figure_of_a_claim_is_in_the_answer_of_its_commands(said) -> None:  # type: ignore[no-untyped-def]
    lines = (DOCS / "claims.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|") and COMMAND.search(line)]
    assert len(rows) > 12
    for row in rows:
        computed = row.split("|")[2]
        answers = " ".join("\n".join(said(command) for command in COMMAND.findall(computed)).split())
        missing = [figure for figure in BOLD.findall(computed) if figure not in answers]
        assert missing == [], computed


def test_the_margins_of_the_heights_are_as_written() -> None:
    text = (DOCS / "claims.md").read_text(encoding="utf-8")
    assert f"{float(margin_of_error(7.1, 2000)):.3f} and {float(margin_of_error(7.1, 10_000)):.3f} cm" in text


def test_the_pages_are_dated() -> None:
    as_of = re.search(r"--as-of (\d{4}-\d{2})", (DOCS / "outlook.md").read_text(encoding="utf-8"))
    assert as_of is not None
    assert dt.date.fromisoformat(f"{as_of[1]}-01") >= dt.date(2026, 11, 1)
