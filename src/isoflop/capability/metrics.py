"""The same model under several metrics: why a smooth gain in probability can look like a jump in skill.

Source: Schaeffer, Miranda & Koyejo 2023 (arXiv:2304.15004), section 2. All assume that the tokens of an answer are
right or wrong independently, with the same probability p.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import BadInput

Array = NDArray[np.float64]


def token_probability(loss: ArrayLike) -> Array:
    """p = exp(-loss): the probability of the right token at a cross-entropy in nats per token, any shape."""
    return np.exp(-_at_least(loss, 0.0, "A cross-entropy", "0 nats or more"))


def loss_of_probability(probability: ArrayLike) -> Array:
    """-ln p, in nats per token; infinite at p = 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(_share(probability, "A probability")))


def exact_match(probability: ArrayLike, tokens: ArrayLike) -> Array:
    """p^L: every one of ``tokens`` = L tokens is right. Shapes broadcast."""
    length = _at_least(tokens, 1.0, "A length", "1 token or more")
    return np.asarray(_share(probability, "A probability") ** length)


def edit_distance(probability: ArrayLike, tokens: ArrayLike) -> Array:
    """L (1 - p): the expected number of wrong tokens, for answers of the right length. Shapes broadcast."""
    length = _at_least(tokens, 1.0, "A length", "1 token or more")
    return np.asarray(length * (1 - _share(probability, "A probability")))


def brier_score(probabilities: ArrayLike, answers: ArrayLike) -> Array:
    """Mean over items of the squared distance between the choice probabilities and the right answer, 0 best, 2 worst.

    probabilities: (items, choices), each row summing to 1. answers: (items,), the right choice of each.
    Source: Brier 1950, Monthly Weather Review 78, equation 2. Raises BadInput for rows that are no distribution.
    """
    table, right = _choices(probabilities, answers)
    return np.asarray(((table - np.eye(table.shape[1])[right]) ** 2).sum(axis=1).mean())


def choice_accuracy(probabilities: ArrayLike, answers: ArrayLike) -> Array:
    """Share of items whose most probable choice is the right one; ties count as their share of right ones."""
    table, right = _choices(probabilities, answers)
    best = table == table.max(axis=1, keepdims=True)
    return np.asarray((best[np.arange(len(right)), right] / best.sum(axis=1)).mean())


def choice_probabilities(masses: ArrayLike) -> Array:
    """p(choice) among the choices: masses (items, choices) over the vocabulary, divided by their sum.

    Source: Schaeffer et al. 2024 (arXiv:2406.04391), section 3: each step from the mass of the right token over this
    share to accuracy loses correlation with scale. Raises BadInput where the choices of an item have no mass.
    """
    table = _at_least(masses, 0.0, "A probability mass", "0 or more")
    total = table.sum(axis=-1, keepdims=True)
    if not (total > 0).all():
        empty = int(np.flatnonzero(~(total[..., 0] > 0).ravel())[0])
        raise BadInput(f"Item {empty} gives no choice any probability. Leave it out, or give log-probabilities.")
    return np.asarray(table / total)


def above_chance(accuracy: ArrayLike, chance: ArrayLike, ceiling: ArrayLike = 1.0) -> Array:
    """(accuracy - chance) / (ceiling - chance): 0 for guessing, 1 for the best that can be scored; may be negative."""
    low, high = _share(chance, "A chance level"), _share(ceiling, "A ceiling")
    if not (low < high).all():
        raise BadInput(f"A ceiling must lie above the chance level; given: {high.min():g} and {low.max():g}.")
    return np.asarray((_share(accuracy, "An accuracy") - low) / (high - low))


def _choices(probabilities: ArrayLike, answers: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
    table, right = _share(probabilities, "A probability"), np.asarray(answers)
    if table.ndim != 2 or right.shape != table.shape[:1]:
        raise BadInput(
            f"Probabilities are shaped (items, choices) and answers (items,); given: {table.shape} and {right.shape}."
        )
    if right.dtype.kind not in "iu" or right.min(initial=0) < 0 or right.max(initial=0) >= table.shape[1]:
        raise BadInput(f"Answers are whole numbers from 0 to {table.shape[1] - 1}, one for each item.")
    sums = table.sum(axis=1)
    if not np.allclose(sums, 1, atol=1e-6):
        worst = int(np.abs(sums - 1).argmax())
        raise BadInput(
            f"The probabilities of item {worst} sum to {sums[worst]:.6g}, not 1. Divide by the sum first "
            f"(choice_probabilities)."
        )
    return table, right.astype(np.intp)


def _share(values: ArrayLike, what: str) -> Array:
    array = np.asarray(values, dtype=float)
    if not ((array >= 0) & (array <= 1)).all():
        seen = array[~((array >= 0) & (array <= 1))].ravel()[0]
        hint = " Divide percentages by 100." if 1 < seen <= 100 else ""
        raise BadInput(f"{what} lies between 0 and 1; given: {seen:g}.{hint}")
    return array


def _at_least(values: ArrayLike, least: float, what: str, allowed: str) -> Array:
    array = np.asarray(values, dtype=float)
    if not (array >= least).all():
        raise BadInput(f"{what} is {allowed}; given: {array[~(array >= least)].ravel()[0]:g}.")
    return array
