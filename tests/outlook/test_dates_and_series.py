"""Dates in many spellings become years; what cannot be a growing series is refused with what to do."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from isoflop.errors import BadInput, RunsError
from isoflop.outlook.dates import decimal_years, parse_date, written
from isoflop.outlook.series import made_series, read_series, running_frontier, within
from isoflop.runs.tabular import read_table

MID_MARCH = 2024 + 74 / 366


SPELLINGS = """
2024-03-15
2024/3/15
2024-03-15T10:00:00Z
15 March 2024
Mar 15, 2024
15th Mar 2024
2024-03
March 2024
Mar. 2024
15-Mar-2024
"""


@pytest.mark.parametrize("text", SPELLINGS.strip().splitlines())
def test_a_date_may_be_spelled_in_any_usual_way(text: str) -> None:
    assert parse_date(text) == pytest.approx(MID_MARCH)


def test_years_quarters_and_date_values_are_read() -> None:
    assert parse_date("2024.25") == 2024.25
    assert parse_date("2024-Q1") == parse_date("Q1 2024") == 2024.125
    assert decimal_years([dt.date(2024, 1, 1), None, "unknown"])[0] == 2024
    assert np.isnan(decimal_years([None, "", "n/a"])).all()


def test_a_year_alone_is_its_middle_among_dates_and_itself_among_years() -> None:
    assert decimal_years(["2020", "2021"]).tolist() == [2020, 2021]
    assert decimal_years(["2020", "2021-01-01"]).tolist() == [2020.5, 2021]


def test_a_date_that_reads_two_ways_is_refused() -> None:
    with pytest.raises(RunsError, match=r"either way round.*2024-03-14"):
        decimal_years(["03/04/2024"], column="when", source="t.csv")
    with pytest.raises(RunsError, match=r"row 2: '2024-13-01'"):
        decimal_years(["2024-01-01", "2024-13-01"])
    with pytest.raises(RunsError, match="row 1: '45123'"):
        decimal_years(["45123"])
    with pytest.raises(BadInput, match="no date"):
        parse_date("soon")


def test_a_year_is_written_with_its_month() -> None:
    assert written(2026.0) == "2026-01"
    assert written(2026.999) == "2026-12"
    assert written(float("inf")) == "never"


def _table(folder: Path, rows: list[str]) -> Path:
    path = folder / "t.csv"
    path.write_text("when,cost\n" + "\n".join(rows) + "\n")
    return path


def test_rows_without_a_date_or_a_value_are_left_out_aloud(tmp_path: Path) -> None:
    path = _table(tmp_path, ["2022-01-01,4", "2020-01-01,1", ",7", "2023-01-01,", "2021-01-01,2"])
    series = read_series(read_table(path), "cost", "when")
    assert series.values.tolist() == [1, 2, 4]
    assert series.notes == ("2 of 5 rows lack a date or a value and are left out.",)


def test_zero_and_less_have_no_logarithm(tmp_path: Path) -> None:
    path = _table(tmp_path, ["2020,1", "2021,0", "2022,-3", "2023,5"])
    with pytest.raises(RunsError, match=r"2 values at or below zero \(row 2: 0; row 3: -3\).*--where"):
        read_series(read_table(path), "cost", "when")


def test_two_points_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunsError, match=r"2 rows.*two points fix a line.*Add rows"):
        read_series(read_table(_table(tmp_path, ["2020,1", "2021,2"])), "cost", "when")
    with pytest.raises(RunsError, match="one date"):
        read_series(read_table(_table(tmp_path, ["2020,1", "2020,2", "2020,3"])), "cost", "when")
    with pytest.raises(RunsError, match="0 rows"):
        within(made_series([1, 2, 3], [1, 2, 3]), 7, None)


def test_an_unknown_column_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    table = read_table(_table(tmp_path, ["2020,1", "2021,2", "2022,3"]))
    with pytest.raises(RunsError, match=r"'day'.*Known: when, cost.*--date"):
        read_series(table, "cost", "day")
    with pytest.raises(RunsError, match="Unknown column 'costs'"):
        read_series(table, "costs", "when")


def test_the_running_frontier_does_not_hang_on_the_order_of_the_file() -> None:
    rng = np.random.default_rng(0)
    years, values = np.round(rng.uniform(2000, 2010, 80), 1), rng.lognormal(0, 2, 80)
    order = rng.permutation(80)
    one, other = made_series(years, values), made_series(years[order], values[order])
    assert np.array_equal(running_frontier(one, 3).values, running_frontier(other, 3).values)
    with pytest.raises(BadInput, match="1 or more"):
        running_frontier(one, 0)
