"""What others may do in the next seconds: for each road user several futures with probabilities, as boxes on the route.

In: the scene in `world`, the route's path around the ego. Out: `Futures` in the Frenet frame of that path. A future is
a motion along a lane (or straight on where there is none) at a lateral speed:

keep     stays in its lane; who drifts settles where it is going, who moves towards its lane's centre stops there
change   who drifts off its lane's centre goes on until it is one lane further; whose sideways speed grows may be on
         half a cosine and get faster yet (`change faster`)
turn     where its lane splits, one future per branch that its speed allows
straight pedestrians, animals, obstacles and who is on no lane: constant velocity; pedestrians may also stop

Along its path everybody keeps its speed; who brakes brakes on to standstill. The covariance grows with time.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bus.messages import EntityKind
from geometry.angles import Floats, wrap_rad
from geometry.polyline import Polyline
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS
from motion.contact import half_extent
from planning.scene import Agents, Scene

TIMES_S = np.concatenate((0.1 * np.arange(31), 3.0 + 0.2 * np.arange(1, 16)))
"""Instants of predictions and rollouts: every 0.1 s for 3 s, then every 0.2 s to 6 s."""
HORIZON_S = float(TIMES_S[-1])
S_LOW, S_HIGH, D_LOW, D_HIGH, SPEED, ACCELERATION = range(6)
"""Columns of a predicted box."""
WALL_M = 50.0
TURNS_MPS, TURNS_RADPS, TURNED_RAD = 2.0, 0.05, 0.5 * math.pi
"""Who is off its lanes, this fast and turns this fast, may go on turning, by so much at most."""
LONG_M, ASKEW_M, PART_M, REAR_SHARE = 8.0, 0.5, 5.0, 0.37
"""Who is longer than this, and whose box on the path is wider than himself by more than that, is several: the tail of
a lorry that turns into the lane is still beside it when its front is in it. Its rear axle, so much of its length behind
its middle, follows the front."""
CHANGE = "change"
"""How the labels of futures begin in which somebody changes lanes."""
_WALKERS = (int(EntityKind.PEDESTRIAN), int(EntityKind.ANIMAL))


@dataclass(frozen=True, slots=True)
class PredictionSettings:
    """When drifting means changing lanes, and how the covariance grows."""

    wandering_mps: float = 0.1
    certain_mps: float = 0.5
    """Lateral speeds below the first mean nothing, above the second a lane change."""
    wandering_m: float = 0.2
    certain_m: float = 0.6
    """The same for the offset from the lane's centre in the direction of the drift."""
    settle_s: float = 1.0
    """Time in which somebody who keeps its lane takes its drift back."""
    sigma_along_m: float = 0.3
    sigma_along_mps: float = 0.15
    sigma_across_m: float = 0.06
    sigma_across_mps: float = 0.04
    """Standard deviations now, and their growth."""
    growing_mps2: tuple[float, float] = (0.8, 4.0)
    """Sideways acceleration above the first means that a lane change has just begun, above the second a jump of what
    is seen."""
    begun_m: float = 0.375
    faster_chance: float = 0.5
    """Who is this far off its lane's centre (before that it may be wandering, UN R157 5.2.5) and gets faster sideways
    goes on doing so with that chance; else it stays as fast as it is."""
    change_s: float = 2.5
    """Nobody changes lanes in less."""
    change_lasts_s: float = 1.0
    """Who brakes or speeds up while it changes lanes goes on doing so for this long: it suits its speed to the lane it
    comes to. Who keeps its lane may brake until it stands."""
    turning_mps2: float = 3.5
    """Nobody takes a branch faster than this lateral acceleration allows."""
    on_lane_m: float = 2.2
    aligned_rad: float = 0.6
    """Who is further from the nearest lane's centre or heads elsewhere is on no lane."""
    against_mps: float = 3.0
    """Who is slower than this on a lane of the other direction parks or turns there."""
    range_m: float = 60.0
    """Nobody further beside the route than this matters."""


NOBODY, WAITING = -1, -2
"""Instead of an agent: a wall that stands for a stop, and one that only ways that keep the lane mind."""


@dataclass(frozen=True, slots=True, eq=False)
class Futures:
    """F futures at the K instants of `TIMES_S` in the Frenet frame of a path.

    `boxes` (F, K, 6): lowest and highest arc length and offset, speed and acceleration along the path. `sigma_m` (K, 2)
    along and across. `agent` (F,) is the row in the scene's agents, `NOBODY` or `WAITING`; `probability` (F,) sums to 1
    per agent. A long vehicle that is askew on the path is several boxes in each of its futures, one behind the other,
    each with the future's probability and the same number in `whose` (F,).
    """

    boxes: Floats
    probability: Floats
    agent: NDArray[np.int64]
    labels: tuple[str, ...]
    sigma_m: Floats
    whose: NDArray[np.int64]


def with_stop(futures: Futures, stop_m: float, agent: int = NOBODY) -> Futures:
    """The futures and a wall across the road at an arc length: a place that the rules forbid to pass.

    It belongs to `NOBODY`, or is `WAITING` where only who keeps the lane minds it.
    """
    wall = np.empty((1, len(TIMES_S), 6))
    wall[...] = (stop_m, stop_m + 1.0, -WALL_M, WALL_M, 0.0, 0.0)
    return replace(
        futures, boxes=np.concatenate((futures.boxes, wall)), probability=np.append(futures.probability, 1.0),
        agent=np.append(futures.agent, agent), labels=(*futures.labels, "stop"), whose=np.append(futures.whose, -1),
    )  # fmt: skip


def without(futures: Futures, rows: Collection[int]) -> Futures:
    """The futures without those of some agents (rows in the scene's agents)."""
    keep = np.flatnonzero(~np.isin(futures.agent, list(rows)))
    return replace(
        futures, boxes=futures.boxes[keep], probability=futures.probability[keep], agent=futures.agent[keep],
        labels=tuple(futures.labels[i] for i in keep), whose=futures.whose[keep],
    )  # fmt: skip


Swing = tuple[float, float]
"""Of a lane change along half a cosine: how far it has come [rad] and how fast that goes on [rad/s]; zeros: none."""


@dataclass(frozen=True, slots=True, eq=False)
class _Motion:
    """One future before it is rolled out: a path, where on it, the drift across, and the offset at which that ends."""

    agent: int
    label: str
    probability: float
    path: Polyline
    s_m: float
    d_m: float
    across_mps: float
    end_m: float
    settle_s: float
    """Time constant with which the drift dies out; infinite: it goes on to `end_m`."""
    swing: Swing
    speed_mps: float
    acceleration_mps2: float
    turn_rad: float
    """How far the box is turned against its path now."""
    lasts_s: float = math.inf
    """How long its acceleration goes on; infinite: braking until it stands, speeding up not at all."""


def predict(scene: Scene, path: Polyline, settings: PredictionSettings, before: Agents | None = None) -> Futures:
    """All futures of all agents that can come near the path. `before`: the agents of the cycle before; without them
    nobody's sideways speed is known to grow."""
    agents = scene.agents
    then = {} if before is None else {int(track): row for row, track in enumerate(before.ids)}
    motions = []
    for row in _near(agents, path, settings):
        earlier = then.get(int(agents.ids[row]))
        velocity = None if before is None or earlier is None else (before.vx_mps[earlier], before.vy_mps[earlier])
        motions += _motions(scene, row, velocity, settings)
    boxes: list[Floats] = []
    owners: list[int] = []
    for number, motion in enumerate(motions):
        pose = _rolled_out(
            motion.path.points, motion.path.s_m, motion.path.yaw_rad, motion.s_m, motion.d_m, motion.across_mps,
            motion.end_m, motion.settle_s, *motion.swing, motion.speed_mps, motion.acceleration_mps2, motion.turn_rad,
            motion.lasts_s, TIMES_S,
        )  # fmt: skip
        found = boxes_on_path(path, pose, float(agents.length_m[motion.agent]), float(agents.width_m[motion.agent]))
        boxes += found
        owners += [number] * len(found)
    sigma = np.stack((
        settings.sigma_along_m + settings.sigma_along_mps * TIMES_S,
        settings.sigma_across_m + settings.sigma_across_mps * TIMES_S,
    ), axis=-1)  # fmt: skip
    return Futures(
        np.array(boxes).reshape(-1, len(TIMES_S), 6), np.array([motions[number].probability for number in owners]),
        np.array([motions[number].agent for number in owners], dtype=np.int64),
        tuple(motions[number].label for number in owners), sigma, np.array(owners, dtype=np.int64),
    )  # fmt: skip


def boxes_on_path(path: Polyline, pose: Floats, length_m: float, width_m: float) -> list[Floats]:
    """A rolled out vehicle as boxes (K, 6) on the path: one, or several from its tail on where it is long and askew."""

    def box(ahead_m: float, long_m: float) -> Floats:
        moved = pose.copy()
        moved[:, 0] += ahead_m * np.cos(pose[:, 2])
        moved[:, 1] += ahead_m * np.sin(pose[:, 2])
        out = np.empty((len(pose), 6))
        on_path(path.points, path.s_m, path.yaw_rad, moved, long_m, width_m, out)
        return out

    if length_m > LONG_M:
        pose = _trailing(pose, REAR_SHARE * length_m)
    whole = box(0.0, length_m)
    if length_m <= LONG_M or float((whole[:, D_HIGH] - whole[:, D_LOW]).max()) - width_m <= ASKEW_M:
        return [whole]
    parts = round(length_m / PART_M)
    return [box(((k + 0.5) / parts - 0.5) * length_m, length_m / parts) for k in range(parts)]


def _near(agents: Agents, path: Polyline, settings: PredictionSettings) -> Iterator[int]:
    """Rows of the agents within reach of the path."""
    if len(agents.ids) == 0:
        return
    s, d = path.project(np.stack((agents.x_m, agents.y_m), axis=-1))
    inside = (np.abs(d) < settings.range_m) & (s > -settings.range_m) & (s < path.length_m + settings.range_m)
    yield from np.flatnonzero(inside).tolist()


def _motions(
    scene: Scene, row: int, before_mps: tuple[float, float] | None, settings: PredictionSettings
) -> list[_Motion]:  # fmt: skip
    """The futures of one agent, whose velocity in `world` a cycle ago was `before_mps`."""
    agents, lane_map = scene.agents, scene.context.lane_map
    vx, vy = float(agents.vx_mps[row]), float(agents.vy_mps[row])
    speed = math.hypot(vx, vy)
    point = np.array([[agents.x_m[row], agents.y_m[row]]])
    if int(agents.kinds[row]) in (*_WALKERS, int(EntityKind.OBSTACLE)):
        return _unguided(agents, row, speed)
    lanes, along, offset = lane_map.nearest(point, agents.yaw_rad[row : row + 1])
    lane, s, d = int(lanes[0]), float(along[0]), float(offset[0])
    heading = float(lane_map.centre(lane).heading(s))
    turn = wrap_rad(float(agents.yaw_rad[row]) - heading)
    if abs(d) > settings.on_lane_m or abs(turn) > settings.aligned_rad:
        return _off_its_lanes(scene, row, speed, settings)
    forward, across = _along(vx, vy, heading)
    growth = 0.0
    if before_mps is not None:
        dt_s = scene.context.dt_s
        bearing = float(lane_map.centre(lane).heading(max(s - forward * dt_s, 0.0)))
        growth = (across - (before_mps[1] * math.cos(bearing) - before_mps[0] * math.sin(bearing))) / dt_s
    width = float(np.interp(s, lane_map.s_m[lane_map.rows(lane)], lane_map.widths_m(lane)))
    branches = _branches(lane_map, lane, s, max(forward, 0.0) * HORIZON_S + 20.0, speed, settings)
    found: list[_Motion] = []
    for share, label, path in branches:
        for kind, chance, end_m, settle_s, swing in _sideways(d, across, growth, width, settings):
            lasts_s = settings.change_lasts_s if kind.startswith(CHANGE) else math.inf
            found.append(_Motion(
                row, f"{kind}{label}", share * chance, path, s, d, across, end_m, settle_s, swing, forward,
                float(agents.acceleration_mps2[row]), turn, lasts_s,
            ))  # fmt: skip
    return found


def _sideways(
    d_m: float, across_mps: float, growth_mps2: float, width_m: float, settings: PredictionSettings
) -> list[tuple[str, float, float, float, Swing]]:
    """What the drift may mean: (label, probability, offset at which it ends, time constant, swing of a lane change)."""
    side = math.copysign(1.0, across_mps)
    outwards = d_m * side
    if outwards < -settings.wandering_m and abs(across_mps) > settings.wandering_mps:
        return [("keep", 1.0, 0.0, math.inf, (0.0, 0.0))]  # on the way to the centre of its lane
    p = change_probability(outwards, abs(across_mps), settings)
    futures = [("keep", 1.0 - p, side * math.inf, settings.settle_s, (0.0, 0.0))] if p < 1.0 else []
    if p > 0.0:
        steady, swing = (0.0, 0.0), swing_of(abs(across_mps), growth_mps2 * side, width_m, settings)
        faster = settings.faster_chance if swing != steady and outwards >= settings.begun_m else 0.0
        futures.append((CHANGE, p * (1.0 - faster), side * width_m, math.inf, steady))
        if faster > 0.0:
            futures.append((f"{CHANGE} faster", p * faster, side * width_m, math.inf, swing))
    return futures


def swing_of(across_mps: float, growth_mps2: float, width_m: float, settings: PredictionSettings) -> Swing:
    """The lane change along half a cosine, y = width / 2 (1 - cos), that has this speed and acceleration sideways.

    None (zeros) where the speed does not grow, or grows as no vehicle can: then it goes on as it is.
    """
    least, most = settings.growing_mps2
    if not least < growth_mps2 < most:
        return (0.0, 0.0)
    half = 0.5 * width_m
    # With phase p and rate r: speed = half r sin p, growth = half r^2 cos p.
    square = (across_mps**2 + math.sqrt(across_mps**4 + (2.0 * half * growth_mps2) ** 2)) / (2.0 * half**2)
    rate = min(math.sqrt(square), math.pi / settings.change_s)
    return math.atan2(across_mps * rate, growth_mps2), rate


def change_probability(outwards_m: float, across_mps: float, settings: PredictionSettings) -> float:
    """How likely a drift away from the lane's centre becomes a lane change.

    Args:
        outwards_m: offset from the centre in the direction of the drift.
        across_mps: speed of the drift, >= 0.
        settings: bounds between wandering and certainty.
    """
    if across_mps <= 0.5 * settings.wandering_mps:
        return 0.0
    fast = (across_mps - settings.wandering_mps) / (settings.certain_mps - settings.wandering_mps)
    far = (outwards_m - settings.wandering_m) / (settings.certain_m - settings.wandering_m)
    return 1.0 - (1.0 - min(max(fast, 0.0), 1.0)) * (1.0 - min(max(far, 0.0), 1.0))


def _along(vx_mps: float, vy_mps: float, heading_rad: float) -> tuple[float, float]:
    """A velocity in `world` along a heading and to its left."""
    cos, sin = math.cos(heading_rad), math.sin(heading_rad)
    return vx_mps * cos + vy_mps * sin, vy_mps * cos - vx_mps * sin


def _off_its_lanes(scene: Scene, row: int, speed: float, settings: PredictionSettings) -> list[_Motion]:
    """Straight on; on a lane of those who come towards it, it may as well stay there, as who overtakes does.

    Beyond the end of that lane it is taken to go straight on.
    """
    agents, lane_map = scene.agents, scene.context.lane_map
    straight = _unguided(agents, row, speed)
    yaw = float(agents.yaw_rad[row])
    lanes, along, offset = lane_map.nearest(
        np.array([[agents.x_m[row], agents.y_m[row]]]), np.array([wrap_rad(yaw + math.pi)])
    )
    lane, s, d = int(lanes[0]), float(along[0]), float(offset[0])
    heading = float(lane_map.centre(lane).heading(s)) + math.pi
    turn = wrap_rad(yaw - heading)
    if abs(d) > settings.on_lane_m or abs(turn) > settings.aligned_rad or speed < settings.against_mps:
        return straight
    path = Polyline.through(lane_map.centre_points[lane_map.rows(lane)][::-1])
    forward, across = _along(float(agents.vx_mps[row]), float(agents.vy_mps[row]), heading)
    stays = _Motion(
        row, "against", 0.5, path, path.length_m - s, -d, across, 0.0, math.inf, (0.0, 0.0), forward,
        min(float(agents.acceleration_mps2[row]), 0.0), turn,
    )  # fmt: skip
    return [*(replace(motion, probability=0.5 * motion.probability) for motion in straight), stays]


def _unguided(agents: Agents, row: int, speed: float) -> list[_Motion]:
    """Constant velocity; a walker may stop as well, and a vehicle that turns may as well go on turning."""
    yaw, rate = float(agents.yaw_rad[row]), float(agents.yaw_rate_radps[row])
    course = math.atan2(agents.vy_mps[row], agents.vx_mps[row]) if speed > 0.1 else yaw
    braking = min(float(agents.acceleration_mps2[row]), 0.0)

    def goes(label: str, probability: float, path: Polyline, acceleration_mps2: float = braking) -> _Motion:
        return _Motion(
            row, label, probability, path, 0.0, 0.0, 0.0, 0.0, math.inf, (0.0, 0.0), speed, acceleration_mps2,
            wrap_rad(yaw - course),
        )  # fmt: skip

    place = float(agents.x_m[row]), float(agents.y_m[row])
    ahead = _course(*place, course, 0.0, speed)
    if int(agents.kinds[row]) in _WALKERS:
        if speed < 0.2:
            return [goes("straight", 1.0, ahead)]
        return [goes("straight", 0.8, ahead), goes("stop", 0.2, ahead, -1.5)]
    if speed < TURNS_MPS or abs(rate) < TURNS_RADPS:
        return [goes("straight", 1.0, ahead)]
    return [goes("straight", 0.5, ahead), goes("turning", 0.5, _course(*place, course, rate, speed))]


def _course(x_m: float, y_m: float, course_rad: float, rate_radps: float, speed_mps: float) -> Polyline:
    """The way at constant speed and turn rate over the horizon, and straight on for 10 m; nobody turns by more than
    TURNED_RAD.

    The constant turn rate and velocity model: Schubert et al. 2008, "Comparison and evaluation of advanced motion
    models for vehicle tracking".
    """
    step_s = 0.2 if rate_radps else HORIZON_S
    t = np.arange(0.0, HORIZON_S + 0.5 * step_s, step_s)
    heading = course_rad + np.clip(rate_radps * (t[:-1] + 0.5 * step_s), -TURNED_RAD, TURNED_RAD)
    steps = np.full(len(heading), speed_mps * step_s)
    steps[-1] += 10.0
    x = x_m + np.concatenate(([0.0], np.cumsum(steps * np.cos(heading))))
    y = y_m + np.concatenate(([0.0], np.cumsum(steps * np.sin(heading))))
    return Polyline.through(np.stack((x, y), axis=-1))


def _branches(
    lane_map: LaneMap, lane: int, s_m: float, reach_m: float, speed_mps: float, settings: PredictionSettings
) -> list[tuple[float, str, Polyline]]:
    """Ways on from a lane: (probability, label, path from the lane's start)."""
    chains = _chains(lane_map, lane, s_m + reach_m)
    paths = [_joined(lane_map, chain) for chain in chains]
    weights = [_turn_weight(path, s_m, speed_mps, settings) for path in paths]
    total = sum(weights)
    if total <= 0.0:
        weights, total = [1.0] * len(paths), float(len(paths))
    several = len(paths) > 1
    return [
        (weight / total, f" to {lane_map.ids[chain[-1]]}" if several else "", path)
        for weight, path, chain in zip(weights, paths, chains, strict=True)
        if weight > 0.0
    ]


def _chains(lane_map: LaneMap, lane: int, length_m: float) -> list[tuple[int, ...]]:
    """Chains of lanes that cover a length; they split once, at the first branching, and go on with the first lane."""
    chain, covered = [lane], lane_map.length_m(lane)
    while covered < length_m:
        after = [n for n in lane_map.successors[chain[-1]] if lane_map.kinds[n] in DRIVABLE_KINDS]
        if len(after) > 1:
            return [(*chain, branch) for branch in after]
        if not after:
            break
        chain.append(after[0])
        covered += lane_map.length_m(after[0])
    return [tuple(chain)]


def _joined(lane_map: LaneMap, chain: tuple[int, ...]) -> Polyline:
    return Polyline.through(np.concatenate([lane_map.centre_points[lane_map.rows(lane)] for lane in chain]))


def _turn_weight(path: Polyline, s_m: float, speed_mps: float, settings: PredictionSettings) -> float:
    """1 for a way that can be driven at this speed when braking comfortably, less for sharper ones, never 0."""
    ahead = np.arange(s_m, path.length_m, 2.0)
    if len(ahead) == 0:
        return 1.0
    bend = np.abs(path.curvature(ahead))
    allowed = np.sqrt(settings.turning_mps2 / np.maximum(bend, 1e-6) + 2.0 * 2.0 * (ahead - s_m))
    return float(min(1.0, (allowed.min() / max(speed_mps, 0.1)) ** 4))


@njit(cache=True)
def _rolled_out(  # type: ignore[no-untyped-def]
    points, s_m, headings, s0, d0, across, end, settle, come, rate, speed, acceleration, turn, lasts_s, times
):
    """Poses (K, 4) of the centre in `world`: x, y, yaw, speed along the path.

    What is gone sideways is not gone along: who ends its lane change gets faster along the path without speeding up. A
    drift that dies out says nothing of that, as it may be an error of what is seen; nor does that of who backs.
    """
    out = np.empty((len(times), 4))
    turns_in = speed > 0.0 and across != 0.0 and math.isinf(settle)
    half, whole = 0.5 * end, math.hypot(speed, across) if turns_in else speed
    segment, s, gone_s, along_mps = 0, s0, 0.0, speed
    for k in range(len(times)):
        t = times[k]
        # Who brakes stands some time; speeding up is only foretold as long as it is told to go on.
        changing = acceleration if acceleration < -0.3 or (acceleration > 0.3 and math.isfinite(lasts_s)) else 0.0
        span = min(t, lasts_s, whole / -changing) if changing < 0.0 else min(t, lasts_s) if changing > 0.0 else 0.0
        now = whole + changing * span
        aside = 0.0
        if rate > 0.0:
            d = d0 + half * (math.cos(come) - math.cos(min(come + rate * t, math.pi)))
            aside = half * rate * math.sin(min(come + rate * t, math.pi))
        elif math.isinf(settle):
            d, aside = d0 + across * t, across
            if (end - d) * across < 0.0:
                d, aside = end if (end - d0) * across > 0.0 else d0, 0.0
        else:
            d = d0 + across * settle * (1.0 - math.exp(-t / settle))
            aside = across * math.exp(-t / settle)
        if not turns_in:
            s = s0 + 0.5 * (speed + now) * span + now * (t - span)
        else:
            now = math.copysign(math.sqrt(max(now * now - aside * aside, 0.0)), now)
            s += 0.5 * (along_mps + now) * (t - gone_s)
            gone_s, along_mps = t, now
        while segment < len(headings) - 1 and s > s_m[segment + 1]:
            segment += 1
        while segment > 0 and s < s_m[segment]:
            segment -= 1
        cos, sin = math.cos(headings[segment]), math.sin(headings[segment])
        along = s - s_m[segment]
        out[k, 0] = points[segment, 0] + along * cos - d * sin
        out[k, 1] = points[segment, 1] + along * sin + d * cos
        out[k, 2] = headings[segment] + turn
        out[k, 3] = now
    return out


@njit(cache=True)
def _nearest_segment(points, s_m, headings, x, y, first, last):  # type: ignore[no-untyped-def]
    """Segment in [first, last], arc length and offset of a point; beyond the ends the end segments go on."""
    best, found, s, d = np.inf, first, 0.0, 0.0
    end = len(headings) - 1
    for i in range(first, last + 1):
        ux, uy = math.cos(headings[i]), math.sin(headings[i])
        dx, dy = x - points[i, 0], y - points[i, 1]
        along, side = dx * ux + dy * uy, ux * dy - uy * dx
        length = s_m[i + 1] - s_m[i]
        beyond = max(-along if i > 0 else 0.0, along - length if i < end else 0.0, 0.0)
        distance = side * side + beyond * beyond
        if distance < best:
            best, found, d = distance, i, side
            s = s_m[i] + (along if i == 0 or i == end else min(max(along, 0.0), length))
    return found, s, d


@njit(cache=True)
def _trailing(poses, rear_m):  # type: ignore[no-untyped-def]
    """Poses (K, 4) turned as a car is whose middle goes along these places, its rear axle `rear_m` behind."""
    out = poses.copy()
    for k in range(1, len(poses)):
        dx, dy = poses[k, 0] - poses[k - 1, 0], poses[k, 1] - poses[k - 1, 1]
        moved, yaw = math.hypot(dx, dy), out[k - 1, 2]
        aside = math.sin(math.atan2(dy, dx) - yaw) if moved > 1e-3 else 0.0
        out[k, 2] = yaw + math.atan2(aside * moved, rear_m)
    return out


@njit(cache=True)
def on_path(points, s_m, headings, poses, length, width, out):  # type: ignore[no-untyped-def]
    """Boxes (K, 6) of poses in the frame of a path."""
    end = len(headings) - 1
    segment, _, _ = _nearest_segment(points, s_m, headings, poses[0, 0], poses[0, 1], 0, end)
    for k in range(len(poses)):
        segment, s, d = _nearest_segment(
            points, s_m, headings, poses[k, 0], poses[k, 1], max(segment - 3, 0), min(segment + 8, end)
        )
        turn = poses[k, 2] - headings[segment]
        along = half_extent(turn, length, width)
        across = half_extent(turn + 0.5 * math.pi, length, width)
        out[k, 0], out[k, 1] = s - along, s + along
        out[k, 2], out[k, 3] = d - across, d + across
        out[k, 4] = poses[k, 3] * math.cos(turn)
        out[k, 5] = (poses[k, 3] - poses[k - 1, 3]) / 0.1 if 0 < k <= 30 else 0.0
        # A box that drives along a bend reaches outwards with its corners: sagitta of its length.
        bend = 0.0
        if 0 < segment < end:
            bend = (headings[segment + 1] - headings[segment - 1]) / (s_m[segment + 1] - s_m[segment - 1])
        sagitta = 0.125 * bend * length * length * abs(math.cos(turn))
        if sagitta > 0.0:
            out[k, 2] -= min(sagitta, 0.5)
        else:
            out[k, 3] += min(-sagitta, 0.5)
    out[0, 5] = out[1, 5]
