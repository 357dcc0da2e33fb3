"""From any budget to a run that can be defended.

    plan(read_budget("$1M"))                                              -> Plan
    plan(read_budget("512xH100, 30d"), law=my_ensemble)
    plan(read_budget("$1M", max_params="8B"), objective="cost", target_loss=2.0)

The plan holds N and D, the shape of the model, its batch and a layout that fits, chips, days, cost on every basis,
energy, CO2 and the expected loss, each with an interval; the valley around it; what binds it, and what relaxing each
limit is worth.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

import numpy as np

from isoflop.errors import BadInput, InfeasiblePlan
from isoflop.fitting.fit import Estimate, Fit
from isoflop.forecasting.averaging import Ensemble
from isoflop.laws.law import Law
from isoflop.laws.validity import outside
from isoflop.planning.accelerators import Accelerator, check_devices, find_accelerator
from isoflop.planning.allocate import Valley
from isoflop.planning.budget import Budget
from isoflop.planning.plan_ask import Ask, Objective, Serving
from isoflop.planning.plan_draws import Draws, draw_plans
from isoflop.planning.plan_experts import Experts
from isoflop.planning.plan_forecast import sketch_as_forecast
from isoflop.planning.plan_law import ExpectedLoss, expected_loss
from isoflop.planning.plan_layout import Shape, divides_well, largest_that_fits, shape_of
from isoflop.planning.plan_machine import HourPrice, Machine, plan_machine
from isoflop.planning.plan_others import OtherLaw, other_laws
from isoflop.planning.plan_serving import ServingPlan, serving_plan
from isoflop.planning.plan_shadow import ShadowPrice, shadow_prices
from isoflop.planning.plan_sketch import Sketch, sketch
from isoflop.planning.plan_valley import Detour, detour_of, valley_of
from isoflop.planning.plan_wait import Waiting, waiting
from isoflop.planning.run_cost import LEVEL, CostLine, GoodputLine, Terms, cost_lines, goodput_line
from isoflop.units import format_count, format_ratio

DEFAULT_LAW, DEFAULT_CHIP = "besiroglu2024", "H100"
DRAWS = 20_000
FAR = 10.0
"""Times the compute of the largest run from which on a plan says how far out it lies, as forecasts do."""
CONTEXT, VOCAB = 8192, 128_256
"""Llama 3's, as a plan of today has them (Dubey et al. 2024, section 3.1)."""


@dataclass(frozen=True, slots=True)
class PlanCost:
    """A basis: dollars of the run, dollars a chip-hour (None to buy), the day of the price; is_budget: money was
    counted on it."""

    key: str
    label: str
    usd: Estimate
    usd_per_hour: float | None
    as_of: str
    how: str
    is_budget: bool


@dataclass(frozen=True)
class Plan:
    """A run. N in parameters and D in tokens as the law counts them (N: active, with experts); days of the whole run;
    energy_kwh and co2_tonnes by level. Intervals hold the middle ``level`` of draws over laws, utilisation, prices and
    failures; one without width means that nothing known moves it.

    fits: share of the draws that stay under every ceiling given. probability is theirs, not that of the world.
    """

    ask: Ask
    sketch: Sketch
    N: Estimate
    D: Estimate
    tokens_per_param: Estimate
    loss: Estimate
    flops: Estimate
    devices: int
    days: Estimate
    device_hours: Estimate
    utilisation: Estimate
    goodput: Estimate
    reliability: GoodputLine
    costs: tuple[PlanCost, ...]
    energy_kwh: dict[str, Estimate]
    co2_tonnes: dict[str, Estimate]
    fits: float
    shape: Shape | None
    valley: Valley
    detour: Detour
    shadow: tuple[ShadowPrice, ...]
    others: tuple[OtherLaw, ...]
    serving: ServingPlan | None
    waiting: Waiting | None
    level: float
    seed: int
    draws: Draws
    as_of: str
    notes: tuple[str, ...]

    @property
    def law(self) -> ExpectedLoss:
        return self.ask.law

    @property
    def machine(self) -> Machine:
        return self.ask.machine

    @property
    def binding(self) -> tuple[str, ...]:
        """Names of the limits that hold the plan back, the dearest first."""
        return tuple(price.name for price in self.shadow if price.binds)


def plan(
    budget: Budget,
    law: str | Law | Fit | Ensemble = DEFAULT_LAW,
    *,
    objective: Objective = "loss",
    target_loss: float | None = None,
    accelerator: str | Accelerator | None = None,
    terms: Terms | None = None,
    basis: str | None = None,
    experts: Experts | None = None,
    serving: Serving | None = None,
    max_epochs: float = np.inf,
    context: int = CONTEXT,
    vocab: int = VOCAB,
    wait: bool = False,
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = 0,
    layouts: bool = True,
) -> Plan:
    """Plan the run with the least loss for the budget, or the cheapest or quickest one of a wanted loss.

    law: a published one by name, or runs that were fitted. accelerator: when the budget names none. basis: what money
    is counted on, see ``plan_machine.BASES``. serving: how inference tokens are served. max_epochs: over the tokens
    available. draws: of the Monte Carlo. layouts: False leaves the shape and the layout out.

    Raises InfeasiblePlan with the fewest demands that exclude each other and what would do instead; BadInput for
    amounts, names and options that cannot be.
    """
    if not 0 < level < 1 or draws < 1:
        raise BadInput(f"level = {level}, draws = {draws}: level lies between 0 and 1, draws is at least 1.")
    terms = terms or Terms(date=datetime.date.today().isoformat())
    machine = plan_machine(_chip(budget, accelerator, terms), terms)
    expected = expected_loss(law, experts)
    ask = Ask(
        budget=budget,
        machine=machine,
        law=expected,
        objective=objective,
        target_loss=target_loss,
        basis=_basis(budget, machine, basis, objective),
        serving=_serving(budget, serving),
        max_epochs=max_epochs,
    )
    if budget.devices is not None:
        check_devices(machine.chip, budget.devices, terms.date, terms.overrides)
    ask, found = sketch_as_forecast(ask)
    notes = _enough_chips(machine, found, terms)
    ask, found, shape = _shaped(ask, found, context, vocab) if layouts else (ask, found, None)
    drawn = draw_plans(ask, found, draws, seed)
    return _assembled(ask, found, shape, drawn, level, seed, wait, (*notes, *_notes(ask, found)))


def _enough_chips(machine: Machine, found: Sketch, terms: Terms) -> tuple[str, ...]:
    """Remarks on the number of chips that the plan came to. Raises InfeasiblePlan for more than were ever made."""
    try:
        return check_devices(machine.chip, max(found.devices, 1.0), terms.date, terms.overrides)
    except BadInput as error:
        days = found.seconds / 86_400
        raise InfeasiblePlan(
            f"The budget takes {found.devices:,.0f} {machine.chip.name} for {format_ratio(days)} days. {error}",
            conflict=("usd", "seconds"),
            nearest=("Or give the run more time with --deadline, or another chip with --accelerator.",),
        ) from None


def _chip(budget: Budget, accelerator: str | Accelerator | None, terms: Terms) -> Accelerator:
    if isinstance(accelerator, Accelerator):
        return accelerator
    if budget.chip and accelerator and budget.chip.casefold() != accelerator.casefold():
        raise BadInput(f"Two accelerators: {budget.chip} in the budget and {accelerator} beside it. Give one.")
    return find_accelerator(budget.chip or accelerator or DEFAULT_CHIP, terms.overrides)


def _basis(budget: Budget, machine: Machine, basis: str | None, objective: str) -> HourPrice | None:
    """What money is counted on; without money in question it only prices the shadow prices."""
    if basis is not None:
        return machine.price(basis)
    if budget.usd is None and objective != "cost" and not machine.prices:
        return None
    return machine.usual_price()


def _serving(budget: Budget, serving: Serving | None) -> Serving | None:
    if budget.inference_tokens is None:
        return None
    return Serving(budget.inference_tokens) if serving is None else replace(serving, tokens=budget.inference_tokens)


def _shaped(ask: Ask, found: Sketch, context: int, vocab: int) -> tuple[Ask, Sketch, Shape]:
    """The shape and its layout. Where none fits all chips, on a number of chips that divides better; where the best N
    fits none, the largest that does, trained for longer."""
    shape = shape_of(ask, found, context, vocab)
    if shape.layout is not None:
        return ask, found, shape
    fewer = divides_well(int(found.devices))
    if fewer < found.devices:
        spared = replace(ask, most_devices=fewer)
        again = sketch(spared)
        its_shape = shape_of(spared, again, context, vocab)
        if its_shape.layout is not None:
            return spared, again, its_shape
        ask, found, shape = spared, again, its_shape
    largest = largest_that_fits(ask, found, context, vocab)
    if largest is None:
        raise InfeasiblePlan(
            f"No layout of {format_count(float(found.best.N))} parameters fits {found.devices:,.0f} "
            f"{ask.machine.chip.name}: {shape.search.reason}",
            conflict=("memory", "devices"),
            nearest=("Give more chips, or ones with more memory.",),
        )
    smaller = replace(ask, memory_params=largest)
    again = sketch(smaller)
    return smaller, again, shape_of(smaller, again, context, vocab)


def _assembled(
    ask: Ask,
    found: Sketch,
    shape: Shape | None,
    drawn: Draws,
    level: float,
    seed: int,
    wait: bool,
    notes: tuple[str, ...],
) -> Plan:
    N, D, machine, best = float(found.best.N), float(found.best.D), ask.machine, found.best
    hours = drawn.estimate(drawn.hours, found.hours, level)
    kwh = {
        name: drawn.estimate(values, found.hours * machine.kilowatts[name], level) for name, values in drawn.kwh.items()
    }
    grams = machine.grid.grams_co2_per_kwh / 1e6
    return Plan(
        ask=ask,
        sketch=found,
        N=drawn.estimate(drawn.N, N, level),
        D=drawn.estimate(drawn.D, D, level),
        tokens_per_param=drawn.estimate(drawn.D / drawn.N, D / N, level),
        loss=drawn.estimate(drawn.loss, float(best.loss), level),
        flops=drawn.estimate(drawn.flops, float(best.flops), level),
        devices=max(round(found.devices), 1),
        days=drawn.estimate(drawn.days, found.seconds / 86_400, level),
        device_hours=hours,
        utilisation=drawn.estimate(drawn.mfu, float(best.flops) / (found.hours * 3600 * machine.peak), level),
        goodput=drawn.estimate(drawn.goodput, float(machine.goodput(found.devices)), level),
        reliability=goodput_line(max(round(found.devices), 1), machine.terms.overrides),
        costs=_costs(ask, found, drawn, hours, kwh["server"], level),
        energy_kwh=kwh,
        co2_tonnes={n: Estimate(e.value * grams, e.low * grams, e.high * grams) for n, e in kwh.items()},
        fits=float(drawn.fits.mean()),
        shape=shape,
        valley=valley_of(ask.law, found.resources, best),
        detour=detour_of(ask.law, best),
        shadow=shadow_prices(ask, found),
        others=other_laws(ask, found),
        serving=serving_plan(ask, found),
        waiting=waiting(ask.law, found) if wait else None,
        level=level,
        seed=seed,
        draws=drawn,
        as_of=machine.terms.date,
        notes=tuple(dict.fromkeys((*notes, *(shape.notes if shape else ())))),
    )


def _costs(ask: Ask, found: Sketch, drawn: Draws, hours: Estimate, kwh: Estimate, level: float) -> tuple[PlanCost, ...]:
    """Every basis for which a price is known, in the order of the machine's prices."""
    devices = max(round(found.devices), 1)
    lines, _ = cost_lines(ask.machine.chip, devices, hours, kwh, ask.machine.terms)
    return tuple(
        _cost(price, line, drawn, found, ask, level) for price, line in zip(ask.machine.prices, lines, strict=True)
    )


def _cost(price: HourPrice, line: CostLine, drawn: Draws, found: Sketch, ask: Ask, level: float) -> PlanCost:
    bought = price.key == "purchase"
    value = price.usd * (found.devices if bought else found.hours)
    paid = (ask.budget.usd is not None or ask.objective == "cost") and ask.basis is not None
    return PlanCost(
        price.key,
        line.label,
        drawn.estimate(drawn.usd[price.key], value, level),
        None if bought else price.usd,
        line.as_of,
        line.how,
        bool(paid and ask.basis is not None and price.key == ask.basis.key),
    )


def _notes(ask: Ask, found: Sketch) -> tuple[str, ...]:
    notes = [*ask.law.notes, *ask.machine.notes]
    if np.isfinite(ask.most_devices):
        notes.append(
            f"{ask.most_devices:,.0f} chips run: no layout divides all that there are, so the others stand by."
        )
    if not ask.law.has_draws:
        notes.append(
            f"{ask.law.name} publishes no draws of its constants: the intervals hold utilisation, prices and failures, "
            "not the law's own doubt. A fit to your own runs brings that."
        )
    if ask.law.source is not None:
        reach = float(found.best.flops) / float(ask.law.source.runs.flops.max())
        if reach > FAR:
            notes.append(
                f"The plan has {format_ratio(reach)} times the compute of the largest run that was fitted, beyond what "
                "backtests on those runs can vouch for."
            )
    if ask.law.law is not None:
        where = {"N": float(found.best.N), "D": float(found.best.D)}
        notes += [f"{ask.law.law.name or 'The law'}: {o}." for o in outside(ask.law.law, **where)]
    if ask.budget.tokens_available is not None and "U" not in ask.law.parts[0].form.inputs:
        notes.append("The law knows no repetition: repeated tokens count as in Muennighoff et al. 2023, R_D = 15.4.")
    if ask.law.experts is not None:
        notes.append(
            "Experts count as the dense model of equal loss by Clark et al. 2022, whose models had up to 1.3B active "
            "parameters: an extrapolation."
        )
    return tuple(notes)
