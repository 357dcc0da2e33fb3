"""Write docs/studies/*.md and their figures from the runs that ship.

python docs/studies/make_pages.py [NAME ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from isoflop.workbench.studies import CARDS, find_study
from isoflop.workbench.studies.page import write_markdown
from isoflop.workbench.studies.training import from_sample

HERE = Path(__file__).parent


def main(names: list[str]) -> None:
    """Judge each study's sample and write its page."""
    for name in names or list(CARDS):
        card = find_study(name)
        material = from_sample(card)
        finding = card.judge.judge(material)
        print(write_markdown(HERE, card, material, finding, card.judge.charts(finding)))


if __name__ == "__main__":
    main(sys.argv[1:])
