"""What each figure of the lessons is given: its charts and the numbers behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.report import lessons as charts
from isoflop.web import lesson_numbers as known

Payload = dict[str, Any]


def payloads(names: Iterable[str]) -> dict[str, Payload]:
    """The payload of each figure named, once each."""
    return {name: FIGURES[name]() for name in dict.fromkeys(names)}


def _surprise() -> Payload:
    return {"charts": {"curve": charts.surprise()}}


def _sampling() -> Payload:
    people = [
        {"n": n, "cm": known.numbers()[f"margin_{n}"], "text": f"{n:,}: {known.numbers()[f'margin_{n}']:.2f} cm"}
        for n in (2000, 10_000)
    ]
    return {
        "charts": {"log": charts.sampling(logarithmic=True), "plain": charts.sampling(logarithmic=False)},
        "deviation": known.HEIGHT_SD_CM,
        "z": known.numbers()["margin_2000"] * 2000**0.5 / known.HEIGHT_SD_CM,
        "people": people,
    }


def _law() -> Payload:
    """Of the law that the figures compute with in the page; its formula travels as a module."""
    made = known.law()
    return {"constants": dict(made.constants), "validity": {k: list(v) for k, v in made.validity.items()}}


def _diminishing() -> Payload:
    return {"charts": {"loss": charts.diminishing(gap=False), "gap": charts.diminishing(gap=True)}, **_law()}


def _valley() -> Payload:
    return {"charts": {"valley": charts.valley()}, **_law()}


def _machines() -> Payload:
    from isoflop.planning.accelerators import find_accelerator
    from isoflop.planning.hardware import bill
    from isoflop.planning.run_cost import goodput_line

    chip, told = find_accelerator("H100"), bill(1e24, "H100", 1000)
    hours = told.device_hours.value
    rent = {key: getattr(told.cost_usd, key) / getattr(told.device_hours, key) for key in ("low", "value", "high")}
    runs = [
        ("1B parameters on 20B tokens", 1e9, 20e9),
        ("8B on 160B", 8e9, 160e9),
        ("70B on 1.4T", known.RUN_N, known.RUN_D),
        ("as much as GPT-4, 2.1e25 FLOP", None, None),
    ]
    return {
        "charts": {"days": charts.machines()},
        "chip": chip.name,
        "peak": chip.peak(),
        "mfu": {key: getattr(told.mfu, key) for key in ("low", "value", "high")},
        "rent": rent,
        "priced": told.price_as_of,
        "watts": chip.system_watts or chip.tdp_watts,
        "failures": goodput_line(10_000).failures_per_day / 10_000,
        "check": hours,
        "runs": [
            {"label": label, "flops": known.FRONTIER_FLOPS if N is None or D is None else FLOPS_PER_PARAM_TOKEN * N * D}
            for label, N, D in runs
        ],
    }


def _metric() -> Payload:
    return {"charts": {"share": charts.metric(share=True), "nats": charts.metric(share=False)}, **_law()}


def _copied() -> Payload:
    rows = [
        {"params": r["N"], "flops": r["flops"], **{k: _six(r[k]) for k in ("exact", "tokens", "logprob")}}
        for r in known.copied()
    ]
    sizes, flops = [row["params"] for row in rows], [row["flops"] for row in rows]
    return {
        "charts": {name: charts.copied(sizes, flops, share=name == "share") for name in ("share", "nats")},
        "rows": rows,
    }


def _years() -> Payload:
    return {"charts": {name: charts.years(name) for name in ("flops", "usd", "share")}, "rows": list(known.by_year())}


TITLES = {"compute": "A: more compute", "algorithms": "B: a better algorithm", "quality": "C: better data"}


def _options() -> Payload:
    decided = known.computed()["decide"]
    rows = [{**row, "option": TITLES.get(row["name"], row["name"])} for row in decided["options"]]
    return {"charts": {"gains": charts.options()}, "rows": rows, "level": decided["level"]}


def _ladder() -> Payload:
    kept = known.computed()["ladder"]
    sizes = [row["params"] for row in kept["shown"]]
    losses = [row["loss"] for row in kept["shown"]] + [target["low"] for target in kept["targets"]]
    return {
        "charts": {"ladder": charts.ladder([1e11, 2.5e11, 6e11], sizes, [1.3, max(losses) + 0.05])},
        "rows": kept["shown"],
        "targets": kept["targets"],
        "level": kept["level"],
    }


def _six(value: float) -> float:
    return float(f"{value:.6g}")


FIGURES: Mapping[str, Callable[[], Payload]] = {
    "surprise": _surprise,
    "sampling": _sampling,
    "diminishing": _diminishing,
    "valley": _valley,
    "machines": _machines,
    "metric": _metric,
    "copied": _copied,
    "years": _years,
    "options": _options,
    "ladder": _ladder,
}
"""Figures by the name that a lesson's file gives."""

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "surprise": ("probability",),
    "sampling": ("people",),
    "diminishing": ("compute",),
    "valley": ("compute", "share"),
    "machines": ("devices", "run"),
    "metric": ("tokens", "compute"),
    "copied": (),
    "years": ("year",),
    "options": (),
    "ladder": (),
}
"""What a lesson may set of a figure: where its sliders stand at first. share: of the best split's parameters."""
