"""The drawn road: every kind of mark, none at all, and only what lies near."""

from pathlib import Path

import numpy as np
import pytest

from bus.messages import LightState
from geometry.pose import Pose
from lanewise.report.road import REACH_M, road_around
from lanewise.report.scene import LineStyle, SignalKind, SurfaceKind
from lanewise.scenarios.catalog import FOLDER
from maps.dashes import dashes_around, strokes, with_dashes
from maps.lane_sampling import sample_lanes
from maps.mark_lines import mark_lines
from maps.opendrive import read_opendrive
from maps.signal_meaning import is_traffic_light


def test_the_motorway_has_lanes_edges_and_broken_marks() -> None:
    lane_map = sample_lanes(read_opendrive(FOLDER / "maps" / "highway_straight.xodr"))
    lane = lane_map.index("1:0:-2")
    points = lane_map.centre_points[lane_map.rows(lane)][:20]
    road = road_around(lane_map, points)
    assert {SurfaceKind.LANE, SurfaceKind.SHOULDER} <= {surface.kind for surface in road.surfaces}
    assert {LineStyle.SOLID, LineStyle.BROKEN, LineStyle.CENTRE} <= {line.style for line in road.lines}
    centre = lane_map.centre(lane)
    _, offset = centre.project(np.concatenate([line.points for line in road.lines if line.style is LineStyle.BROKEN]))
    assert np.abs(np.abs(offset[np.abs(offset) < 3.0]) - 1.875).max() < 0.01


def test_dashes_are_drawn_where_the_map_has_them() -> None:
    lane_map = with_dashes(sample_lanes(read_opendrive(FOLDER / "maps" / "highway_straight.xodr")))
    start = lane_map.centre_points[lane_map.rows(lane_map.index("1:0:-2"))][5]
    known = dashes_around(mark_lines(lane_map), Pose(float(start[0]), float(start[1]), 0.0), 0.0, 60.0, 3.0)
    drawn = []
    for line in road_around(lane_map, start[None]).lines:
        if line.style is LineStyle.BROKEN:
            assert line.dashes is not None
            begins, ends = strokes(line.dashes, 0.0, float(np.hypot(*(line.points[-1] - line.points[0])))).T
            along = (line.points[-1] - line.points[0]) / np.hypot(*(line.points[-1] - line.points[0]))
            drawn.append(line.points[0] + (0.5 * (begins + ends))[:, None] * along)
    gaps = np.hypot(*(np.concatenate(drawn)[:, None] - (known.xy_m + start)[None]).T).min(axis=1)
    assert len(known.xy_m) >= 3
    assert gaps.max() < 0.05


def test_what_is_far_away_is_not_drawn() -> None:
    lane_map = sample_lanes(read_opendrive(FOLDER / "maps" / "highway_straight.xodr"))
    start = lane_map.centre_points[lane_map.rows(lane_map.index("1:0:-2"))][:1]
    road = road_around(lane_map, start)
    reach = np.concatenate([ring for surface in road.surfaces for ring in surface.rings])
    spacing = 60.0
    assert np.abs(reach - start).max() < REACH_M + spacing


def test_all_maps_of_others_can_be_drawn(data: Path) -> None:
    for path in sorted((data / "maps" / "opendrive").glob("*.xodr")):
        lane_map = sample_lanes(read_opendrive(path))
        points = lane_map.centre_points[lane_map.rows(lane_map.size // 2)]
        assert road_around(lane_map, points).surfaces


@pytest.mark.parametrize("name", ["highway_curve", "highway_merge"])
def test_lines_are_finite_and_have_length(name: str) -> None:
    lane_map = sample_lanes(read_opendrive(FOLDER / "maps" / f"{name}.xodr"))
    for line in road_around(lane_map, lane_map.centre_points).lines:
        assert np.hypot(*np.diff(line.points, axis=0).T).sum() > 0.0


def test_lights_change_over_the_drive_and_signs_say_what_they_are() -> None:
    lane_map = sample_lanes(read_opendrive(FOLDER / "maps" / "town.xodr"))
    name = next(signal.id for signal in lane_map.signals if is_traffic_light(signal))
    times = [(0.0, {name: LightState.RED}), (1.0, {name: LightState.RED}), (5.0, {name: LightState.GREEN})]
    road = road_around(lane_map, lane_map.centre_points, times)
    light = next(signal for signal in road.signals if signal.text == name and signal.kind is SignalKind.LIGHT)
    assert light.states == ((0.0, "red"), (5.0, "green"))
    assert [light.state_at(t) for t in (0.0, 4.9, 5.0)] == ["red", "red", "green"]
    dark = next(signal for signal in road.signals if signal.kind is SignalKind.LIGHT and signal.text != name)
    assert dark.state_at(3.0) == "off"
    assert {SignalKind.STOP, SignalKind.YIELD, SignalKind.PRIORITY} <= {signal.kind for signal in road.signals}
