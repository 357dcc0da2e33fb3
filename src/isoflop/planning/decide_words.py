"""A decision in words: two sentences an option, what improves and what does not; and what to find out first.

Every number is the decision's own. Falls of the loss are means, all else medians; brackets hold the interval at the
decision's level.
"""

from __future__ import annotations

from collections.abc import Callable

from isoflop.planning.decide_result import LAW, Choice, Decision, Spread, Worth
from isoflop.units import format_count, format_money, format_ratio

LAW_WHAT = "the law: how steeply the loss falls with compute"
LAW_HOW = "fit the law to a ladder of your own (isoflop fit); isoflop next says which runs teach most"
TIED = 2.0
"""Worths closer than this many standard errors are not told apart."""
SEEN_AGAIN = 1.05
"""Passes over the data above which repetition is worth a word."""


def prediction(choice: Choice, decision: Decision) -> tuple[str, str]:
    """What would improve and what would not, in one sentence each."""
    say = _SENTENCES[choice.option.effect]
    return say(choice, decision)


def first_finding(decision: Decision) -> str:
    """The one thing to find out first, why, and roughly how."""
    first, whole = decision.first, decision.everything
    label = decision.best.option.label
    if first is None and whole.information.value <= 0:
        return f"Nothing: {label} is best whatever the unknowns turn out to be."
    if first is None:
        every = f"Knowing all of them is worth {_nats(whole.information.value)}, {said_dollars(whole)}."
        return f"No single thing: no unknown alone changes the choice of {label}. {every}"
    what, how = what_and_how(decision, first.unknown)
    value = f"Knowing it is worth {_nats(first.information.value)}, {said_dollars(first)} for {label}"
    every = f"all unknowns together, {said_dollars(whole)}"
    return (
        f"{capital(what)} ({first.unknown}). {value}; {every}. {_switch(decision, first)}{_tie(decision)} How: {how}."
    )


def what_and_how(decision: Decision, name: str) -> tuple[str, str]:
    """What an unknown is, and what would settle it."""
    unknown = decision.unknown(name)
    return (LAW_WHAT, LAW_HOW) if unknown is None or name == LAW else (unknown.what, unknown.how)


def said_dollars(worth: Worth) -> str:
    """Dollars that bring as much."""
    if worth.usd is None:
        return "more than ten times the budget would bring"
    return f"as much as {format_money(float(f'{worth.usd:.2g}'))} more"


def said_choice(decision: Decision) -> str:
    """What to choose, and the best split."""
    mixture, label = decision.mixture, decision.best.option.label
    shares = [f"{p:.0%} {decision.choice(name).option.label}" for name, p in mixture.shares.items() if p > 0]
    if len(shares) == 1:
        return f"Choose {label}; no split of the budget does better."
    split = f"The best split, {', '.join(shares)}, makes the loss fall by {_fall(mixture.gain)}"
    return f"Choose {label}. {split}, further in {mixture.better:.0%} of the draws."


def said_plan(decision: Decision) -> str:
    """The run without the budget."""
    plan, start = decision.plan, decision.baseline
    given = f" for {format_money(plan.usd)}" if plan.usd is not None else ""
    limit = ""
    if plan.tokens_available is not None:
        limit = f", {format_count(plan.tokens_available)} of them distinct ({format_ratio(start.epochs.median)} passes)"
    sizes = f"N = {format_count(start.params.median)} on {format_count(start.tokens.median)} tokens{limit}"
    return f"{start.flops.median:.2e} FLOP{given}, {sizes}".replace("e+", "e")


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def _tie(decision: Decision) -> str:
    """Another unknown whose worth the draws cannot tell from the first one's."""
    first, *rest = (worth.information for worth in decision.worths)
    if not rest or rest[0].value < first.value - TIED * (first.error**2 + rest[0].error ** 2) ** 0.5:
        return ""
    return f" Knowing {decision.worths[1].unknown} is worth as much."


def _switch(decision: Decision, worth: Worth) -> str:
    unknown = decision.unknown(worth.unknown)
    if worth.switch is not None and unknown is not None:
        value, below, above = worth.switch
        names = [decision.choice(name).option.label for name in (below, above)]
        return f"Below {unknown.said(value)} {names[0]} is best, above it {names[1]}."
    swing = next((s for s in decision.tornado if s.unknown == worth.unknown), None)
    if swing is None or not swing.flips:
        return "The choice turns at its ends."
    names = [decision.choice(name).option.label for name in swing.best]
    return f"At {swing.said[0]} {names[0]} is best, at {swing.said[1]} {names[1]}."


def _more_compute(choice: Choice, decision: Decision) -> tuple[str, str]:
    start = decision.baseline
    sizes = " and ".join(
        f"{symbol} from {format_count(before.median)} to {format_count(after.median)}"
        for symbol, before, after in (("N", start.params, choice.params), ("D", start.tokens, choice.tokens))
    )
    again = ""
    if choice.epochs.median > SEEN_AGAIN:
        passes, planned = format_ratio(choice.epochs.median), format_ratio(start.epochs.median)
        again = f", tokens are seen {passes} times instead of {planned}"
    multiple = choice.flops.median / start.flops.median
    served = choice.params.median / start.params.median
    improves = f"The loss falls by {_fall(choice.gain)}: {format_ratio(multiple)}× the compute, {sizes}."
    stays = (
        f"An answer costs {format_ratio(served)}× as much to serve{again}, and what a FLOP or a token is worth stays;"
    )
    return improves, f"{stays} {_doubling(choice)}."


def _progress(choice: Choice, _decision: Decision) -> tuple[str, str]:
    works = f"The same compute works like {_times(choice.worth)} of it"
    little = f"In {choice.little:.0%} of the draws that is worth less than 5 % more compute"
    return (
        f"{works}, so the loss falls by {_fall(choice.gain)} at about the same cost to serve.",
        f"{little}, and the amount of compute and what the data hold stay; {_doubling(choice)}.",
    )


def _data_gain(choice: Choice, _decision: Decision) -> tuple[str, str]:
    why = f"in {choice.little:.0%} of the draws it is worth less than 5 % more compute"
    if choice.unused > 0:
        why = f"in {choice.unused:.0%} of the draws the filter would leave too few tokens and goes unused"
    worth = f"A token is worth {_times(choice.worth)} of today's"
    return (
        f"{worth}, so the loss falls by {_fall(choice.gain)} on text like that which is kept.",
        f"What the kept text lacks does not improve, and {why}; {_doubling(choice)}.",
    )


def _tokens(choice: Choice, decision: Decision) -> tuple[str, str]:
    start, have = decision.baseline, decision.plan.tokens_available
    if start.limited == 0 or have is None:
        enough = "no limit of distinct tokens is given" if have is None else f"{format_count(have)} are at hand"
        return (
            f"Nothing: the run sees {format_count(start.tokens.median)} tokens, once each, and {enough}.",
            "Loss, size and cost to serve stay; more tokens count once some would be repeated.",
        )
    more = f"Distinct tokens go from {format_count(have)} to {_range(choice.unique, format_count)}"
    seen = f"a token is seen {format_ratio(choice.epochs.median)} times instead of {format_ratio(start.epochs.median)}"
    return (
        f"{more}, so the loss falls by {_fall(choice.gain)}: {seen}.",
        f"Compute and method stay, and once nothing is repeated more tokens add nothing; {_doubling(choice)}.",
    )


def _inference(choice: Choice, _decision: Decision) -> tuple[str, str]:
    as_though = f"Answers improve as though training had {_times(choice.worth)} of the compute"
    measured = "the exchange must be measured on your own tasks"
    return (
        f"{as_though}, where thinking longer helps at all: as much as {_fall(choice.gain)} of loss.",
        f"The loss itself does not fall, answers take longer and cost more, and {measured}.",
    )


_SENTENCES: dict[str, Callable[[Choice, Decision], tuple[str, str]]] = {
    "flops": _more_compute,
    "progress": _progress,
    "data_gain": _data_gain,
    "unique_tokens": _tokens,
    "inference": _inference,
    "compute_gain": _progress,
}


def _doubling(choice: Choice) -> str:
    return f"twice the sum brings {format_ratio(choice.next_doubling)}× as much"


def _fall(gain: Spread) -> str:
    return f"{gain.mean:.4f} [{gain.low:.4f}, {gain.high:.4f}]"


def _times(value: Spread) -> str:
    return _range(value, lambda number: f"{format_ratio(number)}×")


def _range(value: Spread, show: Callable[[float], str]) -> str:
    return f"{show(value.median)} [{show(value.low)}, {show(value.high)}]"


def _nats(value: float) -> str:
    return f"{value:.2g} nats a token"
