"""What the capability page is given: the shipped studies of emergence and of facts, score curves, trades, charts."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from isoflop.capability.trade import techniques
from isoflop.facts import facts
from isoflop.laws.catalogue import find_law
from isoflop.report.pages_capability import capability_specs
from isoflop.report.studying import recall_chart
from isoflop.samples import load_scores, sample_about
from isoflop.web.app import View
from isoflop.workbench.studies.catalogue import find_study
from isoflop.workbench.studies.finding import Finding
from isoflop.workbench.studies.proportions import fit_rise
from isoflop.workbench.studies.training import from_sample
from isoflop.workbench.trading import TRAIN_MFU, serving_mfu

LAW = "besiroglu2024"
DIGITS = 5


def capability_view() -> View:
    """The page of metrics, scores, concept frequency and thinking longer."""
    card = find_study("facts")
    recall = card.judge.judge(from_sample(card))
    drawn = recall.drawn
    told = recall_chart(
        drawn["answers"], drawn["curves"], chance=drawn["chance"], level=recall.level, title=drawn["title"]
    )
    data = {
        "facts": model_facts(),
        "emergence": {"rows": emergence_rows(), "about": _about("emergence")},
        "recall": recall_facts(recall),
        "specs": capability_specs(told),
    }
    return View("capability", "capability/view.js", data, styles=("capability/capability.css",))


def model_facts() -> dict[str, Any]:
    """The law, the score curves and the trades behind the page's arithmetic."""
    law = find_law(LAW)
    return {
        "law": {"name": LAW, **{key: law.constants[key] for key in ("E", "A", "alpha", "B", "beta")}},
        "scores": [
            {key: row[key] for key in ("name", "what", "chance", "seen", "sigmoid", "logistic", "scatter", "source")}
            for row in facts("page_scores").values()
        ],
        "skills": [
            {key: row[key] for key in ("name", "what", "chance", "rows", "seen", "m", "s", "u", "sd", "source")}
            for row in facts("page_skills").values()
        ],
        "trades": [
            {
                "name": one.name,
                "what": one.what,
                "training": one.training,
                "inference": one.inference,
                "starts_trained": one.starts_trained,
            }
            for one in techniques().values()
        ],
        "use": {"train_use": TRAIN_MFU, "serve_use": serving_mfu()},
    }


def emergence_rows() -> list[dict[str, Any]]:
    """Every model of the shipped study on every task and level under five metrics.

    exact: share of answers right in every token. tokens: share of tokens right. distance: tokens wrong an answer.
    brier: mean squared distance of the right answer's probability from 1. logprob: of a token, nats.
    """
    answer = pl.col("tokens").first()
    table = (
        load_scores("emergence")
        .group_by("task", "level", "N", "D")
        .agg(
            length=answer,
            exact=pl.col("exact").mean(),
            tokens=(pl.col("tokens_correct") / pl.col("tokens")).mean(),
            distance=(pl.col("tokens") - pl.col("tokens_correct")).mean(),
            brier=((1 - pl.col("logprob").cast(pl.Float64).exp()) ** 2).mean(),
            logprob=(pl.col("logprob").cast(pl.Float64) / pl.col("tokens")).mean(),
        )
        .sort("task", "level", "N", "D")
    )
    return [
        {name: _short(value) if isinstance(value, float) else value for name, value in row.items()}
        for row in table.to_dicts()
    ]


def recall_facts(found: Finding) -> dict[str, Any]:
    """How recall rises with readings: a curve a size, and the answers behind it."""
    answers, curves = found.drawn["answers"], found.drawn["curves"]
    chance, rises = float(found.drawn["chance"]), []
    asked = _asked()
    for (params,), own in answers.sort("params", "read").group_by(["params"], maintain_order=True):
        counted = np.full(len(own), float(asked))
        right = own["share"].to_numpy() * counted
        rise = fit_rise(np.log(own["read"].to_numpy()), right, counted, chance)
        rises.append({"params": params, "middle": rise.middle, "spread": rise.spread, "chance": chance})
    return {
        "title": found.drawn["title"],
        "rises": rises,
        "answers": _rounded(answers),
        "curves": _rounded(curves),
        "chance": chance,
        "about": _about("facts"),
    }


def _asked() -> int:
    """Facts asked about at each frequency, alike at all."""
    return int(load_scores("facts").group_by("N", "D", "level").len()["len"].min())  # type: ignore[arg-type]


def _about(name: str) -> str:
    about = sample_about(name)
    return f"{about.runs} runs that ship with isoflop, made {about.made} by {about.command} on {about.machine}."


def _rounded(table: pl.DataFrame) -> list[dict[str, Any]]:
    return [{name: _short(float(value)) for name, value in row.items()} for row in table.to_dicts()]


def _short(value: float) -> float:
    return value if value.is_integer() else float(f"{value:.{DIGITS}g}")
