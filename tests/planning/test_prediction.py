"""What others may do: probabilities, lanes, standstill, and boxes that hold the true box."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bus.messages import EntityKind
from geometry.boxes import box_corners
from geometry.polyline import Polyline
from planning.prediction import (
    D_HIGH,
    D_LOW,
    HORIZON_S,
    S_HIGH,
    S_LOW,
    SPEED,
    TIMES_S,
    Futures,
    PredictionSettings,
    boxes_on_path,
    change_probability,
    on_path,
    predict,
    swing_of,
    with_stop,
    without,
)
from tests.planning.conftest import SceneMaker

SETTINGS = PredictionSettings()


def predicted(scene: SceneMaker, *rows: dict[str, float]) -> Futures:
    made = scene(25.0, *rows)
    return predict(made, made.context.mission.route.path, SETTINGS)


def chance_of(futures: Futures, label: str) -> float:
    return float(sum(p for p, name in zip(futures.probability, futures.labels, strict=True) if name.startswith(label)))


def test_probabilities_of_each_agent_sum_to_one(scene: SceneMaker) -> None:
    futures = predicted(
        scene, {"ahead_m": 30.0, "left_m": -3.5, "vx_mps": 20.0, "vy_mps": 0.3}, {"ahead_m": 60.0, "vx_mps": 25.0},
        {"ahead_m": 40.0, "left_m": 9.0, "kinds": EntityKind.PEDESTRIAN, "vx_mps": 0.0, "vy_mps": -1.4},
    )  # fmt: skip
    for agent in range(3):
        assert futures.probability[futures.agent == agent].sum() == pytest.approx(1.0)


def test_a_car_that_keeps_its_lane_stays_in_it(scene: SceneMaker) -> None:
    futures = predicted(scene, {"ahead_m": 30.0, "left_m": -3.6, "vx_mps": 20.0})
    assert futures.labels == ("keep",)
    middle = 0.5 * (futures.boxes[0, :, D_LOW] + futures.boxes[0, :, D_HIGH])
    assert np.ptp(middle) < 0.1


def test_a_car_that_drifts_towards_the_ego_may_change_lanes(scene: SceneMaker) -> None:
    drifting = predicted(scene, {"ahead_m": 30.0, "left_m": -3.1, "vx_mps": 20.0, "vy_mps": 0.8})
    wandering = predicted(scene, {"ahead_m": 30.0, "left_m": -3.6, "vx_mps": 20.0, "vy_mps": 0.04})
    assert chance_of(drifting, "change") > 0.5
    assert chance_of(wandering, "change") == 0.0


def test_a_lane_change_ends_in_the_next_lane(scene: SceneMaker) -> None:
    futures = predicted(scene, {"ahead_m": 30.0, "left_m": -3.1, "vx_mps": 20.0, "vy_mps": 1.0})
    change = futures.boxes[futures.labels.index("change")]
    assert abs(0.5 * (change[-1, D_LOW] + change[-1, D_HIGH])) < 0.6


def test_who_gets_faster_sideways_may_get_faster_yet(scene: SceneMaker) -> None:
    now = {"ahead_m": 30.0, "left_m": -3.0, "vx_mps": 20.0, "vy_mps": 0.6}
    steady, grown, jumped = scene(25.0, now), scene(25.0, {**now, "vy_mps": 0.35}), scene(25.0, {**now, "vy_mps": -0.4})
    path = steady.context.mission.route.path
    expected = {name: predict(steady, path, SETTINGS, before.agents) for name, before in
                (("steady", steady), ("grown", grown), ("jumped", jumped))}  # fmt: skip
    assert set(expected["steady"].labels) == set(expected["jumped"].labels) == {"change"}
    both = expected["grown"]
    assert chance_of(both, "change faster") == pytest.approx(0.5 * chance_of(both, "change"))
    usual, faster = (both.boxes[both.labels.index(label), :, D_HIGH] for label in ("change", "change faster"))
    np.testing.assert_array_equal(usual, expected["steady"].boxes[0, :, D_HIGH])
    at = int(np.searchsorted(TIMES_S, 1.5))
    assert faster[at] > usual[at] + 0.5
    assert faster[-1] == pytest.approx(usual[-1], abs=0.9), "both end in the next lane"


def test_who_gets_faster_within_the_middle_of_its_lane_may_be_wandering(scene: SceneMaker) -> None:
    now = {"ahead_m": 30.0, "left_m": -3.5, "vx_mps": 20.0, "vy_mps": 0.6}
    here, before = scene(25.0, now), scene(25.0, {**now, "vy_mps": 0.35})
    futures = predict(here, here.context.mission.route.path, SETTINGS, before.agents)
    assert "change faster" not in futures.labels


@settings(deadline=None)
@given(st.floats(2.6, 8.0), st.floats(0.05, 0.45), st.floats(3.0, 4.0))
def test_a_lane_change_along_half_a_cosine_is_recognised(duration_s: float, share: float, width_m: float) -> None:
    rate, phase = math.pi / duration_s, math.pi * share
    speed, growth = 0.5 * width_m * rate * math.sin(phase), 0.5 * width_m * rate**2 * math.cos(phase)
    assume(SETTINGS.growing_mps2[0] < growth < SETTINGS.growing_mps2[1])
    assert swing_of(speed, growth, width_m, SETTINGS) == pytest.approx((phase, rate))


def test_who_brakes_stands_and_does_not_roll_back(scene: SceneMaker) -> None:
    futures = predicted(scene, {"ahead_m": 30.0, "vx_mps": 8.0, "acceleration_mps2": -4.0})
    box = futures.boxes[0]
    assert box[-1, SPEED] == 0.0
    assert np.all(np.diff(box[:, S_LOW]) >= -1e-9)
    assert box[-1, S_LOW] - box[0, S_LOW] == pytest.approx(8.0**2 / (2 * 4.0), abs=0.01)


def test_who_ends_its_lane_change_is_as_fast_along_the_lane_as_it_was_altogether(scene: SceneMaker) -> None:
    futures = predicted(scene, {"ahead_m": 30.0, "left_m": -3.0, "vx_mps": 4.0, "vy_mps": 3.0})
    change = futures.boxes[futures.labels.index("change")]
    assert change[0, SPEED] == pytest.approx(4.0, abs=0.01)
    assert change[-1, SPEED] == pytest.approx(5.0, abs=0.01)
    gone_m = change[-1, S_LOW] - change[0, S_LOW]
    assert gone_m == pytest.approx(4.0 * 1.0 + 5.0 * 5.0, abs=0.6)  # sideways for one second, then along


def test_who_stands_and_seems_to_drift_or_backs_is_not_foretold_to_drive_on(scene: SceneMaker) -> None:
    drifts = predicted(scene, {"ahead_m": 30.0, "left_m": -3.6, "vx_mps": 0.02, "vy_mps": 0.08})
    backs = predicted(scene, {"ahead_m": 30.0, "left_m": -3.0, "vx_mps": -0.05, "vy_mps": 1.0})
    for futures, most_mps in ((drifts, 0.03), (backs, 0.0)):
        assert (np.abs(futures.boxes[..., SPEED]) < 0.06).all()
        assert (futures.boxes[..., SPEED] <= most_mps).all()


def test_who_brakes_while_it_changes_lanes_suits_its_speed_and_does_not_stop(scene: SceneMaker) -> None:
    braking = {"ahead_m": 30.0, "left_m": -3.1, "vx_mps": 15.0, "acceleration_mps2": -3.0}
    changes, keeps = predicted(scene, {**braking, "vy_mps": 1.0}), predicted(scene, braking)
    assert changes.labels == ("change",)
    assert changes.boxes[0, -1, SPEED] == pytest.approx(15.0 - 3.0 * SETTINGS.change_lasts_s, abs=0.1)
    gone_m = float(changes.boxes[0, -1, S_LOW] - changes.boxes[0, 0, S_LOW])
    assert gone_m == pytest.approx(15.0 * 6.0 - 0.5 * 3.0 * (6.0**2 - 5.0**2), abs=0.5)
    assert keeps.labels == ("keep",)
    assert keeps.boxes[0, -1, SPEED] == 0.0


def test_who_speeds_up_goes_on_only_while_it_changes_lanes_and_only_for_a_second(scene: SceneMaker) -> None:
    rows = ({"ahead_m": 30.0, "left_m": -3.1, "vx_mps": 15.0, "vy_mps": 1.0, "acceleration_mps2": 2.0},
            {"ahead_m": 30.0, "left_m": -3.6, "vx_mps": 15.0, "acceleration_mps2": 2.0})  # fmt: skip
    change, keep = (predicted(scene, row) for row in rows)
    assert change.boxes[0, -1, SPEED] == pytest.approx(15.0 + 2.0 * SETTINGS.change_lasts_s, abs=0.1)
    assert keep.boxes[0, -1, SPEED] == pytest.approx(15.0, abs=0.01)


def test_who_comes_along_the_egos_lane_may_stay_in_it_and_who_parks_there_does_not_drive(scene: SceneMaker) -> None:
    yaw = scene(25.0).ego.world_from_ego.yaw_rad + math.pi
    oncoming = {"ahead_m": 90.0, "left_m": 1.0, "yaw_rad": yaw, "vx_mps": -14.0, "vy_mps": -1.5}
    futures = predicted(scene, oncoming)
    assert set(futures.labels) == {"straight", "against"}
    stays = futures.boxes[futures.labels.index("against")]
    assert abs(0.5 * (stays[-1, D_LOW] + stays[-1, D_HIGH])) < 0.3
    assert stays[-1, S_LOW] == pytest.approx(stays[0, S_LOW] - 14.0 * HORIZON_S, abs=3.0)
    parked = predicted(scene, {**oncoming, "vx_mps": 0.0, "vy_mps": 0.0})
    assert parked.labels == ("straight",)


def test_the_tail_of_a_lorry_stays_in_its_lane_while_its_front_comes_into_the_next(scene: SceneMaker) -> None:
    lorry = {"ahead_m": 30.0, "left_m": -3.3, "vx_mps": 3.0, "vy_mps": 0.5, "yaw_rad": 0.06, "length_m": 18.0,
             "width_m": 2.5}  # fmt: skip
    futures = predicted(scene, lorry)
    change = futures.boxes[[label.startswith("change") for label in futures.labels]]
    tail, *_, front = change[np.argsort(change[:, 0, S_LOW])]
    later = int(np.searchsorted(TIMES_S, 2.0))
    assert len(change) > 2
    assert front[later, D_HIGH] > -0.8
    assert tail[later, D_HIGH] < front[later, D_HIGH] - 1.0
    assert tail[:, S_HIGH] == pytest.approx(np.sort(change[:, :, S_LOW], axis=0)[1], abs=0.5)


def test_who_turns_off_its_lanes_goes_on_turning_or_straight_on(scene: SceneMaker) -> None:
    speed, rate = 8.0, 0.4
    row = {"ahead_m": 30.0, "left_m": 40.0, "vx_mps": speed, "yaw_rate_radps": rate}
    futures = predicted(scene, row)
    assert futures.labels == ("straight", "turning")
    assert futures.probability == pytest.approx([0.5, 0.5])
    s, d = (0.5 * (futures.boxes[1, :, a] + futures.boxes[1, :, b]) for a, b in ((S_LOW, S_HIGH), (D_LOW, D_HIGH)))
    turns = rate * TIMES_S < 0.5 * math.pi
    radius, angle = speed / rate, rate * TIMES_S[turns]
    assert s[turns] - s[0] == pytest.approx(radius * np.sin(angle), abs=0.1)
    assert d[turns] - d[0] == pytest.approx(radius * (1.0 - np.cos(angle)), abs=0.1)
    assert s[~turns] == pytest.approx(s[turns][-1], abs=0.3)  # a quarter turn at most, then straight on
    slow = predicted(scene, {**row, "vx_mps": 1.0})
    assert slow.labels == ("straight",)


def test_a_lorry_that_is_straight_and_a_car_that_is_askew_are_one_box(scene: SceneMaker) -> None:
    straight = {"ahead_m": 30.0, "left_m": -3.6, "vx_mps": 20.0, "length_m": 18.0, "width_m": 2.5}
    askew = {"ahead_m": 30.0, "left_m": -3.6, "vx_mps": 5.0, "yaw_rad": 0.3}
    assert all(predicted(scene, row).labels.count("keep") == 1 for row in (straight, askew))


@settings(deadline=None)
@given(st.floats(-0.3, 0.3), st.floats(9.0, 20.0))
def test_the_boxes_of_a_lorry_hold_its_corners(yaw_rad: float, length_m: float) -> None:
    path = Polyline.through(np.array([[0.0, 0.0], [200.0, 0.0]]))
    pose = np.zeros((len(TIMES_S), 4))
    pose[:, 0], pose[:, 2] = 50.0, yaw_rad
    boxes = np.array(boxes_on_path(path, pose, length_m, 2.5))[:, 0]
    for x, y in box_corners(*(np.array(v) for v in (50.0, 0.0, yaw_rad, length_m, 2.5))):
        inside = (boxes[:, S_LOW] <= x + 1e-6) & (x <= boxes[:, S_HIGH] + 1e-6)
        assert (inside & (boxes[:, D_LOW] <= y + 1e-6) & (y <= boxes[:, D_HIGH] + 1e-6)).any()


def test_a_walker_goes_on_or_stops(scene: SceneMaker) -> None:
    walker = {"ahead_m": 40.0, "left_m": 6.0, "kinds": EntityKind.PEDESTRIAN, "vy_mps": -1.5}
    futures = predicted(scene, {**walker, "length_m": 0.5, "width_m": 0.5})
    assert set(futures.labels) == {"straight", "stop"}
    goes = futures.boxes[futures.labels.index("straight")]
    assert goes[-1, D_HIGH] == pytest.approx(6.0 - 1.5 * HORIZON_S + 0.25, abs=0.1)


def test_covariance_grows(scene: SceneMaker) -> None:
    futures = predicted(scene, {"ahead_m": 30.0, "vx_mps": 8.0})
    assert np.all(np.diff(futures.sigma_m, axis=0) > 0.0)


def test_nobody_around_means_no_futures(scene: SceneMaker) -> None:
    assert predicted(scene).boxes.shape == (0, len(TIMES_S), 6)


def test_a_stop_is_a_wall_and_agents_can_be_left_out(scene: SceneMaker) -> None:
    futures = with_stop(predicted(scene, {"ahead_m": 30.0, "vx_mps": 8.0}), 180.0)
    assert futures.agent.tolist() == [0, -1]
    assert np.all(futures.boxes[1, :, S_LOW] == 180.0)
    assert without(futures, [0]).labels == ("stop",)


@settings(deadline=None)
@given(st.floats(-2.0, 2.0), st.floats(0.0, 3.0))
def test_a_lane_change_is_the_likelier_the_further_and_faster(outwards_m: float, across_mps: float) -> None:
    p = change_probability(outwards_m, across_mps, SETTINGS)
    assert 0.0 <= p <= 1.0
    assert change_probability(outwards_m + 0.1, across_mps, SETTINGS) >= p
    assert change_probability(outwards_m, across_mps + 0.1, SETTINGS) >= p


@settings(deadline=None)
@given(st.floats(-math.pi, math.pi), st.floats(2.0, 15.0), st.floats(0.5, 2.5))
def test_the_box_on_the_path_holds_the_corners(yaw_rad: float, length_m: float, width_m: float) -> None:
    path = Polyline.through(np.array([[0.0, 0.0], [50.0, 0.0], [100.0, 0.0]]))
    out = np.empty((2, 6))
    on_path(path.points, path.s_m, path.yaw_rad, np.array([[60.0, 3.0, yaw_rad, 5.0]] * 2), length_m, width_m, out)
    corners = box_corners(np.array(60.0), np.array(3.0), np.array(yaw_rad), np.array(length_m), np.array(width_m))
    assert out[0, S_LOW] == pytest.approx(corners[:, 0].min())
    assert out[0, S_HIGH] == pytest.approx(corners[:, 0].max())
    assert out[0, D_LOW] == pytest.approx(corners[:, 1].min())
    assert out[0, D_HIGH] == pytest.approx(corners[:, 1].max())
