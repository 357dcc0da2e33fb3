"""A view's styles are its own: on a page of several views none changes how another looks."""

from __future__ import annotations

import re
from importlib import resources

import pytest

STATIC = resources.files("isoflop.web") / "static"
VIEWS = sorted(
    folder.name
    for folder in STATIC.iterdir()
    if folder.is_dir() and folder.name != "core" and any(file.name.endswith(".css") for file in folder.iterdir())
)


def test_the_views_with_styles_are_found():
    assert set(VIEWS) >= {"capability", "decide", "dial", "learn", "outlook", "study"}


@pytest.mark.parametrize("view", VIEWS)
def test_every_rule_of_a_view_holds_inside_that_view_only(view):
    for file in (STATIC / view).iterdir():
        if not file.name.endswith(".css"):
            continue
        text = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"@media[^{]*\{", "", text)
        selectors = [one.strip() for rule in re.findall(r"([^{};]+)\{", text) for one in rule.split(",")]
        outside = [one for one in selectors if not re.match(rf"\.view-{view}(?![\w-])", one)]
        assert not outside, (file.name, outside)
