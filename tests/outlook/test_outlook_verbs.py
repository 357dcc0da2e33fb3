"""``isoflop outlook`` at the door: JSON alone on stdout, tables for people, charts, and refusals that help."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from isoflop.outlook import shipped
from isoflop.report.figures import specification
from isoflop.report.outlook import CHARTS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    years = np.sort(rng.uniform(2010, 2025, 60))
    values = 10 ** (18 + 0.6 * (years - 2010) + rng.normal(0, 0.3, 60))
    rows = [f"{int(y)}-{int(y % 1 * 12) + 1:02d},{v:.3e}" for y, v in zip(years, values, strict=True)]
    path = tmp_path / "models.csv"
    path.write_text("published,flops\n" + "\n".join(rows) + "\n,1e20\n")
    return path


def test_a_trend_is_json_alone_on_stdout_and_remarks_go_elsewhere(outlook: Run, table: Path) -> None:
    code, out, err = outlook(
        "trend", table, "--column", "flops", "--date", "published", "--at", "2030", "--until", "1e30", "--json"
    )
    answer = json.loads(out)
    assert code == 0
    assert answer["overall"]["low"] < 10**0.6 < answer["overall"]["high"]
    assert answer["at"][0]["low"] < 10**30 < answer["at"][0]["high"]
    assert answer["until"][0]["low"] < 2030 < answer["until"][0]["high"]
    assert answer["backtest"][2]["trend"] < answer["backtest"][2]["last_value"]
    assert "1 of 61 rows lack a date or a value" in err


def test_a_trend_reads_well_and_is_drawn(outlook: Run, table: Path, tmp_path: Path) -> None:
    code, out, _ = outlook(
        "trend", table, "--column", "flops", "--date", "published", "--top", 5, "--figures", tmp_path / "charts"
    )
    assert code == 0
    assert "a year" in out
    assert "last growth" in out
    assert (tmp_path / "charts" / "outlook-trend.png").stat().st_size > 10_000


@pytest.mark.parametrize("verb", ["compute", "cost", "data", "limits"])
def test_every_shipped_outlook_answers_in_json_and_in_words(outlook: Run, verb: str) -> None:
    code, out, _ = outlook(verb, "--draws", 2000, "--json")
    assert code == 0
    assert isinstance(json.loads(out), dict)
    code, out, _ = outlook(verb, "--draws", 2000)
    assert code == 0
    assert "[" in out


def test_a_shipped_outlook_is_drawn(outlook: Run, tmp_path: Path) -> None:
    assert outlook("limits", "--draws", 2000, "--figures", tmp_path)[0] == 0
    assert (tmp_path / "outlook-limits.png").stat().st_size > 10_000


@pytest.mark.parametrize("verb", sorted(CHARTS))
def test_a_chart_states_what_was_found_and_holds_its_data(verb: str) -> None:
    drawn = specification(CHARTS[verb](getattr(shipped, f"{verb}_outlook")(draws=2000)))
    assert any(digit in " ".join(drawn["title"]["text"]) for digit in "0123456789")
    assert sum(len(rows) for rows in drawn["datasets"].values()) > 4


def test_a_line_that_never_gets_there_is_drawn_all_the_same() -> None:
    made = shipped.compute_outlook(draws=2000, values=(1e27, 1e300), growth=(1.0001, 3.0))
    assert np.isinf(made.compute.crossings[-1].typical.high)
    assert specification(CHARTS["compute"](made))["layer"]


def test_what_costs_more_than_ever_is_asked_with_slower_growth(outlook: Run) -> None:
    dates = [
        json.loads(outlook("cost", "--value", "$10B", "--as-of", "2026", "--json", *more)[1])["bases"][0]["crossings"]
        for more in ((), ("--growth", "1.5..2"))
    ]
    assert dates[1][0]["largest"]["middle"] > dates[0][0]["largest"]["middle"] + 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compute", "--growth", "0.5"), "one factor a year above 1"),
        (("compute", "--as-of", "soon"), "no date"),
        (("cost", "--gross-margin", "1.5"), "--gross-margin 1.5 is not allowed"),
        (("limits", "--year", "1900"), "--year 1900 is not allowed"),
        (("data", "--draws", "3"), "--draws 3 is not allowed"),
    ],
)
def test_bad_dials_are_refused_with_what_is_allowed(outlook: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = outlook(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_a_table_that_cannot_be_a_trend_is_refused(outlook: Run, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("when,x\n2020,1\n2021,2\n")
    code, _, err = outlook("trend", path, "--column", "x", "--date", "when")
    assert code == 2
    assert "two points fix a line" in err
    assert outlook("trend", path, "--column", "x", "--date", "day")[0] == 2
