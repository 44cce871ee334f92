"""How wrong are the ranges of what is ahead: by size, by the ground, by both, and of the track that learns from them?

    python benchmarks/range_errors.py DRIVE.mcap [DRIVE.mcap...]

The drives are of `lanewise run` with cameras; what was recorded is judged. A detection or track belongs to the true
object in whose direction it lies (1.3 m across) and whose range is less than 35 % away; of several, the one with the
best score. Printed by distance: median of the error as a share of the range, its spread within each object (1.48 times
the median absolute deviation) and the median of its size. Then the horizon: pictures of `front_long` and `front_wide`
of one instant show the same pitch of the body; printed is by how many pixels each camera sees the horizon lower than
calibrated on average, and by how many the two disagree on what changes. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from detection import MODEL, OnnxInfer

from bus.messages import (
    AgentTruth,
    CameraCalibration,
    CameraMount,
    CompressedImage,
    EgoTruth,
    Message,
    Objects,
    Odometry,
    ScenarioInfo,
    Tracks,
)
from bus.recording import Recording
from bus.topics import CAMERA_PREFIX
from geometry.angles import Floats
from perception.detector import camera_of_messages, decoded
from perception.net.horizon import seen_px
from perception.net.picture import cropped

OBJECTS, TRACKS, ODOMETRY = "/perception/objects", "/perception/tracks", "/localization/odometry"
TRUTH = ("/truth/scenario", "/truth/ego", "/truth/agents")
RINGS = ((10.0, 15.0), (15.0, 30.0), (30.0, 60.0), (60.0, 80.0))
ACROSS_M, ALONG_SHARE, ASIDE_M = 1.3, 0.35, 6.0
LEAST = 10
"""Of fewer frames nothing is said."""
EVERY = 3
"""Of the pictures whose horizon is looked at, one in so many."""
Rows = dict[str, list[tuple[int, float, float]]]
"""By source: true object, true range, error as a share of it."""


def instants(path: Path) -> Iterator[tuple[ScenarioInfo, dict[str, Message]]]:
    """What was measured at each instant of a drive, by topic."""
    by_time: dict[int, dict[str, Message]] = defaultdict(dict)
    info: ScenarioInfo | None = None
    for item in Recording.open(path).messages((OBJECTS, TRACKS, ODOMETRY, *TRUTH)):
        if isinstance(item.message, ScenarioInfo):
            info = item.message
        by_time[item.envelope.measured_ns][item.envelope.topic] = item.message
    if info is not None:
        yield from ((info, by_time[at]) for at in sorted(by_time))


def compared(path: Path, number: int, rows: Rows) -> None:
    """Add the errors of a drive; its objects are told apart from those of others by `number`."""
    for info, said in instants(path):
        ego, agents, odometry = said.get("/truth/ego"), said.get("/truth/agents"), said.get(ODOMETRY)
        if not (isinstance(ego, EgoTruth) and isinstance(agents, AgentTruth)):
            continue
        others = agents.ids != info.ego_id
        true = ego.world_from_ego.inverse() @ np.stack((agents.x_m, agents.y_m), axis=-1)[others]
        ids = agents.ids[others]
        found = said.get(OBJECTS)
        if isinstance(found, Objects) and len(found.ranges_m):
            places = np.stack((found.x_m, found.y_m), axis=-1)
            far = np.hypot(found.x_m, found.y_m)
            ranges = {"by size": found.ranges_m[:, 0], "by ground": found.ranges_m[:, 2], "both": far}
            _add(rows, true, ids + 1000 * number, places, found.score, ranges)
        tracks = said.get(TRACKS)
        if isinstance(tracks, Tracks) and isinstance(odometry, Odometry):
            places = odometry.odom_from_ego.inverse() @ np.stack((tracks.x_m, tracks.y_m), axis=-1)
            ranges = {"track": np.hypot(places[:, 0], places[:, 1])}
            _add(rows, true, ids + 1000 * number, places, tracks.existence, ranges)


def _add(rows: Rows, true: Floats, ids: Floats, places: Floats, score: Floats, ranges: dict[str, Floats]) -> None:
    for (x, y), name in zip(true, ids, strict=True):
        if not RINGS[0][0] <= x < RINGS[-1][1] or abs(y) > ASIDE_M:
            continue
        ahead = np.maximum(places[:, 0], 0.1)
        aside = np.abs(places[:, 1] / ahead - y / x) * x
        near = np.flatnonzero((aside < ACROSS_M) & (np.abs(ahead / x - 1.0) < ALONG_SHARE))
        if len(near):
            best, far = near[score[near].argmax()], float(np.hypot(x, y))
            for source, told in ranges.items():
                rows[source].append((int(name), far, float(told[best]) / far - 1.0))


def horizons(path: Path, infer: OnnxInfer) -> dict[str, dict[int, tuple[float, float]]]:
    """By camera and time: how many pixels lower than calibrated the horizon is seen, and the focal length."""
    found: dict[str, dict[int, tuple[float, float]]] = {}
    for name in ("front_long", "front_wide"):
        topic, pictures = CAMERA_PREFIX + name, list[tuple[int, CompressedImage]]()
        known: dict[type, Message] = {}
        for item in Recording.open(path).messages((topic, f"{topic}/calibration", f"{topic}/mount")):
            if isinstance(item.message, CompressedImage):
                pictures.append((item.envelope.measured_ns, item.message))
            known[type(item.message)] = item.message
        calibration, mount = known.get(CameraCalibration), known.get(CameraMount)
        if not (isinstance(calibration, CameraCalibration) and isinstance(mount, CameraMount)):
            continue
        camera = camera_of_messages(calibration, mount)
        seen = {}
        for at_ns, picture in pictures[::EVERY]:
            grid = np.asarray(infer("detector", {"images": cropped(decoded(picture))[None]})["grid"][0], np.float32)
            told = seen_px(grid, camera)
            if told is not None:
                seen[at_ns] = (told[0], camera.focal_px)
        found[name] = seen
    return found


def print_ranges(paths: Sequence[Path]) -> dict[str, float]:
    """The table of ranges, and the median sizes of the errors from 30 to 60 m."""
    rows: Rows = defaultdict(list)
    for number, path in enumerate(paths):
        compared(path, number, rows)
    figures: dict[str, float] = {}
    print("range, m       source        frames   median error   spread in an object   median size")
    for (low, high), (source, all_rows) in itertools.product(RINGS, rows.items()):
        table = np.array([row for row in all_rows if low <= row[1] < high]).reshape(-1, 3)
        if len(table) < LEAST:
            continue
        objects, error = table[:, 0], table[:, 2]
        within = np.concatenate([error[objects == i] - np.median(error[objects == i]) for i in np.unique(objects)])
        median, spread, size = np.median(error), 1.48 * np.median(np.abs(within)), np.median(np.abs(error))
        print(f"{low:3.0f} to {high:3.0f}     {source:10}{len(table):10}{median:15.3f}{spread:22.3f}{size:14.3f}")
        if (low, high) == RINGS[2]:
            figures[f"{source.replace(' ', '_')}_30_60"] = round(float(size), 4)
    return figures


def print_horizons(paths: Sequence[Path]) -> dict[str, float]:
    """Where the horizon is seen on average, and by how much two cameras differ on what changes of it."""
    means, apart = defaultdict[str, list[float]](list), list[float]()
    infer = OnnxInfer(MODEL / "model.onnx")
    for found in (horizons(path, infer) for path in paths):
        for name, seen in found.items():
            means[name] += [px for px, _ in seen.values()]
        both = sorted(set(found.get("front_long", {})) & set(found.get("front_wide", {})))
        if len(both) >= LEAST:
            long, wide = (np.array([found[name][at] for at in both]) for name in ("front_long", "front_wide"))
            apart.append(float(np.std(wide[:, 0] - long[:, 0] * wide[:, 1] / long[:, 1])))
    figures = {f"horizon_{name}_px": round(float(np.mean(px)), 3) for name, px in means.items() if px}
    for name, px in figures.items():
        print(f"{name}: seen {px:+.2f} px lower than calibrated")
    if apart:
        print(f"what changes of it: the two cameras differ by {np.mean(apart):.2f} px of front_wide")
        figures["horizon_change_px"] = round(float(np.mean(apart)), 3)
    return figures


def main(paths: Sequence[Path]) -> None:
    """Print the tables and the line of JSON."""
    print(json.dumps({"drives": len(paths)} | print_ranges(paths) | print_horizons(paths)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drives", type=Path, nargs="+", metavar="DRIVE.mcap")
    main(parser.parse_args().drives)
