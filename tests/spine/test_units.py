"""Quantities as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop import units
from isoflop.errors import QuantityError


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.3B", 1.3e9), ("2.6B tokens", 2.6e9), ("70e9", 70e9), ("1e21 FLOP", 1e21), ("125k", 125e3), ("1_000", 1000.0)],
)
def test_a_count_is_read_with_its_suffix_and_unit(text: str, value: float) -> None:
    assert units.parse_count(text) == pytest.approx(value, rel=1e-15)


def test_a_petaflop_day_is_8_64e19_flop() -> None:
    assert units.parse_flops("1 PF-day") == 8.64e19
    assert units.parse_flops("3640 PF-days") == pytest.approx(3.14e23, rel=2e-3)  # GPT-3, Brown et al. 2020


def test_money_time_and_devices_are_read() -> None:
    assert units.parse_money("$1M") == 1e6
    assert units.parse_duration("30d") == 30 * 86_400
    assert units.parse_devices("512xH100") == (512, "H100")


@pytest.mark.parametrize("text", ["", "1.3Q", "B", "nan", "1e999", "two", "1.3 B B", "--5", "1,3B"])
def test_a_count_that_is_none_is_refused_with_what_was_seen(text: str) -> None:
    with pytest.raises(QuantityError, match=repr(text)):
        units.parse_count(text)


def test_an_unknown_unit_of_time_gets_a_suggestion() -> None:
    with pytest.raises(QuantityError, match="Did you mean 'minutes'"):
        units.parse_duration("5 minute")


@given(st.floats(1.0, 9.9e14))
def test_a_formatted_count_reads_back_to_three_digits(value: float) -> None:
    assert units.parse_count(units.format_count(value)) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999_999, "1M"),
        (2.6e9, "2.6B"),
        (0, "0"),
        (405e9, "405B"),
        (999.9e12, "1,000T"),
        (1.274e15, "1,270T"),
        (-2.17e16, "-21,700T"),
        (9.999e17, "1e+18"),
        (1e21, "1e+21"),
    ],
)
def test_counts_are_written_as_the_field_writes_them(value: float, text: str) -> None:
    assert units.format_count(value) == text


def test_durations_choose_the_unit_a_person_would() -> None:
    assert [units.format_duration(s) for s in (42, 360, 7300, 30 * 86_400)] == ["42 s", "6 min", "2.03 h", "30 d"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2512, "0.251"), (9.0, "9"), (999.6, "1,000"), (4900.3, "4,900"), (7.29e7, "72.9M"), (3e20, "3e+20")],
)
def test_a_ratio_is_written_without_powers_of_ten_where_a_person_counts(value: float, text: str) -> None:
    assert units.format_ratio(value) == text
