"""docs/outlook.md says what the commands say today."""

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
ASKED = re.compile(r"`(isoflop outlook \w+ --[^`\n]+)`")
BLOCK = re.compile(r"```\n\$ (isoflop [^\n]+)\n(.*?)```", re.DOTALL)
BOLD = re.compile(r"\*\*([^*]+)\*\*")

pytestmark = pytest.mark.usefixtures("public_tables")


def test_every_answer_on_the_page_is_what_its_command_prints(said: Callable[[str], str]) -> None:
    blocks = BLOCK.findall((DOCS / "outlook.md").read_text(encoding="utf-8"))
    assert len(blocks) == 11
    for command, shown in blocks:
        assert shown.strip() == said(command), command


def test_every_figure_of_the_essay_is_in_an_answer(said: Callable[[str], str]) -> None:
    text = (DOCS / "outlook.md").read_text(encoding="utf-8")
    commands = [command for command, _ in BLOCK.findall(text)] + ASKED.findall(BLOCK.sub("", text))
    answers = " ".join(" ".join(said(command) for command in commands).split())
    figures = BOLD.findall(BLOCK.sub("", text))
    assert len(figures) > 45
    assert [figure for figure in figures if " ".join(figure.split()) not in answers] == []


def test_the_pages_are_dated() -> None:
    as_of = re.search(r"--as-of (\d{4}-\d{2})", (DOCS / "outlook.md").read_text(encoding="utf-8"))
    assert as_of is not None
    assert dt.date.fromisoformat(f"{as_of[1]}-01") >= dt.date(2026, 11, 1)
