"""The charts of ``deciding`` for the decision page, whose rows the browser computes."""

from __future__ import annotations

from isoflop.facts import facts
from isoflop.planning.decide import decide
from isoflop.report import deciding
from isoflop.report.figures import Specification
from isoflop.report.pages_live import live

FEW = 100
"""Draws of the decision whose charts are taken apart: none of its numbers stays."""
RETURNS, SWING, WORTH = 260, 28, 34
"""Heights of the returns and of one row, px."""
LEAD = {"x": "Lead (nats per token)"}


def decision_specs() -> dict[str, Specification]:
    """Gains, returns, tornado and worth, by name; the tables of each are those named here."""
    made = decide(names=list(facts("options")), draws=FEW)
    rows, returns = ("x", "y"), ("here", "returns", "ends")
    swings = ("swings", "zero", "points")
    return {
        "gains": live(deciding.gains_chart(made), ("gains",), free=rows, step=deciding.ROW),
        "returns": live(deciding.returns_chart(made), returns, free=("x",), height=RETURNS, columns=3),
        "tornado": live(deciding.tornado_chart(made), swings, free=rows, step=SWING, titles=LEAD),
        "worth": live(deciding.worth_chart(made), ("worths",), free=rows, step=WORTH, columns=1),
    }
