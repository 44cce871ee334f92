"""Planners of the nuPlan devkit's kind: what they are given is the scene, what they give is driven or refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import shapely

from bus.messages import EntityKind, LightState
from geometry.errors import InputError
from maps.lane_map import MapSignal
from planning.nuplan_style import (
    AbstractPlanner,
    EgoState,
    InterpolatedTrajectory,
    SemanticMapLayer,
    StateSE2,
    StateVector2D,
    TimePoint,
    TrackedObjectType,
    TrafficLightStatusType,
)
from planning.nuplan_style.adapter import NuplanMemory, NuplanPlanner, ego_state
from planning.nuplan_style.map_api import MapApi
from planning.nuplan_style.observation import lights_of


class Straight(AbstractPlanner):
    """Drives straight on with the acceleration that it is told; keeps what it was given."""

    def __init__(self, acceleration_mps2=0.0, states=31, step_us=100_000):
        self.acceleration_mps2, self.states, self.step_us = acceleration_mps2, states, step_us

    def name(self):
        return "straight"

    def initialize(self, initialization):
        self.initialization = initialization

    def compute_planner_trajectory(self, current_input):
        self.given = current_input
        ego, _ = current_input.history.current_state
        speed = ego.dynamic_car_state.rear_axle_velocity_2d.x
        sizes, still = ego.car_footprint.vehicle_parameters, StateVector2D(0.0, 0.0)
        made = []
        for k in range(self.states):
            t_s = 1e-6 * self.step_us * k
            pose = ego.rear_axle.ahead(speed * t_s + 0.5 * self.acceleration_mps2 * t_s**2)
            time = ego.time_point + TimePoint(self.step_us * k)
            made.append(EgoState.build_from_rear_axle(pose, still, still, 0.0, time, sizes))
        return InterpolatedTrajectory(made)


def driven(planner, scene):
    adapted = NuplanPlanner(planner)
    return adapted.plan(scene, adapted.start(scene.context))


def test_the_plan_has_the_motion_of_the_trajectorys_poses(scene):
    found, memory = driven(Straight(acceleration_mps2=-2.0), scene(20.0))
    states = found.states
    assert states.t_s == pytest.approx(np.arange(31) * 0.1)
    assert states.speed_mps == pytest.approx(20.0 - 2.0 * states.t_s, abs=1e-6)
    assert states.acceleration_mps2 == pytest.approx(np.full(31, -2.0), abs=1e-6)
    assert states.curvature_radpm == pytest.approx(np.zeros(31), abs=1e-9)
    assert memory == NuplanMemory(1)


def test_coarse_trajectories_are_filled_up(scene):
    found, _ = driven(Straight(states=9, step_us=500_000), scene(10.0))
    assert len(found.states.t_s) == 41
    assert np.diff(found.states.x_m) == pytest.approx(np.full(40, 1.0))


def test_the_fallback_stop_keeps_the_path_and_ends_standing(scene):
    found, _ = driven(Straight(states=11), scene(20.0))
    assert found.stop.speed_mps[-1] == 0.0
    assert found.stop.x_m[-1] - found.stop.x_m[0] == pytest.approx(20.0**2 / 7.0, rel=1e-6)
    assert found.stop.y_m == pytest.approx(np.full(len(found.stop.y_m), found.states.y_m[0]))


def test_a_circle_has_the_curvature_of_its_radius(scene):
    class Circle(Straight):
        def compute_planner_trajectory(self, current_input):
            ego, _ = current_input.history.current_state
            start, radius = ego.rear_axle, 50.0
            still, made = StateVector2D(0.0, 0.0), []
            for k in range(31):
                turn = 10.0 * 0.1 * k / radius
                pose = StateSE2(
                    start.x + radius * math.sin(turn), start.y + radius * (1.0 - math.cos(turn)), start.heading + turn
                )
                time = ego.time_point + TimePoint(100_000 * k)
                made.append(
                    EgoState.build_from_rear_axle(pose, still, still, 0.0, time, ego.car_footprint.vehicle_parameters)
                )
            return InterpolatedTrajectory(made)

    found, _ = driven(Circle(), scene(10.0))
    assert found.states.curvature_radpm == pytest.approx(np.full(31, 1.0 / 50.0), rel=1e-3)
    assert found.states.speed_mps == pytest.approx(np.full(31, 10.0), rel=1e-3)


def test_the_ego_is_given_as_the_devkit_has_it(scene):
    made = scene(20.0)
    ego, vehicle = ego_state(made), made.context.vehicle
    pose = made.ego.world_from_ego
    assert (ego.rear_axle.x, ego.rear_axle.y, ego.rear_axle.heading) == (pose.x_m, pose.y_m, pose.yaw_rad)
    assert ego.center.x == pytest.approx(pose.x_m + vehicle.centre_x_m)
    assert ego.car_footprint.geometry.area == pytest.approx(vehicle.length_m * vehicle.width_m)
    assert (ego.dynamic_car_state.speed, ego.time_us) == (20.0, 10_000_000)
    again = EgoState.build_from_center(
        ego.center, ego.dynamic_car_state.center_velocity_2d, ego.dynamic_car_state.center_acceleration_2d, 0.0,
        ego.time_point, ego.car_footprint.vehicle_parameters,
    )  # fmt: skip
    assert again.rear_axle.x == pytest.approx(ego.rear_axle.x)


def test_others_are_given_with_kind_box_and_velocity(scene):
    planner = Straight()
    rows = ({"ahead_m": 30.0, "vx_mps": 4.0}, {"ahead_m": 9.0, "left_m": 5.0, "kinds": int(EntityKind.PEDESTRIAN)})
    driven(planner, scene(20.0, *rows))
    objects = planner.given.history.current_state[1].tracked_objects
    (car,) = objects.get_tracked_objects_of_type(TrackedObjectType.VEHICLE)
    assert (car.velocity.x, car.track_token, car.box.length) == (4.0, "1", 4.5)
    assert car.box.geometry.centroid.x == pytest.approx(car.center.x)
    assert [item.tracked_object_type for item in objects] == [TrackedObjectType.VEHICLE, TrackedObjectType.PEDESTRIAN]
    assert len(objects.get_agents()) == 2


def test_history_grows_to_two_seconds(scene):
    planner = Straight()
    adapted = NuplanPlanner(planner)
    made = scene(20.0)
    memory = adapted.start(made.context)
    for cycle in range(30):
        _, memory = adapted.plan(replace(made, now_s=10.0 + 0.1 * cycle), memory)
    history = planner.given.history
    assert (history.size, planner.given.iteration.index) == (21, 29)
    assert history.duration == pytest.approx(2.0)
    assert history.ego_states[-1].time_us == 12_900_000


def test_asked_once_more_in_the_same_cycle_it_is_shown_the_other_scene_instead(scene):
    planner = Straight()
    adapted = NuplanPlanner(planner)
    made = scene(20.0, {"ahead_m": 30.0})
    memory = adapted.start(made.context)
    _, memory = adapted.plan(replace(made, now_s=9.9), memory)
    for asked in (made, replace(made, agents=made.agents.rows(np.zeros(0, dtype=np.int64)))):
        _, after = adapted.plan(asked, memory)
    assert (after, planner.given.history.size) == (NuplanMemory(2), 2)
    assert not planner.given.history.current_state[1].tracked_objects.tracked_objects
    with pytest.raises(InputError, match="from its beginning only"):
        adapted.plan(replace(made, now_s=10.1), memory)


def test_the_route_and_its_map_lead_to_the_lane_of_the_ego(scene):
    planner, made = Straight(), scene(20.0)
    driven(planner, made)
    given, place = planner.initialization, ego_state(made).rear_axle
    lane = given.map_api.get_one_map_object(place, SemanticMapLayer.LANE)
    assert lane.id == "1:0:-2"
    assert lane.get_roadblock_id() in given.route_roadblock_ids
    assert lane.baseline_path.linestring.distance(shapely.Point(place.x, place.y)) == pytest.approx(0.0, abs=1e-6)
    block = given.map_api.get_map_object(lane.get_roadblock_id(), SemanticMapLayer.ROADBLOCK)
    assert [item.id for item in block.interior_edges] == ["1:0:-2", "1:0:-3", "1:0:-4"]
    assert lane.adjacent_edges[0] is None
    assert lane.adjacent_edges[1].id == "1:0:-3"
    assert lane.parent.contains_point(place)


def test_the_nearest_lane_is_found_from_beside_the_road(scene):
    api = MapApi(scene(20.0).context.lane_map)
    lane = api.get_one_map_object(ego_state(scene(20.0)).rear_axle, SemanticMapLayer.LANE)
    found, distance = api.get_distance_to_nearest_map_object(StateSE2(400.0, 60.0, 0.0), SemanticMapLayer.LANE)
    assert found is not None
    assert 30.0 < distance < 60.0
    assert api.get_map_object("nowhere", SemanticMapLayer.LANE) is None
    assert api.get_map_object(lane.id, SemanticMapLayer.LANE_CONNECTOR) is None


def test_a_layer_that_is_not_offered_is_refused_by_name(scene):
    with pytest.raises(
        InputError, match="asked for the map layer SPEED_BUMP, which Lanewise does not offer; it has LANE"
    ):
        MapApi(scene(20.0).context.lane_map).is_in_layer(StateSE2(0.0, 0.0, 0.0), SemanticMapLayer.SPEED_BUMP)


def test_lights_are_told_for_the_lanes_of_the_junction(scene):
    lane_map = scene(20.0).context.lane_map
    crossing = replace(
        lane_map, junction=("7", *lane_map.junction[1:]), _cache={},
        signals=(MapSignal("s", "1000001", "", "OpenDRIVE", True, None, 0.0, 0.0, 5.0, 0.0, ((0, 1.0), (1, 1.0))),),
    )  # fmt: skip
    (told,) = lights_of(crossing, {"s": LightState.RED}, 5)
    assert (told.status, told.lane_connector_id) == (TrafficLightStatusType.RED, crossing.ids[0])
    (told,) = lights_of(crossing, {}, 5)
    assert told.status is TrafficLightStatusType.UNKNOWN


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda _: [], "has 0 states; two at least are needed"),
        (lambda _: None, "gave no trajectory: it needs get_sampled_trajectory"),
        (lambda states: [*states[:3], states[1]], "not in the order of their time"),
        (lambda states: states[5:], "reaches from 0.50 s to 3.00 s from now; it has to begin now"),
        (lambda states: states[:2], "reach 0.2 s ahead at least"),
        (lambda states: [states[0], replace_x(states[1], math.nan), *states[2:]], "is not a number"),
    ],
)
def test_what_cannot_be_driven_is_refused_with_a_sentence(scene, change, complaint):
    class Wrong(Straight):
        def compute_planner_trajectory(self, current_input):
            return change(super().compute_planner_trajectory(current_input).get_sampled_trajectory())

    with pytest.raises(InputError, match=complaint):
        driven(Wrong(), scene(10.0))


def replace_x(state, x):
    footprint = replace(state.car_footprint, rear_axle=StateSE2(x, 0.0, 0.0))
    return replace(state, car_footprint=footprint)


def test_a_replay_from_the_middle_is_refused(scene):
    made = scene(10.0)
    adapted = NuplanPlanner(Straight())
    adapted.start(made.context)
    with pytest.raises(InputError, match="can be played again from its beginning only"):
        adapted.plan(made, NuplanMemory(50))
