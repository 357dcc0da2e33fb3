"""What a study's finished runs teach, in the steps in which the page shows it: law, next run, watch, backtest.

Each step is plain JSON, so that a process of its own can work it out while a server goes on answering. The numbers are
those of ``isoflop forecast``, ``next``, ``watch`` and ``backtest`` on the same runs with their defaults.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop.errors import IsoflopError
from isoflop.runs.table import Runs
from isoflop.units import format_count, format_flops

if TYPE_CHECKING:
    from isoflop.forecasting.averaging import Ensemble
    from isoflop.forecasting.watch import Reference
    from isoflop.runs.curves import Curve

Array = NDArray[np.float64]
Flying = Sequence[tuple[str, float, float, "Curve"]]

STEPS = ("law", "next", "watch", "backtest")
LEAST_RUNS = 4
"""Runs without which no law is tried."""
LEVEL = 0.9
SIZES, ALONG = 6, 20
"""Sizes whose law is drawn, and points along each."""
REACH, BUDGETS = 1000.0, 25
"""How far past the largest run forecasts are drawn, in compute, and at how many budgets."""
AIM = 10.0
"""The next runs are chosen for a run of this many times the largest run's compute."""
BACKTEST_CUTS = (0.5, 0.7, 0.9)
"""Fewer than ``isoflop backtest`` has, as each takes seconds."""
USED = ("run_id", "params", "tokens", "flops", "loss", "loss_se", "unique_tokens", "trunk", "seed")
"""Columns of a table of runs that an answer here depends on."""
VERSION = 3
"""Of the answers' form; a change makes every digest new."""


def usable(runs: Runs) -> Runs:
    """The runs that a law can be fitted to."""
    if not len(runs):
        return runs
    kept = np.isfinite(runs.loss) & (runs.loss > 0) & (runs.params > 0) & (runs.tokens > 0)
    return runs if kept.all() else runs.take(kept)


def columns_of(runs: Runs) -> dict[str, list[Any]]:
    """The table as columns of JSON values, as far as answers depend on it."""
    return {name: runs.frame[name].to_list() for name in USED if name in runs.frame.columns}


def runs_of(columns: Mapping[str, Sequence[Any]]) -> Runs:
    """The inverse of ``columns_of``."""
    texts = ("run_id", "trunk")
    series = [
        pl.Series(name, list(values), dtype=pl.String if name in texts else pl.Float64, strict=False)
        for name, values in columns.items()
    ]
    return Runs(pl.DataFrame(series), source="the study")


def digest_of(runs: Runs) -> str:
    """A name for all that the answers depend on."""
    text = json.dumps([VERSION, columns_of(runs)], separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def analyse(
    runs: Runs,
    flying: Flying = (),
    references: Sequence[Reference] = (),
    *,
    steps: Sequence[str] = STEPS,
    seed: int = 0,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each step's name and its answer; a step that these runs do not allow says why under ``trouble``."""
    runs = usable(runs)
    if len(runs) < LEAST_RUNS:
        finished = f"{len(runs) or 'No'} finished run{'' if len(runs) == 1 else 's'}"
        why = f"{finished}. A law needs at least {LEAST_RUNS} with a loss, and more to be of use."
        yield from ((step, {"trouble": why}) for step in steps)
        return
    ensemble: Ensemble | None = None
    for step in steps:
        try:
            if step in ("law", "next") and ensemble is None:
                from isoflop.forecasting.averaging import fit_ensemble

                ensemble = fit_ensemble(runs, seed=seed)
            yield step, _answer(step, runs, ensemble, flying, references, seed)
        except IsoflopError as error:
            yield step, {"trouble": str(error)}
        except (np.linalg.LinAlgError, FloatingPointError, ValueError) as error:
            yield step, {"trouble": f"These runs cannot be judged: {error}."}


def _answer(
    step: str, runs: Runs, ensemble: Ensemble | None, flying: Flying, references: Sequence[Reference], seed: int
) -> dict[str, Any]:
    if step == "law":
        assert ensemble is not None
        return _law(ensemble, seed)
    if step == "next":
        assert ensemble is not None
        return _next(ensemble, seed)
    return _watch(runs, flying, references, seed) if step == "watch" else _backtest(runs, seed)


def _law(ensemble: Ensemble, seed: int) -> dict[str, Any]:
    from isoflop.runs.checks import check_runs

    runs = ensemble.runs
    left = np.asarray(sum(w * f.residuals for w, f in zip(ensemble.weights, ensemble.fits, strict=True)))
    return {
        "n_runs": len(runs),
        "largest": float(runs.flops.max()),
        "forms": [_form(fitted, weight) for fitted, weight in zip(ensemble.fits, ensemble.weights, strict=True)],
        "rms": float(np.sqrt(np.mean(np.square(left)))),
        "residuals": {"run_id": _names(runs), "percent": rounded(100 * np.expm1(left), 4)},
        "lines": _lines(ensemble, seed),
        "ahead": _ahead(ensemble, seed),
        "widening": ensemble.widening,
        "findings": [
            {"severity": f.severity, "message": f.message, "remedy": f.remedy}
            for f in check_runs(runs)
            if f.severity != "note"
        ],
        "level": LEVEL,
    }


def _form(fitted: Any, weight: float) -> dict[str, Any]:
    doubts = [fitted.status, *fitted.status.also]
    meanings = {parameter.symbol: parameter.meaning for parameter in fitted.form.parameters}
    return {
        "name": fitted.form.name,
        "formula": fitted.form.formula,
        "weight": float(weight),
        "constants": [
            {"name": name, "value": e.value, "low": e.low, "high": e.high, "meaning": meanings.get(name, "")}
            for name, e in fitted.parameters.items()
        ],
        "doubts": [
            {"outcome": doubt.outcome, "cause": doubt.cause, "remedy": doubt.remedy}
            for doubt in doubts
            if not doubt.converged
        ],
    }


def _names(runs: Runs) -> list[str]:
    if not runs.has("run_id"):
        return [f"row {row}" for row in range(1, len(runs) + 1)]
    return [str(name) for name in runs.frame["run_id"].to_list()]


def _lines(ensemble: Ensemble, seed: int) -> dict[str, Any]:
    """The law with its band along the tokens, for a few of the sizes."""
    from isoflop.forecasting.forecast import forecast

    runs = ensemble.runs
    sizes = np.unique(runs.params)
    if len(sizes) > SIZES:
        sizes = np.unique(np.quantile(runs.params, np.linspace(0, 1, SIZES), method="nearest"))
    tokens = np.geomspace(runs.tokens.min(), runs.tokens.max(), ALONG)
    N, D = (grid.ravel() for grid in np.meshgrid(sizes, tokens, indexing="ij"))
    made = forecast(ensemble, N=N, D=D, level=LEVEL, seed=seed)
    columns = {"params": N, "tokens": D, "loss": made.loss, "low": made.low, "high": made.high}
    return {name: rounded(values) for name, values in columns.items()}


def _ahead(ensemble: Ensemble, seed: int) -> dict[str, Any]:
    """Forecasts of larger runs, each split as the weighted laws find best, as the target of the next runs is, or as the
    largest run was. Each is made by itself: with the same draws for all, intervals change smoothly along them."""
    from isoflop.forecasting.forecast import forecast
    from isoflop.planning.next_run_points import best_size

    runs = ensemble.runs
    budgets = float(runs.flops.max()) * np.geomspace(1.0, REACH, BUDGETS)
    best = True
    try:
        N = np.array([best_size(ensemble, float(budget)) for budget in budgets])
    except IsoflopError:
        best = False
        largest = int(np.argmax(runs.flops))
        N = np.sqrt(budgets / (6 * runs.tokens[largest] / runs.params[largest]))
    made = [forecast(ensemble, N=n, D=C / (6 * n), level=LEVEL, seed=seed) for n, C in zip(N, budgets, strict=True)]
    parts = {
        "flops": "flops",
        "params": "params",
        "tokens": "tokens",
        "loss": "loss",
        "low": "low",
        "high": "high",
        "beyond": "extrapolation",
    }
    columns = {name: rounded([float(getattr(one, part)[0]) for one in made]) for name, part in parts.items()}
    return columns | {"best": best, "notes": list(made[-1].notes)}


def _next(ensemble: Ensemble, seed: int) -> dict[str, Any]:
    from isoflop.planning.next_run import next_runs

    made = next_runs(ensemble, {"C": AIM * float(ensemble.runs.flops.max())}, seed=seed)
    target = made.target
    rows: list[dict[str, Any]] = []
    for i, pick in enumerate(made.picks):
        low, high = made.expected_interval(pick.spread)
        rows.append(
            {
                "params": pick.params,
                "tokens": pick.tokens,
                "seed": pick.seed,
                "flops": pick.cost,
                "spread": pick.spread,
                "low": float(low[0]),
                "high": float(high[0]),
                "saved": pick.saved_flops,
                "worth": i < made.train,
            }
        )
    named = ("params", "tokens", "flops", "loss", "low", "high")
    cost = sum(pick.cost for pick in made.picks[: made.train])
    return {
        "target": {name: float(getattr(target, name)[0]) for name in named},
        "beyond": AIM,
        "spread": made.spread,
        "noise": made.noise,
        "budget": made.budget,
        "runs": rows,
        "train": made.train,
        "stop": made.stop,
        "said": _said_next(made, cost),
        "notes": list(made.notes),
    }


def _said_next(made: Any, cost: float) -> str:
    if made.worth is None:
        return "No worth is given: these laws have no best split of the target's compute."
    if made.stop:
        return "Stop: no run, and not all of these together, saves as much compute at the target as it costs."
    if not made.train:
        return "Together these runs cost more than they save; one of the candidates alone may not."
    saved = made.picks[made.train - 1].saved_flops
    runs = "run" if made.train == 1 else f"{made.train} runs"
    return (
        f"Train the first {runs}: {format_flops(cost)}, expected to save {format_flops(saved)} at the target by a "
        "better split."
    )


def _watch(runs: Runs, flying: Flying, references: Sequence[Reference], seed: int) -> dict[str, Any]:
    from isoflop.forecasting.watch import watch
    from isoflop.forecasting.watch_finished import watch_finished

    answer: dict[str, Any] = {"groups": [], "flying": []}
    try:
        answer["groups"] = [
            {"what": g.what, "runs": len(g.rows), "verdict": g.verdict, "sentence": g.sentence, "p": g.p}
            for g in watch_finished(runs, seed=seed)
        ]
    except IsoflopError as error:
        answer["groups_trouble"] = str(error)
    for name, N, D, curve in flying:
        try:
            judged = watch(curve, runs, N=N, D=D, references=references, seed=seed)
        except IsoflopError as error:
            answer["flying"].append({"name": name, "trouble": str(error)})
            continue
        blocks = {
            "tokens": rounded([b.tokens for b in judged.blocks]),
            "measured": rounded([b.measured for b in judged.blocks]),
            "loss": rounded([b.expected for b in judged.blocks]),
            "low": rounded([b.low for b in judged.blocks]),
            "high": rounded([b.high for b in judged.blocks]),
        }
        answer["flying"].append(
            {"name": name, "status": judged.status, "sentence": judged.sentence, "params": N, "tokens": D}
            | {"blocks": blocks, "end": [judged.updated.value, judged.updated.low, judged.updated.high]}
        )
    return answer


def _backtest(runs: Runs, seed: int) -> dict[str, Any]:
    from isoflop.forecasting.history import LEVELS, backtest, by_ratio, record

    trials = backtest(runs, cuts=BACKTEST_CUTS, usual=False, seed=seed)
    whole = record(trials)
    assert whole is not None
    target = [
        {"ratio": trial.ratio, "error": 100 * (trial.loss / trial.measured - 1)}
        | {"held": (trial.low[LEVEL] <= trial.measured) & (trial.measured <= trial.high[LEVEL])}
        for trial in trials
    ]
    return {
        "targets": whole.n_targets,
        "cuts": [{"flops": t.flops, "fitted": t.n_fitted, "targets": len(t.loss)} for t in trials],
        "error": whole.error,
        "bias": whole.bias,
        "coverage": [{"promised": level, "held": whole.coverage[level]} for level in LEVELS],
        "by_ratio": [
            {"low": r.ratio[0], "high": r.ratio[1], "targets": r.n_targets, "error": r.error, "held": r.coverage[LEVEL]}
            for r in by_ratio(trials)
        ],
        "points": {
            "ratio": rounded(np.concatenate([t["ratio"] for t in target]), 4),
            "error": rounded(np.concatenate([t["error"] for t in target]), 4),
            "held": [bool(held) for t in target for held in t["held"]],
        },
        "said": (
            f"{whole.n_targets} forecasts of dearer runs from cheaper ones, at {len(trials)} cuts: median error "
            f"{whole.error:.2%}, and {whole.coverage[LEVEL]:.0%} of the runs inside their {LEVEL:.0%} interval, the "
            f"furthest {format_count(max(float(t.ratio.max()) for t in trials))} times past the runs it came from."
        ),
    }


def rounded(values: Sequence[float] | Array, digits: int = 6) -> list[float | None]:
    """Numbers with so many significant digits, as far as a picture shows them; those not finite as None."""
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in np.asarray(values, dtype=float).tolist()]
