"""Experiments that ship: a question, a campaign that answers it, and a page of what came out.

card = find_study("isoflop")                   the question, and what was published about it
material = from_sample(card)                   the runs that ship; train(card, folder) makes them anew
finding = card.judge.judge(material)           the answer with its interval
write_page(path, card, material, finding, card.judge.charts(finding))

The campaigns are cpu/NAME.toml, minutes on two cores, and gpu/NAME.toml, hours on one GPU.
"""

from isoflop.workbench.studies.catalogue import CARDS, SCALES, Card, Scale, find_study

__all__ = ["CARDS", "SCALES", "Card", "Scale", "find_study"]
