"""Our own drives are judged by the same score."""

import numpy as np
import pytest

from geometry.errors import ContractError
from lanewise.grid import straight_road
from planning.metrics.nuplan.from_rollout import drive_of_rollout, roads_of
from planning.metrics.nuplan.score import score


def test_roads_keep_lanes_blocks_and_limits():
    roads = roads_of(straight_road(), np.array([[0.0, 0.0]]))
    assert [item.id for item in roads.objects] == ["left", "ego", "right"]
    assert {item.block for item in roads.objects} == {"left"}
    assert all(item.is_lane and item.speed_limit_mps is None for item in roads.objects)
    assert roads.blocks["left"].area == pytest.approx(sum(item.surface.area for item in roads.objects))


def test_drive_is_resampled_to_tenths_of_a_second(road):
    t_s = road.times(6.0)
    drive = drive_of_rollout(road.drive(t_s, road.ego(10.0 * t_s), road.other(10.0 * t_s + 30.0)), straight_road())
    assert np.diff(drive.ego.time_us).tolist() == [100_000] * 60
    assert drive.ego.x_m == pytest.approx(np.arange(61.0))
    assert drive.tracks.x_m[:, 0] == pytest.approx(np.arange(61.0) + 30.0)


def test_only_what_the_stack_drove_is_judged(road):
    t_s = road.times(6.0)
    drive = drive_of_rollout(road.drive(t_s, road.ego(10.0 * t_s), engaged=t_s >= 2.0), straight_road())
    assert drive.ego.x_m[0] == pytest.approx(20.0)
    with pytest.raises(ContractError, match="nothing to judge"):
        drive_of_rollout(road.drive(t_s, road.ego(10.0 * t_s), engaged=t_s > 7.0), straight_road())


def test_running_into_the_lead_scores_zero_and_says_where(road):
    t_s = road.times(6.0)
    crash = road.drive(t_s, road.ego(10.0 * t_s), road.other(0.0 * t_s + 40.0, name="Lead"))
    judged = score(drive_of_rollout(crash, straight_road()))
    assert judged.total == 0.0
    touch_s = (40.0 - road.half_length_m - road.front_m) / 10.0
    assert judged.collisions.result.t_s == pytest.approx(touch_s, abs=0.1)
    assert "Lead" in judged.collisions.result.cause


def test_progress_is_compared_with_the_experts_drive(road):
    t_s = road.times(6.0)
    ours, expert = road.drive(t_s, road.ego(5.0 * t_s)), road.drive(t_s, road.ego(10.0 * t_s))
    assert score(drive_of_rollout(ours, straight_road(), expert)).progress.score == pytest.approx(0.5)
    assert score(drive_of_rollout(ours, straight_road())).progress.score == 1.0
