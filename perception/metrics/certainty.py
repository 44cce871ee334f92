"""Whether perception knows how sure it is: errors of place against their covariance, success against the score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geometry.angles import Floats
from perception.metrics.detection import Matches
from perception.metrics.frames import Frame

LEVELS = (0.5, 0.9, 0.99)
BINS = 10


@dataclass(frozen=True, slots=True)
class Certainty:
    """`inside`: shares of true positives within the 50, 90 and 99 % ellipses of what they say; `nees`: mean squared
    error in units of the covariance, 2 where it is honest; `score_error`: expected calibration error of the scores
    (Guo et al., On Calibration of Modern Neural Networks, 2017); `count` of true positives."""

    inside: tuple[float, ...]
    nees: float
    score_error: float
    count: int


def certainty(frames: Sequence[Frame], matches: Sequence[Matches]) -> Certainty:
    """Of all classes together."""
    squares = np.concatenate([*(_squares(frames, one) for one in matches), np.zeros(0)])
    # Chi-square with two degrees of freedom: the share p lies within -2 ln(1 - p).
    inside = tuple(
        float((squares < -2.0 * math.log(1.0 - level)).mean()) if len(squares) else math.nan for level in LEVELS
    )
    nees = float(squares.mean()) if len(squares) else math.nan
    return Certainty(inside, nees, score_error(matches), len(squares))


def _squares(frames: Sequence[Frame], matches: Matches) -> Floats:
    """Squared Mahalanobis distances of true positives."""
    values = []
    for k in np.flatnonzero(matches.hit):
        frame = frames[matches.frame[k]]
        miss = frame.found.xy_m[matches.found[k]] - frame.truth.xy_m[matches.truth[k]]
        spread = frame.found.covariance[matches.found[k]]
        values.append(float(miss @ np.linalg.solve(spread + 1e-9 * np.eye(2), miss)))
    return np.array(values)


def score_error(matches: Sequence[Matches]) -> float:
    """Mean distance of score and share of true detections, over bins of the score; NaN without detections."""
    score = np.concatenate([*(one.score for one in matches), np.zeros(0)])
    hit = np.concatenate([*(one.hit for one in matches), np.zeros(0, bool)])
    if not len(score):
        return math.nan
    bins = np.minimum((score * BINS).astype(int), BINS - 1)
    gaps = [abs(score[bins == b].mean() - hit[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(np.sum(gaps))
