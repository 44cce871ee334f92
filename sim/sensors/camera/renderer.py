"""Pictures of a world: `render(view, camera, weather, generator)`.

In: a `WorldView` (static scenery of a map plus the agents of one instant), a camera as it truly looks, the weather.
Out: an RGB picture (H, W, 3) uint8, or a `Frame` that also says which pixel belongs to whom, for labels. In order: sky
and ground pixel by pixel; then marks and shadows; then bodies by nearness; then weather, blur and noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from bus.messages import AgentTruth, EntityKind, LightState, ScenarioInfo, Weather
from geometry.angles import Floats
from geometry.camera import Camera, undistorted
from geometry.pose import Pose
from maps.lane_map import LaneMap
from sim.sensors.camera import people, vehicles
from sim.sensors.camera.lighting import Illumination, illumination
from sim.sensors.camera.mesh import Mesh, merged
from sim.sensors.camera.raster import (
    FIRST_OBJECT,
    MARK,
    SCENERY,
    draw_background,
    finish_ground,
    paint,
    shade,
)
from sim.sensors.camera.road import RoadSurface, road_surface
from sim.sensors.camera.roadside import LightHead, light_heads, light_lamps, roadside
from sim.sensors.camera.vehicles import Lamps
from sim.sensors.camera.weather import Picture, add_motion_blur, add_noise, add_precipitation, textures

FAR_M = 260.0
NIGHT_EXPOSURE = 3.0
"""How much longer the shutter stays open in the dark."""
BRAKING_MPS2 = -0.8
_GRASS = ((84.0, 98.0, 58.0), (104.0, 100.0, 68.0), (116.0, 106.0, 84.0))
_WHITE = np.array([226.0, 230.0, 236.0])
_NOBODY = np.zeros(0, np.int64)
_CLEAR_AT = np.exp(-np.arange(256) / 32.0)
"""Light that gets through, by extinction lengths in steps of 1/32."""

_BUILDERS = {
    EntityKind.CAR: vehicles.car,
    EntityKind.TRUCK: vehicles.truck,
    EntityKind.BUS: vehicles.bus,
    EntityKind.VAN: vehicles.boxy,
    EntityKind.MOTORCYCLE: people.motorcycle,
    EntityKind.BICYCLE: people.bicycle,
    EntityKind.PEDESTRIAN: people.pedestrian,
    EntityKind.OBSTACLE: people.obstacle,
    EntityKind.TRAILER: vehicles.trailer,
    EntityKind.ANIMAL: people.animal,
}


@dataclass(frozen=True, slots=True, eq=False)
class Scenery:
    """What does not move on a map: built once, shared by all pictures. Centres (P, 2) serve to leave out far things."""

    road: RoadSurface
    bodies: Mesh
    ground_centres: Floats
    body_centres: Floats
    lights: tuple[LightHead, ...]
    grass: tuple[float, float, float]
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Agents:
    """N others at one instant in `world`: boxes by their centre on the ground; `kinds` holds EntityKind."""

    ids: NDArray[np.int64]
    kinds: NDArray[np.int64]
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    length_m: Floats
    width_m: Floats
    height_m: Floats
    acceleration_mps2: Floats


@dataclass(frozen=True, slots=True, eq=False)
class WorldView:
    """All that a rig may see at one instant."""

    scenery: Scenery
    agents: Agents
    world_from_ego: Pose
    speed_mps: float
    light_states: tuple[int, ...]
    """LightState of each of `scenery.lights`."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture and, for labels, whose each pixel is and how near.

    `owner` (H, W) has the codes of `raster`, agent i is FIRST_OBJECT + i; `nearness` (H, W) is 1 / depth of what stands
    there, 0 where nothing does.
    """

    image: Picture
    owner: NDArray[np.int16]
    nearness: NDArray[np.float32]


def scenery_of(lane_map: LaneMap, seed: int) -> Scenery:
    """The scenery of a map; another seed gives other houses, trees, paint and asphalt."""
    rng = np.random.Generator(np.random.PCG64(seed))
    road = road_surface(lane_map, rng)
    bodies = merged([road.kerbs, roadside(lane_map, rng)])
    grass = np.array(_GRASS[rng.integers(len(_GRASS))]) * rng.uniform(0.85, 1.15)
    return Scenery(
        road,
        bodies,
        road.ground.centres()[:, :2],
        bodies.centres()[:, :2],
        light_heads(lane_map),
        (float(grass[0]), float(grass[1]), float(grass[2])),
        seed,
    )


def world_view(
    scenery: Scenery,
    info: ScenarioInfo,
    truth: AgentTruth,
    world_from_ego: Pose,
    speed_mps: float,
    lights: Mapping[str, int],
) -> WorldView:
    """The view at the instant of a truth message; lights that nobody mentions are off."""
    ids = truth.ids
    agents = Agents(
        ids, info.kinds[ids], truth.x_m, truth.y_m, truth.yaw_rad, info.length_m[ids], info.width_m[ids],
        info.height_m[ids], truth.acceleration_mps2,
    )  # fmt: skip
    states = tuple(int(lights.get(head.id, LightState.OFF)) for head in scenery.lights)
    return WorldView(scenery, agents, world_from_ego, speed_mps, states)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A view made ready for all cameras of the rig: shapes of the agents and their shadows in one weather."""

    view: WorldView
    weather: Weather
    moving: Mesh
    owners: NDArray[np.int64]
    """Of the agents' polygons; those of lamps come after them."""
    centres: Floats
    shadows: Mesh
    """`glow` holds how dark each is."""


def scene_of(view: WorldView, weather: Weather) -> Scene:
    """Shapes and shadows of all agents, once for the whole rig."""
    light = illumination(weather)
    bodies = _agent_bodies(view, light.lamps)
    owners = np.repeat(np.arange(len(bodies)) + FIRST_OBJECT, [mesh.size for mesh in bodies])
    moving = merged([*bodies, *_lamps(view)])
    return Scene(view, weather, moving, owners, moving.centres()[:, :2], merged(_shadows(view, light)))


def render(view: WorldView, camera: Camera, weather: Weather, rng: np.random.Generator) -> Picture:
    """The RGB picture (H, W, 3) uint8 that the camera takes."""
    return draw(scene_of(view, weather), camera, rng).image


def draw(
    scene: Scene, camera: Camera, rng: np.random.Generator, exposure: float = 1.0, exposure_s: float = 0.004
) -> Frame:
    """A picture with the owners of its pixels. `exposure` is what the exposure control is off by."""
    view, weather = scene.view, scene.weather
    light = illumination(weather, exposure)
    stage = _Stage.of(view, camera)
    _paint_ground(stage, scene, light)
    if light.wetness > 0.05:
        _paint_mirrored(stage, scene, light)
    _paint_bodies(stage, view.scenery.bodies, view.scenery.body_centres, _NOBODY, light)
    _paint_bodies(stage, scene.moving, scene.centres, scene.owners, light)
    image = stage.image
    dark = light.noise / 9.0
    open_s = exposure_s * (1.0 + (NIGHT_EXPOSURE - 1.0) * dark)
    add_motion_blur(image, camera, stage.rays, view.speed_mps, open_s)
    add_precipitation(image, weather, camera, view.speed_mps, rng)
    add_noise(image, light.noise * float(rng.uniform(0.7, 1.3)), rng)
    return Frame(image, stage.owner, stage.nearness)


def owned(scene: Scene, camera: Camera) -> Frame:
    """Whose each pixel is, for who needs no picture: ground, weather and noise hide nobody."""
    light = illumination(scene.weather)
    stage = _Stage.of(scene.view, camera)
    for plane in (stage.image, stage.owner, stage.nearness):
        plane[:] = 0
    _paint_bodies(stage, scene.view.scenery.bodies, scene.view.scenery.body_centres, _NOBODY, light)
    _paint_bodies(stage, scene.moving, scene.centres, scene.owners, light)
    return Frame(stage.image, stage.owner, stage.nearness)


def silhouette_px(scene: Scene, camera: Camera, row: int) -> int:
    """Pixels of agent `row` in the picture if nothing stood in front of it."""
    stage = _Stage.of(scene.view, camera)
    stage.owner[:] = 0
    stage.nearness[:] = 0.0
    mine = np.flatnonzero(scene.owners == FIRST_OBJECT + row)
    count = scene.moving.size
    rgb, one = np.zeros((count, 3), np.uint8), np.ones(count, np.int64)
    stage.paint(scene.moving, rgb, np.ones(count), one, mine, cull=True, solid=True)
    return int(np.count_nonzero(stage.owner))


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """The picture in progress, and the camera in `world`."""

    image: Picture
    owner: NDArray[np.int16]
    nearness: NDArray[np.float32]
    rays: NDArray[np.float32]
    world_from_camera: Floats
    eye: Floats
    forward: Floats
    """Heading of the ego (2,): where its headlights shine."""
    lens: Floats

    @staticmethod
    def of(view: WorldView, camera: Camera) -> _Stage:
        pose = view.world_from_ego
        shape = (camera.height, camera.width)
        cos, sin = np.cos(pose.yaw_rad), np.sin(pose.yaw_rad)
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        place = turn @ camera.position_m + (pose.x_m, pose.y_m, 0.0)
        m, d = camera.matrix, camera.distortion
        rays, limit = _rays(*shape, tuple(m.ravel()), tuple(d))
        return _Stage(
            np.empty((*shape, 3), np.uint8),
            np.empty(shape, np.int16),
            np.empty(shape, np.float32),
            rays,
            turn @ camera.ego_from_camera,
            place,
            np.array([cos, sin]),
            np.array([m[0, 0], m[1, 1], m[0, 2], m[1, 2], *d, limit]),
        )

    def seen(self, centres: Floats, far_m: float) -> NDArray[np.int64]:
        """Indices of the polygons that may be in the picture, the farthest first."""
        offset = centres - self.eye[:2]
        axis = self.world_from_camera[:2, 2]
        depth = offset @ axis
        across = np.abs(offset @ np.array([-axis[1], axis[0]]))
        reach = float(np.abs(self.rays[:, :, 0]).max()) + 0.05
        far2 = offset[:, 0] ** 2 + offset[:, 1] ** 2
        inside = np.flatnonzero((far2 < far_m**2) & (depth > -8.0) & (across < reach * np.maximum(depth, 0.0) + 14.0))
        return inside[np.argsort(-far2[inside], kind="stable")]

    def paint(
        self, mesh: Mesh, rgb: NDArray[np.uint8], alpha: Floats, owners: NDArray[np.int64],
        order: NDArray[np.int64], *, cull: bool, solid: bool,
    ) -> None:  # fmt: skip
        """Fill polygons of a mesh in `world`."""
        paint(
            self.image, self.owner, self.nearness, mesh.points, mesh.starts, rgb, alpha, owners, mesh.layer, order,
            self.world_from_camera.T.copy(), self.eye, self.lens, cull, solid,
        )  # fmt: skip


@lru_cache(maxsize=32)
def _rays(
    height: int, width: int, matrix: tuple[float, ...], distortion: tuple[float, ...]
) -> tuple[NDArray[np.float32], float]:
    """Undistorted image plane of each pixel (H, W, 2), and the largest squared radius on it with a margin."""
    v, u = np.mgrid[0:height, 0:width].astype(np.float64)
    flat = np.column_stack(((u.ravel() - matrix[2]) / matrix[0], (v.ravel() - matrix[5]) / matrix[4]))
    plane = undistorted(flat, np.array(distortion))
    limit = float((plane**2).sum(axis=1).max()) * 1.3
    rays = plane.reshape(height, width, 2).astype(np.float32)
    rays.setflags(write=False)
    return rays, limit


def _paint_ground(stage: _Stage, scene: Scene, light: Illumination) -> None:
    scenery, ground = scene.view.scenery, scene.view.scenery.road.ground
    cover, place = light.cover, stage.eye[:2].copy()
    grass = (1.0 - cover) * np.array(scenery.grass) + cover * _WHITE
    draw_background(
        stage.image, stage.owner, stage.nearness, stage.rays, stage.world_from_camera, stage.eye[2], place, light.sky,
        light.clouds, textures(), grass,
    )  # fmt: skip
    rgb = _ground_colours(ground, scenery.road.owners == MARK, light)
    order = np.sort(stage.seen(scenery.ground_centres, FAR_M))
    stage.paint(ground, rgb, np.ones(len(rgb)), scenery.road.owners, order, cull=False, solid=False)
    dark = scene.shadows
    nobody = np.full(dark.size, -1)
    stage.paint(dark, dark.rgb.astype(np.uint8), dark.glow, nobody, np.arange(dark.size), cull=False, solid=False)
    mirror = 1.4 * (1.0 - 0.5 * light.wetness)
    finish_ground(
        stage.image, stage.owner, stage.rays, stage.world_from_camera, stage.eye[2], place, stage.forward, textures(),
        light.ambient + light.direct * max(float(light.sun[2]), 0.0), light.air, _CLEAR_AT, light.haze_per_m,
        light.headlight, mirror,
    )  # fmt: skip


def _ground_colours(ground: Mesh, mark: NDArray[np.bool_], light: Illumination) -> NDArray[np.uint8]:
    """Colours of the dry road, darkened by water, whitened by snow."""
    if light.wetness <= 0.0 and light.cover <= 0.0:
        return ground.rgb.astype(np.uint8)
    rgb = np.where(mark[:, None], ground.rgb, ground.rgb * (1.0 - 0.42 * light.wetness))
    hidden = np.where(mark, 0.45, 0.7)[:, None] * light.cover
    mixed: NDArray[np.uint8] = (rgb * (1.0 - hidden) + _WHITE * hidden).astype(np.uint8)
    return mixed


def _shadows(view: WorldView, light: Illumination) -> list[Mesh]:
    """Dark polygons below agents; `glow` holds how dark. Cast shadows fall away from the sun, as long as it is high."""
    agents, parts = view.agents, []
    slant = light.sun[:2] / max(float(light.sun[2]), 0.12)
    for i in range(len(agents.ids)):
        if np.hypot(agents.x_m[i] - view.world_from_ego.x_m, agents.y_m[i] - view.world_from_ego.y_m) > 150.0:
            continue
        pose = Pose(float(agents.x_m[i]), float(agents.y_m[i]), float(agents.yaw_rad[i]))
        half_l, half_w = 0.48 * agents.length_m[i], 0.46 * agents.width_m[i]
        corners = pose @ np.array([(half_l, half_w), (-half_l, half_w), (-half_l, -half_w), (half_l, -half_w)])
        if light.shadow > 0.04 and light.sun[2] > 0.03:
            moved = corners - slant * 0.85 * agents.height_m[i]
            hull = cv2.convexHull(np.concatenate((corners, moved)).astype(np.float32))[:, 0]
            parts.append(_dark(hull, light.shadow))
        parts.append(_dark(corners, 0.5))
    return parts


def _dark(ring: Floats, alpha: float) -> Mesh:
    corners = np.column_stack((ring, np.zeros(len(ring))))
    black = np.full((1, 3), 12.0)
    return Mesh(corners, np.array([0, len(ring)]), black, np.array([alpha]), np.zeros(1, np.int64))


def _paint_bodies(stage: _Stage, mesh: Mesh, centres: Floats, owners: NDArray[np.int64], light: Illumination) -> None:
    """Bodies with light on them; those beyond `owners` belong to the scenery."""
    if not mesh.size:
        return
    order = stage.seen(centres, FAR_M)
    whose = np.full(mesh.size, SCENERY)
    whose[: len(owners)] = owners
    stage.paint(mesh, _lit(stage, mesh, order, light), np.ones(mesh.size), whose, order, cull=True, solid=True)


def _lit(stage: _Stage, mesh: Mesh, order: NDArray[np.int64], light: Illumination) -> NDArray[np.uint8]:
    rgb = np.zeros((mesh.size, 3), np.uint8)
    shade(
        mesh.points, mesh.starts, mesh.rgb, mesh.glow, order, stage.eye, stage.forward, light.sun, light.ambient,
        light.direct, light.air, light.haze_per_m, light.headlight, rgb,
    )  # fmt: skip
    return rgb


def _paint_mirrored(stage: _Stage, scene: Scene, light: Illumination) -> None:
    """Agents and lamps upside down in the wet road."""
    mesh = scene.moving
    if not mesh.size:
        return
    order = stage.seen(scene.centres, 70.0)
    rgb = _lit(stage, mesh, order, light)
    flipped = replace(mesh, points=(mesh.points * (1.0, 1.0, -1.0))[_reversed(mesh.starts)])
    alpha = np.full(mesh.size, 0.24 * light.wetness)
    stage.paint(flipped, rgb, alpha, np.full(mesh.size, -1), order, cull=True, solid=False)


def _reversed(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row numbers that turn the corners of each polygon round."""
    rows = np.arange(starts[-1])
    which = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return starts[which] + starts[which + 1] - 1 - rows


def _agent_bodies(view: WorldView, lamps_on: bool) -> list[Mesh]:
    """The shape of each agent in `world`; of those too far away nothing."""
    agents, ego, bodies = view.agents, view.world_from_ego, []
    for i in range(len(agents.ids)):
        if np.hypot(agents.x_m[i] - ego.x_m, agents.y_m[i] - ego.y_m) > FAR_M:
            bodies.append(merged([]))
            continue
        brake = bool(agents.acceleration_mps2[i] < BRAKING_MPS2)
        shape = agent_shape(
            int(agents.kinds[i]), int(agents.ids[i]) + 1009 * view.scenery.seed, float(agents.length_m[i]),
            float(agents.width_m[i]), float(agents.height_m[i]), lamps_on, brake,
        )  # fmt: skip
        bodies.append(shape.placed(float(agents.x_m[i]), float(agents.y_m[i]), float(agents.yaw_rad[i])))
    return bodies


@lru_cache(maxsize=512)
def agent_shape(
    kind: int, seed: int, length_m: float, width_m: float, height_m: float, front: bool, brake: bool
) -> Mesh:
    """The shape of one agent in its own frame, by its seed."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return _BUILDERS[EntityKind(kind)](length_m, width_m, height_m, Lamps(front, brake), rng)


def _lamps(view: WorldView) -> list[Mesh]:
    """Lenses of the traffic lights nearby."""
    ego = view.world_from_ego
    return [
        light_lamps(head, state)
        for head, state in zip(view.scenery.lights, view.light_states, strict=True)
        if np.hypot(head.x_m - ego.x_m, head.y_m - ego.y_m) < 180.0
    ]
