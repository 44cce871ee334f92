"""The tracker of the nuPlan simulation: equal to its matrices, and a vehicle that gets where the reference is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion.lqr_tracker import ACCELERATION, SPEED, STEERING, YAW, TrackerSettings, X, Y, track_proposals

WHEELBASE_M, DT_S = 3.089, 0.1


def straight(speed, steps=81):
    t = DT_S * np.arange(steps)
    return np.stack((speed * t, 0 * t, 0 * t, 0 * t + speed, 0 * t), axis=-1)[None]


def state(x=0.0, y=0.0, yaw=0.0, speed=10.0, acceleration=0.0, steering=0.0):
    return np.array([x, y, yaw, speed, acceleration, steering, 0.0, speed * math.tan(steering) / WHEELBASE_M])


def matrix_command(start, reference, settings):
    """Acceleration and steering rate by stacked matrices, as the textbook has it."""
    n, q = settings.horizon_steps, settings
    span = n * DT_S
    wanted = reference[min(n, len(reference) - 1), 3]
    acceleration = q.speed_weight * span * (wanted - start[SPEED]) / (q.speed_weight * span**2 + q.acceleration_cost)
    dx, dy, yaw = start[X] - reference[0, 0], start[Y] - reference[0, 1], reference[0, 2]
    z = np.array([dy * math.cos(yaw) - dx * math.sin(yaw), start[YAW] - yaw, start[STEERING]])
    whole, inputs, drift = np.eye(3), np.zeros(3), np.zeros(3)
    for k in range(n):
        v = start[SPEED] + acceleration * k * DT_S
        a = np.array([[1.0, v * DT_S, 0.0], [0.0, 1.0, v * DT_S / WHEELBASE_M], [0.0, 0.0, 1.0]])
        whole, inputs, drift = a @ whole, a @ inputs, a @ drift
        inputs = inputs + np.array([0.0, 0.0, DT_S])
        drift = drift + np.array([0.0, -v * DT_S * reference[min(k, len(reference) - 1), 4], 0.0])
    weights = np.diag([q.offset_weight, q.heading_weight, 0.0])
    rate = -(inputs @ weights @ (whole @ z + drift)) / (inputs @ weights @ inputs + q.steering_rate_cost)
    return acceleration, rate


@settings(max_examples=60, deadline=None)
@given(st.floats(-2, 2), st.floats(-0.3, 0.3), st.floats(1, 25), st.floats(-0.2, 0.2), st.floats(0, 20))
def test_first_command_is_the_solution_of_the_stacked_matrices(y, yaw, speed, steering, wanted):
    start, reference = state(y=y, yaw=yaw, speed=speed, steering=steering), straight(wanted)
    settings = TrackerSettings()
    acceleration, rate = matrix_command(start, reference[0], settings)
    after = track_proposals(start, reference, WHEELBASE_M, DT_S)[0, 1]
    lag = DT_S / (DT_S + settings.acceleration_lag_s)
    assert after[ACCELERATION] == pytest.approx(lag * acceleration, abs=1e-9)
    turned = steering + DT_S / (DT_S + settings.steering_lag_s) * DT_S * rate
    limit = settings.max_steering_rad
    assert after[STEERING] == pytest.approx(min(max(turned, -limit), limit), abs=1e-9)


def test_vehicle_on_its_reference_stays_on_it():
    states = track_proposals(state(), straight(10.0), WHEELBASE_M, DT_S)
    assert states[0, :, X] == pytest.approx(np.arange(81))
    assert np.abs(states[0, :, Y]).max() == 0.0


@settings(max_examples=60, deadline=None)
@given(st.floats(-1.5, 1.5), st.floats(5.0, 20.0))
def test_offset_is_taken_back(offset, speed):
    states = track_proposals(state(y=offset, speed=speed), straight(speed), WHEELBASE_M, DT_S)
    assert abs(states[0, -1, Y]) < 0.1 * abs(offset) + 1e-6


def test_speed_is_reached():
    states = track_proposals(state(speed=5.0), straight(10.0), WHEELBASE_M, DT_S)
    assert states[0, -1, SPEED] == pytest.approx(10.0, abs=0.05)


def test_standing_vehicle_with_a_standing_reference_stands():
    states = track_proposals(state(speed=0.0), straight(0.0), WHEELBASE_M, DT_S)
    assert np.abs(states[0, :, SPEED]).max() == 0.0


def test_circle_is_followed_at_its_radius():
    radius, speed = 40.0, 8.0
    angle = speed / radius * DT_S * np.arange(81)
    reference = np.stack(
        (radius * np.sin(angle), radius * (1 - np.cos(angle)), angle, 0 * angle + speed, 0 * angle + 1 / radius),
        axis=-1,
    )[None]
    start = state(speed=speed, steering=math.atan(WHEELBASE_M / radius))
    states = track_proposals(start, reference, WHEELBASE_M, DT_S)
    distance = np.hypot(states[0, :, X], states[0, :, Y] - radius)
    assert distance == pytest.approx(radius, abs=0.3)


def test_proposals_do_not_influence_each_other():
    two = np.concatenate((straight(5.0), straight(15.0)))
    together = track_proposals(state(), two, WHEELBASE_M, DT_S)
    assert np.array_equal(together[1], track_proposals(state(), two[1:], WHEELBASE_M, DT_S)[0])
