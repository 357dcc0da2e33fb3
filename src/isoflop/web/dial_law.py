"""The laws that the dial turns on, with what is known of their doubt; docs/decisions/0010 says why so.

    shipped_belief()              three forms through 240 public runs, with draws and a doubt that grows past them
    published_belief(law)         a law from a paper: no draws, and a doubt in proportion to what it promises
    belief_of(ensemble)           one's own runs: forms, draws and doubt of isoflop's own forecast of them

A draw k of the loss at N, D is

    ln L_k = ln f_k(N, D; θ_k) + shift(C) + doubt(C) e_k

with f_k one of the forms, θ_k its drawn constants, and e_k Student-t numbers of variance 1, the same wherever the dial
stands. shift and doubt are tables over log10 C, linear between their points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.facts import Fact, facts
from isoflop.forecasting.averaging import Ensemble
from isoflop.forecasting.forecast import forecast
from isoflop.laws.catalogue import FORMS, find_law, published_laws
from isoflop.laws.form import LOSS, Form, Parameter
from isoflop.laws.law import Law, evaluate
from isoflop.laws.optimum import optimal_split
from isoflop.planning.plan_law import expected_loss
from isoflop.planning.plan_split import Resources, best_split

Array = NDArray[np.float64]

DRAWS = 400
POWERS = np.arange(15.0, 29.25, 0.5)
"""log10 C of the tables: the range of the dial."""
SHIPPED = "chinchilla_runs"
SAME_RUNS = ("besiroglu2024", "pearce2024")
"""Laws through the very points of the shipped fit, whose compute is known."""
LEVEL = 0.8
"""Of the dial's intervals, as in planning.run_cost."""
FREEDOM = 5.0
"""Of the Student-t errors, as in facts/calibration.toml."""
DIGITS = 7


@dataclass(frozen=True, eq=False)
class Member:
    """One form. weight: its share in the best guess. draws: symbol -> (k,), empty where none are known."""

    form: Form
    constants: Mapping[str, float]
    weight: float
    draws: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Belief:
    """What the dial believes of the loss.

    seen: smallest and largest compute of the runs behind it, None where the source states no range. shift, doubt: of ln
    loss, at POWERS; doubt None where nothing is known to base one on. label: a few words; about: a sentence or two.
    """

    key: str
    label: str
    about: str
    source: str
    convention: str
    members: tuple[Member, ...]
    seen: tuple[float, float] | None
    shift: Array
    doubt: Array | None


def errors() -> Array:
    """e_k: Student-t numbers of variance 1 at even probabilities in an order of no meaning, (DRAWS,)."""
    even = (np.arange(DRAWS) + 0.5) / DRAWS
    spread = stdtrit(FREEDOM, even) / np.sqrt(FREEDOM / (FREEDOM - 2))
    return np.random.default_rng(10).permutation(spread / spread.std())


def shipped_belief() -> Belief:
    """Three forms fitted to the 240 public Chinchilla runs; constants in facts/page_laws.toml."""
    rows = facts("page_laws")
    doubt = rows[SHIPPED]
    members = [shipped_member(row) for row in rows.values() if row["kind"] == "form"]
    return Belief(
        key=SHIPPED,
        label="Chinchilla runs, three forms averaged",
        about=doubt["about"],
        source=doubt["source"],
        convention="total",
        members=shared_out(members),
        seen=(float(doubt["seen"][0]), float(doubt["seen"][1])),
        shift=np.interp(POWERS, doubt["powers"], doubt["shift"]),
        doubt=np.interp(POWERS, doubt["powers"], doubt["doubt"]),
    )


def shipped_member(row: Fact) -> Member:
    """Draws from a normal law of the constants, as ``as_drawn`` has them, with the bootstrap's mean and covariance."""
    form = FORMS[row["form"]]
    mean, size = np.array(row["mean"], dtype=float), len(form.symbols)
    cov = np.zeros((size, size))
    cov[np.tril_indices(size)] = np.array(row["covariance"], dtype=float)
    cov = cov + np.tril(cov, -1).T
    values, vectors = np.linalg.eigh(cov)
    rng = np.random.default_rng(20)
    normal = rng.standard_normal((DRAWS, size))
    normal = (normal - normal.mean(axis=0)) / normal.std(axis=0)
    table = mean + normal @ (vectors * np.sqrt(np.maximum(values, 0))).T
    drawn = {p.symbol: as_constant(p, column) for p, column in zip(form.parameters, table.T, strict=True)}
    constants = {p.symbol: float(as_constant(p, value)) for p, value in zip(form.parameters, mean, strict=True)}
    return Member(form, constants, float(row["weight"]), drawn)


def as_drawn(parameter: Parameter, values: ArrayLike) -> Array:
    """A parameter as its draws are normal: floors and scales by their logarithm, exponents as they are.

    ln A and alpha then lie along a straight ridge, since what size costs at the data's centre is linear in both: draws
    scatter about the law as the replicates do, from 1e15 to 1e29 FLOP. With ln alpha the ridge would bend.
    """
    plain = np.asarray(values, dtype=float)
    return np.asarray(np.log(plain)) if parameter.kind in ("offset", "scale") else plain


def as_constant(parameter: Parameter, values: ArrayLike) -> Array:
    """Back from ``as_drawn``."""
    plain = np.asarray(values, dtype=float)
    return np.asarray(np.exp(plain)) if parameter.kind in ("offset", "scale") else plain


def shared_out(members: Sequence[Member]) -> tuple[Member, ...]:
    """Each form gets its share of DRAWS, the largest remainder the last one."""
    ends = np.rint(np.cumsum([member.weight for member in members]) * DRAWS).astype(int)
    found = []
    for member, start, end in zip(members, [0, *ends[:-1]], ends, strict=True):
        few = {name: _rounded(values[: end - start]) for name, values in member.draws.items()}
        found.append(Member(member.form, member.constants, member.weight, few))
    return tuple(found)


def _rounded(values: Array) -> Array:
    return np.array([float(f"{value:.{DIGITS}g}") for value in values])


def published_beliefs() -> list[Belief]:
    """Every published law that gives a loss in nats from N and D (and distinct tokens U)."""
    return [published_belief(law) for law in published_laws().values() if usable(law.form)]


def usable(form: Form) -> bool:
    """Whether the dial can turn on a form: a loss from N and D, or from N, D and U."""
    return form.output == LOSS and {"N", "D"} <= set(form.inputs) <= {"N", "D", "U"}


def published_belief(law: Law | str) -> Belief:
    """A published law: its doubt is the share of the promised improvement that isoflop's own forecast doubts."""
    law = find_law(law) if isinstance(law, str) else law
    seen = seen_compute(law)
    return Belief(
        key=law.name,
        label=f"{law.source.split(',')[0].split(';')[0]}: {law.title}",
        about=law.caution,
        source=law.source,
        convention=law.params_convention,
        members=(Member(law.form, law.constants, 1.0, {}),),
        seen=seen,
        shift=np.zeros(len(POWERS)),
        doubt=None if seen is None else reach_doubt(law, seen),
    )


def seen_compute(law: Law) -> tuple[float, float] | None:
    """Compute between which the source's runs lie: 6ND at the corners of its ranges of N and D.

    Few sources have a run at the largest of both, so the far corner is generous. None where a range is not stated.
    """
    if law.name in SAME_RUNS:
        low, high = facts("page_laws")[SHIPPED]["seen"]
        return float(low), float(high)
    if {"N", "D"} <= law.validity.keys():
        (n_low, n_high), (d_low, d_high) = law.validity["N"], law.validity["D"]
        return FLOPS_PER_PARAM_TOKEN * n_low * d_low, FLOPS_PER_PARAM_TOKEN * n_high * d_high
    return None


def reach_doubt(law: Law, seen: tuple[float, float]) -> Array:
    """Standard deviation of ln loss at POWERS: noise, and a share of the fall of ln L from the edge of the data."""
    share = facts("page_laws")["reach"]
    flops = 10**POWERS
    ln_loss = np.log(_optimal_loss(law, flops))
    low, high = np.log(_optimal_loss(law, np.array(seen)))
    above, below = np.maximum(high - ln_loss, 0), np.maximum(ln_loss - low, 0)
    reach = np.where(flops > seen[1], share["above"] * above, np.where(flops < seen[0], share["below"] * below, 0))
    return np.asarray(np.hypot(float(share["noise"]), reach))


def _optimal_loss(law: Law, flops: Array) -> Array:
    if "U" not in law.form.inputs:
        return optimal_split(law.form, law.constants, flops).loss
    expected = expected_loss(law)
    return np.array([float(best_split(expected, Resources(train_flops=c)).loss) for c in flops])


def belief_of(ensemble: Ensemble, label: str = "your runs") -> Belief:
    """One's own runs. Draws are the bootstrap's; shift and doubt come from forecasts along the optimal split."""
    members = shared_out(
        [
            Member(fitted.form, fitted.law.constants, weight, _resampled(fitted.draws, fitted.law.constants))
            for fitted, weight in zip(ensemble.fits, ensemble.weights, strict=True)
        ]
    )
    shift, doubt = tables_of(path_of(ensemble), members)
    flops = ensemble.runs.flops
    return Belief(
        key="own",
        label=label,
        about=f"{len(ensemble.runs)} runs, {len(members)} form{'s' if len(members) > 1 else ''} averaged.",
        source="isoflop's own forecast of these runs",
        convention=ensemble.leading.params_convention,
        members=members,
        seen=(float(flops.min()), float(flops.max())),
        shift=shift,
        doubt=doubt,
    )


def _resampled(draws: Mapping[str, Array], constants: Mapping[str, float]) -> dict[str, Array]:
    """Bootstrap replicates, each as often as makes DRAWS of them; the fit itself where there are none."""
    table = np.array([draws[name] for name in constants]) if draws else np.zeros((len(constants), 0))
    table = table[:, np.isfinite(table).all(axis=0)]
    if not table.shape[1]:
        table = np.array(list(constants.values()))[:, None]
    return dict(zip(constants, np.resize(table.T, (DRAWS, len(constants))).T, strict=True))


@dataclass(frozen=True, eq=False)
class Path:
    """A forecast along the compute-optimal split at POWERS: N, D, what the formulas say of ln loss (their weighted
    mean), and the forecast of ln loss with its central interval at LEVEL."""

    N: Array
    D: Array
    formulas: Array
    ln_loss: Array
    low: Array
    high: Array


def path_of(ensemble: Ensemble) -> Path:
    """The forecast of an ensemble along its own optimal split."""
    expected = expected_loss(ensemble)
    splits = [best_split(expected, Resources(train_flops=c)) for c in 10**POWERS]
    targets: dict[str, Any] = {"N": np.array([float(s.N) for s in splits]), "D": np.array([float(s.D) for s in splits])}
    if any("U" in fitted.form.inputs for fitted in ensemble.fits):
        targets["U"] = targets["D"]
    made = forecast(ensemble, level=LEVEL, **targets)
    formulas = np.array([float(s.ln_loss) for s in splits])
    return Path(targets["N"], targets["D"], formulas, np.log(made.loss), np.log(made.low), np.log(made.high))


def tables_of(path: Path, members: Sequence[Member]) -> tuple[Array, Array]:
    """(shift, doubt) at POWERS: what the forecast adds to the formulas, and the scale of the errors with which the
    draws' interval is as wide as the forecast's; 0 where the forms alone make it wider."""
    return path.ln_loss - path.formulas, np.array([_scale(path, members, i) for i in range(len(POWERS))])


def _scale(path: Path, members: Sequence[Member], i: int) -> float:
    at = {"N": path.N[i], "D": path.D[i], "U": path.D[i]}
    drawn = [evaluate(m.form, m.draws, {name: at[name] for name in m.form.inputs}) for m in members]
    laws, shared = np.log(np.concatenate(drawn)), errors()

    def width(scale: float) -> float:
        low, high = np.quantile(laws + scale * shared, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(high - low)

    wanted = path.high[i] - path.low[i]
    if width(0.0) >= wanted:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if width(middle) < wanted else (low, middle)
    return (low + high) / 2
