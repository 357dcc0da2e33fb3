"""Laws that one formula cannot write: they read a whole schedule or solve an equation. Functions, not forms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Computed:
    """A law that is a Python function. where: its full name. formula: for reading. topic: its group."""

    name: str
    title: str
    formula: str
    where: str
    source: str
    about: str
    when_not: str
    topic: str = "schedules"


COMPUTED: dict[str, Computed] = {
    law.name: law
    for law in (
        Computed(
            "annealing",
            "Learning-rate annealing",
            "L_0 + A*S_1**(-alpha) - C*S_2, S_1 the sum of the rates, S_2 the decayed sum of their falls",
            "isoflop.laws.schedules.annealing_loss",
            "Tissue et al. 2024, arXiv:2408.11029",
            "The whole curve of a run under any schedule, in flight or planned.",
            "Another size, batch or data than the run it was fitted to. No constants ship.",
        ),
        Computed(
            "multi_power",
            "Multi-power law",
            "L_0 + A*(S + S_W)**(-alpha) - B*sum of (fall of the rate)*(1 - (C*rate**(-gamma)*S_k + 1)**(-beta))",
            "isoflop.laws.schedules.multi_power_loss",
            "Luo et al. 2025, arXiv:2503.12811",
            "As annealing, with a gain that saturates and depends on the rate; better for odd schedules. Constants for "
            "25M, 100M and 400M parameters: schedule_constants('luo2025_400m').",
            "Another size, batch or data than its constants'.",
        ),
        Computed(
            "m4",
            "M4: between a guess and a floor",
            "(L - E)/(L_0 - L)**alpha = beta*x**(-c), solved for L",
            "isoflop.laws.sigmoidal.sigmoidal_loss",
            "Alabdulmohsin et al. 2022, arXiv:2209.06640, section 4",
            "Curves that begin at a guess and end at a floor, error rates above all.",
            "Fitting by isoflop fit, which needs a formula: use rosenfeld or bounded.",
            "one-quantity",
        ),
    )
}
