"""The row filter means what it says, and evaluates nothing."""

import contextlib

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.errors import FormulaError, RunsError
from isoflop.runs import read_runs
from isoflop.runs.where import row_mask

FRAME = pl.DataFrame(
    {
        "N": [1e8, 2e9, float("nan"), None],
        "D": [1e9, 1e9, 1e9, 3e9],
        "kept": [True, False, True, None],
        "kind": ["cosine", "wsd", None, "it's"],
        "Model Size": [1, 2, 3, 4],
    }
)


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("kept", [0, 2]),
        ("not kept", [1]),
        ("kept == false", [1]),
        ("N > 1.5B", [1]),
        ("1.5B<N", [1]),
        ("N != 100M", [1]),
        ("not N > 1.5B", [0]),
        ("N < D", [0]),
        ("-1 < `Model Size` and `Model Size` <= 2e0", [0, 1]),
        ("kind == 'wsd' or kind == \"it's\"", [1, 3]),
        ("kind in ('cosine', 'wsd')", [0, 1]),
        ("kind not in ('cosine', 'wsd')", [3]),
        ("kept or N > 1B and D < 1", [0, 2]),
        ("(kept or N > 1B) and D < 1", []),
        ("not (kept and N < 1B) and D == 1B", [1]),
        ("1 < 2", [0, 1, 2, 3]),
    ],
)
def test_a_filter_keeps_the_rows_for_which_it_is_true(expression: str, rows: list[int]) -> None:
    assert row_mask(FRAME, expression).nonzero()[0].tolist() == rows


@pytest.mark.parametrize(
    ("expression", "position", "message"),
    [
        ("", 0, "Expected a column"),
        ("kept and", 8, "Expected a column"),
        ("kepd", 0, "Did you mean 'kept'"),
        ("N = 3", 2, "Write =="),
        ("kept & kept", 5, "Write and"),
        ("(kept", 5, "not closed"),
        ("kept)", 4, "not expected"),
        ("1 < N < 3", 6, "One comparison at a time"),
        ("N > 'a'", 4, "Both sides"),
        ("N", 0, "not true or false"),
        ("kept < true", 5, "no order"),
        ("N > 1.3Q", 4, "1.3Q"),
        ("kind in 'a'", 8, "Expected \\("),
        ("kind == 'a", 8, "cannot be read"),
        ("N > -kept", 5, "no arithmetic"),
        ("__import__('os')", 0, "Unknown column '__import__'"),
        ("(" * 60 + "kept" + ")" * 60, 50, "levels"),
    ],
)
def test_a_fault_is_shown_where_it_is(expression: str, position: int, message: str) -> None:
    with pytest.raises(FormulaError, match=message) as caught:
        row_mask(FRAME, expression)
    assert caught.value.position == position


@given(st.text(max_size=60) | st.text("Nkept()<>=!&'\"`, 1.5Bandornoti-", max_size=60))
def test_any_text_is_a_filter_or_a_formula_error(text: str) -> None:
    with contextlib.suppress(FormulaError):
        assert row_mask(FRAME, text).shape == (4,)


def test_a_filter_of_endless_length_is_refused() -> None:
    with pytest.raises(FormulaError, match="at most 2000"):
        row_mask(FRAME, "kept or " * 1000 + "kept")


def test_a_filter_that_keeps_nothing_is_refused_with_the_number_of_rows() -> None:
    runs = read_runs(pl.DataFrame({"params": [1e8, 2e8], "tokens": [2e9, 2e9], "loss": [3.0, 2.9]}))
    with pytest.raises(RunsError, match="none of the 2 rows"):
        runs.where("params > 1T")
    assert len(runs.where("params > 1.5e8")) == 1
