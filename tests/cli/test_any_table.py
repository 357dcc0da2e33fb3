"""``isoflop forecast`` and ``fit`` on tables whose columns are not N, D and loss."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from terminal import Isoflop

FORM = ("--form", "E + A/(N*(1 + t*log(P)))**a")
NAMED = ("--variable", "N=num_params", "--variable", "P=parallel_size")


def streams_loss(params: float, streams: float, factor: float) -> float:
    return float(factor * (1.0 + (3e6 / (params * (1 + 0.3 * np.log(streams)))) ** 0.3))


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """Runs of one to four streams in two groups, and eight streams with the loss left open in one row."""
    header = "num_params,parallel_size,text,score"
    rows = [
        (n, p, text, streams_loss(n, p, factor))
        for n in (1e8, 3e8, 1e9, 3e9)
        for p in (1, 2, 4)
        for text, factor in (("code", 1.0), ("prose", 2.0))
    ]
    asked = [(n, 8, text, streams_loss(n, 8, f)) for n in (1e9, 3e9) for text, f in (("code", 1.0), ("prose", 2.0))]
    seen, targets = tmp_path / "seen.csv", tmp_path / "asked.csv"
    seen.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    open_row = ",".join(map(str, asked[0][:3])) + ","
    targets.write_text("\n".join([header, open_row, *(",".join(map(str, row)) for row in asked[1:])]) + "\n")
    return seen, targets


def test_rows_of_any_table_are_forecast_by_group_and_scored_where_they_can_be(
    isoflop: Isoflop, tables: tuple[Path, Path]
) -> None:
    seen, targets = tables
    arguments = ("forecast", seen, "--targets", targets, "--target-column", "score", "--group", "text", *FORM, *NAMED)
    answer = isoflop(*arguments, "--replicates", "10", "--json").json
    rows = answer["forecasts"]
    assert [row["group"] for row in rows] == ["code", "prose", "code", "prose"]
    assert rows[0]["measured"] is None
    assert rows[0]["loss"] == pytest.approx(streams_loss(1e9, 8, 1.0), abs=1e-3)
    assert all(row["low"] <= row["loss"] <= row["high"] for row in rows)
    assert answer["scores"]["n_targets"] == 3
    assert answer["scores"]["r2"] > 0.999
    assert {law["target"] for law in answer["laws"]} == {"score"}
    shown = isoflop(*arguments, "--replicates", "10")
    assert "3 targets scored: R² 1.0" in shown.out
    assert "parallel_size (streams)" in shown.err


def test_a_target_may_be_given_by_the_columns_of_the_table(isoflop: Isoflop, tables: tuple[Path, Path]) -> None:
    arguments = ("--target-column", "score", "--group", "text", *FORM, *NAMED, "--replicates", "10", "--json")
    answer = isoflop("forecast", tables[0], "--at", "num_params=1B,parallel_size=8,text=prose", *arguments).json
    assert answer["forecasts"][0]["loss"] == pytest.approx(streams_loss(1e9, 8, 2.0), abs=2e-3)
    assert "scores" not in answer


def test_fit_finds_the_constants_of_a_formula_in_any_columns(isoflop: Isoflop, tables: tuple[Path, Path]) -> None:
    arguments = ("fit", tables[0], "--where", "text == 'code'", "--target-column", "score", *FORM, *NAMED)
    answer = isoflop(*arguments, "--json").json
    assert answer["laws"][0]["parameters"]["t"] == pytest.approx(0.3, rel=0.02)
    assert "laws chosen" in isoflop(*arguments).out


def test_several_target_columns_are_answered_one_after_the_other(isoflop: Isoflop, tmp_path: Path) -> None:
    rows = [f"{r},{1 - r},{2 + 0.2 / (r + 0.1)},{1 + 0.3 / (1.1 - r)}" for r in np.linspace(0, 1, 12)]
    (tmp_path / "mix.csv").write_text("\n".join(["share_a,share_b,loss_a,loss_b", *rows]) + "\n")
    columns = ("--target-column", "loss_a", "--target-column", "loss_b")
    arguments = ("--form", "E + A/(r1 + s)**a", "--replicates", "5", "--json")
    file = tmp_path / "mix.csv"
    answer = isoflop("forecast", file, "--targets", file, *columns, *arguments).json
    assert answer["target_columns"] == ["loss_a", "loss_b"]
    assert len(answer["forecasts"]) == 24
    assert set(answer["scores"]["by_target"]) == {"loss_a", "loss_b"}


def test_bad_use_of_a_table_of_any_columns_is_explained(refused: Callable[..., str], tables: tuple[Path, Path]) -> None:
    seen, targets = tables
    asked = ("forecast", seen, "--targets", targets)
    assert "Did you mean 'score'?" in refused(*asked, "--target-column", "scor", *FORM)
    assert "--column: not allowed with" in refused(*asked, "--target-column", "score", "--column", "N=params")
    assert "--variable: cannot read 'N'" in refused(*asked, "--target-column", "score", "--variable", "N")
    assert "needs D" in refused(*asked, "--target-column", "score", "--form", "E + A/D**a")
    assert "Unknown column 'kind'" in refused(*asked, "--target-column", "score", "--group", "kind")
    assert "cannot read 'P=8'" in refused("forecast", seen, "--at", "P=8", "--target-column", "score")
