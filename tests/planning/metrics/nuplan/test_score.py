"""The score: equal to the reference where it is published, and losing what it should for a stated cause."""

import gzip
import json

import numpy as np
import pytest

from geometry.errors import ContractError, InputError
from planning.metrics.nuplan.drive_file import read_drive, read_record
from planning.metrics.nuplan.score import score

FRONT_M = 4.049


def test_quiet_drive_loses_nothing(build):
    judged = score(build.cruise(10.0))
    assert judged.total == 1.0
    assert all(result.passed for result in judged.results())
    assert judged.results()[0].cause == "nothing lost"


def test_running_into_a_standing_car_names_track_time_and_place(build):
    judged = score(build.cruise(10.0, ("vehicle", 40.0, 0.0, 0.0, 0.0)))
    (hit,) = judged.collisions.collisions
    # Ego's front meets the car's rear (38 m) after 33.951 m.
    assert hit.step == 34
    assert (hit.kind, hit.at_fault) == ("stopped_track", True)
    assert hit.delta_v_mps == pytest.approx(5.0)
    assert judged.total == 0.0
    result = judged.collisions.result
    assert "t0" in result.cause
    assert result.t_s == pytest.approx(3.4)
    assert result.x_m == pytest.approx(34.0 + 1.461)


def test_car_that_runs_into_the_rear_is_not_the_egos_fault(build):
    judged = score(build.cruise(5.0, ("vehicle", -20.0 + 12.0 * build.t_s, 0.0, 0.0, 12.0)))
    assert [hit.kind for hit in judged.collisions.collisions] == ["active_rear"]
    assert judged.collisions.score == 1.0


def test_one_cone_costs_half_and_two_all(build):
    cones = [("traffic_cone", 30.0, 0.0, 0.0, 0.0), ("traffic_cone", 40.0, 0.0, 0.0, 0.0)]
    assert score(build.cruise(10.0, cones[0])).collisions.score == 0.5
    assert score(build.cruise(10.0, *cones)).collisions.score == 0.0


def test_moving_cone_counts_as_standing(build):
    judged = score(build.cruise(10.0, ("traffic_cone", 30.0 + 2.0 * build.t_s, 0.0, 0.0, 2.0)))
    assert judged.collisions.collisions[0].kind == "stopped_track"


def test_sideswipe_in_the_own_lane_is_not_the_egos_fault_but_between_lanes_it_is(build):
    merging = ("vehicle", 10.0 * build.t_s + 1.0, np.maximum(4.5 - 1.0 * build.t_s, 1.0), 0.0, 10.0)
    own_lane = score(build.cruise(10.0, merging))
    assert own_lane.collisions.collisions[0].kind == "active_lateral"
    assert own_lane.collisions.score == 1.0
    straddling = score(build.cruise(10.0, merging, y=1.2))
    assert straddling.collisions.collisions[0].kind == "active_lateral"
    assert straddling.collisions.score == 0.0


@pytest.mark.parametrize(("outside_m", "score_"), [(0.25, 1.0), (0.35, 0.0)])
def test_corner_may_leave_the_drivable_area_by_less_than_the_tolerance(build, outside_m, score_):
    judged = score(build.cruise(10.0, y=-3.0 - outside_m + 0.5 * 2.297))
    assert judged.drivable_area.score == score_
    assert not judged.drivable_area.corners_inside.any()


def test_shoulder_is_drivable_though_no_lane(build):
    judged = score(build.cruise(10.0, y=-1.5))
    assert judged.drivable_area.corners_inside.all()
    assert not judged.view.lanes.in_lane.any()


@pytest.mark.parametrize(("speed", "score_"), [(1.8, 1.0), (1.9, 0.5), (5.4, 0.5), (5.5, 0.0)])
def test_driving_against_the_lane_is_measured_over_one_second(build, speed, score_):
    drive = build.cruise(-speed, yaw=np.pi)
    drive = build.replace(drive, ego=build.replace(drive.ego, x_m=drive.ego.x_m + 100.0))
    judged = score(drive)
    # Eleven samples of 0.1 s, as the reference counts a second.
    assert judged.direction.last_second_m[-1] == pytest.approx(-1.1 * speed)
    assert judged.direction.score == score_


def test_progress_is_the_ratio_to_the_expert(build):
    judged = score(build.cruise(5.0, expert_speed=10.0))
    assert judged.progress.score == pytest.approx(0.5)
    assert judged.progress.ego_m == pytest.approx(40.0)
    assert judged.total == pytest.approx((5 * 0.5 + 5 + 4 + 2) / 16)


def test_no_progress_multiplies_the_score_by_zero(build):
    judged = score(build.cruise(0.0, expert_speed=11.0))
    # Below two metres progress counts as two metres: 2 / 88.
    assert judged.progress.score == pytest.approx(2.0 / 88.0)
    assert judged.progress.making_progress == 0.0
    assert judged.total == 0.0


def test_without_an_expert_nothing_is_lost_for_progress(build):
    assert score(build.replace(build.cruise(0.0), expert=None)).progress.score == 1.0


def test_time_to_collision_is_the_first_projected_contact(build):
    # Same speed difference throughout: gap from front to rear is 20 - 4.049 - 2 m, closing with 5 m/s.
    judged = score(build.cruise(10.0, ("vehicle", 20.0 + 5.0 * build.t_s, 0.0, 0.0, 5.0)))
    gaps = 20.0 - 2.0 - FRONT_M - 5.0 * build.t_s[:5]
    ours = judged.time_to_collision.per_step_s[:5]
    assert ours == pytest.approx(np.ceil(gaps / 5.0 / 0.1 - 1e-9) * 0.1)
    assert judged.time_to_collision.score == 0.0


def test_oncoming_reversing_car_is_projected_forwards_as_the_reference_does(build):
    drive = build.cruise(10.0, ("vehicle", -9.0, 0.0, np.pi, 0.5))
    backwards = build.replace(drive, motion=build.replace(drive.motion, vx_mps=-drive.motion.vx_mps))
    assert score(backwards).time_to_collision.per_step_s == pytest.approx(score(drive).time_to_collision.per_step_s)


def test_car_beside_matters_only_between_lanes(build):
    beside = ("vehicle", 10.0 * build.t_s + 1.0, 3.6, -0.3, 10.0)
    assert score(build.cruise(10.0, beside)).time_to_collision.score == 1.0
    assert score(build.cruise(10.0, beside, y=1.0)).time_to_collision.score == 0.0


def test_speeding_costs_its_integral(build):
    judged = score(build.cruise(16.0, roads=build.roads(15.0)))
    # 81 samples of 1 m/s over 8 s.
    assert judged.speed_limit.score == pytest.approx(1.0 - 81 * 0.1 / (2.23 * 8.0))
    assert "57.6 km/h where 54 km/h are allowed" in judged.speed_limit.result.cause


@pytest.mark.parametrize("limit", [None, 0.0])
def test_unknown_limit_is_none(build, limit):
    assert score(build.cruise(40.0, roads=build.roads(limit))).speed_limit.score == 1.0


def test_hard_braking_is_uncomfortable_and_says_so(build):
    drive = build.cruise(10.0)
    braking = build.replace(drive.motion, ax_mps2=np.where(build.t_s > 4.0, -5.0, 0.0))
    judged = score(build.replace(drive, motion=braking))
    assert judged.comfort.score == 0.0
    assert "longitudinal acceleration -5" in judged.comfort.result.cause
    assert judged.total == pytest.approx(14.0 / 16.0)


def test_jerk_of_a_ramp_is_its_slope(build):
    drive = build.cruise(10.0)
    ramp = build.replace(drive.motion, ax_mps2=0.2 * build.t_s)
    signals = score(build.replace(drive, motion=ramp)).comfort.signals
    assert signals["lon_jerk"][12:-12] == pytest.approx(0.2, abs=1e-7)


def test_track_on_the_axis_has_a_bearing_of_zero_not_an_undefined_one(build):
    view = score(build.cruise(10.0, ("vehicle", 37.3 + 7.0 * build.t_s, 0.0, 0.0, 7.0), yaw=0.0)).view
    assert np.all(view.bearing_rad == 0.0)


def test_too_short_drive_is_refused(build):
    drive = build.cruise(10.0)
    cut = [
        build.replace(part, **{n: getattr(part, n)[:3] for n in part.__dataclass_fields__})
        for part in (drive.ego, drive.motion)
    ]
    tracks = build.tracks(steps=3)
    with pytest.raises(ContractError, match="at least 5 samples"):
        score(build.replace(drive, ego=cut[0], motion=cut[1], tracks=tracks))


def test_damaged_file_is_refused_with_its_name(tmp_path):
    path = tmp_path / "scene.json.gz"
    path.write_bytes(b"no gzip")
    with pytest.raises(InputError, match=r"scene\.json\.gz"):
        read_drive(path)


def test_missing_key_is_named(tmp_path):
    path = tmp_path / "scene.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"inputs": {"vehicle": {}, "ego": {}}}).encode()))
    with pytest.raises(InputError, match="time_us"):
        read_drive(path)


def test_published_scenes_have_the_published_scores(data):
    files = sorted((data / "nuplan_oracle" / "scenes").glob("*.json.gz"))[::4]
    assert files
    for path in files:
        record = read_record(path)
        clipped = "nan_bearing" in record["tags"]
        expected = {**record["expected"], **(record["expected_clipped"] if clipped else {})}
        ours = score(read_drive(path))
        assert ours.sub_scores() == pytest.approx(expected["scores"], abs=1e-6), path.name
        assert ours.total == pytest.approx(expected["score"], abs=1e-6), path.name
