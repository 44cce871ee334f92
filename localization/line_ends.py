"""Where lines end: what the mouth of a junction says about the place along the road.

In: the lines of one picture, those of the map, a pose. Out: residuals, Jacobians and noise. Between junctions lines say
nothing of the place along them; where they end, as those of a lane do at a junction, and where they begin again beyond
it, they say it to decimetres, and that is where a turn begins.

An end that is seen need not be one: fog, a worn stretch or a car hide what goes on. An end counts only close by, where
lines are seen well, and only where other lines are seen farther. While the place is unsure, a single end is not
believed: two lines have to agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bus.messages import MarkType
from geometry.angles import Floats
from geometry.pose import Pose
from localization.map_matching import MarkModel, SeenLines, paired
from maps.mark_lines import MarkLines, view_from

BEGIN, END = 0, 1


@dataclass(frozen=True, slots=True)
class EndModel:
    """What localization assumes of seen ends.

    An end is looked at up to `within_m` ahead and `aside_m` aside, if lines are seen `beyond_m` farther. `paint_m` is
    the error of the end itself (perception and map), `range_share` that of a camera's distances. Ends are `repeats`
    alike from picture to picture, and more where the car moves less than a part of `stays_m` between pictures. From a
    spread of `unsure_m` on two ends have to agree to `agree_m`. Others are refused beyond `rejected_at_sigma`. `fading`
    is how much of the sight of late is forgotten per metre. `edges`: whether bare edges of the road end where they are
    said to; those that the shipped net shows do not, they end where a car, a crossing or the dark hides them.
    """

    within_m: float = 22.0
    aside_m: float = 8.0
    beyond_m: float = 6.0
    paint_m: float = 0.3
    range_share: float = 0.03
    repeats: float = 4.0
    stays_m: float = 4.0
    unsure_m: float = 1.5
    agree_m: float = 4.0
    rejected_at_sigma: float = 3.5
    spacing_m: float = 1.0
    fading: float = 0.2
    edges: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class EndCorrection:
    """R ends: seen minus expected distance ahead; `jacobian` (R, 3) of the latter by x, y, yaw; `noise` (R, R)."""

    residual_m: Floats
    jacobian: Floats
    noise: Floats


def sight_after(sight_m: float, seen: SeenLines, moved_m: float, model: EndModel) -> float:
    """How far lines are seen of late [m]."""
    farthest_m = float(seen.span_m[:, END].max()) if seen.size else 0.0
    return max(farthest_m, sight_m - model.fading * moved_m)


def end_correction(
    pose: Pose, along_sigma_m: float, seen: SeenLines, lines: MarkLines, marks: MarkModel, model: EndModel,
    moved_m: float, sight_m: float,
) -> EndCorrection:  # fmt: skip
    """What ends of seen lines say about a pose whose 1-sigma along itself is `along_sigma_m`."""
    told = _told(seen, marks, model, sight_m)
    rows: list[tuple[float, float, float]] = []
    if told:
        fine = np.arange(marks.first_m, marks.last_m + 1e-9, model.spacing_m)
        view = view_from(lines, pose, fine, marks.reach_m)
        coarse = np.searchsorted(fine, seen.x_m - 1e-6)
        partner = dict(paired(seen, view.y_m[:, coarse], view.types, marks.gate_m))
        for line, which in told:
            expected = _expected(view.y_m[partner[line]], fine, which) if line in partner else None
            if expected is not None:
                x_m, y_m = expected
                sigma_m = math.hypot(seen.span_sigma_m[line, which], model.paint_m, model.range_share * x_m)
                rows.append((float(seen.span_m[line, which]) - x_m, y_m, sigma_m))
    kept = _believed(np.array(rows).reshape(-1, 3), along_sigma_m, model)
    repeats = min(max(model.repeats, model.stays_m / max(moved_m, 0.02)), 300.0)
    return _stacked(pose, kept, repeats)


def _told(seen: SeenLines, marks: MarkModel, model: EndModel, sight_m: float) -> list[tuple[int, int]]:
    """Lines and which of their ends are true ends, as far as can be seen."""
    found = []
    for line in range(seen.size):
        if seen.types[line] == MarkType.NONE and not model.edges:
            continue
        begin, end = seen.span_m[line].tolist()
        known = np.flatnonzero(np.isfinite(seen.y_m[line]))
        aside_m = abs(float(seen.y_m[line, known[0]]))
        in_sight_m = max(marks.first_m + marks.spacing_m, aside_m / marks.field + 0.5 * marks.spacing_m)
        if in_sight_m < begin < model.within_m and aside_m < model.aside_m:
            found.append((line, BEGIN))
        if end < min(model.within_m, sight_m - model.beyond_m) and abs(seen.y_m[line, known[-1]]) < model.aside_m:
            found.append((line, END))
    return found


def _expected(y_m: Floats, x_m: Floats, which: int) -> tuple[float, float] | None:
    """Where (ahead, left) an expected line (K,) begins or ends; None if it goes on beyond the view."""
    known = np.flatnonzero(np.isfinite(y_m))
    at = int(known[0 if which == BEGIN else -1])
    if at == (0 if which == BEGIN else len(x_m) - 1):
        return None
    half = 0.5 * float(x_m[1] - x_m[0])
    return float(x_m[at]) + (-half if which == BEGIN else half), float(y_m[at])


def _believed(rows: Floats, along_sigma_m: float, model: EndModel) -> Floats:
    """Rows (R, 3) of residual, offset, sigma that are near enough, and while the place is unsure those that agree."""
    residual, sigma = rows[:, 0], rows[:, 2]
    near = np.abs(residual) <= model.rejected_at_sigma * np.hypot(along_sigma_m, sigma)
    if along_sigma_m > model.unsure_m:
        alike = (np.abs(residual[:, None] - residual[None, :]) <= model.agree_m) & near[None, :]
        near &= alike.sum(axis=1) >= 2
    return rows[near]


def _stacked(pose: Pose, rows: Floats, repeats: float) -> EndCorrection:
    """Moving ahead brings an end nearer, turning left carries one on the left away."""
    residual, y_m, sigma = rows.T
    count = len(residual)
    jacobian = np.empty((count, 3))
    jacobian[:, 0], jacobian[:, 1], jacobian[:, 2] = -math.cos(pose.yaw_rad), -math.sin(pose.yaw_rad), y_m
    return EndCorrection(residual, jacobian, np.diag(repeats * sigma**2))
