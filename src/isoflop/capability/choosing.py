"""One answer out of many attempts: by vote, or by a judge that errs.

Coverage says that a right answer is among k attempts; these say how often it is the one that is given.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.capability.attempts import counted
from isoflop.errors import BadInput

Array = NDArray[np.float64]


def best_of(probability: ArrayLike, k: ArrayLike, *, accepts_right: ArrayLike, accepts_wrong: ArrayLike) -> Array:
    """Chance that the answer given is right: k attempts, each right with p, judged; one of the accepted is given.

    accepts_right, accepts_wrong: how often the judge accepts a right and a wrong answer. Where it accepts none, one of
    all is given. With a = p t, b = (1 - p) f and r = 1 - a - b (elementary probability):

        (1 - r^k) a / (a + b)  +  r^k p (1 - t) / r

    The limit in k is the judge's precision a / (a + b): an imperfect judge ends the gain from attempts (Brown et al.
    2024, arXiv:2407.21787, section 4; Stroebl et al. 2024, arXiv:2411.17501). Shapes broadcast. Raises BadInput for
    what is no probability, and k below 1.
    """
    p, right, wrong = (_share(v) for v in (probability, accepts_right, accepts_wrong))
    count = np.asarray(k, dtype=float)
    if not (count >= 1).all():
        raise BadInput(f"At least one attempt is needed; given: {count.min():g}.")
    good, bad = p * right, (1 - p) * wrong
    rejected = 1 - good - bad
    none = np.where(rejected > 0, rejected, 0.0) ** count
    accepted = np.divide(good, good + bad, out=np.zeros(np.broadcast(good, bad).shape), where=good + bad > 0)
    fallback = np.divide(p * (1 - right), rejected, out=np.zeros(np.broadcast(p, rejected).shape), where=rejected > 0)
    return np.asarray((1 - none) * accepted + none * fallback)


def vote_limit(answers: ArrayLike, right: ArrayLike) -> Array:
    """What majority vote tends to with ever more attempts: 1 where the right answer is the most frequent, per problem.

    answers: (problems, answers) counts of each answer; right: (problems,) the index of the right one, -1 where no
    attempt gave it. Ties count as their share. Averaged over problems this is the level at which voting saturates (Wu
    et al. 2025, arXiv:2408.00724): more attempts cannot pass it, while coverage goes on rising.
    """
    table, index = _answers(answers, right)
    best = table == table.max(axis=1, keepdims=True)
    hit = np.where(index >= 0, best[np.arange(len(index)), np.maximum(index, 0)], False)
    return np.asarray(hit / best.sum(axis=1))


def majority_vote(answers: ArrayLike, right: ArrayLike, k: int, *, draws: int = 2_000, seed: int = 0) -> Array:
    """Chance that the most frequent of k attempts is right, (problems,), found by drawing k of the attempts made.

    answers, right: as in ``vote_limit``; attempts are drawn without replacement, so k is at most the attempts of each
    problem. Ties are broken at random. Its own error is at most 1 / (2 sqrt(draws)).
    """
    table, index = _answers(answers, right)
    fewest = int(table.sum(axis=1).min())
    if not 1 <= k <= fewest:
        raise BadInput(f"A vote of k attempts needs k from 1 to the {fewest} that were made; given: {k}.")
    rng = np.random.default_rng(seed)
    return np.array([_vote(rng, row.astype(np.int64), int(i), k, draws) for row, i in zip(table, index, strict=True)])


def _vote(rng: np.random.Generator, counts: NDArray[np.int64], right: int, k: int, draws: int) -> float:
    if right < 0:
        return 0.0
    votes = rng.multivariate_hypergeometric(counts, k, size=draws)
    best = votes == votes.max(axis=1, keepdims=True)
    return float((best[:, right] / best.sum(axis=1)).mean())


def _answers(answers: ArrayLike, right: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
    table, index = np.asarray(answers, dtype=float), np.asarray(right)
    if table.ndim != 2 or index.shape != table.shape[:1]:
        raise BadInput(
            f"Answers are counted in a table (problems, answers) with one right answer each; given: {table.shape} and "
            f"{index.shape}."
        )
    counted(np.maximum(table.sum(axis=1, keepdims=True), 1), table)
    if not (table.sum(axis=1) > 0).all():
        raise BadInput(f"Problem {int(np.flatnonzero(table.sum(axis=1) == 0)[0])} has no attempt. Leave it out.")
    if index.dtype.kind not in "iu" or index.min(initial=0) < -1 or index.max(initial=0) >= table.shape[1]:
        raise BadInput(f"The right answer is a column from 0 to {table.shape[1] - 1}, or -1 where nobody gave it.")
    return table, index.astype(np.intp)


def _share(values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=float)
    if not ((array >= 0) & (array <= 1)).all():
        raise BadInput(f"A probability lies between 0 and 1; given: {array.min():g} to {array.max():g}.")
    return array
