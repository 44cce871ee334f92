"""An error model of landmark perception: signs, lights, poles, stop lines and crossings around the true pose.

It stands in for the net, as `sim.sensors.lane_marks` does, and its figures are assumptions. In: `/truth/ego`,
`/truth/weather` and the true landmarks. Out: `/perception/landmarks` in `ego`. A camera knows the bearing well and the
range in proportion to it; both errors have a part that stays the same for each landmark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bus.messages import EgoTruth, LandmarkKind, Landmarks, Weather
from bus.node import Node, Publication, Tick
from geometry.angles import Floats, wrap_rad
from maps.landmarks import MapLandmarks
from sim.sensors.lane_marks import piece_errors
from sim.weather import CLEAR_DAY


@dataclass(frozen=True, slots=True)
class LandmarkErrors:
    """Assumed errors: range noise as a share of the range, bearing noise, misses, false ones, wrong kinds."""

    period_s: float = 0.1
    delay_s: float = 0.1
    range_m: float = 50.0
    half_view_rad: float = 1.0
    range_share: float = 0.03
    bearing_rad: float = 3.0e-3
    nearest_sigma_m: float = 0.08
    miss: float = 0.1
    never_seen: float = 0.05
    wrong_kind: float = 0.02
    false_rate_hz: float = 0.1
    steady_share: float = 0.6
    """How much of the standard deviation stays the same in all pictures of one landmark."""


@dataclass(frozen=True, slots=True)
class LandmarkMemory:
    """`salt` tells one drive's landmarks from another's; None before the first picture."""

    salt: int | None = None


def node(errors: LandmarkErrors, landmarks: MapLandmarks) -> Node:
    """The node to hand to the executor; `landmarks` are the true ones."""
    return Node(
        name="landmarks",
        priority=20,
        step=lambda memory, tick: _step(errors, landmarks, memory, tick),
        memory=LandmarkMemory(),
        inputs=("/truth/ego", "/truth/weather"),
        outputs=("/perception/landmarks",),
        triggers=("/truth/ego",),
        latency_ns=round(errors.delay_s * 1e9),
        snapshot=False,
    )


def _step(
    errors: LandmarkErrors, landmarks: MapLandmarks, memory: LandmarkMemory, tick: Tick
) -> tuple[LandmarkMemory, tuple[Publication, ...]]:
    assert tick.trigger is not None
    at_ns = tick.trigger.envelope.measured_ns
    if at_ns % round(errors.period_s * 1e9) != 0:
        return memory, ()
    said = tick.inputs.get("/truth/weather")
    weather = CLEAR_DAY if said is None else said.message
    memory, seen = measure(errors, landmarks, memory, tick.trigger.message, weather, tick.rng)
    return memory, (Publication("/perception/landmarks", seen, at_ns),)


def measure(
    errors: LandmarkErrors,
    landmarks: MapLandmarks,
    memory: LandmarkMemory,
    ego: EgoTruth,
    weather: Weather,
    rng: np.random.Generator,
) -> tuple[LandmarkMemory, Landmarks]:
    """The landmarks that the model reports for one picture; call it once per period."""
    if memory.salt is None:
        memory = LandmarkMemory(int(rng.integers(2**31)))
    assert memory.salt is not None
    found = []
    for index in _in_view(errors, landmarks, ego, weather):
        steady = piece_errors(memory.salt, int(index)), piece_errors(memory.salt + 1, int(index))
        if steady[0][0] < errors.never_seen or rng.random() < errors.miss:
            continue
        point = ego.world_from_ego.inverse() @ landmarks.points[index]
        kind = int(landmarks.kinds[index])
        if rng.random() < errors.wrong_kind:
            kind = int(rng.integers(len(LandmarkKind)))
        found.append(_measured(errors, point, kind, (steady[0][1], steady[1][1]), rng))
    if rng.random() < errors.false_rate_hz * errors.period_s:
        bearing = rng.uniform(-errors.half_view_rad, errors.half_view_rad)
        away = rng.uniform(5.0, errors.range_m)
        ghost = np.array((away * math.cos(bearing), away * math.sin(bearing)))
        found.append(_measured(errors, ghost, int(rng.integers(len(LandmarkKind))), (0.0, 0.0), rng))
    return memory, _message(found)


def _in_view(errors: LandmarkErrors, landmarks: MapLandmarks, ego: EgoTruth, weather: Weather) -> np.ndarray:
    """Indices of what the camera can see: in range and view, and not from behind."""
    pose = ego.world_from_ego
    offset = landmarks.points - np.array((pose.x_m, pose.y_m))
    away = np.hypot(offset[:, 0], offset[:, 1])
    bearing = wrap_rad(np.arctan2(offset[:, 1], offset[:, 0]) - pose.yaw_rad)
    facing = np.abs(wrap_rad(landmarks.seen_from_rad - pose.yaw_rad))
    from_front = np.isnan(facing) | (facing < 1.0)
    reach = min(errors.range_m, 0.4 * weather.visibility_m)
    flat = np.isin(landmarks.kinds, (LandmarkKind.STOP_LINE, LandmarkKind.CROSSING))
    # paint on the ground is seen at a grazing angle: half as far
    near = (away > 3.0) & (away <= np.where(flat, 0.5 * reach, reach))
    return np.flatnonzero(near & (np.abs(bearing) <= errors.half_view_rad) & from_front)


def _measured(
    errors: LandmarkErrors, point: Floats, kind: int, steady: tuple[float, float], rng: np.random.Generator
) -> tuple[int, Floats, Floats]:
    """Kind, noisy position (2,) and stated covariance (2, 2)."""
    away, bearing = math.hypot(point[0], point[1]), math.atan2(point[1], point[0])
    sigma_range = math.hypot(errors.range_share * away, errors.nearest_sigma_m)
    sigma_across = math.hypot(errors.bearing_rad * away, errors.nearest_sigma_m)
    white = math.sqrt(1.0 - errors.steady_share**2)
    draws = white * rng.normal(size=2) + errors.steady_share * np.array(steady)
    cos, sin = math.cos(bearing), math.sin(bearing)
    axes = np.array(((cos, -sin), (sin, cos)))
    sigmas = np.array((sigma_range, sigma_across))
    return kind, point + axes @ (sigmas * draws), axes @ np.diag(sigmas**2) @ axes.T


def _message(found: list[tuple[int, Floats, Floats]]) -> Landmarks:
    points = np.array([point for _, point, _ in found]).reshape(-1, 2)
    return Landmarks(
        kinds=np.array([kind for kind, _, _ in found], dtype=np.int64),
        score=np.full(len(found), 0.9),
        x_m=points[:, 0],
        y_m=points[:, 1],
        covariance=np.array([covariance for _, _, covariance in found]).reshape(-1, 2, 2),
    )
