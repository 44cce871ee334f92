"""Red lights run are found with their time; waiting, green and yellow are no offence."""

import numpy as np
import pytest

from bus.messages import EntityKind, LightState
from lanewise.scenarios.own_towns import town
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.route import Route, shortest_route
from maps.route_rules import route_rules
from motion.rollout import EntityShape, Motion, Rollout
from planning.metrics.red_lights import red_lights
from planning.metrics.result import MetricResult

CAR = EntityShape("Ego", EntityKind.CAR, 4.65, 1.83, 1.45, 1.4, 2.72)


@pytest.fixture(scope="module")
def lane_map() -> LaneMap:
    return sample_lanes(town())


@pytest.fixture(scope="module")
def route(lane_map: LaneMap) -> Route:
    lanes, along, _ = lane_map.nearest(np.array([(200.0, 138.25), (400.0, 138.25)]))
    return shortest_route(lane_map, int(lanes[0]), int(lanes[1]), float(along[0]), float(along[1]), behind_m=0.0)


def judged(lane_map: LaneMap, route: Route, rear_m: np.ndarray, states: list[tuple[float, LightState]]) -> MetricResult:
    """The ego's rear axle at these arc lengths, ten a second; the one light's states by time."""
    (light, *_) = route_rules(lane_map, route).lights
    points, t_s, n = route.path.position(rear_m), 0.1 * np.arange(len(rear_m)), len(rear_m)
    zeros = np.zeros(n)
    ego = Motion(points[:, 0], points[:, 1], route.path.heading(rear_m), zeros, zeros, np.ones(n, dtype=bool))
    nobody = Motion(*(np.zeros((n, 0)) for _ in range(5)), np.zeros((n, 0), dtype=bool))
    rollout = Rollout(
        t_s=t_s, ego=ego, others=nobody, cast=(CAR,), ego_id=0, other_ids=np.zeros(0, dtype=np.int64),
        engaged=np.ones(n, dtype=bool), demand_mps2=zeros, steering_rad=zeros, yaw_rate_radps=zeros, contacts=(),
        set_speed_mps=10.0,
    )  # fmt: skip
    return red_lights(rollout, route, lane_map, [(t, {light.signal_id: state}) for t, state in states])


def stop_rear_m(lane_map: LaneMap, route: Route) -> float:
    """Where the rear axle is when the bumper is on the line."""
    return route_rules(lane_map, route).lights[0].stop_m - CAR.centre_x_m - 0.5 * CAR.length_m


def test_passing_the_line_at_red_is_found_to_the_sample(lane_map: LaneMap, route: Route) -> None:
    rear = stop_rear_m(lane_map, route) - 20.5 + np.arange(0.0, 40.0)
    result = judged(lane_map, route, rear, [(0.0, LightState.GREEN), (1.0, LightState.RED)])
    assert not result.passed
    assert result.t_s == pytest.approx(2.1)


@pytest.mark.parametrize("state", [LightState.GREEN, LightState.YELLOW, LightState.OFF])
def test_passing_at_other_states_is_none(lane_map: LaneMap, route: Route, state: LightState) -> None:
    rear = stop_rear_m(lane_map, route) - 20.5 + np.arange(0.0, 40.0)
    assert judged(lane_map, route, rear, [(0.0, state)]).passed


def test_waiting_before_the_line_is_none(lane_map: LaneMap, route: Route) -> None:
    rear = np.minimum(stop_rear_m(lane_map, route) - 20.5 + np.arange(0.0, 40.0), stop_rear_m(lane_map, route) - 0.3)
    assert judged(lane_map, route, rear, [(0.0, LightState.RED)]).passed
