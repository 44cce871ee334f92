"""The path tracker in closed loop with the bicycle."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.angles import Floats, wrap_rad
from geometry.polyline import Polyline
from motion.bicycle import Vehicle, step_bicycle
from motion.tracking import TrackingSettings, lateral_gains, nearest_on_path, steering_command

CAR = Vehicle(wheelbase_m=2.8, length_m=4.6, width_m=1.9, centre_x_m=1.4)
SETTINGS = TrackingSettings()
DT_S = 0.02
GAINS = lateral_gains(CAR, SETTINGS, DT_S)


def drive(curvature_radpm: float, speed_mps: float, offset_m: float, seconds: float) -> Floats:
    """Offsets from a path of constant curvature, one per control period, starting `offset_m` left of it."""
    step_m = 0.5
    s = np.arange(0.0, speed_mps * seconds + 60.0, step_m)
    heading = curvature_radpm * s
    points = np.cumsum(step_m * np.stack((np.cos(heading), np.sin(heading)), axis=-1), axis=0)
    line = Polyline.through(points)
    x, y = (float(v) for v in line.position(5.0, offset_m))
    yaw, steering = curvature_radpm * 5.0, math.atan(CAR.wheelbase_m * curvature_radpm)
    speed, acceleration, offsets = speed_mps, 0.0, []
    for _ in range(round(seconds / DT_S)):
        index, share, d = nearest_on_path(x, y, points[:, 0], points[:, 1])
        error = wrap_rad(yaw - float(line.heading((index + share) * step_m)))
        command = steering_command(GAINS.at(speed), d, error, curvature_radpm, steering, speed, CAR, SETTINGS)
        x, y, yaw, speed, acceleration, steering, _ = step_bicycle(
            x, y, yaw, speed, acceleration, steering, 0.0, command, CAR.wheelbase_m, CAR.max_steering_rad,
            CAR.max_steering_rate_radps, CAR.acceleration_lag_s, CAR.steering_lag_s, DT_S,
        )  # fmt: skip
        offsets.append(d)
    return np.array(offsets)


@pytest.mark.parametrize("speed_mps", [3.0, 8.0, 15.0, 25.0, 35.0])
@pytest.mark.parametrize("lateral_mps2", [0.0, 2.0, -2.0])
def test_an_offset_of_one_metre_is_taken_back_without_overshoot(speed_mps: float, lateral_mps2: float) -> None:
    curvature = max(min(lateral_mps2 / speed_mps**2, 0.05), -0.05)
    offsets = drive(curvature, speed_mps, 1.0, 12.0)
    assert offsets[0] == pytest.approx(1.0, abs=0.02)
    assert offsets.min() > -0.10
    assert np.abs(offsets[-100:]).max() < 0.05


@given(st.floats(-3.0, 3.0), st.floats(-1.0, 1.0), st.floats(-0.2, 0.2), st.floats(0.0, 60.0))
@settings(max_examples=50)
def test_steering_never_exceeds_the_wheel_limit_nor_the_grip(
    offset: float, error: float, curvature: float, speed: float
) -> None:
    command = steering_command(GAINS.at(speed), offset, error, curvature, 0.0, speed, CAR, SETTINGS)
    assert abs(command) <= CAR.max_steering_rad
    if speed >= 1.0:
        assert speed**2 * math.tan(abs(command)) / CAR.wheelbase_m <= SETTINGS.lateral_acceleration_mps2 + 1e-9


@given(st.floats(0.0, 29.0), st.floats(-3.0, 3.0))
def test_nearest_on_path_agrees_with_the_polyline(s_m: float, d_m: float) -> None:
    angle = np.linspace(0.0, 0.6, 31)
    points = 50.0 * np.stack((np.sin(angle), 1.0 - np.cos(angle)), axis=-1)
    line = Polyline.through(points)
    x, y = line.position(s_m, d_m)
    index, share, offset = nearest_on_path(x, y, points[:, 0], points[:, 1])
    s, d = line.project(np.array([[x, y]]))
    assert index + share == pytest.approx(float(s[0]) / line.length_m * 30.0, abs=1e-6)
    assert offset == pytest.approx(float(d[0]), abs=1e-2)


def test_a_path_that_stands_still_has_no_offset() -> None:
    assert nearest_on_path(3.0, 4.0, np.full(5, 3.0), np.full(5, 4.0)) == (0, 0.0, 0.0)
