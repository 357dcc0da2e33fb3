"""How often does the demonstration's interval hold? The same plan with several seeds, each forecast before its run.

    python benchmarks/demo_study.py --seeds 8 --minutes 6 --folder demo-study

Every seed is a study folder of its own; an interrupted study goes on where it stopped. The plan comes from one fixed
speed, so that the runs do not depend on how busy the machine is while it measures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isoflop.train.speed import Speed
from isoflop.workbench.demo import run_demo
from isoflop.workbench.finished import finished_result
from isoflop.workbench.ladder_plan import LadderPlan
from isoflop.workbench.progress import CampaignProgress


class Quiet:
    """A view that prints a line a stage."""

    def measuring(self) -> None:
        pass

    def planned(self, plan: LadderPlan) -> None:
        print(f"  {plan.runs} runs, target N={plan.target.params:.3g}", flush=True)

    def training(self, what: str) -> Callable[[CampaignProgress], None]:
        print(f"  training {what}", flush=True)
        return lambda _progress: None

    def trained(self) -> None:
        pass

    def foretold(self, record: Mapping[str, Any]) -> None:
        print(f"  forecast {record['loss']:.4f} [{record['low']:.4f}, {record['high']:.4f}]", flush=True)


def run_study(folder: Path, seeds: int, minutes: float, speed: Speed) -> list[dict[str, Any]]:
    """One row a seed: forecast, interval, measurement, error."""
    rows = []
    for seed in range(seeds):
        home = folder / f"seed-{seed}"
        print(f"seed {seed}", flush=True)
        result = finished_result(home)
        if result is None:
            result = dict(run_demo(home, Quiet(), minutes=minutes, seed=seed, speed=speed).result)
        record, score = result["forecast"], result["score"]
        rows.append(
            {
                "seed": seed,
                "loss": record["loss"],
                "low": record["low"],
                "high": record["high"],
                "measured": score["measured"],
                "error": score["relative_error"],
                "inside": score["inside"],
                "half_width": (record["high"] - record["low"]) / 2 / record["loss"],
                "extrapolation": record["extrapolation"],
                "forms": {form["name"]: form["loss"] / score["measured"] - 1 for form in record["forms"]},
            }
        )
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Median absolute error, how many intervals held, and the median half width."""
    return {
        "seeds": len(rows),
        "median_abs_error": float(np.median([abs(row["error"]) for row in rows])),
        "held": int(sum(row["inside"] for row in rows)),
        "median_half_width": float(np.median([row["half_width"] for row in rows])),
        "widest_half_width": float(max(row["half_width"] for row in rows)),
    }


def main() -> None:
    """Print a row a seed and the summary; --json writes both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--folder", type=Path, default=Path("demo-study"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = run_study(options.folder, options.seeds, options.minutes, NOMINAL)
    print("seed  forecast  90 % interval      measured   error    inside  beyond")
    for row in rows:
        print(
            f"{row['seed']:4d}  {row['loss']:.4f}    [{row['low']:.4f}, {row['high']:.4f}]  {row['measured']:.4f}   "
            f"{row['error']:+.2%}   {row['inside']!s:6}  {row['extrapolation']:.1f}×   "
            + "  ".join(f"{name} {error:+.2%}" for name, error in row["forms"].items())
        )
    found = summary(rows)
    print(
        f"{found['held']} of {found['seeds']} intervals held; median |error| {found['median_abs_error']:.2%}; "
        f"half width median {found['median_half_width']:.2%}, widest {found['widest_half_width']:.2%}"
    )
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "summary": found}, indent=2))


NOMINAL = Speed(overhead_seconds=4.5e-6, flops_per_second=40e9, start_seconds=9.0)
"""A quiet core of the machine on which the recipe was measured."""


if __name__ == "__main__":
    main()
