"""One place in all weathers through the five cameras of the default rig, as a contact sheet.

python examples/camera_pictures.py cameras.jpg
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

import lanewise.scenarios
from bus.messages import EntityKind, WeatherKind
from geometry.pose import Pose
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from sim.sensors.camera.renderer import Agents, WorldView, draw, scene_of, scenery_of
from sim.sensors.camera.rig import RigSettings
from sim.weather import CLEAR_DAY

K = EntityKind
CAST = (
    (K.CAR, 16, 0.0, 0.0), (K.MOTORCYCLE, 9, 3.4, 0.0), (K.PEDESTRIAN, 12, -3.2, 1.4), (K.BICYCLE, 18, -2.8, 0.0),
    (K.TRUCK, 28, 3.5, 0.0), (K.CAR, 34, 0.1, 0.0), (K.BUS, 45, -3.6, 0.0), (K.VAN, 26, 0.3, 0.0),
    (K.CAR, 60, 3.5, 0.0),
    (K.OBSTACLE, 16, 2.0, 0.3), (K.ANIMAL, 20, 6.0, 2.0), (K.CAR, 90, 0.0, 0.0), (K.CAR, -12, 0.2, 0.0),
    (K.VAN, -9, 3.4, 0.0), (K.CAR, 3, 3.6, 0.0), (K.PEDESTRIAN, 5, -4.0, 0.0),
)  # fmt: skip
SIZES = {
    K.CAR: (4.6, 1.85, 1.5), K.TRUCK: (12.0, 2.5, 3.8), K.BUS: (11.5, 2.5, 3.2), K.VAN: (5.6, 2.1, 2.4),
    K.MOTORCYCLE: (2.2, 0.8, 1.6), K.BICYCLE: (1.8, 0.6, 1.75), K.PEDESTRIAN: (0.5, 0.6, 1.75),
    K.OBSTACLE: (0.8, 0.8, 0.9), K.ANIMAL: (1.4, 0.5, 1.1),
}  # fmt: skip
WEATHERS = {
    "clear": CLEAR_DAY,
    "dusk": replace(CLEAR_DAY, kind=WeatherKind.DUSK, sun_elevation_rad=-0.02, sun_azimuth_rad=math.radians(20.0)),
    "night": replace(CLEAR_DAY, kind=WeatherKind.NIGHT, sun_elevation_rad=-0.4),
    "rain": replace(CLEAR_DAY, kind=WeatherKind.RAIN, precipitation_mmph=8.0, visibility_m=1200.0, wetness=0.8),
    "fog": replace(CLEAR_DAY, kind=WeatherKind.FOG, visibility_m=90.0),
    "snow": replace(CLEAR_DAY, kind=WeatherKind.SNOW, precipitation_mmph=5.0, visibility_m=350.0, friction=0.4),
}


def main() -> None:
    """Write the sheet: a row per weather, a column per camera."""
    lane_map = sample_lanes(read_opendrive(Path(lanewise.scenarios.__file__).parent / "maps" / "highway_curve.xodr"))
    lane = max((i for i, kind in enumerate(lane_map.kinds) if kind == "driving"), key=lane_map.length_m)
    s = np.array([40.0])
    x, y = (float(v) for v in lane_map.centre(lane).position(s, np.zeros(1))[0])
    ego = Pose(x, y, float(lane_map.centre(lane).heading(s)[0]))
    poses = [ego @ Pose(*place) for _, *place in CAST]
    sizes = np.array([SIZES[kind] for kind, *_ in CAST])
    agents = Agents(
        np.arange(len(CAST)), np.array([int(kind) for kind, *_ in CAST]), np.array([p.x_m for p in poses]),
        np.array([p.y_m for p in poses]), np.array([p.yaw_rad for p in poses]), sizes[:, 0], sizes[:, 1], sizes[:, 2],
        np.where(np.arange(len(CAST)) % 3 == 0, -2.0, 0.0),
    )  # fmt: skip
    scenery = scenery_of(lane_map, 3)
    view = WorldView(scenery, agents, ego, 14.0, tuple(0 for _ in scenery.lights))
    rng = np.random.Generator(np.random.PCG64(0))
    rows = []
    for name, weather in WEATHERS.items():
        scene, row = scene_of(view, weather), []
        for spec in RigSettings().cameras:
            small = cv2.resize(draw(scene, spec.calibrated(), rng).image, (384, 216), interpolation=cv2.INTER_AREA)
            cv2.putText(small, f"{name}  {spec.name}", (6, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
            row.append(small)
        rows.append(np.hstack(row))
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "cameras.jpg")
    cv2.imwrite(str(out), np.vstack(rows)[:, :, ::-1], (cv2.IMWRITE_JPEG_QUALITY, 78))
    print(f"{out}: {len(rows)} weathers, {len(RigSettings().cameras)} cameras")


if __name__ == "__main__":
    main()
