"""Are the dashes of the error model like those that are measured in pictures? The model's figures, fitted to drives.

    python benchmarks/dash_errors.py DRIVE.mcap [DRIVE.mcap...]

The drives are of `lanewise run` with cameras. Each dash that was said is held against the true map at the true pose,
along (x) and across (y) in `ego`. Printed by weather: for bands of distance the share of the true dashes that were said
and their errors; then the figures of `sim.sensors.lane_marks.LaneMarkErrors` beside the ones that the drives show. What
dashes are off by along the road has three parts: one that is the same in all pictures of a drive and one of each
picture (the camera's pitch: both grow with the square of the distance), and one of each dash. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lane_mark_errors import NEVER, instants

from bus.messages import EgoTruth, LaneMarks, WeatherKind
from bus.recording import Recording
from geometry.angles import Floats
from lanewise.recorded import recorded_run
from maps.dashes import dashes_around
from maps.mark_lines import MarkLines, mark_lines
from sim.sensors.lane_marks import LaneMarkErrors

MODEL = LaneMarkErrors()
FIRST_M, LAST_M = 0.0, 30.0
"""True dashes that lie whole between are looked at."""
BANDS = ((6.0, 8.0), (8.0, 10.0), (10.0, 13.0), (13.0, 16.0), (16.0, 20.0))
ALONG_M, ACROSS_M = 1.0, 0.6
"""A said dash that is further from each true one is false."""
AT_M = 10.0
"""Distance that the model states the pitch's share for."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Dashes in the pictures of one weather.

    `true` (T, 6): drive, picture, piece, x, y, length; `error` (T, 4) of what was said: along, across, length, and the
    stated 1-sigma, NaN where nothing was; `false` dashes in `count` pictures.
    """

    true: Floats
    error: Floats
    false: int
    count: int

    @property
    def said(self) -> np.ndarray:
        """Which true dashes were said (T,)."""
        return np.isfinite(self.error[:, 0])


def pictures_of(paths: Sequence[Path]) -> dict[WeatherKind, Pictures]:
    """All pictures of the drives that a moving ego took, by weather."""
    rows: dict[WeatherKind, list[tuple[Floats, Floats, int]]] = defaultdict(list)
    for drive, path in enumerate(paths):
        recording = Recording.open(path)
        config, assignment = recorded_run(recording)
        lines = mark_lines(assignment.context(config.planner.period_s).lane_map)
        for picture, (ego, weather, marks) in enumerate(instants(recording)):
            true, error, false = compared(lines, ego, marks)
            labels = np.tile((drive, 10_000 * drive + picture), (len(true), 1))
            rows[weather.kind].append((np.hstack((labels, true)), error, false))
    return {
        kind: Pictures(np.vstack([r[0] for r in found]), np.vstack([r[1] for r in found]), sum(r[2] for r in found),
                       len(found))
        for kind, found in rows.items()
    }  # fmt: skip


def compared(lines: MarkLines, ego: EgoTruth, marks: LaneMarks) -> tuple[Floats, Floats, int]:
    """Rows of `true` (piece, x, y, length) and `error` of one picture, and how many said dashes are false."""
    view = dashes_around(lines, ego.world_from_ego, FIRST_M, LAST_M, MODEL.reach_m)
    true = np.column_stack((view.pieces, view.xy_m, view.length_m))
    error = np.full((len(true), 4), np.nan)
    false = 0
    for xy, length, sigma in zip(marks.dash_xy_m, marks.dash_length_m, marks.dash_sigma_m, strict=True):
        off = xy - view.xy_m
        near = (np.abs(off[:, 0]) < ALONG_M) & (np.abs(off[:, 1]) < ACROSS_M)
        if not near.any():
            false += 1
            continue
        row = int(np.where(near, np.abs(off[:, 0]), np.inf).argmin())
        error[row] = (*off[row], length - view.length_m[row], sigma)
    return true, error, false


def fitted(pictures: Pictures) -> dict[str, float]:
    """The figures of LaneMarkErrors that these pictures show, false dashes, and how honest the stated sigmas are."""
    true, error, said = pictures.true, pictures.error, pictures.said
    begin, end = true[said, 3] - 0.5 * true[said, 5], true[said, 3] + 0.5 * true[said, 5]
    first, last = float(np.percentile(begin, 2.0)), float(np.percentile(end, 98.0))
    inside = (true[:, 3] - 0.5 * true[:, 5] >= first) & (true[:, 3] + 0.5 * true[:, 5] <= last)
    inside &= np.abs(true[:, 4]) <= MODEL.field * true[:, 3]
    own, pitch, mount = _parts(true[said], error[said, 0])
    return {
        "dash_first_m": first, "dash_range_m": last, "dash_miss": _missed(true[inside, 2], said[inside]),
        "dash_m": own, "dash_aside_m": _rms(error[said, 1]), "dash_length_m": _rms(error[said, 2]),
        "dash_pitch_m": pitch, "dash_mount_m": mount, "false_per_picture": pictures.false / pictures.count,
        "error_per_sigma": _rms(error[said, 0] / error[said, 3]),
    }  # fmt: skip


def _missed(pieces: Floats, said: np.ndarray) -> float:
    """Share of dashes not said, but for those of pieces that are never seen."""
    seen = {piece for piece in np.unique(pieces) if said[pieces == piece].mean() >= NEVER}
    return 1.0 - float(said[[piece in seen for piece in pieces]].mean())


def _parts(true: Floats, along_m: Floats) -> tuple[float, float, float]:
    """1-sigma of each dash by itself, of a picture's share at AT_M beyond its drive's, and of a drive's.

    Least squares of each picture's share; what is left tells the dashes' own noise, by as many degrees of freedom as
    pictures have more than one dash. It is taken out of the spread of the shares.
    """
    growth = (true[:, 3] / AT_M) ** 2
    share, doubt, rest, freedom = {}, {}, 0.0, 0
    for picture in np.unique(true[:, 1]):
        rows = true[:, 1] == picture
        weight = float((growth[rows] ** 2).sum())
        share[picture] = float((growth[rows] * along_m[rows]).sum()) / weight
        doubt[picture] = 1.0 / weight
        rest += float(((along_m[rows] - share[picture] * growth[rows]) ** 2).sum())
        freedom += int(rows.sum()) - 1
    own = math.sqrt(rest / freedom) if freedom else math.nan
    by_drive = [[p for p in share if p // 10_000 == drive] for drive in np.unique(true[:, 0])]
    mean = [float(np.mean([share[p] for p in chosen])) for chosen in by_drive]
    spread = np.concatenate([[share[p] - m for p in chosen] for chosen, m in zip(by_drive, mean, strict=True)])
    pitch = math.sqrt(max(float(np.mean(spread**2)) - own**2 * float(np.mean(list(doubt.values()))), 0.0))
    return own, pitch, _rms(np.array(mean))


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def print_bands(pictures: Pictures) -> None:
    """By the distance of a dash's middle: how many were said, and their errors."""
    true, error, said = pictures.true, pictures.error, pictures.said
    print(
        f"{'distance':>10}{'dashes':>8}{'said':>7}{'along, mean':>13}{'1-sigma':>9}{'length, mean':>14}{'1-sigma':>9}"
    )
    for low, high in BANDS:
        rows = (true[:, 3] >= low) & (true[:, 3] < high) & (true[:, 3] - 0.5 * true[:, 5] >= MODEL.dash_first_m)
        rows &= np.abs(true[:, 4]) <= MODEL.field * true[:, 3]
        if not (rows & said).any():
            continue
        along, length = error[rows & said][:, (0, 2)].T
        print(f"{f'{low:.0f}-{high:.0f} m':>10}{rows.sum():8d}{said[rows].mean():7.2f}{along.mean():13.3f}"
              f"{along.std():9.3f}{length.mean():14.3f}{length.std():9.3f}")  # fmt: skip


def main() -> None:
    """Print the tables of each weather and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("drives", type=Path, nargs="+")
    figures = {}
    for kind, pictures in sorted(pictures_of(parser.parse_args().drives).items()):
        said = int(pictures.said.sum())
        print(f"\n{kind.name.lower()}: {pictures.count} pictures, {said} dashes said, {pictures.false} false")
        if said < 2:
            continue
        print_bands(pictures)
        shown = fitted(pictures)
        print(f"{'':20}{'the model':>12}{'the pictures':>14}")
        for name, value in shown.items():
            assumed = getattr(MODEL, name, None)
            print(f"{name:20}{' ' * 12 if assumed is None else f'{assumed:12.4f}'}{value:14.4f}")
        figures[kind.name.lower()] = {n: round(v, 4) if math.isfinite(v) else None for n, v in shown.items()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
