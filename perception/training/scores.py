"""How good the net is on a set of samples: average precision by distance, ranges, lanes, lights, weather.

Detections of all cameras of a rig frame are one list. Average precision follows nuScenes (Caesar et al. 2020): greedy
matching by distance of centres on the ground, precision over recall above 0.1 each. Detections are ranked by how likely
an object is where they say: the score, which says that there is one, times the chance that its place is right by the
stated covariance. Truth: objects of which some camera shows at least a quarter, within the meteorological visibility.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bus.messages import WeatherKind
from geometry.angles import Floats
from perception.detector import Infer, looked_at
from perception.net.classes import CHANNELS, OBJECTS, WEATHERS
from perception.net.decode import DecodeSettings, Detections, decode_objects, merged, peaks
from perception.net.lane_lines import decode_lines, looks_along
from perception.net.picture import cropped
from perception.training.sample import Sample, fitted, picture_of

THRESHOLDS_M = (0.5, 1.0, 2.0, 4.0)
LEAST_VISIBLE = 0.25
MARK_NEAR_M = 0.5
MARK_RANGE_M = (4.0, 40.0)
OWN_LANE_M = 2.5
"""Marks no farther aside bound the own lane."""
JUDGED = DecodeSettings(least_score=0.05, most=96)
"""Average precision wants weak detections too; a drive does not."""
_X, _Y, _CLASS, _VISIBLE = 14, 15, 0, 13


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One rig frame: what was found and what was there (columns class, x, y)."""

    found: Detections
    truth: Floats
    weather: int
    ignored: Floats
    """Objects (x, y) that need not be found, though finding them is no fault: hidden, or lost in the fog."""


@dataclass(slots=True)
class Tally:
    """What is collected besides the objects."""

    frames: list[Judged] = field(default_factory=list)
    weather: NDArray[np.int64] = field(default_factory=lambda: np.zeros((6, 6), dtype=np.int64))
    mark_errors_m: list[tuple[float, float, float]] = field(default_factory=list)
    """Range, distance aside and lateral error of mark points."""
    marks_true: int = 0
    marks_hit: int = 0
    marks_said: int = 0
    marks_right: int = 0
    lights: list[tuple[int, int]] = field(default_factory=list)
    long_field_rad: float = math.pi
    """How far aside the camera with the longest lens sees."""


def judge(samples: Iterable[Sample], model: str, infer: Infer, settings: DecodeSettings = JUDGED) -> Tally:
    """Run the net over samples in the order of their rig frames."""
    tally = Tally()
    for group in _by_moment(samples):
        grids, weather = looked_at([cropped(picture_of(sample)) for sample in group], model, infer)
        parts = [decode_objects(grid, sample.camera, settings) for grid, sample in zip(grids, group, strict=True)]
        truth, ignored = _truth(group)
        kind = group[0].answer.weather
        tally.frames.append(Judged(ranked(merged(parts, settings)), truth, kind, ignored))
        tally.long_field_rad = _long_field_rad(group)
        tally.weather[kind, int(weather.mean(axis=0).argmax())] += 1
        _judge_marks(tally, grids, group)
        for grid, sample in zip(grids, group, strict=True):
            _judge_lights(tally, grid, sample)
    return tally


def ranked(found: Detections) -> Detections:
    """Detections with the score that they are ranked by.

    The chance to be nearer than each of THRESHOLDS_M, on average, of a Laplace distribution with the stated 1-sigma.
    """
    sigma = np.sqrt(np.trace(found.covariance, axis1=1, axis2=2))
    chance = 1.0 - np.exp(-math.sqrt(2.0) * np.array(THRESHOLDS_M) / np.maximum(sigma, 1e-3)[:, None])
    return replace(found, score=found.score * chance.mean(axis=1))


def _by_moment(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    group: list[Sample] = []
    for sample in samples:
        if group and sample.moment != group[-1].moment:
            yield group
            group = []
        group.append(sample)
    if group:
        yield group


def _long_field_rad(group: Sequence[Sample]) -> float:
    """Half the field of the longest lens of those that look along the car."""
    cameras = [sample.camera for sample in group if looks_along(sample.camera)]
    longest = max(cameras, key=lambda camera: camera.focal_px, default=None)
    return math.pi if longest is None else math.atan(0.5 * longest.width / longest.focal_px)


def _truth(group: Sequence[Sample]) -> tuple[Floats, Floats]:
    """Rows class, x, y of what has to be found; x, y of what may be."""
    rows = np.concatenate([sample.answer.objects[:, [_CLASS, _X, _Y, _VISIBLE]] for sample in group])
    best: dict[tuple[float, float], tuple[float, float]] = {}
    for kind, x, y, visible in rows.tolist():
        key = (round(x, 2), round(y, 2))
        best[key] = (kind, max(visible, best.get(key, (kind, 0.0))[1]))
    needed: list[tuple[float, ...]] = []
    ignored: list[tuple[float, ...]] = []
    for (x, y), (kind, visible) in sorted(best.items()):
        inside = visible >= LEAST_VISIBLE and np.hypot(x, y) <= group[0].visibility_m
        (needed if inside else ignored).append((kind, x, y))
    return np.array(needed).reshape(-1, 3), np.array([row[1:] for row in ignored]).reshape(-1, 2)


def average_precision(
    frames: Sequence[Judged], kind: int, threshold_m: float, range_m: tuple[float, float], aside_rad: float = math.pi
) -> float:
    """AP of one class at one distance, of truth within a range and so far aside; NaN where there is no truth."""
    scores, hits, count = matched(frames, kind, threshold_m, range_m, aside_rad)
    if count == 0:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(hits[order])
    precision, recall = true / np.arange(1, len(true) + 1), true / count
    at = np.linspace(0.0, 1.0, 101)
    if not len(true):
        return 0.0
    curve = np.interp(at, recall, precision, left=precision[0], right=0.0)
    return float(np.clip(curve[11:] - 0.1, 0.0, None).mean() / 0.9)


def matched(
    frames: Sequence[Judged], kind: int, threshold_m: float, range_m: tuple[float, float], aside_rad: float = math.pi
) -> tuple[Floats, NDArray[np.bool_], int]:
    """Score and success of each detection, and how many there were to find.

    Detections outside of the range or farther aside, and those of objects that need not be found, count neither way.
    """
    scores, hits, count = [], [], 0
    for frame in frames:
        truth = frame.truth[frame.truth[:, 0] == kind, 1:]
        wanted = _inside(truth, range_m, aside_rad)
        count += int(wanted.sum())
        taken = np.zeros(len(truth), dtype=bool)
        found = frame.found
        for row in np.flatnonzero(found.classes == kind)[np.argsort(-found.score[found.classes == kind])]:
            place = np.array((found.x_m[row], found.y_m[row]))
            gap = np.where(taken, np.inf, np.hypot(*(truth - place).T)) if len(truth) else np.array([np.inf])
            near = int(gap.argmin())
            if gap[near] < threshold_m:
                taken[near] = True
                if wanted[near]:
                    scores.append(float(found.score[row]))
                    hits.append(True)
            elif _inside(place[None], range_m, aside_rad)[0] and not _excused(frame, place, threshold_m):
                scores.append(float(found.score[row]))
                hits.append(False)
    return np.array(scores), np.array(hits, dtype=bool), count


def _inside(places: Floats, range_m: tuple[float, float], aside_rad: float) -> NDArray[np.bool_]:
    """Which places (N, 2) are within the range and no farther aside."""
    far, bearing = np.hypot(places[:, 0], places[:, 1]), np.abs(np.arctan2(places[:, 1], places[:, 0]))
    inside: NDArray[np.bool_] = (far >= range_m[0]) & (far < range_m[1]) & (bearing <= aside_rad)
    return inside


def _excused(frame: Judged, place: Floats, threshold_m: float) -> bool:
    if not len(frame.ignored):
        return False
    reach = threshold_m + 0.05 * float(np.hypot(*place))
    return bool(np.hypot(*(frame.ignored - place).T).min() < reach)


def range_errors(frames: Sequence[Judged], kind: int, range_m: tuple[float, float]) -> Floats:
    """Relative errors of range of all objects that were found within 15 %, shape (N,)."""
    errors = []
    for frame in frames:
        found = frame.found
        places = np.column_stack((found.x_m, found.y_m))[found.classes == kind]
        for _, x, y in frame.truth[frame.truth[:, 0] == kind]:
            far = float(np.hypot(x, y))
            if not range_m[0] <= far < range_m[1] or not len(places):
                continue
            gap = np.hypot(*(places - (x, y)).T)
            if gap.min() < max(0.15 * far, 2.0):
                errors.append((float(np.hypot(*places[gap.argmin()])) - far) / far)
    return np.array(errors)


def _judge_marks(tally: Tally, grids: Sequence[NDArray[np.float32]], group: Sequence[Sample]) -> None:
    """Marks of a rig frame, those of all cameras that look along the car together, beside the lines that are said.

    Truth are the points that no picture hides, in `ego`; one is found where a line passes within MARK_NEAR_M.
    """
    along = [(grid, sample) for grid, sample in zip(grids, group, strict=True) if looks_along(sample.camera)]
    pieces = [sample.answer.marks[:, 4:6] for _, sample in along]
    lines = [line.points for grid, sample in along for line in decode_lines(grid, sample.camera)]
    truth = _judged(np.unique(np.round(np.concatenate([*pieces, np.zeros((0, 2))]), 2), axis=0))
    said = _judged(np.concatenate([*lines, np.zeros((0, 2))]))
    errors, far = _aside(truth, said), np.hypot(truth[:, 0], truth[:, 1])
    hit = errors < MARK_NEAR_M
    tally.marks_true += len(truth)
    tally.marks_hit += int(hit.sum())
    tally.marks_said += len(said)
    tally.marks_right += int((_aside(said, truth) < MARK_NEAR_M).sum())
    rows = np.column_stack((far, np.abs(truth[:, 1]), errors))[hit]
    tally.mark_errors_m += [(row[0], row[1], row[2]) for row in rows.tolist()]


def _judged(points: Floats) -> Floats:
    """Those ahead or behind within MARK_RANGE_M that are not far aside."""
    far = np.hypot(points[:, 0], points[:, 1])
    return points[
        (far > MARK_RANGE_M[0]) & (far < MARK_RANGE_M[1]) & (np.abs(points[:, 0]) > 2.0 * np.abs(points[:, 1]))
    ]


def _aside(points: Floats, others: Floats) -> Floats:
    """Distance across from each point to the line that others make beside it, (N,); infinite where there is none."""
    errors = np.full(len(points), np.inf)
    for i, point in enumerate(points):
        close = np.abs(others[:, 0] - point[0]) < 1.0 + 0.1 * float(np.hypot(*point))
        if close.any():
            errors[i] = abs(_lateral(others[close], point))
    return errors


def _lateral(said: Floats, point: Floats) -> float:
    """Distance across of the said line beside a point: between its two neighbours along x."""
    order = np.argsort(np.abs(said[:, 1] - point[1]) + 0.3 * np.abs(said[:, 0] - point[0]))[:2]
    pair = said[order[np.argsort(said[order, 0])]]
    if len(pair) < 2 or abs(pair[1, 0] - pair[0, 0]) < 1e-6 or abs(pair[1, 1] - pair[0, 1]) > 1.0:
        return float(pair[0, 1] - point[1])
    slope = (pair[1, 1] - pair[0, 1]) / (pair[1, 0] - pair[0, 0])
    return float(pair[0, 1] + slope * (point[0] - pair[0, 0]) - point[1])


def _judge_lights(tally: Tally, grid: NDArray[np.float32], sample: Sample) -> None:
    """State said within 8 pixels of each light (-1: none)."""
    answer = fitted(sample.answer)
    kinds, v, u, _ = peaks(grid[CHANNELS["heat"]][len(OBJECTS) :], 0.2, 20)
    for row in answer.lights:
        if row[3] > 80.0:
            continue
        gap = np.hypot(u * 4 + 1.5 - row[1], v * 4 + 1.5 - row[2])
        tally.lights.append((int(row[0]), int(kinds[gap.argmin()]) if len(gap) and gap.min() < 8.0 else -1))


def summary(tally: Tally) -> dict[str, float]:
    """The figures of the model card."""
    frames = tally.frames
    within: dict[str, float] = {}
    per_class = []
    for kind, name in enumerate(OBJECTS):
        values = [average_precision(frames, kind, threshold, (0.0, 50.0)) for threshold in THRESHOLDS_M]
        within[f"{name}_ap_50"] = float(np.mean(values))
        per_class.append(within[f"{name}_ap_50"])
    errors = np.abs(range_errors(frames, 0, (30.0, 60.0)))
    marks = np.array(tally.mark_errors_m).reshape(-1, 3)
    at_20 = marks[(marks[:, 0] > 15.0) & (marks[:, 0] < 25.0)]
    own_at_20 = at_20[at_20[:, 1] < OWN_LANE_M, 2]
    lights = np.array(tally.lights).reshape(-1, 2)
    return within | {
        "map_50": float(np.nanmean(per_class)),
        "car_ap2_50": average_precision(frames, 0, 2.0, (0.0, 50.0)),
        "car_ap4_80": average_precision(frames, 0, 4.0, (0.0, 80.0), tally.long_field_rad),
        "car_range_error_30_60": float(np.median(errors)) if len(errors) else float("nan"),
        "weather_macro_f1": macro_f1(tally.weather),
        "mark_recall": tally.marks_hit / max(tally.marks_true, 1),
        "mark_precision": tally.marks_right / max(tally.marks_said, 1),
        "mark_error_20_m": float(np.median(at_20[:, 2])) if len(at_20) else float("nan"),
        "own_mark_error_20_m": float(np.median(own_at_20)) if len(own_at_20) else float("nan"),
        "light_accuracy": float((lights[:, 0] == lights[:, 1]).mean()) if len(lights) else float("nan"),
        "frames": float(len(frames)),
    }


def by_weather(tally: Tally) -> dict[str, float]:
    """mAP within 50 m of each weather."""
    said = {}
    for kind in WeatherKind:
        frames = [frame for frame in tally.frames if frame.weather == kind]
        values = [
            average_precision(frames, c, threshold, (0.0, 50.0))
            for c in range(len(OBJECTS))
            for threshold in THRESHOLDS_M
        ]
        said[WEATHERS[kind]] = float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
    return said


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Mean F1 over the classes that occur; rows are truth."""
    hit = np.diag(confusion).astype(np.float64)
    said, true = confusion.sum(axis=0), confusion.sum(axis=1)
    occurs = true > 0
    return float((2.0 * hit / np.maximum(said + true, 1))[occurs].mean())
