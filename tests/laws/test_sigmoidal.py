"""M4 runs from a guess to a floor and solves its own equation."""

import numpy as np
import pytest

from isoflop.errors import LawError
from isoflop.laws.sigmoidal import sigmoidal_loss

CONSTANTS = {"E": 1.5, "L_0": 9.0, "alpha": 0.6, "beta": 40.0, "c": 0.3}


def test_the_loss_solves_the_equation_it_is_defined_by() -> None:
    x = np.geomspace(1, 1e12, 60)
    loss = sigmoidal_loss(x, **CONSTANTS)
    left = (loss - 1.5) / (9.0 - loss) ** 0.6
    assert left == pytest.approx(40.0 * x**-0.3, rel=1e-6)


def test_the_loss_falls_from_the_guess_to_the_floor() -> None:
    loss = sigmoidal_loss(np.geomspace(1e-12, 1e40, 200), **CONSTANTS)
    assert np.all(np.diff(loss) <= 0)
    assert loss[0] == pytest.approx(9.0, abs=1e-3)
    assert loss[-1] == pytest.approx(1.5, abs=1e-6)


def test_without_alpha_it_is_a_power_law_with_a_floor_below_the_guess() -> None:
    x = np.geomspace(1e4, 1e9, 20)
    assert sigmoidal_loss(x, **{**CONSTANTS, "alpha": 0.0}) == pytest.approx(1.5 + 40.0 * x**-0.3, rel=1e-12)


def test_a_floor_above_the_guess_is_refused() -> None:
    with pytest.raises(LawError, match="E below L_0"):
        sigmoidal_loss(1e9, **{**CONSTANTS, "E": 10.0})
