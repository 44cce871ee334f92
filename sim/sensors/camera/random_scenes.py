"""Random moments on a map for training and judging nets: who stands where, in which weather, seen by which cameras.

In: a lane map and a generator. Out: `Shot`s: a picture, the camera as its calibration believes, what net targets need
in pixels of the true camera, and the boxes in `ego`. Nothing here drives; a moment is drawn afresh each time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bus.messages import EntityKind, LightState, Weather, WeatherKind
from geometry.angles import Floats, wrap_rad
from geometry.camera import Camera
from geometry.pose import Pose
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS
from sim.sensors.camera.labels import Labels, labels
from sim.sensors.camera.raster import MARK, ROAD
from sim.sensors.camera.renderer import Agents, Scenery, WorldView, draw, scene_of
from sim.sensors.camera.rig import DEFAULT_CAMERAS, CameraSpec, RigErrors, mounted, swayed
from sim.sensors.camera.weather import Picture
from sim.weather import CLEAR_DAY

SIZES = {
    EntityKind.CAR: ((3.6, 1.65, 1.38), (5.0, 1.98, 1.78)),
    EntityKind.VAN: ((4.8, 1.9, 1.9), (6.5, 2.15, 2.7)),
    EntityKind.TRUCK: ((6.0, 2.3, 2.8), (16.5, 2.55, 4.0)),
    EntityKind.BUS: ((9.0, 2.4, 2.9), (13.0, 2.55, 3.4)),
    EntityKind.TRAILER: ((3.0, 1.8, 1.4), (8.0, 2.5, 3.8)),
    EntityKind.MOTORCYCLE: ((1.9, 0.65, 1.35), (2.4, 0.9, 1.75)),
    EntityKind.BICYCLE: ((1.6, 0.5, 1.55), (1.9, 0.7, 1.9)),
    EntityKind.PEDESTRIAN: ((0.35, 0.45, 1.1), (0.8, 0.75, 1.95)),
    EntityKind.OBSTACLE: ((0.3, 0.3, 0.4), (1.6, 1.6, 1.1)),
    EntityKind.ANIMAL: ((0.8, 0.3, 0.5), (1.8, 0.6, 1.5)),
}
"""Length, width, height: least and most."""
VEHICLES = frozenset({EntityKind.CAR, EntityKind.VAN, EntityKind.TRUCK, EntityKind.BUS, EntityKind.TRAILER,
                      EntityKind.MOTORCYCLE, EntityKind.BICYCLE})  # fmt: skip
GROUND_STRIDE = 4
SMALL = frozenset({EntityKind.PEDESTRIAN, EntityKind.BICYCLE, EntityKind.OBSTACLE, EntityKind.ANIMAL})


@dataclass(frozen=True, slots=True)
class Mixture:
    """How often which kinds and weathers come, and the share of moments that look at a traffic light nearby."""

    kinds: Mapping[EntityKind, float]
    weathers: Mapping[WeatherKind, float]
    at_lights: float = 0.0


USUAL = Mixture(
    MappingProxyType({
        EntityKind.CAR: 0.36, EntityKind.VAN: 0.07, EntityKind.TRUCK: 0.10, EntityKind.BUS: 0.05,
        EntityKind.TRAILER: 0.01, EntityKind.MOTORCYCLE: 0.09, EntityKind.BICYCLE: 0.11, EntityKind.PEDESTRIAN: 0.13,
        EntityKind.OBSTACLE: 0.07, EntityKind.ANIMAL: 0.01,
    }),
    MappingProxyType({
        WeatherKind.CLEAR: 0.32, WeatherKind.RAIN: 0.16, WeatherKind.SNOW: 0.11, WeatherKind.FOG: 0.12,
        WeatherKind.DUSK: 0.13, WeatherKind.NIGHT: 0.16,
    }),
)  # fmt: skip
HARD = Mixture(
    MappingProxyType({
        EntityKind.CAR: 0.33, EntityKind.VAN: 0.07, EntityKind.TRUCK: 0.15, EntityKind.BUS: 0.07,
        EntityKind.TRAILER: 0.02, EntityKind.MOTORCYCLE: 0.09, EntityKind.BICYCLE: 0.09, EntityKind.PEDESTRIAN: 0.10,
        EntityKind.OBSTACLE: 0.07, EntityKind.ANIMAL: 0.01,
    }),
    MappingProxyType({
        WeatherKind.CLEAR: 0.26, WeatherKind.RAIN: 0.14, WeatherKind.SNOW: 0.12, WeatherKind.FOG: 0.12,
        WeatherKind.DUSK: 0.13, WeatherKind.NIGHT: 0.23,
    }),
    at_lights=0.4,
)  # fmt: skip
"""More of what a net finds hard: trucks, night, traffic lights."""
LIGHT_NEAR_M, LIGHT_FAR_M, LIGHT_TRIES = 6.0, 70.0, 40


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture with its truth; `moment` numbers the rig frame it belongs to.

    `true_camera` took it, `camera` is what the calibration believes. `drivable` (H / 4, W / 4) is 1 where road is seen,
    `covered` (H, W) 1 where something stands in front of the ground.
    """

    moment: int
    name: str
    image: Picture
    camera: Camera
    true_camera: Camera
    labels: Labels
    drivable: NDArray[np.uint8]
    covered: NDArray[np.bool_]


def moments(
    lane_map: LaneMap,
    scenery: Scenery,
    count: int,
    rng: np.random.Generator,
    *,
    randomise: bool = True,
    cameras: tuple[CameraSpec, ...] = DEFAULT_CAMERAS,
    mixture: Mixture = USUAL,
) -> Iterator[tuple[Shot, ...]]:
    """Rig frames; with `randomise` the cameras differ from those given (fixed focal lengths per call)."""
    specs = tuple(_varied(spec, rng) if randomise else spec for spec in cameras)
    for moment in range(count):
        view = random_view(lane_map, scenery, rng, mixture)
        weather = random_weather(rng, mixture)
        errors = RigErrors()
        shifted = tuple(_remounted(spec, rng) if randomise else spec for spec in specs)
        true = swayed(tuple(mounted(spec, errors, rng) for spec in shifted), errors, rng)
        scene = scene_of(view, weather)
        exposure = float(np.exp(rng.normal(0.0, 0.12)))
        shots = []
        for spec, camera in zip(shifted, true, strict=True):
            frame = draw(scene, camera, rng, exposure, spec.exposure_s)
            middle = frame.owner[GROUND_STRIDE // 2 :: GROUND_STRIDE, GROUND_STRIDE // 2 :: GROUND_STRIDE]
            drivable = ((middle == ROAD) | (middle == MARK)).astype(np.uint8)
            truth = labels(scene, camera, frame)
            covered = frame.owner > MARK
            shots.append(Shot(moment, spec.name, frame.image, spec.calibrated(), camera, truth, drivable, covered))
        yield tuple(shots)


def _varied(spec: CameraSpec, rng: np.random.Generator) -> CameraSpec:
    """Another lens."""
    bend = float(rng.uniform(0.3, 1.15))
    k1, k2, p1, p2, k3 = spec.distortion
    return replace(
        spec,
        focal_px=spec.focal_px * float(np.exp(rng.uniform(-0.25, 0.22))),
        distortion=(bend * k1, bend * bend * k2, p1, p2, k3),
    )


def _remounted(spec: CameraSpec, rng: np.random.Generator) -> CameraSpec:
    """Another place of the same camera."""
    return replace(
        spec,
        z_m=spec.z_m + float(rng.uniform(-0.2, 0.6)),
        pitch_deg=spec.pitch_deg + float(rng.uniform(-1.5, 1.5)),
        roll_deg=float(rng.uniform(-0.7, 0.7)),
        yaw_deg=spec.yaw_deg + float(rng.uniform(-3.0, 3.0)),
    )


def random_weather(rng: np.random.Generator, mixture: Mixture = USUAL) -> Weather:
    """A weather by its share."""
    kind = WeatherKind(int(rng.choice(list(mixture.weathers), p=list(mixture.weathers.values()))))
    azimuth = float(rng.uniform(-math.pi, math.pi))
    high = math.radians(float(rng.uniform(9.0, 62.0)))
    base = replace(CLEAR_DAY, kind=kind, sun_azimuth_rad=azimuth, sun_elevation_rad=high)
    match kind:
        case WeatherKind.CLEAR:
            return replace(base, wetness=float(rng.choice([0.0, 0.0, 0.0, 0.5])))
        case WeatherKind.RAIN:
            rain = float(rng.uniform(1.0, 20.0))
            return replace(base, precipitation_mmph=rain, visibility_m=4000.0 / (1.0 + 0.4 * rain), friction=0.7,
                           wetness=float(rng.uniform(0.35, 1.0)))  # fmt: skip
        case WeatherKind.SNOW:
            snow = float(rng.uniform(0.5, 8.0))
            return replace(base, precipitation_mmph=snow, visibility_m=1200.0 / (1.0 + 0.6 * snow),
                           friction=float(rng.uniform(0.3, 0.9)))  # fmt: skip
        case WeatherKind.FOG:
            return replace(base, visibility_m=float(np.exp(rng.uniform(math.log(40.0), math.log(600.0)))))
        case WeatherKind.DUSK:
            return replace(base, sun_elevation_rad=math.radians(float(rng.uniform(-6.0, 6.0))))
        case _:
            return replace(base, sun_elevation_rad=math.radians(float(rng.uniform(-40.0, -6.5))),
                           wetness=float(rng.choice([0.0, 0.0, 0.7])))  # fmt: skip


def random_view(lane_map: LaneMap, scenery: Scenery, rng: np.random.Generator, mixture: Mixture = USUAL) -> WorldView:
    """The ego somewhere on a lane, others all around it."""
    ego = _ego_pose(lane_map, scenery, rng, mixture)
    rows = _others(lane_map, ego, int(rng.integers(4, 24)), rng, mixture)
    columns = np.array(rows).reshape(-1, 7)
    kinds, x, y, yaw, length, width, height = columns.T
    braking = np.where(rng.random(len(rows)) < 0.3, -2.0, 0.0)
    ids = rng.integers(0, 1 << 30, len(rows))
    agents = Agents(ids, kinds.astype(np.int64), x, y, yaw, length, width, height, braking)
    states = rng.choice([LightState.RED, LightState.YELLOW, LightState.GREEN, LightState.RED_YELLOW, LightState.OFF],
                        len(scenery.lights), p=[0.36, 0.14, 0.34, 0.1, 0.06])  # fmt: skip
    return WorldView(scenery, agents, ego, float(rng.uniform(0.0, 30.0)), tuple(int(s) for s in states))


def _ego_pose(lane_map: LaneMap, scenery: Scenery, rng: np.random.Generator, mixture: Mixture) -> Pose:
    """Anywhere on the lanes; where the mixture asks for lights, a place that one of them faces, if tries find one."""
    lanes = [i for i, kind in enumerate(lane_map.kinds) if kind in DRIVABLE_KINDS and lane_map.length_m(i) > 3.0]
    lengths = np.array([lane_map.length_m(i) for i in lanes])
    wanted = len(scenery.lights) > 0 and mixture.at_lights > 0.0 and rng.random() < mixture.at_lights
    for left in range(LIGHT_TRIES if wanted else 0, -1, -1):
        lane = int(rng.choice(lanes, p=lengths / lengths.sum()))
        ego = _on_lane(lane_map, lane, float(rng.uniform(0.0, lane_map.length_m(lane))), float(rng.normal(0.0, 0.35)))
        if left == 0 or _faces_light(scenery, ego):
            break
    return replace(ego, yaw_rad=wrap_rad(ego.yaw_rad + float(rng.normal(0.0, 0.03))))


def _faces_light(scenery: Scenery, ego: Pose) -> bool:
    """Whether a light hangs ahead, within reach, and looks this way."""
    ego_from_world = ego.inverse()
    for head in scenery.lights:
        x, y = (float(value) for value in ego_from_world @ np.array([head.x_m, head.y_m]))
        if LIGHT_NEAR_M < x < LIGHT_FAR_M and abs(y) < 0.5 * x and math.cos(head.yaw_rad - ego.yaw_rad) < -0.7:
            return True
    return False


def _others(
    lane_map: LaneMap, ego: Pose, count: int, rng: np.random.Generator, mixture: Mixture
) -> list[tuple[float, ...]]:
    """Rows of kind, x, y, yaw, length, width, height; no two overlap and none overlaps the ego."""
    taken = [(ego.x_m + 1.4 * math.cos(ego.yaw_rad), ego.y_m + 1.4 * math.sin(ego.yaw_rad), 3.2)]
    rows: list[tuple[float, ...]] = []
    for _ in range(count):
        kind = EntityKind(int(rng.choice(list(mixture.kinds), p=list(mixture.kinds.values()))))
        least, most = (np.array(bound) for bound in SIZES[kind])
        length, width, height = (float(v) for v in least + rng.beta(2.0, 2.0, 3) * (most - least))
        pose = _place(lane_map, ego, kind, rng)
        radius = 0.5 * math.hypot(length, width)
        if all(math.hypot(pose.x_m - x, pose.y_m - y) > 0.8 * (radius + r) for x, y, r in taken):
            taken.append((pose.x_m, pose.y_m, radius))
            rows.append((kind, pose.x_m, pose.y_m, pose.yaw_rad, length, width, height))
    return rows


def _place(lane_map: LaneMap, ego: Pose, kind: EntityKind, rng: np.random.Generator) -> Pose:
    """Mostly ahead, near ones as likely as far ones; vehicles mostly on lanes and along them."""
    far = float(np.exp(rng.uniform(math.log(3.5), math.log(70.0 if kind in SMALL else 130.0))))
    turn = float(rng.normal(0.0, 0.22)) if rng.random() < 0.62 else float(rng.uniform(-math.pi, math.pi))
    place = ego @ Pose(far * math.cos(turn) + 1.5, far * math.sin(turn), 0.0)
    x, y = place.x_m, place.y_m
    if kind not in VEHICLES and rng.random() < 0.6:
        return Pose(x, y, float(rng.uniform(-math.pi, math.pi)))
    lanes, s, offset = lane_map.nearest(np.array([[x, y]]))
    lane, along = int(lanes[0]), float(s[0])
    if abs(float(offset[0])) > 12.0 or rng.random() < 0.08:
        return Pose(x, y, float(rng.uniform(-math.pi, math.pi)))
    spread = 0.3 if kind in VEHICLES and kind is not EntityKind.BICYCLE else 1.4
    pose = _on_lane(lane_map, lane, along, float(rng.normal(0.0, spread)))
    yaw = pose.yaw_rad + float(rng.normal(0.0, 0.06)) + (math.pi if rng.random() < 0.06 else 0.0)
    if kind not in VEHICLES:
        yaw = float(rng.uniform(-math.pi, math.pi))
    return Pose(pose.x_m, pose.y_m, wrap_rad(yaw))


def _on_lane(lane_map: LaneMap, lane: int, s_m: float, offset_m: float) -> Pose:
    centre = lane_map.centre(lane)
    x, y = (float(v) for v in centre.position(np.array([s_m]), np.array([offset_m]))[0])
    return Pose(x, y, float(centre.heading(np.array([s_m]))[0]))


def marks_in_pixels(shot: Shot) -> Floats:
    """Columns line, u, v, type, x, y of the mark points in the picture that nothing hides, shape (P, 6)."""
    truth = shot.labels
    if not len(truth.mark_xy):
        return np.zeros((0, 6))
    pixels, _ = shot.true_camera.pixels_of(np.column_stack((truth.mark_xy, np.zeros(len(truth.mark_xy)))))
    line = np.repeat(np.arange(len(truth.mark_type)), np.diff(truth.mark_start))
    height, width = shot.covered.shape
    u, v = np.clip(pixels[:, 0], 0, width - 1).astype(int), np.clip(pixels[:, 1], 0, height - 1).astype(int)
    free = ~shot.covered[v, u]
    return np.column_stack((line, pixels, truth.mark_type[line], truth.mark_xy))[free]
