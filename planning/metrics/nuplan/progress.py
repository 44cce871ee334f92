"""EP and MP, progress along the expert's route: how far the ego came along it, beside how far the expert did.

The route is the chain of road blocks that the expert drove through, each with one baseline. Progress counts along the
baseline of the present block; towards a later block over the baselines between (nuPlan devkit,
`ego_progress_along_expert_route`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from geometry.angles import Floats
from planning.metrics.nuplan.drive import Drive, LaneObject
from planning.metrics.nuplan.lane_state import centre_lanes
from planning.metrics.nuplan.view import View
from planning.metrics.result import MetricResult

NAME = "ego_progress_along_expert_route"
MAKING_NAME = "ego_is_making_progress"
LEAST_M = 2.0
"""Progress below this is compared as this; going back by more scores nothing."""
MAKING_PROGRESS = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """`per_step_m` (T,) of the ego, None without an expert's route; `score` is the ratio of the sums."""

    per_step_m: Floats | None
    ego_m: float
    expert_m: float
    score: float
    result: MetricResult
    making_progress: float
    making_result: MetricResult


def compute(view: View) -> Progress:
    """Both sub-scores."""
    route = expert_route(view.drive)
    if view.drive.expert is None or not route:
        cause = "no expert's route to compare with"
        full = [view.result(None, name, 1.0, cause) for name in (NAME, MAKING_NAME)]
        return Progress(None, 0.0, 0.0, 1.0, full[0], 1.0, full[1])
    per_step = along_route(view.drive, route, view.centre_m)
    ego_m = float(per_step.sum())
    expert_m = float(along_route(view.drive, route, view.drive.expert.centres(view.drive.shape)).sum())
    ratio = 0.0 if ego_m < -LEAST_M else min(1.0, max(ego_m, LEAST_M) / max(expert_m, LEAST_M))
    making = 1.0 if ratio >= MAKING_PROGRESS else 0.0
    cause = f"{ego_m:.1f} m along the expert's route, the expert {expert_m:.1f} m"
    slowest = None if ratio >= 1.0 else _least_progress(view, per_step)
    where = "" if slowest is None else f"; least progress within 1 s {view.place(slowest)}"
    return Progress(
        per_step, ego_m, expert_m, ratio, view.result(slowest, NAME, ratio, cause + where),
        making, view.result(None if making else slowest, MAKING_NAME, making, cause),
    )  # fmt: skip


def _least_progress(view: View, per_step: Floats) -> int:
    """The middle of the second with the least progress."""
    window = min(len(per_step), max(1, round(1.0 / view.drive.dt_s)))
    sums = np.convolve(per_step, np.ones(window), mode="valid")
    return int(np.argmin(sums)) + window // 2


def expert_route(drive: Drive) -> tuple[LaneObject, ...]:
    """One lane object for each road block that the expert's centre went through."""
    if drive.expert is None:
        return ()
    objects = drive.roads.objects
    last: frozenset[int] = frozenset()
    route: list[LaneObject] = []
    for held in centre_lanes(drive.roads, drive.expert.centres(drive.shape)):
        if not held or last & set(held):
            continue
        last = frozenset(held)
        if not route or route[-1].block != objects[held[0]].block:
            route.append(objects[held[0]])
    return tuple(route)


def along_route(drive: Drive, route: Sequence[LaneObject], centres: Floats) -> Floats:
    """Progress per step (T,) of box centres (T, 2) along the baselines of a route, never searching backwards.

    It starts in the first block, wherever the first centre is; outside of the present and all later blocks it stands.
    """
    points = shapely.points(centres)
    areas = [drive.roads.blocks[item.block] for item in route]
    inside = np.stack([shapely.contains_properly(area, points) for area in areas], axis=-1)
    present = 0
    last_m = _locate(route[0], points[0])
    steps = np.zeros(len(centres))
    for step in range(1, len(centres)):
        ahead = np.flatnonzero(inside[step, present:])
        if len(ahead) == 0:
            continue
        found = present + int(ahead[0])
        at_m = _locate(route[found], points[step])
        steps[step] = at_m - last_m if found == present else at_m + _to_start(route, present, found) - last_m
        present, last_m = found, at_m
    return steps


def _to_start(route: Sequence[LaneObject], first: int, last: int) -> float:
    """From the start of one baseline to the start of a later one, along the baselines between."""
    total = route[first].baseline.length - _locate(route[last], shapely.Point(route[first].baseline.coords[-1]))
    for between in range(first + 1, last):
        begin = _locate(route[between], shapely.Point(route[between - 1].baseline.coords[-1]))
        total += _locate(route[between], shapely.Point(route[between + 1].baseline.coords[0])) - begin
    return total


def _locate(item: LaneObject, point: shapely.Point) -> float:
    return float(shapely.line_locate_point(item.baseline, point))
