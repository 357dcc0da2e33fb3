"""A larger budget, planned by the same code: an hour of an accelerator, and a sum of money.

The ladder's own law speaks of its own text, tokenizer and recipe, so it plans the smaller budget, and says how far it
reaches. The sum of money is planned by a published law of language models.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from isoflop.errors import LawError
from isoflop.fitting.fit import Fit
from isoflop.laws.catalogue import find_law
from isoflop.planning.allocate import Allocation, allocate
from isoflop.planning.hardware import Bill, bill, flops_for_usd

PUBLISHED = "besiroglu2024"
OWN_FACTOR = 100.0
"""The ladder's law is asked for a hundred times its largest run: two orders beyond the data, and said so."""


@dataclass(frozen=True)
class BudgetPlan:
    """A budget in words, its split, and its bill on an accelerator where one was chosen."""

    title: str
    allocation: Allocation
    bill: Bill | None
    note: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        split = self.allocation
        return {
            "title": self.title,
            "flops": split.flops,
            "params": asdict(split.N_opt),
            "tokens": asdict(split.D_opt),
            "loss": asdict(split.loss),
            "valley": asdict(split.valley),
            "law": split.law.name,
            "bill": asdict(self.bill) if self.bill else None,
            "note": self.note,
        }


def plan_budget(fitted: Fit, *, accelerator: str, devices: int, budget_usd: float) -> tuple[BudgetPlan, ...]:
    """Plan a hundredfold of the ladder by its own law, and ``budget_usd`` of an accelerator by a published one.

    The first is left out when the fit has no interior optimum. Raises BadInput for an unknown accelerator.
    """
    law = find_law(PUBLISHED)
    flops = flops_for_usd(budget_usd, accelerator)
    money = BudgetPlan(
        f"${budget_usd:,.0f} of rented {accelerator} on {devices} devices",
        allocate(law, flops),
        bill(flops, accelerator, devices),
        f"By {law.source}; {law.caution}",
    )
    own = _own(fitted)
    return (own, money) if own else (money,)


def _own(fitted: Fit) -> BudgetPlan | None:
    flops = OWN_FACTOR * float(fitted.runs.flops.max())
    try:
        split = allocate(fitted, flops, level=fitted.level)
    except LawError:  # the ladder is too small to show both exponents; the report says so in the fit's status
        return None
    return BudgetPlan(
        f"{OWN_FACTOR:g} times the ladder's largest run, on the same text",
        split,
        None,
        "By the ladder's own law, for its own text, tokens and recipe.",
    )
