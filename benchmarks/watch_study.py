"""How often a watched run rings a false alarm, and how soon a real change is told: ``python
benchmarks/watch_study.py``.

Residuals of 60 blocks about a course with unknown level, slope and annealing, with noise of several kinds; a change is
a step at block 30 in units of the noise's standard deviation. The alarm is that of --alpha 0.05: half of it for
"broken".
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from isoflop.forecasting.sequential import change_evidence

Array = NDArray[np.float64]
BLOCKS = 60
ALARM = np.log(2 / 0.05)
KINDS = {"white": (0.0, 0), "correlated 0.5": (0.5, 0), "correlated 0.9": (0.9, 0), "heavy tails, 0.3": (0.3, 3)}


def design() -> Array:
    """Level, ln tokens and share annealed of a run whose rate decays over its last fifth."""
    done = np.linspace(0.1, 1, BLOCKS)
    return np.stack([np.ones(BLOCKS), np.log(done), np.clip((done - 0.8) / 0.2, 0, 1)], axis=1)


def noise(rng: np.random.Generator, correlation: float, tails: int) -> Array:
    """AR(1) noise with unit standard deviation; ``tails``: degrees of freedom of Student's t, 0 for normal."""
    shocks = (
        rng.standard_t(tails, BLOCKS + 50) / np.sqrt(tails / (tails - 2)) if tails else rng.standard_normal(BLOCKS + 50)
    )
    for i in range(1, len(shocks)):
        shocks[i] += correlation * shocks[i - 1]
    return np.asarray(shocks[50:] * np.sqrt(1 - correlation**2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="simulated runs a line")
    runs = parser.parse_args().runs
    print(f"{'noise':18} {'false alarms':>12}" + "".join(f"{f'step {s}':>22}" for s in (3, 5, 10)))
    for name, (correlation, tails) in KINDS.items():
        curves = [noise(np.random.default_rng(i), correlation, tails) for i in range(runs)]
        false = np.mean([change_evidence(curve, design(), BLOCKS).max() >= ALARM for curve in curves])
        cells = []
        for step in (3, 5, 10):
            delays = []
            for curve in curves[: runs // 4]:
                evidence = change_evidence(curve + step * (np.arange(BLOCKS) >= 30), design(), BLOCKS)
                rang = np.flatnonzero(evidence[30:] >= ALARM)
                delays.append(rang[0] + 1 if len(rang) else np.inf)
            cells.append(f"{np.isfinite(delays).mean():.0%} told, median {np.median(delays):g}")
        print(f"{name:18} {false:>12.1%}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
