"""A planner drives in the grid world of UN R157 through the planner interface."""

import numpy as np

from lanewise.grid import drive_planner, grid_context, scene_of, straight_road
from planning.idm import IdmPlanner
from sim.scenarios.r157_cases import BrakingLead, CutIn, traffic_of
from sim.scenarios.r157_grid import sight_at


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
