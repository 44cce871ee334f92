"""The stand-in for the lane-mark and landmark nets: what it reports lies where the map has it, within stated errors."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bus.messages import EgoTruth, LandmarkKind, LaneMarks, MarkType, WeatherKind
from geometry.pose import Pose
from maps.landmarks import MapLandmarks
from maps.mark_lines import MarkLines, view_from
from sim.sensors import landmarks
from sim.sensors.lane_marks import LaneMarkErrors, LaneMarkMemory, in_weather, measure, piece_errors
from sim.weather import CLEAR_DAY

PERFECT = LaneMarkErrors(
    noise_m=0.0, noise_per_m=0.0, noise_per_m2=0.0, line_m=0.0, line_per_m=0.0, piece_m=0.0, mount_yaw_rad=0.0,
    mount_y_m=0.0, first_m=4.0, field=2.0, miss=0.0, miss_per_m=0.0, piece_miss=0.0, wrong_type=0.0,
    piece_wrong_type=0.0, false_rate_hz=0.0, edge_range_m=40.0, edge_noise_m=0.0, edge_line_m=0.0, edge_line_per_m=0.0,
    edge_piece_m=0.0, edge_piece_per_m=0.0, edge_miss=0.0, edge_lost=0.0, edge_false_rate_hz=0.0,
)  # fmt: skip


def straight_road() -> MarkLines:
    """Three lines along x at y = 4 (solid), 0 (broken), -4 (road edge), in ten pieces of 50 m each."""
    rows = [(50.0 * k, y, 50.0 * (k + 1), y) for y in (4.0, 0.0, -4.0) for k in range(10)]
    types = [kind for kind in (MarkType.SOLID, MarkType.BROKEN, MarkType.NONE) for _ in range(10)]
    return MarkLines.of(np.array(rows), np.array(types), np.arange(30))


def at(x_m: float, y_m: float = -2.0, yaw_rad: float = 0.0) -> EgoTruth:
    return EgoTruth(Pose(x_m, y_m, yaw_rad), 10.0, 0.0, 0.0, 0.0, True)


def pictures(errors: LaneMarkErrors, count: int, seed: int = 0) -> list[LaneMarks]:
    rng, memory, road, out = np.random.default_rng(seed), LaneMarkMemory(), straight_road(), []
    for k in range(count):
        memory, marks = measure(errors, road, memory, at(20.0 + 0.2 * k), CLEAR_DAY, k * 100_000_000, rng)
        out.append(marks)
    return out


def test_without_errors_the_marks_are_those_of_the_map() -> None:
    (marks,) = pictures(PERFECT, 1)
    assert sorted(marks.types.tolist()) == [MarkType.NONE, MarkType.SOLID, MarkType.BROKEN]
    places = {MarkType.SOLID: 6.0, MarkType.BROKEN: 2.0, MarkType.NONE: -2.0}
    for line, y in enumerate(places[MarkType(kind)] for kind in marks.types):
        points = marks.xy_m[marks.start[line] : marks.start[line + 1]]
        assert points[:, 1] == pytest.approx(y)
        assert points[0, 0] == 4.0 and points[-1, 0] == 40.0


def test_a_turned_ego_sees_the_road_turned_the_other_way() -> None:
    view = view_from(straight_road(), Pose(20.0, 0.0, 0.1), np.array((4.0, 20.0)), 11.0)
    middle = view.y_m[view.types == MarkType.BROKEN][0]
    assert middle == pytest.approx([-4.0 * np.tan(0.1), -20.0 * np.tan(0.1)], abs=1e-9)


def test_a_double_mark_is_mirrored_for_those_who_drive_against_it() -> None:
    lines = MarkLines.of(np.array([(0.0, 0.0, 100.0, 0.0)]), np.array([MarkType.SOLID_BROKEN]), np.array([0]))
    along = view_from(lines, Pose(10.0, 1.0, 0.0), np.array((5.0, 10.0)), 8.0)
    against = view_from(lines, Pose(90.0, 1.0, np.pi), np.array((5.0, 10.0)), 8.0)
    assert along.types.tolist() == [MarkType.SOLID_BROKEN]
    assert against.types.tolist() == [MarkType.BROKEN_SOLID]


def test_noise_grows_with_range_as_the_stated_sigma_does() -> None:
    errors = replace(PERFECT, noise_m=0.03, noise_per_m=6e-4, noise_per_m2=3e-5)
    marks = pictures(errors, 400)
    middle = marks[0].types.tolist().index(MarkType.BROKEN)
    off = np.stack([one.xy_m[one.start[middle] : one.start[middle + 1], 1] - 2.0 for one in marks])
    stated = marks[0].sigma_m[marks[0].start[middle] : marks[0].start[middle + 1]]
    assert off.std(axis=0) == pytest.approx(stated, rel=0.15)
    assert stated[-1] > 2.0 * stated[0]


def test_the_error_of_a_piece_is_the_same_in_every_picture_of_it() -> None:
    marks = pictures(replace(PERFECT, piece_m=0.05), 20)
    broken = marks[0].types.tolist().index(MarkType.BROKEN)
    first = np.array([one.xy_m[one.start[broken], 1] for one in marks])
    assert np.ptp(first) < 1e-9 and abs(first[0] - round(first[0])) > 1e-4


def test_a_line_is_shifted_as_a_whole_the_more_the_further_aside() -> None:
    marks = pictures(replace(PERFECT, line_m=0.02, line_per_m=0.03), 600)
    for kind, true_m, sigma in ((MarkType.BROKEN, 2.0, 0.02), (MarkType.SOLID, 6.0, 0.02 + 4.0 * 0.03)):
        line = marks[0].types.tolist().index(kind)
        off = np.stack([one.xy_m[one.start[line] : one.start[line + 1], 1] - true_m for one in marks])
        assert off.std(axis=0) == pytest.approx(sigma, rel=0.15)
        assert np.ptp(off, axis=1).max() < 1e-9
        assert marks[0].sigma_m[marks[0].start[line]] == pytest.approx(sigma)


def test_what_is_further_aside_than_the_picture_shows_is_seen_further_ahead() -> None:
    (marks,) = pictures(replace(PERFECT, field=0.6), 1)
    solid = marks.types.tolist().index(MarkType.SOLID)
    assert marks.xy_m[marks.start[solid], 0] == 12.0
    assert marks.xy_m[marks.start[marks.types.tolist().index(MarkType.BROKEN)], 0] == 4.0


def test_misses_come_at_their_rate_and_more_often_further_aside() -> None:
    marks = pictures(replace(PERFECT, miss=0.1, miss_per_m=0.05), 1000)
    near = np.mean([MarkType.BROKEN in one.types for one in marks])
    far = np.mean([MarkType.SOLID in one.types for one in marks])
    assert near == pytest.approx(0.9, abs=0.03)
    assert far == pytest.approx(0.7, abs=0.05)


def test_a_false_line_lasts_and_goes() -> None:
    counts = np.array([len(one.types) for one in pictures(replace(PERFECT, false_rate_hz=0.2), 600)])
    present = counts > 3
    assert 0.05 < present.mean() < 0.6
    assert (present[1:] == present[:-1]).mean() > 0.85


def test_bare_edges_have_errors_of_their_own() -> None:
    errors = replace(PERFECT, edge_range_m=24.0, edge_noise_m=0.03, edge_piece_m=0.05, edge_lost=0.3)
    marks = pictures(errors, 400)
    edges = [one.types.tolist().index(MarkType.NONE) if MarkType.NONE in one.types else -1 for one in marks]
    assert np.mean(np.array(edges) < 0) == pytest.approx(0.3, abs=0.07)
    assert all(MarkType.SOLID in one.types and MarkType.BROKEN in one.types for one in marks)
    for one, edge in zip(marks, edges, strict=True):
        points = [one.xy_m[one.start[line] : one.start[line + 1]] for line in range(len(one.types))]
        assert all(line[-1, 0] == (24.0 if k == edge else 40.0) for k, line in enumerate(points))
        assert all(np.ptp(line[:, 1]) < 1e-9 for k, line in enumerate(points) if k != edge)
    said = [(one, slice(*one.start[k : k + 2])) for one, k in zip(marks, edges, strict=True) if k >= 0]
    off = np.stack([one.xy_m[edge, 1] + 2.0 for one, edge in said])
    assert all(one.sigma_m[edge] == pytest.approx(math.hypot(0.03, 0.05)) for one, edge in said)
    assert (off - off.mean(axis=1, keepdims=True)).std() == pytest.approx(0.03, rel=0.15)


def test_piece_errors_are_uniform_and_normal_over_pieces() -> None:
    table = np.array([piece_errors(7, piece) for piece in range(4000)])
    for column in (0, 2, 3):
        assert table[:, column].mean() == pytest.approx(0.5, abs=0.03)
    assert table[:, 1].std() == pytest.approx(1.0, rel=0.05)
    assert abs(np.corrcoef(table.T) - np.eye(4)).max() < 0.06


def test_bad_weather_shortens_the_view_and_hides_paint() -> None:
    fog = in_weather(LaneMarkErrors(), replace(CLEAR_DAY, kind=WeatherKind.FOG, visibility_m=60.0))
    snow = in_weather(LaneMarkErrors(), replace(CLEAR_DAY, kind=WeatherKind.SNOW))
    assert fog.range_m == pytest.approx(18.0)
    assert snow.piece_miss > 2 * LaneMarkErrors().piece_miss
    assert snow.noise_m > LaneMarkErrors().noise_m and snow.line_m > LaneMarkErrors().line_m


def test_landmarks_are_reported_in_ego_with_errors_of_the_stated_size() -> None:
    signs = MapLandmarks(np.array([LandmarkKind.SIGN]), np.array([[30.0, 5.0]]), np.array([0.0]))
    errors = landmarks.LandmarkErrors(miss=0.0, never_seen=0.0, wrong_kind=0.0, false_rate_hz=0.0)
    rows, stated = [], np.zeros((2, 2))
    for seed in range(600):
        _, seen = landmarks.measure(
            errors, signs, landmarks.LandmarkMemory(), at(10.0, 0.0), CLEAR_DAY, np.random.default_rng(seed)
        )
        rows.append((seen.x_m[0] - 20.0, seen.y_m[0] - 5.0))
        stated = seen.covariance[0]
    measured = np.cov(np.array(rows).T)
    assert np.diag(measured) == pytest.approx(np.diag(stated), rel=0.25)


def test_a_sign_is_not_seen_from_behind() -> None:
    signs = MapLandmarks(np.array([LandmarkKind.SIGN]), np.array([[30.0, 5.0]]), np.array([np.pi]))
    errors = landmarks.LandmarkErrors(miss=0.0, never_seen=0.0, false_rate_hz=0.0)
    _, seen = landmarks.measure(
        errors, signs, landmarks.LandmarkMemory(), at(10.0, 0.0), CLEAR_DAY, np.random.default_rng(0)
    )
    assert len(seen.kinds) == 0


def dashed_road() -> MarkLines:
    """A broken line along x at y = 0: dashes of 3 m that begin every 9 m from x = 0 on, in ten pieces."""
    rows = np.array([(50.0 * k, 0.0, 50.0 * (k + 1), 0.0) for k in range(10)])
    dashes = np.stack((rows[:, 0], rows[:, 2], np.full(10, 3.0), np.full(10, 9.0)), axis=1)
    return MarkLines.of(rows, np.full(10, MarkType.BROKEN), np.arange(10), dashes)


def dash_pictures(errors: LaneMarkErrors, count: int, seed: int = 0) -> list[tuple[float, LaneMarks]]:
    rng, memory, road, out = np.random.default_rng(seed), LaneMarkMemory(), dashed_road(), []
    for k in range(count):
        x = 20.0 + 0.7 * k
        memory, marks = measure(errors, road, memory, at(x), CLEAR_DAY, k * 100_000_000, rng)
        out.append((x, marks))
    return out


SHARP = replace(PERFECT, dash_miss=0.0, dash_m=0.0, dash_aside_m=0.0, dash_length_m=0.0, dash_pitch_m=0.0,
                dash_mount_m=0.0)  # fmt: skip


def test_without_errors_dashes_lie_where_the_map_has_them_and_are_seen_whole() -> None:
    for x, marks in dash_pictures(SHARP, 40):
        middles = marks.dash_xy_m[:, 0] + x
        assert (np.abs((middles + 3.0) % 9.0 - 4.5) < 1e-6).all()
        assert np.allclose(marks.dash_xy_m[:, 1], 2.0)
        assert (marks.dash_xy_m[:, 0] - 1.5 >= SHARP.dash_first_m).all()
        assert (marks.dash_xy_m[:, 0] + 1.5 <= SHARP.dash_range_m).all()
        begins = 9.0 * np.arange(60) - x
        assert len(middles) == ((begins >= SHARP.dash_first_m) & (begins + 3.0 <= SHARP.dash_range_m)).sum()


def test_errors_of_dashes_are_what_they_are_said_to_be() -> None:
    errors = replace(SHARP, dash_m=0.2, dash_pitch_m=0.1)
    off = [
        (one - 1.5 + x + 4.5) % 9.0 - 4.5 for x, marks in dash_pictures(errors, 500) for one in marks.dash_xy_m[:, 0]
    ]
    said = np.concatenate([marks.dash_sigma_m for _, marks in dash_pictures(errors, 500)])
    assert np.std(off) == pytest.approx(float(np.sqrt(np.mean(said**2))), rel=0.15)


def test_dashes_are_missed_at_the_stated_rate_and_where_the_line_is_worn() -> None:
    every = sum(len(marks.dash_length_m) for _, marks in dash_pictures(SHARP, 500))
    some = sum(len(marks.dash_length_m) for _, marks in dash_pictures(replace(SHARP, dash_miss=0.3), 500))
    assert some / every == pytest.approx(0.7, abs=0.06)
    assert not any(len(marks.dash_length_m) for _, marks in dash_pictures(replace(SHARP, piece_miss=1.0), 50))


def test_snow_hides_all_dashes() -> None:
    assert in_weather(SHARP, replace(CLEAR_DAY, kind=WeatherKind.SNOW)).dash_miss == 1.0
