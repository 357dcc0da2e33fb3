"""How a run ended: its loss at the end, whether its learning rate had decayed by then, and whether it diverged.

The loss falls steeply while the learning rate decays (Hägele et al. 2024, arXiv:2405.18392, figure 1), so a mean over
the end is above the end, and a run that was stopped before its decay is above one that was not. A held-out loss is
therefore taken at its last evaluation. A training loss is noisy: over the last share of the tokens a straight line is
fitted, and its value at the last token taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isoflop.runs.importers.contract import Array

SHARE = 0.05
"""Of the tokens, at the end (chosen: a quarter of a decay over the last fifth, in which the loss is near straight)."""
FEWEST_FOR_A_LINE = 8
"""Points below which the mean stands in for a line (chosen: the line's end has then about twice a mean's variance)."""
DECAYED = 0.2
"""Of its peak; at or below it the learning rate counts as decayed (chosen: a cosine to a tenth, as Hoffmann et al. 2022
used, ends at 0.1; a WSD decay ends at 0 to 0.1)."""
LOST = 0.5
"""Of what the loss had come down; a run that gave more of it back has diverged (chosen)."""
PIECES = 20
NOISE = 4.0
"""Standard deviations of the noise between neighbours that a return must exceed (chosen)."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one run. loss: NaN where it has none. spread: standard deviation of points about the line, or None.

    points: that were used. at: share of the run's tokens at which the loss was seen. lr_left: last learning rate over
    its peak; decayed: whether that is at most DECAYED; both None where no learning rate was logged.
    """

    loss: float
    spread: float | None
    points: int
    at: float
    diverged: bool
    lr_left: float | None
    decayed: bool | None


def ending(
    tokens: Array, loss: Array, total: float, lr: Array | None, *, held_out: bool, share: float = SHARE
) -> Ending:
    """The end of a curve in the order of its tokens, (points,). total: tokens of the whole run. lr: (any,)."""
    left = _left(lr)
    decayed = None if left is None else left <= DECAYED
    usable = np.isfinite(loss) & (loss > 0)
    if not len(loss) or not usable[-1]:
        at = float(tokens[-1] / total) if len(loss) and total > 0 else 0.0
        return Ending(float("nan"), None, 0, at, len(loss) > 0, left, decayed)
    tokens, loss = tokens[usable], loss[usable]
    late = tokens > min(tokens[-1] * (1 - share), tokens[-1] - 1e-9)  # the last point itself, also at 0 tokens
    if held_out:
        value, spread, points = float(loss[-1]), None, 1
    else:
        value, spread, points = _smoothed(tokens[late], loss[late])
    at = float(tokens[-1] / total) if total > 0 else 0.0
    return Ending(value, spread, points, at, _gave_back(loss, value), left, decayed)


def _smoothed(tokens: Array, loss: Array) -> tuple[float, float | None, int]:
    """The value at the last token, the deviation of the points from it, and their number."""
    if len(loss) < FEWEST_FOR_A_LINE:
        return float(loss.mean()), float(loss.std(ddof=1)) if len(loss) > 1 else None, len(loss)
    x = (tokens - tokens[-1]) / max(float(np.ptp(tokens)), 1.0)
    slope, value = np.polyfit(x, loss, 1)
    spread = np.sqrt(np.sum((loss - value - slope * x) ** 2) / (len(loss) - 2))
    return float(value), float(spread), len(loss)


def _left(lr: Array | None) -> float | None:
    rates = np.array([]) if lr is None else lr[np.isfinite(lr)]
    return float(rates[-1] / rates.max()) if len(rates) and rates.max() > 0 else None


def _gave_back(loss: Array, end: float) -> bool:
    """Whether more than LOST of the way from the first loss down to the lowest was given back at the end.

    The course is that of the medians of up to PIECES pieces, and noise between neighbours is no return.
    """
    if len(loss) < FEWEST_FOR_A_LINE // 2:
        return False
    course = np.array([np.median(piece) for piece in np.array_split(loss, min(len(loss), PIECES))])
    lowest, first = float(course.min()), float(course[0])
    noise = 1.4826 * float(np.median(np.abs(np.diff(loss)))) / np.sqrt(2) if len(loss) > PIECES else 0.0
    return first > lowest and end - lowest > max(LOST * (first - lowest), NOISE * noise)
