"""Are the lane marks of the error model like those of the camera net? The model's figures, fitted to recorded drives.

    python benchmarks/lane_mark_errors.py DRIVE.mcap [DRIVE.mcap...]

The drives are of `lanewise run` with cameras. What the net said of lines ahead is held against the true map at the true
pose, at the stations of `sim.sensors.lane_marks.LaneMarkErrors`; lines are told by weather. Printed: the model's figure
(what localization's long runs use) beside the one that the drives show; bare edges of the road, which are seen less
far, have figures of their own. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from bus.messages import EgoTruth, LaneMarks, MarkType, Weather, WeatherKind
from bus.recording import Recording
from geometry.angles import Floats
from lanewise.recorded import recorded_run
from maps.mark_lines import LineView, MarkLines, mark_lines, view_from
from sim.sensors.lane_marks import ASIDE_M, LaneMarkErrors, in_weather
from sim.weather import CLEAR_DAY

MODEL = LaneMarkErrors()
STATIONS = np.arange(4.0, MODEL.range_m + 1e-9, MODEL.spacing_m)
WITHIN_EDGES = MODEL.edge_range_m >= STATIONS
NEAR_M = 0.6
"""A said line whose median distance to a true one is larger is another line."""
FEWEST = 10
"""Pictures in which a piece has to be in view to be judged."""
NEVER = 0.1
"""A piece that is seen in a smaller share of its pictures counts as never seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A true line in one picture: how far it was said to be off at STATIONS (K,), NaN where nothing was said."""

    drive: int
    piece: int
    kind: int
    aside_m: float
    error_m: Floats
    said_kind: int

    @property
    def seen(self) -> bool:
        """Whether anything was said of it."""
        return bool(np.isfinite(self.error_m).sum() >= 2)


@dataclass(frozen=True, slots=True)
class Pictures:
    """All sightings in one weather, the pictures, and how many said lines and edges belonged to none."""

    weather: Weather
    sightings: list[Sighting]
    count: int
    strange: int
    strange_edges: int


def pictures_of(paths: Sequence[Path]) -> dict[WeatherKind, Pictures]:
    """All pictures of the drives that a moving ego took, by weather."""
    found: dict[WeatherKind, list[tuple[list[Sighting], int, int]]] = defaultdict(list)
    weathers: dict[WeatherKind, Weather] = {}
    for drive, path in enumerate(paths):
        recording = Recording.open(path)
        config, assignment = recorded_run(recording)
        lines = mark_lines(assignment.context(config.planner.period_s).lane_map)
        for ego, weather, marks in instants(recording):
            weathers[weather.kind] = weather
            found[weather.kind].append(_compared(drive, lines, ego, marks))
    return {
        kind: Pictures(
            weathers[kind], [s for row in rows for s in row[0]], len(rows), *(sum(r[k] for r in rows) for k in (1, 2))
        )
        for kind, rows in found.items()
    }


def instants(recording: Recording) -> Iterator[tuple[EgoTruth, Weather, LaneMarks]]:
    truth: dict[int, EgoTruth] = {}
    weather = CLEAR_DAY
    for record in recording.messages(["/truth/ego", "/truth/weather", "/perception/lane_marks"]):
        match record.message:
            case EgoTruth() as ego:
                truth[record.envelope.measured_ns] = ego
            case Weather() as told:
                weather = told
            case LaneMarks() as marks:
                ego = truth.get(record.envelope.measured_ns)
                # Standing still the same picture would be counted again and again.
                if ego is not None and ego.speed_mps > 1.0:
                    yield ego, weather, marks


def _compared(drive: int, lines: MarkLines, ego: EgoTruth, marks: LaneMarks) -> tuple[list[Sighting], int, int]:
    """Each true line of one picture beside what was said of it, and how many said lines and edges are not there."""
    view = view_from(lines, ego.world_from_ego, STATIONS, MODEL.reach_m)
    error = np.full(view.y_m.shape, np.nan)
    surest = np.full(view.y_m.shape, np.inf)
    votes: dict[int, list[int]] = defaultdict(list)
    strange = [0, 0]
    for y_m, sigma_m, kind in _said(marks):
        is_edge = kind == MarkType.NONE
        line = _nearest(view, y_m, is_edge)
        if line is None:
            known = np.isfinite(y_m)
            strange[is_edge] += bool(known.sum() >= (2 if is_edge else 3) and np.abs(y_m[known]).min() < MODEL.reach_m)
            continue
        better = np.isfinite(y_m) & np.isfinite(view.y_m[line]) & (sigma_m < surest[line])
        error[line, better] = (y_m - view.y_m[line])[better]
        surest[line, better] = sigma_m[better]
        votes[line] += [kind] * int(better.sum())
    sightings = []
    for line, y_m in enumerate(view.y_m):
        known = np.isfinite(y_m)
        if view.types[line] == MarkType.NONE:
            known &= WITHIN_EDGES & (np.abs(y_m) <= MODEL.field * STATIONS)
        if known.sum() >= 2:
            said = max(set(votes[line]), key=votes[line].count) if votes[line] else -1
            aside = abs(float(y_m[known][0]))
            kind, piece = int(view.types[line]), int(view.pieces[line])
            sightings.append(Sighting(drive, piece, kind, aside, error[line], said))
    return sightings, strange[0], strange[1]


def _said(marks: LaneMarks) -> Iterator[tuple[Floats, Floats, int]]:
    """Lateral position and 1-sigma at STATIONS of each said line that lies ahead, NaN where it is not said."""
    for first, last, kind in zip(marks.start[:-1], marks.start[1:], marks.types.tolist(), strict=True):
        points, sigma = marks.xy_m[first:last], marks.sigma_m[first:last]
        order = np.argsort(points[:, 0])
        x = points[order, 0]
        if len(x) >= 2 and x[-1] > STATIONS[0]:
            y = np.interp(STATIONS, x, points[order, 1], left=np.nan, right=np.nan)
            yield y, np.interp(STATIONS, x, sigma[order]), kind


def _nearest(view: LineView, y_m: Floats, is_edge: bool) -> int | None:
    """The true line that a said one follows: an edge an edge, paint paint."""
    best, gap = None, NEAR_M
    for line, true_m in enumerate(view.y_m):
        if (view.types[line] == MarkType.NONE) != is_edge:
            continue
        both = np.abs(y_m - true_m)
        both = both[np.isfinite(both)]
        if len(both) >= 2 and float(np.median(both)) < gap:
            best, gap = line, float(np.median(both))
    return best


def fitted(pictures: Pictures) -> dict[str, float]:
    """The figures of LaneMarkErrors that these pictures show."""
    paint = [sighting for sighting in pictures.sightings if sighting.kind != MarkType.NONE]
    seen = [sighting for sighting in paint if sighting.seen]
    own = [sighting for sighting in seen if sighting.aside_m <= ASIDE_M + 0.5]
    mount = _mounts(own)
    yaw, y = np.array(list(mount.values())).T
    near_m = np.array([s.aside_m for s in seen])
    by_piece = _grouped(seen, mount)
    whole, single = _split(by_piece)
    rows = np.concatenate([rows for _, rows in by_piece.values()])
    line_m, line_per_m = _line_curve(near_m[rows], whole)
    # Points and pieces by the lines of the own lane; what is worse further aside is the growth of the whole line's.
    single = single[near_m[rows] <= ASIDE_M + 0.5]
    piece = [float(np.nanmean(errors)) for errors, rows in by_piece.values()
             if len(rows) >= FEWEST and near_m[rows].mean() <= ASIDE_M + 0.5]  # fmt: skip
    noise = np.array([_spread(single[:, k]) for k in range(len(STATIONS))])
    known = np.isfinite(noise)
    a, b, c = _noise_curve(STATIONS[known], noise[known])
    piece_miss, miss, per_m = _misses(paint)
    piece_wrong, wrong = _misread([sighting for sighting in seen if sighting.kind in (MarkType.SOLID, MarkType.BROKEN)])
    first = [STATIONS[np.isfinite(s.error_m)][0] for s in own]
    return {
        "first_m": float(np.median(first)), "noise_m": a, "noise_per_m": b, "noise_per_m2": c, "line_m": line_m,
        "line_per_m": line_per_m, "piece_m": float(np.std(piece)) if piece else math.nan, "field": _field(seen),
        "mount_yaw_rad": float(np.sqrt(np.mean(yaw**2))), "mount_y_m": float(np.sqrt(np.mean(y**2))), "miss": miss,
        "miss_per_m": per_m, "piece_miss": piece_miss, "wrong_type": wrong,
        "piece_wrong_type": piece_wrong, "false_rate_hz": pictures.strange / pictures.count / MODEL.false_time_s,
    } | _fitted_edges(pictures, mount)  # fmt: skip


def _fitted_edges(pictures: Pictures, mount: Mapping[int, tuple[float, float]]) -> dict[str, float]:
    """The figures of bare edges; nothing where none was to be seen."""
    edges = [sighting for sighting in pictures.sightings if sighting.kind == MarkType.NONE]
    false_hz = pictures.strange_edges / pictures.count / MODEL.false_time_s
    if not edges:
        return {"edge_false_rate_hz": false_hz}
    never, _, _ = _misses(edges)
    figures = {"edge_miss": never, "edge_lost": _lost(edges), "edge_false_rate_hz": false_hz}
    seen = [sighting for sighting in edges if sighting.seen]
    by_piece = _grouped(seen, mount)
    if not by_piece:
        return figures
    whole, single = _split(by_piece)
    aside = np.array([s.aside_m for s in seen])[np.concatenate([rows for _, rows in by_piece.values()])]
    offsets = np.array([(np.mean([seen[row].aside_m for row in rows]), np.nanmean(errors))
                        for errors, rows in by_piece.values() if len(rows) >= FEWEST]).reshape(-1, 2)  # fmt: skip
    line, piece = _near_and_far(aside, whole, _spread), _near_and_far(*offsets.T, _rms)
    beyond_m = float(aside[aside > ASIDE_M + 0.5].mean()) - ASIDE_M if (aside > ASIDE_M + 0.5).any() else math.nan
    return figures | {
        "edge_noise_m": _spread(single.ravel()), "edge_line_m": line[0], "edge_piece_m": piece[0],
        "edge_line_per_m": (line[1] - line[0]) / beyond_m, "edge_piece_per_m": (piece[1] - piece[0]) / beyond_m,
        "edge_far_line_m": line[1], "edge_far_piece_m": piece[1], "edge_far_aside_m": beyond_m + ASIDE_M,
    }  # fmt: skip


def _near_and_far(aside_m: Floats, values: Floats, of: Callable[[Floats], float]) -> tuple[float, float]:
    """A figure of the edges beside the own lane, and of those further aside."""
    near = aside_m <= ASIDE_M + 0.5
    return of(values[near]), of(values[~near])


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else math.nan


def _lost(sightings: Sequence[Sighting]) -> float:
    """Of pieces that are seen at all, the share of pictures in which they are not."""
    by_piece: dict[tuple[int, int], list[bool]] = defaultdict(list)
    for sighting in sightings:
        by_piece[sighting.drive, sighting.piece].append(sighting.seen)
    visible = [rows for rows in by_piece.values() if len(rows) >= FEWEST and np.mean(rows) >= NEVER]
    return 1.0 - float(np.mean(np.concatenate(visible))) if visible else math.nan


def _mounts(own: Sequence[Sighting]) -> dict[int, tuple[float, float]]:
    """By drive, yaw and offset that all errors of the own lane's lines share: slope and value at x = 0."""
    shared = {}
    for drive in sorted({sighting.drive for sighting in own}):
        rows = np.array([sighting.error_m for sighting in own if sighting.drive == drive])
        known = np.isfinite(rows)
        slope, offset = np.polyfit(np.broadcast_to(STATIONS, rows.shape)[known], rows[known], 1)
        shared[drive] = (float(slope), float(offset))
    return shared


def _grouped(
    seen: Sequence[Sighting], mount: Mapping[int, tuple[float, float]]
) -> dict[tuple[int, int], tuple[Floats, NDArray[np.int64]]]:
    """By drive and piece, errors (P, K) without the mount's share, and the sightings' rows (P,)."""
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, sighting in enumerate(seen):
        if sighting.drive in mount:
            rows[sighting.drive, sighting.piece].append(row)
    return {
        key: (np.array([seen[row].error_m - mount[key[0]][1] - mount[key[0]][0] * STATIONS for row in chosen]),
              np.array(chosen))
        for key, chosen in rows.items()
    }  # fmt: skip


def _split(by_piece: Mapping[tuple[int, int], tuple[Floats, NDArray[np.int64]]]) -> tuple[Floats, Floats]:
    """What a whole line is off by in a picture, (N,), and what its points are off beyond that, (N, K); without what the
    piece is off by in all pictures."""
    whole, single = [], []
    for errors, _ in by_piece.values():
        rest = errors - np.nanmean(errors)
        shift = np.nanmean(rest, axis=1)
        whole.append(shift)
        single.append(rest - shift[:, None])
    return np.concatenate(whole), np.concatenate(single)


def _line_curve(aside_m: Floats, whole_m: Floats) -> tuple[float, float]:
    """Spread of whole lines: next to the ego, and its growth per metre further aside."""
    near = aside_m <= ASIDE_M + 0.5
    first = _spread(whole_m[near])
    bins = [(low, low + 2.0) for low in (2.5, 4.5, 6.5, 8.5)]
    rows = [(np.mean([low, high]) - ASIDE_M, _spread(whole_m[(aside_m > low) & (aside_m <= high)]) - first,
             int(((aside_m > low) & (aside_m <= high)).sum())) for low, high in bins]  # fmt: skip
    known = [(x, y, n) for x, y, n in rows if math.isfinite(y)]
    if not known:
        return first, math.nan
    x, y, n = np.array(known).T
    return first, max(0.0, float((n * x * y).sum() / (n * x * x).sum()))


def _field(seen: Sequence[Sighting]) -> float:
    """Offset over distance of the nearest point that is said of lines further aside."""
    shares = [s.aside_m / STATIONS[np.isfinite(s.error_m)][0] for s in seen if s.aside_m > 2.0 * ASIDE_M]
    return float(np.percentile(shares, 90.0)) if shares else math.nan


def _spread(values: Floats) -> float:
    """1-sigma by the middle 68 %: a line that was taken for its neighbour now and then is a miss, not noise."""
    known = values[np.isfinite(values)]
    return 0.5 * float(np.subtract(*np.percentile(known, (84.1, 15.9)))) if len(known) >= FEWEST else math.nan


def _noise_curve(x_m: Floats, noise_m: Floats) -> tuple[float, float, float]:
    """Least squares of a + b x + c x^2 with nothing negative."""
    weights, _ = nnls(np.stack((np.ones_like(x_m), x_m, x_m**2), axis=-1), noise_m)
    return float(weights[0]), float(weights[1]), float(weights[2])


def _misses(sightings: Sequence[Sighting]) -> tuple[float, float, float]:
    """Share of pieces never seen; of the others the chance to be missed once, and its growth per metre aside."""
    by_piece: dict[tuple[int, int], list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        by_piece[sighting.drive, sighting.piece].append(sighting)
    judged = [rows for rows in by_piece.values() if len(rows) >= FEWEST]
    if not judged:
        return math.nan, math.nan, math.nan
    visible = [rows for rows in judged if np.mean([row.seen for row in rows]) >= NEVER]
    aside = np.array([max(0.0, row.aside_m - ASIDE_M) for rows in visible for row in rows])
    lost = np.array([not row.seen for rows in visible for row in rows], dtype=np.float64)
    near = float(lost[aside == 0.0].mean()) if (aside == 0.0).any() else math.nan
    far = aside > 0.0
    growth = float(((lost[far] - near) * aside[far]).sum() / (aside[far] ** 2).sum()) if far.any() else math.nan
    return 1.0 - len(visible) / len(judged), near, growth


def _misread(seen: Sequence[Sighting]) -> tuple[float, float]:
    """Share of pieces that are mostly taken for another type, and of single sightings of the others."""
    by_piece: dict[tuple[int, int], list[bool]] = defaultdict(list)
    for sighting in seen:
        by_piece[sighting.drive, sighting.piece].append(sighting.said_kind != sighting.kind)
    judged = [rows for rows in by_piece.values() if len(rows) >= FEWEST]
    mostly = [float(np.mean(rows)) > 0.5 for rows in judged]
    others = [row for rows, bad in zip(judged, mostly, strict=True) if not bad for row in rows]
    return float(np.mean(mostly)) if judged else math.nan, float(np.mean(others)) if others else math.nan


def main() -> None:
    """Print the table of each weather and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("drives", type=Path, nargs="+")
    arguments = parser.parse_args()
    figures = {}
    for kind, pictures in sorted(pictures_of(arguments.drives).items()):
        shown, model = fitted(pictures), in_weather(MODEL, pictures.weather)
        print(f"\n{kind.name.lower()}: {pictures.count} pictures\n{'':18}{'the model':>12}{'the net':>12}")
        for name, value in shown.items():
            assumed = getattr(model, name, None)
            text = f"{assumed:12.5f}" if assumed is not None else " " * 12
            print(f"{name:18}{text}{value:12.5f}")
        figures[kind.name.lower()] = {n: round(v, 5) if math.isfinite(v) else None for n, v in shown.items()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
