"""A drive of our own simulator as the nuPlan score judges it: resampled to 0.1 s, lanes of the lane map as its roads.

Lanes outside of junctions are lanes, those inside are connectors, junctions are intersections; lanes beside each other
in the same direction form a road block. A lane's speed limit is the largest along it. Acceleration and yaw rate are
those of the rear axle, as simulated.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import shapely

from bus.messages import EntityKind
from geometry.angles import Floats, wrap_rad
from geometry.errors import ContractError
from maps.lane_map import LaneMap
from maps.road_model import DRIVABLE_KINDS
from motion.rollout import Motion, Rollout
from planning.metrics.nuplan.drive import Drive, EgoMotion, EgoShape, LaneObject, RoadMap, Trace, TrackSet

STEP_US = 100_000
NEAR_M = 60.0
KINDS: Mapping[EntityKind, str] = {
    EntityKind.PEDESTRIAN: "pedestrian", EntityKind.BICYCLE: "bicycle", EntityKind.OBSTACLE: "generic_object",
}  # fmt: skip
"""All other kinds are vehicles."""


def drive_of_rollout(rollout: Rollout, lane_map: LaneMap, expert: Rollout | None = None) -> Drive:
    """The part of a drive that the stack drove.

    Args:
        rollout: the drive.
        lane_map: its roads.
        expert: the same scenario driven by the expert (by `pdm-closed` where there is no human); without one, progress
            is not compared.

    Raises:
        ContractError: the stack drove for less than two steps of 0.1 s.
    """
    engaged = np.flatnonzero(rollout.engaged)
    if len(engaged) == 0 or rollout.t_s[engaged[-1]] - rollout.t_s[engaged[0]] < 2e-6 * STEP_US:
        raise ContractError("the stack drove for less than two steps of 0.1 s: nothing to judge")
    first_s, last_s = (float(rollout.t_s[i]) for i in (engaged[0], engaged[-1]))
    time_us = np.arange(round(first_s * 1e6), round(last_s * 1e6) + 1, STEP_US, dtype=np.int64)
    ego, shape = rollout.ego, rollout.cast[rollout.ego_id]
    trace = _trace(rollout, time_us)
    speed, acceleration, yaw_rate = (
        _at(rollout.t_s, series, time_us) for series in (ego.speed_mps, ego.acceleration_mps2, rollout.yaw_rate_radps)
    )
    motion = EgoMotion(
        speed, np.zeros(len(speed)), acceleration, speed * yaw_rate, yaw_rate, np.gradient(yaw_rate, 1e-6 * STEP_US)
    )
    rear_m = 0.5 * shape.length_m - shape.centre_x_m
    points = np.stack((trace.x_m, trace.y_m), axis=-1)
    return Drive(
        EgoShape(shape.length_m, shape.width_m, rear_m), trace, motion, _tracks(rollout, time_us),
        roads_of(lane_map, points), None if expert is None else _trace(expert, time_us),
    )  # fmt: skip


def _trace(rollout: Rollout, time_us: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Trace:
    """The rear axle at the given times, as far as the rollout goes."""
    time_us = time_us[time_us <= round(float(rollout.t_s[-1]) * 1e6)]
    yaw = wrap_rad(_at(rollout.t_s, np.unwrap(rollout.ego.yaw_rad), time_us))
    x_m, y_m = (_at(rollout.t_s, series, time_us) for series in (rollout.ego.x_m, rollout.ego.y_m))
    return Trace(time_us, x_m, y_m, yaw)


def _at(t_s: Floats, series: Floats, time_us: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    return np.asarray(np.interp(1e-6 * time_us, t_s, series), dtype=np.float64)


def _tracks(rollout: Rollout, time_us: np.ndarray[tuple[int], np.dtype[np.int64]]) -> TrackSet:
    """Others at the first sample not before each time."""
    others: Motion = rollout.others
    cast = [rollout.cast[i] for i in rollout.other_ids]
    nearest = np.clip(np.searchsorted(rollout.t_s, 1e-6 * time_us - 1e-9), 0, len(rollout.t_s) - 1)
    kinds = tuple(KINDS.get(EntityKind(shape.kind), "vehicle") for shape in cast)
    static = np.array([kind == "generic_object" for kind in kinds], dtype=bool)
    return TrackSet(
        ids=tuple(shape.name for shape in cast), kinds=kinds,
        length_m=np.array([shape.length_m for shape in cast]), width_m=np.array([shape.width_m for shape in cast]),
        x_m=others.x_m[nearest], y_m=others.y_m[nearest], yaw_rad=others.yaw_rad[nearest],
        speed_mps=np.where(static & others.present[nearest], 0.0, np.abs(others.speed_mps[nearest])),
        present=others.present[nearest],
    )  # fmt: skip


def roads_of(lane_map: LaneMap, points: Floats) -> RoadMap:
    """The roads near points of shape (M, 2)."""
    near = sorted({lane for point in points[::10] for lane in lane_map.lanes_near(point, NEAR_M).tolist()})
    lanes = [lane for lane in near if lane_map.kinds[lane] in DRIVABLE_KINDS]
    order = sorted(lanes, key=lambda lane: (bool(lane_map.junction[lane]), lane))
    index = {lane: i for i, lane in enumerate(order)}
    block = {lane: _block(lane_map, lane) for lane in order}
    objects = tuple(
        LaneObject(
            id=lane_map.ids[lane],
            is_lane=not lane_map.junction[lane],
            surface=lane_map.surface(lane),
            baseline=shapely.LineString(lane_map.centre_points[lane_map.rows(lane)]),
            speed_limit_mps=None if lane_map.junction[lane] else _limit(lane_map, lane),
            block=block[lane],
            incoming=tuple(index[other] for other in lane_map.predecessors[lane] if other in index),
            outgoing=tuple(index[other] for other in lane_map.successors[lane] if other in index),
        )
        for lane in order
    )
    members: dict[str, list[shapely.Geometry]] = {}
    junctions: dict[str, list[shapely.Geometry]] = {}
    for lane in order:
        members.setdefault(block[lane], []).append(lane_map.surface(lane))
        if lane_map.junction[lane]:
            junctions.setdefault(lane_map.junction[lane], []).append(lane_map.surface(lane))
    return RoadMap(
        objects,
        {name: shapely.union_all(areas) for name, areas in members.items()},
        tuple(shapely.union_all(areas) for areas in junctions.values()),
        tuple(item.surface for item in objects),
    )


def _block(lane_map: LaneMap, lane: int) -> str:
    """Named by the leftmost lane of those beside it in the same direction."""
    seen = {lane}
    while (left := int(lane_map.left_neighbour[lane])) >= 0 and left not in seen:
        seen.add(left)
        lane = left
    return lane_map.ids[lane]


def _limit(lane_map: LaneMap, lane: int) -> float | None:
    limits = lane_map.speed_limit_mps[lane_map.rows(lane)]
    return None if np.isnan(limits).all() else float(np.nanmax(limits))
