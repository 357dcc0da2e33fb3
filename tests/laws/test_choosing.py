"""docs/how-to-choose-a-law.md speaks of the catalogue as it is."""

import re
from pathlib import Path

import pytest

from isoflop.laws import FORMS, find_form, published_laws
from isoflop.laws.catalogue import COMPUTED
from isoflop.laws.form import Form

GUIDE = (Path(__file__).parents[2] / "docs" / "how-to-choose-a-law.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z0-9_]+)`", GUIDE))
NO_LAWS = {"trunk"}


def test_the_guide_names_every_form_and_function() -> None:
    assert {*FORMS, *COMPUTED} - {"m4"} <= NAMED


def test_whatever_the_guide_names_exists() -> None:
    known = {*FORMS, *COMPUTED, *published_laws(), *NO_LAWS}
    for name in NAMED - known:
        assert isinstance(find_form(name), Form)


@pytest.mark.parametrize("line", [line for line in GUIDE.splitlines() if line.startswith("| ") and "`" in line])
def test_the_guide_asks_for_more_runs_than_the_form_has_parameters(line: str) -> None:
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    forms = [FORMS[name] for name in re.findall(r"`([a-z0-9_]+)`", cells[1]) if name in FORMS]
    counts = [int(text) for text in re.findall(r"\b\d+\b", cells[3])]
    if not counts or "K" in cells[3]:
        return
    fewest = min(len(form.parameters) for form in forms)
    assert min(counts) >= fewest + 3
