"""The numbers of the lessons, computed by isoflop and used by name: ``{margin_2000:.2f}`` in a lesson's text.

Most are computed when the page is made. Those that take seconds (a forecast with its backtests, a decision with its
draws, trends year by year) are kept in ``lessons/computed.json``, which ``python -m isoflop.web.lesson_numbers`` writes
and a test repeats.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from isoflop.capability.metrics import exact_match
from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.laws.catalogue import find_law
from isoflop.laws.law import Law
from isoflop.laws.optimum import optimal_split
from isoflop.laws.progress import scales
from isoflop.outlook.sampling import halving_factor, margin_of_error, samples_for

LAW = "besiroglu2024"
HEIGHT_SD_CM = 7.1
"""Standard deviation of the height of adults of one sex: 2,000 people then give 0.31 cm and 10,000 give 0.14 cm."""
DECIDE_DRAWS = 20_000
LADDER_BELOW = 1e12
"""FLOP: runs of the sample "isoflop" with less are shown, those with more are to be foretold."""
LADDER_LEVEL = 0.8
LADDER_SIZES = (66048.0, 171520.0, 421888.0)
DIGITS = 7
COPY_TASK, COPY_LEVEL, COPY_N = "copy", 6, 26624.0

Number = float | str


@functools.cache
def numbers() -> Mapping[str, Number]:
    """Every number that a lesson may name."""
    groups: tuple[Callable[[], Mapping[str, Number]], ...] = (
        _prediction,
        _sampling,
        _law,
        _split,
        _machines,
        _metrics,
        _limits,
        _kept,
    )
    found: dict[str, Number] = {}
    for group in groups:
        found |= group()
    return found


def law() -> Law:
    """The published law that the lessons use."""
    return find_law(LAW)


def best(flops: float) -> tuple[float, float, float]:
    """N, D and loss of the compute-optimal run."""
    split = optimal_split(law().form, law().constants, flops)
    return float(split.N_opt), float(split.D_opt), float(split.loss)


def _prediction() -> dict[str, Number]:
    return {
        "coin_nats": math.log(2),
        "vocabulary": 50_000.0,
        "guess_nats": math.log(50_000),
        "loss_shown": 2.0,
        "choices_at_2": math.exp(2.0),
        "bytes_shown": 4.4,
        "bits_per_byte": 2.0 / math.log(2) / 4.4,
        "tenth_nats": -math.log(0.1),
        "half_nats": -math.log(0.5),
    }


def _sampling() -> dict[str, Number]:
    small, large = (float(margin_of_error(HEIGHT_SD_CM, n)) for n in (2000, 10_000))
    return {
        "height_sd": HEIGHT_SD_CM,
        "margin_2000": small,
        "margin_10000": large,
        "margin_8000": float(margin_of_error(HEIGHT_SD_CM, 8000)),
        "margin_ratio": small / large,
        "people_to_halve": halving_factor(0.5),
        "people_for_half": float(samples_for(HEIGHT_SD_CM, small / 2)),
    }


def _law() -> dict[str, Number]:
    c = law().constants
    exponent = c["alpha"] * c["beta"] / (c["alpha"] + c["beta"])
    loss = {power: best(10.0**power)[2] for power in (20, 21, 22, 23, 24, 25)}
    found: dict[str, Number] = {"E": c["E"], "alpha": c["alpha"], "beta": c["beta"], "C_exponent": exponent}
    found |= {f"loss_1e{power}": value for power, value in loss.items()}
    found |= {f"gain_1e{p}": loss[p] - loss[p + 1] for p in (20, 21, 22, 23, 24)}
    found["halve_gap"] = halving_factor(exponent)
    found["tenfold_gap"] = 10**-exponent
    found["gap_1e24"] = loss[24] - c["E"]
    return found


def _split() -> dict[str, Number]:
    N, D, loss = best(1e23)
    form, constants = law().form, law().constants
    gpt3 = (174.6e9, 300e9)
    spent = FLOPS_PER_PARAM_TOKEN * gpt3[0] * gpt3[1]
    gpt3_best = best(spent)
    small = float(law()(N=N / 10, D=10 * D))
    return {
        "N_1e23": N,
        "D_1e23": D,
        "ratio_1e23": D / N,
        "loss_best_1e23": loss,
        "loss_tenth_N": small,
        "loss_tenth_N_more": small - loss,
        "N_growth": float(optimal_split(form, constants, 1e24).N_opt / optimal_split(form, constants, 1e23).N_opt),
        "D_growth": float(optimal_split(form, constants, 1e24).D_opt / optimal_split(form, constants, 1e23).D_opt),
        "gpt3_N": gpt3[0],
        "gpt3_D": gpt3[1],
        "gpt3_C": spent,
        "gpt3_ratio": gpt3[1] / gpt3[0],
        "gpt3_best_N": gpt3_best[0],
        "gpt3_best_D": gpt3_best[1],
        "gpt3_loss": float(law()(N=gpt3[0], D=gpt3[1])),
        "gpt3_best_loss": gpt3_best[2],
    }


RUN_N, RUN_D = 70e9, 1.4e12
FRONTIER_FLOPS = scales()[1]
"""GPT-4's training compute as Epoch AI estimates it: the frontier of 2023."""


def _machines() -> dict[str, Number]:
    from isoflop.planning.accelerators import find_accelerator
    from isoflop.planning.hardware import bill
    from isoflop.planning.run_cost import goodput_line

    chip = find_accelerator("H100")
    flops = FLOPS_PER_PARAM_TOKEN * RUN_N * RUN_D
    one, run, frontier = bill(flops, "H100", 1), bill(flops, "H100", 1024), bill(FRONTIER_FLOPS, "H100", 10_000)
    return {
        "run_N": RUN_N,
        "run_D": RUN_D,
        "run_C": flops,
        "h100_peak": chip.peak(),
        "mfu": one.mfu.value,
        "mfu_low": one.mfu.low,
        "mfu_high": one.mfu.high,
        "run_years_one": one.days.value / 365.25,
        "run_days_1024": run.days.value,
        "run_days_perfect": flops / chip.peak() / 1024 / 86400,
        "frontier_C": FRONTIER_FLOPS,
        "frontier_days": frontier.days.value,
        "frontier_days_low": frontier.days.low,
        "frontier_days_high": frontier.days.high,
        "frontier_hours": frontier.device_hours.value,
        "frontier_usd": frontier.cost_usd.value,
        "frontier_usd_low": frontier.cost_usd.low,
        "frontier_usd_high": frontier.cost_usd.high,
        "frontier_MW": 10_000 * (chip.system_watts or chip.tdp_watts) / 1e6,
        "failures_16000": goodput_line(16_000).failures_per_day,
    }


def _metrics() -> dict[str, Number]:
    found: dict[str, Number] = {f"exact_{share}": float(exact_match(share / 100, 10)) for share in (80, 90, 95, 99)}
    found["needed_for_half"] = 0.5 ** (1 / 10)
    found |= {"exact_90_percent": 100 * float(exact_match(0.9, 10)), "needed_percent": 100 * 0.5 ** (1 / 10)}
    for row in copied():
        if row["N"] == COPY_N and row["D"] in (131072.0, 262144.0):
            at = "before" if row["D"] == 131072.0 else "after"
            found |= {f"copy_{at}_{name}": row[name] for name in ("exact", "tokens", "logprob")}
    return found


@functools.cache
def copied() -> tuple[dict[str, float], ...]:
    """Models of the sample "emergence" at copying six letters: N, D, flops, and three metrics of the same answers.

    exact: share of answers that are right as a whole. tokens: share of letters that are right. logprob: of the right
    letter, nats, mean over letters.
    """
    import polars as pl

    from isoflop.samples import load_scores

    asked = load_scores("emergence").filter(pl.col("task") == COPY_TASK, pl.col("level") == COPY_LEVEL)
    rows = asked.group_by("N", "D").agg(
        exact=pl.col("exact").cast(pl.Float64).mean(),
        tokens=pl.col("tokens_correct").cast(pl.Float64).sum() / pl.col("tokens").sum(),
        logprob=pl.col("logprob").cast(pl.Float64).sum() / pl.col("tokens").sum(),
    )
    made = rows.with_columns(flops=FLOPS_PER_PARAM_TOKEN * pl.col("N") * pl.col("D")).sort("N", "D")
    return tuple(made.to_dicts())


def by_year() -> tuple[Mapping[str, float], ...]:
    """What a frontier run takes, year by year: flops and usd with the middle 80 % of draws, and tokens over the stock.

    flops, usd (2023 dollars, wear of hardware and energy): typical of the largest runs on trend. share: tokens of the
    largest run, as data sets grew, over the useful public text of that year.
    """
    return tuple(computed()["years"])


def _years() -> list[dict[str, float]]:
    from isoflop.outlook.demand import demands
    from isoflop.outlook.shipped import compute_outlook, cost_outlook
    from isoflop.outlook.stock import web_stock

    rng = np.random.default_rng(0)
    web, used = web_stock(rng, 10_000), demands(rng, 10_000)[0]
    rows = []
    for year in range(2018, 2033):
        flops = compute_outlook(as_of=year + 0.5, draws=4000).compute.typical_now
        usd = cost_outlook(as_of=year + 0.5, draws=4000).bases[0].typical_now
        share = np.quantile(used.at(year + 0.5) / web.at(year + 0.5), [0.1, 0.5, 0.9])
        row = {"year": float(year)}
        for name, low, middle, high in (
            ("flops", flops.low, flops.middle, flops.high),
            ("usd", usd.low, usd.middle, usd.high),
            ("share", *share),
        ):
            row |= {f"{name}_low": _short(low), name: _short(middle), f"{name}_high": _short(high)}
        rows.append(row)
    return rows


def _limits() -> dict[str, Number]:
    from isoflop.outlook.shipped import compute_outlook, cost_outlook, data_outlook, limits_outlook

    data, limits = data_outlook(draws=20_000), limits_outlook(draws=20_000)
    growth = compute_outlook(as_of=2026.5, draws=2000).compute.growth
    dollars = cost_outlook(as_of=2026.5, draws=2000).bases[0].growth
    power = next(limit for limit in limits.limits if limit.name == "power")
    ways = {way.name: way.value for way in data.ways_out}
    return {
        "stock": data.effective.middle,
        "stock_low": data.effective.low,
        "stock_high": data.effective.high,
        "stock_year": data.scenarios[0].meets.middle,
        "stock_first": math.floor(data.span[0]),
        "stock_last": math.floor(data.span[1]),
        "largest_text": data.scenarios[0].used.middle,
        "compute_growth": growth.factor,
        "compute_growth_low": growth.low,
        "compute_growth_high": growth.high,
        "cost_growth": dollars.factor,
        "cost_growth_3": dollars.factor**3,
        "cost_growth_low": dollars.low,
        "cost_growth_high": dollars.high,
        "power_first": power.binds if power.binds is not None else math.nan,
        "trend_2030": limits.trend_flops.middle,
        "trend_allowed": limits.trend_allowed,
        "four_passes": ways["repeat"],
        "endless_passes": ways["repeat without end"],
        "usd_2026": next(row["usd"] for row in by_year() if row["year"] == 2026),
        "usd_2026_high": next(row["usd_high"] for row in by_year() if row["year"] == 2026),
    }


def _kept() -> dict[str, Number]:
    kept = computed()
    found: dict[str, Number] = {"ladder_runs": float(kept["ladder"]["runs"]), "ladder_level": LADDER_LEVEL}
    for row in kept["decide"]["options"]:
        found |= {f"{row['name']}_{key}": row[key] for key in ("gain", "low", "high", "best", "multiplier")}
    found |= {"decide_N": kept["decide"]["params"], "decide_D": kept["decide"]["tokens"]}
    found |= {"decide_loss": kept["decide"]["loss"], "first_usd": kept["decide"]["first_usd"]}
    return found


@functools.cache
def computed() -> Mapping[str, Any]:
    """The numbers that take seconds, as they were written."""
    text = resources.files("isoflop.web").joinpath("lessons", "computed.json").read_text(encoding="utf-8")
    read: Mapping[str, Any] = json.loads(text)
    return read


def compute() -> dict[str, Any]:
    """The same, made anew; about ten seconds."""
    return {"ladder": _ladder(), "decide": _decided(), "years": _years()}


def _ladder() -> dict[str, Any]:
    from isoflop.forecasting.forecast import forecast
    from isoflop.samples import load_sample

    runs = load_sample("isoflop")
    shown, asked = runs.take(runs.flops < LADDER_BELOW), runs.take(runs.flops >= LADDER_BELOW)
    asked = asked.take(np.isin(asked.params, LADDER_SIZES))
    made = forecast(shown, N=asked.params, D=asked.tokens, level=LADDER_LEVEL)
    targets = [
        {
            "params": float(asked.params[i]),
            "tokens": float(asked.tokens[i]),
            "flops": float(asked.flops[i]),
            "measured": _short(asked.loss[i]),
            "loss": _short(made.loss[i]),
            "low": _short(made.low[i]),
            "high": _short(made.high[i]),
        }
        for i in range(len(asked))
    ]
    budgets = [1e11, 2.5e11, 6e11]
    dots = [
        {
            "params": float(n),
            "tokens": float(d),
            "flops": min(budgets, key=lambda b: abs(math.log(b / c))),
            "loss": _short(loss),
        }
        for n, d, c, loss in zip(shown.params, shown.tokens, shown.flops, shown.loss, strict=True)
    ]
    return {"runs": len(shown), "level": LADDER_LEVEL, "shown": dots, "targets": targets}


def _decided() -> dict[str, Any]:
    from isoflop.planning.decide import decide

    made = decide(1e6, draws=DECIDE_DRAWS)
    rows = [
        {
            "name": choice.option.name,
            "gain": _short(choice.gain.mean),
            "low": _short(choice.gain.low),
            "high": _short(choice.gain.high),
            "best": _short(choice.best),
            "multiplier": _short(choice.compute_multiplier.median),
        }
        for choice in made.choices
        if choice.best > 0
    ]
    first = made.first
    return {
        "level": made.level,
        "options": rows,
        "params": _short(made.baseline.params.median),
        "tokens": _short(made.baseline.tokens.median),
        "loss": _short(made.baseline.loss.median),
        "first": first.unknown if first else "",
        "first_usd": _short(first.usd) if first and first.usd else 0.0,
    }


def _short(value: float) -> float:
    return float(f"{float(value):.{DIGITS}g}")


if __name__ == "__main__":
    path = Path(__file__).with_name("lessons") / "computed.json"
    path.write_text(json.dumps(compute(), indent=1) + "\n", encoding="utf-8")
    print(f"Wrote {path}")
