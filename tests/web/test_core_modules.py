"""The page's own modules beside the Python they repeat."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import norm

from isoflop import units

NUMBERS = [
    0,
    0.5,
    1,
    2.345,
    12.3456,
    999.6,
    1000,
    1234.5,
    54321,
    999_499,
    999_500,
    1e6,
    2.6e9,
    7.77e11,
    9.996e11,
    1e12,
    3.2e14,
]


def test_counts_are_written_as_in_the_terminal(run_javascript):
    values = [*NUMBERS, *[-v for v in NUMBERS[1:]], 0.00123, 0.000123, 1.5e-7]
    written = run_javascript(["core/format.js"], f"{json.dumps(values)}.map((v) => count(v))")
    assert written == [units.format_count(v) for v in values]


def test_times_money_power_and_compute_are_written_as_in_the_terminal(run_javascript):
    seconds = [0.5, 42, 89, 90, 150, 7199, 7200, 9000, 172_799, 172_800, 2.6e6, 9e9]
    watts = [0, 12.5, 874e3, 14e6, 5.5e9]
    flops = [1e15, 5.76e23, 2.1e25, 1e29]
    expression = (
        f"[{json.dumps(seconds)}.map(duration), {json.dumps(watts)}.map(power), {json.dumps(flops)}.map((v) => flops(v, 3)),"
        f" {json.dumps(NUMBERS)}.map(money)]"
    )
    assert run_javascript(["core/format.js"], expression) == [
        [units.format_duration(v) for v in seconds],
        [units.format_power(v) for v in watts],
        [units.format_flops(v) for v in flops],
        [units.format_money(v) for v in NUMBERS],
    ]


def test_quantiles_and_the_normal_law_are_numpys_and_scipys(run_javascript):
    values = np.random.default_rng(0).lognormal(size=401).tolist()
    shares = [0, 0.05, 0.1, 0.5, 0.9, 0.95, 1]
    z = np.linspace(-8, 8, 41).tolist()
    found, cdf = run_javascript(
        ["core/stats.js"], f"[quantiles({json.dumps(values)}, {json.dumps(shares)}), {json.dumps(z)}.map(normalCdf)]"
    )
    assert found == pytest.approx(np.quantile(values, shares).tolist(), rel=1e-12)
    assert cdf == pytest.approx(norm.cdf(z).tolist(), rel=1e-7, abs=1e-16)


def test_the_pages_random_numbers_are_normal_and_the_same_for_a_seed(run_javascript):
    expression = "(() => { const n = normals(uniforms(7)); return Array.from({ length: 4000 }, n); })()"
    first, second = (run_javascript(["core/stats.js"], expression) for _ in range(2))
    assert first == second
    assert abs(np.mean(first)) < 4 / math.sqrt(4000)
    assert np.std(first) == pytest.approx(1, abs=0.05)


def test_a_link_gives_back_the_state_it_was_made_of_and_leaves_defaults_out(run_javascript):
    link = run_javascript(["core/state.js"], 'writeHash("dial", { C: 1e25, mode: "money", over: 1 }, { over: 1 })')
    assert link == "#/dial?C=1e%2B25&mode=money"
    assert run_javascript(["core/state.js"], f"readHash({link!r})") == {
        "view": "dial",
        "params": {"C": "1e+25", "mode": "money"},
    }
    assert run_javascript(["core/state.js"], 'numberFrom({ C: "abc" }, "C", { usual: 5 })') == 5
    assert run_javascript(["core/state.js"], 'numberFrom({ C: "1e99" }, "C", { max: 10, usual: 5 })') == 10


def test_a_csv_that_is_opened_in_a_spreadsheet_runs_nothing(run_javascript):
    rows = '[{ a: "=cmd()", b: 1.5 }, { a: "x,\\"y\\"", b: null }]'
    assert run_javascript(["core/save.js"], f"csv({rows})") == 'a,b\n\'=cmd(),1.5\n"x,""y""",\n'
