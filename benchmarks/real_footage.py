"""Perception on real footage: a third party's net through the adapter, and our own net, on the same video.

    python benchmarks/real_footage.py $LANEWISE_DATA [--out runs/real-footage]

Calibrates the camera from stills, makes a drive of the video, runs detector and tracker on it, and writes a contact
sheet each. There are no labels: what is counted is how many vehicles were tracked and for how long. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from bus.recording import Recording
from lanewise.calibrate_commands import camera as calibrate
from lanewise.camera_file import read_camera
from lanewise.config import RunConfig, StackChoice
from lanewise.contact_sheet import vehicle_tracks, write_sheet
from lanewise.imports import video
from lanewise.replay_imported import replayed

ROADS = ("solidWhiteRight", "solidWhiteCurve")
"""Stills of the video's own size and camera position."""


def measured(name: str, drive: Path, config: RunConfig, out: Path) -> dict[str, float]:
    """Run perception on the drive, write the sheet, count."""
    seen = out / f"{name}.mcap"
    seen.unlink(missing_ok=True)
    began_s = time.perf_counter()
    counts = replayed(Recording.open(drive), ("perception",), seen, config)
    took_s = time.perf_counter() - began_s
    recording = Recording.open(seen)
    tracks = vehicle_tracks(recording)
    found = [len(record.message.score) for record in recording.messages(["/perception/objects"])]
    write_sheet(recording, out / f"{name}.jpg")
    frames = counts["/perception/objects"]
    row = {
        "frames": frames, "frames_per_s": round(frames / took_s, 1), "vehicle_tracks": len(tracks),
        "median_track_frames": float(np.median(list(tracks.values()) or [0])),
        "longest_track_frames": max(tracks.values(), default=0),
        "detections_per_frame": round(float(np.mean(found)), 2),
    }  # fmt: skip
    print(f"{name:12} " + "  ".join(f"{key} {value:g}" for key, value in row.items()))
    return row


def main() -> None:
    """Print a row per net and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/real-footage"))
    arguments = parser.parse_args()
    udacity, net = arguments.data / "camera" / "udacity", arguments.data / "models" / "FastestDet.onnx"
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        calibration, drive = Path(folder) / "camera.toml", Path(folder) / "drive.mcap"
        roads = [udacity / "test_images" / f"{name}.jpg" for name in ROADS]
        calibrate(sorted((udacity / "camera_cal").glob("*.jpg")), calibration, "9x6", roads, 3.7, 1.5, "front")
        count = video.write_drive(udacity / "test_videos" / "solidWhiteRight.mp4", read_camera(calibration), drive, 0.0)
        print(f"{count} pictures")
        others = StackChoice(perception="camera", detector=str(net), detector_form="fastestdet")
        rows = {
            "fastestdet": measured("fastestdet", drive, RunConfig(stack=others), arguments.out),
            "own": measured("own", drive, RunConfig(stack=StackChoice(perception="camera")), arguments.out),
        }
    print(json.dumps({f"{name}_{key}": value for name, row in rows.items() for key, value in row.items()}))


if __name__ == "__main__":
    main()
