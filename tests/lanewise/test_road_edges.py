"""The shipped net looks at streets and motorways and sees where their asphalt ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lanewise.scenarios
from bus.messages import MarkType, Weather, WeatherKind
from geometry.angles import Floats
from geometry.pose import Pose
from inference.settings import InferenceSettings, ModelChoice
from lanewise.inferring import inferring, server_of
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.mark_lines import mark_lines, view_from
from maps.opendrive import read_opendrive
from perception.detector import Infer
from perception.net.decode import decode_objects
from perception.net.lane_lines import SeenLine, decode_lines
from perception.net.picture import cropped
from perception.net.road_edges import decode_edges
from sim.sensors.camera.renderer import Agents, WorldView, render, scenery_of
from sim.sensors.camera.rig import DEFAULT_CAMERAS
from sim.weather import CLEAR_DAY

MAPS = Path(lanewise.scenarios.__file__).parent / "maps"
FRONT = next(spec for spec in DEFAULT_CAMERAS if spec.name == "front_wide").calibrated()
STATIONS = np.arange(5.0, 24.0, 1.0)
RAIN = replace(CLEAR_DAY, kind=WeatherKind.RAIN, precipitation_mmph=8.0, visibility_m=900.0, wetness=0.8)
NIGHT = replace(CLEAR_DAY, kind=WeatherKind.NIGHT, sun_elevation_rad=-0.4)


@pytest.fixture(scope="module")
def infer() -> Infer:
    return inferring(server_of(InferenceSettings(models=(ModelChoice("detector"),))), "detector")


def edges_seen(infer: Infer, lane_map: LaneMap, ego: Pose, weather: Weather) -> list[SeenLine]:
    nobody = Agents(np.zeros(0, np.int64), np.zeros(0, np.int64), *(np.zeros(0) for _ in range(7)))
    scenery = scenery_of(lane_map, 5)
    view = WorldView(scenery, nobody, ego, 8.0, (0,) * len(scenery.lights))
    picture = render(view, FRONT, weather, np.random.default_rng(1))
    (grid,) = infer("detector", {"images": cropped(picture)[None]})["grid"]
    grid = np.asarray(grid, np.float32)
    return decode_edges(grid, FRONT, decode_objects(grid, FRONT), decode_lines(grid, FRONT))


def edges_there(lane_map: LaneMap, ego: Pose) -> Floats:
    """Offsets (L, K) at STATIONS."""
    view = view_from(mark_lines(lane_map), ego, STATIONS, 7.0)
    return view.y_m[view.types == MarkType.NONE]


def ego_on(lane_map: LaneMap, along_m: float) -> Pose:
    """In the middle of the longest lane."""
    lane = max(range(lane_map.size), key=lambda row: lane_map.length_m(row) * (lane_map.kinds[row] == "driving"))
    centre, at = lane_map.centre(lane), np.array([along_m])
    (x, y), yaw = centre.position(at, np.zeros(1))[0], centre.heading(at)[0]
    return Pose(float(x), float(y), float(yaw))


@pytest.mark.parametrize(
    ("name", "weather"),
    [("suburb", CLEAR_DAY), ("suburb", RAIN), ("suburb", NIGHT), ("highway_curve", CLEAR_DAY), ("highway_curve", RAIN)],
    ids=["street", "street-rain", "street-night", "motorway", "motorway-rain"],
)
def test_seen_edges_lie_where_the_asphalt_ends(infer: Infer, name: str, weather: Weather) -> None:
    lane_map = sample_lanes(read_opendrive(MAPS / f"{name}.xodr"))
    ego = ego_on(lane_map, 40.0)
    seen, there = edges_seen(infer, lane_map, ego, weather), edges_there(lane_map, ego)
    assert seen
    for edge in seen:
        x, y = edge.points[np.argsort(edge.points[:, 0])].T
        gap = np.abs(np.interp(STATIONS, x, y, left=np.nan, right=np.nan) - there)
        sigma = np.interp(STATIONS, x, edge.sigma_m)
        nearest = int(np.nanmean(gap, axis=1).argmin())
        aside = float(np.nanmedian(np.abs(there[nearest])))
        assert np.nanmedian(gap[nearest]) < 0.15 + 0.06 * max(0.0, aside - 2.0)
        assert np.nanmedian(gap[nearest] / sigma) < 3.0
