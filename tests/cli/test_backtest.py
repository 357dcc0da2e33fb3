"""``isoflop backtest``, and forecasts that are written down."""

from pathlib import Path

import pytest
from terminal import Isoflop


def test_backtest_sets_our_forecast_beside_the_usual_one_and_draws_it(
    isoflop: Isoflop, ladder: Path, tmp_path: Path
) -> None:
    answer = isoflop("backtest", ladder, "--cuts", "0.7", "--figures", tmp_path / "charts", "--json").json
    assert set(answer["methods"]) == {"isoflop", "usual", "usual+noise"}
    ours = answer["methods"]["isoflop"]["all"]
    assert set(ours) >= {"n_targets", "error", "bias", "coverage", "interval_score", "crps"}
    assert ours["n_targets"] == answer["cuts"][0]["n_targets"] == len(answer["targets"]) / 3
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {"coverage.png", "error.png"}


def test_cuts_that_cannot_be_read_are_refused(isoflop: Isoflop, ladder: Path) -> None:
    told = isoflop("backtest", ladder, "--cuts", "half")
    assert told.code == 2
    assert "--cuts 'half' cannot be read" in told.err


@pytest.mark.long
def test_a_recorded_forecast_is_in_the_ledger_before_its_run(isoflop: Isoflop, ladder: Path, tmp_path: Path) -> None:
    book = tmp_path / "ledger.jsonl"
    told = isoflop("forecast", ladder, "--at", "N=3B,D=60B", "--replicates", "40", "--record", "big", "--ledger", book)
    assert "Recorded big" in told.err
    assert "big" in isoflop("ledger", "--ledger", book).out
    isoflop("ledger", "score", "big", "--loss", "2.2", "--ledger", book)
    again = isoflop("forecast", ladder, "--at", "N=3B,D=60B", "--record", "big", "--ledger", book)
    assert again.code == 2
    assert "big" in again.err


@pytest.mark.parametrize("unique", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_table_of_repeated_tokens_is_forecast_with_or_without_the_distinct_ones(
    isoflop: Isoflop, ladder: Path, tmp_path: Path, unique: bool
) -> None:
    lines = ladder.read_text().splitlines()
    where = lines[0].split(",").index("tokens")
    repeated = [f"{line},{float(line.split(',')[where]) / (1 + 3 * (i % 4)):.0f}" for i, line in enumerate(lines[1:])]
    file = tmp_path / "repeated.csv"
    file.write_text("\n".join([f"{lines[0]},unique_tokens", *repeated]) + "\n")
    at = "N=3B,D=60B,U=20B" if unique else "N=3B,D=60B"
    answer = isoflop("forecast", file, "--at", at, "--replicates", "40", "--json").json
    assert ("U" in str(answer["notes"])) is not unique
    assert answer["forecasts"][0]["U"] == (2e10 if unique else 6e10)
