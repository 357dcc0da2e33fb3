from __future__ import annotations

import json
import math
import re
from typing import Any

import altair as alt
import ladder_sample as sample
import polars as pl
import pytest
import vl_convert

from isoflop import report
from isoflop.errors import BadInput
from isoflop.report import grammar, theme
from isoflop.units import format_count

KINDS = ("loss_curves", "ladder_with_law", "forecast_vs_measured", "isoflop_curves", "residuals")


def rows(chart: alt.LayerChart) -> list[dict[str, Any]]:
    return [row for values in report.specification(chart)["datasets"].values() for row in values]


def drawing(chart: alt.LayerChart) -> str:
    return vl_convert.vegalite_to_svg(report.specification(chart), allowed_base_urls=[])


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_says_its_title_and_its_units(charts: dict[str, alt.LayerChart], kind: str) -> None:
    text = drawing(charts[kind])
    title = report.specification(charts[kind])["title"]["text"]
    assert all(line in text for line in title)
    unit = "Loss above the law (%)" if kind == "residuals" else "Loss (nats per token)"
    assert unit in text
    assert "NaN" not in text
    assert "undefined" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_tells_a_screen_reader_its_finding(charts: dict[str, alt.LayerChart], kind: str) -> None:
    spec = report.specification(charts[kind])
    assert spec["description"].startswith(" ".join(spec["title"]["text"]))


@pytest.mark.parametrize("kind", KINDS)
def test_no_chart_names_a_colour_so_that_the_theme_can_change(charts: dict[str, alt.LayerChart], kind: str) -> None:
    spec = report.specification(charts[kind]) | {"config": {}}
    assert "#" not in json.dumps(spec)


def test_every_run_of_the_ladder_is_in_the_specification(charts: dict[str, alt.LayerChart]) -> None:
    drawn = {(row["params"], row["tokens"], row["loss"]) for row in rows(charts["ladder_with_law"])}
    for run in sample.runs().iter_rows(named=True):
        assert (run["params"], run["tokens"], float(f"{run['loss']:.6g}")) in drawn


def test_the_target_is_drawn_as_forecast_and_as_measurement(charts: dict[str, alt.LayerChart]) -> None:
    aims = [row for row in rows(charts["ladder_with_law"]) if row["params"] == sample.TARGET[0] and "what" in row]
    assert {row["what"]: round(row["loss"], 3) for row in aims} == {
        "forecast with interval": round(sample.law(*sample.TARGET), 3),
        "measured afterwards": 2.0,
    }


def test_a_target_not_trained_yet_shows_no_measurement() -> None:
    chart = report.ladder_with_law(sample.runs(), sample.law_lines(), sample.target(), title="Before training")
    assert ">measured afterwards<" not in drawing(chart)
    assert ">forecast with interval<" in drawing(chart)


def test_branches_of_one_trunk_are_lines_of_their_own() -> None:
    chart = report.loss_curves(sample.curves(), title="Curves")
    lines = 6 * (1 + 4)  # each trunk runs on unbroken, and each of its four branches leaves it
    assert drawing(chart).count('aria-roledescription="line mark"') == lines


def test_curves_are_thinned_but_keep_their_ends() -> None:
    curves = sample.curves()
    drawn = rows(report.loss_curves(curves, title="Curves"))
    assert len(drawn) < len(curves) / 3
    for trunk in curves["trunk"].unique():
        last = curves.filter(pl.col("trunk") == trunk)["tokens"].max()
        assert max(row["tokens"] for row in drawn if row["trunk"] == trunk) == last


def test_a_curve_leaves_out_step_zero_and_diverged_losses() -> None:
    curves = pl.DataFrame(
        {
            "trunk": ["a"] * 4,
            "params": [10_000] * 4,
            "tokens": [0, 1000, 2000, 3000],
            "loss": [5.5, 4.0, math.nan, 3.0],
            "phase": ["trunk"] * 4,
        }
    )
    assert [row["tokens"] for row in rows(report.loss_curves(curves, title="Curves"))] == [1000, 3000]


def test_a_forecast_states_its_error_and_whether_it_held(charts: dict[str, alt.LayerChart]) -> None:
    text = drawing(charts["forecast_vs_measured"])
    assert "error −0.60 %" in text  # measured 0.6 % above the forecast
    assert "error +1.11 %" in text
    assert "not trained yet" in text
    whats = {row["label"]: row["what"] for row in rows(charts["forecast_vs_measured"]) if "heading" in row}
    assert whats == {
        "n163840 from smaller": "measured",
        "n262144 from smaller": "measured",
        "n401408 from smaller": "missed",
        "target": "forecast",
    }


def test_a_single_forecast_not_trained_yet_can_be_drawn() -> None:
    chart = report.forecast_vs_measured(sample.forecasts().filter(pl.col("label") == "target"), title="Before")
    assert "role-legend" not in drawing(chart)


def test_optima_are_joined_from_the_smallest_to_the_largest_budget(charts: dict[str, alt.LayerChart]) -> None:
    _, optima = sample.valleys()
    shown = [row for row in rows(charts["isoflop_curves"]) if "low" not in row]
    assert [row["flops"] for row in shown] == optima["flops"].to_list()


def test_a_legend_of_thirty_sizes_names_a_few_round_ones() -> None:
    sizes = [10_000 * 1.3**i for i in range(30)]
    runs = pl.DataFrame({"params": sizes, "tokens": sizes, "flops": sizes, "residual_percent": [0.5] * 30})
    legend = drawing(report.residuals(runs, title="Thirty sizes"))
    labels = re.findall(r'role-legend-label"[^>]*><text[^>]*>([^<]*)<', legend)
    assert 3 <= len(labels) <= 6
    assert all(re.fullmatch(r"[123457]0*[kMB]", label) for label in labels)


def test_figures_carry_no_column_that_they_do_not_draw() -> None:
    runs = sample.runs().with_columns(provenance=pl.lit("/home/alice/secret.csv"))
    chart = report.residuals(runs, title="Residuals")
    assert "alice" not in json.dumps(report.specification(chart))


@pytest.mark.parametrize("value", [1.3e9, 2.6e9, 25_088, 401_408, 12e6, 7e10, 1.4e12, 999.0, 1.274e15, 2.17e16])
def test_charts_write_counts_as_the_rest_of_isoflop_does(value: float) -> None:
    spec = {
        "data": {"values": [{"v": value}]},
        "transform": [{"calculate": theme.COUNT.format(v="datum.v"), "as": "text"}],
        "mark": "text",
        "encoding": {"text": {"field": "text"}},
    }
    assert f">{format_count(value)}</text>" in vl_convert.vegalite_to_svg(spec)


def test_charts_write_compute_in_powers_of_ten() -> None:
    runs = pl.DataFrame({"params": [1e9, 2e9], "tokens": [1e9, 2e9], "flops": [6e21, 9e23], "residual_percent": [1, 2]})
    text = drawing(report.residuals(runs, title="Frontier"))
    assert ">1e22<" in text
    assert ">2B<" in text


@pytest.mark.parametrize(("low", "high"), [(1.0, 2.0), (1.0, 30.0), (3e3, 3e7), (1e15, 1e29), (2.5e4, 4e5)])
def test_a_logarithmic_axis_has_between_two_and_ten_ticks_inside_it(low: float, high: float) -> None:
    ticks = grammar.tick_values(low, high)
    if math.log10(high / low) >= 0.45:
        assert 2 <= len(ticks) <= 10
    assert all(low <= tick <= high for tick in ticks)


def test_a_missing_column_is_named_with_the_nearest_one() -> None:
    with pytest.raises(BadInput, match=r"residuals has no column 'flops'.*Did you mean 'flop'"):
        report.residuals(sample.runs().rename({"flops": "flop"}), title="Residuals")


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, None])
def test_a_value_that_a_logarithm_cannot_show_is_refused(bad: float | None) -> None:
    runs = sample.runs().with_columns(flops=pl.Series([bad] + [1e12] * 23, dtype=pl.Float64))
    with pytest.raises(BadInput, match="1 of 24 values"):
        report.residuals(runs, title="Residuals")


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(BadInput, match="no rows"):
        report.residuals(sample.runs().head(0), title="Residuals")
