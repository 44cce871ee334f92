"""Ghosts, births, motion and late frames of the tracker."""

from dataclasses import replace

import numpy as np
import pytest

from bus.memory import decode_memory, encode_memory
from bus.messages import EntityKind, Envelope, Objects, Odometry
from bus.node import Received, Tick
from geometry.pose import IDENTITY, Pose
from perception.track_state import TrackerSettings
from perception.tracker import TrackerMemory, empty, message_of, node, track

SETTINGS = TrackerSettings()
UNKNOWN = 1e4
"""1-sigma, as a share, of ranges by the ground that are not known."""
SURE = 0.95
"""From this existence on planners brake hard (`planning.certainty`)."""


def objects(*places: tuple[float, float], sigma_m: float = 0.3, score: float = 1.0, ground: float = 0.06) -> Objects:
    """Cars; `ground` is the 1-sigma of their ranges by the ground, as a share."""
    x, y = np.array(places).reshape(-1, 2).T
    n = len(x)
    one, far = np.ones(n), np.hypot(x, y)
    return Objects(
        np.zeros(n, dtype=np.int64),
        score * one,
        x,
        y,
        0 * one,
        4.5 * one,
        1.8 * one,
        1.5 * one,
        np.tile(sigma_m**2 * np.eye(2), (n, 1, 1)),
        np.stack((far, sigma_m * one, far, ground * far), axis=-1),
    )


def fed(memory: TrackerMemory, frame: int, seen: Objects, pose: Pose = IDENTITY) -> TrackerMemory:
    return track(SETTINGS, memory, seen, pose, frame * 100_000_000)


def test_a_car_in_front_is_confirmed_in_the_third_frame_and_not_before() -> None:
    memory, counts = empty(), []
    for frame in range(3):
        memory = fed(memory, frame, objects((30.0, 0.0)))
        counts.append(len(message_of(SETTINGS, memory.tracks, IDENTITY).ids))
    assert counts == [0, 0, 1]


def test_a_one_frame_ghost_is_never_confirmed() -> None:
    memory = fed(empty(), 0, objects((15.0, 0.0)))
    for frame in range(1, 20):
        memory = fed(memory, frame, objects())
        assert len(message_of(SETTINGS, memory.tracks, IDENTITY).ids) == 0
    assert len(memory.tracks.ids) == 0


def test_velocity_in_odom_does_not_depend_on_the_motion_of_the_ego() -> None:
    rng, memory = np.random.default_rng(1), empty()
    for frame in range(30):
        ego = Pose(2.0 * frame, 0.0, 0.02 * frame)
        place = np.array((40.0 + 1.0 * frame, 3.0)) + rng.normal(0.0, 0.2, 2)
        memory = fed(memory, frame, objects(tuple(ego.inverse() @ place), sigma_m=0.2), ego)
    said = message_of(SETTINGS, memory.tracks, ego)
    assert len(said.ids) == 1
    assert said.vx_mps[0] == pytest.approx(10.0, abs=1.3)
    assert said.vy_mps[0] == pytest.approx(0.0, abs=1.0)


def lead(braking_s: float, deceleration_mps2: float, seed: int = 3) -> tuple[TrackerMemory, float]:
    """A lead 25 m ahead of an ego that does as it does: 15 m/s for 3 s, then braking; its speed at the end."""
    rng, memory, x, speed = np.random.default_rng(seed), empty(), 25.0, 15.0
    for frame in range(30 + round(braking_s * 10)):
        speed = max(speed - (0.1 * deceleration_mps2 if frame >= 30 else 0.0), 0.0)
        x += 0.1 * speed
        ego = Pose(x - 25.0, 0.0, 0.0)
        memory = fed(memory, frame, objects(tuple(ego.inverse() @ np.array((x + rng.normal(0.0, 0.15), 0.0)))), ego)
    return memory, speed


def test_a_lead_that_brakes_hard_is_told_to_brake_and_one_that_drives_on_is_not() -> None:
    for seed in range(5):
        braking, speed = lead(0.9, 8.0, seed)
        said = message_of(SETTINGS, braking.tracks, IDENTITY)
        assert -14.0 < said.acceleration_mps2[0] < -2.0
        assert said.vx_mps[0] == pytest.approx(speed, abs=2.5)
        steady, speed = lead(0.9, 0.0, seed)
        said = message_of(SETTINGS, steady.tracks, IDENTITY)
        assert said.acceleration_mps2[0] == pytest.approx(0.0, abs=0.3)
        assert said.vx_mps[0] == pytest.approx(speed, abs=1.0)


def test_a_lead_that_has_stopped_is_known_to_stand() -> None:
    for seed in range(5):
        stopped, speed = lead(4.0, 6.0, seed)
        said = message_of(SETTINGS, stopped.tracks, IDENTITY)
        assert speed == 0.0
        assert said.vx_mps[0] == pytest.approx(0.0, abs=0.2)
        assert np.sqrt(said.covariance[0, 2, 2]) < 0.4


def test_two_crossing_cars_keep_their_ids() -> None:
    memory = empty()
    for frame in range(30):
        t = 0.1 * frame
        memory = fed(memory, frame, objects((20.0 + 10.0 * t, 2.0), (50.0 - 10.0 * t, -2.0)))
    said = message_of(SETTINGS, memory.tracks, IDENTITY)
    assert dict(zip(said.ids.tolist(), np.sign(said.vx_mps).tolist(), strict=True)) == {0: 1.0, 1: -1.0}


def test_what_is_seen_again_and_again_with_doubt_is_not_told() -> None:
    doubted, believed = empty(), empty()
    for frame in range(30):
        doubted = fed(doubted, frame, objects((40.0, 0.0), score=0.3))
        believed = fed(believed, frame, objects((40.0, 0.0), score=0.6))
    assert len(message_of(SETTINGS, doubted.tracks, IDENTITY).ids) == 0
    assert len(message_of(SETTINGS, believed.tracks, IDENTITY).ids) == 1


@pytest.mark.parametrize(("score", "sure"), [(0.45, False), (0.5, False), (0.65, True), (0.85, True)])
def test_what_is_seen_with_doubt_is_never_surely_there_and_what_is_seen_well_is_when_first_told(
    score: float, sure: bool
) -> None:
    """However often it is seen, and just where it was: a net is mistaken again where it sees the same again."""
    memory, told = empty(), []
    for frame in range(30):
        memory = fed(memory, frame, objects((20.0, 1.0), score=score))
        told += message_of(SETTINGS, memory.tracks, IDENTITY).existence.tolist()
    assert len(told) == 28
    assert (np.array(told) >= SURE).all() if sure else (np.array(told) < SURE).all()


def test_two_ranges_of_one_far_object_are_one_track() -> None:
    memory = empty()
    for frame in range(20):
        seen = [(100.0, 0.2)] if frame % 3 else [(100.0, 0.2), (106.0, 0.0)]
        memory = fed(memory, frame, objects(*seen, sigma_m=3.0))
    assert len(message_of(SETTINGS, memory.tracks, IDENTITY).ids) == 1


def test_two_cars_side_by_side_stay_two_tracks() -> None:
    memory = empty()
    for frame in range(20):
        memory = fed(memory, frame, objects((60.0, 0.0), (61.0, 3.5), sigma_m=1.0))
    assert len(message_of(SETTINGS, memory.tracks, IDENTITY).ids) == 2


def test_a_far_object_is_told_once_its_speed_is_known() -> None:
    """With 8 m of noise in range the first three detections say nothing of speed; a planner would brake for a guess."""
    rng, memory, told = np.random.default_rng(4), empty(), []
    for frame in range(20):
        memory = fed(memory, frame, objects((100.0 + rng.normal(0.0, 4.0), 0.0), sigma_m=8.0))
        told.append(len(message_of(SETTINGS, memory.tracks, IDENTITY).ids))
    assert told[2] == 0
    assert told[-1] == 1


def test_a_car_at_speed_heads_where_it_moves_whatever_the_picture_says() -> None:
    memory = empty()
    for frame in range(20):
        memory = fed(memory, frame, objects((20.0, 2.0 * frame)))
    assert message_of(SETTINGS, memory.tracks, IDENTITY).yaw_rad[0] == pytest.approx(np.pi / 2, abs=0.1)


def braking_car(frames: int, begins: int) -> list[tuple[float, float]]:
    """Place and speed per frame of a car that brakes with 9.8 m/s^2 from frame `begins` on."""
    x, v, said = 40.0, 16.7, []
    for frame in range(frames):
        said.append((x, v))
        v = max(v - 0.98, 0.0) if frame >= begins else v
        x += 0.1 * v
    return said


def test_hard_braking_is_known_soon_and_a_steady_speed_stays_steady() -> None:
    """Detections with 0.8 m of noise of their own; a filter that believes in steady speeds alone is 9 m/s behind."""
    rng, memory, errors = np.random.default_rng(3), empty(), []
    for frame, (x, v) in enumerate(braking_car(60, 35)):
        memory = fed(memory, frame, objects((x + rng.normal(0.0, 0.8), 0.0), sigma_m=1.6))
        if frame > 20:
            errors.append(float(message_of(SETTINGS, memory.tracks, IDENTITY).vx_mps[0]) - v)
    steady, after = np.array(errors[:15]), np.array(errors[30:])
    assert np.sqrt(np.mean(steady**2)) < 1.6
    assert max(errors[14:30]) < 7.5
    assert np.abs(after).max() < 4.5


def test_a_range_that_creeps_makes_nobody_run() -> None:
    """Who walks across is said ever nearer (by 3 m/s over half a second): no walker comes along the road like that."""
    said = {}
    for kind in (EntityKind.CAR, EntityKind.PEDESTRIAN):
        memory = empty()
        for frame in range(30):
            creep = 0.3 * min(max(frame - 24, 0), 5)
            seen = objects((22.0 - creep, -3.0 + 0.14 * frame), sigma_m=0.8)
            known = np.diag((0.8**2, 0.1**2))[None]
            memory = fed(memory, frame, replace(seen, kinds=np.array([kind]), covariance=known))
        said[kind] = message_of(SETTINGS, memory.tracks, IDENTITY)
    assert said[EntityKind.CAR].vx_mps[0] < -1.2
    assert said[EntityKind.PEDESTRIAN].vx_mps[0] > -0.8
    assert said[EntityKind.PEDESTRIAN].vy_mps[0] == pytest.approx(1.4, abs=0.4)


@pytest.mark.parametrize("ground", [0.06, UNKNOWN])
def test_nobody_comes_because_all_ranges_by_size_are_said_too_far(ground: float) -> None:
    """The ego drives with 14 m/s towards somebody who stands there and is said 8 % too far: 1.1 m/s, if believed."""
    memory = empty()
    for frame in range(30):
        ego, far = Pose(1.4 * frame, 0.0, 0.0), 60.0 - 1.4 * frame
        seen = objects((1.08 * far, 0.0))
        known, ranges = np.diag((1.0**2, 0.1**2))[None], np.array(((1.08 * far, 1.0, far, ground * far),))
        seen = replace(seen, kinds=np.array([EntityKind.PEDESTRIAN]), covariance=known, ranges_m=ranges)
        memory = fed(memory, frame, seen, ego)
    said = message_of(SETTINGS, memory.tracks, ego)
    assert abs(said.vx_mps[0]) < 0.4
    assert abs(said.x_m[0] - 60.0) < 1.0


def test_who_is_taller_than_his_class_is_where_he_meets_the_ground() -> None:
    """A car 40 m ahead, by its size 36 m in every picture; the ground tells it well on average, but not in one."""
    rng, memory, errors = np.random.default_rng(5), empty(), []
    for frame in range(60):
        ground_m = 40.0 * (1.0 + 0.06 * float(rng.standard_normal()))
        seen = objects((38.0, 0.0), sigma_m=1.5)
        memory = fed(memory, frame, replace(seen, ranges_m=np.array(((36.0, 2.0, ground_m, 0.06 * 40.0),))))
        errors.append(float(memory.tracks.state[0, 0]) - 40.0)
    assert abs(errors[-1]) < 1.2
    assert abs(errors[-1]) < 2.0 * np.sqrt(memory.tracks.covariance[0, 0, 0])
    said = message_of(SETTINGS, memory.tracks, IDENTITY)
    assert abs(said.vx_mps[0]) < 0.4


def test_who_is_taken_for_another_kind_does_not_jump() -> None:
    """Its near side, 2 m to the right, stays where it is; its middle is where its kind's width puts it."""
    memory, sideways = empty(), []
    for frame in range(40):
        motorcycle = frame >= 30
        seen = objects((0.5, -2.4 if motorcycle else -2.95))
        if motorcycle:
            narrow = {"length_m": np.array([2.2]), "width_m": np.array([0.8])}
            seen = replace(seen, kinds=np.array([EntityKind.MOTORCYCLE]), **narrow)
        else:
            seen = replace(seen, width_m=np.array([1.9]))
        memory = fed(memory, frame, seen)
        if frame >= 20:
            sideways.append(float(message_of(SETTINGS, memory.tracks, IDENTITY).vy_mps[0]))
    assert np.abs(sideways).max() < 0.3


def test_a_motorcycle_beside_that_is_taken_for_a_car_across_the_road_does_not_jump() -> None:
    """Seen from the side, a car that is none has no heading to speak of."""
    memory, sideways = empty(), []
    for frame in range(40):
        ego = Pose(1.6 * frame, 0.0, 0.0)
        car = frame in (30, 31, 33)
        seen = objects((0.2, -3.2 if car else -2.6), score=0.6)
        if car:
            seen = replace(seen, yaw_rad=np.array([0.87]))
        else:
            narrow = {"length_m": np.array([2.2]), "width_m": np.array([0.8])}
            seen = replace(seen, kinds=np.array([EntityKind.MOTORCYCLE]), **narrow)
        memory = fed(memory, frame, seen, ego)
        if frame >= 20:
            sideways += message_of(SETTINGS, memory.tracks, ego).vy_mps.tolist()
    assert len(sideways) == 20
    assert np.abs(sideways).max() < 0.5


def test_who_drives_beside_is_known_less_well_than_one_ahead() -> None:
    spread = []
    for place in ((1.0, 2.0), (9.0, 2.0)):
        memory = empty()
        for frame in range(20):
            memory = fed(memory, frame, objects(place, sigma_m=0.1))
        spread.append(message_of(SETTINGS, memory.tracks, IDENTITY).covariance[0, 1, 1])
    assert spread[0] > 2.0 * spread[1]


def test_what_all_detections_are_wrong_by_stays_in_the_covariance() -> None:
    """Averaging does not help against an object that always seems too near."""
    memory = empty()
    for frame in range(40):
        memory = fed(memory, frame, objects((40.0, 0.0), sigma_m=2.0, ground=UNKNOWN))
    said = message_of(SETTINGS, memory.tracks, IDENTITY)
    assert 2.2 < np.sqrt(said.covariance[0, 0, 0]) < 3.4, "8 % of 40 m"
    for frame in range(40, 80):
        memory = fed(memory, frame, objects((40.0, 0.0), sigma_m=2.0))
    said = message_of(SETTINGS, memory.tracks, IDENTITY)
    assert 0.6 < np.sqrt(said.covariance[0, 0, 0]) < 1.2, "a camera that leans stays in it, too"


def test_memory_survives_the_codec() -> None:
    memory = fed(empty(), 0, objects((15.0, 0.0), (30.0, 3.0)))
    back = decode_memory(encode_memory(memory))
    assert np.array_equal(
        fed(back, 1, objects((15.0, 0.0))).tracks.state, fed(memory, 1, objects((15.0, 0.0))).tracks.state
    )


def test_twenty_objects_around_the_car_are_twenty_tracks() -> None:
    around = 2.0 * np.pi * np.arange(20) / 20
    seen, memory = objects(*zip(30.0 * np.cos(around), 30.0 * np.sin(around), strict=True)), empty()
    for frame in range(100):
        memory = fed(memory, frame, seen)
    assert len(memory.tracks.ids) == 20


def test_a_late_frame_is_placed_by_the_odometry_of_its_own_instant() -> None:
    def told(topic: str, at_ms: int, message: object) -> Tick:
        received = Received(Envelope(topic, "test", 0, at_ms * 10**6, 0, 0), message)
        return Tick(1_000_000_000, {topic: received}, received, np.random.default_rng(0))

    tracker = node(SETTINGS)
    memory = tracker.memory
    for at_ms in range(0, 600, 20):
        pose = Pose(0.03 * at_ms, 0.0, 0.0)  # 30 m/s
        said = Odometry(pose, 30.0, 0.0, 0.0, 0.0, True)
        memory, _ = tracker.step(memory, told("/localization/odometry", at_ms, said))
    memory, _ = tracker.step(memory, told("/perception/objects", 310, objects((20.0, 0.0))))
    assert memory.tracks.state[0, 0] == pytest.approx(20.0 + 0.03 * 310)


def test_what_a_nearer_object_hides_is_no_other_object() -> None:
    """Another camera says the same car again, 12 m too far; a lorry is seen over a car, and who is half beside, too."""
    for count, seen in ((1, objects((30.0, 0.0), (42.0, 0.1))), (2, objects((30.0, 0.0), (42.0, 1.8)))):
        memory, doubtful = empty(), replace(seen, score=np.array((0.9, 0.8)))
        for frame in range(6):
            memory = fed(memory, frame, doubtful)
        assert len(message_of(SETTINGS, memory.tracks, IDENTITY).ids) == count
    memory = empty()
    for frame in range(6):
        memory = fed(memory, frame, replace(objects((30.0, 0.0), (42.0, 0.1)), height_m=np.array((1.5, 3.5))))
    assert len(message_of(SETTINGS, memory.tracks, IDENTITY).ids) == 2


def test_a_better_score_behind_a_doubtful_one_is_believed() -> None:
    memory = empty()
    for frame in range(6):
        memory = fed(memory, frame, replace(objects((30.0, 0.0), (42.0, 0.1)), score=np.array((0.3, 0.9))))
    said = message_of(SETTINGS, memory.tracks, IDENTITY)
    assert said.x_m == pytest.approx([42.0], abs=1.0)


def test_ranges_that_differ_count_far_ahead_but_not_close_by() -> None:
    """The pictures cut what is close by: neither its size nor its foot is seen, only its place is."""
    moved = []
    for place in ((4.0, 3.7), (30.0, 0.0)):
        memory, far = empty(), float(np.hypot(*place))
        seen = replace(objects(place), ranges_m=np.array(((1.25 * far, 0.06 * far, 0.9 * far, 0.03 * far),)))
        for frame in range(10):
            memory = fed(memory, frame, seen)
        moved.append(float(np.hypot(*(memory.tracks.state[0, :2] - place))) / far)
    assert moved[0] < 0.02
    assert moved[1] > 0.05
