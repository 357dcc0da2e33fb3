"""docs/claims.md answers every claim, and its figures are what its commands print today."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import isoflop

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "claims.md").read_text(encoding="utf-8")
BEFORE, EXERCISE = PAGE.split("## The exercise")
ROWS = [line for line in BEFORE.splitlines() if line.startswith("| ") and not line.startswith("| claim ")]
COMMAND = re.compile(r"`(isoflop [^`]+)`")
NAMED_ONLY = {"isoflop backtest", "isoflop compare", "isoflop outlook trend"}
BOLD = re.compile(r"\*\*([^*]+)\*\*")
FROM_PUBLIC = re.compile(r"\b(?:base_)?models\.csv")


def commands(text: str) -> list[str]:
    """Those that can be typed as they stand."""
    found = dict.fromkeys(COMMAND.findall(text))
    return [each for each in found if each not in NAMED_ONLY and not re.search(r"\b(?:TABLE|NAME)\b", each)]


def stands_in(figure: str, answer: str) -> bool:
    """Whether the figure is there whole, and not as a part of a longer number."""
    return re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d]|[.,]\d)", answer) is not None


def missing(text: str, said: Callable[[str], str]) -> list[str]:
    answers = " ".join("\n".join(map(said, commands(text))).split())
    return [figure for figure in BOLD.findall(COMMAND.sub("", text)) if not stands_in(figure, answers)]


def test_there_is_a_row_for_every_claim_with_a_verdict() -> None:
    assert len(ROWS) == 37
    assert all(len(row.split(" | ")) == 3 and row.endswith(" |") for row in ROWS)


def test_every_figure_of_a_claim_is_in_the_answer_of_its_commands(said: Callable[[str], str]) -> None:
    rows = [row for row in ROWS if not FROM_PUBLIC.search(row)]
    assert sum(bool(BOLD.search(row)) for row in rows) > 20
    assert {row.split(" | ")[0]: lost for row in rows if (lost := missing(row, said))} == {}


@pytest.mark.usefixtures("public_tables")
def test_every_figure_of_a_claim_about_public_tables_is_in_the_answer_of_its_commands(
    said: Callable[[str], str],
) -> None:
    rows = [row for row in ROWS if FROM_PUBLIC.search(row)]
    assert len(rows) == 5
    assert {row.split(" | ")[0]: lost for row in rows if (lost := missing(row, said))} == {}


def test_the_choice_of_the_exercise_is_that_of_decide(said: Callable[[str], str]) -> None:
    prose = re.sub(r"\*\*(The choice|One thing to know first)\.\*\*", "", EXERCISE)
    assert len(BOLD.findall(prose)) > 18
    assert missing(prose, said) == []
    answer = " ".join(said("isoflop decide --budget '$1M'").split())
    assert "Choose compute (A)." in answer
    assert "70% compute (A), 10% algorithm (B), 20% better data (C)" in answer


def test_the_accuracy_quoted_is_that_of_its_page() -> None:
    page = (DOCS / "accuracy.md").read_text(encoding="utf-8")
    cells = {line.split(" | ")[0]: line.split(" | ") for line in page.splitlines() if line.startswith("| ")}
    assert (cells["| isoflop"][1], cells["| isoflop"][5], cells["| usual"][5]) == ("0.63 %", "87 %", "22 %")
    assert "0.63 % off, 87 % inside" in PAGE
    assert "usual 90 % interval held 22 %" in PAGE


def test_halving_what_is_above_the_floor_takes_some_fifty_times_the_compute() -> None:
    law = isoflop.find_law("besiroglu2024")
    alpha, beta = law.constants["alpha"], law.constants["beta"]
    assert 2 ** (1 / alpha + 1 / beta) == pytest.approx(50, rel=0.05)
