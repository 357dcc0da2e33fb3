"""Where a run lies between small models and the frontier: one table, one formula, for decisions and for the outlook."""

from __future__ import annotations

import numpy as np
import pytest

from isoflop.facts import facts
from isoflop.laws.progress import beyond_small, scales, span


def test_the_scales_are_those_of_the_table_with_its_source_and_what_is_assumed() -> None:
    row = facts("progress")["gundlach2025"]
    assert scales() == (row["small_flops"], row["frontier_flops"]) == (1e18, 2.1e25)
    assert "assumed" in row["note"]
    assert "2511.21622" in row["source"]


def test_a_run_lies_straight_in_the_logarithm_of_its_compute_and_stays_at_the_ends_beyond_them() -> None:
    small, frontier = scales()
    halfway = np.sqrt(small * frontier)
    assert beyond_small([small / 1e6, small, halfway, frontier, frontier * 1e6]) / span() == pytest.approx(
        [0, 0, 0.5, 1, 1]
    )
    assert span() == pytest.approx(np.log(2.1e7))
