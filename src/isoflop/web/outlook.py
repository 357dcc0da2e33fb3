"""What the outlook page is given: fitted lines, bounds and inputs from ``isoflop.outlook``, and its charts.

The browser draws the unknowns and repeats the arithmetic; a test has both do it on the same draws.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isoflop.facts import facts
from isoflop.outlook import accounts, demand, latency, limits, shipped, stock
from isoflop.outlook.dates import parse_date, written
from isoflop.outlook.frontier import line_of
from isoflop.report.pages_outlook import outlook_specs
from isoflop.web.app import View

DRAWS = 500
SEED = 0
LEVEL = 0.8
NAMED = {"GPT-3 175B": "GPT-3", "PaLM 540B": "PaLM", "Llama 3.1-405B": "Llama 3.1"}
"""Released models whose points carry their names."""
ACCOUNT_DRAWS = 20_000
BINDING = ("power", "chips", "data", "latency")


def outlook_view() -> View:
    """The page of growth, cost, data and limits, with a slider for how fast compute grows."""
    data = {
        "draws": DRAWS,
        "seed": SEED,
        "level": LEVEL,
        "now": shipped.today(),
        "facts": model_facts(),
        "marks": landmarks(),
        "accounts": {"alike": account_rows(scale_dependent=False), "scale": account_rows(scale_dependent=True)},
        "specs": outlook_specs(),
    }
    return View("outlook", "outlook/view.js", data, styles=("outlook/outlook.css",))


def model_facts() -> dict[str, Any]:
    """The numbers of the model in the browser; each has its home in the module or table that it is taken from."""
    rates = facts("growth")
    return {
        "lines": {name: line_facts(name) for name in facts("frontier_lines")},
        "values": list(shipped.FLOPS),
        "sums": list(shipped.SUMS),
        "bases": list(shipped.BASES),
        "ceilings": [dict(row) for row in facts("ceilings").values()],
        "payers": [dict(row) for row in facts("who_can_pay").values()],
        "gap": {
            "chips": 150e9,
            "around": facts("overheads")["total_cost"]["value"],
            "margin": facts("overheads")["gross_margin"]["value"],
            "known": 100e9,
        },
        "text": text_facts(),
        "limits": limit_facts(),
        "rates": {
            "hardware": rates["price_performance"]["factor"],
            "algorithms": rates["algorithms"]["factor"],
            "spending": float(10 ** line_of("amortised")["slope"]),
        },
    }


def line_facts(name: str) -> dict[str, Any]:
    """A fitted line with the largest run known, where there is one."""
    row, state = facts("frontier_lines")[name], facts("frontier_state").get(name)
    kept = ("what", "origin", "value", "value_se", "slope", "slope_se", "start", "end", "unit", "source")
    found = {key: row[key] for key in kept}
    if state:
        since = parse_date(str(state["date"]))
        found |= {"largest": state["value"], "within": state["within"], "since": since, "model": state["model"]}
    return found


def text_facts() -> dict[str, Any]:
    """Bounds of the stock of text and of its use (``outlook.stock``, ``outlook.demand``)."""
    return {
        "year": stock.YEAR,
        "level": stock.LEVEL,
        "pages": stock.PAGES,
        "bytes_per_page": stock.BYTES_PER_PAGE,
        "plain_bytes_per_token": stock.PLAIN_BYTES_PER_TOKEN,
        "shorter_by": stock.SHORTER_BY,
        "quality": stock.QUALITY,
        "repetition": stock.REPETITION,
        "users_growth": stock.USERS_GROWTH,
        "text_growth": stock.TEXT_GROWTH,
        "largest_dataset": stock.LARGEST_DATASET,
        "largest_run": stock.LARGEST_RUN,
        "tokens_per_param": 20.0,
        "overtrained": demand.OVERTRAINED,
        "most_of_passes": 1 + demand.R_STAR,
        "names": (demand.HISTORICAL, demand.OPTIMAL, demand.OVER),
    }


def limit_facts() -> dict[str, Any]:
    """Inputs of the largest run of a year with their correlations, and what was published (``outlook.limits``)."""
    rows = facts("limits2030")
    drawn = [name for name, row in rows.items() if "p10" in row]
    joined = np.linalg.cholesky(limits.correlations(drawn))
    published = facts("limits2030_published")
    return {
        "start": limits.START,
        "inputs": {name: {key: row.get(key) for key in ("p10", "p50", "p90")} for name, row in rows.items()},
        "drawn": drawn,
        "joined": [[[int(j), float(row[j])] for j in np.flatnonzero(row)] for row in joined],
        "published": {name: [published[name]["low"], published[name]["high"]] for name in limits.LIMITS},
        "binding": BINDING,
        "latency": {
            name: getattr(latency, name.upper())
            for name in (
                "layer_scale",
                "layer_exponent",
                "layers_at",
                "tokens_per_param",
                "tokens_per_chip",
                "chips_in_node",
                "ranks_in_node",
                "rank_seconds",
                "node_seconds",
                "exchange_seconds",
                "exchanges_per_layer",
                "halvings",
            )
        },
        "source": rows["run_seconds"]["source"],
    }


def account_rows(*, scale_dependent: bool) -> list[dict[str, Any]]:
    """Shares of progress by cause, of effective compute, of a law's loss and of a dollar (``outlook.accounts``)."""
    made = accounts.progress_outlook(scale_dependent=scale_dependent, draws=ACCOUNT_DRAWS, seed=SEED)
    period = f"{written(made.since)} to {written(made.to)}"
    wholes = (
        (f"effective compute of the frontier, {period}", made.compute.parts),
        (f"fall of the loss from {accounts.FIRST} to {accounts.LAST}, by {made.loss.law}", made.loss.parts),
        (f"fall of the price of {made.dollars.what}, {made.dollars.factor:.0f} times", made.dollars.parts),
    )
    return [
        {"of": whole, "name": part.name, "share": part.share.middle, "low": part.share.low, "high": part.share.high}
        for whole, parts in wholes
        for part in parts
    ]


def landmarks() -> list[dict[str, Any]]:
    """Released models by date and training compute; some by name, and the largest run known."""
    runs = facts("published_runs")
    rows = [
        {"year": _year(row["date"]), "value": row["flops"], "name": name, "label": NAMED.get(name, "")}
        for name, row in runs.items()
        if row.get("flops")
    ]
    state = facts("frontier_state")["training_compute"]
    largest = {"year": _year(state["date"]), "value": state["value"], "name": state["model"], "label": state["model"]}
    return [*rows, largest]


def _year(date: object) -> float:
    return round(parse_date(str(date)), 3)
