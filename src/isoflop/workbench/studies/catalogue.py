"""The studies that ship: their questions, the claims they are held against, and where their campaigns are."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

from isoflop.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from isoflop.report.figures import Chart
    from isoflop.workbench.studies.finding import Finding, Material

Scale = Literal["cpu", "gpu"]
SCALES: tuple[Scale, ...] = ("cpu", "gpu")


class Judge(Protocol):
    """What the module of a study offers."""

    def judge(self, material: Material) -> Finding: ...

    def charts(self, finding: Finding) -> dict[str, Chart]: ...


@dataclass(frozen=True, slots=True)
class Card:
    """A study before it is run. module: of ``isoflop.workbench.studies``, that judges it. design: what is trained.
    claim, source: what was published about it."""

    name: str
    title: str
    question: str
    design: str
    claim: str
    source: str
    module: str

    @property
    def judge(self) -> Judge:
        """The module that judges it; imported on first use."""
        return cast("Judge", importlib.import_module(f"isoflop.workbench.studies.{self.module}"))

    def campaign(self, scale: Scale = "cpu") -> Path:
        """The campaign's file, a LADDER.toml."""
        return Path(str(resources.files("isoflop.workbench.studies"))) / scale / f"{self.name}.toml"


CARDS = {
    card.name: card
    for card in (
        Card(
            name="isoflop",
            title="IsoFLOP curves",
            question="At a fixed compute, which size is best, and how does it grow with compute?",
            design="Four budgets of C = 6ND, each spent on five to seven sizes; a parabola in ln N through each.",
            claim="The best size grows as C^0.49 [0.46, 0.53].",
            source="Hoffmann et al. 2022, arXiv:2203.15556, table 2, Approach 2",
            module="isoflop_curves",
        ),
        Card(
            name="shape",
            title="Strong on scale, weak on shape",
            question="At a fixed size, how much does it matter whether a model is deep or wide?",
            design="Five shapes of one size, from one layer to twelve, and five sizes of one depth; two seeds each.",
            claim="Loss changes by a few per cent while the aspect ratio changes by a factor of 40.",
            source="Kaplan et al. 2020, arXiv:2001.08361, section 3.1 and figure 5",
            module="shape",
        ),
        Card(
            name="repeated",
            title="Repeated data",
            question="What is a token worth that was read before?",
            design="Three sizes on two amounts of distinct text and on all of it, read once to many times.",
            claim="Its value decays to 1/e after about 15 repetitions; four passes are nearly as good as fresh text.",
            source="Muennighoff et al. 2023, arXiv:2305.16264",
            module="repeated",
        ),
        Card(
            name="lr-batch",
            title="Learning rate and batch",
            question="How sharp is the best learning rate, and how does it move with batch and size?",
            design="Five learning rates at each of several batches, at two sizes.",
            claim="A rate scaled by width is best at all widths; a larger batch wants a larger rate.",
            source="Yang et al. 2022, arXiv:2203.03466; Li et al. 2025, arXiv:2503.04715",
            module="lr_batch",
        ),
        Card(
            name="entropy",
            title="Known entropy",
            question="Does the E of a fitted law find the entropy of the text?",
            design="Three sizes, three to five lengths, three seeds, on a Markov chain whose entropy rate is exact.",
            claim="E is the entropy of the text, which no model can beat.",
            source="Hoffmann et al. 2022, arXiv:2203.15556, section D.2; Shannon 1948, theorem 5",
            module="entropy",
        ),
        Card(
            name="facts",
            title="Concept frequency",
            question="How often must a fact be read before it is known?",
            design="Made-up facts told once, twice, four times ... in a text of filler; four sizes, three lengths.",
            claim="Accuracy grows with the logarithm of a concept's frequency.",
            source="Udandarao et al. 2024, arXiv:2404.04125",
            module="concept",
        ),
        Card(
            name="emergence",
            title="Emergence and metrics",
            question="Does a skill appear suddenly, or does the metric make it look so?",
            design="Copying and adding of growing length; several sizes, many lengths of training, three metrics.",
            claim="Jumps come from metrics that ask for every token at once; smooth metrics show steady gains.",
            source="Schaeffer et al. 2023, arXiv:2304.15004",
            module="emergence",
        ),
    )
}
"""Every study by name."""


def find_study(name: str) -> Card:
    """A study by name. Raises BadInput for an unknown one."""
    if name not in CARDS:
        raise BadInput(f"No study '{name}'. Known: {', '.join(CARDS)}.{did_you_mean(name, CARDS)}")
    return CARDS[name]
