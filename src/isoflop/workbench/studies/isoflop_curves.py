"""IsoFLOP curves: Approach 2 on four budgets, beside the additive law on the same runs."""

from __future__ import annotations

import numpy as np

from isoflop.fitting.approach2 import IsoFlopFit, approach2
from isoflop.fitting.fit import Estimate, Fit, fit
from isoflop.report.approaches import approach_figures
from isoflop.report.figures import Chart
from isoflop.report.tables import Table
from isoflop.units import format_count, format_flops
from isoflop.workbench.studies.finding import Finding, Material, Measure, Verdict

PUBLISHED = (0.49, 0.462, 0.534)
"""a of N* ~ C^a by Approach 2, with its interval: Hoffmann et al. 2022, table 2."""
PUBLISHED_RATIO = 20.0
"""D*/N* at the largest budgets of that paper, tokens a parameter (table 3)."""


def judge(material: Material, *, level: float = 0.9, replicates: int = 400, seed: int = 0) -> Finding:
    """The exponent of the best size, by parabolas, and tokens a parameter at the largest budget."""
    made = approach2(material.runs, level=level, replicates=replicates, seed=seed)
    law = fit("chinchilla", material.runs, level=level, replicates=replicates, seed=seed)
    exponent, by_law = made.frontier.params.exponent, _exponent(law, level)
    largest = made.budgets[-1]
    ratio = largest.D_opt / largest.N_opt
    agrees = exponent.low <= PUBLISHED[2] and PUBLISHED[1] <= exponent.high
    overlap = exponent.low <= by_law.high and by_law.low <= exponent.high
    return Finding(
        answer=(
            f"The best size grows as C^{exponent.value:.2f} [{exponent.low:.2f}, {exponent.high:.2f}]; at "
            f"{format_flops(largest.flops)} it is {format_count(largest.N_opt)} parameters on {ratio:.0f} tokens each."
        ),
        verdict=_verdict(agrees),
        because=(
            f"The interval {'overlaps' if agrees else 'does not reach'} Hoffmann's {PUBLISHED[0]} [{PUBLISHED[1]}, "
            f"{PUBLISHED[2]}]. Tokens a parameter are {ratio:.0f}, not {PUBLISHED_RATIO:.0f}: that number belongs to "
            "their text and tokens, here characters, not to scaling."
        ),
        measures=(
            Measure(name="exponent of N*, parabolas", value=exponent.value, low=exponent.low, high=exponent.high),
            Measure(name="exponent of N*, additive law", value=by_law.value, low=by_law.low, high=by_law.high),
            Measure(name="tokens a parameter at the largest budget", value=ratio),
            *_bias(made),
        ),
        table=_table(made),
        shows_not=(
            (
                f"{len(made.budgets)} budgets within a factor of {largest.flops / made.budgets[0].flops:.0f}: nothing "
                "is shown about budgets far above them."
            ),
            "One learning rate for all lengths and one seed a size; a rate tuned for each run would move the valleys.",
            (
                f"The additive law on the same runs says {by_law.value:.2f} [{by_law.low:.2f}, {by_law.high:.2f}]: the "
                f"intervals {'touch' if overlap else 'do not meet'}, and the choice of method matters as much as the "
                "runs."
            ),
        ),
        level=level,
        notes=made.notes,
        drawn={"approach2": made},
    )


def charts(finding: Finding) -> dict[str, Chart]:
    """The valleys and the line through their lowest points."""
    return approach_figures(finding.drawn["approach2"])


def _exponent(law: Fit, level: float) -> Estimate:
    """a = beta/(alpha + beta) of the additive law, with its bootstrap."""
    alpha, beta = law.law.constants["alpha"], law.law.constants["beta"]
    draws = law.draws["beta"] / (law.draws["alpha"] + law.draws["beta"])
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(beta / (alpha + beta), float(low), float(high))


def _bias(made: IsoFlopFit) -> tuple[Measure, ...]:
    if made.bias is None:
        return ()
    return (Measure(name="known bias of N* at the largest budget", value=100 * float(made.bias.params[0]), unit="%"),)


def _verdict(agrees: bool) -> Verdict:
    return "agrees" if agrees else "disagrees"


def _table(made: IsoFlopFit) -> Table:
    rows = [
        {"flops": b.flops, "sizes": len(b.rows), "N": b.N_opt, "D": b.D_opt, "ratio": b.D_opt / b.N_opt, "loss": b.loss}
        for b in made.budgets
    ]
    return Table(
        rows,
        titles={"flops": "C", "sizes": "Sizes", "N": "N*", "D": "D*", "ratio": "D*/N*", "loss": "Lowest loss"},
        formats={"flops": "flops", "N": "count", "D": "count", "ratio": "number", "loss": "loss"},
    )
