"""What the decision page is given: options, unknowns with their intervals and sources, laws, and the model's constants.

The page draws and computes in the browser what ``isoflop.planning.decide`` computes here; a test has both decide on the
same draws. Its charts are those of ``isoflop decide --page``, made to change.
"""

from __future__ import annotations

from typing import Any

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.facts import facts
from isoflop.laws.catalogue import find_law
from isoflop.laws.progress import scales
from isoflop.planning import decide as deciding
from isoflop.planning import decide_effects, decide_law, decide_options, decide_sensitivity, decide_value, decide_words
from isoflop.planning.accelerators import find_accelerator
from isoflop.planning.decide_law import LawSource, law_source
from isoflop.planning.decide_options import Option, Unknown, options
from isoflop.planning.design_prior import LAWS
from isoflop.planning.hardware import LATEST
from isoflop.report.pages_decide import decision_specs
from isoflop.web.app import View

ACCELERATOR = "H100"
LEVEL = 0.8
DRAWS = {"moving": 400, "still": 4_000, "returns": 500, "swings": 500, "splits": 200}
"""How many draws the page takes while a slider moves, once it rests, and for what costs more by the draw."""
SEED = 0
LABELS = {
    "rent_usd": "Rent of a chip-hour",
    "mfu": "Utilisation of the whole run",
    "delivered": "Promised fall that comes",
    "halving_months": "Halving time of the field",
    "months_per_staff_year": "Months found by a staff-year",
    "staff_year_usd": "Cost of a staff-year",
    "team_exponent": "How staff adds up",
    "frontier_factor": "Yearly gain at the frontier",
    "small_factor": "Yearly gain in small models",
    "data_share": "Share of a gain in tokens",
    "quality_gain": "Worth of the best data",
    "quality_half_usd": "Spending for half of it",
    "quality_keep": "Tokens that a filter keeps",
    "token_usd_per_billion": "Price of a billion tokens",
    "repeat_value": "Passes until repeats fade",
    "half_life_passes": "Half-life in passes",
    "inference_exchange": "Thinking for training",
    "inference_bill": "Inference over training",
}
"""Short names for handles and charts; another unknown is called by its own name."""


def decision_view() -> View:
    """The page of decisions; ``isoflop decide`` with a slider for each assumption."""
    chosen = options(list(facts("options")))
    source = law_source([find_law(name) for name in LAWS])
    data = {
        "facts": model_facts(chosen, source),
        "draws": DRAWS,
        "seed": SEED,
        "accelerator": ACCELERATOR,
        "law_words": {"what": decide_words.LAW_WHAT, "how": decide_words.LAW_HOW},
        "specs": decision_specs(),
    }
    return View("decide", "decide/view.js", data, styles=("decide/decide.css",))


def model_facts(chosen: tuple[Option, ...], source: LawSource) -> dict[str, Any]:
    """Constants of the model in the browser: each has its home in the module that it is taken from."""
    asked = {name for name, row in facts("options").items() if row["asked"]}
    return {
        "options": [
            {"name": o.name, "label": o.label, "what": o.what, "effect": o.effect, "asked": o.name in asked}
            for o in chosen
        ],
        "unknowns": [_unknown_row(unknown) for unknown in all_unknowns(chosen, source)],
        "laws": _law_rows(source),
        "peak_flops_per_second": find_accelerator(ACCELERATOR).peak(),
        "level": LEVEL,
        "flops_per_param_token": FLOPS_PER_PARAM_TOKEN,
        "size_decay": decide_law.SIZE_DECAY,
        "as_good_as_new": decide_law.AS_GOOD_AS_NEW,
        "steps": decide_law.STEPS,
        "close": decide_law.CLOSE,
        "small_flops": scales()[0],
        "frontier_flops": scales()[1],
        "inference_span": decide_effects.INFERENCE_SPAN,
        "staff_years_floor": decide_effects.STAFF_YEARS_FLOOR,
        "tail": decide_options.TAIL,
        "outer": list(decide_sensitivity.OUTER),
        "bins": decide_value.BINS,
        "least_in_bin": decide_value.LEAST_IN_BIN,
        "sure": decide_value.SURE,
        "little": deciding.LITTLE,
        "nearly": deciding.NEARLY,
        "most_splits": deciding.MOST_SPLITS,
        "multiples": deciding.MULTIPLES.tolist(),
        "tied": decide_words.TIED,
        "seen_again": decide_words.SEEN_AGAIN,
    }


def all_unknowns(chosen: tuple[Option, ...], source: LawSource) -> tuple[Unknown, ...]:
    """Every unknown that some setting of the page depends on, each once."""
    chip = find_accelerator(ACCELERATOR)
    found: dict[str, Unknown] = {}
    for progress in decide_options.PROGRESS:
        for repeats in decide_law.REPEATS:
            needed = decide_options.relevant(
                chosen, chip, priced=True, limited=True, progress=progress, repeats=repeats, date=LATEST
            )
            found |= {each.name: each for each in needed}
    drift = decide_options.delivered(source.drift)
    return (*found.values(), drift)


def _unknown_row(unknown: Unknown) -> dict[str, Any]:
    return {
        "name": unknown.name,
        "label": LABELS.get(unknown.name, unknown.name.replace("_", " ")),
        "what": unknown.what,
        "unit": unknown.unit,
        "low": unknown.low,
        "middle": unknown.middle,
        "high": unknown.high,
        "level": unknown.level,
        "kind": unknown.kind,
        "how": unknown.how,
        "source": unknown.source,
        "scale": unknown.scale,
        "seen": sorted(unknown.seen),
        "row": unknown.name in facts("unknowns"),
    }


def _law_rows(source: LawSource) -> list[dict[str, Any]]:
    constants = source.constants
    rows = []
    for i, name in enumerate(source.names):
        boxes = find_law(name).validity.get("N")
        row: dict[str, Any] = {
            key: float(getattr(constants, key)[i]) for key in ("E", "A", "alpha", "B", "beta", "kappa")
        }
        rows.append({"name": name, **row, "largest": boxes[1] if boxes else None})
    return rows
