"""The README keeps its word."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_is_short_and_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 12
    out = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert "converged" in out
    assert "1.97" in out


def test_every_file_that_the_readme_names_exists() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_tree_names_every_room_and_nothing_else() -> None:
    block = README.split("src/isoflop/\n")[1].split("tests/ ")[0]
    named = {line.split()[0].rstrip("/") for line in block.splitlines() if line.startswith("  ")}
    package = ROOT / "src" / "isoflop"
    there = {
        entry.name for entry in package.iterdir() if not entry.name.startswith("_") and entry.suffix in ("", ".py")
    }
    assert named == there


def test_every_verb_in_the_readme_exists() -> None:
    from isoflop.cli.verbs import SECTIONS

    verbs = {name for section in SECTIONS.values() for name in section}
    assert set(re.findall(r"^    isoflop (\w+)", README, re.MULTILINE)) <= verbs
