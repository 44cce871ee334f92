"""Seen lane marks against the map: how well poses explain them (one kernel for all hypotheses), and what they correct.

In: `/perception/lane_marks` in `ego`, the map's lines in `world`, poses (B, 3). Out: a log-likelihood per pose, and for
one pose the residuals, Jacobians and noise of the lines that it explains. The kernel is a plain compiled function of
arrays (`math` only, outputs owned by the caller), so that a server can run it beside nets.

The likelihood of one picture is that of a marked point process: each line of the map is seen with a probability that
falls with its distance aside, else missed; what the map does not have is a false line, uniform over the view (Mahler,
Statistical Multisource-Multitarget Information Fusion, 12.3, with at most one mark per line). Both are bounded, so that
no single line decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bus.messages import LaneMarks, MarkType
from geometry.angles import Floats
from geometry.pose import Pose
from inference.here import RunKernel, run_here
from inference.kernels import kernel
from maps.mark_lines import MOST_CROSSINGS, MOST_LINES, LineView, MarkLines, trace_lines, view_from

Ints = NDArray[np.int64]

ASIDE_M = 2.0
"""Lines no further aside than this are those of the own lane."""
_TELLING = 4
_PAIRED_BY = 3
"""How many common stations decide whether two lines are the same."""
_STEP = 3
"""How many stations before and after a step are averaged to find it."""


@dataclass(frozen=True, slots=True)
class MarkModel:
    """What localization assumes of seen marks and of the map; wider than what the shipped net gives.

    Lines begin at `begin_m`, and further ahead where they are further aside than `field` times their distance: outside
    the picture. `line_m` is the error that a line keeps over `stays_m` (perception and map), so that pictures are not
    counted as independent, `edge_line_m`, and `edge_line_per_m` for each metre further aside than ASIDE_M, that of a
    bare edge of the road; `picture_m`, and `picture_per_m` for each metre further aside than ASIDE_M, that of a whole
    line in one picture; `sway_rad` that of the direction in which a picture looks, alike for `sway_m`. Pictures that
    are taken less than `apart_m` apart are one. `seen` and `edge_seen`: chance that a painted line beside the ego, or a
    bare edge, is reported; `seen_per_m` is lost with each metre further aside. `gate_m`: a seen line further from any
    line of the map is unexplained; `place_m` is how well the place of a lane is known that is only scored. `same_m`:
    seen lines nearer to each other than this are one, seen by two cameras.
    """

    first_m: float = 4.0
    last_m: float = 40.0
    spacing_m: float = 4.0
    reach_m: float = 11.0
    begin_m: float = 8.0
    field: float = 0.5
    line_m: float = 0.04
    edge_line_m: float = 0.15
    edge_line_per_m: float = 0.08
    picture_m: float = 0.03
    picture_per_m: float = 0.03
    apart_m: float = 0.3
    sway_rad: float = 1.5e-3
    sway_m: float = 30.0
    bend_m: float = 0.5
    seen: float = 0.85
    edge_seen: float = 0.5
    seen_per_m: float = 0.04
    false_per_line: float = 0.05
    right_type: float = 0.94
    other_type: float = 0.03
    gate_m: float = 0.7
    place_m: float = 0.12
    same_m: float = 0.4
    stays_m: float = 30.0
    rejected_at_sigma: float = 3.0
    rejected_along_m: float = 1.0
    beside_m: float = 6.0

    @property
    def stations_m(self) -> Floats:
        """Distances ahead at which lines are compared, shape (K,)."""
        return np.arange(self.first_m, self.last_m + 1e-9, self.spacing_m)


@dataclass(frozen=True, slots=True, eq=False)
class SeenLines:
    """N seen lines at K stations ahead: `y_m` and `sigma_m` (N, K) in `ego`, NaN beyond a line; `types` (N,).

    `span_m` (N, 2) is where each begins and ends ahead, with the 1-sigma `span_sigma_m` (N, 2) of its points' spacing.
    """

    x_m: Floats
    y_m: Floats
    sigma_m: Floats
    types: Ints
    span_m: Floats
    span_sigma_m: Floats

    @property
    def size(self) -> int:
        """The number of lines."""
        return len(self.types)


@dataclass(frozen=True, slots=True, eq=False)
class LineCorrection:
    """R rows: seen minus expected lateral position; `jacobian` (R, 3) of the expectation by x, y, yaw of the pose.

    `noise` has shape (R, R). Of the lines that begin beside the ego
    `offered` were seen, `accepted` were found in the map within the gate.
    """

    residual_m: Floats
    jacobian: Floats
    noise: Floats
    offered: int
    accepted: int


def seen_lines(marks: LaneMarks, model: MarkModel) -> SeenLines:
    """Put the points of each mark onto the stations between its first and last point; non-finite ones do not count.

    What two cameras say of one line becomes one line.
    """
    stations = model.stations_m
    y, sigma, types, spans = [], [], [], []
    for line in range(len(marks.types)):
        rows = slice(int(marks.start[line]), int(marks.start[line + 1]))
        points, sigmas = marks.xy_m[rows], marks.sigma_m[rows]
        sound = np.isfinite(points).all(axis=1) & np.isfinite(sigmas)
        points, sigmas = points[sound], sigmas[sound]
        if len(points) < 2:
            continue
        order = np.argsort(points[:, 0], kind="stable")
        x = points[order, 0]
        half = 0.5 * model.spacing_m
        inside = (stations >= x[0] - half) & (stations <= x[-1] + half)
        if inside.sum() < 2:
            continue
        y.append(np.where(inside, np.interp(stations, x, points[order, 1]), np.nan))
        sigma.append(np.where(inside, np.interp(stations, x, sigmas[order]), np.nan))
        types.append(int(marks.types[line]))
        # a line goes on somewhere up to the point that would be the next
        beyond = 0.5 * np.array((x[0] - x[1], x[-1] - x[-2]))
        spans.append((x[[0, -1]] + beyond, np.abs(beyond) / math.sqrt(3.0)))
    shape = (len(types), len(stations))
    span, span_sigma = np.array(spans).reshape(-1, 2, 2).swapaxes(0, 1)
    return _each_once(SeenLines(
        stations, np.array(y).reshape(shape), np.array(sigma).reshape(shape), np.array(types, dtype=np.int64), span,
        span_sigma,
    ), model.same_m)  # fmt: skip


def _each_once(seen: SeenLines, same_m: float) -> SeenLines:
    """Lines that lie on each other, on the whole of what they have in common, as one.

    Each place is told by who knows it best, the type by who sees the line nearer to the car.
    """
    order = np.argsort(seen.span_m[:, 0], kind="stable")
    y, sigma, types = seen.y_m[order], seen.sigma_m[order], seen.types[order]
    span, span_sigma = seen.span_m[order], seen.span_sigma_m[order]
    kept: list[int] = []
    for i in range(seen.size):
        gaps = np.abs(y[kept] - y[i])
        common = np.isfinite(gaps)
        mean = np.where(common, gaps, 0.0).sum(axis=1) / np.maximum(common.sum(axis=1), 1)
        mean[~common.any(axis=1) | ((types[kept] == MarkType.NONE) != (types[i] == MarkType.NONE))] = np.inf
        if not kept or mean.min() > same_m:
            kept.append(i)
            continue
        same = kept[int(mean.argmin())]
        better = np.isfinite(y[i]) & ~(sigma[same] <= sigma[i])
        y[same, better], sigma[same, better] = y[i, better], sigma[i, better]
        if span[i, 1] > span[same, 1]:
            span[same, 1], span_sigma[same, 1] = span[i, 1], span_sigma[i, 1]
    return SeenLines(seen.x_m, y[kept], sigma[kept], types[kept], span[kept], span_sigma[kept])


def score_poses(
    poses: Floats, seen: SeenLines, lines: MarkLines, model: MarkModel, run: RunKernel = run_here
) -> Floats:
    """Log-likelihood (B,) of the seen lines under poses (B, 3), up to a constant that all poses share.

    `run` runs `LANE_HYPOTHESES`.
    """
    found = run(LANE_HYPOTHESES, {
        "poses": np.ascontiguousarray(poses, dtype=np.float64), "stations": seen.x_m, "seen_y": seen.y_m,
        "seen_types": seen.types, "ends": lines.ends, "types": lines.types, "pieces": lines.pieces,
        "cell_keys": lines.cell_keys, "cell_starts": lines.cell_starts, "cell_rows": lines.cell_rows,
        "parameters": _parameters(model),
    })  # fmt: skip
    return np.asarray(found["likelihood"], dtype=np.float64)


def line_correction(
    pose: Pose, covariance: Floats, seen: SeenLines, lines: MarkLines, model: MarkModel, moved_m: float
) -> LineCorrection:
    """What the seen lines say about a pose with covariance (3, 3) of x, y, yaw, `moved_m` after the last picture."""
    view = view_from(lines, pose, seen.x_m, model.reach_m)
    left = np.array((-math.sin(pose.yaw_rad), math.cos(pose.yaw_rad), 0.0))
    pairs = paired(seen, view.y_m, view.types, model.gate_m + 2.0 * math.sqrt(float(left @ covariance @ left)))
    rows: list[tuple[float, ...]] = []
    nearby = _nearby(seen, model)
    accepted = 0
    for number, (i, j) in enumerate(pairs):
        agreeing = _agreeing(pose, covariance, seen, view, (i, j), model)
        if not agreeing.any():
            continue
        accepted += int(nearby[i])
        rows += [(*row, number) for row in _line_rows(seen, view, (i, j), np.flatnonzero(agreeing), model)]
    return _stacked(pose, rows, model, moved_m, int(nearby.sum()), accepted)


def _agreeing(
    pose: Pose, covariance: Floats, seen: SeenLines, view: LineView, pair: tuple[int, int], model: MarkModel
) -> NDArray[np.bool_]:
    """At which stations (K,) a seen line is where the map has it, as far as the pose is known.

    Paint that was moved begins and ends somewhere: a step that no heading explains. Of the two sides of a step only
    that counts that is nearer to where the map has it.
    """
    (i, j), x = pair, seen.x_m
    y = view.y_m[j]
    residual = seen.y_m[i] - y
    slope = np.where(np.isfinite(residual), view.slope[j], 0.0)
    side = _nearer_side(x, residual, seen.sigma_m[i], math.sqrt(float(covariance[2, 2])), model)
    by_pose = _by_pose(pose, x, y, slope)
    known = np.einsum("ki,ij,kj->k", by_pose, covariance, by_pose)
    lasting = _lasting_sigma_m(y, int(seen.types[i]), model)
    own = (1.0 + slope**2) * (lasting**2 + _picture_sigma_m(y, model) ** 2 + seen.sigma_m[i] ** 2)
    limit = model.rejected_at_sigma * np.sqrt(known + own) + model.rejected_along_m * np.abs(slope)
    agreeing = side & (np.abs(residual) <= limit)
    # far ahead the heading excuses much: a line as a whole is judged by its nearer half
    near = np.flatnonzero(side)[: max(1, int(side.sum()) // 2)]
    return agreeing if 2 * agreeing[near].sum() >= len(near) else np.zeros(len(x), dtype=bool)


def _nearer_side(
    x: Floats, residual: Floats, sigma: Floats, yaw_sigma_rad: float, model: MarkModel
) -> NDArray[np.bool_]:
    """The known stations (K,) of a line, or where it steps those on the side of the step that has less residual."""
    known = np.flatnonzero(np.isfinite(residual))
    kept = np.isfinite(residual)
    most = model.rejected_at_sigma
    for at in range(2, len(known) - 1):
        before, after = known[max(at - _STEP, 0) : at], known[at : at + _STEP]
        step = abs(float(residual[after].mean() - residual[before].mean()))
        noise = math.hypot(
            float(sigma[before].mean()) / len(before) ** 0.5, float(sigma[after].mean()) / len(after) ** 0.5
        )
        turned = yaw_sigma_rad * float(x[after].mean() - x[before].mean())
        if step > most * math.hypot(noise, turned):
            most = step / math.hypot(noise, turned)
            near, far = known[:at], known[at:]
            is_near = abs(residual[near].mean()) <= abs(residual[far].mean())
            kept = np.isin(np.arange(len(x)), near if is_near else far)
    return kept


def _by_pose(pose: Pose, x: Floats, y: Floats, slope: Floats) -> Floats:
    """Derivative (R, 3) of the expected offset by x, y, yaw of the pose.

    Moving ahead by a slides along the line (+slope a), moving left by b brings it b nearer, turning by c tilts it.
    """
    cos, sin = math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)
    return np.stack((cos * slope + sin, sin * slope - cos, -(x + slope * y)), axis=1)


def _lasting_sigma_m(y: Floats, kind: int, model: MarkModel) -> Floats:
    """1-sigma (R,) of the error that a line of a type keeps from picture to picture."""
    if kind != MarkType.NONE:
        return np.full(len(y), model.line_m)
    return model.edge_line_m + model.edge_line_per_m * np.maximum(np.abs(y) - ASIDE_M, 0.0)


def _picture_sigma_m(y: Floats, model: MarkModel) -> Floats:
    """1-sigma (R,) of the error of a whole line in one picture."""
    return model.picture_m + model.picture_per_m * np.maximum(np.abs(y) - ASIDE_M, 0.0)


def _nearby(seen: SeenLines, model: MarkModel) -> NDArray[np.bool_]:
    """Which seen lines (N,) begin where they come into the picture and are more than a fragment.

    Others may belong to another road.
    """
    first = np.array([int(np.flatnonzero(np.isfinite(y))[0]) for y in seen.y_m], dtype=np.int64)
    aside = np.abs(seen.y_m[np.arange(seen.size), first])
    long = np.isfinite(seen.y_m).sum(axis=1) >= _TELLING
    begins = seen.x_m[first] <= np.maximum(model.begin_m, aside / model.field + model.spacing_m)
    return np.asarray(begins & (aside <= model.beside_m) & long)


def paired(seen: SeenLines, y_m: Floats, types: Ints, gate_m: float) -> list[tuple[int, int]]:
    """Seen lines and expected ones (M, K) of `types` (M,) that belong together: mutually nearest, within the gate,
    never paint with bare edge."""
    pairs: list[tuple[int, int]] = []
    if seen.size == 0 or len(types) == 0:
        return pairs
    gap = np.abs(seen.y_m[:, None, :] - y_m[None, :, :])
    known = np.isfinite(gap)
    # far ahead a line may be followed into another branch than the map's; what they have in common begins near
    known &= np.cumsum(known, axis=2) <= _PAIRED_BY
    mean = np.where(known.any(axis=2), np.where(known, gap, 0.0).sum(axis=2) / np.maximum(known.sum(axis=2), 1), np.inf)
    bare = (seen.types[:, None] == MarkType.NONE) != (types[None, :] == MarkType.NONE)
    mean = np.where(bare, np.inf, mean)
    for i in range(seen.size):
        j = int(np.argmin(mean[i]))
        if mean[i, j] <= gate_m and int(np.argmin(mean[:, j])) == i:
            pairs.append((i, j))
    return pairs


def _line_rows(
    seen: SeenLines, view: LineView, pair: tuple[int, int], known: Ints, model: MarkModel
) -> list[tuple[float, ...]]:
    """Near and far half of one pair's known stations: mean residual, place, slope, white sigma of the mean, and the
    sigma that lasts."""
    i, j = pair
    rows: list[tuple[float, ...]] = []
    residual = seen.y_m[i] - view.y_m[j]
    (lasting,) = _lasting_sigma_m(view.y_m[j, known[:1]], int(seen.types[i]), model)
    halves = (known,) if len(known) < 4 else (known[: len(known) // 2], known[len(known) // 2 :])
    for half in halves:
        weight = seen.sigma_m[i][half] ** -2
        total = float(weight.sum())
        x = float(weight @ seen.x_m[half]) / total
        y = float(weight @ view.y_m[j][half]) / total
        # the line's own direction, not that between stations: a moved piece would pass for a slanted line
        slope = float(weight @ view.slope[j][half]) / total
        rows.append((float(weight @ residual[half]) / total, x, y, slope, total**-0.5, float(lasting)))
    return rows


def _stacked(
    pose: Pose,
    rows: list[tuple[float, ...]],
    model: MarkModel,
    moved_m: float,
    offered: int,
    accepted: int,
) -> LineCorrection:
    """Rows of all lines with the Jacobian of the expected offset and the noise that lines have in common."""
    residual, x, y, slope, white, lasting, line = np.array(rows).reshape(-1, 7).T
    same = line[:, None] == line[None, :]
    # an error across the line moves the crossing of a slanted line further
    slant = np.sqrt(1.0 + slope**2)
    own = np.diag(slant**2 * (white**2 + (model.bend_m * slope) ** 2))
    # a line keeps its error over `stays_m`: each picture may tell only its share of what the whole stretch tells
    repeats = min(max(model.stays_m / max(moved_m, 0.1), 1.0), 300.0)
    picture = slant * _picture_sigma_m(y, model)
    kept = slant * lasting
    common = same * (repeats * np.outer(kept, kept) + np.outer(picture, picture))
    sways = max(model.sway_m / max(moved_m, 0.1), 1.0)
    noise = own + common + sways * model.sway_rad**2 * np.outer(x, x)
    # where the car stands, nothing new is seen
    still = max(model.apart_m / max(moved_m, 1e-3), 1.0)
    return LineCorrection(residual, _by_pose(pose, x, y, slope), still * noise, offered, accepted)


def _parameters(model: MarkModel) -> Floats:
    return np.array((
        model.reach_m, model.gate_m, model.place_m, model.seen, model.edge_seen, model.seen_per_m,
        model.false_per_line, model.right_type, model.other_type, model.begin_m, model.field,
    ))  # fmt: skip


# --- the kernel -------------------------------------------------------------------------------------------------------


@njit(cache=True, error_model="numpy")
def hypothesis_body(  # type: ignore[no-untyped-def]
    item, poses, stations, seen_y, seen_types, ends, types, pieces, cell_keys, cell_starts, cell_rows, parameters,
    likelihood, view_y, view_slope, view_types, view_pieces, used, found, offsets, slopes, rows,
):  # fmt: skip
    """The log-likelihood of one pose (x, y, yaw)."""
    count = trace_lines(
        ends, types, pieces, cell_keys, cell_starts, cell_rows, poses[item], stations, parameters[0],
        view_y[item], view_slope[item], view_types[item], view_pieces[item],
        found[item], offsets[item], slopes[item], rows[item],
    )  # fmt: skip
    # a hypothesis shifted by a lane is only about right: the shift that all lines share does not count
    shift = _common_shift(seen_y, view_y[item], count, parameters[1])
    likelihood[item] = _likelihood(
        stations, seen_y, seen_types, view_y[item], view_types[item], count, shift, parameters, used[item]
    )


@njit(cache=True)
def _gap(seen_y, view_y, i, j, shift):  # type: ignore[no-untyped-def]
    """Mean signed distance of seen line i from expected line j over the stations that both have; NaN if none."""
    total, known = 0.0, 0
    for k in range(seen_y.shape[1]):
        gap = seen_y[i, k] - view_y[j, k]
        if not math.isnan(gap):
            total += gap
            known += 1
    return total / known - shift if known > 0 else math.nan


@njit(cache=True)
def _common_shift(seen_y, view_y, count, gate):  # type: ignore[no-untyped-def]
    """Mean distance of the seen lines from their nearest expected ones."""
    total, lines = 0.0, 0
    for i in range(seen_y.shape[0]):
        best = gate
        signed = 0.0
        for j in range(count):
            gap = _gap(seen_y, view_y, i, j, 0.0)
            if abs(gap) < best:
                best, signed = abs(gap), gap
        if best < gate:
            total += signed
            lines += 1
    return total / lines if lines > 0 else 0.0


@njit(cache=True)
def _likelihood(  # type: ignore[no-untyped-def]
    stations, seen_y, seen_types, view_y, view_types, count, shift, parameters, used
):
    reach, gate, place_m = parameters[0], parameters[1], parameters[2]
    false_line = parameters[6] / (2.0 * reach)
    total = 0.0
    for j in range(count):
        used[j] = False
    for i in range(seen_y.shape[0]):
        best, match = gate, -1
        for j in range(count):
            gap = abs(_gap(seen_y, view_y, i, j, shift))
            if not used[j] and gap < best:
                best, match = gap, j
        explained = 0.0
        if match >= 0:
            used[match] = True
            # moved paint: one line in twenty lies elsewhere by some decimetres
            spread = 0.95 * _normal(best, place_m) + 0.05 * _normal(best, 0.4)
            right = parameters[7] if seen_types[i] == view_types[match] else parameters[8]
            explained = _seen(view_y, view_types, match, parameters) * spread * right
        total += math.log(explained + false_line)
    for j in range(count):
        if not used[j] and _begins_in_picture(stations, view_y, j, parameters):
            total += math.log(1.0 - _seen(view_y, view_types, j, parameters))
    return total


@njit(cache=True)
def _begins_in_picture(stations, view_y, j, parameters):  # type: ignore[no-untyped-def]
    """Whether the expected line is there, for two stations at least, where it would come into the picture."""
    for k in range(len(stations) - 1):
        if stations[k] >= parameters[9]:
            if math.isnan(view_y[j, k] + view_y[j, k + 1]):
                return False
            if abs(view_y[j, k]) <= parameters[10] * stations[k]:
                return True
    return False


@njit(cache=True)
def _normal(x, sigma):  # type: ignore[no-untyped-def]
    return math.exp(-0.5 * (x / sigma) ** 2) / (sigma * 2.5066282746310002)


@njit(cache=True)
def _seen(view_y, view_types, j, parameters):  # type: ignore[no-untyped-def]
    """Chance that the expected line is reported."""
    aside = 2.0
    for k in range(view_y.shape[1]):
        if not math.isnan(view_y[j, k]):
            aside = abs(view_y[j, k])
            break
    full = parameters[4] if view_types[j] == 0 else parameters[3]
    return max(0.1, full - parameters[5] * max(0.0, aside - 2.0))


LANE_HYPOTHESES = kernel(
    "lane-hypotheses", "2", hypothesis_body,
    inputs={
        "poses": "float64 (items, 3)", "stations": "float64 (stations)", "seen_y": "float64 (seen, stations)",
        "seen_types": "int64 (seen)", "ends": "float64 (segments, 4)", "types": "int64 (segments)",
        "pieces": "int64 (segments)", "cell_keys": "int64 (cells)", "cell_starts": "int64 (bounds)",
        "cell_rows": "int64 (rows)", "parameters": "float64 (11)",
    },
    outputs={"likelihood": "float64 (items)"},
    scratch={
        "view_y": f"float64 (items, {MOST_LINES}, stations)", "view_slope": f"float64 (items, {MOST_LINES}, stations)",
        "view_types": f"int64 (items, {MOST_LINES})", "view_pieces": f"int64 (items, {MOST_LINES})",
        "used": f"bool (items, {MOST_LINES})", "found": "int64 (items, stations)",
        "offsets": f"float64 (items, stations, {MOST_CROSSINGS})",
        "slopes": f"float64 (items, stations, {MOST_CROSSINGS})",
        "crossing_rows": f"int64 (items, stations, {MOST_CROSSINGS})",
    },
)  # fmt: skip
"""How well each pose explains the seen lines: localization's kernel of the inference server."""
