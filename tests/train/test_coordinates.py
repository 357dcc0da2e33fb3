"""By the transfer rule activations move no further in a wider model; by standard rates they do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny import TINY

from isoflop.errors import SpecError
from isoflop.train.coordinates import CoordinateCheck, coordinate_check
from isoflop.train.text import load_corpus

WIDTHS, STEPS = (32, 128), 6
SPEC = replace(TINY, batch=8, lr=4e-3)


@pytest.fixture(scope="module", params=["mup", "standard"])
def check(request: pytest.FixtureRequest) -> tuple[str, CoordinateCheck]:
    spec = replace(SPEC, parametrisation=request.param)
    return request.param, coordinate_check(spec, load_corpus(SPEC.text), WIDTHS, STEPS)


@pytest.mark.long
def test_what_moves_with_the_width_is_what_the_rule_says(check: tuple[str, CoordinateCheck]) -> None:
    rule, found = check
    assert len(found.rows) == len(WIDTHS) * STEPS * 3
    if rule == "mup":
        assert found.steady, found.slopes
    else:
        assert not found.steady
        assert min(found.slopes["layer 0 mlp"], found.slopes["logits"]) > 0.6, found.slopes


def test_a_check_of_one_width_is_refused() -> None:
    with pytest.raises(SpecError, match="two widths"):
        coordinate_check(SPEC, load_corpus(SPEC.text), (32,))
