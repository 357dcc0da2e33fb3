"""How often forecasts of many attempts hold, on made-up problems whose chances are spread in eleven ways.

    python benchmarks/coverage_study.py [--sets 40] [--k 10000]

Of every set 128 problems are tried 100 times and pass@k is foretold at 90 %. Two of the families are those that the
forecast averages; the others are not. The spread of the rows is what the forecast has to bear with: its caution was set
on the first five (docs/capability.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from isoflop.capability.extrapolate import forecast_coverage

Array = NDArray[np.float64]
PROBLEMS, ATTEMPTS = 128, 100

FAMILIES: Mapping[str, Callable[[np.random.Generator], Array]] = {
    "Beta(0.3, 12)": lambda r: r.beta(0.3, 12, PROBLEMS),
    "Beta(0.1, 60), nearly all hard": lambda r: r.beta(0.1, 60, PROBLEMS),
    "a third never, else Beta(0.6, 8)": lambda r: np.where(r.random(PROBLEMS) < 0.33, 0, r.beta(0.6, 8, PROBLEMS)),
    "logit-normal(-4, 2.5)": lambda r: 1 / (1 + np.exp(-r.normal(-4, 2.5, PROBLEMS))),
    "log-normal(-5, 2.5), cut at 1": lambda r: np.minimum(1, np.exp(r.normal(-5, 2.5, PROBLEMS))),
    "log-normal(-3, 3), cut at 1": lambda r: np.minimum(1, np.exp(r.normal(-3, 3, PROBLEMS))),
    "log-uniform from 1e-6": lambda r: np.exp(r.uniform(np.log(1e-6), 0, PROBLEMS)),
    "half Beta(0.4, 40), half Beta(4, 2)": lambda r: np.where(
        r.random(PROBLEMS) < 0.5, r.beta(0.4, 40, PROBLEMS), r.beta(4, 2, PROBLEMS)
    ),
    "Kumaraswamy(0.35, 6)": lambda r: (1 - (1 - r.random(PROBLEMS)) ** (1 / 6)) ** (1 / 0.35),
    "log-t with 3 degrees, cut at 1": lambda r: np.minimum(1, np.exp(-4 + 1.5 * r.standard_t(3, PROBLEMS))),
    "minus ln p gamma(2.5, 2)": lambda r: np.exp(-r.gamma(2.5, 2.0, PROBLEMS)),
}


def study(family: str, sets: int, k: float) -> tuple[float, float, float]:
    """Share of the intervals that held, mean absolute error and mean width, in points."""
    held, errors, widths = 0, [], []
    for seed in range(sets):
        rng = np.random.default_rng([77, seed])
        p = FAMILIES[family](rng)
        solved = rng.binomial(ATTEMPTS, p)
        forecast = forecast_coverage(ATTEMPTS, solved, [k], draws=200, seed=seed)
        truth = float((1 - (1 - p) ** k).mean())
        held += bool(forecast.low[0] <= truth <= forecast.high[0])
        errors.append(abs(float(forecast.mean[0]) - truth))
        widths.append(float(forecast.high[0] - forecast.low[0]))
    return held / sets, 100 * float(np.mean(errors)), 100 * float(np.mean(widths))


def main() -> None:
    """Print a row for every family."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=40)
    parser.add_argument("--k", type=float, default=1e4)
    given = parser.parse_args()
    print(f"| chances of {PROBLEMS} problems | 90 % held | error, points | width, points |\n|---|---|---|---|")
    for family in FAMILIES:
        held, error, width = study(family, given.sets, given.k)
        print(f"| {family} | {held:.0%} | {error:.1f} | {width:.0f} |", flush=True)


if __name__ == "__main__":
    main()
