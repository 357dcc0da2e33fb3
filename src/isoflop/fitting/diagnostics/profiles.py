"""Profile likelihoods: how much worse the best fit becomes when one parameter is held elsewhere.

For each parameter a grid of values is held while the others are refitted, all in one batch of the solver. The rise of
the robust objective is turned into a statistic that compares with χ² of one degree of freedom,

    2 (Σρ(held) − Σρ(best)) · E ψ' / E ψ²        (Hampel et al. 1986, section 7.2; Heritier & Ronchetti 1994),

so that the interval is where it stays below the quantile of the level. A profile that never rises to it is open: the
runs say nothing about that side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from isoflop.fitting.diagnostics.context import Context
from isoflop.fitting.diagnostics.finding import Finding
from isoflop.fitting.diagnostics.robust import mean_score_slope, mean_squared_score
from isoflop.fitting.solver import Problem, Solution, solve
from isoflop.laws.compiled import Compiled

Array = NDArray[np.float64]

POINTS = 25
REACH = 4.0
"""The grid spans this many standard errors on each side at first."""
WIDENINGS, WIDER = 6, 4.0
"""How often, and by which factor, the grid is widened where the profile is still low at its ends."""
BUMP = 0.05
"""Fall of the statistic going away from the optimum that tells a point where the solver got stuck."""
IMAGINARY = 1e-30


@dataclass(frozen=True, eq=False)
class Profile:
    """One parameter. values: held, in natural units, (points,). statistic: compares with χ²₁, (points,). low, high: of
    the interval, infinite or a bound where open. low_open, high_open: the profile never reached the threshold there.
    """

    name: str
    values: Array
    statistic: Array
    low: float
    high: float
    low_open: bool
    high_open: bool


def profiles(context: Context) -> tuple[Profile, ...]:
    """One profile per parameter, at the fit's level; empty with no more runs than parameters."""
    form = context.fit.form
    if len(context.residuals) <= len(form.parameters):
        return ()
    residuals, objective = context.solver_residuals, context.fit.objective
    fitted = len(form.parameters)
    unit = mean_squared_score(objective, residuals, fitted) / mean_score_slope(objective, residuals, fitted)
    if not unit > 0:
        return ()
    return tuple(_profile(context, index, unit) for index in range(len(form.parameters)))


def threshold(level: float) -> float:
    """Quantile of χ² with one degree of freedom."""
    return float(stats.chi2.ppf(level, 1))


def _profile(context: Context, index: int, unit: float) -> Profile:
    parameter = context.fit.form.parameters[index]
    held = _held(context.problem, index)
    best = context.working.copy()
    logarithmic = parameter.kind == "scale"
    best[0, index] = np.log(context.natural[0, index]) if logarithmic else context.natural[0, index]
    low, high = (-np.inf, np.inf) if logarithmic else (context.problem.low[index], context.problem.high[index])
    error, ridge = _ridge(context, held, best, index)
    room, enough = np.array([best[0, index] - low, high - best[0, index]]), threshold(context.fit.level)
    reach = np.minimum(REACH * error, room)
    for _ in range(WIDENINGS):
        half = np.linspace(0, 1, POINTS // 2 + 1)
        steps = np.unique(np.concatenate([-half * reach[0], half * reach[1]]))
        statistic = _rise(held, best, index, steps, ridge, unit)
        still_low = np.array([statistic[0], statistic[-1]]) <= enough
        if not (still_low & (reach < room)).any():
            break
        reach = np.where(still_low, np.minimum(WIDER * reach, room), reach)
    values = best[0, index] + steps
    left, left_open = _crossing(values[::-1], statistic[::-1], best[0, index], enough)
    right, right_open = _crossing(values, statistic, best[0, index], enough)
    natural: Callable[[Any], Any] = np.exp if logarithmic else np.asarray
    with np.errstate(over="ignore"):
        return Profile(
            parameter.symbol,
            np.asarray(natural(np.clip(values, -700, 700))),
            statistic,
            float(natural(left)),
            float(natural(right)),
            left_open,
            right_open,
        )


def _rise(held: Problem, best: Array, index: int, steps: Array, ridge: Array, unit: float) -> Array:
    """The statistic at each step: from starts along the ridge, from the optimum, and then from each neighbour's end."""
    starts = np.repeat(best, len(steps), axis=0)
    starts[:, index] = best[0, index] + steps
    working, totals = starts, np.full(len(steps), np.inf)
    along = starts + steps[:, None] * np.where(np.arange(best.size) == index, 0.0, ridge)
    for begin, afar in ((along, False), (starts, True)):
        working, totals = _better(working, totals, solve(held, begin, continuation=afar))
    for shift, afar in ((1, False), (-1, False), (1, True), (-1, True)):
        if afar and not _bumpy(totals / unit, steps):
            break
        neighbour = np.roll(working, shift, axis=0)
        neighbour[:, index] = working[:, index]
        working, totals = _better(working, totals, solve(held, neighbour, continuation=afar))
    floor = min(totals.min(), totals[int(np.argmin(np.abs(steps)))])
    return _rising_outwards(2 * (totals - floor) / unit, steps)


def _rising_outwards(rise: Array, steps: Array) -> Array:
    """No point above one farther out: there the solver got stuck, and the wider interval is the honest one."""
    left, right = rise[steps < 0], rise[steps >= 0]
    return np.concatenate([np.minimum.accumulate(left), np.minimum.accumulate(right[::-1])[::-1]])


def _better(working: Array, totals: Array, again: Solution) -> tuple[Array, Array]:
    """Each problem's better end: parameters (b, P) and objective (b,)."""
    better = again.objective < totals
    return np.where(better[:, None], again.working, working), np.where(better, again.objective, totals)


def _bumpy(rise: Array, steps: Array) -> bool:
    """Whether the profile falls anywhere on the way from the optimum outwards."""
    known = np.minimum(rise, 1e12)  # a point that no start could reach is infinite
    sides = (known[steps >= 0], known[steps <= 0][::-1])
    return any(bool((np.diff(side) < -BUMP).any()) for side in sides)


def _crossing(values: Array, statistic: Array, best: float, enough: float) -> tuple[float, bool]:
    """Where the signed root of the statistic, nearly a straight line, crosses the threshold going along ``values``."""
    away = (values - best) * (values[-1] - values[0]) >= 0
    x, root = values[away], np.sqrt(np.maximum(statistic[away], 0.0))
    above = np.flatnonzero(root > np.sqrt(enough))
    if not len(above):
        return float(values[-1]), True
    i = int(above[0])
    if i == 0:
        return float(x[0]), False
    share = (np.sqrt(enough) - root[i - 1]) / (root[i] - root[i - 1])
    return float(x[i - 1] + share * (x[i] - x[i - 1])), False


def _ridge(context: Context, held: Problem, best: Array, index: int) -> tuple[float, Array]:
    """Standard error of one parameter, and how the others go along with it, (P,): from σ² (J Jᵀ)⁻¹ in the coordinates
    in which the parameter is natural."""
    jacobian = _full_jacobian(held, best)
    covariance = np.linalg.pinv(jacobian @ jacobian.T, rcond=1e-13, hermitian=True) * context.noise**2
    own = max(float(covariance[index, index]), 1e-300)
    limit = 1.0 if context.fit.form.parameters[index].kind == "scale" else max(abs(best[0, index]), 0.01)
    error = float(np.clip(np.sqrt(own), 1e-4 * limit, 3 * limit))
    return error, np.clip(np.nan_to_num(covariance[index] / own), -1e3, 1e3)


def _full_jacobian(held: Problem, best: Array) -> Array:
    """(P, n), with the held parameter's own row."""
    compiled = held.compiled
    assert isinstance(compiled, _Held)
    rows = compiled.slopes([best[:, i : i + 1] for i in range(best.shape[1])], held.logs, held.centres)
    full = [np.broadcast_to(np.asarray(row, dtype=float), (1, len(held.target)))[0] for row in rows]
    if held.objective.space == "loss":
        full = [row * np.exp(held.target) for row in full]
    return np.asarray(np.nan_to_num(np.array(full)))


@dataclass(frozen=True)
class _Held(Compiled):
    """A compiled form in which one parameter's working value is its natural one (its logarithm for a scale)."""

    slopes: Callable[..., Any] = lambda *_: []


def _held(problem: Problem, index: int) -> Problem:
    """The problem with one parameter held where each start puts it: its slope is zero, so no step moves it.

    Batched problems share their bounds, so the value held cannot be a bound. A scale is centred on the data,
    ln A = u_A + shift(exponents); holding A itself while alpha varies takes the shift out again.
    """
    inner = problem.compiled
    scale = inner.form.parameters[index].kind == "scale"

    def inside(u: list[Array], c: Array) -> list[Array]:
        if not scale:
            return u
        moved = list(u)
        moved[index] = u[index] - np.asarray(inner.shifts(u, list(c))[index]).real
        return moved

    def slopes(u: list[Array], x: Any, c: Array) -> list[Array]:
        gradient: list[Array] = list(inner.gradient(inside(u, c), x, c)[1:])
        if scale:
            gradient = [g - gradient[index] * _shift_slope(inner, u, c, index, j) for j, g in enumerate(gradient)]
        return gradient

    def gradient(u: list[Array], x: Any, c: Array) -> list[Array]:
        found = slopes(u, x, c)
        found[index] = np.zeros(1)
        return [inner.log_value(inside(u, c), x, c), *found]

    fields = {name: getattr(inner, name) for name in Compiled.__dataclass_fields__}
    fields["log_value"] = lambda u, x, c: inner.log_value(inside(u, c), x, c)
    fields["gradient"] = gradient
    low, high = problem.low.copy(), problem.high.copy()
    low[index], high[index] = -1e300, 1e300
    return replace(problem, compiled=_Held(**fields, slopes=slopes), low=low, high=high)


def _shift_slope(inner: Compiled, u: list[Array], c: Array, index: int, j: int) -> Array | float:
    """d shift / d u_j by a complex step (Squire & Trapp 1998): exact, since shifts are sums, products and powers."""
    if j == index or inner.form.parameters[j].kind == "scale":
        return 0.0
    stepped = [column.astype(complex) for column in u]
    stepped[j] = stepped[j] + 1j * IMAGINARY
    return np.asarray(np.asarray(inner.shifts(stepped, list(c))[index]).imag / IMAGINARY, dtype=float)


def profile_findings(context: Context, found: tuple[Profile, ...]) -> list[Finding]:
    """Parameters whose profile is open, and the intervals of the others."""
    if not found:
        message = f"Nothing can be profiled: {context.thin(len(context.fit.form.parameters) + 1)}."
        return [Finding("identified", "warning", message, "Add runs that differ in N and D.", "profiles")]
    level = f"{100 * context.fit.level:g} %"
    open_ones = [profile for profile in found if profile.low_open or profile.high_open]
    closed = [profile for profile in found if profile not in open_ones]
    findings = []
    if open_ones:
        sides = ", ".join(f"{p.name} {_open_side(p)}" for p in open_ones)
        message = f"The runs do not bound {sides} ({level} profile likelihood)."
        remedy = "Do not quote these; add runs at the ends of the range of N and D, or fit a form without them."
        findings.append(Finding("identified", "warning", message, remedy, "profiles"))
    if closed:
        shown = ", ".join(f"{p.name} [{p.low:.4g}, {p.high:.4g}]" for p in closed)
        message = f"Bounded on both sides by the runs ({level} profile likelihood): {shown}."
        findings.append(Finding("identified", "good", message, "", "profiles"))
    return findings


def _open_side(profile: Profile) -> str:
    if profile.low_open and profile.high_open:
        return "on either side"
    edge = profile.high if profile.low_open else profile.low
    return (
        f"{'below' if profile.low_open else 'above'} (it is {'at most' if profile.low_open else 'at least'} {edge:.3g})"
    )
