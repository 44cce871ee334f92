"""The nuScenes detection scores (Caesar et al., nuScenes, CVPR 2020, section 3.2), as the devkit computes them.

In: frames. Out: average precision per class and distance, errors of true positives, NDS. Detections of all frames are
taken by falling score; each takes the nearest free object of its class in its frame, if that is near enough. What the
devkit does not know: objects that need not be found (`Frame.ignored`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats, wrap_rad
from perception.metrics.frames import Bools, Frame, Ints, distances, excused

THRESHOLDS_M = (0.5, 1.0, 2.0, 4.0)
TP_THRESHOLD_M = 2.0
LEAST_RECALL, LEAST_PRECISION, POINTS = 0.1, 0.1, 101
ERRORS = ("translation_m", "scale", "orientation_rad", "velocity_mps")
"""The true-positive errors that are measured; the fifth of nuScenes, attributes, is not estimated and counts as 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Detections of a class by falling score: success, frame, row of the detection and of its object (-1: none).

    `wanted` is how many objects there were.
    """

    score: Floats
    hit: Bools
    frame: Ints
    found: Ints
    truth: Ints
    wanted: int


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Scores of one class: AP per distance, errors of true positives at 2 m (1 where there are too few)."""

    wanted: int
    precision: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def mean_precision(self) -> float:
        """Over the distances."""
        return float(np.mean(self.precision))


def matched(frames: Sequence[Frame], kind: int, threshold_m: float) -> Matches:
    """Match the detections of a class."""
    rows = [
        (float(frame.found.score[row]), index, int(row))
        for index, frame in enumerate(frames)
        for row in np.flatnonzero(frame.found.kinds == kind)
    ]
    rows.sort(key=lambda item: -item[0])
    objects = [np.flatnonzero(frame.truth.kinds == kind) for frame in frames]
    gaps = [distances(f.found.xy_m, f.truth.xy_m[rows_]) for f, rows_ in zip(frames, objects, strict=True)]
    free = [np.zeros(len(own)) for own in objects]
    said: list[tuple[float, bool, int, int, int]] = []
    for score, index, row in rows:
        left = gaps[index][row] + free[index]
        near = int(left.argmin()) if len(left) else -1
        if near >= 0 and left[near] < threshold_m:
            free[index][near] = np.inf
            said.append((score, True, index, row, int(objects[index][near])))
        elif not excused(frames[index], frames[index].found.xy_m[row : row + 1], threshold_m)[0]:
            said.append((score, False, index, row, -1))
    table = np.array(said, dtype=np.float64).reshape(-1, 5)
    frame, found, truth = (table[:, k].astype(np.int64) for k in (2, 3, 4))
    return Matches(table[:, 0], table[:, 1] > 0.5, frame, found, truth, sum(map(len, objects)))


def curve(matches: Matches) -> tuple[Floats, Floats]:
    """Precision and score at 101 points of recall; zero beyond what is reached."""
    at = np.linspace(0.0, 1.0, POINTS)
    if not matches.hit.any() or matches.wanted == 0:
        return np.zeros(POINTS), np.zeros(POINTS)
    true = np.cumsum(matches.hit).astype(np.float64)
    precision, recall = true / np.arange(1, len(true) + 1), true / matches.wanted
    return np.interp(at, recall, precision, right=0.0), np.interp(at, recall, matches.score, right=0.0)


def average_precision(matches: Matches) -> float:
    """Area under precision over recall, above a tenth of each, as a share of what is possible; NaN without objects."""
    if matches.wanted == 0:
        return math.nan
    above = curve(matches)[0][round(100 * LEAST_RECALL) + 1 :] - LEAST_PRECISION
    return float(np.clip(above, 0.0, None).mean() / (1.0 - LEAST_PRECISION))


def true_positive_errors(frames: Sequence[Frame], matches: Matches) -> tuple[float, ...]:
    """Errors (`ERRORS`) of true positives, as means over recall above a tenth; 1 where so much is not reached."""
    _, score_at = curve(matches)
    reached = np.flatnonzero(score_at)
    last, first = int(reached[-1]) if len(reached) else 0, round(100 * LEAST_RECALL) + 1
    if last < first:
        return (1.0,) * len(ERRORS)
    hits = np.flatnonzero(matches.hit)
    columns = np.array([_errors(frames[matches.frame[k]], matches.found[k], matches.truth[k]) for k in hits])
    means = []
    for column in columns.T:
        running = _running_mean(column)
        by_recall = np.interp(score_at[::-1], matches.score[hits][::-1], running[::-1])[::-1]
        means.append(float(by_recall[first : last + 1].mean()))
    return tuple(means)


def _errors(frame: Frame, found: int, truth: int) -> tuple[float, ...]:
    a, b = frame.found, frame.truth
    gap = math.hypot(a.x_m[found] - b.x_m[truth], a.y_m[found] - b.y_m[truth])
    sizes = np.array([(s.length_m[i], s.width_m[i], s.height_m[i]) for s, i in ((a, found), (b, truth))])
    both = float(np.prod(sizes.min(axis=0)))
    shared = both / (float(np.prod(sizes[0])) + float(np.prod(sizes[1])) - both)
    turn = abs(float(wrap_rad(a.yaw_rad[found] - b.yaw_rad[truth])))
    speed = math.hypot(a.vx_mps[found] - b.vx_mps[truth], a.vy_mps[found] - b.vy_mps[truth])
    return gap, 1.0 - shared, turn, speed


def _running_mean(values: Floats) -> Floats:
    """Means of what came so far, without what is not known; 1 everywhere where nothing is."""
    known = ~np.isnan(values)
    if not known.any():
        return np.ones(len(values))
    count = np.cumsum(known)
    return np.where(count > 0, np.cumsum(np.where(known, values, 0.0)) / np.maximum(count, 1), 0.0)


def class_score(frames: Sequence[Frame], kind: int) -> ClassScore:
    """All scores of a class."""
    by_distance = {threshold: matched(frames, kind, threshold) for threshold in THRESHOLDS_M}
    judged = by_distance[TP_THRESHOLD_M]
    precision = tuple(average_precision(matches) for matches in by_distance.values())
    return ClassScore(judged.wanted, precision, true_positive_errors(frames, judged))


def mean_precision(scores: Sequence[ClassScore]) -> float:
    """mAP over the classes that occur; NaN if none does."""
    values = [score.mean_precision for score in scores if score.wanted]
    return float(np.mean(values)) if values else math.nan


def detection_score(scores: Sequence[ClassScore]) -> float:
    """NDS over the classes that occur: half mAP, half what is left of five errors, attributes counting as lost."""
    occur = [score for score in scores if score.wanted]
    if not occur:
        return math.nan
    errors = [*np.mean([score.errors for score in occur], axis=0).tolist(), 1.0]
    return float((5.0 * mean_precision(occur) + sum(1.0 - min(1.0, error) for error in errors)) / 10.0)
