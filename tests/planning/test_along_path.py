"""Along a path with a constant acceleration: distances by hand, standstill is kept, lengths stay sane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometry.polyline import Polyline
from planning.along_path import LONGEST_S, along_path

PATH = Polyline.through(np.stack((np.linspace(0.0, 500.0, 101), np.full(101, 2.0)), axis=-1))


def test_braking_ends_after_the_braking_distance() -> None:
    states = along_path(PATH, 100.0, 20.0, -4.0)
    assert states.x_m[-1] == pytest.approx(100.0 + 20.0**2 / 8.0)
    assert states.y_m == pytest.approx(np.full(len(states.t_s), 2.0))
    assert (states.speed_mps[-1], states.acceleration_mps2[-1]) == (0.0, 0.0)


def test_speeding_up_reaches_the_horizon() -> None:
    states = along_path(PATH, 0.0, 10.0, 1.0, horizon_s=4.0)
    assert states.t_s[-1] == pytest.approx(4.0)
    assert states.x_m[-1] == pytest.approx(10.0 * 4.0 + 0.5 * 16.0)
    assert states.speed_mps[-1] == pytest.approx(14.0)


@given(speed=st.floats(0.0, 60.0), acceleration=st.floats(-9.0, 3.0))
def test_it_never_drives_backwards_and_never_grows_without_end(speed: float, acceleration: float) -> None:
    states = along_path(PATH, 0.0, speed, acceleration)
    assert np.isfinite(states.x_m).all()
    assert (np.diff(states.x_m) >= -1e-9).all()
    assert len(states.t_s) <= LONGEST_S / 0.1 + 4
