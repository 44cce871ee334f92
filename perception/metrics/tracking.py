"""Scores of tracks: CLEAR MOT, HOTA and AB3DMOT's sAMOTA.

In: instants with the ids of objects and of tracks and how similar each pair is (0 to 1). Out: the scores. Sources:
Bernardin and Stiefelhagen, 2008; Luiten et al., HOTA, IJCV 2021; Weng et al., AB3DMOT, IROS 2020. CLEAR and HOTA
follow TrackEval's code in what the papers leave open: pairs of the last instant stay together, HOTA's pairs are those
that agree best over the whole drive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from geometry.angles import Floats
from perception.metrics.frames import Frame, Ints, distances, excused

FULL_M = 4.0
"""Distance of centres at which nothing is alike; half of it, nuScenes' 2 m, is a similarity of 0.5."""
LEAST_SIMILARITY = 0.5
ALPHAS = np.arange(0.05, 0.99, 0.05)
RECALLS = np.arange(1, 41) / 40.0
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Instant:
    """Ids of objects (N,) and tracks (M,), their similarity (N, M), and the tracks' scores (M,)."""

    truth: Ints
    found: Ints
    similarity: Floats
    score: Floats


@dataclass(frozen=True, slots=True)
class Clear:
    """CLEAR MOT: `precision` is the mean similarity of pairs (MOTP); `mostly` are shares of objects tracked in more
    than 80 % and in less than 20 % of their instants."""

    accuracy: float
    precision: float
    hits: int
    misses: int
    false: int
    switches: int
    fragments: int
    mostly: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Hota:
    """Means over the similarities from 0.05 to 0.95."""

    hota: float
    detection: float
    association: float
    localization: float


def instant_of(frame: Frame, kind: int | None) -> Instant:
    """An instant of one class (None: of all), similar by the distance of centres.

    Tracks of what need not be found, and of nothing else, are left out.
    """
    truth = frame.truth if kind is None else frame.truth.rows(frame.truth.kinds == kind)
    found = frame.found if kind is None else frame.found.rows(frame.found.kinds == kind)
    gap = distances(truth.xy_m, found.xy_m)
    close = gap.min(axis=0, initial=np.inf) < FULL_M * (1.0 - LEAST_SIMILARITY)
    kept = close | ~excused(frame, found.xy_m, FULL_M * (1.0 - LEAST_SIMILARITY))
    likeness = np.clip(1.0 - gap[:, kept] / FULL_M, 0.0, 1.0)
    return Instant(truth.ids, found.ids[kept], likeness, found.score[kept])


def clear(instants: Sequence[Instant], least: float = LEAST_SIMILARITY) -> Clear:
    """CLEAR MOT of a drive."""
    counts = {"hits": 0, "misses": 0, "false": 0, "switches": 0}
    alike = 0.0
    ever: dict[int, int] = {}
    before: dict[int, int] = {}
    seen: dict[int, int] = {}
    held: dict[int, int] = {}
    begun: dict[int, int] = {}
    for instant in instants:
        own = np.array([before.get(int(i), -1) for i in instant.truth], dtype=np.int64)
        cost = 1000.0 * (own[:, None] == instant.found[None]) + instant.similarity
        cost[instant.similarity < least - _EPS] = 0.0
        rows, columns = linear_sum_assignment(-cost)
        real = cost[rows, columns] > _EPS
        pairs = {int(instant.truth[r]): int(instant.found[c]) for r, c in zip(rows[real], columns[real], strict=True)}
        counts["hits"] += len(pairs)
        counts["misses"] += len(instant.truth) - len(pairs)
        counts["false"] += len(instant.found) - len(pairs)
        counts["switches"] += sum(ever.get(i, track) != track for i, track in pairs.items())
        alike += float(instant.similarity[rows[real], columns[real]].sum())
        for i in instant.truth.tolist():
            seen[i] = seen.get(i, 0) + 1
        for i in pairs:
            held[i] = held.get(i, 0) + 1
            begun[i] = begun.get(i, 0) + (i not in before)
        before = pairs
        ever |= pairs
    share = np.array([held.get(i, 0) / count for i, count in seen.items()])
    lost = counts["misses"] + counts["false"] + counts["switches"]
    wanted = max(counts["hits"] + counts["misses"], 1)
    return Clear(
        1.0 - lost / wanted, alike / max(counts["hits"], 1), **counts,
        fragments=sum(count - 1 for count in begun.values()),
        mostly=(float((share > 0.8).mean()), float((share < 0.2).mean())) if len(share) else (math.nan, math.nan),
    )  # fmt: skip


def hota(instants: Sequence[Instant]) -> Hota:
    """HOTA of a drive."""
    number = _numbers([instant.truth for instant in instants])
    track = _numbers([instant.found for instant in instants])
    shape = len(number), len(track)
    could, true_count, said_count = np.zeros(shape), np.zeros((shape[0], 1)), np.zeros((1, shape[1]))
    placed = []
    for instant in instants:
        rows = np.array([number[i] for i in instant.truth.tolist()], dtype=np.int64)
        columns = np.array([track[i] for i in instant.found.tolist()], dtype=np.int64)
        s = instant.similarity
        union = s.sum(axis=0)[None] + s.sum(axis=1)[:, None] - s
        could[np.ix_(rows, columns)] += np.where(union > _EPS, s / np.maximum(union, _EPS), 0.0)
        true_count[rows, 0] += 1
        said_count[0, columns] += 1
        placed.append((rows, columns, s))
    agree = could / np.maximum(true_count + said_count - could, _EPS)
    pairs, likeness = _pairs(placed, agree)
    return _hota_of(pairs, likeness, true_count, said_count)


def _numbers(ids: Sequence[Ints]) -> dict[int, int]:
    return {int(i): k for k, i in enumerate(np.unique(np.concatenate([*ids, np.zeros(0, np.int64)])))}


def _pairs(placed: Sequence[tuple[Ints, Ints, Floats]], agree: Floats) -> tuple[Ints, Floats]:
    """Rows and columns (P, 2) of all pairs of all instants, and their similarity (P,)."""
    pairs, likeness = [], []
    for rows, columns, s in placed:
        r, c = linear_sum_assignment(-agree[np.ix_(rows, columns)] * s)
        pairs.append(np.column_stack((rows[r], columns[c])))
        likeness.append(s[r, c])
    return np.concatenate([*pairs, np.zeros((0, 2), np.int64)]), np.concatenate([*likeness, np.zeros(0)])


def _hota_of(pairs: Ints, likeness: Floats, true_count: Floats, said_count: Floats) -> Hota:
    rows = []
    for alpha in ALPHAS:
        real = likeness >= alpha - _EPS
        hits = int(real.sum())
        together = np.zeros((true_count.shape[0], said_count.shape[1]))
        np.add.at(together, tuple(pairs[real].T), 1.0)
        share = together / np.maximum(true_count + said_count - together, 1.0)
        association = float((together * share).sum()) / max(hits, 1)
        detection = hits / max(float(true_count.sum() + said_count.sum()) - hits, 1.0)
        place = float(likeness[real].sum()) / hits if hits else 1.0
        rows.append((math.sqrt(detection * association), detection, association, place))
    return Hota(*np.mean(rows, axis=0).tolist())


def scaled_amota(instants: Sequence[Instant], least: float = LEAST_SIMILARITY) -> tuple[float, float]:
    """sAMOTA and AMOTA: accuracy over forty recalls, with tracks of lower and lower mean score let in.

    Each recall is measured at the first level of score that reaches it. Scaled, it is judged by what was possible with
    the recall r of that level: max(0, 1 - (errors - (1 - r) * objects) / (r * objects)); the misses cancel out.
    """
    wanted = sum(len(instant.truth) for instant in instants)
    if not wanted:
        return math.nan, math.nan
    mean = _mean_scores(instants)
    levels = []
    for level in sorted(set(mean.values()), reverse=True):
        found = clear([_only(instant, {i for i, s in mean.items() if s >= level}) for instant in instants], least)
        wrong = found.false + found.switches
        scaled = max(0.0, 1.0 - wrong / max(found.hits, 1))
        levels.append((found.hits / wanted, scaled, 1.0 - (wrong + found.misses) / wanted))
    at = [next((level[1:] for level in levels if level[0] >= recall - 1e-9), (0.0, 0.0)) for recall in RECALLS]
    return float(np.mean([scaled for scaled, _ in at])), float(np.mean([plain for _, plain in at]))


def _mean_scores(instants: Sequence[Instant]) -> dict[int, float]:
    scores: dict[int, list[float]] = {}
    for instant in instants:
        for number, score in zip(instant.found.tolist(), instant.score.tolist(), strict=True):
            scores.setdefault(number, []).append(score)
    return {number: round(float(np.mean(values)), 3) for number, values in scores.items()}


def _only(instant: Instant, kept: set[int]) -> Instant:
    rows = np.array([i in kept for i in instant.found.tolist()], dtype=bool)
    return Instant(instant.truth, instant.found[rows], instant.similarity[:, rows], instant.score[rows])
