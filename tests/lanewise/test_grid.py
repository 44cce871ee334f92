"""A planner drives in the grid world of UN R157 through the planner interface."""

import numpy as np

from lanewise.grid import EGO, drive_planner, evasive_driver, grid_context, scene_of, straight_road
from planning.idm import IdmPlanner
from planning.lanewise_planner import LanewisePlanner
from sim.scenarios.r157_cases import BrakingLead, CutIn, traffic_of
from sim.scenarios.r157_grid import drive_steering, sight_at


def test_planner_sees_the_others_where_the_grid_has_them():
    road, traffic = straight_road(), traffic_of(CutIn(90.0, 40.0, 30.0, 0.5))
    scene = scene_of(grid_context(road, traffic), sight_at(traffic, 3, 10.0, 25.0, -1.0))
    lane, _, offset = road.nearest(np.array([[10.0, 0.0]]))
    assert road.ids[lane[0]] == "ego"
    assert abs(offset[0]) < 1e-9
    assert scene.ego.world_from_ego.x_m + scene.context.vehicle.centre_x_m == 10.0
    assert scene.agents.x_m[0] == traffic.x_m[3, 0]
    assert scene.agents.vy_mps[0] == traffic.vy_mps[3, 0]


def test_idm_stays_behind_a_lead_that_brakes_gently():
    outcome = drive_planner(IdmPlanner(), traffic_of(BrakingLead(60.0, 2.0, 33.0)), straight_road())
    assert outcome.avoided
    assert outcome.deceleration_mps2 > 1.5


def test_steering_into_a_free_lane_avoids_what_braking_does_not():
    # 70 km/h more than the car that comes in 25 m ahead: the careful driver has a contact as well.
    traffic, road = traffic_of(CutIn(110.0, 40.0, 25.0, 1.0)), straight_road()
    braking = drive_planner(LanewisePlanner(), traffic, road, latency_s=0.35)
    evading = drive_planner(LanewisePlanner(), traffic, road, latency_s=0.35, evasive=True)
    assert not braking.avoided
    assert evading.avoided


def test_an_evasive_planner_that_has_nobody_to_evade_stays_in_its_lane():
    traffic = traffic_of(BrakingLead(60.0, 1.0, 33.0))
    sights = []
    driver = evasive_driver(LanewisePlanner(), grid_context(straight_road(), traffic, evasive=True))
    outcome = drive_steering(traffic, lambda sight: sights.append(sight) or driver(sight), EGO, latency_s=0.35)
    assert outcome.avoided
    assert max(abs(sight.y_m) for sight in sights) < 0.1
