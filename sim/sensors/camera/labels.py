"""What is to be seen in a frame: the truth that nets are trained and judged with.

In: the scene, the camera and the frame that `draw` made of it. Out: `Labels` in `ego`: boxes with the share of each
that is visible, lane marks with type, traffic lights with state, the weather.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bus.messages import MarkType, Weather
from geometry.angles import Floats, wrap_rad
from geometry.camera import Camera
from sim.sensors.camera.raster import FIRST_OBJECT
from sim.sensors.camera.renderer import Frame, Scene, silhouette_px

LEAST_PX = 6
"""Objects with fewer pixels are not there."""
MARK_RANGE_M = 90.0
MARK_STEP_M = 1.0
LIGHT_RANGE_M = 120.0
LIGHT_DEPTH_M = 0.6
"""What stands so much nearer than the middle of a light's lenses hides it."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """N objects, M mark lines and L lights of one picture.

    `rows` (N,) index the view's agents; centres, yaw and sizes are boxes in `ego`. `visible` (N,) is the share of the
    whole object that the picture shows; `box_px` (N, 4) is left, top, right, bottom of its pixels. Mark i has the
    points `mark_xy[mark_start[i]:mark_start[i + 1]]` in `ego`; `light_xyz` (L, 3) in `ego` with `light_state` and
    `light_px` (L, 2).
    """

    rows: NDArray[np.int64]
    kinds: NDArray[np.int64]
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    length_m: Floats
    width_m: Floats
    height_m: Floats
    visible: Floats
    box_px: Floats
    mark_start: NDArray[np.int64]
    mark_xy: Floats
    mark_type: NDArray[np.int64]
    light_xyz: Floats
    light_state: NDArray[np.int64]
    light_px: Floats
    weather: Weather


def labels(scene: Scene, camera: Camera, frame: Frame) -> Labels:
    """The truth of a frame; `camera` is the one that took it."""
    rows, visible, box_px = _visible(scene, camera, frame)
    agents, ego = scene.view.agents, scene.view.world_from_ego
    ego_from_world = ego.inverse()
    centres = ego_from_world @ np.column_stack((agents.x_m[rows], agents.y_m[rows]))
    start, points, types = _marks(scene, camera)
    light_xyz, light_state, light_px = _lights(scene, camera, frame)
    return Labels(
        rows=rows,
        kinds=agents.kinds[rows],
        x_m=centres[:, 0],
        y_m=centres[:, 1],
        yaw_rad=wrap_rad(agents.yaw_rad[rows] - ego.yaw_rad),
        length_m=agents.length_m[rows],
        width_m=agents.width_m[rows],
        height_m=agents.height_m[rows],
        visible=visible,
        box_px=box_px,
        mark_start=start,
        mark_xy=points,
        mark_type=types,
        light_xyz=light_xyz,
        light_state=light_state,
        light_px=light_px,
        weather=scene.weather,
    )


def _visible(scene: Scene, camera: Camera, frame: Frame) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Agents that own pixels, the share of them that is seen, and the boxes of those pixels."""
    owned = np.bincount(frame.owner.ravel(), minlength=FIRST_OBJECT)[FIRST_OBJECT:]
    rows = np.flatnonzero(owned >= LEAST_PX)
    shares, boxes = [], []
    for row in rows.tolist():
        v, u = np.nonzero(frame.owner == FIRST_OBJECT + row)
        boxes.append((u.min(), v.min(), u.max() + 1, v.max() + 1))
        whole = silhouette_px(scene, camera, row)
        shares.append(min(float(owned[row]) / max(whole, 1), 1.0) * _inside(scene, camera, row))
    return rows, np.array(shares, dtype=np.float64), np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _inside(scene: Scene, camera: Camera, row: int) -> float:
    """Share of the object's upright box on the image plane that lies within the picture."""
    agents = scene.view.agents
    corners = _corners(
        scene, float(agents.x_m[row]), float(agents.y_m[row]), float(agents.yaw_rad[row]),
        float(agents.length_m[row]), float(agents.width_m[row]), float(agents.height_m[row]),
    )  # fmt: skip
    points = camera.in_camera(corners)
    flat = points[:, :2] / np.maximum(points[:, 2:], 0.3)
    pixels = flat * (camera.matrix[0, 0], camera.matrix[1, 1]) + camera.matrix[:2, 2]
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    size = np.maximum(high - low, 1e-6)
    cut = np.clip(np.minimum(high, (camera.width, camera.height)) - np.maximum(low, 0.0), 0.0, size)
    return float(np.prod(cut / size))


def _corners(
    scene: Scene, x_m: float, y_m: float, yaw_rad: float, length_m: float, width_m: float, height_m: float
) -> Floats:
    """The eight corners (8, 3) of a box in `ego`."""
    along, across = 0.5 * length_m, 0.5 * width_m
    flat = np.array([(along, across), (-along, across), (-along, -across), (along, -across)])
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    world = flat @ np.array([[cos, sin], [-sin, cos]]) + (x_m, y_m)
    ego = scene.view.world_from_ego.inverse() @ world
    return np.concatenate([np.column_stack((ego, np.full(4, z))) for z in (0.0, height_m)])


def _marks(scene: Scene, camera: Camera) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
    """Pieces of painted lines within range that project into the picture, whether or not something hides them."""
    ego_from_world = scene.view.world_from_ego.inverse()
    pieces: list[Floats] = []
    types: list[MarkType] = []
    for line in scene.view.scenery.road.lines:
        points = ego_from_world @ line.points
        if np.hypot(points[:, 0], points[:, 1]).min() > MARK_RANGE_M + 10.0:
            continue
        fine = _refined(points)
        inside = np.hypot(fine[:, 0], fine[:, 1]) < MARK_RANGE_M
        pixels, depth = camera.pixels_of(np.column_stack((fine, np.zeros(len(fine)))))
        inside &= (depth > 1.0) & (np.nan_to_num(pixels, nan=-1.0) >= 0.0).all(axis=1)
        inside &= (pixels[:, 0] < camera.width) & (pixels[:, 1] < camera.height)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], inside, [False])).astype(int)))
        for first, last in edges.reshape(-1, 2):
            if last - first >= 3:
                pieces.append(fine[first:last])
                types.append(line.type)
    start = np.cumsum([0, *(len(piece) for piece in pieces)])
    return start, np.concatenate([*pieces, np.zeros((0, 2))]), np.array(types, dtype=np.int64)


def _refined(points: Floats) -> Floats:
    """Points every MARK_STEP_M along a line."""
    along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))
    s = np.arange(0.0, along[-1], MARK_STEP_M)
    return np.column_stack([np.interp(s, along, points[:, k]) for k in range(2)])


def _lights(scene: Scene, camera: Camera, frame: Frame) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Heads within range and visibility that face the camera and that nothing hides."""
    view, found = scene.view, []
    ego_from_world = view.world_from_ego.inverse()
    for head, state in zip(view.scenery.lights, view.light_states, strict=True):
        place = ego_from_world @ np.array([head.x_m, head.y_m])
        far = float(np.hypot(*(place - camera.position_m[:2])))
        facing = math.cos(head.yaw_rad - view.world_from_ego.yaw_rad - math.atan2(-place[1], -place[0]))
        pixel, depth = camera.pixels_of(np.array([[place[0], place[1], head.z_m]]))
        inside = depth[0] > 1.0 and 0.0 <= pixel[0, 0] < camera.width and 0.0 <= pixel[0, 1] < camera.height
        reach = min(LIGHT_RANGE_M, scene.weather.visibility_m)
        if far < reach and facing > 0.5 and inside and _in_front(frame, pixel[0], float(depth[0])):
            found.append(((place[0], place[1], head.z_m), state, pixel[0]))
    return (
        np.array([item[0] for item in found], dtype=np.float64).reshape(-1, 3),
        np.array([item[1] for item in found], dtype=np.int64),
        np.array([item[2] for item in found], dtype=np.float64).reshape(-1, 2),
    )


def _in_front(frame: Frame, pixel: Floats, depth_m: float) -> bool:
    """Whether what the picture shows at a pixel is no nearer than a light's own board."""
    height, width = frame.owner.shape
    u, v = min(round(float(pixel[0])), width - 1), min(round(float(pixel[1])), height - 1)
    return float(frame.nearness[v, u]) * max(depth_m - LIGHT_DEPTH_M, 0.1) < 1.0
