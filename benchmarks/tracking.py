"""What the tracker takes for one frame of detections.

    python benchmarks/tracking.py [--objects 20] [--frames 300]

Cars stand around the car and are detected in every frame, so that each is a track that is predicted, matched and
updated. CPU time of the process per frame, median and 99th percentile; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from bus.messages import Objects
from geometry.pose import IDENTITY
from perception.track_state import TrackerSettings
from perception.tracker import empty, track

RANGE_M, SIGMA_M, FRAME_NS = 30.0, 0.3, 100_000_000
WARM_UP = 10
"""Frames until every object is a track."""


def cars_around(count: int) -> Objects:
    """Cars on a circle, detected as surely as by the truth."""
    bearing, one = 2.0 * np.pi * np.arange(count) / count, np.ones(count)
    far = RANGE_M * one
    return Objects(
        np.zeros(count, dtype=np.int64), one, RANGE_M * np.cos(bearing), RANGE_M * np.sin(bearing), 0.0 * one,
        4.5 * one, 1.8 * one, 1.5 * one, np.tile(SIGMA_M**2 * np.eye(2), (count, 1, 1)),
        np.stack((far, SIGMA_M * one, far, 0.06 * far), axis=-1),
    )  # fmt: skip


def frame_ms(count: int, frames: int) -> tuple[list[float], int]:
    """CPU time of each frame after the first ones, and how many tracks there are at the end."""
    settings, seen, memory, spent = TrackerSettings(), cars_around(count), empty(), []
    for frame in range(WARM_UP + frames):
        begin = time.process_time()
        memory = track(settings, memory, seen, IDENTITY, frame * FRAME_NS)
        spent.append(1e3 * (time.process_time() - begin))
    return spent[WARM_UP:], len(memory.tracks.ids)


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument("--frames", type=int, default=300)
    arguments = parser.parse_args()
    spent, tracks = frame_ms(arguments.objects, arguments.frames)
    median, slow = float(np.median(spent)), float(np.percentile(spent, 99))
    print(f"{tracks} tracks of {arguments.objects} objects: {median:.2f} ms median, {slow:.2f} ms 99th percentile")
    print(json.dumps({"objects": arguments.objects, "tracks": tracks, "frame_p50_ms": round(median, 3),
                      "frame_p99_ms": round(slow, 3)}))  # fmt: skip


if __name__ == "__main__":
    main()
