"""Where the rules of the road make the ego stop, and where not."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from bus.messages import EntityKind, LightState, PoseStatus
from geometry.pose import Pose
from lanewise.scenarios.own_towns import Node, Street, town_network
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.route import shortest_route
from maps.route_rules import RouteRules, route_rules
from planning.right_of_way import RuleMemory, RuleSettings, next_stop, those_who_yield
from planning.scene import Context, EgoState, Mission, Scene
from tests.planning.conftest import CAR, agents_of

SETTINGS = RuleSettings()
ENDS = {"north": (0.0, 120.0), "west": (-120.0, 0.0), "south": (0.0, -120.0), "east": (120.0, 0.0)}
Driving = Callable[..., tuple[Scene, float]]


def crossing(rule: str) -> LaneMap:
    nodes = [Node("middle", 0.0, 0.0, rule, crossings=True), *(Node(name, x, y) for name, (x, y) in ENDS.items())]
    return sample_lanes(town_network(nodes, [Street("middle", name) for name in ENDS]))


def context_of(rule: str, goal: tuple[float, float] = (1.75, 60.0)) -> Context:
    """The ego comes from the south; by default it goes straight on to the north."""
    lane_map = crossing(rule)
    places = np.array([(1.75, -100.0), goal])
    lanes, along, _ = lane_map.nearest(places)
    route = shortest_route(lane_map, int(lanes[0]), int(lanes[1]), float(along[0]), float(along[1]), behind_m=0.0)
    return Context(lane_map, CAR, Mission(route, 13.9), 0.1)


def rules_of(context: Context) -> RouteRules:
    return route_rules(context.lane_map, context.mission.route)


def scene_at(
    context: Context, front_m: float, speed_mps: float, *others: dict[str, float],
    lights: Mapping[str, LightState] | None = None,
) -> Scene:  # fmt: skip
    """The ego with its front bumper at an arc length of its route."""
    path = context.mission.route.path
    x, y = (float(v) for v in path.position(np.array([front_m - CAR.front_m]))[0])
    ego = EgoState(Pose(x, y, float(path.heading(front_m - CAR.front_m))), speed_mps, 0.0, 0.0)
    return Scene(context, 5.0, ego, agents_of(list(others)), PoseStatus.LANE_CERTAIN, lights or {})


def from_east(x_m: float, speed_mps: float) -> dict[str, float]:
    return {"x_m": x_m, "y_m": 1.75, "yaw_rad": np.pi, "vx_mps": -speed_mps}


def from_west(x_m: float, speed_mps: float) -> dict[str, float]:
    return {"x_m": x_m, "y_m": -1.75, "vx_mps": speed_mps}


# --- lights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [LightState.RED, LightState.RED_YELLOW, LightState.YELLOW, None])
def test_a_light_that_is_not_green_stops_at_its_line(state: LightState | None) -> None:
    context = context_of("lights")
    (light,) = rules_of(context).lights
    lights = {} if state is None else {light.signal_id: state}
    stop, _ = next_stop(
        scene_at(context, light.stop_m - 30.0, 10.0, lights=lights), light.stop_m - 30.0, RuleMemory(), SETTINGS
    )
    assert stop is not None
    assert stop.stop_m == light.stop_m


@pytest.mark.parametrize("state", [LightState.GREEN, LightState.OFF])
def test_a_green_or_dark_light_stops_nobody(state: LightState) -> None:
    context = context_of("lights")
    (light,) = rules_of(context).lights
    scene = scene_at(context, light.stop_m - 30.0, 10.0, lights={light.signal_id: state})
    assert next_stop(scene, light.stop_m - 30.0, RuleMemory(), SETTINGS)[0] is None


def test_yellow_is_passed_by_who_can_no_longer_stop() -> None:
    context = context_of("lights")
    (light,) = rules_of(context).lights
    scene = scene_at(context, light.stop_m - 8.0, 13.0, lights={light.signal_id: LightState.YELLOW})
    assert next_stop(scene, light.stop_m - 8.0, RuleMemory(), SETTINGS)[0] is None


def test_turning_left_at_green_lets_the_oncoming_pass() -> None:
    context = context_of("lights", goal=(-60.0, 1.75))
    (light,) = rules_of(context).lights
    front = light.stop_m - 5.0
    green = {name: LightState.GREEN for junction in rules_of(context).junctions for name in junction.light_ids}
    oncoming = {"x_m": -1.75, "y_m": 30.0, "yaw_rad": -np.pi / 2, "vy_mps": -10.0}
    stop, _ = next_stop(scene_at(context, front, 5.0, oncoming, lights=green), front, RuleMemory(), SETTINGS)
    assert stop is not None
    assert "goes first" in stop.reason
    assert next_stop(scene_at(context, front, 5.0, lights=green), front, RuleMemory(), SETTINGS)[0] is None


# --- right of way -----------------------------------------------------------------------------------------------------


def test_the_one_from_the_right_is_let_through_the_one_from_the_left_not() -> None:
    context = context_of("right")
    (junction,) = rules_of(context).junctions
    front = junction.stop_m - 15.0
    stop, _ = next_stop(scene_at(context, front, 8.0, from_east(35.0, 8.0)), front, RuleMemory(), SETTINGS)
    assert stop is not None
    assert stop.stop_m == junction.stop_m
    left = scene_at(context, front, 8.0, from_west(-40.0, 8.0))
    assert next_stop(left, front, RuleMemory(), SETTINGS)[0] is None
    assert those_who_yield(left, front, SETTINGS) == {1}


def test_one_from_the_left_who_can_no_longer_stop_is_let_through_all_the_same() -> None:
    context = context_of("right")
    (junction,) = rules_of(context).junctions
    front = junction.stop_m - 12.0
    scene = scene_at(context, front, 8.0, from_west(-22.0, 12.0))
    stop, _ = next_stop(scene, front, RuleMemory(), SETTINGS)
    assert stop is not None
    assert those_who_yield(scene, front, SETTINGS) == frozenset()


def test_one_who_comes_late_enough_is_not_waited_for() -> None:
    context = context_of("right")
    (junction,) = rules_of(context).junctions
    front = junction.stop_m - 1.0
    scene = scene_at(context, front, 8.0, from_east(100.0, 8.0))
    assert next_stop(scene, front, RuleMemory(), SETTINGS)[0] is None


def longest_refused_s(goal: tuple[float, float]) -> float:
    """The longest time to the middle of the junction at which somebody from the left, who has the right of way, is
    waited for by an ego that stands at its line."""
    context = context_of("stop", goal)
    (junction,) = rules_of(context).junctions
    front, halted = junction.stop_m - 1.0, RuleMemory(halted_m=junction.stop_m)

    def is_waited_for(away_s: float) -> bool:
        scene = scene_at(context, front, 0.0, from_west(-away_s * 8.0, 8.0))
        return next_stop(scene, front, halted, SETTINGS)[0] is not None

    return max(float(away_s) for away_s in np.arange(2.0, 12.0, 0.25) if is_waited_for(away_s))


def test_a_gap_is_joined_that_a_careful_driver_takes_and_no_smaller_one() -> None:
    assert 5.0 < longest_refused_s((60.0, -1.75)) < 7.5


def test_crossing_takes_a_longer_gap_than_joining() -> None:
    assert longest_refused_s((60.0, -1.75)) < longest_refused_s((-60.0, 1.75)) < 11.0


def test_patience_grows_behind_a_crossing_before_the_line_too() -> None:
    context = context_of("right")
    (junction,) = rules_of(context).junctions
    front, memory = junction.stop_m - 7.0, RuleMemory()
    scene = scene_at(context, front, 0.0, from_east(18.0, 0.0))
    for _ in range(round(SETTINGS.patience_s / context.dt_s) + 1):
        _, memory = next_stop(scene, front, memory, SETTINGS)
    assert next_stop(scene, front, memory, SETTINGS)[0] is None


def test_after_some_patience_a_standing_one_from_the_right_is_passed() -> None:
    context = context_of("right")
    (junction,) = rules_of(context).junctions
    front = junction.stop_m - 1.0
    scene = scene_at(context, front, 0.0, from_east(18.0, 0.0))
    memory, waited = RuleMemory(), 0.0
    while (found := next_stop(scene, front, memory, SETTINGS))[0] is not None and waited < 10.0:
        memory, waited = found[1], waited + context.dt_s
    assert waited == pytest.approx(SETTINGS.patience_s, abs=0.15)
    assert next_stop(scene, front, found[1], SETTINGS)[0] is None


def test_a_stop_sign_asks_for_one_halt() -> None:
    context = context_of("stop")
    (junction,) = rules_of(context).junctions
    assert junction.must_stop
    front = junction.stop_m - 1.0
    stop, _ = next_stop(scene_at(context, junction.stop_m - 20.0, 8.0), junction.stop_m - 20.0, RuleMemory(), SETTINGS)
    assert stop is not None
    _, memory = next_stop(scene_at(context, front, 0.0), front, RuleMemory(), SETTINGS)
    assert next_stop(scene_at(context, front, 0.0), front, memory, SETTINGS)[0] is None


def test_nobody_enters_a_junction_without_room_behind_it() -> None:
    context = context_of("priority")
    (junction,) = rules_of(context).junctions
    front = junction.stop_m - 10.0
    jam = {"x_m": 1.75, "y_m": 17.0, "yaw_rad": np.pi / 2}
    stop, _ = next_stop(scene_at(context, front, 5.0, jam), front, RuleMemory(), SETTINGS)
    assert stop is not None
    assert "room" in stop.reason


# --- on foot ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("walker", "stops"),
    [
        ({"x_m": 1.0, "vx_mps": 1.3}, True),
        ({"x_m": 4.5, "vx_mps": -1.3}, True),
        ({"x_m": 4.5, "vx_mps": 1.3}, False),
        ({"x_m": 4.5}, True),
        ({"x_m": 9.0}, False),
    ],
    ids=["on the lane", "coming", "has crossed", "waiting", "far away"],
)
def test_who_wants_to_cross_is_let_across(walker: dict[str, float], stops: bool) -> None:
    context = context_of("right")
    crossing = rules_of(context).crossings[0]
    front = crossing.stop_m - 25.0
    y_m = float(context.mission.route.path.position(np.array([0.5 * (crossing.begin_m + crossing.end_m)]))[0, 1])
    person = {"kinds": int(EntityKind.PEDESTRIAN), "y_m": y_m, "length_m": 0.5, "width_m": 0.5, **walker}
    stop, _ = next_stop(scene_at(context, front, 8.0, person), front, RuleMemory(), SETTINGS)
    assert (stop is not None) == stops
    if stop is not None:
        assert stop.stop_m == crossing.stop_m
