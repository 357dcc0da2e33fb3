"""The answers of ``isoflop outlook`` as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.cli.output import count_of, number, percent, print_table, span
from isoflop.outlook.dates import written
from isoflop.units import format_count, format_flops, format_money

if TYPE_CHECKING:
    from isoflop.outlook.answers import Basis, ComputeOutlook, CostOutlook, DataOutlook, LimitsOutlook
    from isoflop.outlook.spread import Spread
    from isoflop.outlook.trend import Ahead, GrowthTrend, Reached


def show_trend(made: GrowthTrend, values: Sequence[Ahead], reached: Sequence[Reached]) -> None:
    """Stretches, breaks, forecasts and the backtest."""
    level = percent(made.level)
    one = made.overall
    rows = [
        [written(s.start), written(s.end), str(s.rows), f"×{s.factor:.2f}", f"[{s.low:.2f}, {s.high:.2f}]"]
        for s in made.stretches
    ]
    notes = [
        (
            f"One line through all: ×{one.factor:.2f} a year [{one.low:.2f}, {one.high:.2f}]; rows drawn again "
            f"[{made.resampled[0]:.2f}, {made.resampled[1]:.2f}]; without any one row {made.held.low:.2f} to "
            f"{made.held.high:.2f} (most moved by {number(made.held.culprit_value, 3)}, {written(made.held.culprit)})."
        ),
        *(
            f"Growth changed in {written(b.date)} [{written(b.low)}, {written(b.high)}]; by chance alone: p = "
            f"{b.p_value:.3f}."
            for b in made.bends.breaks
        ),
    ]
    if made.bends.next_p is not None:
        notes.append(f"No {'further ' if made.bends.breaks else ''}change of growth: p = {made.bends.next_p:.2f}.")
    print_table(
        f"{made.series.column}: {count_of(len(made.series), 'row')}, ×{made.stretches[-1].factor:.2f} a year",
        ["from", "to", "rows>", "a year>", f"{level}>"],
        rows,
        notes,
    )
    if values:
        print_table(
            "\nForecast",
            ["date", "line>", f"{level} of the line>", f"{level} of a row>"],
            [
                [written(v.year), number(v.value, 3), span(v.low, v.high, 3), span(v.row_low, v.row_high, 3)]
                for v in values
            ],
        )
    if reached:
        print_table(
            "\nReached",
            ["value>", "when", level, "ever>"],
            [
                [number(r.value, 3), written(r.year), f"{written(r.low)} to {written(r.high)}", f"{r.ever:.0%}"]
                for r in reached
            ],
        )
    _show_backtest(made)


def _show_backtest(made: GrowthTrend) -> None:
    rows = [
        [
            f"{s.start:g} to {s.end:g}",
            str(s.rows),
            f"{s.trend:.2f}",
            f"{s.last_value:.2f}",
            f"{s.last_growth:.2f}",
            f"{s.coverage:.0%}",
        ]
        for s in made.tried.scores
    ]
    if rows:
        print_table(
            "\nTried on its past: mean error in orders of magnitude",
            ["years ahead", "rows>", "trend>", "last value>", "last growth>", f"inside {percent(made.level)}>"],
            rows,
            made.notes,
        )
    else:
        print_table("", [], [], made.notes)


def show_compute(made: ComputeOutlook) -> None:
    """Growth, the frontier now, and years of crossing."""
    _show_basis(made.compute, made.as_of, _flops, "Training compute", made.notes)


def show_cost(made: CostOutlook) -> None:
    """Three bases, ceilings, the gap, who can pay."""
    for basis in made.bases:
        _show_basis(basis, made.as_of, format_money, f"Cost, {basis.name}")
        print()
    print_table(
        "What stands above (reached by the amortised cost of the largest run)",
        ["sum", "$>", "as of", "reached"],
        [[c.name, format_money(c.usd), c.date, _years(c.reached)] for c in made.ceilings],
    )
    gap = made.gap
    print_table(
        f"\nRevenue asked for: {format_money(gap.required_usd)} a year, {format_money(gap.gap_usd)} more than known",
        [],
        [],
        [
            (
                f"Chips {format_money(gap.chips_usd)} × {gap.total_cost:g} for all around them, at a gross margin of "
                f"{gap.gross_margin:.0%}; known revenue {format_money(gap.known_usd)}."
            ),
            "Organisations that had paid, amortised: "
            + ", ".join(f"{row['organisations']} at {row['name']} or more" for row in made.payers)
            + f" (as of {made.payers[0]['date']}).",
            *made.notes,
        ],
    )


def _show_basis(basis: Basis, as_of: float, say: Callable[[float], str], title: str, notes: Sequence[str] = ()) -> None:
    growth, known = basis.growth, basis.largest_known
    print_table(
        f"{title}: ×{growth.factor:.2f} a year [{growth.low:.2f}, {growth.high:.2f}]; {basis.what}",
        ["reaches>", "a typical frontier run", "the largest run"],
        [[say(c.value), _years(c.typical), _years(c.largest)] for c in basis.crossings],
        [
            (
                f"In {written(as_of)}: typical {_range(basis.typical_now, say)}, "
                f"largest {_range(basis.largest_now, say)}. "
                f"Largest known: {known['model']}, {known['date']}, {say(float(str(known['value'])))} within a factor "
                f"{known['within']}. {percent(basis.typical_now.level)} intervals. {growth.source}."
            ),
            *notes,
        ],
    )


def show_data(made: DataOutlook) -> None:
    """Stock, scenarios and ways out."""
    level = percent(made.scenarios[0].meets.level)
    print_table(
        f"Text worth training on, 2024: {_range(made.effective, format_count)} ({percent(made.effective.level)})",
        ["use of text", "tokens in 2024>", "a year>", "meets the stock", "before 2032>"],
        [
            [s.name, format_count(s.used.middle), f"×{s.growth.middle:.2f}", _years(s.meets), f"{s.met_by_2032:.0%}"]
            for s in made.scenarios
        ],
        [
            (
                f"All three, {level}: {made.span[0]:.1f} to {made.span[1]:.1f}. Raw: {_range(made.raw, format_count)} "
                f"tokens ({percent(made.raw.level)})."
            ),
            (
                f"A compute-optimal run on all of it: {_range(made.text_limit_flops, _flops)}. With "
                f"images, video and sound, in 2030: {_range(made.other_media_tokens, format_count)} tokens."
            ),
            *made.notes,
        ],
    )
    print_table(
        "\nWays out",
        ["way", "what…", "worth>"],
        [[w.name, w.what, f"{number(w.value, 3)} {w.unit}".replace(" ×", "×")] for w in made.ways_out],
    )


def show_limits(made: LimitsOutlook) -> None:
    """Each limit with the published one, what binds, and the longest run."""
    rows = [
        [
            limit.name,
            format_flops(limit.flops.middle, 2),
            _bounds(limit.flops.low, limit.flops.high),
            _bounds(*limit.published),
            "–" if limit.binds is None else f"{limit.binds:.0%}",
        ]
        for limit in made.limits
    ]
    level = percent(made.smallest.level)
    print_table(
        f"The largest run of {made.year:g}: {_range(made.smallest, _flops)}",
        ["limit", "median>", f"{level}>", "published, 2030>", "binds>"],
        rows,
        [
            (
                f"On trend, a typical frontier run takes {_range(made.trend_flops, _flops)}; it fits "
                f"in {made.trend_allowed:.0%} of the draws."
            ),
            *made.notes,
        ],
    )
    print_table(
        "\nThe longest run worth starting: 1 / sum of growth rates",
        ["progress counted", "years>", "months>"],
        [[run.counted, f"{run.years:.2f}", f"{12 * run.years:.1f}"] for run in made.longest_runs],
    )


def _years(when: Spread) -> str:
    if when.low == when.high:
        return f"reached by {written(when.middle)}"
    return f"{written(when.middle)} [{written(when.low)}, {written(when.high)}]"


def _range(x: Spread, say: Callable[[float], str]) -> str:
    text = f"{say(x.middle)} [{say(x.low)}, {say(x.high)}]"
    return f"{text.replace(' FLOP', '')} FLOP" if " FLOP" in text else text


def _flops(value: float) -> str:
    return format_flops(value, 2)


def _bounds(low: float, high: float) -> str:
    return f"{low:.1e} to {high:.1e}"


SCREENS: dict[str, Callable[[Any], None]] = {
    "compute": show_compute,
    "cost": show_cost,
    "data": show_data,
    "limits": show_limits,
}
