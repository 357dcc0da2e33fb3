"""The answers of ``isoflop outlook progress``, ``effective``, ``wait`` and ``sampling`` as tables for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.cli.output import number, percent, print_table
from isoflop.outlook.dates import written
from isoflop.units import format_count, format_flops, format_money

if TYPE_CHECKING:
    from isoflop.outlook.accounts import ComputeAccount, DollarAccount, LossAccount, ProgressOutlook
    from isoflop.outlook.effective import EffectiveOutlook
    from isoflop.outlook.spread import Spread
    from isoflop.outlook.survey import Survey
    from isoflop.outlook.waiting import Starts, WaitOutlook

SEEN = 0.005
"""Starts that fewer draws have are not listed."""
CHIPS_OF_A_BOARD = 4


def show_progress(made: ProgressOutlook) -> None:
    """The four accounts, one below the other."""
    _show_compute(made)
    print_table(
        "\nWhat more compute was made of, frontier runs since 2016",
        ["account", "part", "a year>", "90%>", "share>", "90%>"],
        [
            [
                p.account,
                p.name,
                f"×{p.factor:.2f}",
                f"[{p.low:.2f}, {p.high:.2f}]",
                f"{p.share:.0%}",
                f"[{p.share_low:.0%}, {p.share_high:.0%}]",
            ]
            for p in made.of_compute
        ],
    )
    _show_loss(made.loss, percent(made.level))
    months = made.doubling_months
    said = (
        f"Best model of Ho et al. 2024: methods double the worth of data in {months['data']:.2f} months, that of size "
        f"in {months['size'] / 12:.2f} years, that of compute in {months['compute']:.2f} months; the data do not tell "
        "the first two apart."
    )
    _show_dollars(made.dollars, percent(made.level), (said, *made.notes))


def _show_compute(made: ProgressOutlook) -> None:
    account, level = made.compute, percent(made.level)
    print_table(
        f"Effective compute of the frontier, {written(made.since)} to {written(made.to)}: {_times(account.effective)}",
        ["cause", "a year>", f"{level}>", "in all>", "share>", f"{level}>"],
        [
            [
                part.name,
                f"×{year.middle:.2f}",
                f"[{year.low:.2f}, {year.high:.2f}]",
                _factor(part.amount.middle),
                f"{part.share.middle:.0%}",
                _shares(part.share),
            ]
            for part, year in zip(account.parts, account.a_year, strict=True)
        ],
        _compute_notes(account),
    )


def _compute_notes(account: ComputeAccount) -> list[str]:
    share = account.parts[1].share
    notes = [
        (
            f"Half scaling, half innovation? Methods brought half or more in {account.half:.0%} of the draws; their "
            f"share is {share.middle:.0%} {_shares(share)}."
        )
    ]
    if account.scale_dependent:
        notes.append(
            "Methods gain more at scale, so each cause has half of what only both bring together. Had the frontier "
            f"stayed with what methods give small models, their share would be {account.at_small_scale.middle:.0%} "
            f"{_shares(account.at_small_scale)}."
        )
    else:
        notes.append(
            "The gain of methods is taken to be the same at every scale; --scale-dependent takes it not to be."
        )
    return notes


def _show_loss(loss: LossAccount, level: str) -> None:
    runs = [f"{format_count(n)} on {format_count(d)}" for n, d in (loss.first, loss.last)]
    end = loss.loss_last
    print_table(
        f"\nLoss by {loss.law}, {loss.loss_first:.3f} to {end.middle:.3f} [{end.low:.3f}, {end.high:.3f}] {loss.unit}",
        ["cause", "fall>", f"{level}>", "share>", f"{level}>"],
        [
            [
                part.name,
                f"{part.amount.middle:.3f}",
                f"[{part.amount.low:.3f}, {part.amount.high:.3f}]",
                f"{part.share.middle:.0%}",
                _shares(part.share),
            ]
            for part in loss.parts
        ],
        [
            f"From {runs[0]} tokens to {runs[1]} tokens, with {loss.years:.1f} years of methods between.",
            *([f"Outside the data of the law: {'; '.join(loss.outside)}."] if loss.outside else []),
        ],
    )


def _show_dollars(account: DollarAccount, level: str, notes: Sequence[str]) -> None:
    print_table(
        f"\nThe same skill for less: {account.what}, {format_money(account.usd_first)} to "
        f"{format_money(account.usd_last)} in {account.years:.1f} years, ×{account.a_year:.2f} a year",
        ["cause", "in all>", f"{level}>", "share>", f"{level}>"],
        [
            [
                part.name,
                _factor(part.amount.middle),
                _plain(part.amount),
                f"{part.share.middle:.0%}",
                _shares(part.share),
            ]
            for part in account.parts
        ],
        [
            (
                f"Hardware by the growth of FLOP a dollar in frontier runs. By the two rents and peaks it is "
                f"{_listed(account, 1)}, or {_listed(account, CHIPS_OF_A_BOARD)} if the rent of 2019 was that of a "
                f"board of {CHIPS_OF_A_BOARD} chips."
            ),
            *notes,
        ],
    )


def _listed(account: DollarAccount, chips: int) -> str:
    factor = account.by_price / chips
    return f"×{factor:.1f} ({math.log(factor) / math.log(account.factor):.0%})"


def show_effective(made: EffectiveOutlook) -> None:
    """A run in FLOP of the other's methods, and the ratio of the two."""
    level = percent(made.level)
    print_table(
        f"{format_flops(made.flops, 2)} of {written(made.date)} are worth {_flops(made.effective)} with the methods of "
        f"{written(made.against_date)}",
        ["against", "ratio>", f"{level}>"],
        [
            ["compute", _factor(made.compute_ratio), "–"],
            ["methods", _factor(made.gained.middle), _plain(made.gained)],
            ["effective compute", _factor(made.ratio.middle), _plain(made.ratio)],
        ],
        [
            f"Against {format_flops(made.against_flops, 3)} of {written(made.against_date)}.{_methods_share(made)}",
            *(
                [f"The gain of methods grows with compute to the power {made.eta.middle:.2f} {_plain(made.eta)}."]
                if made.eta.middle
                else []
            ),
        ],
    )


def _methods_share(made: EffectiveOutlook) -> str:
    """Nothing where compute and methods pull apart: then neither has a share of the ratio."""
    if not (made.share.low >= 0 and made.share.high <= 1):
        return ""
    return f" Share of methods in the ratio, in logarithms: {made.share.middle:.0%} {_shares(made.share)}."


def show_wait(made: WaitOutlook) -> None:
    """The best start for a fixed finish, for a fixed result, for fixed money; and how starts are distributed."""
    level = percent(made.level)
    print_table(
        f"{_title(made)}: waiting pays in {made.pays:.0%} of the draws",
        ["what is fixed", "what is best", "median>", f"{level}>"],
        _wait_rows(made),
        _wait_notes(made),
    )


def _wait_rows(made: WaitOutlook) -> list[list[str]]:
    """Rows for the finish and the result are left out where nothing but starting now is best."""
    rows = [["the money", "what it buys a month later", f"×{made.bought.middle:.3f}", _plain(made.bought)]]
    if made.soonest_months.high:
        rows[:0] = [
            ["the result", "start, months from now", _month(made.soonest_months.middle), _months(made.soonest_months)],
            ["the result", "months saved to the finish", _month(made.saved_months.middle), _months(made.saved_months)],
        ]
    if made.best_months.high:
        rows[:0] = [
            ["the finish", "start, months from now", _month(made.best_months.middle), _months(made.best_months)],
            ["the finish", "start", written(made.begins.middle), _dates(made.begins)],
            [
                "the finish",
                "worth over starting now",
                f"×{made.better.middle:.2f}" if made.better.middle < 1e3 else _factor(made.better.middle),
                _plain(made.better),
            ],
        ]
    return rows


def _wait_notes(made: WaitOutlook) -> list[str]:
    even = [f"{1 - 1 / x:.1%}" for x in (made.bought.middle, made.bought.low, made.bought.high)]
    growth = ", ".join(f"{kind} ×{made.growth[kind].middle:.2f} a year" for kind in made.counted)
    lost = f"{made.lost_a_month:.1%}"
    return [
        (
            f"Longest run worth starting, 1 / sum of growth{f', less {lost} a month' if made.lost_a_month else ''}: "
            f"{_month(made.longest_months.middle)} months {_months(made.longest_months)}; counted: {growth}."
        ),
        *([_both(made)] if made.best_months.middle else []),
        (
            f"For fixed money, waiting pays while a month of it costs less than {even[0]} [{even[1]}, {even[2]}] of "
            "the run's worth" + (f": at {lost}, in {made.money_pays:.0%} of the draws." if made.lost_a_month else ".")
        ),
        f"Best starts: {'; '.join(_bucket(row) for row in made.starts if row.share >= SEEN)}.",
    ]


def _both(made: WaitOutlook) -> str:
    return (
        f"Begun now it gives {_flops(made.flops)} by the finish, from the best start {_flops(made.effective)}, in "
        "today's terms."
    )


def _title(made: WaitOutlook) -> str:
    what = f"{format_money(made.usd)}" if made.usd is not None else format_flops(made.flops.middle, 2)
    return f"A run of {what} and {made.run_months:.1f} months from {written(made.as_of)}"


def _bucket(row: Starts) -> str:
    if row.high == 0:
        return f"at once {row.share:.0%}"
    when = f"{row.low:g} to {row.high:g} months" if math.isfinite(row.high) else f"more than {row.low:g} months"
    return f"after {when} {row.share:.0%}"


def show_sampling(made: Survey) -> None:
    """Margins, people needed, and what halving costs here and for a law of loss."""
    level = percent(made.level)
    share = made.share is not None
    what = f"a share of {made.share:g}" if share else f"a standard deviation of {made.deviation:g}"

    def said(margin: float) -> str:
        return f"{100 * margin:.2f} points" if share else number(margin, 3)

    print_table(
        f"The error of an average, {what}",
        ["asked>", f"margin, {level}>"],
        [[f"{row.people:,.0f}", f"±{said(row.margin)}"] for row in made.asked],
        [
            *(f"A margin of ±{said(row.margin)} takes {row.people:,.0f} asked." for row in made.needed),
            (
                f"Half the error takes {made.halves:g} times as many: the margin falls as n^−0.5, a straight line on "
                "logarithmic axes."
            ),
            (
                f"The loss of a language model falls the same way, L − E ~ D^−α, more slowly: by {made.law} tokens "
                f"have α = {made.law_exponent:.3f}, and half of what more of them could still save takes "
                f"{made.law_halves:.1f} times as many."
            ),
            *made.notes,
        ],
    )


def _times(x: Spread) -> str:
    return f"{_factor(x.middle)} {_plain(x)}"


def _factor(x: float) -> str:
    return f"×{_count(x)}"


def _plain(x: Spread) -> str:
    return f"[{_count(x.low)}, {_count(x.high)}]"


def _count(x: float) -> str:
    rounded = float(f"{x:.3g}")
    return f"{rounded:,.0f}" if 1e3 <= rounded < 1e7 else number(x, 3)


def _shares(x: Spread) -> str:
    return f"[{x.low:.0%}, {x.high:.0%}]"


def _flops(x: Spread) -> str:
    if x.low == x.high:
        return format_flops(x.middle, 2)
    return f"{x.middle:.1e} [{x.low:.1e}, {x.high:.1e}] FLOP"


def _month(months: float) -> str:
    return f"{months:.1f}" if months < 1200 else "any"


def _months(x: Spread) -> str:
    return f"[{_month(x.low)}, {_month(x.high)}]"


def _dates(x: Spread) -> str:
    return f"[{written(x.low)}, {written(x.high)}]"


PROGRESS_SCREENS: dict[str, Callable[[Any], None]] = {
    "progress": show_progress,
    "effective": show_effective,
    "wait": show_wait,
    "sampling": show_sampling,
}
