"""The largest run that power, chips, data or latency allow (Epoch AI 2024, Can AI scaling continue through 2030?).

The report joins its unknowns by a copula of metalogs. Here each is a lognormal through its 10th and 90th percentile,
joined by a Gaussian copula with the report's rank correlations: the bounds come within 0.3 orders of magnitude of the
published ones (latency: with the batch of today; see ``latency``), and a person can follow the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from isoflop.facts import facts
from isoflop.outlook import latency
from isoflop.outlook.stock import compute_of_tokens

Array = NDArray[np.float64]

START = 2024.0
"""The inputs are those at the end of 2023."""


@dataclass(frozen=True)
class Unknowns:
    """Draws of every input by name, shaped (draws,); an input without a range is the same in each."""

    values: Mapping[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.values[name]

    @property
    def run_flops_per_chip(self) -> Array:
        """FLOP that one chip of 2023 does in a run: peak · utilisation · duration."""
        return np.asarray(self["chip_peak"] * self["training_utilisation"] * self["run_seconds"])


def draw_unknowns(rng: np.random.Generator, draws: int) -> Unknowns:
    """Draws of the report's inputs, facts/limits2030.toml, correlated as in facts/limits2030_links.toml."""
    rows = facts("limits2030")
    known = [name for name, row in rows.items() if "p10" in row]
    normal = rng.standard_normal((draws, len(known))) @ np.linalg.cholesky(correlations(known)).T
    values = {name: np.full(draws, float(row["p50"])) for name, row in rows.items()}
    for column, name in enumerate(known):
        low, high = np.log(rows[name]["p10"]), np.log(rows[name]["p90"])
        values[name] = np.exp((low + high) / 2 + (high - low) / 2 / ndtri(0.9) * normal[:, column])
    return Unknowns(values)


def correlations(names: Sequence[str]) -> Array:
    """Correlations of the normals behind the inputs, shaped (n, n): 2 sin(π ρ / 6) for Spearman's ρ (Pearson 1907)."""
    matrix = np.eye(len(names))
    for link in facts("limits2030_links").values():
        i, j = names.index(link["a"]), names.index(link["b"])
        matrix[i, j] = matrix[j, i] = 2 * np.sin(np.pi * link["spearman"] / 6)
    return matrix


def power_limit(u: Unknowns, year: float = 2030.0) -> Array:
    """FLOP of the largest run on the power of AI data centres across the USA."""
    years = year - START
    total = u["us_datacentre_watts"] * u["us_datacentre_growth"] ** years
    other = (u["us_datacentre_watts"] - u["us_ai_watts"]) * u["us_other_growth"] ** years
    watts = np.maximum(total - other, u["us_ai_watts"]) * u["largest_run_share"]
    return _on_power(u, watts, years)


def campus_limit(u: Unknowns, year: float = 2030.0) -> Array:
    """FLOP of the largest run on one campus."""
    return _on_power(u, u["largest_campus_watts"], year - START)


def chips_limit(u: Unknowns, year: float = 2030.0) -> Array:
    """FLOP of the largest run on all chips made by then, each year's with its own speed."""
    made = u["chip_stock"].copy()
    for years in range(1, round(year - START) + 1):
        made = made + u["chip_production"] * (u["production_growth"] * u["chip_speed_growth"]) ** years
    return np.asarray(made * u["largest_run_share"] * u.run_flops_per_chip)


def effective_tokens(u: Unknowns, year: float = 2030.0) -> Array:
    """Tokens of text, images, video and sound worth training on, each seen as often as it helps."""
    seen = u["images"] + u["video_seconds"]
    tokens = u["web_tokens"] + seen * u["tokens_per_image"] + u["audio_seconds"] * u["tokens_per_audio_second"]
    return np.asarray(tokens * u["quality"] * u["epochs"] * u["stock_growth"] ** (year - START))


def data_limit(u: Unknowns, year: float = 2030.0) -> Array:
    """FLOP of the compute-optimal run on all that data: 6 D² / 20."""
    return compute_of_tokens(effective_tokens(u, year))


def latency_limit(u: Unknowns, year: float = 2030.0) -> Array:
    """FLOP of the largest run whose steps, one after another, fit into its months, with the batch of today."""
    speed = u["chip_peak"] * u["training_utilisation"] * u["chip_speed_growth"] ** (year - START)
    return latency.wall_flops(u["run_seconds"], speed, u["batch_tokens"], layer_exponent=u["layer_exponent"])


LIMITS: Mapping[str, Callable[[Unknowns, float], Array]] = {
    "campus": campus_limit,
    "power": power_limit,
    "chips": chips_limit,
    "data": data_limit,
    "latency": latency_limit,
}
"""By the names of facts/limits2030_published.toml."""


def binding(
    u: Unknowns, year: float, names: Sequence[str] = ("power", "chips", "data", "latency")
) -> tuple[Array, Array]:
    """Draws of the smallest limit, and the index in ``names`` of the one that binds; shaped (draws,)."""
    stacked = np.stack([LIMITS[name](u, year) for name in names])
    return stacked.min(axis=0), stacked.argmin(axis=0)


def installed_watts(chips: float, watts_per_chip: float) -> float:
    """Power that a run's chips need, servers and cooling with them."""
    return chips * watts_per_chip


def on_trend_watts(watts: float, compute_growth: float, efficiency_growth: float) -> float:
    """Power of a run with so many times the compute, where chips, formats and time give so many times as much."""
    return watts * compute_growth / efficiency_growth


def _on_power(u: Unknowns, watts: Array, years: float) -> Array:
    chips = watts / u["watts_per_chip"]
    return np.asarray(chips * u["power_efficiency_growth"] ** years * u.run_flops_per_chip)
