"""The dial: from a laptop to the frontier, and what grows on the way. Here its data; it computes in the browser.

    dial_view()                     -> View, with the law that ships
    dial_view(own_law(runs))        -> with the forecast of these runs as its law, and the runs in the picture

Whoever changes what is handed out changes ``static/dial/model.js`` with it; tests hold the two together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import BadInput
from isoflop.facts import facts
from isoflop.forecasting.averaging import Ensemble, fit_ensemble
from isoflop.outlook.dates import parse_date
from isoflop.outlook.frontier import draw_frontier, line_of
from isoflop.outlook.spread import DRAWS as MANY
from isoflop.outlook.spread import spread
from isoflop.outlook.stock import web_stock
from isoflop.planning.plan_ask import Serving
from isoflop.planning.plan_law import DECAY
from isoflop.planning.run_cost import LEVEL
from isoflop.report.dial import curve_chart, valley_chart
from isoflop.report.figures import specification
from isoflop.runs.table import Runs
from isoflop.web.app import View
from isoflop.web.dial_forms import forms_javascript
from isoflop.web.dial_law import (
    DRAWS,
    POWERS,
    Belief,
    belief_of,
    errors,
    published_beliefs,
    shipped_belief,
    usable,
)
from isoflop.web.dial_machines import machines
from isoflop.web.dial_presets import PRESETS

Array = NDArray[np.float64]

MOST_POINTS = 600
"""Of one's own runs that are drawn; of more, every second, third, … by compute."""
FRONTIER = "training_compute"
REPLICATES = 400


def dial_view(own: Ensemble | None = None, *, label: str = "Your runs", date: dt.date | None = None) -> View:
    """The view of the dial. own: its first law, of ``own_law``. date: of prices, stock and "now"; else today."""
    beliefs = [shipped_belief(), *published_beliefs()]
    if own is not None:
        beliefs.insert(0, belief_of(own, label))
    return View(
        "dial",
        "dial/view.js",
        payload(beliefs, None if own is None else own.runs, date or dt.date.today()),
        styles=("dial/dial.css",),
        generated={"dial/forms.js": forms_javascript(m.form for b in beliefs for m in b.members)},
    )


def own_law(runs: Runs) -> Ensemble:
    """The forecast of some runs, as a law to turn on.

    Raises BadInput for runs whose forecast has forms that the dial cannot turn on, and whatever ``fit`` raises.
    """
    ensemble = fit_ensemble(runs, replicates=REPLICATES)
    if strange := [fitted.form.name for fitted in ensemble.fits if not usable(fitted.form)]:
        raise BadInput(
            f"The dial turns on laws of N and D, and these runs are forecast by {', '.join(strange)}. Give runs with "
            "columns params, tokens and loss."
        )
    return ensemble


def payload(beliefs: Sequence[Belief], runs: Runs | None, date: dt.date) -> dict[str, Any]:
    """Everything that the dial is told, as JSON values."""
    day = date.isoformat()
    return {
        "level": LEVEL,
        "date": day,
        "powers": POWERS.tolist(),
        "errors": _short(errors()),
        "laws": [law_data(belief) for belief in beliefs],
        "decay": DECAY,
        "serving": float(Serving(1.0).training_flops_per_param(1.0)),
        "machines": machines(day),
        "scores": list(_scores()),
        "frontier": frontier(parse_date(day)),
        "stock": stock(parse_date(day)),
        "landmarks": landmarks(),
        "runs": [] if runs is None else _points(runs),
        "presets": list(PRESETS),
        "charts": {
            "curve": specification(curve_chart(own_runs=runs is not None)),
            "valley": specification(valley_chart()),
        },
    }


def law_data(belief: Belief) -> dict[str, Any]:
    """A belief as JSON values; draws of a member as one list a parameter."""
    return {
        "key": belief.key,
        "label": belief.label,
        "about": belief.about,
        "source": belief.source,
        "convention": belief.convention,
        "seen": None if belief.seen is None else list(belief.seen),
        "shift": _short(belief.shift) if np.any(belief.shift) else None,
        "doubt": None if belief.doubt is None else _short(belief.doubt),
        "members": [
            {
                "form": member.form.name,
                "formula": member.form.formula,
                "unique": "U" in member.form.inputs,
                "weight": member.weight,
                "constants": dict(member.constants),
                "draws": {name: values.tolist() for name, values in member.draws.items()},
            }
            for member in belief.members
        ],
    }


def frontier(now: float) -> dict[str, Any]:
    """Draws of the line of typical frontier runs and of the largest one; see ``outlook.frontier``."""
    drawn = draw_frontier(FRONTIER, np.random.default_rng(0), DRAWS)
    state = facts("frontier_state")[FRONTIER]
    return {
        "now": now,
        "origin": drawn.origin,
        "since": drawn.since,
        "start": line_of(FRONTIER)["start"],
        "model": state["model"],
        "largest_known": state["value"],
        "level": _short(drawn.level),
        "slope": _short(drawn.slope),
        "largest": _short(drawn.largest),
        "source": facts("frontier_lines")[FRONTIER]["source"],
    }


def stock(now: float) -> dict[str, Any]:
    """Effective tokens of the indexed web today: low, middle, high."""
    found = spread(web_stock(np.random.default_rng(0), MANY).at(now), LEVEL)
    return {
        "tokens": [found.low, found.middle, found.high],
        "source": "Villalobos et al. 2024, arXiv:2211.04325, grown to today",
    }


def landmarks() -> list[dict[str, Any]]:
    """Released models: name, compute, N (active), D and year."""
    needed = {"flops", "params", "tokens"}
    rows = [r for r in facts("published_runs").values() if needed <= r.keys() and "benchmark" not in r["name"]]
    return [
        {
            "name": row["name"],
            "flops": float(row["flops"]),
            "N": float(row.get("active_params", row["params"])),
            "D": float(row["tokens"]),
            "date": row["date"][:4],
        }
        for row in sorted(rows, key=lambda row: -float(row["flops"]))
    ]


def _scores() -> Iterable[Mapping[str, Any]]:
    for row in facts("page_scores").values():
        yield {key: row[key] for key in ("name", "what", "chance", "seen", "sigmoid", "logistic", "scatter")}


def _points(runs: Runs) -> list[dict[str, float]]:
    order = np.argsort(runs.flops, kind="stable")
    order = order[:: max(1, -(-len(order) // MOST_POINTS))]
    columns = {"flops": runs.flops, "loss": runs.loss, "N": runs.params, "D": runs.tokens}
    return [{name: float(f"{values[i]:.6g}") for name, values in columns.items()} for i in order]


def _short(values: Array) -> list[float]:
    return [float(f"{value:.7g}") for value in values]
