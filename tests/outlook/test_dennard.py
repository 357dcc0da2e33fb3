"""The law held while the voltage could fall, and not a step longer."""

import numpy as np
import pytest

from isoflop.outlook.dennard import least_supply_volts, power_density


def test_power_an_area_is_constant_until_the_voltage_stops_and_grows_as_the_square_after() -> None:
    stop = 5 / least_supply_volts()
    assert power_density(np.linspace(1, stop, 20)) == pytest.approx(1)
    assert power_density([2 * stop, 4 * stop]) == pytest.approx([4, 16])


def test_a_threshold_of_60_millivolts_a_decade_leaves_about_a_volt() -> None:
    assert least_supply_volts(off_over_on=0.1, overdrive=1) == pytest.approx(0.0595, abs=0.001)
    assert 0.8 < least_supply_volts() < 1.1


def test_without_leakage_it_would_go_on() -> None:
    assert power_density(100.0, floor=0.0) == pytest.approx(1)
