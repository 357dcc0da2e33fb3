"""What many attempts will reach, foretold from few.

A hundred attempts a problem show how p, the chance of one success, is spread above 1/100; ten thousand draw on the
spread below. So the forecast averages over what the spread may be: Beta or logit-normal, each with or without a share
of problems that no number of attempts will solve. All parameters are weighed by how well they explain the counts (a
grid of each family, flat over a wide range; families alike beforehand), and each problem's own counts then weigh its p:

    E[pass@k | counts]  =  mean over problems of  E[1 - (1 - p)^k | c of n, spread],   averaged over spreads

What matters is the end near p = 0, and a family that must also fit the easy problems bends there. So of problems solved
in ``EASY`` of their attempts or more it is only told that they are (a restricted likelihood: Lewis, MacEachern & Lee
2021, doi:10.1214/21-BA1257), and a share of them may be of another kind. The families still only resemble the truth, so
their likelihood counts at the power ``TRUST`` (a coarsened posterior: Miller & Dunson 2019,
doi:10.1080/01621459.2018.1469995). The spread is kept as masses on a grid of logit p.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, expit, log_expit, logit, logsumexp, softmax

from isoflop.capability.coverage import problems
from isoflop.errors import BadInput

Array = NDArray[np.float64]

FIRST_LOGIT, LAST_LOGIT = -30.0, 14.0
"""Of p; the first stands for all that is less likely than 1e-13, which no number of attempts will solve."""
NODES = (529, 4_401)
"""At least and at most; as many as show the likelihood of a problem solved every second time."""
FAMILIES: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "beta": ((np.log(0.02), np.log(20.0)), (np.log(0.1), np.log(1e5))),
    "logit-normal": ((-18.0, 8.0), (np.log(0.15), np.log(8.0))),
}
"""Ranges of the two parameters: ln a and ln b; the mean and the ln of the deviation of logit p."""
SHARES = np.concatenate([[0.0], np.geomspace(0.01, 0.9, 12)])
"""Of problems never solved; 0 counts as much as all others together."""
EASY = 0.2
"""Of the attempts: problems solved more often than this say nothing of the spread but their number (chosen). Told apart
by their counts they bent the tail: 90 % intervals then held 47 and 3 % of two log-normal spreads."""
OTHERS = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9])
"""Share of problems that are easy in a way of their own, not as the family has it; 0 counts as much as all others."""
STEPS = 32
KEPT = 10.0
"""Log-likelihood below the best at which a parameter is dropped before the grid is laid anew around the rest."""
TRUST = 0.6
"""Power of the likelihood (chosen; 0.4 holds no more)."""
CAUTION = 0.75
"""Added to the logit of the level, as families that only resemble the truth ask for: 90 % intervals are drawn at 95 %.
Without it they held 100 % (Beta), 88 % (logit-normal), 80 % (log-normal) and 78 % (a third never solved) of 40 sets of
128 made-up problems tried 100 times, asked for pass@10,000. docs/capability.md has what they hold with it."""
DRAWS = 400


@dataclass(frozen=True, slots=True)
class CoverageForecast:
    """pass@k beyond the attempts made. k, mean, low, high: (K,); the interval is at ``level``.

    weights: of each family of spreads. never: share of problems that cannot be solved: expected, low, high.
    attempts: made for each problem (the median). notes: what makes the forecast doubtful.
    """

    k: Array
    mean: Array
    low: Array
    high: Array
    level: float
    weights: Mapping[str, float]
    never: tuple[float, float, float]
    attempts: float
    notes: tuple[str, ...]


def forecast_coverage(
    attempts: ArrayLike,
    successes: ArrayLike,
    k: ArrayLike,
    *,
    level: float = 0.9,
    new_problems: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> CoverageForecast:
    """Expected pass@k of these problems, or of as many new ones of their kind, for k far beyond the attempts made.

    attempts: one number or (problems,); successes: (problems,); k: (K,), each at least 1. Raises BadInput for counts
    that cannot be, fewer than 5 problems, or none or all attempts successful.
    """
    n, c = problems(attempts, successes)
    wanted = np.atleast_1d(np.asarray(k, dtype=float))
    if not (wanted >= 1).all():
        raise BadInput(f"Attempts k are at least 1; given: {wanted.min():g}.")
    seen = _Seen.of(n, c)
    weighed = [_weigh(family, seen) for family in FAMILIES]
    family_weight = softmax([w.evidence for w in weighed])
    rng = np.random.default_rng(seed)
    solved = -np.expm1(wanted[None, :] * log_expit(-seen.logits)[:, None])
    many = rng.multinomial(draws, family_weight)
    chosen = [family.draw(rng, int(times)) for family, times in zip(weighed, many, strict=True)]
    spreads, never = (np.concatenate(part) for part in zip(*chosen, strict=True))
    paths = np.array([_nodes_of_problems(rng, masses, seen, new_problems) @ solved for masses in spreads])
    wide = float(expit(logit(level) + CAUTION))
    ends = [(1 - wide) / 2, (1 + wide) / 2]
    low, high = np.quantile(paths, ends, axis=0)
    return CoverageForecast(
        wanted,
        paths.mean(axis=0),
        low,
        high,
        level,
        dict(zip(FAMILIES, family_weight.tolist(), strict=True)),
        (float(never.mean()), *np.quantile(never, ends).tolist()),
        float(np.median(n)),
        _notes(n, c, wanted, low, high),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """problems, unsolved, easy: (T,); likelihood: (T, J)."""

    problems: Array
    unsolved: NDArray[np.bool_]
    easy: NDArray[np.bool_]
    likelihood: Array


@dataclass(frozen=True, slots=True)
class _Seen:
    """The counts, equal ones together. problems: (U,) how many; likelihood: (U, J) on the nodes, scaled by row.

    easy: (U,) whether solved too often to say more. told: what the spread is weighed by, the easy ones together.
    """

    problems: NDArray[np.int64]
    easy: NDArray[np.bool_]
    logits: Array
    likelihood: Array
    told: _Told

    @classmethod
    def of(cls, n: Array, c: Array) -> _Seen:
        counts, many = np.unique(np.stack([n, c]), axis=1, return_counts=True)
        nodes = int(np.clip((LAST_LOGIT - FIRST_LOGIT) * np.sqrt(n.max()), *NODES))
        logits = np.linspace(FIRST_LOGIT, LAST_LOGIT, nodes)
        tries, solved = counts[0][:, None], counts[1][:, None]
        log_likelihood = solved * log_expit(logits) + (tries - solved) * log_expit(-logits)
        scaled = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
        least = np.maximum(np.ceil(EASY * tries), 1)
        easy = (solved >= least)[:, 0]
        told = np.where(easy[:, None], betainc(least, tries - least + 1, expit(logits)), scaled)
        _, first, where = np.unique(
            np.stack([counts[0], np.minimum(counts[1], least[:, 0])]), axis=1, return_index=True, return_inverse=True
        )
        together = np.asarray(np.bincount(where.ravel(), weights=many), dtype=float)
        return cls(many, easy, logits, scaled, _Told(together, (counts[1] == 0)[first], easy[first], told[first]))

    @property
    def easy_nodes(self) -> Array:
        """Masses (J,) of the easy problems, each as its own counts have it."""
        own = self.likelihood[self.easy]
        if not len(own):
            return np.full(len(self.logits), 1 / len(self.logits))
        return np.asarray(np.average(own / own.sum(axis=1, keepdims=True), axis=0, weights=self.problems[self.easy]))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A family's parameters and what the counts say of them. masses: (P, J); easy: (J,); log_weight: (P, shares)."""

    masses: Array
    easy: Array
    log_weight: Array
    evidence: float

    def draw(self, rng: np.random.Generator, draws: int) -> tuple[Array, Array]:
        """Masses on the nodes (draws, J), those never solved at the first, and their share (draws,)."""
        flat = softmax(self.log_weight.ravel())
        drawn = rng.choice(len(flat), size=draws, p=flat)
        rows, never, other = np.unravel_index(drawn, self.log_weight.shape)
        share, apart = SHARES[never], OTHERS[other]
        masses = (1 - share[:, None]) * self.masses[rows]
        masses[:, 0] += share
        return (1 - apart[:, None]) * masses + apart[:, None] * self.easy, (1 - apart) * share


def _weigh(family: str, seen: _Seen) -> _Weighed:
    """A coarse grid over the whole range, then a fine one over what the counts leave of it."""
    whole = FAMILIES[family]
    score = partial(_scored, family, seen)
    parameters, _, log_likelihood = score(whole)
    kept = parameters[log_likelihood.max(axis=(1, 2)) > log_likelihood.max() - KEPT]
    box = tuple(
        (max(low, k.min() - (high - low) / STEPS), min(high, k.max() + (high - low) / STEPS))
        for (low, high), k in zip(whole, kept.T, strict=True)
    )
    _, masses, log_likelihood = score((box[0], box[1]))
    prior = _log_prior(SHARES)[:, None] + _log_prior(OTHERS)
    volume = sum(np.log((b[1] - b[0]) / (w[1] - w[0])) for b, w in zip(box, whole, strict=True))
    log_weight = TRUST * log_likelihood + prior
    return _Weighed(masses, seen.easy_nodes, log_weight, float(logsumexp(log_weight) - np.log(len(masses)) + volume))


def _scored(
    family: str, seen: _Seen, box: tuple[tuple[float, float], tuple[float, float]]
) -> tuple[Array, Array, Array]:
    """Parameters (P, 2) on a grid, their masses (P, J), and the log-likelihood of the counts (P, SHARES, OTHERS)."""
    axes = [low + (high - low) * (np.arange(STEPS) + 0.5) / STEPS for low, high in box]
    parameters = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    masses = softmax(_log_density(family, parameters, seen.logits), axis=1)
    told = seen.told
    alive = masses @ told.likelihood.T
    by_share = [_log((1 - z) * alive + z * told.unsolved, told) for z in SHARES.tolist()]
    return parameters, masses, np.stack(by_share, axis=1)


def _log(chance: Array, told: _Told) -> Array:
    """Log-likelihood (P, OTHERS) where a share of problems is easy in its own way. chance: (P, T), by the family."""
    hard, easy = ~told.easy, told.easy
    hardly = np.log(np.maximum(chance[:, hard], 1e-300)) @ told.problems[hard]
    easily = [np.log(np.maximum((1 - e) * chance[:, easy] + e, 1e-300)) @ told.problems[easy] for e in OTHERS.tolist()]
    return np.asarray(hardly[:, None] + np.log1p(-OTHERS) * told.problems[hard].sum() + np.stack(easily, axis=1))


def _log_prior(shares: Array) -> Array:
    """Half on zero, half on all others alike."""
    return np.asarray(np.log(np.where(shares == 0, 0.5, 0.5 / (len(shares) - 1))))


def _log_density(family: str, parameters: Array, logits: Array) -> Array:
    """Of logit p, up to a constant: (P, J)."""
    first, second = parameters[:, :1], np.exp(parameters[:, 1:])
    if family == "beta":
        log_density = np.exp(first) * log_expit(logits) + second * log_expit(-logits)
        step = logits[1] - logits[0]
        log_density[:, 0] += np.log1p(1 / (np.exp(first[:, 0]) * step))  # the tail below the first node
        return np.asarray(log_density)
    return np.asarray(-0.5 * ((logits - first) / second) ** 2)


def _nodes_of_problems(rng: np.random.Generator, masses: Array, seen: _Seen, new_problems: bool) -> Array:
    """Share of the problems that is drawn onto each node: (J,)."""
    total = int(seen.problems.sum())
    if new_problems:
        return np.asarray(rng.multinomial(total, masses) / total)
    weights = masses * seen.likelihood
    return np.asarray(rng.multinomial(seen.problems, weights / weights.sum(axis=1, keepdims=True)).sum(axis=0) / total)


def _notes(n: Array, c: Array, k: Array, low: Array, high: Array) -> tuple[str, ...]:
    notes = []
    if (reach := float(k.max() / np.median(n))) > 1:
        notes.append(f"The largest k is {reach:,.0f} times the attempts made: how problems differ there is assumed.")
    if (zeros := float((c == 0).mean())) > 0.5:
        notes.append(f"{zeros:.0%} of the problems were never solved: whether they can be is open.")
    if (width := float((high - low).max())) > 0.25:
        notes.append(f"The interval is {100 * width:.0f} points wide: make more attempts on the unsolved problems.")
    return tuple(notes)
