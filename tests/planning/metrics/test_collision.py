"""Contacts: who ran into whom, and which the regulation asks to avoid."""

from __future__ import annotations

import numpy as np
import pytest

from motion.careful_driver import CAREFUL, react_at_once, react_to_cut_in
from planning.metrics import avoidable, collision
from planning.metrics.careful_counterpart import careful_outcome
from planning.metrics.collision import first_contact
from planning.metrics.r157 import verdict

SPEED = 60.0 / 3.6


def test_driving_into_a_parked_car_is_the_egos_doing(road):
    t_s = road.times(10.0)
    view = road.view(t_s, road.ego(SPEED * t_s), road.other(0.0 * t_s + 80.0, name="Parked"))
    result = collision.compute(view)
    assert not result.passed
    assert result.value == pytest.approx(SPEED, abs=0.01)
    assert result.t_s == pytest.approx((80.0 - road.half_length_m - road.front_m) / SPEED, abs=0.03)
    assert result.cause.startswith("ego ran into Parked")


def test_being_run_into_from_behind_is_the_others_doing_in_every_verdict(road):
    t_s = road.times(10.0)
    follower = road.other(25.0 * t_s - 40.0, name="Follower")
    drive = road.drive(t_s, road.ego(SPEED * t_s), follower)
    view = road.view(t_s, road.ego(SPEED * t_s), follower)
    assert collision.compute(view).passed
    assert "Follower ran into the rear of the ego" in collision.compute(view).cause
    assert avoidable.compute(view).passed
    assert verdict(drive, road.lane()).passed


def test_being_hit_while_standing_is_the_others_doing(road):
    t_s = road.times(10.0)
    oncoming = road.other(60.0 - 8.0 * t_s)
    view = road.view(t_s, road.ego(0.0 * t_s), oncoming)
    contact = first_contact(view)
    assert contact is not None
    assert (contact.side, contact.by_other) == ("front", True)


@pytest.mark.parametrize(("from_m", "side"), [(3.5, "left"), (-3.5, "right")])
def test_a_vehicle_that_moves_sideways_into_the_ego_is_named_with_the_side(road, from_m, side):
    t_s = road.times(10.0)
    drifting = road.other(SPEED * t_s + 1.0, road.sideways(t_s, from_m, 0.0, 1.0, from_s=3.0), name="Drifter")
    contact = first_contact(road.view(t_s, road.ego(SPEED * t_s), drifting))
    assert contact is not None
    assert contact.side == side
    assert contact.sentence.startswith(f"Drifter moved sideways into the ego ({side} of the ego)")


def test_ego_that_moves_sideways_into_its_neighbour_is_named(road):
    t_s = road.times(10.0)
    ego = road.ego(SPEED * t_s, road.sideways(t_s, 0.0, 3.0, 1.0, from_s=3.0), yaw=0.0 * t_s)
    contact = first_contact(road.view(t_s, ego, road.other(SPEED * t_s + 1.0, 3.5)))
    assert contact is not None
    assert contact.sentence.startswith("ego moved sideways into Other")


def test_hitting_what_was_in_view_all_along_fails_because_the_careful_driver_stops(road):
    t_s = road.times(15.0)
    view = road.view(t_s, road.ego(SPEED * t_s), road.other(0.0 * t_s + 150.0))
    result = avoidable.compute(view)
    assert not result.passed
    assert "the careful driver, reacting at t = 0.00 s, avoids it" in result.cause


def test_lead_that_brakes_hard_must_not_be_hit_from_the_required_distance(road):
    t_s = road.times(15.0)
    gap_m = 1.6 * SPEED
    lead = road.other(road.front_m + gap_m + road.half_length_m + road.braking(t_s, SPEED, 6.0, from_s=4.0))
    late = road.ego(road.braking(t_s, SPEED, 6.0, from_s=6.5))
    view = road.view(t_s, late, lead)
    contact = first_contact(view)
    assert contact is not None
    outcome = careful_outcome(view, contact)
    assert (outcome.kind, outcome.avoided) == ("lead", True)
    assert view.rollout.t_s[outcome.trigger] == pytest.approx(4.0, abs=0.1)
    assert not avoidable.compute(view).passed


# --- cut-ins ---------------------------------------------------------------------------------------------------------


def cutter(road, t_s, gap_m, lateral_mps, speed_mps=20.0 / 3.6, from_s=2.0):
    """One that starts to move over when its rear is `gap_m` ahead of an ego that drives SPEED."""
    x = from_s * SPEED + road.front_m + gap_m + road.half_length_m + speed_mps * (t_s - from_s)
    offset = road.sideways(t_s, 3.5, 0.0, lateral_mps, from_s)
    return road.other(x, offset, name="CutInVehicle", yaw=0.0 * t_s)


def careful_ego(road, t_s, gap_m, lateral_mps, late_s=0.0, speed_mps=20.0 / 3.6, from_s=2.0):
    """An ego that does what the careful driver does, `late_s` later."""
    closing = SPEED - speed_mps
    rear = from_s * closing + gap_m + speed_mps * t_s
    # The side of the box comes into the strip 1 m beside the middle when its own middle is 2 m away from it.
    inside = t_s > from_s + (3.5 - 2.0) / lateral_mps + late_s
    drive = react_to_cut_in(CAREFUL, t_s, SPEED, rear, 0.0 * t_s + speed_mps, inside, 9.0)
    return road.ego(drive.travelled_m)


def test_unavoidable_collision_passes_at_careful_drivers_impact_speed(road):
    t_s = road.times(8.0)
    scene = {"gap_m": 27.0, "lateral_mps": 1.6}
    view = road.view(t_s, careful_ego(road, t_s, **scene), cutter(road, t_s, **scene))
    contact = first_contact(view)
    assert contact is not None
    outcome = careful_outcome(view, contact)
    assert (outcome.kind, outcome.avoided) == ("cut-in", False)
    result = avoidable.compute(view)
    assert result.passed
    assert result.limit is not None
    # The ego of this test reacts as the box enters; the driver within one sample of the record of it.
    assert result.value == pytest.approx(result.limit - 1.0 / 3.6, abs=0.35)


def test_unavoidable_collision_hit_harder_than_the_careful_driver_does_fails(road):
    t_s = road.times(8.0)
    scene = {"gap_m": 27.0, "lateral_mps": 1.6}
    view = road.view(t_s, careful_ego(road, t_s, late_s=0.3, **scene), cutter(road, t_s, **scene))
    result = avoidable.compute(view)
    assert not result.passed
    assert "the careful driver, reacting at" in result.cause
    assert "hits it with" in result.cause


def test_slow_cut_in_with_time_enough_must_be_avoided_by_the_regulations_condition(road):
    t_s = road.times(10.0)
    # At 0.5 m/s the other has been moving for 1.6 s and more when its wheel is 0.3 m in the lane.
    other = cutter(road, t_s, gap_m=60.0, lateral_mps=0.5)
    result = avoidable.compute(road.view(t_s, road.ego(SPEED * t_s), other))
    assert not result.passed
    assert "5.2.5.2" in result.cause


def test_a_vehicle_is_in_the_lane_when_its_wheel_is_thirty_centimetres_past_the_mark(road):
    t_s = road.times(10.0)
    view = road.view(t_s, road.ego(SPEED * t_s), cutter(road, t_s, gap_m=60.0, lateral_mps=0.5))
    index = avoidable.lane_intrusion(view, 0, len(t_s) - 1)
    assert index is not None
    # Its right wheels start 3.5 - 1 = 2.5 m from the middle of the lane; the mark is at 1.75 m.
    assert t_s[index] == pytest.approx(2.0 + (2.5 - (1.75 - 0.3)) / 0.5, abs=0.03)


def test_case_that_the_regulations_driver_closes_as_no_danger_must_be_avoided(road):
    t_s = road.times(10.0)
    # Fast sideways, so that 5.2.5.2 does not hold; 2.6 s to collision when it enters the path.
    other = cutter(road, t_s, gap_m=38.0, lateral_mps=2.5)
    view = road.view(t_s, road.ego(SPEED * t_s), other)
    contact = first_contact(view)
    assert contact is not None
    assert careful_outcome(view, contact).avoided
    result = avoidable.compute(view)
    assert not result.passed
    assert "5.2.5.2" not in result.cause


def test_one_that_cut_in_calmly_and_brakes_later_is_a_lead_like_any_other(road):
    t_s = road.times(16.0)
    x = road.front_m + 30.0 + road.half_length_m + road.braking(t_s, SPEED, 8.0, from_s=9.0)
    other = road.other(x, road.sideways(t_s, 3.5, 0.0, 0.7, from_s=1.0), yaw=0.0 * t_s)
    view = road.view(t_s, road.ego(SPEED * t_s), other)
    contact = first_contact(view)
    assert contact is not None
    outcome = careful_outcome(view, contact)
    assert outcome.kind == "lead"
    assert view.rollout.t_s[outcome.trigger] == pytest.approx(9.0, abs=0.1)
    assert "5.2.5.2" not in avoidable.compute(view).cause


# --- cut-outs and pedestrians ----------------------------------------------------------------------------------------


def test_careful_driver_sees_the_parked_car_when_the_leader_has_left_the_wandering_zone(road):
    t_s = road.times(12.0)
    leader = road.other(SPEED * t_s + 2.0 * SPEED, road.sideways(t_s, 0.0, -4.0, 1.0, from_s=3.0), name="Leader")
    parked = road.other(0.0 * t_s + 115.0, name="Parked")
    view = road.view(t_s, road.ego(SPEED * t_s), leader, parked)
    contact = first_contact(view)
    assert contact is not None
    outcome = careful_outcome(view, contact)
    assert outcome.kind == "cut-out"
    assert view.rollout.t_s[outcome.trigger] == pytest.approx(3.0 + CAREFUL.wandering_m, abs=0.05)
    stop_m = react_at_once(CAREFUL, t_s, SPEED).travelled_m[-1]
    reach_m = 115.0 - road.half_length_m - road.front_m - SPEED * (3.0 + CAREFUL.wandering_m)
    assert outcome.avoided is bool(stop_m < reach_m)


def test_crossing_pedestrian_in_the_middle_of_the_ego_must_be_avoided(road):
    t_s = road.times(10.0)
    x = 60.0
    arrival_s = (x - road.front_m) / SPEED
    pace = 5.0 / 3.6
    walker = road.other(0.0 * t_s + x, pace * (arrival_s - t_s), shape=road.pedestrian, name="Walker")
    result = avoidable.compute(road.view(t_s, road.ego(SPEED * t_s), walker))
    assert not result.passed
    assert "5.2.5.3" in result.cause


def test_crossing_pedestrian_at_the_edge_of_the_ego_is_judged_by_the_careful_driver(road):
    t_s = road.times(10.0)
    x, pace = 60.0, 5.0 / 3.6
    arrival_s = (x - road.front_m) / SPEED
    walker = road.other(0.0 * t_s + x, 0.6 + pace * (arrival_s - t_s), shape=road.pedestrian)
    result = avoidable.compute(road.view(t_s, road.ego(SPEED * t_s), walker))
    assert result.passed
    assert "the careful driver" in result.cause


def test_pedestrian_who_runs_into_the_path_at_the_last_moment_is_unavoidable(road):
    t_s = road.times(10.0)
    x = 60.0
    arrival_s = (x - road.front_m) / SPEED
    runner = road.other(0.0 * t_s + x, np.maximum(4.0 * (arrival_s - t_s), -0.0) + 0.5, shape=road.pedestrian)
    result = avoidable.compute(road.view(t_s, road.ego(SPEED * t_s), runner))
    assert result.passed
