"""The pictures of a diagnosis: one for each kind of finding, titled with what it found."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import numpy as np

from isoflop.fitting.diagnostics import Diagnosis
from isoflop.fitting.diagnostics.profiles import Profile, threshold
from isoflop.report import theme
from isoflop.report.grammar import Rows, data, finish, log_scale, tick_values, x_log, y_log
from isoflop.units import format_count

Chart = alt.TopLevelMixin
PANEL_WIDTH, PANEL_HEIGHT = 278, 150
MOST_BARS = 12
LONGEST = 300  # characters of a subtitle
PLAIN = (
    "abs(datum.value) > 0 && abs(datum.value) < 1e-3 ? format(datum.value, '.1~e') : "
    f"abs(datum.value) < 1000 ? format(datum.value, '.4~r') : {theme.COUNT.format(v='datum.value')}"
)
RUN, OUTLIER = "run", "outlier"
LOWER, UPPER = "family", "worse family"
HEADINGS = {
    "residuals": "What the law leaves unexplained",
    "spread": "How far runs lie from the law",
    "influence": "The runs that move the forecast most",
    "profiles": "What the runs say about each parameter",
    "directions": "Which parameters can move together unnoticed",
    "support": "Where the runs are, and where the target",
    "replicates": "What a change of seed does",
}


def diagnosis_figures(diagnosis: Diagnosis) -> dict[str, Chart]:
    """Figure name -> chart, for every figure that these runs allow."""
    makers: dict[str, Callable[[Diagnosis], Chart | None]] = {
        "support": support_chart,
        "residuals": residual_panels,
        "spread": spread_chart,
        "influence": influence_chart,
        "profiles": profile_panels,
        "directions": direction_chart,
        "replicates": replicate_chart,
    }
    made = {name: make(diagnosis) for name, make in makers.items()}
    return {name: chart for name, chart in made.items() if chart is not None}


def _said(diagnosis: Diagnosis, figure: str, topics: Sequence[str] = ()) -> str:
    """The gravest findings of a figure, as its subtitle: two, unless the first is long."""
    found = [f.message for f in diagnosis.findings if f.figure == figure and (not topics or f.topic in topics)]
    return " ".join(found[: 2 if len(found) > 1 and len(found[0]) + len(found[1]) < LONGEST else 1])


def _in_percent(log_ratio: float) -> float:
    return float(f"{100 * math.expm1(log_ratio):.5g}")


def _run_rows(diagnosis: Diagnosis) -> Rows:
    """One row per run with its residual and whether it is named as an outlier."""
    runs = diagnosis.runs
    columns = (runs.params, runs.tokens, runs.tokens / runs.params, runs.flops, diagnosis.fit.residuals, diagnosis.z)
    return [
        {
            "row": i + 1,
            "N": float(n),
            "D": float(d),
            "ratio": float(ratio),
            "C": float(c),
            "residual": _in_percent(r),
            "what": OUTLIER if abs(z) > diagnosis.critical else RUN,
            "words": f"{format_count(n)} on {format_count(d)}",
        }
        for i, (n, d, ratio, c, r, z) in enumerate(zip(*columns, strict=True))
    ]


TOOLTIP = [
    alt.Tooltip("row:Q", title="Row"),
    alt.Tooltip("words:N", title="Run"),
    alt.Tooltip("residual:Q", title="Residual (%)"),
]


def _by_outlier(rows: Rows) -> dict[str, Any]:
    """Colour and shape of runs and outliers, with a legend where there are both."""
    shown = [name for name in (RUN, OUTLIER) if any(row["what"] == name for row in rows)]
    legend = alt.Legend(title=None) if len(shown) > 1 else None
    colours = {RUN: theme.LIGHT.measured, OUTLIER: theme.LIGHT.missed}
    return {
        "color": alt.Color("what:N", scale=alt.Scale(domain=shown, range=[colours[n] for n in shown]), legend=legend),
        "shape": alt.Shape(
            "what:N", scale=alt.Scale(domain=shown, range=["circle", "cross"][: len(shown)]), legend=legend
        ),
    }


def residual_panels(diagnosis: Diagnosis) -> Chart:
    """Residuals against N, D, D/N and C, four panels with one vertical scale."""
    rows = _run_rows(diagnosis)
    marks = _by_outlier(rows)
    axes = {"N": "Parameters N", "D": "Tokens D", "ratio": "Tokens per parameter D/N", "C": "Compute C (FLOP)"}
    residuals = [row["residual"] for row in rows]
    reach = max(max(map(abs, residuals)) * 1.08, 1e-3)
    y = alt.Y(
        "residual:Q", scale=alt.Scale(domain=[-reach, reach]), axis=alt.Axis(title="Above the law (%)", tickCount=5)
    )
    panels = [_residual_panel(rows, name, title, y, marks) for name, title in axes.items()]
    return _panels(panels, diagnosis, "residuals", columns=2)


def _residual_panel(rows: Rows, name: str, title: str, y: alt.Y, marks: dict[str, Any]) -> alt.LayerChart:
    x = _x(name, title, [row[name] for row in rows])
    zero = alt.Chart(data([{"zero": 0.0}])).mark_rule(style="reference").encode(y=alt.Y("zero:Q"))
    dots = alt.Chart(data(rows)).mark_point(style="halo", size=34).encode(x=x, y=y, tooltip=TOOLTIP, **marks)
    return alt.LayerChart(layer=[zero, dots]).properties(width=PANEL_WIDTH, height=PANEL_HEIGHT)


def _x(name: str, title: str, numbers: Sequence[float]) -> alt.X:
    """A logarithmic axis with few ticks, for a narrow panel."""
    scale, ticks = log_scale(numbers)
    shown = ticks[:: math.ceil(len(ticks) / 5)] if ticks else []
    expression = (theme.FLOPS if name == "C" else theme.COUNT).format(v="datum.value")
    options: dict[str, Any] = {"values": shown} if shown else {"tickCount": 4}
    return alt.X(f"{name}:Q", scale=scale, axis=alt.Axis(title=title, labelExpr=expression, **options))


def spread_chart(diagnosis: Diagnosis) -> Chart | None:
    """How many runs lie how far from the law, with the limits beyond which one is named."""
    if not np.isfinite(diagnosis.z).any():
        return None
    rows = _run_rows(diagnosis)
    if diagnosis.families is not None and diagnosis.families.two:
        rows = [
            row | {"what": UPPER if p > 0.5 else LOWER} for row, p in zip(rows, diagnosis.families.upper, strict=True)
        ]
    shown = [name for name in (RUN, OUTLIER, LOWER, UPPER) if any(row["what"] == name for row in rows)]
    colours = dict(zip((RUN, OUTLIER, LOWER, UPPER), (theme.LIGHT.measured, theme.LIGHT.missed) * 2, strict=True))
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=shown, range=[colours[name] for name in shown]),
        legend=alt.Legend(title=None, symbolType="square") if len(shown) > 1 else None,
    )
    x = alt.X("residual:Q", bin=alt.Bin(maxbins=50), axis=alt.Axis(title="Loss above the law (%)", tickCount=9))
    y = alt.Y("count():Q", axis=alt.Axis(title="Runs", tickCount=5, tickMinStep=1))
    bars = alt.Chart(data(rows)).mark_bar().encode(x=x, y=y, color=colour)
    two = diagnosis.families is not None and diagnosis.families.two
    limits = [] if two else _limits(diagnosis)
    rules = alt.Chart(data(limits)).mark_rule(style="reference", strokeDash=[5, 4]).encode(x="at:Q")
    said = _said(diagnosis, "spread", ("families",) if two else ())
    return finish([bars, rules] if limits else [bars], HEADINGS["spread"], said, height=240)


def _limits(diagnosis: Diagnosis) -> Rows:
    """The residuals, in percent, beyond which a run of ordinary leverage is named."""
    known = np.isfinite(diagnosis.z) & (np.abs(diagnosis.z) > 0.1)
    if not known.any():
        return []
    middle = float(np.median(diagnosis.fit.residuals))
    unit = float(np.median((diagnosis.fit.residuals[known] - middle) / diagnosis.z[known]))
    return [{"at": _in_percent(middle + side * unit * diagnosis.critical)} for side in (-1, 1)]


def influence_chart(diagnosis: Diagnosis) -> Chart | None:
    """What leaving out each of the runs that matter most does to the forecast at the target."""
    moved = diagnosis.influence.forecast
    known = np.flatnonzero(np.isfinite(moved) & (moved != 0))
    if not len(known):
        return None
    top = known[np.argsort(-np.abs(moved[known]))][:MOST_BARS]
    words = _run_rows(diagnosis)
    rows = [
        {
            "label": f"row {row + 1} ({words[row]['words']})",
            "change": _in_percent(moved[row]),
            "leverage": float(f"{diagnosis.influence.leverage[row]:.3g}"),
        }
        for row in top
    ]
    axis = alt.Axis(title="Change of the forecast without this run (%)", tickCount=7)
    y = alt.Y("label:N", sort=[str(row["label"]) for row in rows], axis=alt.Axis(title=None, labelLimit=260))
    tips = [alt.Tooltip("label:N", title="Run"), alt.Tooltip("change:Q", title="Change (%)"), "leverage:Q"]
    bars = (
        alt.Chart(data(rows))
        .mark_bar(style="measured", height={"band": 0.7})
        .encode(x=alt.X("change:Q", axis=axis), y=y, tooltip=tips)
    )
    layers = [bars]
    if diagnosis.influence.error > 0:
        edges = [{"at": _in_percent(side * diagnosis.influence.error)} for side in (-1, 1)]
        layers.append(alt.Chart(data(edges)).mark_rule(style="reference", strokeDash=[5, 4]).encode(x="at:Q"))
    said = f"{_said(diagnosis, 'influence')} Dashed: one standard error of the forecast."
    return finish(layers, HEADINGS["influence"], said, height=26 * len(rows) + 10)


def profile_panels(diagnosis: Diagnosis) -> Chart | None:
    """The profile likelihood of each parameter with its interval."""
    if not diagnosis.profiles:
        return None
    enough = threshold(diagnosis.fit.level)
    panels = [_profile_panel(profile, enough) for profile in diagnosis.profiles]
    return _panels(panels, diagnosis, "profiles", columns=3)


def _profile_panel(profile: Profile, enough: float) -> alt.LayerChart:
    top = 4 * enough
    kept = np.isfinite(profile.statistic) & (profile.statistic <= 3 * top) & np.isfinite(profile.values)
    rows = [
        {"value": float(f"{v:.6g}"), "rise": float(f"{min(s, 3 * top):.4g}")}
        for v, s in zip(profile.values[kept], profile.statistic[kept], strict=True)
    ]
    numbers = [row["value"] for row in rows]
    logarithmic = min(numbers) > 0 and max(numbers) / min(numbers) > 3
    ticks = tick_values(min(numbers), max(numbers)) if logarithmic else []
    options: dict[str, Any] = {"values": ticks[:: math.ceil(len(ticks) / 4)]} if ticks else {"tickCount": 4}
    scale = alt.Scale(type="log" if logarithmic else "linear", zero=False, nice=False)
    label = alt.Axis(title=profile.name, labelExpr=PLAIN, **options)
    x = alt.X("value:Q", scale=scale, axis=label)
    y = alt.Y("rise:Q", scale=alt.Scale(domain=[0, top]), axis=alt.Axis(title="Rise (χ²)", tickCount=4))
    line = alt.Chart(data(rows)).mark_line(style="measured", clip=True).encode(x=x, y=y)
    limit = alt.Chart(data([{"rise": enough}])).mark_rule(style="reference", strokeDash=[5, 4]).encode(y=y)
    low, high = max(profile.low, min(numbers)), min(profile.high, max(numbers))
    band = alt.Chart(data([{"value": low, "to": high}])).mark_rect(style=["band", "measured"], opacity=0.15)
    return alt.LayerChart(layer=[band.encode(x=x, x2="to:Q"), limit, line]).properties(width=170, height=130)


def _error_in_words(error: float) -> str:
    """A standard error of a logarithm: ``2 %``, ``×1.3`` or unbounded."""
    if error >= 20:
        return "unbounded"
    return f"{100 * error:.2g} %" if error < 0.05 else f"×{math.exp(error):.3g}"


def direction_chart(diagnosis: Diagnosis) -> Chart:
    """The eigenvectors in the logarithms of the parameters, flattest first, with the standard error along each."""
    rows = []
    for place, direction in enumerate(diagnosis.directions):
        label = f"{place + 1}: one standard error {_error_in_words(direction.error)}"
        rows += [
            {
                "direction": label,
                "parameter": name,
                "weight": round(weight, 3),
                "text": f"{weight:+.2f}".replace("-", "−") if abs(weight) >= 0.005 else "0",
            }
            for name, weight in direction.weights.items()
        ]
    x = alt.X(
        "parameter:N", sort=list(diagnosis.fit.form.symbols), axis=alt.Axis(title=None, labelAngle=0, orient="top")
    )
    y = alt.Y("direction:N", sort=None, axis=alt.Axis(title=None, labelLimit=260))
    colour = alt.Color("weight:Q", scale=alt.Scale(scheme="purpleorange", domain=[-1, 1]), legend=None)
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    strong = "abs(datum.weight) > 0.6"
    ink = alt.condition(strong, alt.value("#ffffff"), alt.value(theme.LIGHT.ink))
    layers = [base.mark_rect().encode(color=colour), base.mark_text(fontSize=12).encode(text="text:N", color=ink)]
    subtitle = f"{_said(diagnosis, 'directions')} Cells: share of each parameter's logarithm in the direction."
    return finish(layers, HEADINGS["directions"], subtitle, height=34 * len(diagnosis.directions))


def support_chart(diagnosis: Diagnosis) -> Chart:
    """Every run by N and D, and the target."""
    rows = _run_rows(diagnosis)
    target = [{"N": float(diagnosis.target["N"]), "D": float(diagnosis.target["D"]), "words": "target"}]
    x = x_log("N", [row["N"] for row in rows + target], "Parameters N")
    y = y_log("D", [row["D"] for row in rows + target], "Training tokens D")
    for axis in (x, y):
        axis["axis"]["labelExpr"] = theme.COUNT.format(v="datum.value")
    dots = (
        alt.Chart(data(rows)).mark_point(style="halo", size=44).encode(x=x, y=y, tooltip=TOOLTIP, **_by_outlier(rows))
    )
    aim = alt.Chart(data(target)).encode(x=x, y=y)
    layers = [
        dots,
        aim.mark_point(style=["halo", "forecast"], shape="diamond", size=120),
        aim.mark_text(style="heading", align="right", dx=-11, dy=1).encode(text="words:N"),
    ]
    return finish(layers, HEADINGS["support"], _said(diagnosis, "support"))


def replicate_chart(diagnosis: Diagnosis) -> Chart | None:
    """Each cell of replicates about its own mean."""
    if diagnosis.noise is None:
        return None
    words, loss = _run_rows(diagnosis), np.log(diagnosis.runs.loss)
    rows = []
    for cell in diagnosis.noise.cells[:40]:
        mean = float(loss[list(cell)].mean())
        rows += [
            {"cell": words[cell[0]]["words"], "away": _in_percent(loss[row] - mean), "row": row + 1} for row in cell
        ]
    y = alt.Y("cell:N", sort=None, axis=alt.Axis(title=None, labelLimit=200))
    x = alt.X("away:Q", axis=alt.Axis(title="Loss about the mean of its cell (%)", tickCount=7))
    zero = alt.Chart(data([{"zero": 0.0}])).mark_rule(style="reference").encode(x=alt.X("zero:Q"))
    dots = alt.Chart(data(rows)).mark_point(style=["halo", "measured"]).encode(x=x, y=y, tooltip=["row:Q", "away:Q"])
    height = max(22 * len({row["cell"] for row in rows}), 60)
    return finish([zero, dots], HEADINGS["replicates"], _said(diagnosis, "replicates"), height=height)


def _panels(panels: Sequence[alt.LayerChart], diagnosis: Diagnosis, figure: str, columns: int) -> Chart:
    """Panels side by side under one title, in the house's look."""
    said = _said(diagnosis, figure)
    title = alt.TitleParams(text=[HEADINGS[figure]], subtitle=textwrap.wrap(said, 110))
    whole = alt.ConcatChart(concat=list(panels), columns=columns, spacing=22).properties(
        title=title, description=f"{HEADINGS[figure]}. {said}"
    )
    themed: Chart = whole.configure(**theme.config(theme.LIGHT)).resolve_scale(color="shared", shape="shared")
    return themed
