"""How long a picture takes: 20 agents around the ego, each camera of the default rig, each weather, one core.

    python benchmarks/rendering.py [MAP.xodr] [--repeat 20]

CPU milliseconds per picture of 640 x 360, shapes and shadows of the agents shared by the rig; JPEG beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np

from bus.messages import EntityKind, Weather, WeatherKind
from geometry.pose import Pose
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from sim.sensors.camera.node import jpeg_of
from sim.sensors.camera.renderer import Agents, WorldView, draw, scene_of, scenery_of
from sim.sensors.camera.rig import RigSettings
from sim.weather import CLEAR_DAY

MAP = Path(__file__).resolve().parents[1] / "lanewise" / "scenarios" / "maps" / "highway_curve.xodr"
AGENTS = 20
SIZES = ((4.6, 1.85, 1.5), (12.0, 2.5, 3.8), (11.5, 2.5, 3.2), (5.6, 2.1, 2.4), (2.2, 0.8, 1.6), (1.8, 0.6, 1.75),
         (0.5, 0.6, 1.75))  # fmt: skip
WEATHERS: dict[str, Weather] = {
    "clear": CLEAR_DAY,
    "rain": replace(CLEAR_DAY, kind=WeatherKind.RAIN, precipitation_mmph=8.0, visibility_m=1200.0, wetness=0.8),
    "snow": replace(CLEAR_DAY, kind=WeatherKind.SNOW, precipitation_mmph=5.0, visibility_m=350.0, friction=0.4),
    "fog": replace(CLEAR_DAY, kind=WeatherKind.FOG, visibility_m=90.0),
    "dusk": replace(CLEAR_DAY, kind=WeatherKind.DUSK, sun_elevation_rad=-0.02),
    "night": replace(CLEAR_DAY, kind=WeatherKind.NIGHT, sun_elevation_rad=-0.4),
}


def crowded(lane_map: LaneMap, rng: np.random.Generator) -> WorldView:
    """An ego in the middle of the longest driving lane, agents of all kinds within 60 m."""
    lane = max((i for i, k in enumerate(lane_map.kinds) if k == "driving"), key=lane_map.length_m)
    s = np.array([0.5 * lane_map.length_m(lane)])
    x, y = (float(v) for v in lane_map.centre(lane).position(s, np.zeros(1))[0])
    ego = Pose(x, y, float(lane_map.centre(lane).heading(s)[0]))
    kinds = np.arange(AGENTS) % (EntityKind.PEDESTRIAN + 1)
    along, across = rng.uniform(-40.0, 80.0, AGENTS), rng.uniform(-8.0, 8.0, AGENTS)
    along = np.where(np.abs(along) < 8.0, along + 16.0, along)
    places = ego @ np.column_stack((along, across))
    sizes = np.array([SIZES[kind] for kind in kinds])
    agents = Agents(np.arange(AGENTS), kinds, places[:, 0], places[:, 1], np.full(AGENTS, ego.yaw_rad), sizes[:, 0],
                    sizes[:, 1], sizes[:, 2], np.zeros(AGENTS))  # fmt: skip
    scenery = scenery_of(lane_map, 1)
    return WorldView(scenery, agents, ego, 20.0, tuple(0 for _ in scenery.lights))


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("map", nargs="?", type=Path, default=MAP)
    parser.add_argument("--repeat", type=int, default=20)
    arguments = parser.parse_args()
    rng = np.random.Generator(np.random.PCG64(0))
    view = crowded(sample_lanes(read_opendrive(arguments.map)), rng)
    rig = RigSettings()
    cameras = [(spec.name, spec.calibrated()) for spec in rig.cameras]
    print(
        f"{'CPU ms per picture':20}" + "".join(f"{name:>12}" for name, _ in cameras) + f"{'scene/rig':>12}{'JPEG':>8}"
    )
    means = []
    for name, weather in WEATHERS.items():
        draw(scene_of(view, weather), cameras[0][1], rng)  # compiles
        begin = time.process_time()
        for _ in range(arguments.repeat):
            scene = scene_of(view, weather)
        per_camera, scene_ms = [], (time.process_time() - begin) * 1e3 / arguments.repeat
        for _, camera in cameras:
            begin = time.process_time()
            for _ in range(arguments.repeat):
                image = draw(scene, camera, rng).image
            per_camera.append((time.process_time() - begin) * 1e3 / arguments.repeat)
        begin = time.process_time()
        for _ in range(arguments.repeat):
            jpeg_of(image, rig.jpeg_quality)
        jpeg_ms = (time.process_time() - begin) * 1e3 / arguments.repeat
        print(f"{name:20}" + "".join(f"{ms:12.1f}" for ms in per_camera) + f"{scene_ms:12.1f}{jpeg_ms:8.1f}")
        means.append(float(np.mean(per_camera)) + scene_ms / len(cameras))
    print(json.dumps({"ms_per_image": round(float(np.mean(means)), 2), "worst_weather_ms": round(max(means), 2)}))


if __name__ == "__main__":
    main()
