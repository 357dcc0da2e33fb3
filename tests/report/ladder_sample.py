"""A made-up ladder in the shape of a real one: six sizes, four token counts, a target at four times the compute."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from isoflop.counting import training_flops

E, A, B, ALPHA, BETA = 1.25, 18.0, 95.0, 0.32, 0.33
SIZES = (25_088, 50_176, 98_304, 163_840, 262_144, 401_408)
TOKENS = (500_000, 1_500_000, 4_500_000, 12_000_000)
TARGET = (720_896, 27_000_000)


def law(params: float, tokens: float) -> float:
    return E + A / params**ALPHA + B / tokens**BETA


def runs() -> pl.DataFrame:
    noise = iter(np.random.default_rng(7).normal(0, 0.006, len(SIZES) * len(TOKENS)))
    rows = []
    for params in SIZES:
        for tokens in TOKENS:
            supposed = law(params, tokens)
            loss = supposed * math.exp(next(noise))
            rows.append(
                {
                    "params": float(params),
                    "tokens": float(tokens),
                    "flops": training_flops(params, tokens),
                    "loss": loss,
                    "loss_se": 0.008,
                    "residual_percent": 100 * (loss / supposed - 1),
                    "trunk": f"n{params}",
                }
            )
    return pl.DataFrame(rows)


def law_lines() -> pl.DataFrame:
    rows = []
    for params in (*SIZES, TARGET[0]):
        for tokens in np.geomspace(4e5, 3.2e7, 40):
            loss, width = law(params, float(tokens)), 0.004 + 0.006 * max(0.0, math.log10(tokens / 4.5e6))
            low, high = loss * (1 - width), loss * (1 + width)
            rows.append({"params": float(params), "tokens": float(tokens), "loss": loss, "low": low, "high": high})
    return pl.DataFrame(rows)


def target(measured: float | None = None) -> pl.DataFrame:
    params, tokens = TARGET
    loss = law(params, tokens)
    row = {"label": "target", "params": params, "tokens": tokens, "loss": loss, "low": loss * 0.97, "high": loss * 1.03}
    return pl.DataFrame([row | {"flops": training_flops(params, tokens), "measured": measured}])


def curves() -> pl.DataFrame:
    noise = np.random.default_rng(3)
    rows = []
    for params in SIZES:
        trunk, start = f"n{params}", 0.0
        for end in TOKENS:
            for phase, low, high in (("trunk", start, 0.8 * end), ("branch", 0.8 * end, end)):
                for tokens in np.linspace(low, high, 150):
                    shown = max(float(tokens), 1.0)
                    decay = 0.06 * (tokens - 0.8 * end) / (0.2 * end) if phase == "branch" else 0.0
                    loss = min(5.545, law(params, shown) + 0.06) - decay + noise.normal(0, 0.015)
                    rows.append(
                        {"trunk": trunk, "params": params, "tokens": float(tokens), "loss": loss, "phase": phase}
                    )
            start = 0.8 * end
    return pl.DataFrame(rows)


def forecasts() -> pl.DataFrame:
    names = ("n163840 from smaller", "n262144 from smaller", "n401408 from smaller", "target")
    rows = []
    for name, params, tokens, error in zip(
        names, (*SIZES[3:], TARGET[0]), (12e6, 12e6, 12e6, TARGET[1]), (0.006, -0.011, 0.034, None), strict=True
    ):
        loss = law(params, tokens)
        rows.append(
            {
                "label": name,
                "flops": training_flops(params, tokens),
                "loss": loss,
                "low": loss * 0.975,
                "high": loss * 1.025,
                "measured": None if error is None else loss * (1 + error),
            }
        )
    return pl.DataFrame(rows)


def valleys() -> tuple[pl.DataFrame, pl.DataFrame]:
    curves, optima = [], []
    for flops in (1e12, 4e12, 2e13, 1e14, 1e15):
        params = np.geomspace(0.04, 25, 60) * math.sqrt(flops / 6 / 60)
        losses = [law(n, flops / 6 / n) for n in params]
        for n, loss in zip(params, losses, strict=True):
            row = {"flops": flops, "params": float(n), "loss": loss, "low": loss * 0.985, "high": loss * 1.015}
            curves.append(row)
        best = int(np.argmin(losses))
        optima.append({"flops": flops, "params": float(params[best]), "loss": losses[best]})
    return pl.DataFrame(curves), pl.DataFrame(optima)
