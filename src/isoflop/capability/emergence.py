"""Is a jump in a skill real, or the metric's doing?

A metric that gives nothing for an answer nearly right (exact match: p^L) stays at its floor while p, the probability of
each token, climbs; then it shoots up. Nothing jumped but the metric (Schaeffer et al. 2023, arXiv:2304.15004). Three
questions tell the two apart:

    jump     is the rise of each metric sudden or gradual?                       ``jump``
    onset    above which compute, below which loss, does it leave its floor?     ``onset``
    beneath  do the partial-credit metrics gain among the models that the hard one still holds at its floor?

Advice. The verdict speaks of the models at hand: where hard metrics are all there is, a late start cannot be told from
a hidden one. Log-probabilities of the right answers are the most telling column to record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from isoflop.capability.jump import LEAST_MODELS, SUDDEN, Jump, find_jump
from isoflop.capability.onset import Onset, find_onset
from isoflop.errors import BadInput

Array = NDArray[np.float64]

NEAR_FLOOR = 0.05
"""Of the rise of a hard metric: models closer to its floor than this are said to be at it."""
LATE = 0.25
"""Share of the models at the floor from which a skill is said to start late."""
VISIBLE = 0.1
"""A hard metric whose rise is smaller than this shows no skill worth the name."""
MUCH = 0.1
"""Share of its range that a partial-credit metric must gain beneath the floor for it to tell of hidden progress."""
LEAST_BENEATH = 6
SIZE = 0.05


@dataclass(frozen=True, slots=True)
class MetricCase:
    """One metric. kind: hard or partial. jump, onset: see there. beneath: rank correlation with scale among the models
    at the hard metric's floor, positive where it gains as it does over all models, and p_beneath (one-sided); gain: of
    the larger half of those over the smaller one, as a share of the metric's whole range. NaN where too few models lie
    there, and for the hard metric itself."""

    name: str
    kind: str
    jump: Jump
    onset: Onset
    beneath: float
    p_beneath: float
    gain: float


@dataclass(frozen=True, slots=True)
class Emergence:
    """verdict: 'no jump', "the metric's doing", 'real' or 'cannot tell', and its reasons. metrics: the hard one first.
    at_floor: of ``models``, those that the hard metric cannot tell from its floor."""

    verdict: str
    reasons: tuple[str, ...]
    metrics: tuple[MetricCase, ...]
    at_floor: int
    models: int


def examine(
    x: ArrayLike,
    hard: Mapping[str, ArrayLike],
    partial: Mapping[str, ArrayLike] | None = None,
    *,
    chance: float | None = None,
    seed: int = 0,
) -> Emergence:
    """Examine one task. x: (models,), growing with skill (``axis``). hard, partial: metrics by name, (models,) each;
    one that falls as models grow is turned round.

    The first hard metric is the one asked about; others are shown beside it. chance: its floor, estimated where not
    given. Rows that lack x or any metric are left out. Raises BadInput for fewer than 8 models or no hard metric.
    """
    at, columns = _complete(x, hard, partial or {})
    names = list(hard)
    cases = {
        name: (find_jump(at, score, seed=seed, size=SIZE), find_onset(at, _sign(at, score) * score, seed=seed))
        for name, score in columns.items()
    }
    asked = cases[names[0]][1]
    floor = asked.floor if chance is None else chance
    held = columns[names[0]] <= floor + NEAR_FLOOR * max(asked.rise, VISIBLE)
    metrics = tuple(
        MetricCase(name, "hard" if name in hard else "partial", *case, *_beneath(at, columns[name], held, name in hard))
        for name, case in cases.items()
    )
    verdict, reasons = _verdict(metrics, int(held.sum()), SUDDEN * float(np.ptp(at)))
    return Emergence(verdict, tuple(reasons), metrics, int(held.sum()), len(at))


def _complete(
    x: ArrayLike, hard: Mapping[str, ArrayLike], partial: Mapping[str, ArrayLike]
) -> tuple[Array, dict[str, Array]]:
    if not hard:
        raise BadInput("A jump is asked about one metric at least. Name one that is all or nothing, as exact match is.")
    columns = {name: np.asarray(score, dtype=float) for name, score in {**hard, **partial}.items()}
    at = np.asarray(x, dtype=float)
    for name, score in columns.items():
        if score.shape != at.shape or at.ndim != 1:
            raise BadInput(
                f"x and each metric are columns of one length; given: {at.shape} and {score.shape} ({name})."
            )
    known = np.isfinite(at) & np.all([np.isfinite(score) for score in columns.values()], axis=0)
    if known.sum() < LEAST_MODELS or np.ptp(at[known]) == 0:
        raise BadInput(
            f"Emergence is examined on at least {LEAST_MODELS} models of different scale with every metric; given: "
            f"{int(known.sum())} of {len(at)} rows. Add models, or leave out a metric that few of them have."
        )
    return at[known], {name: score[known] for name, score in columns.items()}


def _sign(x: Array, score: Array) -> float:
    """-1 for a metric that falls as models grow, such as a distance; otherwise 1."""
    return -1.0 if np.ptp(score) > 0 and spearmanr(x, score).statistic < 0 else 1.0


def _beneath(x: Array, score: Array, held: NDArray[np.bool_], hard: bool) -> tuple[float, float, float]:
    if hard or held.sum() < LEAST_BENEATH or np.ptp(score[held]) == 0 or np.ptp(x[held]) == 0:
        return float("nan"), float("nan"), float("nan")
    at, turned = x[held], _sign(x, score) * score[held]
    found = spearmanr(at, turned, alternative="greater")
    larger = at > np.median(at)
    gain = (turned[larger].mean() - turned[~larger].mean()) / np.ptp(score)
    return float(found.statistic), float(found.pvalue), float(gain)


def _verdict(metrics: tuple[MetricCase, ...], at_floor: int, near: float) -> tuple[str, list[str]]:
    asked, partial = metrics[0], [case for case in metrics if case.kind == "partial"]
    models, reasons = asked.jump.models, [_said_jump(asked)]
    if asked.onset.rise < VISIBLE:
        return "no jump", [f"{asked.name} rises by {100 * asked.onset.rise:.1f} points over all models: hardly at all."]
    late = at_floor >= LATE * models
    reasons.append(f"{at_floor} of {models} models lie at the floor of {asked.name}.")
    if asked.jump.kind in ("steady", "gradual") and not late:
        return "no jump", reasons
    if not partial:
        return "cannot tell", [*reasons, "No metric with partial credit shows what happens beneath it."]
    reasons += [_said_partial(case) for case in partial]
    sudden = [case for case in partial if case.jump.kind == "sudden" and _overlap(case.jump, asked.jump, near)]
    gains = [case for case in partial if case.p_beneath <= SIZE / len(partial) and case.gain >= MUCH]
    smooth = [case for case in partial if case.jump.kind in ("gradual", "steady")]
    if sudden and not smooth:
        return "real", reasons
    if smooth and not sudden and (gains or asked.jump.kind == "sudden"):
        return "the metric's doing", reasons
    little = all(case.gain < MUCH for case in partial)  # False where too few models lie at the floor to say
    if smooth and not sudden and little and asked.jump.kind in ("steady", "gradual"):
        return "no jump", [*reasons, "It starts late, but under partial credit it hardly starts earlier."]
    return "cannot tell", reasons


def _overlap(one: Jump, other: Jump, near: float) -> bool:
    """Whether they lie at the same place, give or take the width of a sudden rise: p^L rises a little after p."""
    return one.low <= other.high + near and other.low <= one.high + near


def _said_jump(case: MetricCase) -> str:
    told = {
        "sudden": "rises suddenly: a gradual rise would look so sudden in {p_gradual:.1%} of trials",
        "gradual": "rises gradually: a sudden rise would look so gradual in {p_sudden:.1%} of trials",
        "steady": "changes steadily: a straight line does as well as any rise",
        "open": "could have risen either way: p = {p_gradual:.2f} for gradual, {p_sudden:.2f} for sudden",
    }[case.jump.kind]
    return f"{case.name} {told.format(p_gradual=case.jump.p_gradual, p_sudden=case.jump.p_sudden)}."


def _said_partial(case: MetricCase) -> str:
    if not np.isfinite(case.p_beneath):
        return f"{_said_jump(case)} Too few models lie at the floor to see what it does there."
    gains = f"gains {case.gain:.0%} of its range" if case.p_beneath <= SIZE else "shows no gain"
    return f"{_said_jump(case)} It {gains} among the models at the floor (rank correlation {said_beneath(case)})."


def said_beneath(case: MetricCase) -> str:
    """The rank correlation at the floor with its p-value; a dash where there is none."""
    if not np.isfinite(case.p_beneath):
        return "–"
    p = "p < 0.001" if case.p_beneath < 1e-3 else f"p = {case.p_beneath:.2g}"
    return f"{case.beneath:+.2f}, {p}"


def implied_length(token_accuracy: ArrayLike, exact: ArrayLike) -> tuple[float, float]:
    """L of exact = p^L, where both lie inside (0, 1), and the R² of that curve over all models.

    token_accuracy: p, exact: shares, (models,). An L near the answers' length with R² near 1 says that the hard metric
    holds nothing that the tokens do not. Raises BadInput where no model has both inside (0, 1).
    """
    p, share = np.asarray(token_accuracy, dtype=float), np.asarray(exact, dtype=float)
    inside = (p > 0) & (p < 1) & (share > 0) & (share < 1)
    if not inside.any():
        raise BadInput(
            "The length of answers is implied by models whose two scores lie between 0 and 1; there is none."
        )
    lengths = np.geomspace(0.25, 400, 1_200)
    curves = p[None, :] ** lengths[:, None]
    rss = ((curves - share) ** 2).sum(axis=1)
    best = int(rss.argmin())
    spread = float(((share - share.mean()) ** 2).sum())
    return float(lengths[best]), float(1 - rss[best] / spread) if spread > 0 else float("nan")
